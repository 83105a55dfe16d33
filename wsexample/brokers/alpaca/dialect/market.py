"""One message of the market data streams becomes records, message by message: a bad one never takes its neighbours along.

Raw examples in ``tests/data/alpaca``. Vendor pages: real-time stock, crypto, option and news data.

| `T` | wire field | record field | note |
|---|---|---|---|
| t | ``S``, ``t`` | ``symbol``, ``exchange_ns`` | the same in every message but news |
| t | ``p``, ``s``, ``i`` | ``price``, ``size``, ``trade_id`` | |
| t | ``x``, ``c``, ``z`` | ``exchange``, ``conditions``, ``tape`` | ``c`` is one text for options |
| t | ``tks`` | ``aggressor`` | "B" buy, "S" sell |
| q | ``bp``, ``bs``, ``bx`` | ``bid_price``, ``bid_size``, ``bid_exchange`` | price 0 means that there is none |
| q | ``ap``, ``as``, ``ax`` | ``ask_price``, ``ask_size``, ``ask_exchange`` | |
| b, u, d | ``o``, ``h``, ``l``, ``c`` | ``open``, ``high``, ``low``, ``close`` | ``t`` is the start |
| b, u, d | ``v``, ``n``, ``vw`` | ``volume``, ``trade_count``, ``vwap`` | |
| b, u, d | ``T`` | ``state`` | "final", "updated", "running" |
| c | ``oi``, ``op``, ``os``, ``oc`` | ``original_id``, ``original_price``, ``original_size``, ``original_conditions`` | |
| c | ``ci``, ``cp``, ``cs``, ``cc`` | ``corrected_id``, ``corrected_price``, ``corrected_size``, ``corrected_conditions`` | |
| x | ``i``, ``p``, ``s``, ``a`` | ``trade_id``, ``price``, ``size``, ``action`` | "C" cancel, "E" error |
| s | ``sc``, ``sm``, ``rc``, ``rm`` | ``code``, ``text``, ``reason_code``, ``reason_text`` | meaning by the tape |
| l | ``u``, ``d``, ``i`` | ``upper_price``, ``lower_price``, ``indicator`` | |
| i | ``p`` | ``price`` | |
| o | ``b``, ``a``, ``r`` | ``bids``, ``asks`` | always the whole book, kept here from the changes |
| p | ``ip``, ``mp``, ``fr`` | ``index_price``, ``mark_price``, ``funding_rate`` | |
| p | ``oi``, ``ft`` | ``open_interest``, ``next_funding_ns`` | |
| n | ``id``, ``headline``, ``summary``, ... | ``news_id``, ``headline``, ``summary``, ... | ``updated_at`` is ``exchange_ns`` |

Nothing here knows a connection; what control messages mean is the matter of `wsexample.brokers.alpaca.dialect.data`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from wsexample.brokers.alpaca.codes import VENUE
from wsexample.brokers.alpaca.dialect.books import Books
from wsexample.brokers.alpaca.dialect.kept import Remainder
from wsexample.brokers.alpaca.dialect.times import SECOND_NS, TIMESTAMP, TextTimes, packed_ns
from wsexample.brokers.alpaca.messages.market import (
    BarMessage,
    BookMessage,
    CancelMessage,
    CorrectionMessage,
    DailyBarMessage,
    ErrorMessage,
    ImbalanceMessage,
    JsonMessage,
    LuldMessage,
    NewsMessage,
    PackedMessage,
    PricingMessage,
    QuoteMessage,
    StatusMessage,
    SubscriptionMessage,
    SuccessMessage,
    TradeMessage,
    UpdatedBarMessage,
)
from wsexample.records.journal import Gap
from wsexample.records.market import (
    Bar,
    Book,
    Imbalance,
    News,
    PriceBand,
    Pricing,
    Quote,
    Record,
    Trade,
    TradeCancel,
    TradeCorrection,
    TradingStatus,
)

__all__ = ["Control", "MarketDecoder"]

Control = SuccessMessage | ErrorMessage | SubscriptionMessage

MINUTE_S = 60.0
DAY_S = 86_400.0

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SIDES = {"B": "buy", "S": "sell"}
_ACTIONS = {"C": "cancel", "E": "error"}
_MOST_NS = SECOND_NS << 2
_NS_AND_SECONDS = struct.Struct(">II").unpack
"""The two halves of an eight-byte timestamp: 30 bits of nanoseconds and 2 that are 0 until 2106, then the seconds."""


class _Head(msgspec.Struct):
    """Enough of a message to name it."""

    T: str = ""


class _BookHead(msgspec.Struct):
    """Enough of a message about a book to know which one."""

    S: str


class MarketDecoder:
    """Bytes to records.

    Parameters:
        codec: "json" or "msgpack", what the handshake agreed on.
        remainder: where to count and keep what cannot be read.
        books: order books of the connection.
    """

    def __init__(self, codec: str, remainder: Remainder | None = None, books: Books | None = None) -> None:
        self.remainder = remainder or Remainder()
        """What could not be read."""
        self.books = books or Books()
        """Order books of this connection."""
        self._times = TextTimes()
        self._is_packed = codec == "msgpack"
        module: Any = msgspec.msgpack if self._is_packed else msgspec.json
        message = PackedMessage if self._is_packed else JsonMessage
        self._decode_all: Callable[[bytes], list[Any]] = module.Decoder(list[message]).decode  # type: ignore[valid-type] # chosen at run time
        self._decode_one: Callable[[Any], Any] = module.Decoder(message).decode
        self._split: Callable[[bytes], list[msgspec.Raw]] = module.Decoder(list[msgspec.Raw]).decode
        self._head: Callable[[Any], _Head] = module.Decoder(_Head).decode
        self._book_head: Callable[[Any], _BookHead] = module.Decoder(_BookHead).decode
        self._ns: Callable[[Any], int | None] = packed_ns if self._is_packed else self._times.ns
        self._makers: dict[type, Callable[[Any, int], Record | None]] = {
            BarMessage: self._bar,
            UpdatedBarMessage: self._updated_bar,
            DailyBarMessage: self._daily_bar,
            BookMessage: self._book,
            CancelMessage: self._cancel,
            CorrectionMessage: self._correction,
            ImbalanceMessage: self._imbalance,
            LuldMessage: self._band,
            NewsMessage: self._news,
            PricingMessage: self._pricing,
            StatusMessage: self._status,
        }

    @property
    def unreadable_times(self) -> int:
        """Timestamps that were no time; their fields are None."""
        return self._times.unreadable

    def decode(self, payload: bytes, received_ns: int) -> tuple[list[Record], Sequence[Control]]:
        """Turn one frame into records and control messages, each in the order in which they came."""
        try:
            messages = self._decode_all(payload)
        except _UNREADABLE as error:
            messages = self._one_by_one(payload, received_ns, str(error))
        return self._packed(messages, received_ns) if self._is_packed else self._text(messages, received_ns)

    def _one_by_one(self, payload: bytes, received_ns: int, reason: str) -> list[Any]:
        """Read what can be read of a frame in which something is wrong or not known."""
        try:
            parts = self._split(payload)
        except _UNREADABLE:
            self.remainder.note_unreadable(payload, received_ns, reason)
            self.books.let_go(None, received_ns)  # it may have held a change of any of them
            return []
        messages = []
        for part in parts:
            try:
                messages.append(self._decode_one(part))
            except _UNREADABLE as error:
                self._note(bytes(part), received_ns, str(error))
        return messages

    def _note(self, part: bytes, received_ns: int, reason: str) -> None:
        try:
            name = self._head(part).T
        except _UNREADABLE:
            name = ""
        if name and name not in _KNOWN:
            self.remainder.note_unknown(name, part, received_ns)
            return
        self.remainder.note_unreadable(part, received_ns, reason)
        if name not in _KNOWN:
            self.books.let_go(None, received_ns)
        elif name == "o":
            try:
                symbol: str | None = self._book_head(part).S
            except _UNREADABLE:
                symbol = None
            self.books.let_go(symbol, received_ns)

    # -- the two codecs; quotes, which are most of all, are written out: a call for each would cost a tenth ------------

    def _packed(self, messages: list[Any], received_ns: int) -> tuple[list[Record], Sequence[Control]]:
        records: list[Record] = []
        controls: Sequence[Control] = ()
        append, unpack = records.append, _NS_AND_SECONDS
        for m in messages:
            kind = m.__class__
            if kind is QuoteMessage:
                try:
                    high, low = unpack(m.t.data)
                    exchange_ns: int | None = low * SECOND_NS + (high >> 2)
                    if m.t.code != TIMESTAMP or high >= _MOST_NS or high & 3:
                        exchange_ns = packed_ns(m.t)
                except (AttributeError, struct.error):
                    exchange_ns = packed_ns(m.t)
                bid, ask = m.bp, m.ap
                append(
                    Quote(
                        venue=VENUE,
                        symbol=m.S,
                        exchange_ns=exchange_ns,
                        received_ns=received_ns,
                        bid_price=bid or None,
                        bid_size=m.bs if bid else None,
                        ask_price=ask or None,
                        ask_size=m.as_ if ask else None,
                        bid_exchange=m.bx,
                        ask_exchange=m.ax,
                        conditions=codes if (codes := m.c).__class__ is tuple else _codes(codes),
                        tape=m.z,
                    )
                )
            elif kind is TradeMessage:
                append(_trade(m, packed_ns(m.t), received_ns))
            else:
                controls = self._other(m, received_ns, records, controls)
        return records, controls

    def _text(self, messages: list[Any], received_ns: int) -> tuple[list[Record], Sequence[Control]]:
        records: list[Record] = []
        controls: Sequence[Control] = ()
        append, ns, seconds = records.append, self._times.ns, self._times.seconds
        for m in messages:
            kind = m.__class__
            if kind is QuoteMessage:
                text = m.t
                try:  # what `TextTimes.ns` does with nine decimals, which most have
                    exchange_ns: int | None = seconds[text[:19]] + int(text[20:29])
                    if len(text) != 30 or text[29] != "Z" or text[19] != "." or not text[20:29].isdecimal():
                        exchange_ns = ns(text)
                except (KeyError, TypeError, ValueError):
                    exchange_ns = ns(text)
                bid, ask = m.bp, m.ap
                append(
                    Quote(
                        venue=VENUE,
                        symbol=m.S,
                        exchange_ns=exchange_ns,
                        received_ns=received_ns,
                        bid_price=bid or None,
                        bid_size=m.bs if bid else None,
                        ask_price=ask or None,
                        ask_size=m.as_ if ask else None,
                        bid_exchange=m.bx,
                        ask_exchange=m.ax,
                        conditions=codes if (codes := m.c).__class__ is tuple else _codes(codes),
                        tape=m.z,
                    )
                )
            elif kind is TradeMessage:
                append(_trade(m, ns(m.t), received_ns))
            else:
                controls = self._other(m, received_ns, records, controls)
        return records, controls

    # -- all others ----------------------------------------------------------------------------------------------

    def _other(self, m: Any, received_ns: int, records: list[Record], controls: Sequence[Control]) -> Sequence[Control]:
        make = self._makers.get(m.__class__)
        if make is None:
            return [*controls, m]
        record = make(m, received_ns)
        if record is not None:
            if self.books.broken and (gap := self._mended(record)) is not None:
                records.append(gap)
            records.append(record)
        return controls

    def _mended(self, record: Record) -> Gap | None:
        """Return the gap that a whole book ends, told before it."""
        since_ns = self.books.broken.pop(record.symbol, None) if isinstance(record, Book) else None
        if since_ns is None:
            return None
        self.books.unasked.discard(record.symbol)
        return Gap(
            venue=VENUE,
            symbol=record.symbol,
            received_ns=record.received_ns,
            from_ns=since_ns,
            to_ns=record.received_ns,
            reason="the order book could not be right any more; it was asked for anew",
        )

    def _bar(self, m: Any, received_ns: int, state: str = "final", interval_s: float = MINUTE_S) -> Bar:
        return Bar(
            venue=VENUE,
            symbol=m.S,
            interval_s=interval_s,
            open=m.o,
            high=m.h,
            low=m.l,
            close=m.c,
            volume=m.v,
            vwap=m.vw,
            trade_count=None if m.n is None else int(m.n),
            state=state,
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _updated_bar(self, m: Any, received_ns: int) -> Bar:
        return self._bar(m, received_ns, "updated")

    def _daily_bar(self, m: Any, received_ns: int) -> Bar:
        return self._bar(m, received_ns, "running", DAY_S)

    def _book(self, m: Any, received_ns: int) -> Book | None:
        sides = self.books.take(m.S, m.b, m.a, bool(m.r), received_ns)
        if sides is None:
            return None
        return Book(
            venue=VENUE,
            symbol=m.S,
            bids=sides[0],
            asks=sides[1],
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _correction(self, m: Any, received_ns: int) -> TradeCorrection:
        return TradeCorrection(
            venue=VENUE,
            symbol=m.S,
            original_id=_text_of(m.oi),
            original_price=m.op,
            original_size=m.os,
            original_conditions=_codes(m.oc),
            corrected_id=_text_of(m.ci),
            corrected_price=m.cp,
            corrected_size=m.cs,
            corrected_conditions=_codes(m.cc),
            exchange=m.x,
            tape=m.z,
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _cancel(self, m: Any, received_ns: int) -> TradeCancel:
        return TradeCancel(
            venue=VENUE,
            symbol=m.S,
            trade_id=_text_of(m.i),
            price=m.p,
            size=m.s,
            action=_ACTIONS.get(m.a, m.a),
            exchange=m.x,
            tape=m.z,
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _status(self, m: Any, received_ns: int) -> TradingStatus:
        return TradingStatus(
            venue=VENUE,
            symbol=m.S,
            code=m.sc,
            text=m.sm,
            reason_code=m.rc,
            reason_text=m.rm,
            tape=m.z,
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _band(self, m: Any, received_ns: int) -> PriceBand:
        return PriceBand(
            venue=VENUE,
            symbol=m.S,
            upper_price=m.u,
            lower_price=m.d,
            indicator=m.i,
            tape=m.z,
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _imbalance(self, m: Any, received_ns: int) -> Imbalance:
        return Imbalance(
            venue=VENUE, symbol=m.S, price=m.p, tape=m.z, exchange_ns=self._ns(m.t), received_ns=received_ns
        )

    def _pricing(self, m: Any, received_ns: int) -> Pricing:
        return Pricing(
            venue=VENUE,
            symbol=m.S,
            index_price=m.ip,
            mark_price=m.mp,
            funding_rate=m.fr,
            open_interest=m.oi,
            next_funding_ns=self._ns(m.ft),
            exchange=m.x,
            exchange_ns=self._ns(m.t),
            received_ns=received_ns,
        )

    def _news(self, m: Any, received_ns: int) -> News:
        symbols = m.symbols or ()
        updated_ns = self._ns(m.updated_at)
        return News(
            venue=VENUE,
            symbol=symbols[0] if symbols else "",
            news_id=_text_of(m.id) or "",
            headline=m.headline or "",
            symbols=symbols,
            source=m.source,
            author=m.author,
            url=m.url,
            summary=m.summary,
            content=m.content,
            created_ns=self._ns(m.created_at),
            updated_ns=updated_ns,
            exchange_ns=updated_ns,
            received_ns=received_ns,
        )


def _trade(m: Any, exchange_ns: int | None, received_ns: int) -> Trade:
    codes = m.c
    return Trade(
        venue=VENUE,
        symbol=m.S,
        price=m.p,
        size=m.s,
        trade_id=str(number) if (number := m.i).__class__ is int else _text_of(number),
        aggressor=_SIDES.get(m.tks),
        exchange=m.x,
        conditions=codes if codes.__class__ is tuple else _codes(codes),
        tape=m.z,
        exchange_ns=exchange_ns,
        received_ns=received_ns,
    )


_KNOWN = frozenset("tqbudcxlsiopn") | {"success", "error", "subscription"}


def _codes(codes: tuple[str, ...] | str | None) -> tuple[str, ...]:
    if not codes:
        return ()
    return (codes,) if isinstance(codes, str) else codes


def _text_of(identifier: float | str | None) -> str | None:
    """Return an identifier as a text; a whole number may be written with a point as well."""
    return f"{identifier:.0f}" if isinstance(identifier, float) else None if identifier is None else str(identifier)
