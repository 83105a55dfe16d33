"""Answers of the read calls about the market: what is listed, ranked, regulated and exchanged.

Source: kabu Station API reference, ``GET`` calls. The verification environment answers with nulls where production never
does, so that even a name may be None.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

__all__ = [
    "FxRate",
    "MarginPremium",
    "MarginPremiumReply",
    "MarginRank",
    "MarginRankingReply",
    "PrimaryExchangeReply",
    "Regulation",
    "RegulationsReply",
    "SectorRank",
    "SectorRankingReply",
    "SoftLimitReply",
    "StockRank",
    "StockRankingReply",
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
    """``GET /symbol/{symbol}@{exchange}``; which fields there are depends on the product."""

    Symbol: str | None = None
    """The vendor's code."""
    SymbolName: str | None = None
    """Name."""
    DisplayName: Text = UNSET
    """Short name."""
    Exchange: Whole = UNSET
    """Market code."""
    ExchangeName: Text = UNSET
    """Name of the market."""
    BisCategory: Text = UNSET
    """Sector code; on the wire it has blanks at its end (vendor issue 993)."""
    TotalMarketValue: Number = UNSET
    """Market capitalisation, yen; null without ``addinfo``."""
    TotalStocks: Number = UNSET
    """Shares outstanding, thousands; null without ``addinfo``."""
    TradingUnit: Number = UNSET
    """Shares or contracts that an order is a multiple of."""
    FiscalYearEndBasic: Whole = UNSET
    """End of the fiscal year, yyyyMMdd; null without ``addinfo``."""
    PriceRangeGroup: Text = UNSET
    """Tick group."""
    KCMarginBuy: Flag = UNSET
    """Whether it can be bought on general margin."""
    KCMarginSell: Flag = UNSET
    """Whether it can be sold on general margin."""
    MarginBuy: Flag = UNSET
    """Whether it can be bought on system margin."""
    MarginSell: Flag = UNSET
    """Whether it can be sold on system margin."""
    UpperLimit: Number = UNSET
    """Highest price allowed today."""
    LowerLimit: Number = UNSET
    """Lowest price allowed today."""
    Underlyer: Text = UNSET
    """Underlying of a derivative: "NK225", "TOPIX", ..."""
    DerivMonth: Text = UNSET
    """Contract month, "yyyy/MM"."""
    TradeStart: Whole = UNSET
    """First trading day, yyyyMMdd."""
    TradeEnd: Whole = UNSET
    """Last trading day, yyyyMMdd."""
    StrikePrice: Number = UNSET
    """Strike price of an option."""
    PutOrCall: Whole = UNSET
    """1 put, 2 call."""
    ClearingPrice: Number = UNSET
    """Settlement price; null without ``addinfo``."""


class SymbolNameReply(Struct):
    """``GET /symbolname/future``, ``/option`` and ``/minioptionweekly``."""

    Symbol: str | None = None
    """The vendor's code."""
    SymbolName: str | None = None
    """Name."""


class PrimaryExchangeReply(Struct):
    """``GET /primaryexchange/{symbol}``; the vendor's example spells the second key ``Exchange``."""

    Symbol: str | None = None
    """The vendor's code."""
    PrimaryExchange: int | None = None
    """The market where the stock is mainly traded: 1, 3, 5 or 6."""
    Exchange: Whole = UNSET
    """The same, should the example be right and the schema wrong."""


class SoftLimitReply(Struct):
    """``GET /apisoftlimit``: what a single order may not exceed."""

    Stock: float | None = 200.0
    """Cash orders, 10,000 yen."""
    Margin: float | None = 200.0
    """Margin orders, 10,000 yen."""
    Future: float | None = 10.0
    """Futures, contracts."""
    FutureMini: float | None = 100.0
    """Mini futures, contracts."""
    FutureMicro: float | None = 1000.0
    """Micro futures, contracts."""
    Option: float | None = 20.0
    """Options, contracts."""
    MiniOption: float | None = 200.0
    """Mini options, contracts."""
    KabuSVersion: str | None = "5.40.0.0"
    """Version of kabu Station."""


class MarginPremium(Struct):
    """The premium for selling short in one kind of margin trade."""

    MarginPremiumType: int | None = None
    """None not offered, 0 no premium, 1 fixed, 2 by auction."""
    MarginPremium: float | None = None
    """Premium now, yen a share."""
    UpperMarginPremium: float | None = None
    """Highest premium that may be bid."""
    LowerMarginPremium: float | None = None
    """Lowest premium that may be bid."""
    TickMarginPremium: float | None = None
    """Step of bids."""


class MarginPremiumReply(Struct):
    """``GET /margin/marginpremium/{symbol}``."""

    Symbol: str | None
    """The vendor's code."""
    GeneralMargin: MarginPremium | None
    """General margin, long term."""
    DayTrade: MarginPremium | None
    """General margin, day trade."""


class Regulation(Struct):
    """One restriction of trading in a symbol."""

    Exchange: int | None = None
    """Market code: 0 all, 9 SOR, 21, 36, 37 and 38 private systems, otherwise as elsewhere."""
    Product: int | None = None
    """0 all, 1 cash, 2 new system margin, 3 new general margin, 4 new margin, 5 to 7 the same for repaying, 8 receiving,
    9 delivering."""
    Side: str | None = None
    """"1" sell, "2" buy, "0" both."""
    Reason: str | None = None
    """The vendor's words."""
    LimitStartDay: str | None = None
    """From when, "yyyy/MM/dd HH:mm"."""
    LimitEndDay: str | None = None
    """Until when."""
    Level: int | None = None
    """0 none, 1 warning, 2 error: orders are refused."""


class RegulationsReply(Struct):
    """``GET /regulations/{symbol}@{exchange}``."""

    Symbol: str | None
    """The vendor's code."""
    RegulationsInfo: list[Regulation]
    """Restrictions; empty where there are none."""


class FxRate(Struct):
    """``GET /exchange/{pair}``: here bid is below ask, as everywhere but on boards."""

    Symbol: str | None
    """"USD/JPY"."""
    BidPrice: float | None
    """Where you can sell."""
    Spread: float | None
    """Distance of the two, in the pair's usual unit."""
    AskPrice: float | None
    """Where you can buy."""
    Change: float | None
    """Change since the day before."""
    Time: str | None
    """"HH:mm:ss", Japan's time."""


class StockRank(Struct):
    """A row of ``/ranking``, types 1 to 7."""

    No: int | None = None
    """Rank, from 1."""
    Trend: str | None = None
    """"0" none, "1" up by 20 or more, "2" up, "3" same, "4" down, "5" down by 20 or more."""
    AverageRanking: float | None = None
    """Average rank; 999 is 100th or worse."""
    Symbol: str | None = None
    """The vendor's code."""
    SymbolName: str | None = None
    """Name."""
    CurrentPrice: float | None = None
    """Last price."""
    ChangeRatio: float | None = None
    """Change since the day before, yen."""
    ChangePercentage: float | None = None
    """The same in percent."""
    CurrentPriceTime: str | None = None
    """"HH:mm"."""
    TradingVolume: float | None = None
    """Volume, thousand shares."""
    Turnover: float | None = None
    """Turnover, million yen."""
    ExchangeName: str | None = None
    """Section of the market."""
    CategoryName: str | None = None
    """Sector."""
    TickCount: Whole = UNSET
    """Executions; type 5."""
    UpCount: Whole = UNSET
    """Executions above the one before; type 5."""
    DownCount: Whole = UNSET
    """Executions below the one before; type 5."""
    RapidTradePercentage: Number = UNSET
    """Volume against the usual one, percent; type 6."""
    RapidPaymentPercentage: Number = UNSET
    """Turnover against the usual one, percent; type 7."""


class MarginRank(Struct):
    """A row of ``/ranking``, types 8 to 13: balances of margin trades."""

    No: int | None = None
    """Rank, from 1."""
    Symbol: str | None = None
    """The vendor's code."""
    SymbolName: str | None = None
    """Name."""
    SellRapidPaymentPercentage: float | None = None
    """Margin sold, thousand shares."""
    SellLastWeekRatio: float | None = None
    """Its change within a week."""
    BuyRapidPaymentPercentage: float | None = None
    """Margin bought, thousand shares."""
    BuyLastWeekRatio: float | None = None
    """Its change within a week."""
    Ratio: float | None = None
    """Bought by sold."""
    ExchangeName: str | None = None
    """Section of the market."""
    CategoryName: str | None = None
    """Sector."""


class SectorRank(Struct):
    """A row of ``/ranking``, types 14 and 15: sectors."""

    No: int | None = None
    """Rank, from 1."""
    Trend: str | None = None
    """As in `StockRank`."""
    AverageRanking: float | None = None
    """As in `StockRank`."""
    Category: str | None = None
    """Code of the sector; also the symbol of its index."""
    CategoryName: str | None = None
    """Sector."""
    CurrentPrice: float | None = None
    """The sector's index."""
    ChangeRatio: float | None = None
    """Its change since the day before."""
    CurrentPriceTime: str | None = None
    """"HH:mm"."""
    ChangePercentage: float | None = None
    """The change in percent."""


class StockRankingReply(Struct):
    """``GET /ranking`` with a type of 1 to 7."""

    Type: str | None
    """The type asked for."""
    ExchangeDivision: str | None
    """The division asked for."""
    Ranking: list[StockRank]
    """Rows, the first rank first; empty before the open."""


class MarginRankingReply(Struct):
    """``GET /ranking`` with a type of 8 to 13."""

    Type: str | None
    """The type asked for."""
    ExchangeDivision: str | None
    """The division asked for."""
    Ranking: list[MarginRank]
    """Rows, the first rank first."""


class SectorRankingReply(Struct):
    """``GET /ranking`` with a type of 14 or 15."""

    Type: str | None
    """The type asked for."""
    ExchangeDivision: str | None
    """The division asked for."""
    Ranking: list[SectorRank]
    """Rows, the first rank first."""


class TradedPrice(Struct):
    """One execution in ``GET /timeandsales/{symbol}@{exchange}``."""

    Time: str | None
    """When, ISO 8601."""
    Volume: float | None
    """How much."""
    Price: float | None
    """At which price."""


class TimeAndSales(Struct):
    """``GET /timeandsales/{symbol}@{exchange}``: every execution of the day."""

    Symbol: str | None
    """The vendor's code."""
    Exchange: int | None
    """Market code."""
    TradingPriceCount: int | None
    """How many executions."""
    TradingPrice: list[TradedPrice]
    """The executions, oldest first."""
