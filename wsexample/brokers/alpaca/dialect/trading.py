"""`AlpacaTradingDialect`: the trading stream's language: log in, listen, and read what happens to the account's orders.

The stream has no sequence numbers, no replay and no snapshot: what was missed is fetched elsewhere
(`wsexample.brokers.alpaca.client`), and what comes while that goes on is held back here so that the order stands.

Source: Alpaca's page on trade updates, and the official SDKs for the forms of the login.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from wsexample.brokers.alpaca.codes import CONNECTION_LIMIT_WAIT_S, TRADE_UPDATES, VENUE
from wsexample.brokers.alpaca.dialect.kept import Kept, Remainder
from wsexample.brokers.alpaca.dialect.orders import OrderReader
from wsexample.brokers.alpaca.messages.trading import (
    AuthorizationData,
    Envelope,
    ErrorData,
    ListeningData,
    TradeUpdateMessage,
)
from wsexample.errors import BrokerUnavailableError, CredentialsError, OptionError, RateLimitError, RequestError
from wsexample.ports import NOTHING, Dialect, Failure, Record, Step

if TYPE_CHECKING:
    from wsexample.brokers.alpaca.credentials import AlpacaCredentials

__all__ = ["AlpacaTradingDialect"]

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode = msgspec.json.Decoder(Envelope).decode
_decode_authorization = msgspec.json.Decoder(AuthorizationData).decode
_decode_listening = msgspec.json.Decoder(ListeningData).decode
_decode_error = msgspec.json.Decoder(ErrorData).decode
_decode_update = msgspec.json.Decoder(TradeUpdateMessage).decode

HEARTBEAT = b"\x01"
"""A message of one byte that older servers sent; the JS SDK ignores it."""


class AlpacaTradingDialect(Dialect):
    """The trading stream; text and binary messages are read alike, both hold JSON.

    Parameters:
        credentials: key and secret, or an OAuth token.
        login: "flat" is in the present documentation, "nested" in the older one and in most SDKs (default "flat"; a
            token is always sent nested).
        keep: unreadable and unknown messages kept, the newest (default 32).

    Raises:
        OptionError: ``login`` is neither.
    """

    venue = VENUE
    heartbeat_interval_s = 1.0

    def __init__(
        self,
        credentials: AlpacaCredentials,
        *,
        login: Literal["flat", "nested"] = "flat",
        keep: int = 32,
    ) -> None:
        if login not in ("flat", "nested"):
            raise OptionError(f"login must be 'flat' or 'nested', not {login!r}", option="login")
        self.remainder = Remainder(keep)
        """What could not be read, and names that are not known."""
        self.reader = OrderReader(self.remainder)
        """Turns orders and executions into records, also those that REST sends."""
        self.updates = 0
        """Trade updates that came."""
        self.lost_updates = 0
        """Messages that could not be read, each of which may have been a trade update; a client fetches what it was."""
        self.on_loss: Callable[[], None] | None = None
        """Called when a message could not be read that may have been a trade update."""
        self._credentials = credentials
        self._login = login
        self._held: list[Record] | None = None
        self._extra: list[Record] = []
        self._wanted: tuple[str, ...] = ()

    @property
    def unreadable(self) -> int:
        """Messages that could not be read."""
        return self.remainder.unreadable

    @property
    def kept(self) -> deque[Kept]:
        """The newest messages that could not be read or are not known."""
        return self.remainder.kept

    # -- holding back --------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold records back from now on; those of a connection that is lost meanwhile are forgotten with it."""
        if self._held is None:
            self._held = []

    def release(self) -> list[Record]:
        """Return what was held back, and hold nothing any more."""
        held, self._held = self._held, None
        return held or []

    @property
    def is_holding(self) -> bool:
        """Whether records are held back."""
        return self._held is not None

    def deliver_soon(self, records: Iterable[Record]) -> None:
        """Have records delivered with the next message or heartbeat."""
        self._extra += records

    # -- a connection --------------------------------------------------------------------------------------------

    def start(self) -> Step:
        """Begin on a fresh connection: there is no welcome, the client speaks first."""
        if self._held is not None:
            self._held = []
        self._wanted = ()
        return Step(replies=[_encoded(self._credentials.trading_login(nested=self._login == "nested"))])

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Ask for streams; ``listen`` names the whole set, so those asked for before are named again.

        Parameters:
            topics: which ones, by their names.
        """
        self._wanted = tuple(dict.fromkeys([*self._wanted, *topics]))
        return Step(replies=[self._listen()])

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Give streams up, by naming those that stay.

        Parameters:
            topics: which ones, by their names.
        """
        gone = set(topics)
        self._wanted = tuple(topic for topic in self._wanted if topic not in gone)
        return Step(replies=[self._listen()])

    def _listen(self) -> str:
        return _encoded({"action": "listen", "data": {"streams": list(self._wanted)}})

    def heartbeat(self, now_ns: int) -> Step:
        """Deliver what was given to `deliver_soon`.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        return Step(self._with_extra([])) if self._extra else NOTHING

    # -- messages ------------------------------------------------------------------------------------------------

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        if payload == HEARTBEAT:
            return NOTHING
        try:
            envelope = _decode(payload)
        except _UNREADABLE as reason:
            return self._unreadable(payload, received_ns, str(reason))
        try:
            match envelope.stream:
                case "trade_updates":
                    return self._update(envelope.data, payload, received_ns)
                case "authorization":
                    return self._authorized(_decode_authorization(envelope.data))
                case "listening":
                    return self._listening(_decode_listening(envelope.data).streams)
            if envelope.action == "error":
                words = _decode_error(envelope.data).error_message
                error = BrokerUnavailableError(f"Alpaca: {words}; it is tried again", venue=VENUE, words=words)
                return Step(failure=Failure(error, is_final=False))
        except _UNREADABLE as reason:
            return self._unreadable(payload, received_ns, str(reason))
        self.remainder.note_unknown(f"stream {envelope.stream or envelope.action}", payload, received_ns)
        return NOTHING

    def _unreadable(self, payload: bytes, received_ns: int, reason: str) -> Step:
        self.remainder.note_unreadable(payload, received_ns, reason)
        self.lost_updates += 1
        if self.on_loss is not None:
            self.on_loss()
        return NOTHING

    def _update(self, data: msgspec.Raw, payload: bytes, received_ns: int) -> Step:
        update = _decode_update(data)
        self.updates += 1
        records = self.reader.update(update, received_ns, payload)
        if self._held is not None:
            self._held += records
            return NOTHING
        return Step(self._with_extra(records))

    def _with_extra(self, records: list[Record]) -> list[Record]:
        extra, self._extra = self._extra, []
        return [*extra, *records]

    def _authorized(self, data: AuthorizationData) -> Step:
        words = data.message if isinstance(data.message, str) else ""
        if data.status == "authorized":
            return Step(phase="subscribing")
        if data.status == "exceeded":  # known from the C# SDK
            limit = RateLimitError(
                "Alpaca: too many connections to the trading stream (exceeded); close another one of this account",
                wait_s=CONNECTION_LIMIT_WAIT_S,
                venue=VENUE,
                code="exceeded",
                words=words,
            )
            return Step(failure=Failure(limit, is_final=False))
        if data.action == "listen":
            lost = CredentialsError(
                "Alpaca lost the login of this connection", venue=VENUE, words=data.status, is_final=False
            )
            return Step(failure=Failure(lost, is_final=False))
        refused = CredentialsError(
            f"Alpaca did not accept the credentials ({words or data.status}); check key and secret, and that paper keys"
            " go to the paper host and live keys to the live one",
            venue=VENUE,
            code=data.status,
            words=words or data.status,
        )
        return Step(failure=Failure(refused, is_final=True))

    def _listening(self, streams: list[str]) -> Step:
        missing = [topic for topic in self._wanted if topic not in streams]
        return Step(confirmed=streams, refused=[(topic, _left_out(topic)) for topic in missing])


def _left_out(topic: str) -> RequestError:
    return RequestError(
        f"Alpaca left the stream {topic!r} out; {TRADE_UPDATES} is the one that is documented", venue=VENUE
    )


def _encoded(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
