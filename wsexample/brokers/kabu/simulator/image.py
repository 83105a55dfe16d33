"""A listing as the vendor shows it: the full image that push sends and ``GET /board`` answers. Pure.

Which keys there are depends on the kind of instrument; a key that applies and has no value is null.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from wsexample.brokers.kabu.dialect.hours import DAY_NS, Phase, S, day_of, iso, jst_ns
from wsexample.brokers.kabu.messages import BestLevel, PushLevel, PushMessage
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.listing import Day, Listing, View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = ["draw", "draw_nothing"]

LEVELS = 10
_BUG_NS = (10 * 60 + 39) * S

_NOT_OF_STOCKS = frozenset({"ClearingPrice", "IV", "Gamma", "Theta", "Vega", "Delta"})


@dataclass(frozen=True, slots=True)
class _Quotes:
    """Both sides as they are shown: (price, quantity), best first."""

    sells: list[tuple[int, int]]
    buys: list[tuple[int, int]]
    over: int
    """Quantity to sell above what is shown."""
    under: int
    """Quantity to buy below what is shown."""
    sell_sign: str
    buy_sign: str


def draw(market: Market, view: View, switches: Switches, *, is_empty: bool = False) -> PushMessage:
    """Return the board of a view as it is now.

    Parameters:
        market: where it is listed.
        view: which market code's figures.
        switches: how doubtful fields are filled.
        is_empty: leave every price and quantity null, as a read that timed out inside kabu Station.
    """
    listing = view.listing
    kind = listing.instrument.kind
    message = PushMessage()
    if kind is Kind.STOCK:
        _add_stock(message, listing, view.day)
    elif kind is Kind.FUTURE:
        message.ClearingPrice = listing.base / SEN
    elif kind is Kind.OPTION:
        _add_greeks(message, market, view)
    if kind is not Kind.INDEX:
        _add_book(message, market, view)
    _add_price(message, view, switches)
    if is_empty:
        _forget(message)
    elif switches.midnight_date_bug and kind in (Kind.FUTURE, Kind.OPTION):
        _misdate(message, view.day, market.now_ns)
    return message


def draw_nothing() -> PushMessage:
    """Return the board of the verification environment: a stock's keys, every value null."""
    return PushMessage(**{name: None for name in PushMessage.__struct_fields__ if name not in _NOT_OF_STOCKS})


def _add_stock(message: PushMessage, listing: Listing, day: Day) -> None:
    price = day.last if day.last is not None else day.previous_close
    message.TotalMarketValue = price * listing.instrument.shares / SEN
    message.MarketOrderSellQty = float(listing.book.market_sell)
    message.MarketOrderBuyQty = float(listing.book.market_buy)
    message.BidTime = iso(listing.ask_ns)
    message.AskTime = iso(listing.bid_ns)


def _add_greeks(message: PushMessage, market: Market, view: View) -> None:
    message.IV = message.Gamma = message.Theta = message.Vega = message.Delta = None
    worth = market.worth(view)
    if view.exchange == 2 and worth is not None:  # the specification gives them for the whole day only
        message.IV = round(worth.volatility * 100, 2)
        message.Gamma = round(worth.gamma, 6)
        message.Theta = round(worth.theta, 4)
        message.Vega = round(worth.vega, 4)
        message.Delta = round(worth.delta, 4)


def _add_book(message: PushMessage, market: Market, view: View) -> None:
    listing, day = view.listing, view.day
    is_stock = listing.instrument.kind is Kind.STOCK
    quotes = _call_quotes(market, view) if listing.phase.is_call else _continuous_quotes(market, view)
    if is_stock:
        message.OverSellQty = float(quotes.over)
        message.UnderBuyQty = float(quotes.under)
    message.Exchange = view.exchange
    message.ExchangeName = view.exchange_name
    if day.last is None:
        message.TradingVolume = message.TradingVolumeTime = message.VWAP = message.TradingValue = None
    else:
        message.TradingVolume = float(day.volume)
        message.TradingVolumeTime = iso(day.last_ns)
        message.VWAP = round(day.value / day.volume / SEN, 4)
        message.TradingValue = day.value * listing.instrument.multiplier / SEN
    fallback = listing.last / SEN if listing.phase is Phase.OPEN else None
    # The vendor's Bid is the side that sells, its Ask the side that buys.
    message.BidPrice, message.BidQty = _best(quotes.sells, fallback)
    message.BidSign = quotes.sell_sign
    message.AskPrice, message.AskQty = _best(quotes.buys, fallback)
    message.AskSign = quotes.buy_sign
    sell_time = iso(listing.ask_ns) if is_stock else None
    buy_time = iso(listing.bid_ns) if is_stock else None
    message.Sell1 = _first(quotes.sells, quotes.sell_sign, sell_time)
    message.Buy1 = _first(quotes.buys, quotes.buy_sign, buy_time)
    (
        message.Sell2,
        message.Sell3,
        message.Sell4,
        message.Sell5,
        message.Sell6,
        message.Sell7,
        message.Sell8,
        message.Sell9,
        message.Sell10,
    ) = _deeper(quotes.sells)
    (
        message.Buy2,
        message.Buy3,
        message.Buy4,
        message.Buy5,
        message.Buy6,
        message.Buy7,
        message.Buy8,
        message.Buy9,
        message.Buy10,
    ) = _deeper(quotes.buys)


def _best(levels: list[tuple[int, int]], fallback: float | None) -> tuple[float | None, float | None]:
    if levels:
        return levels[0][0] / SEN, float(levels[0][1])
    return fallback, 0.0 if fallback is not None else None  # seen at the daily limit: price set, levels all zero


def _first(levels: list[tuple[int, int]], sign: str, time: str | None) -> BestLevel:
    price, quantity = levels[0] if levels else (0, 0)
    if time is None:
        return BestLevel(price / SEN, float(quantity), sign)
    return BestLevel(price / SEN, float(quantity), sign, time)


def _deeper(levels: list[tuple[int, int]]) -> list[PushLevel]:
    shown = [PushLevel(price / SEN, float(quantity)) for price, quantity in levels[1:LEVELS]]
    shown.extend(PushLevel(0.0, 0.0) for _ in range(LEVELS - 1 - len(shown)))
    return shown


def _continuous_quotes(market: Market, view: View) -> _Quotes:
    listing = view.listing
    asks, bids = listing.book.asks, listing.book.bids
    sells = [(price, asks.quantities[price]) for price in asks.best_first(LEVELS)]
    buys = [(price, bids.quantities[price]) for price in bids.best_first(LEVELS)]
    sell_sign = buy_sign = "0109" if listing.phase is Phase.CLOSED else "0101"
    if listing.phase is Phase.OPEN:  # one side empty at the daily limit: the other one shows a special quote
        sell_sign = "0102" if not buys else sell_sign
        buy_sign = "0102" if not sells else buy_sign
    deep_sell, deep_buy = market.deep_quantities(view)
    return _Quotes(
        sells=sells,
        buys=buys,
        over=asks.total - sum(quantity for _, quantity in sells) + deep_sell,
        under=bids.total - sum(quantity for _, quantity in buys) + deep_buy,
        sell_sign=sell_sign,
        buy_sign=buy_sign,
    )


def _call_quotes(market: Market, view: View) -> _Quotes:
    """Show orders that wait for an auction: around its price, what lies inside added to the best level."""
    listing = view.listing
    book = listing.book
    auction = book.auction(listing.last)
    sells = [(price, book.asks.quantities[price]) for price in book.asks.best_first()]
    buys = [(price, book.bids.quantities[price]) for price in book.bids.best_first()]
    sign = "0116"
    if auction is not None:
        sign = "0117"
        sells = _gathered(sells, [row for row in sells if row[0] >= auction.price], book.market_sell)
        lowest = sells[0][0] if sells else auction.price + 1
        buys = _gathered(buys, [row for row in buys if row[0] < lowest], book.market_buy)
    deep_sell, deep_buy = market.deep_quantities(view)
    return _Quotes(
        sells=sells[:LEVELS],
        buys=buys[:LEVELS],
        over=sum(quantity for _, quantity in sells[LEVELS:]) + deep_sell,
        under=sum(quantity for _, quantity in buys[LEVELS:]) + deep_buy,
        sell_sign=sign,
        buy_sign=sign,
    )


def _gathered(all_rows: list[tuple[int, int]], shown: list[tuple[int, int]], market: int) -> list[tuple[int, int]]:
    if not shown:
        return shown
    inside = sum(quantity for _, quantity in all_rows) - sum(quantity for _, quantity in shown)
    price, quantity = shown[0]
    return [(price, quantity + inside + market), *shown[1:]]


def _add_price(message: PushMessage, view: View, switches: Switches) -> None:
    day, instrument = view.day, view.listing.instrument
    is_index = instrument.kind is Kind.INDEX
    message.Symbol = instrument.symbol
    message.SymbolName = instrument.name
    message.PreviousClose = day.previous_close / SEN
    message.PreviousCloseTime = iso(day.previous_ns)
    message.SecurityType = instrument.security_type
    if day.last is None or day.opening is None or day.high is None or day.low is None:
        message.CurrentPrice = message.CurrentPriceTime = None
        message.CurrentPriceChangeStatus = None
        message.CurrentPriceStatus = None if is_index else switches.status_before_first_trade
        message.CalcPrice = day.previous_close / SEN
        message.ChangePreviousClose = message.ChangePreviousClosePer = None
        message.OpeningPrice = message.OpeningPriceTime = None
        message.HighPrice = message.HighPriceTime = None
        message.LowPrice = message.LowPriceTime = None
        return
    change = day.last - day.previous_close
    message.CurrentPrice = message.CalcPrice = day.last / SEN
    message.CurrentPriceTime = iso(day.last_ns)
    message.CurrentPriceChangeStatus = day.tick
    message.CurrentPriceStatus = None if is_index else day.status  # seen on /board/101@1
    message.ChangePreviousClose = change / SEN
    message.ChangePreviousClosePer = round(change * 100 / day.previous_close, 2)
    message.OpeningPrice, message.OpeningPriceTime = day.opening / SEN, iso(day.opening_ns)
    message.HighPrice, message.HighPriceTime = day.high / SEN, iso(day.high_ns)
    message.LowPrice, message.LowPriceTime = day.low / SEN, iso(day.low_ns)


_KNOWN_WITHOUT_DATA = {"Symbol", "SymbolName", "Exchange", "ExchangeName", "SecurityType"}


def _forget(message: PushMessage) -> None:
    for name in PushMessage.__struct_fields__:
        if name not in _KNOWN_WITHOUT_DATA and getattr(message, name) is not UNSET:
            setattr(message, name, None)


def _misdate(message: PushMessage, day: Day, now_ns: int) -> None:
    """Repeat the vendor's fault: until 00:10:39 three times carry the date of the day before (vendor issues 537, 869)."""
    midnight_ns = jst_ns(day_of(now_ns))
    if now_ns - midnight_ns > _BUG_NS:
        return
    if day.last is not None and day.last_ns >= midnight_ns:
        message.CurrentPriceTime = message.TradingVolumeTime = iso(day.last_ns - DAY_NS)
    message.PreviousCloseTime = iso(day.previous_ns - DAY_NS)
