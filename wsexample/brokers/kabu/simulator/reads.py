"""What the read calls answer, from the market alone. Pure; `None` means that the vendor would not find it.

Boards are in `wsexample.brokers.kabu.simulator.image`; rankings in ``rankings``; calls about an account (orders,
positions, wallets) are not among them.
"""

from __future__ import annotations

import math
from random import Random

from wsexample.brokers.kabu.dialect.hours import iso
from wsexample.brokers.kabu.messages.reads import (
    FxRate,
    MarginPremium,
    MarginPremiumReply,
    PrimaryExchangeReply,
    Regulation,
    RegulationsReply,
    SymbolNameReply,
    SymbolReply,
    TimeAndSales,
    TradedPrice,
)
from wsexample.brokers.kabu.simulator.catalogue import Instrument, Kind
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = [
    "FX_PAIRS",
    "fx_rate",
    "margin_premium",
    "primary_exchange",
    "regulations",
    "symbol",
    "symbol_of_future",
    "symbol_of_option",
    "time_and_sales",
]

_UNDERLYERS = {"101": "NK225", "151": "TOPIX", "154": "GROWTH"}

# pair -> (vendor's symbol, mid price, spread, decimals)
FX_PAIRS: dict[str, tuple[str, float, float, int]] = {
    "usdjpy": ("USD/JPY", 156.42, 0.002, 3),
    "eurjpy": ("EUR/JPY", 180.35, 0.004, 3),
    "gbpjpy": ("GBP/JPY", 205.11, 0.009, 3),
    "audjpy": ("AUD/JPY", 101.28, 0.006, 3),
    "chfjpy": ("CHF/JPY", 193.74, 0.016, 3),
    "cadjpy": ("CAD/JPY", 110.96, 0.016, 3),
    "nzdjpy": ("NZD/JPY", 87.63, 0.008, 3),
    "zarjpy": ("ZAR/JPY", 9.052, 0.009, 3),
    "eurusd": ("EUR/USD", 1.15298, 0.00003, 5),
    "gbpusd": ("GBP/USD", 1.31127, 0.0001, 5),
    "audusd": ("AUD/USD", 0.64749, 0.00004, 5),
}


def symbol(view: View, *, has_details: bool) -> SymbolReply:
    """Answer ``/symbol``.

    Parameters:
        view: what was asked for.
        has_details: ``addinfo``; without it the four figures that cost time are null.
    """
    listing = view.listing
    instrument = listing.instrument
    reply = SymbolReply(Symbol=instrument.symbol, SymbolName=instrument.name)
    if instrument.kind is Kind.INDEX:
        return reply
    reply.DisplayName = instrument.name
    reply.Exchange = view.exchange
    reply.ExchangeName = view.exchange_name
    reply.TradingUnit = float(instrument.unit)
    reply.PriceRangeGroup = instrument.group
    reply.UpperLimit = listing.high_limit / SEN
    reply.LowerLimit = listing.low_limit / SEN
    if instrument.kind is Kind.STOCK:
        reply.BisCategory = instrument.category.ljust(10)  # blanks on the wire, vendor issue 993
        reply.TotalMarketValue = listing.last * instrument.shares / SEN if has_details else None
        reply.TotalStocks = instrument.shares / 1_000 if has_details else None
        reply.FiscalYearEndBasic = 20260331 if has_details else None
        reply.KCMarginBuy = reply.KCMarginSell = reply.MarginBuy = instrument.can_margin
        reply.MarginSell = instrument.can_short
        return reply
    assert instrument.expiry is not None
    reply.Underlyer = _UNDERLYERS[instrument.underlying]
    reply.DerivMonth = instrument.month
    reply.TradeStart = (instrument.expiry.year - 1) * 10_000 + instrument.expiry.month * 100 + 1
    reply.TradeEnd = int(f"{instrument.expiry:%Y%m%d}")
    reply.ClearingPrice = listing.base / SEN if has_details else None
    if instrument.kind is Kind.OPTION:
        reply.StrikePrice = float(instrument.strike)
        reply.PutOrCall = 2 if instrument.is_call else 1
    return reply


def symbol_of_future(market: Market, code: str, month: int) -> SymbolNameReply | None:
    """Answer ``/symbolname/future``: the contract of a month, or the nearest for month 0."""
    contracts = [item for item in market.instruments if item.kind is Kind.FUTURE]
    return _contract([item for item in contracts if item.product.lower() == code.lower()], month)


def symbol_of_option(market: Market, code: str, month: int, side: str, strike: int) -> SymbolNameReply | None:
    """Answer ``/symbolname/option``: strike 0 is the one closest to the index."""
    options = [
        item
        for item in market.instruments
        if item.kind is Kind.OPTION
        and item.product.lower() == code.lower()
        and item.is_call == (side.upper() == "C")
        and strike in (0, item.strike)
    ]
    level = market.views["101", 1].listing.last / SEN if ("101", 1) in market.views else 0.0
    return _contract(sorted(options, key=lambda item: abs(item.strike - level)), month)


def _contract(contracts: list[Instrument], month: int) -> SymbolNameReply | None:
    if month == 0:
        nearest = min((item.month for item in contracts), default="")
        found = next((item for item in contracts if item.month == nearest), None)
    else:
        found = next((item for item in contracts if int(item.month.replace("/", "")) == month), None)
    return SymbolNameReply(Symbol=found.symbol, SymbolName=found.name) if found else None


def primary_exchange(market: Market, code: str) -> PrimaryExchangeReply | None:
    """Answer ``/primaryexchange``: Tokyo for everything that is listed there."""
    exchanges = sorted(exchange for name, exchange in market.views if name == code and exchange in (1, 3, 5, 6))
    return PrimaryExchangeReply(Symbol=code, PrimaryExchange=exchanges[0]) if exchanges else None


def regulations(view: View) -> RegulationsReply:
    """Answer ``/regulations``: new short positions are refused where the instrument cannot be sold short."""
    instrument = view.listing.instrument
    info: list[Regulation] = []
    if not instrument.can_short:
        info.append(
            Regulation(
                Exchange=0,
                Product=2,
                Side="1",
                Reason="新規売建停止",
                LimitStartDay="2026/01/05 00:00",
                LimitEndDay="2029/12/31 00:00",
                Level=2,
            )
        )
    return RegulationsReply(Symbol=instrument.symbol, RegulationsInfo=info)


def margin_premium(market: Market, code: str) -> MarginPremiumReply | None:
    """Answer ``/margin/marginpremium``: a premium where shares to borrow are scarce, none elsewhere."""
    view = market.views.get((code, 1))
    if view is None or view.listing.instrument.kind is not Kind.STOCK:
        return None
    if view.listing.instrument.can_short:
        return MarginPremiumReply(
            Symbol=code,
            GeneralMargin=MarginPremium(0),
            DayTrade=MarginPremium(0),
        )
    return MarginPremiumReply(
        Symbol=code,
        GeneralMargin=MarginPremium(),
        DayTrade=MarginPremium(2, 0.55, 16.5, 0.3, 0.01),
    )


def fx_rate(seed: int, pair: str, now_ns: int) -> FxRate | None:
    """Answer ``/exchange``: a smooth path that seed and time alone decide."""
    row = FX_PAIRS.get(pair.lower())
    if row is None:
        return None
    name, middle, spread, digits = row
    rng = Random(f"{seed}/{name}")
    hours = now_ns / 3_600e9
    move = sum(
        weight * math.sin(hours * 2 * math.pi / period + rng.uniform(0, 2 * math.pi))
        for weight, period in ((0.004, 53.0), (0.002, 7.1), (0.0006, 0.9), (0.0001, 0.04))
    )
    bid = round(middle * math.exp(move), digits)
    return FxRate(
        Symbol=name,
        BidPrice=bid,
        Spread=round(spread * 10 ** (digits - 1), 1),
        AskPrice=round(bid + spread, digits),
        Change=round(bid - middle, digits),
        Time=iso(now_ns)[11:19],
    )


def time_and_sales(view: View) -> TimeAndSales:
    """Answer ``/timeandsales``: the latest executions of the view's session, oldest first."""
    day = view.day
    rows = [
        TradedPrice(Time=iso(at_ns), Volume=float(quantity), Price=price / SEN)
        for at_ns, price, quantity in view.listing.tape
        if day.last is not None and day.opening_ns <= at_ns <= day.last_ns
    ]
    return TimeAndSales(
        Symbol=view.listing.instrument.symbol,
        Exchange=view.exchange,
        TradingPriceCount=len(rows),
        TradingPrice=rows,
    )
