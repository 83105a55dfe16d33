"""Market data records: frozen structs that every venue's messages become.

Every record has ``venue``, ``symbol``, ``exchange_ns`` and ``received_ns``: integers, nanoseconds, UTC epoch;
``exchange_ns`` is None where the venue sends no time. Prices and sizes are float; None means that the venue did not say.
``bid`` is where you can sell, ``ask`` where you can buy, whatever the vendor calls them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = [
    "Bar",
    "Board",
    "Book",
    "Imbalance",
    "Level",
    "News",
    "Price",
    "PriceBand",
    "Pricing",
    "Quote",
    "Record",
    "Size",
    "Ticker",
    "TimeNs",
    "Trade",
    "TradeCancel",
    "TradeCorrection",
    "TradingStatus",
]

_PRICE = Meta(extra={"unit": "price"})
_SIZE = Meta(extra={"unit": "size"})

Price = Annotated[float | None, _PRICE]
Size = Annotated[float | None, _SIZE]
TimeNs = Annotated[int | None, Meta(extra={"unit": "ns"})]


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind"):
    """What all records share."""

    venue: str
    """Where it comes from: "kabu", "alpaca", "weex"."""
    symbol: str
    """The venue's own symbol, with its market where the venue has several ("9433@1")."""
    exchange_ns: TimeNs = None
    """The venue's time of the event, UTC epoch nanoseconds; None where it sends none."""
    received_ns: int
    """When this machine received the message, UTC epoch nanoseconds."""


class Level(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One price level of a book."""

    price: float
    """Price of the level."""
    size: float
    """Total size waiting there."""


class Quote(Record, frozen=True, kw_only=True, gc=False, tag="quote"):
    """Best bid and ask."""

    bid_price: Price = None
    """Highest price at which somebody buys: where you can sell."""
    bid_size: Size = None
    """Size at the best bid."""
    ask_price: Price = None
    """Lowest price at which somebody sells: where you can buy."""
    ask_size: Size = None
    """Size at the best ask."""
    bid_exchange: str | None = None
    """The venue's code of the exchange that has the best bid."""
    ask_exchange: str | None = None
    """The venue's code of the exchange that has the best ask."""
    conditions: tuple[str, ...] = ()
    """The venue's condition codes."""
    tape: str | None = None
    """The consolidated tape (US equities): "A", "B", "C" or "O"."""


class Trade(Record, frozen=True, kw_only=True, gc=False, tag="trade"):
    """One execution on the market."""

    price: Annotated[float, _PRICE]
    """Price of the trade."""
    size: Annotated[float, _SIZE]
    """Size of the trade."""
    trade_id: str | None = None
    """The venue's identifier of the trade."""
    aggressor: str | None = None
    """"buy" or "sell": the side that took liquidity; None where the venue does not say."""
    exchange: str | None = None
    """The venue's code of the exchange where it happened."""
    conditions: tuple[str, ...] = ()
    """The venue's condition codes."""
    tape: str | None = None
    """The consolidated tape (US equities): "A", "B", "C" or "O"."""


class Bar(Record, frozen=True, kw_only=True, gc=False, tag="bar"):
    """Open, high, low, close and volume of an interval; ``exchange_ns`` is its start."""

    interval_s: float
    """Length of the interval, seconds."""
    open: Annotated[float, _PRICE]
    """First price."""
    high: Annotated[float, _PRICE]
    """Highest price."""
    low: Annotated[float, _PRICE]
    """Lowest price."""
    close: Annotated[float, _PRICE]
    """Last price."""
    volume: Size = None
    """Size traded."""
    vwap: Price = None
    """Volume-weighted average price."""
    trade_count: int | None = None
    """Number of trades."""
    state: str | None = None
    """"final": the interval is over; "updated": replaces the bar of this interval that came before; "running": the
    interval goes on; None where the venue does not say."""


class Book(Record, frozen=True, kw_only=True, gc=False, tag="book"):
    """Price levels of both sides, best first."""

    bids: tuple[Level, ...] = ()
    """Buyers, highest price first."""
    asks: tuple[Level, ...] = ()
    """Sellers, lowest price first."""
    sequence: int | None = None
    """The venue's sequence number of this state."""


class TradeCorrection(Record, frozen=True, kw_only=True, gc=False, tag="trade_correction"):
    """A trade was published wrongly, and this is how it should have been."""

    original_id: str | None = None
    """Identifier of the trade that was wrong."""
    original_price: Price = None
    """Its price."""
    original_size: Size = None
    """Its size."""
    original_conditions: tuple[str, ...] = ()
    """Its condition codes."""
    corrected_id: str | None = None
    """Identifier of the trade in its place."""
    corrected_price: Price = None
    """The right price."""
    corrected_size: Size = None
    """The right size."""
    corrected_conditions: tuple[str, ...] = ()
    """The right condition codes."""
    exchange: str | None = None
    """The venue's code of the exchange where it happened."""
    tape: str | None = None
    """The consolidated tape."""


class TradeCancel(Record, frozen=True, kw_only=True, gc=False, tag="trade_cancel"):
    """A published trade does not count any more."""

    trade_id: str | None = None
    """Identifier of the trade."""
    price: Price = None
    """Its price."""
    size: Size = None
    """Its size."""
    action: str | None = None
    """"cancel" or "error", or the venue's code where it is another."""
    exchange: str | None = None
    """The venue's code of the exchange where it happened."""
    tape: str | None = None
    """The consolidated tape."""


class TradingStatus(Record, frozen=True, kw_only=True, gc=False, tag="trading_status"):
    """Whether an instrument may be traded: halts and resumptions."""

    code: str | None = None
    """The venue's code of the status, such as "H" for a halt."""
    text: str | None = None
    """The same in the venue's words."""
    reason_code: str | None = None
    """The venue's code of the reason."""
    reason_text: str | None = None
    """The reason in the venue's words."""
    tape: str | None = None
    """The consolidated tape; status and reason codes have their meaning by it."""


class PriceBand(Record, frozen=True, kw_only=True, gc=False, tag="price_band"):
    """Between which prices an instrument may trade now (limit up, limit down)."""

    upper_price: Price = None
    """Highest price allowed."""
    lower_price: Price = None
    """Lowest price allowed."""
    indicator: str | None = None
    """The venue's code for what the band is about."""
    tape: str | None = None
    """The consolidated tape."""


class Imbalance(Record, frozen=True, kw_only=True, gc=False, tag="imbalance"):
    """Where an auction would clear while orders do not match."""

    price: Price = None
    """Reference price of the auction."""
    tape: str | None = None
    """The consolidated tape."""


class Pricing(Record, frozen=True, kw_only=True, gc=False, tag="pricing"):
    """What a perpetual contract is valued at."""

    index_price: Price = None
    """Price of what the contract stands for."""
    mark_price: Price = None
    """Price at which positions are valued."""
    funding_rate: float | None = None
    """Rate of the next funding payment, as a fraction."""
    open_interest: Size = None
    """Contracts that are open."""
    next_funding_ns: TimeNs = None
    """When the next funding payment is due."""
    exchange: str | None = None
    """The venue's code of the exchange."""


class Ticker(Record, frozen=True, kw_only=True, gc=False, tag="ticker"):
    """Last price and the figures of the last 24 hours."""

    last_price: Annotated[float, _PRICE]
    """Last traded price."""
    open_price: Price = None
    """Price 24 hours ago."""
    high_price: Price = None
    """Highest price."""
    low_price: Price = None
    """Lowest price."""
    vwap: Price = None
    """Volume-weighted average price."""
    volume: Size = None
    """Size traded."""
    turnover: Annotated[float | None, Meta(extra={"unit": "money"})] = None
    """Money traded."""
    change: Price = None
    """Last price less the price 24 hours ago."""
    change_percent: Annotated[float | None, Meta(extra={"unit": "percent"})] = None
    """The same in percent."""
    trade_count: int | None = None
    """Number of trades."""
    mark_price: Price = None
    """Price at which positions are valued."""
    index_price: Price = None
    """Price of what a contract stands for."""


class News(Record, frozen=True, kw_only=True, gc=False, tag="news_item"):
    """An article; ``symbol`` is the first of ``symbols``, "" when it names none."""

    news_id: str
    """The venue's identifier of the article; an updated article keeps it."""
    headline: str = ""
    """Its headline."""
    symbols: tuple[str, ...] = ()
    """Every instrument that it names."""
    source: str | None = None
    """Who published it."""
    author: str | None = None
    """Who wrote it."""
    url: str | None = None
    """Where it can be read."""
    summary: str | None = None
    """What it says, in short."""
    content: str | None = None
    """What it says; may be HTML, and large."""
    created_ns: TimeNs = None
    """When it was published."""
    updated_ns: TimeNs = None
    """When it was changed last; the same as ``exchange_ns``."""


class Board(Record, frozen=True, gc=False, tag="board"):
    """A full image of one instrument: last price, day's figures, best quotes and levels (kabu Station).

    Fields may be given by position as well as by name, because a dialect makes thousands a second; everybody else
    names them. None is "no value yet" or "does not apply"; ``layout`` tells which.
    """

    venue: str
    """Where it comes from."""
    symbol: str
    """The venue's code and market, "9433@1"."""
    name: str | None = None
    """Name of the instrument, as the venue writes it."""
    layout: str | None = None
    """Which fields the venue sent: "stock", "futures", "option", "index", with what was missing (-) or added (+)."""
    security_type: int | None = None
    """The venue's code for the product."""
    market: int | None = None
    """The venue's code for the market."""
    market_name: str | None = None
    """Name of the market, as the venue writes it."""
    last_price: Price = None
    """Last traded price."""
    last_ns: TimeNs = None
    """Time of the last trade."""
    last_status: int | None = None
    """The venue's code for the state of the last price."""
    last_tick: str | None = None
    """The venue's code for the direction of the last price."""
    valuation_price: Price = None
    """Price used for valuation; differs from the last price around corporate actions."""
    bid_price: Price = None
    """Highest price at which somebody buys: where you can sell."""
    bid_size: Size = None
    """Size at the best bid."""
    bid_ns: TimeNs = None
    """Time of the best bid."""
    bid_sign: str | None = None
    """The venue's flag of the bid quote."""
    ask_price: Price = None
    """Lowest price at which somebody sells: where you can buy."""
    ask_size: Size = None
    """Size at the best ask."""
    ask_ns: TimeNs = None
    """Time of the best ask."""
    ask_sign: str | None = None
    """The venue's flag of the ask quote."""
    bids: tuple[Level, ...] = ()
    """Buyers, highest price first; only levels that have a price."""
    bids_ns: TimeNs = None
    """Time of the first level of the bids."""
    bids_sign: str | None = None
    """The venue's flag of the first level of the bids."""
    asks: tuple[Level, ...] = ()
    """Sellers, lowest price first; only levels that have a price."""
    asks_ns: TimeNs = None
    """Time of the first level of the asks."""
    asks_sign: str | None = None
    """The venue's flag of the first level of the asks."""
    bids_below_size: Size = None
    """Size waiting to buy below the last level shown."""
    asks_above_size: Size = None
    """Size waiting to sell above the last level shown."""
    market_buy_size: Size = None
    """Size waiting to buy at market."""
    market_sell_size: Size = None
    """Size waiting to sell at market."""
    open_price: Price = None
    """First price of the day."""
    open_ns: TimeNs = None
    """Time of the first price of the day."""
    high_price: Price = None
    """Highest price of the day."""
    high_ns: TimeNs = None
    """Time of the highest price of the day."""
    low_price: Price = None
    """Lowest price of the day."""
    low_ns: TimeNs = None
    """Time of the lowest price of the day."""
    volume: Size = None
    """Size traded today."""
    volume_ns: TimeNs = None
    """Time of the last change of the volume."""
    turnover: Annotated[float | None, Meta(extra={"unit": "money"})] = None
    """Money traded today."""
    vwap: Price = None
    """Volume-weighted average price of the day."""
    previous_close: Price = None
    """Closing price of the day before."""
    previous_close_ns: TimeNs = None
    """Day of the previous close."""
    change: Price = None
    """Last price less the previous close."""
    change_percent: Annotated[float | None, Meta(extra={"unit": "percent"})] = None
    """The same in percent of the previous close."""
    market_value: Annotated[float | None, Meta(extra={"unit": "money"})] = None
    """Market capitalisation."""
    settlement_price: Price = None
    """Settlement price of futures."""
    implied_volatility: float | None = None
    """Implied volatility of an option, in the venue's unit."""
    delta: float | None = None
    """Change of an option's price with its underlying."""
    gamma: float | None = None
    """Change of delta with the underlying."""
    theta: float | None = None
    """Change of an option's price with time."""
    vega: float | None = None
    """Change of an option's price with volatility."""
