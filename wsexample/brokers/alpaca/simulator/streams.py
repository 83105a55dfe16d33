"""Every WebSocket of the simulator: who is let in, who gets which point and which update, and what faults do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from wsexample.brokers.alpaca.codes import FEEDS, Feed
from wsexample.brokers.alpaca.messages.market import ErrorMessage
from wsexample.brokers.alpaca.messages.trading import TradeUpdateMessage
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.data_socket import DataSocket
from wsexample.brokers.alpaca.simulator.doors import account_by_headers, account_by_pair, account_by_token
from wsexample.brokers.alpaca.simulator.encoding import Written
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.market import Market, Point
from wsexample.brokers.alpaca.simulator.slots import Slots
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.switches import Switches
from wsexample.brokers.alpaca.simulator.trading_socket import TradingSocket, Verdict
from wsexample.brokers.alpaca.simulator.update_faults import UpdateFaults
from wsexample.brokers.base.backlog import Backlog
from wsexample.brokers.base.facts import Facts
from wsexample.errors import OptionError
from wsexample.ports import Clock
from wsexample.wire.server import Reject, Request, ServerConnection

__all__ = ["TRADING_PATHS", "Streams"]

TRADING_PATHS = ("/stream", "/stream/")
_FEEDS_BY_PATH: dict[str, Feed] = {feed.path: feed for feed in FEEDS.values()}
_PLUS_PATHS = ("/v2/sip", "/v1beta1/opra", "/v1beta1/boats")

Socket = DataSocket | TradingSocket


class Streams:
    """The sockets.

    Parameters:
        exchange: accounts.
        market: symbols.
        switches: limits and doubtful behaviour.
        stats: where to count.
        facts: told when something was counted.
        clock: paces deadlines.
        backlog: sends.
    """

    def __init__(
        self,
        exchange: Exchange,
        market: Market,
        switches: Switches,
        stats: Stats,
        facts: Facts,
        clock: Clock,
        backlog: Backlog,
    ) -> None:
        self._exchange = exchange
        self._market = market
        self._switches = switches
        self._stats = stats
        self._facts = facts
        self._clock = clock
        self._backlog = backlog
        self._slots = Slots(switches.connections_per_endpoint, switches.dead_slot_s)
        self.data: set[DataSocket] = set()
        """Clients of market data streams."""
        self.trading: set[TradingSocket] = set()
        """Clients of the trading stream."""
        self.faults = UpdateFaults()
        """What happens to trade updates on their way."""
        self.is_muted = False
        """Whether nothing is sent but answers and pongs."""
        self.is_silent = False
        """Whether new connections are answered nothing."""
        self.refusal: tuple[int, int] = (0, 0)
        """HTTP status with which handshakes are refused, and how many still are."""

    # -- coming in -----------------------------------------------------------------------------------------------

    async def accept(self, request: Request) -> Reject | None:
        """Let a handshake through, or refuse it."""
        status, left = self.refusal
        if left > 0:
            self.refusal = (status, left - 1)
            return self._refused(status)
        if request.path in TRADING_PATHS:
            is_taken = any(socket.connection.is_open for socket in self.trading)
            if self._switches.second_trading_connection == "http_429" and is_taken:
                return self._refused(429)
            return None
        return None if request.path in _FEEDS_BY_PATH else self._refused(404)

    def _refused(self, status: int) -> Reject:
        self._stats.refused_handshakes += 1
        self._facts.changed()
        return Reject(status, '{"message":"refused"}', {"Content-Type": "application/json"})

    async def serve(self, connection: ServerConnection) -> None:
        """Keep a client until it goes."""
        if connection.request.path in TRADING_PATHS:
            await self._serve_trading(connection)
        else:
            await self._serve_data(connection, _FEEDS_BY_PATH[connection.request.path])

    async def _serve_trading(self, connection: ServerConnection) -> None:
        socket = TradingSocket(
            connection, switches=self._switches, stats=self._stats, backlog=self._backlog, judge=self._judge
        )
        socket.is_silent = self.is_silent
        self.trading.add(socket)
        self._stats.connections["trading"] += 1
        self._facts.changed()
        deadline = self._deadline(socket, self._switches.trading_auth_deadline_s)
        try:
            async for payload, _ in connection.payloads():
                socket.receive(payload)
                self._facts.changed()
                if socket.has_failed_login:
                    return
        finally:
            await _stop(deadline)
            self.trading.discard(socket)
            self._facts.changed()

    def _judge(self, key: str | None, secret: str | None, token: str | None) -> tuple[SimAccount | None, Verdict]:
        accounts = self._exchange.accounts.values()
        account = account_by_token(accounts, token) if token else account_by_pair(accounts, key, secret)
        if account is None:
            return None, "unauthorized"
        others = [socket for socket in self.trading if socket.account is account and socket.connection.is_open]
        if others and self._switches.second_trading_connection == "exceeded":
            return None, "exceeded"
        return account, "authorized"

    async def _serve_data(self, connection: ServerConnection, feed: Feed) -> None:
        headers = connection.request.headers
        socket = DataSocket(
            connection,
            feed,
            is_packed="msgpack" in headers.get("content-type", ""),
            switches=self._switches,
            stats=self._stats,
            backlog=self._backlog,
            admit=self._admit,
            find=self._find,
            listing_of=self._market.listings.get,
            now_ns=lambda: self._market.now_ns,
        )
        socket.is_silent = self.is_silent
        self.data.add(socket)
        self._stats.connections["data"] += 1
        self._facts.changed()
        socket.welcome()
        account, has_credentials = account_by_headers(self._exchange.accounts.values(), headers)
        if has_credentials:
            socket.log_in(account)
        deadline = self._deadline(socket, self._switches.auth_deadline_s)
        try:
            if socket.has_failed_login:
                return
            async for payload, is_binary in connection.payloads():
                socket.receive(payload, is_binary)
                self._facts.changed()
                if socket.has_failed_login:
                    return
        finally:
            await _stop(deadline)
            self.data.discard(socket)
            if socket.account is not None:
                was_clean = connection.close_code != 1006
                self._slots.leave(socket.account.key_id, feed.path, self._clock.monotonic_s(), was_clean=was_clean)
            self._facts.changed()

    def _find(self, key: str | None, secret: str | None) -> SimAccount | None:
        accounts = self._exchange.accounts.values()
        if key in ("oauth", "access_token"):
            return account_by_token(accounts, secret)
        return account_by_pair(accounts, key, secret)

    def _admit(self, socket: DataSocket, account: SimAccount) -> int | None:
        path = socket.feed.path
        if self._switches.plan == "basic" and path in _PLUS_PATHS:
            return 409
        is_free = self._slots.take(account.key_id, path, self._clock.monotonic_s())
        return None if is_free else 406

    def forget_lost_connections(self) -> None:
        """Free the places of connections that were lost, at once."""
        self._slots.forget_ghosts()

    def _deadline(self, socket: Socket, timeout_s: float) -> asyncio.Task[None] | None:
        return asyncio.ensure_future(self._enforce(socket, timeout_s)) if timeout_s > 0 else None

    async def _enforce(self, socket: Socket, timeout_s: float) -> None:
        await self._clock.sleep(timeout_s)
        if socket.account is not None:
            return
        if isinstance(socket, DataSocket):
            socket.refuse(404)
        self.end(socket)
        self._facts.changed()

    def end(self, socket: Socket) -> None:
        """Close a client's connection, in the way that the switch says."""
        code = self._switches.close_code
        if code and socket.connection.is_open:
            socket.connection.start_close(code)
        else:
            socket.connection.abort()

    # -- going out -----------------------------------------------------------------------------------------------

    def publish(self, points: Iterable[Point]) -> None:
        """Send points to everybody who has subscribed to them, in one frame each."""
        if self.is_muted or not self.data:
            for _ in points:
                pass
            return
        written = [
            Written(point) for point in points if not any(self._is_muted_symbol(symbol) for symbol in point.symbols)
        ]
        for socket in list(self.data):
            wanted = [each for each in written if socket.wants(each)]
            if wanted and not socket.is_silent and socket.connection.is_open and not socket.send_points(wanted):
                self.cut_slow(socket)
        if written:
            self._facts.changed()

    def _is_muted_symbol(self, symbol: str) -> bool:
        listing = self._market.listings.get(symbol)
        return listing is not None and listing.is_muted

    def cut_slow(self, socket: DataSocket) -> None:
        """End a client that does not read, with a word or without."""
        self._stats.errors_sent[407] += 1
        if self._switches.slow_client_notice:
            socket.send_control(ErrorMessage(407, "slow client"))
        self.end(socket)

    def tell(self, events: Iterable[tuple[SimAccount, TradeUpdateMessage]]) -> None:
        """Send trade updates to whoever listens to their account."""
        for account, update in self.faults.passed(events, self._clock.monotonic_s()):
            payload = self.faults.written(update, with_ids=self._switches.event_ids)
            listeners = [
                socket
                for socket in self.trading
                if socket.account is account and socket.is_listening and socket.connection.is_open
            ]
            if self.is_muted or not listeners:
                self._stats.updates_dropped += 1
                continue
            for socket in listeners:
                socket.send_payload(payload)
                self._stats.updates_sent += 1
        self._facts.changed()

    # -- faults --------------------------------------------------------------------------------------------------

    def sockets(self, which: str) -> list[Socket]:
        """Return the open sockets: "trading", "data" or "all".

        Raises:
            OptionError: another word.
        """
        if which not in ("trading", "data", "all"):
            raise OptionError(f"stream must be trading, data or all, not {which!r}", option="stream")
        chosen: list[Socket] = []
        if which in ("trading", "all"):
            chosen += self.trading
        if which in ("data", "all"):
            chosen += self.data
        return chosen

    def reset(self, which: str) -> None:
        """Cut connections with a TCP reset."""
        for socket in self.sockets(which):
            socket.connection.reset()
            self._stats.resets += 1
        self._facts.changed()

    def fail(self, which: str) -> None:
        """Tell of an internal error and close, as the vendor does."""
        for socket in self.sockets(which):
            if isinstance(socket, DataSocket):
                socket.refuse(500)
            else:
                socket.send({"action": "error", "data": {"error_message": "internal server error"}})
            self.end(socket)

    def send_raw(self, payload: bytes, which: str) -> None:
        """Send any bytes to clients: binary frames on the trading stream, text frames on market data streams."""
        for socket in self.sockets(which):
            if isinstance(socket, TradingSocket):
                socket.send_payload(payload)
            else:
                socket.send_text(payload.decode(errors="replace"))


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
