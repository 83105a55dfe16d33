"""Public messages become records and documented mappings, message by message.

| `e` | wire field | record field | documented key |
|---|---|---|---|
| ticker | ``c``, ``v`` | ``last_price``, ``volume`` | ``last``, ``volume`` |
| ticker | ``P`` | ``change_percent`` | ``change``; derived: a fraction on the wire, percent here |
| ticker | ``p``, ``w``, ``o``, ``h``, ``l`` | ``change``, ``vwap``, ``open_price``, ``high_price``, ``low_price`` | ``change_value``, ``vwap``, ``open``, ``high``, ``low`` |
| ticker | ``q``, ``n``, ``m``, ``i`` | ``turnover``, ``trade_count``, ``mark_price``, ``index_price`` | ``quote_volume``, ``trades``, ``mark``, ``index`` |
| trade | ``T``, ``t``, ``p``, ``q`` | ``exchange_ns``, ``trade_id``, ``price``, ``size`` | ``trade_id``, ``price``, ``size`` |
| trade | ``m`` | ``aggressor`` | ``side``; true is a taker that sold |
| depth | ``b``, ``a``, ``u`` | ``bids``, ``asks``, ``sequence`` | ``bids``, ``asks``, ``sequence``; always the whole book |
| bookTicker | ``b``, ``B``, ``a``, ``A`` | ``bid_price``, ``bid_size``, ``ask_price``, ``ask_size`` | ``bid``, ``bid_size``, ``ask``, ``ask_size``; spot only |
| kline | ``t``, ``o``, ``h``, ``l``, ``c``, ``v``, ``n`` | ``exchange_ns``, ``open``, ``high``, ``low``, ``close``, ``volume``, ``trade_count`` | the same words |

Source: contract API documentation V3, public channels; raw examples in ``tests/data/weex``.
"""  # noqa: E501 - rows of a table

from __future__ import annotations

from typing import Any

from wsexample.brokers.weex.codes import INTERVALS_S, VENUE
from wsexample.brokers.weex.dialect.books import KeptBook, WireBook
from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.numbers import amount, number
from wsexample.brokers.weex.messages import BookTickerFrame, KlineFrame, TickerFrame, TickerRow, TradeFrame
from wsexample.records.market import Bar, Book, Quote, Ticker, Trade

__all__ = ["bars", "book_message", "book_record", "percent", "quotes", "tickers", "trades"]

MS_NS = 1_000_000

_TICKER_KEYS = (
    ("change_value", "p"), ("vwap", "w"), ("open", "o"), ("high", "h"), ("low", "l"), ("volume", "v"),
    ("quote_volume", "q"), ("mark", "m"), ("index", "i"), ("trades", "n"),
)  # fmt: skip


def percent(fraction: str) -> str:
    """Return a fraction in percent, to its last digit and without an exponent."""
    return format(amount(fraction) * 100, "f")


def _ns(ms: int | None) -> int | None:
    return None if ms is None else ms * MS_NS


def _number(text: str | None) -> float | None:
    return None if text is None else number(text)


def tickers(frame: TickerFrame, received_ns: int) -> list[WeexMessage]:
    """Read a ticker frame."""
    return [_ticker(frame, row, received_ns) for row in frame.d]


def _ticker(frame: TickerFrame, row: TickerRow, received_ns: int) -> WeexMessage:
    data: dict[str, Any] = {"symbol": frame.s, "last": row.c}
    for key, wire in _TICKER_KEYS:
        value = getattr(row, wire)
        if value is not None:
            data[key] = value
    if row.P is not None:
        data["change"] = percent(row.P)
    record = Ticker(
        venue=VENUE,
        symbol=frame.s,
        exchange_ns=_ns(frame.E),
        received_ns=received_ns,
        last_price=number(row.c),
        open_price=_number(row.o),
        high_price=_number(row.h),
        low_price=_number(row.l),
        vwap=_number(row.w),
        volume=_number(row.v),
        turnover=_number(row.q),
        change=_number(row.p),
        change_percent=_number(data.get("change")),
        trade_count=row.n,
        mark_price=_number(row.m),
        index_price=_number(row.i),
    )
    return _message(f"{frame.s}@ticker", data, record, derived=("change",) if "change" in data else ())


def trades(frame: TradeFrame, received_ns: int) -> list[WeexMessage]:
    """Read a frame of trades, oldest first: on the wire they may stand in any order."""
    topic = f"{frame.s}@trade"
    found = []
    for row in sorted(frame.d, key=lambda one: one.T):
        side = "sell" if row.m else "buy"
        record = Trade(
            venue=VENUE,
            symbol=frame.s,
            exchange_ns=row.T * MS_NS,
            received_ns=received_ns,
            price=number(row.p),
            size=number(row.q),
            trade_id=str(row.t),
            aggressor=side,
        )
        data = {"symbol": frame.s, "trade_id": str(row.t), "price": row.p, "size": row.q, "side": side}
        found.append(_message(topic, data, record))
    return found


def bars(frame: KlineFrame, received_ns: int) -> list[WeexMessage]:
    """Read a frame of candles; the venue does not say when one is over, so each is "running"."""
    found = []
    for row in frame.d:
        record = Bar(
            venue=VENUE,
            symbol=frame.s,
            exchange_ns=row.t * MS_NS,
            received_ns=received_ns,
            interval_s=float(INTERVALS_S.get(row.i, 0)),
            open=number(row.o),
            high=number(row.h),
            low=number(row.l),
            close=number(row.c),
            volume=_number(row.v),
            trade_count=row.n,
            state="running",
        )
        data = {"symbol": frame.s, "interval": row.i, "start_ms": row.t, "open": row.o, "high": row.h, "low": row.l,
                "close": row.c, "price_type": frame.p}  # fmt: skip
        if row.v is not None:
            data["volume"] = row.v
        found.append(_message(f"{frame.s}@kline_{row.i}_{frame.p}", data, record))
    return found


def quotes(frame: BookTickerFrame, received_ns: int) -> list[WeexMessage]:
    """Read a frame of the best bid and ask."""
    record = Quote(
        venue=VENUE,
        symbol=frame.s,
        exchange_ns=_ns(frame.E),
        received_ns=received_ns,
        bid_price=number(frame.b),
        bid_size=number(frame.B),
        ask_price=number(frame.a),
        ask_size=number(frame.A),
    )
    data = {"symbol": frame.s, "bid": frame.b, "bid_size": frame.B, "ask": frame.a, "ask_size": frame.A,
            "sequence": frame.u}  # fmt: skip
    return [_message(f"{frame.s}@bookTicker", data, record)]


def book_record(symbol: str, book: KeptBook | WireBook, exchange_ns: int | None, received_ns: int) -> Book:
    """Return the whole book as it stands."""
    return Book(
        venue=VENUE,
        symbol=symbol,
        exchange_ns=exchange_ns,
        received_ns=received_ns,
        bids=tuple(book.bids.levels),
        asks=tuple(book.asks.levels),
        sequence=book.sequence,
    )


def book_message(topic: str, book: WireBook, record: Book) -> WeexMessage:
    """Return a book's record beside the same as the venue wrote it."""
    data = {
        "symbol": record.symbol,
        "bids": book.bids.pairs.copy(),
        "asks": book.asks.pairs.copy(),
        "sequence": book.sequence,
    }
    return _message(topic, data, record)


def _message(
    topic: str, data: dict[str, Any], record: Ticker | Trade | Bar | Book | Quote, derived: tuple[str, ...] = ()
) -> WeexMessage:
    return WeexMessage(
        venue=VENUE,
        symbol=record.symbol,
        exchange_ns=record.exchange_ns,
        received_ns=record.received_ns,
        topic=topic,
        data=data,
        record=record,
        derived=derived,
    )
