"""What is listed: about sixty instruments that look like the real ones, with the figures that drive the market model.

Prices, volumes and share counts are round figures of the right size, not quotations. Futures and options are made
from a date, because their codes name a month: ``futures_chain`` and ``options_chain``. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum

from wsexample.brokers.kabu.simulator.ticks import PRICE_RANGE_GROUPS, SEN

__all__ = ["EXCHANGE_NAMES", "Instrument", "Kind", "catalogue", "contract_months", "last_trading_day"]


class Kind(Enum):
    """Which set of keys a board has."""

    STOCK = "stock"
    FUTURE = "future"
    OPTION = "option"
    INDEX = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument as it is listed; nothing in it changes during a day."""

    symbol: str
    """The vendor's code."""
    name: str
    """``SymbolName``."""
    kind: Kind
    """Which set of keys its board has."""
    exchanges: tuple[int, ...]
    """Market codes under which it can be read; a derivative has three views of one order book."""
    exchange_name: str = ""
    """``ExchangeName`` of a stock; a derivative's follows from the market code."""
    group: str = ""
    """``PriceRangeGroup``; "" for an index."""
    base: int = 0
    """Previous close in sen."""
    unit: int = 1
    """``TradingUnit``: shares or contracts that one order is a multiple of."""
    multiplier: int = 1
    """Yen per point and contract; 1 for stocks."""
    daily_volume: int = 0
    """Shares or contracts that change hands on a usual day."""
    pace: float = 1.0
    """How busy it is, relative to a large stock."""
    volatility: float = 0.014
    """Standard deviation of a day's return."""
    beta: float = 1.0
    """How much of the whole market's move it follows."""
    shares: int = 0
    """Shares outstanding."""
    category: str = ""
    """``BisCategory``, the exchange's sector code."""
    security_type: int = 1
    """``SecurityType`` of quotes."""
    can_margin: bool = True
    """Whether it can be bought on margin (system)."""
    can_short: bool = True
    """Whether it can be sold on margin (system)."""
    product: str = ""
    """``FutureCode`` or ``OptionCode`` of a derivative."""
    expiry: date | None = None
    """Last trading day of a derivative."""
    month: str = ""
    """``DerivMonth`` of a derivative, "yyyy/MM"."""
    strike: int = 0
    """Strike price of an option, yen."""
    is_call: bool | None = None
    """True for a call, False for a put."""
    underlying: str = ""
    """Symbol of the index that a derivative follows; ``Underlyer`` is derived from it."""
    members: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    """An index's members: (symbol, weight)."""


EXCHANGE_NAMES = {2: "大阪日通し", 23: "大阪日中", 24: "大阪夜間"}

# code, name, section, tick group, price (yen), unit, daily volume (thousand shares), shares outstanding (million),
# sector code, pace, volatility of a day (%), beta
_STOCKS = (
    ("1332", "ニッスイ", "東証プ", "10003", 1105, 100, 2_300, 312, "0050", 0.4, 1.6, 0.6),
    ("1605", "ＩＮＰＥＸ", "東証プ", "10003", 2840, 100, 6_200, 1260, "1050", 0.8, 1.9, 0.9),
    ("1925", "大和ハウス工業", "東証プ", "10003", 5212, 100, 1_900, 660, "2050", 0.5, 1.2, 0.7),
    ("2502", "アサヒグループホールディングス", "東証プ", "10003", 1758.5, 100, 6_900, 1521, "3050", 0.7, 1.3, 0.5),
    ("2802", "味の素", "東証プ", "10003", 3548, 100, 4_800, 1004, "3050", 0.7, 1.5, 0.6),
    ("2914", "ＪＴ", "東証プ", "10003", 5236, 100, 4_100, 2000, "3050", 0.8, 1.0, 0.4),
    ("3382", "セブン＆アイ・ホールディングス", "東証プ", "10003", 2055, 100, 7_400, 2604, "6100", 0.8, 1.6, 0.6),
    ("3402", "東レ", "東証プ", "10003", 998.4, 100, 6_600, 1631, "3100", 0.6, 1.4, 0.9),
    ("4063", "信越化学工業", "東証プ", "10003", 4712, 100, 5_900, 1985, "3200", 0.9, 1.8, 1.1),
    ("4385", "メルカリ", "東証プ", "10003", 2689.5, 100, 2_900, 164, "5250", 0.6, 2.8, 1.2),
    ("4502", "武田薬品工業", "東証プ", "10003", 4401, 100, 4_400, 1590, "3250", 0.8, 1.0, 0.5),
    ("4568", "第一三共", "東証プ", "10003", 3327, 100, 6_100, 1890, "3250", 0.7, 2.2, 0.7),
    ("4661", "オリエンタルランド", "東証プ", "10003", 2871.5, 100, 5_300, 1800, "9050", 0.7, 1.6, 0.7),
    ("4755", "楽天グループ", "東証プ", "10003", 942.1, 100, 16_000, 2160, "9050", 0.9, 2.3, 1.1),
    ("4911", "資生堂", "東証プ", "10003", 2213, 100, 3_600, 400, "3200", 0.6, 2.0, 0.8),
    ("5401", "日本製鉄", "東証プ", "10003", 628.9, 100, 29_000, 5370, "3450", 0.9, 1.5, 1.0),
    ("5801", "古河電気工業", "東証プ", "10003", 9861, 100, 3_300, 70, "3500", 0.8, 3.4, 1.5),
    ("6098", "リクルートホールディングス", "東証プ", "10003", 7764, 100, 3_700, 1530, "9050", 0.8, 2.2, 1.2),
    ("6146", "ディスコ", "東証プ", "10003", 45210, 100, 2_500, 108, "3600", 1.0, 3.2, 1.6),
    ("6301", "コマツ", "東証プ", "10003", 5083, 100, 3_000, 930, "3600", 0.7, 1.6, 1.0),
    ("6501", "日立製作所", "東証プ", "10003", 4722, 100, 9_800, 4581, "3650", 1.1, 1.9, 1.2),
    ("6506", "安川電機", "東証プ", "10003", 4108, 100, 3_500, 266, "3650", 0.7, 2.5, 1.4),
    ("6758", "ソニーグループ", "東証プ", "10003", 4388, 100, 11_500, 6149, "3650", 1.2, 1.7, 1.1),
    ("6857", "アドバンテスト", "東証プ", "10003", 19845, 100, 9_400, 766, "3650", 1.4, 3.4, 1.8),
    ("6861", "キーエンス", "東証プ", "10003", 56930, 100, 640, 243, "3650", 0.8, 1.9, 1.2),
    ("6902", "デンソー", "東証プ", "10003", 2114.5, 100, 7_500, 2910, "3700", 0.8, 1.7, 1.0),
    ("6920", "レーザーテック", "東証プ", "10003", 27415, 100, 4_200, 94, "3650", 1.2, 3.6, 1.7),
    ("6954", "ファナック", "東証プ", "10003", 4966, 100, 4_000, 1000, "3650", 0.8, 2.0, 1.2),
    ("6981", "村田製作所", "東証プ", "10003", 3176, 100, 8_600, 1890, "3650", 0.8, 2.0, 1.1),
    ("7011", "三菱重工業", "東証プ", "10003", 4267, 100, 22_000, 3370, "3600", 1.3, 2.6, 1.2),
    ("7203", "トヨタ自動車", "東証プ", "10003", 3161, 100, 21_000, 15794, "3700", 1.3, 1.4, 1.0),
    ("7267", "ホンダ", "東証プ", "10003", 1563.5, 100, 15_500, 5280, "3700", 0.9, 1.4, 0.9),
    ("7974", "任天堂", "東証プ", "10003", 12895, 100, 4_300, 1299, "3800", 1.1, 2.1, 0.8),
    ("8001", "伊藤忠商事", "東証プ", "10003", 9218, 100, 2_900, 1585, "6050", 0.8, 1.4, 0.9),
    ("8035", "東京エレクトロン", "東証プ", "10003", 32460, 100, 3_500, 472, "3650", 1.3, 3.0, 1.7),
    ("8058", "三菱商事", "東証プ", "10003", 3689, 100, 9_600, 4022, "6050", 1.0, 1.5, 0.9),
    (
        "8306",
        "三菱ＵＦＪフィナンシャル・グループ",
        "東証プ",
        "10003",
        2402.5,
        100,
        32_000,
        11867,
        "7050",
        1.3,
        1.8,
        1.1,
    ),
    ("8316", "三井住友フィナンシャルグループ", "東証プ", "10003", 4571, 100, 11_000, 3880, "7050", 1.0, 1.8, 1.1),
    ("8411", "みずほフィナンシャルグループ", "東証プ", "10003", 5398, 100, 9_900, 2500, "7050", 1.0, 1.9, 1.1),
    ("8604", "野村ホールディングス", "東証プ", "10003", 1169, 100, 13_500, 3163, "7100", 0.8, 1.9, 1.1),
    ("8766", "東京海上ホールディングス", "東証プ", "10003", 5680, 100, 4_100, 1934, "7150", 0.8, 1.5, 0.8),
    ("9020", "ＪＲ東日本", "東証プ", "10003", 3844, 100, 2_600, 1134, "5050", 0.6, 1.1, 0.6),
    ("9101", "日本郵船", "東証プ", "10003", 5127, 100, 3_900, 433, "5100", 0.7, 1.6, 0.8),
    ("9432", "ＮＴＴ", "東証プ", "10003", 155.3, 100, 165_000, 90550, "5250", 0.9, 0.9, 0.4),
    ("9433", "ＫＤＤＩ", "東証プ", "10003", 2510, 100, 6_800, 4188, "5250", 1.0, 1.1, 0.5),
    ("9501", "東京電力ホールディングス", "東証プ", "10003", 708.6, 100, 27_000, 1607, "4050", 0.8, 3.0, 0.8),
    ("9983", "ファーストリテイリング", "東証プ", "10003", 56240, 100, 1_100, 318, "6100", 1.1, 1.9, 1.2),
    ("9984", "ソフトバンクグループ", "東証プ", "10003", 20155, 100, 14_000, 1428, "5250", 1.5, 3.2, 1.6),
    ("3350", "メタプラネット", "東証ス", "10000", 421, 100, 38_000, 1142, "6100", 1.0, 5.5, 1.4),
    ("7777", "スリー・ディー・マトリックス", "東証グ", "10000", 336, 100, 5_200, 105, "3250", 0.5, 5.0, 0.8),
    ("501A", "ミーク", "東証グ", "10000", 986, 100, 210, 22, "5250", 0.2, 4.0, 0.7),
    ("5253", "カバー", "東証グ", "10000", 1747, 100, 2_100, 66, "5250", 0.5, 3.6, 0.9),
)

# code, name, tick group, price, unit, daily volume (thousand units), units outstanding (million), pace, vol %, beta
_FUNDS = (
    ("1306", "ＮＥＸＴ　ＦＵＮＤＳ　ＴＯＰＩＸ連動型上場投信", "10003", 3480, 10, 2_200, 7_200, 0.6, 1.1, 1.0),
    ("1321", "ＮＥＸＴ　ＦＵＮＤＳ　日経２２５連動型上場投信", "10004", 51620, 1, 390, 210, 0.6, 1.3, 1.1),
    ("1357", "日経ダブルインバース上場投信", "10004", 8_914, 1, 2_600, 31, 0.8, 2.6, -2.2),
    ("1570", "日経平均レバレッジ上場投信", "10004", 40_320, 1, 7_100, 9, 1.1, 2.6, 2.2),
    ("8951", "日本ビルファンド投資法人", "10003", 142_600, 1, 21, 8.5, 0.3, 0.9, 0.3),
)

# The same stock quoted in Nagoya is a book of its own.
_NAGOYA = ("7203", "9501", "8306")

# symbol, name, previous close, members' choice: "price" (price-weighted), "cap", "growth"
_INDICES = (
    ("101", "日経平均", 50_376.53, "price"),
    ("151", "ＴＯＰＩＸ", 3_359.81, "cap"),
    ("154", "東証グロース市場２５０指数", 692.48, "growth"),
)

# FutureCode: name, code suffix, tick group, index, multiplier, daily volume, pace, SecurityType, quarterly months ahead
_FUTURES = (
    ("NK225", "日経平均先物", "18", "10118", "101", 1_000, 24_000, 1.3, 101, 2),
    ("NK225mini", "日経225mini", "19", "10119", "101", 100, 520_000, 1.8, 901, 2),
    ("NK225micro", "日経225マイクロ先物", "23", "10119", "101", 10, 900_000, 1.4, 1001, 1),
    ("TOPIX", "TOPIX先物", "05", "10718", "151", 10_000, 62_000, 1.1, 107, 1),
    ("TOPIXmini", "ミニTOPIX先物", "06", "10706", "151", 1_000, 21_000, 0.8, 907, 1),
    ("GROWTH", "東証グロース250先物", "14", "15411", "154", 1_000, 2_600, 0.4, 154, 1),
)

# OptionCode: name, code suffix, tick group, multiplier, daily volume at the money, pace, SecurityType, steps of strikes
_OPTIONS = (
    ("NK225op", "日経平均オプション", "18", "10318", 1_000, 2_400, 0.5, 103, 2),
    ("NK225miniop", "日経225ミニオプション", "27", "10326", 100, 900, 0.3, 903, 0),
)

STRIKE_STEP = 500


def last_trading_day(year: int, month: int) -> date:
    """Return the day before the second Friday of a month, when its contracts trade for the last time."""
    first = date(year, month, 1)
    second_friday = first + timedelta(days=(4 - first.weekday()) % 7 + 7)
    return second_friday - timedelta(days=1)


def contract_months(today: date, count: int, *, every: int = 3) -> list[tuple[int, int]]:
    """Return the nearest contract months as (year, month) that still trade today.

    Parameters:
        today: the day in Japan.
        count: how many.
        every: 3 for the quarterly cycle of March, 1 for every month.
    """
    months: list[tuple[int, int]] = []
    year, month = today.year, today.month
    while len(months) < count:
        if month % every == 0 and last_trading_day(year, month) >= today:
            months.append((year, month))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return months


def catalogue(today: date) -> tuple[Instrument, ...]:
    """Return everything that is listed on a day: stocks, funds, indices, futures and options.

    Parameters:
        today: the day in Japan; decides which contract months trade.
    """
    stocks = [*_stocks(), *_funds()]
    indices = [*_indices(stocks)]
    return (*stocks, *_nagoya(stocks), *indices, *_futures(today, indices), *_options(today, indices))


def _stocks() -> Iterable[Instrument]:
    for code, name, section, group, price, unit, volume, shares, category, pace, volatility, beta in _STOCKS:
        yield Instrument(
            symbol=code,
            name=name,
            kind=Kind.STOCK,
            exchanges=(1,),
            exchange_name=section,
            group=group,
            base=round(price * SEN),
            unit=unit,
            daily_volume=volume * 1_000,
            pace=pace,
            volatility=volatility / 100,
            beta=beta,
            shares=shares * 1_000_000,
            category=category,
            can_short=section == "東証プ",
        )


def _funds() -> Iterable[Instrument]:
    for code, name, group, price, unit, volume, shares, pace, volatility, beta in _FUNDS:
        yield Instrument(
            symbol=code,
            name=name,
            kind=Kind.STOCK,
            exchanges=(1,),
            exchange_name="東証ETF/ETN" if code != "8951" else "東証REIT",
            group=group,
            base=round(price * SEN),
            unit=unit,
            daily_volume=volume * 1_000,
            pace=pace,
            volatility=volatility / 100,
            beta=beta,
            shares=round(shares * 1_000_000),
            category="9999",
        )


def _nagoya(stocks: Iterable[Instrument]) -> Iterable[Instrument]:
    for stock in stocks:
        if stock.symbol in _NAGOYA:
            yield Instrument(
                symbol=stock.symbol,
                name=stock.name,
                kind=Kind.STOCK,
                exchanges=(3,),
                exchange_name="名証プ",
                group=stock.group,
                base=stock.base,
                unit=stock.unit,
                daily_volume=max(stock.daily_volume // 2_000, stock.unit * 10),
                pace=0.05,
                volatility=stock.volatility,
                beta=stock.beta,
                shares=stock.shares,
                category=stock.category,
            )


def _indices(stocks: Iterable[Instrument]) -> Iterable[Instrument]:
    stocks = list(stocks)
    for symbol, name, base, choice in _INDICES:
        if choice == "price":
            weights = {s.symbol: float(s.base) for s in stocks if s.exchange_name == "東証プ"}
        elif choice == "cap":
            weights = {s.symbol: float(s.base * s.shares) for s in stocks if s.exchange_name == "東証プ"}
        else:
            weights = {s.symbol: float(s.base * s.shares) for s in stocks if s.exchange_name == "東証グ"}
        total = sum(weights.values())
        yield Instrument(
            symbol=symbol,
            name=name,
            kind=Kind.INDEX,
            exchanges=(1,),
            base=round(base * SEN),
            security_type=0,
            members=tuple((code, weight / total) for code, weight in weights.items()),
        )


def _year_digit(year: int) -> str:
    return str((year - 2015) % 10)  # the exchange's code of a year: 2022 is 7, 2026 is 1


def _futures(today: date, indices: Iterable[Instrument]) -> Iterable[Instrument]:
    levels = {index.symbol: index.base for index in indices}
    for product, name, suffix, group, index, multiplier, volume, pace, security_type, months in _FUTURES:
        for place, (year, month) in enumerate(contract_months(today, months)):
            level = levels[index]
            tick = _only_tick(group)
            yield Instrument(
                symbol=f"16{_year_digit(year)}{month:02d}00{suffix}",
                name=f"{name} {year % 100:02d}/{month:02d}",
                kind=Kind.FUTURE,
                exchanges=(2, 23, 24),
                group=group,
                base=level - level % tick,
                multiplier=multiplier,
                daily_volume=volume // (1 + 20 * place),
                pace=pace / (1 + 3 * place),
                volatility=0.012,
                security_type=security_type,
                product=product,
                expiry=last_trading_day(year, month),
                month=f"{year}/{month:02d}",
                underlying=index,
            )


def _only_tick(group: str) -> int:
    return round(PRICE_RANGE_GROUPS[group][0][1] * SEN)


def _options(today: date, indices: Iterable[Instrument]) -> Iterable[Instrument]:
    level = next(index.base for index in indices if index.symbol == "101") // SEN
    at_the_money = round(level / STRIKE_STEP) * STRIKE_STEP
    year, month = contract_months(today, 1, every=1)[0]
    expiry = last_trading_day(year, month)
    for product, name, suffix, group, multiplier, volume, pace, security_type, steps in _OPTIONS:
        for step in range(-steps, steps + 1):
            strike = at_the_money + step * STRIKE_STEP
            for is_call in (False, True):
                yield Instrument(
                    symbol=f"{19 if is_call else 18}{_year_digit(year)}{month:02d}{strike // 100 % 100:02d}{suffix}",
                    name=f"{name} {year % 100:02d}/{month:02d} {'コール' if is_call else 'プット'} {strike}",
                    kind=Kind.OPTION,
                    exchanges=(2, 23, 24),
                    group=group,
                    multiplier=multiplier,
                    daily_volume=volume // (1 + abs(step)),
                    pace=pace / (1 + abs(step)),
                    volatility=0.12,
                    security_type=security_type,
                    product=product,
                    expiry=expiry,
                    month=f"{year}/{month:02d}",
                    strike=strike,
                    is_call=is_call,
                    underlying="101",
                )
