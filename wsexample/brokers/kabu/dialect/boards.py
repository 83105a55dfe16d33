"""One message of kabu Station, push or ``GET /board``, becomes one `wsexample.records.market.Board`.

Raw example in ``tests/data/kabu/stock.json``. Vendor pages: ``ptal/push.html``, ``reference/kabu_STATION_API.yaml``.

| push field | record field | note |
|---|---|---|
| ``Symbol``, ``Exchange`` | ``symbol`` | "9433@1"; an index names no market: the registered one, else its own |
| ``SymbolName`` | ``name`` | |
| ``Exchange``, ``ExchangeName`` | ``market``, ``market_name`` | `wsexample.brokers.kabu.codes.EXCHANGES` |
| ``SecurityType`` | ``security_type`` | `wsexample.brokers.kabu.codes.SECURITY_TYPES` |
| (which keys came) | ``layout`` | absent = does not apply, null = no value yet |
| ``CurrentPrice``, ``CurrentPriceTime`` | ``last_price``, ``last_ns`` | does not advance on quotes alone |
| ``CurrentPriceChangeStatus`` | ``last_tick`` | `wsexample.brokers.kabu.codes.TICK_DIRECTIONS` |
| ``CurrentPriceStatus`` | ``last_status`` | `wsexample.brokers.kabu.codes.PRICE_STATUS`; -1 occurs |
| ``CalcPrice`` | ``valuation_price`` | |
| ``PreviousClose``, ``PreviousCloseTime`` | ``previous_close``, ``previous_close_ns`` | midnight of its day, Japan's time |
| ``ChangePreviousClose``, ``ChangePreviousClosePer`` | ``change``, ``change_percent`` | |
| ``OpeningPrice``, ``OpeningPriceTime`` | ``open_price``, ``open_ns`` | |
| ``HighPrice``, ``HighPriceTime`` | ``high_price``, ``high_ns`` | |
| ``LowPrice``, ``LowPriceTime`` | ``low_price``, ``low_ns`` | |
| ``TradingVolume``, ``TradingVolumeTime`` | ``volume``, ``volume_ns`` | of the day |
| ``VWAP``, ``TradingValue`` | ``vwap``, ``turnover`` | of the day, yen |
| ``BidPrice``, ``BidQty`` | ``ask_price``, ``ask_size`` | **names reversed: the vendor's Bid is the best offer** |
| ``BidTime``, ``BidSign`` | ``ask_ns``, ``ask_sign`` | the same |
| ``AskPrice``, ``AskQty`` | ``bid_price``, ``bid_size`` | **the vendor's Ask is the best bid** |
| ``AskTime``, ``AskSign`` | ``bid_ns``, ``bid_sign`` | the same |
| ``Sell1`` ... ``Sell10`` | ``asks`` | lowest price first; a level without a price (null, or 0 at limit-up) is no level |
| ``Buy1`` ... ``Buy10`` | ``bids`` | highest price first |
| ``Sell1.Time``, ``Sell1.Sign`` | ``asks_ns``, ``asks_sign`` | can disagree with the best quote for a moment |
| ``Buy1.Time``, ``Buy1.Sign`` | ``bids_ns``, ``bids_sign`` | |
| ``OverSellQty``, ``UnderBuyQty`` | ``asks_above_size``, ``bids_below_size`` | beyond level 10 |
| ``MarketOrderSellQty``, ``MarketOrderBuyQty`` | ``market_sell_size``, ``market_buy_size`` | |
| ``TotalMarketValue`` | ``market_value`` | |
| ``ClearingPrice`` | ``settlement_price`` | the page calls it ``SettlementPrice``, the wire does not |
| ``IV`` | ``implied_volatility`` | options on the whole-day market only, like the next four |
| ``Delta``, ``Gamma``, ``Theta``, ``Vega`` | ``delta``, ``gamma``, ``theta``, ``vega`` | |
| (latest of last, bid and ask time) | ``exchange_ns`` | whole seconds; the venue sends no time of sending |

Numbers are read as float: enough for every price and quantity of these markets. Nothing here knows a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from wsexample.brokers.kabu.codes import DERIVATIVE_EXCHANGES, INDEX_CODES
from wsexample.brokers.kabu.dialect.layouts import LAYOUTS, RECORD_FIELDS, layout_of
from wsexample.brokers.kabu.dialect.times import DAY_NS, TimeTable, midnight_mended
from wsexample.brokers.kabu.messages import BestLevel, PushLevel, PushMessage
from wsexample.errors import DialectError
from wsexample.records.market import Board, Level

__all__ = ["BoardDecoder"]

VENUE = "kabu"

_KEYS = PushMessage.__struct_fields__
_HINT_BYTES = 4  # the beginning of the first key, never of a value
_MAX_HINTS = 64
_MAX_SPELLED = 4096
_MAX_REASON = 1000  # it may quote what was sent
_ABOUT_A_DAY_NS = DAY_NS - 3600 * 10**9
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


# --- message types of one layout ----------------------------------------------------------------------------------------
# A key that the layout has must be there (null is a value), a key that it has not must not: whoever passes needs no look
# at single keys afterwards, which is a tenth of the whole time. Everything else is read with PushMessage.


def _narrowed(name: str, wide: type[msgspec.Struct], keys: frozenset[str], prefix: str, types: dict[str, Any]) -> Any:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for key, hint in get_type_hints(wide, include_extras=True).items():
        if prefix + key in keys or prefix + key not in RECORD_FIELDS:
            fields.append((key, types.get(key) or _without_unset(hint)))
        else:
            fields.append((key, Literal["never sent"], None))
    return msgspec.defstruct(name, fields, kw_only=True, gc=False)


def _without_unset(hint: Any) -> Any:
    members = [member for member in get_args(hint) if member is not UnsetType]
    union = members[0]
    for member in members[1:]:
        union = union | member
    return union


def _decoder_of(layout: str) -> msgspec.json.Decoder[Any]:
    keys = LAYOUTS[layout]
    deeper = _narrowed("Level", PushLevel, keys, "", {})
    types: dict[str, Any] = dict.fromkeys((key for key in _KEYS if key.startswith(("Sell", "Buy"))), deeper | None)
    for first in ("Sell1", "Buy1"):
        types[first] = _narrowed("Best", BestLevel, keys, f"{first}.", {}) | None
    return msgspec.json.Decoder(_narrowed(layout, PushMessage, keys, "", types))


_NARROW: dict[str, Callable[[bytes], Any]] = {layout: _decoder_of(layout).decode for layout in LAYOUTS}
_WIDE = msgspec.json.Decoder(PushMessage).decode


class BoardDecoder:
    """Bytes to boards; holds only what makes the next message cheaper, so the same bytes always give the same board.

    Parameters:
        mend_midnight: undo the vendor's date defect after midnight, see `midnight_mended` (default True).
    """

    def __init__(self, *, mend_midnight: bool = True) -> None:
        self._mend_midnight = mend_midnight
        self._times = TimeTable()
        self._hints: dict[bytes, tuple[str, Callable[[bytes], Any]]] = {}
        self._spelled: dict[tuple[str, int | None], str] = {}
        self._markets: dict[str, int] = {}
        self.mended = 0
        """Boards whose times after midnight were put right."""

    @property
    def unreadable_times(self) -> int:
        """Timestamps that were no time; their fields are None."""
        return self._times.unreadable

    def remember_market(self, code: str, market: int) -> None:
        """Say under which market a code was registered, for messages that do not name one."""
        self._markets[code] = market
        self._spelled.pop((code, None), None)

    def decode(self, payload: bytes, received_ns: int) -> Board:
        """Turn one message into a board.

        Parameters:
            payload: the JSON text, UTF-8.
            received_ns: when it was received, UTC epoch nanoseconds.

        Raises:
            DialectError: it is not a board.
        """
        # Messages that begin alike have the same keys, in practice; where that fails the message is read again.
        layout, decode = self._hints.get(payload[:_HINT_BYTES], _NO_HINT)
        try:
            if decode is not None:
                try:
                    return self._board(decode(payload), layout, received_ns)
                except msgspec.ValidationError:
                    pass
            return self._unhinted(_WIDE(payload), payload, received_ns)
        except _UNREADABLE as error:
            raise DialectError(
                f"kabu Station sent what is not a board: {str(error)[:_MAX_REASON]}", venue=VENUE
            ) from None

    def decode_reply(self, payload: bytes, received_ns: int, code: str, market: int) -> Board:
        """Turn the answer to ``GET /board`` into a board; the symbol asked for stands in where the answer names none.

        The verification environment answers every read with the same body, in which even the symbol is null.

        Parameters:
            payload: the bytes of the message.
            received_ns: when it arrived, UTC epoch nanoseconds.
            code: the symbol's code that the message names.
            market: number of the exchange that the message names.

        Raises:
            DialectError: it is no board.
        """
        try:
            message = _WIDE(payload)
        except _UNREADABLE as error:
            raise DialectError(
                f"kabu Station sent what is not a board: {str(error)[:_MAX_REASON]}", venue=VENUE
            ) from None
        self.remember_market(code, market)
        if message.Symbol is None:
            message.Symbol = code
        return self._unhinted(message, payload, received_ns)

    def _unhinted(self, message: PushMessage, payload: bytes, received_ns: int) -> Board:
        if not isinstance(message.Symbol, str):
            raise DialectError("kabu Station sent a message without a symbol", venue=VENUE)
        missing, unsaid = _missing_fields(message)
        security_type = None if message.SecurityType is UNSET else message.SecurityType
        layout = layout_of(missing, security_type, unsaid)
        narrow = _NARROW.get(layout)
        if narrow is not None and len(self._hints) < _MAX_HINTS:
            self._hints[payload[:_HINT_BYTES]] = (layout, narrow)
        _forget_unset(message)
        return self._board(message, layout, received_ns)

    def _board(self, m: Any, layout: str, received_ns: int) -> Board:
        times = self._times
        market = m.Exchange
        last_ns = times[m.CurrentPriceTime]
        volume_ns = times[m.TradingVolumeTime]
        bid_ns = times[m.AskTime]
        ask_ns = times[m.BidTime]
        if last_ns is not None and received_ns - last_ns > _ABOUT_A_DAY_NS and market in DERIVATIVE_EXCHANGES:
            last_ns, volume_ns = self._mended(last_ns, volume_ns, received_ns)
        exchange_ns = last_ns
        if bid_ns is not None and (exchange_ns is None or bid_ns > exchange_ns):
            exchange_ns = bid_ns
        if ask_ns is not None and (exchange_ns is None or ask_ns > exchange_ns):
            exchange_ns = ask_ns
        bids_ns = bids_sign = asks_ns = asks_sign = None
        buy = m.Buy1
        if buy is not None:
            bids_ns = times[buy.Time]
            bids_sign = buy.Sign
        sell = m.Sell1
        if sell is not None:
            asks_ns = times[sell.Time]
            asks_sign = sell.Sign
        # By position, which costs half of what names cost; the tests hold every field against the table above.
        return Board(
            VENUE,
            self._spelled.get((m.Symbol, market)) or self._spell(m.Symbol, market),
            m.SymbolName,
            layout,
            m.SecurityType,
            market,
            m.ExchangeName,
            m.CurrentPrice,
            last_ns,
            m.CurrentPriceStatus,
            m.CurrentPriceChangeStatus,
            m.CalcPrice,
            m.AskPrice,  # Board.bid_price: the vendor's names are the wrong way round
            m.AskQty,
            bid_ns,
            m.AskSign,
            m.BidPrice,  # Board.ask_price
            m.BidQty,
            ask_ns,
            m.BidSign,
            _levels(buy, m.Buy2, m.Buy3, m.Buy4, m.Buy5, m.Buy6, m.Buy7, m.Buy8, m.Buy9, m.Buy10),
            bids_ns,
            bids_sign,
            _levels(sell, m.Sell2, m.Sell3, m.Sell4, m.Sell5, m.Sell6, m.Sell7, m.Sell8, m.Sell9, m.Sell10),
            asks_ns,
            asks_sign,
            m.UnderBuyQty,
            m.OverSellQty,
            m.MarketOrderBuyQty,
            m.MarketOrderSellQty,
            m.OpeningPrice,
            times[m.OpeningPriceTime],
            m.HighPrice,
            times[m.HighPriceTime],
            m.LowPrice,
            times[m.LowPriceTime],
            m.TradingVolume,
            volume_ns,
            m.TradingValue,
            m.VWAP,
            m.PreviousClose,
            times[m.PreviousCloseTime],
            m.ChangePreviousClose,
            m.ChangePreviousClosePer,
            m.TotalMarketValue,
            m.ClearingPrice,
            m.IV,
            m.Delta,
            m.Gamma,
            m.Theta,
            m.Vega,
            exchange_ns=exchange_ns,
            received_ns=received_ns,
        )

    def _mended(self, last_ns: int, volume_ns: int | None, received_ns: int) -> tuple[int, int | None]:
        if not self._mend_midnight:
            return last_ns, volume_ns
        mended_ns = midnight_mended(last_ns, received_ns)
        if mended_ns != last_ns:
            self.mended += 1
        return mended_ns, None if volume_ns is None else midnight_mended(volume_ns, received_ns)

    def _spell(self, code: str, market: int | None) -> str:
        if not isinstance(code, str):
            raise DialectError("kabu Station sent a message without a symbol", venue=VENUE)
        said = market
        if said is None:
            said = self._markets.get(code) or INDEX_CODES.get(code, ("", 1))[1]
        if len(self._spelled) >= _MAX_SPELLED:
            self._spelled.clear()
        text = self._spelled[code, market] = f"{code}@{said}"
        return text


_NO_HINT: tuple[str, None] = ("", None)


def _levels(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any, j: Any) -> tuple[Level, ...]:
    """Return ten levels as records; written out because a loop costs twice as much and every board passes here."""
    if a is not None:
        try:
            if (
                a.Price and b.Price and c.Price and d.Price and e.Price
                and f.Price and g.Price and h.Price and i.Price and j.Price
                and a.Qty and b.Qty and c.Qty and d.Qty and e.Qty and f.Qty and g.Qty and h.Qty and i.Qty and j.Qty
            ):  # fmt: skip
                return (
                    Level(a.Price, a.Qty), Level(b.Price, b.Qty), Level(c.Price, c.Qty), Level(d.Price, d.Qty),
                    Level(e.Price, e.Qty), Level(f.Price, f.Qty), Level(g.Price, g.Qty), Level(h.Price, h.Qty),
                    Level(i.Price, i.Qty), Level(j.Price, j.Qty),
                )  # fmt: skip
        except AttributeError:  # a level below the first is null
            pass
    return tuple(
        [
            Level(level.Price, level.Qty)
            for level in (a, b, c, d, e, f, g, h, i, j)
            if level is not None and level.Price and level.Qty is not None
        ]
    )


# --- messages of no known layout ----------------------------------------------------------------------------------------


def _missing_fields(message: PushMessage) -> tuple[set[str], set[str]]:
    """Return the fields of the record whose keys are absent, and those of which a null level says nothing.

    Levels count as one field, missing when all ten are.
    """
    sent: set[str] = set()
    unsaid: set[str] = set()
    for key in _KEYS:
        value = getattr(message, key)
        if value is UNSET:
            continue
        sent.add(RECORD_FIELDS[key])
        if key in ("Sell1", "Buy1"):
            for part in ("Time", "Sign"):
                field = RECORD_FIELDS[f"{key}.{part}"]
                if value is None:
                    unsaid.add(field)
                elif getattr(value, part) is not UNSET:
                    sent.add(field)
    return _ALL_FIELDS - sent, unsaid


_ALL_FIELDS = set(RECORD_FIELDS.values())


def _forget_unset(message: msgspec.Struct) -> None:
    """Put None where a key is absent, in the levels too."""
    for key in message.__struct_fields__:
        value = getattr(message, key)
        if value is UNSET:
            setattr(message, key, None)
        elif isinstance(value, msgspec.Struct):
            _forget_unset(value)
