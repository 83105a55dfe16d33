"""`WeexDialect`: the language of the V3 sockets: subscribe, answer pings, keep books, notice what is missing.

Login is in the headers of the handshake, so a fresh connection may subscribe at once. What a message means is read in
``market`` and ``private``.

Source: contract API documentation V3, section "Websocket"; measured where it says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from wsexample.brokers.weex.codes import MAX_OPERATIONS, MAX_STREAMS, PRIVATE_TOPICS, VENUE, stream_error
from wsexample.brokers.weex.dialect.books import MAX_LEVELS, KeptBook, Pair, WireBook, is_crossed
from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.market import bars, book_message, book_record, quotes, tickers, trades
from wsexample.brokers.weex.dialect.private import AccountReader
from wsexample.brokers.weex.dialect.sides import read_change
from wsexample.brokers.weex.messages import (
    BookTickerFrame,
    Control,
    DepthFrame,
    Head,
    KlineFrame,
    PrivateFrame,
    TickerFrame,
    TradeFrame,
)
from wsexample.errors import BrokerUnavailableError, SubscriptionLimitError
from wsexample.ports import NOTHING, Dialect, Failure, Gap, Record, Silence, Step
from wsexample.records.market import Book, Level

__all__ = ["WeexDialect"]

MS_NS = 1_000_000
HOUR_NS = 3600 * 10**9
SNAPSHOT_TIMEOUT_S = 10.0
"""How long a new snapshot is waited for; measured are half a second at most."""
SILENCE_S = 150.0
"""The venue pings a subscribed socket once a minute; two pings missed and a half."""
_CHANGE = b'{"e":"depth"'
CROSSED_NS = 2 * 10**9
"""How long a book may be crossed before it counts as broken."""
_KEPT_BYTES = 4096
_UNREADABLE = (msgspec.DecodeError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError)


class WeexDialect(Dialect):
    """One V3 socket, contract or spot, public or private.

    Parameters:
        keeps_wire: hand over `WeexMessage` (the documented mapping beside the typed record) in place of records alone.
        keep: unreadable messages kept, the newest (default 32).
    """

    venue = VENUE
    heartbeat_interval_s = 1.0

    def __init__(self, *, keeps_wire: bool = False, keep: int = 32) -> None:
        self.books: dict[str, KeptBook | WireBook] = {}
        """Stream -> its order book."""
        self.unreadable = 0
        """Messages that could not be read."""
        self.unknown = 0
        """Messages of a kind that this version does not know."""
        self.orphans = 0
        """Changes of a book that came while it was not whole."""
        self.resyncs = 0
        """Books asked for anew because a frame was missing."""
        self.errors = 0
        """Error answers that concerned nothing that was asked for."""
        self.kept: deque[bytes] = deque(maxlen=keep)
        """The newest messages that could not be read, the first 4096 bytes of each."""
        self.crossed = 0
        """States of a book in which the best bid was above the best ask; they are not handed over."""
        self._keeps_wire = keeps_wire
        self._account = AccountReader()
        self._head = msgspec.json.Decoder(Head).decode
        self._control = msgspec.json.Decoder(Control).decode
        entry: Any = Pair if keeps_wire else Level
        self._depth: Callable[[bytes], DepthFrame[Any]] = msgspec.json.Decoder(DepthFrame[entry], strict=False).decode
        self._book_of: Callable[..., KeptBook | WireBook] = WireBook if keeps_wire else KeptBook
        self._ticker = msgspec.json.Decoder(TickerFrame).decode
        self._trade = msgspec.json.Decoder(TradeFrame).decode
        self._kline = msgspec.json.Decoder(KlineFrame).decode
        self._quote = msgspec.json.Decoder(BookTickerFrame).decode
        self._private = msgspec.json.Decoder(PrivateFrame).decode
        self._now_ns = 0
        self._forget()

    def _forget(self) -> None:
        self.books.clear()
        self._topics: set[str] = set()
        self._asked: dict[int, tuple[str, ...]] = {}
        self._missing: dict[str, tuple[int, int]] = {}
        self._crossed: dict[str, int] = {}
        self._late: dict[str, int] = {}
        """Stream -> when the first change came of a book that never was whole."""
        self._operations: deque[int] = deque(maxlen=MAX_OPERATIONS)
        self._last_id = 0

    # -- what to send --------------------------------------------------------------------------------------------

    def start(self) -> Step:
        """Begin anew; no login is needed after the handshake."""
        self._forget()
        return Step(phase="subscribing")

    def _message(self, method: str, params: Sequence[str] = ()) -> str:
        self._last_id += 1
        body: dict[str, Any] = {"method": method, "id": self._last_id}
        if params:
            body["params"] = params
            self._operations.append(self._now_ns)
        return msgspec.json.encode(body).decode()

    @property
    def has_room(self) -> bool:
        """Whether this connection may carry another stream and ask for it."""
        return len(self._topics) < MAX_STREAMS and self._has_budget(1)

    def _has_budget(self, operations: int) -> bool:
        recent = sum(1 for at_ns in self._operations if self._now_ns - at_ns < HOUR_NS)
        return recent + operations <= MAX_OPERATIONS

    def _ask(self, topics: Sequence[str]) -> str:
        text = self._message("SUBSCRIBE", topics)
        self._asked[self._last_id] = tuple(topics)
        return text

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Ask for streams in one message, which counts as one operation.

        Parameters:
            topics: which ones, by their names.
        """
        new = [topic for topic in topics if topic not in self._topics]
        room = MAX_STREAMS - len(self._topics)
        if not self._has_budget(1):
            room = 0
        limit = SubscriptionLimitError(
            f"WEEX lets a connection carry {MAX_STREAMS} streams and ask {MAX_OPERATIONS} times an hour; use another one",
            venue=VENUE,
        )
        taken, left = new[:room], new[room:]
        self._topics.update(taken)
        return Step(replies=[self._ask(taken)] if taken else (), refused=[(topic, limit) for topic in left])

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Give streams up; what is on its way is passed over.

        Parameters:
            topics: which ones, by their names.
        """
        known = [topic for topic in topics if topic in self._topics]
        self._topics.difference_update(known)
        for topic in known:
            for kept in (self.books, self._missing, self._crossed, self._late):
                kept.pop(topic, None)
        return Step(replies=[self._message("UNSUBSCRIBE", known)]) if known else NOTHING

    # -- what comes ----------------------------------------------------------------------------------------------

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        self._now_ns = received_ns
        try:
            found = read_change(payload, self.books)
            if found is None:
                return self._read(payload, received_ns)
            topic, symbol, exchange_ns = found
            return self._book_step(topic, book_record(symbol, self.books[topic], exchange_ns, received_ns))
        except _UNREADABLE:
            self._keep(payload)
            return NOTHING

    def _keep(self, payload: bytes) -> None:
        self.unreadable += 1
        self.kept.append(bytes(payload[:_KEPT_BYTES]))

    def _read(self, payload: bytes, received_ns: int) -> Step:
        if payload.startswith(_CHANGE):  # most messages by far, and worth not looking at twice
            return self._book(self._depth(payload), payload, received_ns)
        event = self._head(payload).e
        if event in ("depth", "depthSnapshot"):
            return self._book(self._depth(payload), payload, received_ns)
        if event == "ticker":
            return self._hand_over(tickers(self._ticker(payload), received_ns))
        if event in ("trade", "tradeSnapshot"):
            return self._hand_over(trades(self._trade(payload), received_ns))
        if event in ("kline", "klineSnapshot"):
            return self._hand_over(bars(self._kline(payload), received_ns))
        if event == "bookTicker":
            return self._hand_over(quotes(self._quote(payload), received_ns))
        if event in PRIVATE_TOPICS:
            return self._hand_over(self._account_rows(event, payload, received_ns))
        if event:
            self.unknown += 1
            return NOTHING
        return self._controlled(self._control(payload))

    def _account_rows(self, event: str, payload: bytes, received_ns: int) -> list[WeexMessage]:
        """Read a private frame row by row: one that cannot be read is counted, and its neighbours are handed over."""
        frame, found = self._private(payload), []
        for row in frame.d:
            try:
                found += self._account.read(event, msgspec.structs.replace(frame, d=[row]), received_ns)
            except _UNREADABLE:
                self._keep(payload)
        return found

    def _controlled(self, control: Control) -> Step:
        if "ping" in (control.event, control.type):
            return Step(replies=[self._message("PONG")])
        if control.result is None:
            return NOTHING  # the greeting, an echoed PONG, or news of a kind not known
        number = control.id
        topics = self._asked.pop(int(number), ()) if number is not None and str(number).isdigit() else ()
        wanted = tuple(topic for topic in topics if topic in self._topics)
        if control.result:
            return Step(confirmed=wanted) if wanted else NOTHING
        if not wanted:
            self.errors += 1
            return NOTHING
        if len(wanted) > 1 and self._has_budget(2):
            # One bad name refuses the whole message: ask for the halves, so that the good ones stand.
            middle = len(wanted) // 2
            return Step(replies=[self._ask(wanted[:middle]), self._ask(wanted[middle:])])
        self._topics.difference_update(wanted)
        return Step(refused=[(topic, stream_error(control.msg or "", topic)) for topic in wanted])

    def _hand_over(self, messages: list[WeexMessage]) -> Step:
        records: list[Record] = [
            message if self._keeps_wire else message.record for message in messages if message.topic in self._topics
        ]
        return Step(records=records) if records else NOTHING

    def _book(self, frame: DepthFrame[Any], payload: bytes, received_ns: int) -> Step:
        topic = f"{frame.s}@depth{frame.l}"
        if topic not in self._topics:
            return NOTHING
        is_whole = frame.d == "SNAPSHOT"
        known = self.books.get(topic)
        if known is None and not is_whole:
            self.orphans += 1
            return self._orphaned(topic, received_ns)
        try:
            if is_whole:
                self._late.pop(topic, None)
                self.books[topic] = known = self._book_of(frame.b, frame.a, frame.u)
            elif known is None or not known.change(frame.b, frame.a, frame.U, frame.u):
                return self._resync(topic, received_ns)
        except ValueError:  # a level that is none: what it was to be is not known
            self._keep(payload)
            return self._resync(topic, received_ns)
        exchange_ns = None if frame.E is None else frame.E * MS_NS
        return self._book_step(topic, book_record(frame.s, known, exchange_ns, received_ns))

    def _orphaned(self, topic: str, received_ns: int) -> Step:
        """Ask for a book anew of which changes come and no whole one: its documentation does not promise one."""
        if topic in self._missing:  # it was asked for, and `heartbeat` looks after it
            return NOTHING
        since_ns = self._late.setdefault(topic, received_ns)
        if received_ns - since_ns < SNAPSHOT_TIMEOUT_S * 1e9:
            return NOTHING
        del self._late[topic]
        return self._resync(topic, since_ns, now_ns=received_ns)

    def _book_step(self, topic: str, record: Book) -> Step:
        """Hand a book over, unless it cannot be right."""
        if len(record.bids) > MAX_LEVELS or len(record.asks) > MAX_LEVELS:
            return self._resync(topic, record.received_ns)
        if is_crossed(record.bids, record.asks):
            self.crossed += 1
            if record.received_ns - self._crossed.setdefault(topic, record.received_ns) >= CROSSED_NS:
                return self._resync(topic, self._crossed[topic], now_ns=record.received_ns)
            return NOTHING
        if self._crossed:
            self._crossed.pop(topic, None)
        book = self.books[topic]
        item = book_message(topic, book, record) if isinstance(book, WireBook) else record
        missing = self._missing.pop(topic, None) if self._missing else None
        if missing is None:
            return Step([item])
        return Step([self._gap(record.symbol, missing[0], record.received_ns), item])

    def _gap(self, symbol: str, from_ns: int, to_ns: int) -> Gap:
        return Gap(
            venue=VENUE,
            symbol=symbol,
            received_ns=to_ns,
            from_ns=from_ns,
            to_ns=to_ns,
            reason="changes of the order book were missing; it was asked for anew",
        )

    def _resync(self, topic: str, since_ns: int, *, now_ns: int | None = None) -> Step:
        """The book is wrong since then: let go of it and ask for a new one."""
        self.books.pop(topic, None)
        self._crossed.pop(topic, None)
        self.resyncs += 1
        if not self._has_budget(2):
            error = BrokerUnavailableError("WEEX: too many broken books on this connection", venue=VENUE)
            return Step(failure=Failure(error, is_final=False))
        from_ns, _ = self._missing.get(topic, (since_ns, 0))
        self._missing[topic] = (from_ns, (now_ns or since_ns) + round(SNAPSHOT_TIMEOUT_S * 1e9))
        return Step(replies=[self._message("UNSUBSCRIBE", [topic]), self._ask([topic])])

    # -- time ----------------------------------------------------------------------------------------------------

    def heartbeat(self, now_ns: int) -> Step:
        """Give a connection up that does not send the book it was asked for.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        self._now_ns = max(self._now_ns, now_ns)
        for topic, (_, until_ns) in self._missing.items():
            if now_ns > until_ns:
                error = BrokerUnavailableError(f"WEEX did not send the book of {topic} anew", venue=VENUE)
                return Step(failure=Failure(error, is_final=False))
        return NOTHING

    def silence(self, now_ns: int) -> Silence:
        """Return how long no message may come: a subscribed socket is pinged once a minute by messages.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        return Silence(message_s=SILENCE_S)
