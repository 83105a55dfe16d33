"""``GET /ranking``: fifteen ways to order the stocks, from the market's own figures. Pure.

Ranks of earlier days are not modelled: ``Trend`` is "0" (none) and ``AverageRanking`` 999. Margin balances (types 8 to 13)
are made up from the seed, since nothing else in the market depends on them.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from wsexample.brokers.kabu.dialect.hours import iso
from wsexample.brokers.kabu.messages.reads import (
    MarginRank,
    MarginRankingReply,
    SectorRank,
    SectorRankingReply,
    StockRank,
    StockRankingReply,
)
from wsexample.brokers.kabu.simulator.catalogue import Kind
from wsexample.brokers.kabu.simulator.listing import View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.ticks import SEN

__all__ = ["DIVISIONS", "SECTORS", "ranking"]

RankingReply = StockRankingReply | MarginRankingReply | SectorRankingReply

DIVISIONS: dict[str, tuple[str, ...]] = {
    "ALL": ("東証プ", "東証ス", "東証グ", "名証プ"),
    "T": ("東証プ", "東証ス", "東証グ"),
    "TP": ("東証プ",),
    "TS": ("東証ス",),
    "TG": ("東証グ",),
    "M": ("名証プ",),
    "FK": (),
    "S": (),
}
"""``ExchangeDivision`` -> names of sections; nothing of Fukuoka and Sapporo is listed here."""

SECTORS: dict[str, str] = {
    "0050": "水産・農林業",
    "1050": "鉱業",
    "2050": "建設業",
    "3050": "食料品",
    "3100": "繊維製品",
    "3200": "化学",
    "3250": "医薬品",
    "3450": "鉄鋼",
    "3500": "非鉄金属",
    "3600": "機械",
    "3650": "電気機器",
    "3700": "輸送用機器",
    "3800": "その他製品",
    "4050": "電気・ガス業",
    "5050": "陸運業",
    "5100": "海運業",
    "5250": "情報・通信業",
    "6050": "卸売業",
    "6100": "小売業",
    "7050": "銀行業",
    "7100": "証券、商品先物取引業",
    "7150": "保険業",
    "9050": "サービス業",
}
"""``BisCategory`` -> name of the sector, as far as something of it is listed."""


def ranking(market: Market, kind: int, division: str) -> RankingReply | None:
    """Answer ``/ranking``; empty while nothing has traded, None for a type or division that does not exist.

    Parameters:
        market: what to rank.
        kind: ``Type``, 1 to 15.
        division: ``ExchangeDivision``.
    """
    sections = DIVISIONS.get(division)
    if sections is None or not 1 <= kind <= 15:
        return None
    views = [
        view
        for view in market.views.values()
        if view.listing.instrument.kind is Kind.STOCK and view.exchange_name in sections and view.day.last is not None
    ]
    if kind >= 14:
        return SectorRankingReply(str(kind), division, _sectors(views, is_up=kind == 14))
    if kind >= 8:
        return MarginRankingReply(str(kind), division, _margins(market.seed, views, kind))
    return StockRankingReply(str(kind), division, _prices(views, kind))


def _change(view: View) -> float:
    day = view.day
    return (day.last - day.previous_close) / day.previous_close if day.last is not None else 0.0


def _surge(view: View) -> float:
    """How today's volume stands against the usual one."""
    return view.day.volume / view.listing.instrument.daily_volume


_ORDERS: dict[int, Callable[[View], float]] = {
    1: _change,
    2: lambda view: -_change(view),
    3: lambda view: view.day.volume,
    4: lambda view: view.day.value,
    5: lambda view: view.day.trades,
    6: _surge,
    7: lambda view: _surge(view) * (1 + _change(view)),
}


def _prices(views: list[View], kind: int) -> list[StockRank]:
    rows = []
    for number, view in enumerate(sorted(views, key=_ORDERS[kind], reverse=True), start=1):
        instrument, day = view.listing.instrument, view.day
        last = day.last or 0
        row = StockRank(
            No=number,
            Trend="0",
            AverageRanking=999.0,
            Symbol=instrument.symbol,
            SymbolName=instrument.name,
            CurrentPrice=last / SEN,
            ChangeRatio=(last - day.previous_close) / SEN,
            ChangePercentage=round(_change(view) * 100, 2),
            CurrentPriceTime=iso(day.last_ns)[11:16],
            TradingVolume=day.volume / 1_000,
            Turnover=round(day.value / SEN / 1_000_000, 1),
            ExchangeName=view.exchange_name,
            CategoryName=SECTORS.get(instrument.category, ""),
        )
        if kind == 5:
            row.TickCount, row.UpCount, row.DownCount = day.trades, day.ups, day.downs
        elif kind == 6:
            row.RapidTradePercentage = round(_surge(view) * 100, 2)
        elif kind == 7:
            row.RapidPaymentPercentage = round(_ORDERS[7](view) * 100, 2)
        rows.append(row)
    return rows


_MARGIN_ORDERS: dict[int, Callable[[MarginRank], float]] = {
    8: lambda row: row.SellLastWeekRatio or 0.0,
    9: lambda row: row.SellLastWeekRatio or 0.0,
    10: lambda row: row.BuyLastWeekRatio or 0.0,
    11: lambda row: row.BuyLastWeekRatio or 0.0,
    12: lambda row: row.Ratio or 0.0,
    13: lambda row: row.Ratio or 0.0,
}


def _margins(seed: int, views: list[View], kind: int) -> list[MarginRank]:
    rows = []
    for view in views:
        instrument = view.listing.instrument
        rng = Random(f"{seed}/margin/{instrument.symbol}")
        sold = rng.uniform(0.01, 1.0) * instrument.daily_volume
        bought = rng.uniform(0.1, 6.0) * instrument.daily_volume
        rows.append(
            MarginRank(
                Symbol=instrument.symbol,
                SymbolName=instrument.name,
                SellRapidPaymentPercentage=round(sold / 1_000, 1),
                SellLastWeekRatio=round(rng.gauss(0, 0.2) * sold / 1_000, 1),
                BuyRapidPaymentPercentage=round(bought / 1_000, 1),
                BuyLastWeekRatio=round(rng.gauss(0, 0.2) * bought / 1_000, 1),
                Ratio=round(bought / sold, 2),
                ExchangeName=view.exchange_name,
                CategoryName=SECTORS.get(instrument.category, ""),
            )
        )
    rows.sort(key=_MARGIN_ORDERS[kind], reverse=kind % 2 == 0)
    for number, row in enumerate(rows, start=1):
        row.No = number
    return rows


def _sectors(views: list[View], *, is_up: bool) -> list[SectorRank]:
    by_sector: dict[str, list[View]] = {}
    for view in views:
        by_sector.setdefault(view.listing.instrument.category, []).append(view)
    changes = {code: sum(map(_change, members)) / len(members) for code, members in by_sector.items()}
    return [
        SectorRank(
            No=number,
            Trend="0",
            AverageRanking=999.0,
            Category=code,
            CategoryName=SECTORS.get(code, ""),
            CurrentPrice=round(1_000 * (1 + changes[code]), 2),
            ChangeRatio=round(1_000 * changes[code], 2),
            CurrentPriceTime=iso(max(view.day.last_ns for view in by_sector[code]))[11:16],
            ChangePercentage=round(changes[code] * 100, 2),
        )
        for number, code in enumerate(sorted(changes, key=changes.__getitem__, reverse=is_up), start=1)
    ]
