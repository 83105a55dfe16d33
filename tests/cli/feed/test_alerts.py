"""Conditions on prices are read as people write them, and told once each time they come true."""

from __future__ import annotations

from typing import Any

import pytest

from wsexample.cli.feed.alerts import Alert, Alerts, Condition, parse_condition
from wsexample.errors import OptionError
from wsexample.records.fields import decode_json, encode_json
from wsexample.records.market import Board, Quote, Record, Trade

SECOND = 10**9


def board(at_s: float = 0.0, symbol: str = "9433@1", **facts: Any) -> Board:
    """A board that came at some second."""
    return Board(venue="kabu", symbol=symbol, received_ns=round(at_s * SECOND), **facts)


def told(condition: str, *records: Record) -> list[float]:
    """Return the values with which a condition was told."""
    alerts = Alerts([parse_condition(condition)])
    answers = [answer for record in records for answer in alerts.take(record)]
    return [answer.value for answer in answers if isinstance(answer, Alert)]


def last(*prices: float, step_s: float = 1.0) -> list[Board]:
    """Boards with these last prices, one after the other."""
    return [board(number * step_s, last_price=price) for number, price in enumerate(prices)]


# -- reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9433 bid > 3000", ("9433", "bid", ">", 3000.0, False, None)),
        ("9433>3000", ("9433", "last", ">", 3000.0, False, None)),
        ("9433 ask <= 2,500.5", ("9433", "ask", "<=", 2500.5, False, None)),
        ("9433 % >= 3%", ("9433", "percent", ">=", 3.0, False, None)),
        ("9433 last < vwap", ("9433", "last", "<", "vwap", False, None)),
        ("9433 crosses 3000", ("9433", "last", "crosses", 3000.0, False, None)),
        ("9433 bid crosses below 3000", ("9433", "bid", "crosses below", 3000.0, False, None)),
        ("* moves 2%", ("*", "last", "moves", 2.0, True, None)),
        ("BTCUSDT falls 50 in 5m", ("BTCUSDT", "last", "falls", 50.0, False, 300.0)),
        ("9433 market_buy_size > 1_000_000", ("9433", "market_buy_size", ">", 1e6, False, None)),
    ],
)
def test_conditions_are_read_as_they_are_written(text: str, expected: tuple[Any, ...]) -> None:
    """Symbol, figure, comparison and number stand in that order; a figure left out is the last price."""
    assert parse_condition(text) == Condition(text, *expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write SYMBOL FIGURE > NUMBER"),
        ("9433 >", "write SYMBOL FIGURE > NUMBER"),
        ("9433 bidd > 3", "did you mean bid"),
        ("9433 colour > 3", "known are last, bid, ask"),
        ("9433 bid is 3", "'is' is not a comparison"),
        ("9433 bid > three", "'three' is not a figure"),
        ("9433 bid > 3 4", "one number is to follow"),
        ("9433 bid crosses above", "a number is missing"),
        ("9433 bid > nan", "'nan' is not a figure"),
        ("9433 moves -2%", "is not a distance"),
        ("9433 moves nan%", "is not a distance"),
        ("9433 moves 2% within 5m", "write moves 2%"),
        ("9433 moves 2% in soon", "is not a time"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, words: str) -> None:
    """The sentence quotes the condition and says which word is wrong."""
    with pytest.raises(OptionError) as caught:
        parse_condition(text)
    assert words in str(caught.value)
    assert repr(text) in str(caught.value)


# -- coming true ---------------------------------------------------------------------------------------------------------


def test_a_comparison_is_told_when_it_becomes_true() -> None:
    """Once while it stays true, and again after it was false."""
    assert told("9433 > 100", *last(99, 101, 102, 100, 103)) == [101, 103]


def test_a_comparison_that_is_true_from_the_beginning_is_told() -> None:
    """Whoever asks for a price above 100 wants to know that it is."""
    assert told("9433 >= 100", *last(100, 100)) == [100]


def test_another_figure_may_be_the_bound() -> None:
    """Two figures of the same record are compared."""
    boards = [board(last_price=10.0, vwap=11.0), board(last_price=12.0, vwap=11.0)]
    assert told("9433 last > vwap", *boards) == [12.0]


@pytest.mark.parametrize(
    ("condition", "values"),
    [("9433 crosses 100", [101, 99]), ("9433 crosses above 100", [101]), ("9433 crosses below 100", [99])],
)
def test_a_crossing_needs_both_sides(condition: str, values: list[float]) -> None:
    """The first price crosses nothing, and resting on the number is no crossing yet."""
    assert told(condition, *last(98, 100, 101, 100, 102, 100, 99)) == values


def test_a_move_counts_from_where_it_began() -> None:
    """Two percent from the first price, then two percent from the price that was told."""
    assert told("9433 moves 2%", *last(100, 101, 102, 103, 104.04, 101.9)) == [102, 104.04, 101.9]


def test_a_move_has_a_direction() -> None:
    """Rising and falling are told apart; without a window it is where the price began that counts."""
    assert told("9433 rises 5", *last(100, 90, 95, 105)) == [105]
    assert told("9433 falls 5", *last(100, 90, 95)) == [90]


def test_a_window_forgets() -> None:
    """A slow move within no window is far enough and is not told; a fast one is."""
    slow = last(*range(100, 120), step_s=60.0)
    assert told("9433 rises 3 in 2m", *slow) == []
    assert told("9433 rises 3 in 3m", *slow)[:2] == [103, 106]


def test_a_window_remembers_its_lowest() -> None:
    """The move counts from the lowest price of the window, not from its first."""
    assert told("9433 rises 3 in 1h", *last(100, 98, 99, 101)) == [101]


# -- whom it concerns ----------------------------------------------------------------------------------------------------


def test_a_symbol_may_leave_out_its_market() -> None:
    """ "9433" means 9433 on any market, "9433@1" that one, "*" everything, and each symbol is watched by itself."""
    boards = [board(symbol=symbol, last_price=5.0) for symbol in ("9433@1", "9433@3", "94330@1")]
    assert len(told("9433 > 1", *boards)) == 2
    assert len(told("9433@3 > 1", *boards)) == 1
    assert len(told("* > 1", *boards)) == 3


def test_a_price_that_is_not_known_makes_nothing_true() -> None:
    """None and NaN are no prices."""
    assert told("9433 < 100", board(last_price=None), board(last_price=float("nan"))) == []


def test_an_alert_that_cannot_come_true_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Quotes have no last price; whoever waits for one among them alone is told so, once."""
    quote = Quote(venue="alpaca", symbol="AAPL", received_ns=1, bid_price=187.0, ask_price=187.1)
    assert told("AAPL > 190", *[quote] * 200) == []
    assert [record.getMessage() for record in caplog.records] == [
        "the alert 'AAPL > 190' waits for what AAPL does not say: of 50 records none had it"
    ]
    assert told("AAPL bid > 190", *[quote] * 200) == []
    assert len(caplog.records) == 1


def test_quotes_and_trades_make_one_picture() -> None:
    """What a quote says stands until the next one, whatever trades come between."""
    quote = Quote(venue="alpaca", symbol="AAPL", received_ns=1, bid_price=187.0, ask_price=187.1)
    trade = Trade(venue="alpaca", symbol="AAPL", received_ns=2, price=187.2, size=1.0)
    assert told("AAPL last > ask", quote, trade) == [187.2]


def test_an_alert_can_be_kept_and_read_again() -> None:
    """It is a record like any other, and as a sentence it has the name of the instrument."""
    alerts = Alerts([parse_condition("9433 bid > 3000")])
    (alert,) = alerts.take(board(bid_price=3001.5, name="ＫＤＤＩ\x07"))
    assert decode_json(encode_json(alert)) == alert
    assert alerts.words(alert) == "ALERT 9433@1 ＫＤＤＩ\\x07: bid is 3,001.5 (9433 bid > 3000)"
    assert list(alerts.take(alert)) == []
