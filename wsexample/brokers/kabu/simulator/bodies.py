"""Bodies of the read calls with the vendor's own names, as far as no client reads them yet.

Absent keys are ``UNSET``, as in `wsexample.brokers.kabu.messages`. Source: kabu Station API reference, ``GET`` calls.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

__all__ = [
    "FxRate",
    "MarginPremium",
    "MarginPremiumReply",
    "PrimaryExchangeReply",
    "RankingReply",
    "RegulationsReply",
    "SoftLimitReply",
    "SymbolNameReply",
    "SymbolReply",
    "TimeAndSales",
    "TradedPrice",
]

Number = float | None | UnsetType
Text = str | None | UnsetType
Whole = int | None | UnsetType
Flag = bool | None | UnsetType


class SymbolReply(Struct):
    """``GET /symbol/{symbol}@{exchange}``."""

    Symbol: str
    SymbolName: str
    DisplayName: Text = UNSET
    Exchange: Whole = UNSET
    ExchangeName: Text = UNSET
    BisCategory: Text = UNSET
    TotalMarketValue: Number = UNSET
    TotalStocks: Number = UNSET
    TradingUnit: Number = UNSET
    FiscalYearEndBasic: Whole = UNSET
    PriceRangeGroup: Text = UNSET
    KCMarginBuy: Flag = UNSET
    KCMarginSell: Flag = UNSET
    MarginBuy: Flag = UNSET
    MarginSell: Flag = UNSET
    UpperLimit: Number = UNSET
    LowerLimit: Number = UNSET
    Underlyer: Text = UNSET
    DerivMonth: Text = UNSET
    TradeStart: Whole = UNSET
    TradeEnd: Whole = UNSET
    StrikePrice: Number = UNSET
    PutOrCall: Whole = UNSET
    ClearingPrice: Number = UNSET


class SymbolNameReply(Struct):
    """``GET /symbolname/...``."""

    Symbol: str
    SymbolName: str


class PrimaryExchangeReply(Struct):
    """``GET /primaryexchange/{symbol}``."""

    Symbol: str
    PrimaryExchange: int


class SoftLimitReply(Struct):
    """``GET /apisoftlimit``: amounts in 10,000 yen, contracts."""

    Stock: float = 200.0
    Margin: float = 200.0
    Future: float = 10.0
    FutureMini: float = 100.0
    FutureMicro: float = 1000.0
    Option: float = 20.0
    MiniOption: float = 200.0
    KabuSVersion: str = "5.40.0.0"


class MarginPremium(Struct):
    """One kind of margin trade in ``GET /margin/marginpremium/{symbol}``."""

    MarginPremiumType: int | None = None
    MarginPremium: float | None = None
    UpperMarginPremium: float | None = None
    LowerMarginPremium: float | None = None
    TickMarginPremium: float | None = None


class MarginPremiumReply(Struct):
    """``GET /margin/marginpremium/{symbol}``."""

    Symbol: str
    GeneralMargin: MarginPremium
    DayTrade: MarginPremium


class RegulationsReply(Struct):
    """``GET /regulations/{symbol}@{exchange}``."""

    Symbol: str
    RegulationsInfo: list[dict[str, object]]


class FxRate(Struct):
    """``GET /exchange/{pair}``: here bid is below ask, as everywhere but on boards."""

    Symbol: str
    BidPrice: float
    Spread: float
    AskPrice: float
    Change: float
    Time: str


class RankingReply(Struct):
    """``GET /ranking``; the shape of a row depends on the type."""

    Type: str
    ExchangeDivision: str
    Ranking: list[dict[str, object]]


class TradedPrice(Struct):
    """One execution in ``GET /timeandsales/{symbol}@{exchange}``."""

    Time: str
    Volume: float
    Price: float


class TimeAndSales(Struct):
    """``GET /timeandsales/{symbol}@{exchange}``."""

    Symbol: str
    Exchange: int
    TradingPriceCount: int
    TradingPrice: list[TradedPrice]
