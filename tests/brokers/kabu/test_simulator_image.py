"""Promises of the simulated board: the vendor's keys, signs and swapped names."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from wsexample.brokers.kabu.simulator.image import draw, draw_nothing
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.switches import Switches

from .market_samples import at, future, option, play, small_market

PRICE_KEYS = [
    "Symbol",
    "SymbolName",
    "CurrentPrice",
    "CurrentPriceTime",
    "CurrentPriceChangeStatus",
    "CurrentPriceStatus",
    "CalcPrice",
    "PreviousClose",
    "PreviousCloseTime",
    "ChangePreviousClose",
    "ChangePreviousClosePer",
    "OpeningPrice",
    "OpeningPriceTime",
    "HighPrice",
    "HighPriceTime",
    "LowPrice",
    "LowPriceTime",
    "SecurityType",
]
BOOK_KEYS = [
    *[
        "Exchange",
        "ExchangeName",
        "TradingVolume",
        "TradingVolumeTime",
        "VWAP",
        "TradingValue",
        "BidQty",
        "BidPrice",
        "BidSign",
    ],
    *(f"Sell{level}" for level in range(1, 11)),
    *["AskQty", "AskPrice", "AskSign"],
    *(f"Buy{level}" for level in range(1, 11)),
]
STOCK_KEYS = [
    "OverSellQty",
    "UnderBuyQty",
    "TotalMarketValue",
    "MarketOrderSellQty",
    "MarketOrderBuyQty",
    "BidTime",
    "AskTime",
]
GREEKS = ["IV", "Gamma", "Theta", "Vega", "Delta"]


def board(market: Market, symbol: str, exchange: int = 1, **switches: Any) -> dict[str, Any]:
    message = draw(market, market.views[symbol, exchange], Switches(**switches))
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(message))
    return decoded


def test_keys_follow_the_kind_of_instrument() -> None:
    """Each kind has its own keys, in the order seen on the wire; what does not apply is absent, not null."""
    market = small_market()
    assert list(board(market, "9433")) == [*STOCK_KEYS, *BOOK_KEYS, *PRICE_KEYS]
    assert list(board(market, future(), 2)) == ["ClearingPrice", *BOOK_KEYS, *PRICE_KEYS]
    assert list(board(market, option(is_call=True), 2)) == [*GREEKS, *BOOK_KEYS, *PRICE_KEYS]
    assert list(board(market, "101")) == PRICE_KEYS


def test_the_first_level_has_more_keys_than_the_others() -> None:
    """Level 1 has a sign, and on stocks a time; the deeper ones price and quantity alone."""
    market = small_market()
    assert list(board(market, "9433")["Sell1"]) == ["Price", "Qty", "Sign", "Time"]
    assert list(board(market, future(), 2)["Buy1"]) == ["Price", "Qty", "Sign"]
    assert list(board(market, "9433")["Buy10"]) == ["Price", "Qty"]


def test_bid_is_the_side_that_sells() -> None:
    """The vendor's English names are reversed: Bid is the best seller, Ask the best buyer, and Bid is above Ask."""
    shown = board(small_market(), "9433")
    assert (shown["BidPrice"], shown["BidQty"]) == (shown["Sell1"]["Price"], shown["Sell1"]["Qty"])
    assert (shown["AskPrice"], shown["AskQty"]) == (shown["Buy1"]["Price"], shown["Buy1"]["Qty"])
    assert shown["BidPrice"] > shown["AskPrice"]
    sells = [shown[f"Sell{level}"]["Price"] for level in range(1, 11)]
    buys = [shown[f"Buy{level}"]["Price"] for level in range(1, 11)]
    assert sells == sorted(set(sells))
    assert buys == sorted(set(buys), reverse=True)


def test_figures_are_consistent() -> None:
    """Change, percent, average price, turnover and market value follow from price, volume and shares."""
    shown = board(small_market(), "9433")
    assert shown["ChangePreviousClose"] == pytest.approx(shown["CurrentPrice"] - shown["PreviousClose"])
    percent = shown["ChangePreviousClose"] / shown["PreviousClose"] * 100
    assert shown["ChangePreviousClosePer"] == pytest.approx(percent, abs=0.006)
    assert shown["TradingValue"] == pytest.approx(shown["VWAP"] * shown["TradingVolume"], rel=1e-6)
    assert shown["TotalMarketValue"] == shown["CurrentPrice"] * 4_188_000_000
    assert shown["CurrentPriceTime"] == shown["TradingVolumeTime"]
    assert shown["PreviousCloseTime"] == "2026-03-03T00:00:00+09:00"


def test_before_the_first_trade_what_applies_is_null() -> None:
    """Waiting for the opening there are quotes with their signs, but no price, no volume and no status."""
    market = small_market("08:30", symbols=("9433",))
    shown = board(market, "9433")
    for key in ("CurrentPrice", "OpeningPrice", "HighPrice", "LowPrice", "TradingVolume", "VWAP", "TradingValue"):
        assert shown[key] is None
    assert shown["CurrentPriceStatus"] is None
    assert shown["BidSign"] == shown["AskSign"] == "0117"
    assert shown["BidPrice"] > shown["AskPrice"]
    assert shown["MarketOrderBuyQty"] > 0
    assert shown["CalcPrice"] == shown["PreviousClose"] == 2510.0
    assert board(market, "9433", status_before_first_trade=-1)["CurrentPriceStatus"] == -1


def test_signs_follow_the_session() -> None:
    """Normal quotes while trading, quotes before an auction, after-close quotes and the closing status."""
    market = small_market("10:15", symbols=("9433",), ticks_per_s=1)
    assert board(market, "9433")["BidSign"] == "0101"
    play(market, "15:29")
    assert board(market, "9433")["BidSign"] in ("0116", "0117")
    play(market, "15:31")
    closed = board(market, "9433")
    assert (closed["BidSign"], closed["CurrentPriceStatus"]) == ("0109", 8)
    assert closed["CurrentPriceChangeStatus"] == "0061"


def test_at_the_daily_limit_levels_are_zero_and_the_price_stays() -> None:
    """Nobody sells: every sell level is zero, BidPrice is still set, and the buyers' sign is the special quote."""
    market = small_market(symbols=("9433",), ticks_per_s=20)
    market.shock("9433", 1, 0.5)
    play(market, "10:20")
    shown = board(market, "9433")
    assert all(shown[f"Sell{level}"]["Price"] == 0.0 == shown[f"Sell{level}"]["Qty"] for level in range(1, 11))
    assert shown["BidPrice"] == shown["CurrentPrice"] == 3010.0
    assert (shown["BidSign"], shown["AskSign"]) == ("0101", "0102")


def test_greeks_belong_to_the_whole_day() -> None:
    """The day's and the night's market codes have the keys with null."""
    market = small_market()
    code = option(is_call=True)
    assert 5 < board(market, code, 2)["IV"] < 80
    assert 0 < board(market, code, 2)["Delta"] < 1
    assert {board(market, code, 23)[key] for key in GREEKS} == {None}


def test_an_index_has_no_status() -> None:
    """Replies about an index carry null there."""
    assert board(small_market(), "101")["CurrentPriceStatus"] is None


def test_the_midnight_bug_is_a_switch() -> None:
    """Until 00:10:39 derivatives show yesterday's date where something happened today; switched off they do not."""
    market = small_market("23:59:50", symbols=(future(), "9433"), session="always", ticks_per_s=50)
    next_day = date(2026, 3, 5)
    play(market, "00:05", next_day)
    assert board(market, future(), 2)["CurrentPriceTime"].startswith("2026-03-05")
    wrong = board(market, future(), 2, midnight_date_bug=True)
    assert wrong["CurrentPriceTime"].startswith("2026-03-04T00:0")
    assert wrong["TradingVolumeTime"] == wrong["CurrentPriceTime"]
    assert wrong["PreviousCloseTime"] == "2026-03-03T00:00:00+09:00"
    assert board(market, "9433", midnight_date_bug=True)["CurrentPriceTime"].startswith("2026-03-05")
    market.now_ns = at("00:11", next_day)
    assert board(market, future(), 2, midnight_date_bug=True)["CurrentPriceTime"].startswith("2026-03-05")


def test_the_verification_environment_answers_nulls() -> None:
    """Port 18081 has a stock's keys and nothing in them."""
    shown = msgspec.json.decode(msgspec.json.encode(draw_nothing()))
    assert list(shown) == [*STOCK_KEYS, *BOOK_KEYS, *PRICE_KEYS]
    assert set(shown.values()) == {None}
