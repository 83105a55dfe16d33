"""What can be done to a WEEX on command: by a test that calls these methods, or by HTTP where control is on.

A fault is a method with a purpose in its first line and arguments with types; what it breaks is the shell's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from wsexample.brokers.base.control import check_status
from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.gate import Credentials
from wsexample.brokers.weex.simulator.market import Market
from wsexample.brokers.weex.simulator.orders import Frames
from wsexample.brokers.weex.simulator.peer import Peer, encoded
from wsexample.errors import OptionError

__all__ = ["Faults"]

LONGEST_MESSAGE = 256 * 1024 * 1024
KEPT_MESSAGES, KEPT_BYTES = 4096, 4 * 1024 * 1024
"""How much of what clients said is kept to be looked at, the newest."""


class Faults(ABC):
    """Faults on command.

    Parameters:
        contract, spot: the markets.
        desk: the account of the contract market.
        credentials: what private handshakes and calls are judged by.
    """

    def __init__(self, contract: Market, spot: Market, desk: Desk, credentials: Credentials) -> None:
        self.contract = contract
        """Prices of the perpetual contracts."""
        self.spot = spot
        """Prices of the spot market."""
        self.desk = desk
        """The account of the contract market."""
        self.clock_skew_s = 0.0
        """By how much the venue's clock is ahead of this machine's, seconds."""
        self.refuse_status = 0
        """HTTP status with which every handshake is refused; 0 for none."""
        self.call_status = 0
        """HTTP status with which every REST call is answered; 0 for none."""
        self.muted: set[str] = set()
        """Streams that say nothing."""
        self.is_stalled = False
        """Whether connections stay open and nothing at all is sent on them."""
        self.refused_handshakes = 0
        """Handshakes that were answered with something else than a socket."""
        self.sent: Counter[str] = Counter()
        """Frames sent by stream."""
        self.received: list[dict[str, Any]] = []
        """Messages that clients sent, in order; the newest 4,096, or fewer where they are long."""
        self.heard = 0
        """How many messages clients have sent."""
        self.calls: Counter[str] = Counter()
        """REST calls by method and path."""
        self._credentials = credentials
        self._sizes: deque[int] = deque()
        self._kept_bytes = 0
        self._skips: Counter[str] = Counter()
        self._peers: set[Peer] = set()

    @abstractmethod
    def now_ms(self) -> int:
        """Return the venue's time."""

    @property
    def connections(self) -> int:
        """Sockets that are open now."""
        return len(self._peers)

    def market_of(self, peer: Peer) -> Market:
        """Return the market that a socket is about.

        Parameters:
            peer: the socket.
        """
        return self.spot if peer.is_spot else self.contract

    def hear(self, message: dict[str, Any], size: int) -> None:
        """Keep what a client said, and let go of the oldest when that becomes too much.

        Parameters:
            message: what it said.
            size: how long it was, bytes.
        """
        self.heard += 1
        self.received.append(message)
        self._sizes.append(size)
        self._kept_bytes += size
        while len(self._sizes) > KEPT_MESSAGES or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._sizes.popleft()
            del self.received[0]

    def say(self, peer: Peer, frame: dict[str, Any] | None, topic: str) -> bool:
        """Send a message of a stream, unless there is none or the venue is stalled.

        Parameters:
            peer: the socket that gets it.
            frame: the message; None for none.
            topic: the stream that it is counted for, or "ping", "answer", "connected".

        Returns:
            Whether it was sent.
        """
        is_sent = frame is not None and not self.is_stalled and peer.say(encoded(frame))
        self.sent[topic] += is_sent
        return is_sent

    async def tell(self, frames: Frames, *, is_spot: bool = False) -> None:
        """Send frames of an account to every private socket that listens to their channel.

        Parameters:
            frames: channel and message of each.
            is_spot: whether it is the account of the spot market (default False).
        """
        for channel, frame in frames:
            for peer in [one for one in self._peers if one.is_private and one.is_spot == is_spot]:
                if channel in peer.topics and channel not in self.muted:
                    self.say(peer, frame, channel)

    # -- streams -------------------------------------------------------------------------------------------------

    def skip_frame(self, topic: str, frames: int = 1) -> None:
        """Do not send the next frames of a stream, so that its numbers have a gap.

        Parameters:
            topic: the stream as the venue spells it, such as "BTCUSDT@depth15".
            frames: how many (default 1), added to those still to be left out.
        """
        self._skips[topic] += frames

    async def repeat_snapshot(self, topic: str) -> None:
        """Send the present book once more to everybody who listens.

        Parameters:
            topic: the stream as the venue spells it, such as "BTCUSDT@depth15".
        """
        for peer in [one for one in self._peers if topic in one.topics]:
            self.say(peer, self.market_of(peer).snapshot(topic, self.now_ms()), topic)

    def mute(self, topic: str) -> None:
        """Say nothing more on a stream, until `unmute`.

        Parameters:
            topic: the stream as the venue spells it, such as "BTCUSDT@ticker", or a channel of the account.
        """
        self.muted.add(topic)

    def unmute(self, topic: str = "") -> None:
        """Let a muted stream speak again; all of them for "".

        Parameters:
            topic: the stream, "" by default.
        """
        self.muted.difference_update({topic} if topic else set(self.muted))

    def send_text(self, text: str) -> None:
        """Send a text of your own on every socket: no JSON, an unknown event, a stray answer."""
        for peer in list(self._peers):
            peer.say(text)

    def send_oversized(self, size: int = 80_000_000) -> None:
        """Send a message of so many bytes on every socket.

        Parameters:
            size: length of the text in it, bytes: 0 to 256 MiB (default 80,000,000); 19 more are around it.

        Raises:
            OptionError: another size.
        """
        if not 0 <= size <= LONGEST_MESSAGE:
            raise OptionError(f"size must be 0 to {LONGEST_MESSAGE}, not {size}", option="size")
        self.send_text('{"e":"huge","d":"' + "x" * size + '"}')

    def flood_pings(self, count: int = 1000) -> None:
        """Ask every socket for a PONG so many times at once.

        Parameters:
            count: how many times (default 1000).
        """
        for peer in list(self._peers):
            left = count
            while left > 0 and self.say(peer, self.ping_of(peer), "ping"):
                left -= 1

    def ping_of(self, peer: Peer) -> dict[str, Any]:
        """Return the ping of a socket: its key differs.

        Parameters:
            peer: the socket; a private one gets "type", a public one "event".
        """
        return {"type" if peer.is_private else "event": "ping", "time": str(self.now_ms())}

    # -- connections ---------------------------------------------------------------------------------------------

    def drop_all(self) -> None:
        """End every connection without a close frame."""
        for peer in list(self._peers):
            peer.ws.abort()

    async def close_all(self, code: int = 1001, reason: str = "maintenance") -> None:
        """Close every connection with a close frame.

        Parameters:
            code: close code (RFC 6455 section 7.4), 1001 by default.
            reason: its words, at most 123 bytes of UTF-8.

        Raises:
            OptionError: a code that may not be sent, or a reason that is too long.
        """
        for peer in list(self._peers):
            await peer.ws.close(code, reason)

    def stall(self, is_stalled: bool = True) -> None:
        """Leave every connection open and send nothing more, or go on.

        Parameters:
            is_stalled: False to go on.
        """
        self.is_stalled = is_stalled

    def refuse_handshakes(self, status: int = 503) -> None:
        """Answer every handshake with an HTTP status from now on; 0 takes them again."""
        self.refuse_status = check_status(status)

    def refuse_calls(self, status: int = 503) -> None:
        """Answer every REST call with an HTTP status from now on; 0 takes them again."""
        self.call_status = check_status(status)

    def refuse_signatures(self, is_refused: bool = True) -> None:
        """Find every signature wrong from now on, or judge them again.

        Parameters:
            is_refused: False to judge them again.
        """
        self._credentials.are_refused = is_refused

    def skew_clock(self, seconds: float) -> None:
        """Put the venue's clock ahead of this machine's by so many seconds."""
        self.clock_skew_s = seconds

    # -- the account ---------------------------------------------------------------------------------------------

    async def trade(self, symbol: str = "BTCUSDT", side: str = "BUY", size: str = "0.0500") -> None:
        """Let the account place a market order by itself; a SELL closes what a BUY has opened.

        Parameters:
            symbol: a perpetual contract (default "BTCUSDT").
            side: "BUY" (default) or "SELL".
            size: how much, as a text (default "0.0500").

        Raises:
            ValueError: an order whose fields the venue would refuse, with its words.
        """
        order = {"symbol": symbol, "side": side, "type": "MARKET", "quantity": size, "positionSide": "LONG"}
        self.desk.check_shape(order)
        _, frames = self.desk.place(order, self.now_ms())
        await self.tell(frames)

    # -- by name -------------------------------------------------------------------------------------------------

    def commands(self) -> dict[str, Callable[..., Any]]:
        """Return everything that can be done on command, by name."""
        calls: tuple[Callable[..., Any], ...] = (
            self.skip_frame, self.repeat_snapshot, self.mute, self.unmute, self.send_text, self.send_oversized,
            self.flood_pings, self.drop_all, self.close_all, self.stall, self.refuse_handshakes, self.refuse_calls,
            self.refuse_signatures, self.skew_clock, self.trade,
        )  # fmt: skip
        return {call.__name__: call for call in calls}

    def counts(self) -> dict[str, Any]:
        """Return what happened so far, for people: sockets open now, messages heard, frames sent by stream."""
        return {"connections": self.connections, "received": self.heard, "sent": dict(self.sent)}
