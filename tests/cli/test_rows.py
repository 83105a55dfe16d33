"""Live tables of things: in order of appearance, or the newest on top; trades, bars and articles among them."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from wsexample.cli.ladder import BookView
from wsexample.cli.market_rows import bars_view, news_view, tape_view
from wsexample.cli.rows import RowsView
from wsexample.records.market import Bar, Book, Level, News, Record, Trade, TradeCancel, TradeCorrection

NS = 1_795_000_000_123_000_000


def drawn(view: Any, *, width: int = 100, height: int = 20, color: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system="standard" if color else None, force_terminal=color)
    console.print(view.draw(0.0, width=width, height=height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def facts(symbol: str) -> dict[str, Any]:
    return {"venue": "alpaca", "symbol": symbol, "exchange_ns": NS, "received_ns": NS}


def show(view: RowsView, *records: Record) -> str:
    for record in records:
        view.take(record, 0.0)
    return "\n".join(drawn(view))


def test_the_tape_has_the_newest_trade_on_top() -> None:
    """Two trades of one moment are two lines; what is put right or taken back says so."""
    view = tape_view()
    text = show(
        view,
        Trade(**facts("AAPL"), price=1.0, size=10.0),
        Trade(**facts("AAPL"), price=1.5, size=20.0, aggressor="buy"),
        TradeCorrection(
            **facts("AAPL"), original_price=1.5, original_size=20.0, corrected_price=1.4, corrected_size=20.0
        ),
        TradeCancel(**facts("AAPL"), price=1.0, size=10.0, action="cancel"),
    )
    assert text.index("taken back (cancel)") < text.index("corrects 1.5 × 20") < text.index("buy")
    assert text.count("AAPL") == 4


def test_a_price_keeps_its_colour_until_it_moves() -> None:
    """Up is green, and so is the next trade at the same price; down is red."""
    view = tape_view()
    for price in (1.0, 2.0, 2.0, 1.5):
        view.take(Trade(**facts("AAPL"), price=price, size=1.0), 0.0)
    lines = [line for line in drawn(view, color=True) if "AAPL" in line]
    assert ["\x1b[31m" in line for line in lines] == [True, False, False, False]
    assert ["\x1b[32m" in line for line in lines] == [False, True, True, False]


def test_a_bar_takes_the_place_of_its_former_state() -> None:
    """A running candle is one row that changes; the next minute is another."""
    view = bars_view()
    bar = {**facts("BTCUSDT"), "interval_s": 60.0, "open": 1.0, "high": 3.0, "low": 1.0, "state": "running"}
    text = show(view, Bar(**bar, close=2.0), Bar(**bar, close=2.5), Bar(**{**bar, "exchange_ns": NS + 60}, close=2.75))
    assert text.count("BTCUSDT") == 2
    assert "2.75" in text
    assert "2.50" in text


def test_articles_are_lines_with_their_headlines() -> None:
    """The newest on top; one that is changed comes back there, once."""
    view = news_view()
    one = News(**facts("AAPL"), news_id="1", headline="First", symbols=("AAPL", "B", "C", "D"))
    text = show(view, one, News(**facts("TSLA"), news_id="2", headline="Second", symbols=("TSLA",)), one)
    assert text.index("First") < text.index("Second")
    assert text.count("First") == 1
    assert "AAPL B C …" in text


def test_what_does_not_fit_is_counted() -> None:
    """Things in order of appearance say how many are not shown; there is always a line before anything came."""
    from wsexample.cli.listing import Column

    view = RowsView((Column("Name", lambda item: item.symbol),), lambda item: item.symbol, waiting="nothing yet")
    assert "nothing yet" in "\n".join(drawn(view))
    text = show(view, *(Trade(**facts(f"S{number}"), price=1.0, size=1.0) for number in range(50)))
    assert "and 34 more" in text
    assert "S0" in text


def test_what_is_over_goes() -> None:
    """A row leaves the table with its thing, and may come back."""
    from wsexample.cli.listing import Column

    view = RowsView(
        (Column("Name", lambda item: item.symbol),), lambda item: item.symbol, is_over=lambda item: item.size == 0
    )
    held = Trade(**facts("AAPL"), price=1.0, size=1.0)
    assert "AAPL" in show(view, held)
    assert "AAPL" not in show(view, Trade(**facts("AAPL"), price=1.0, size=0.0))
    assert "AAPL" in show(view, held)


def book(**changes: Any) -> Book:
    bids = tuple(Level(100.0 - step / 2, 1.0 + step) for step in range(5))
    asks = tuple(Level(100.5 + step / 2, 2.0) for step in range(5))
    return Book(**{**facts("BTCUSDT"), "bids": bids, "asks": asks, **changes})


def test_a_ladder_has_best_prices_on_top() -> None:
    """Bids left, asks right, as many levels as asked for, the spread above."""
    view = BookView(["BTCUSDT"], levels=3)
    assert "waiting for the first book" in "\n".join(drawn(view))
    view.take(book(), 0.0)
    lines = drawn(view)
    levels = [line.split() for line in lines if "█" in line]
    assert [line[1:5] for line in levels] == [
        ["1", "100.0", "100.5", "2"],
        ["2", "99.5", "101.0", "2"],
        ["3", "99.0", "101.5", "2"],
    ]
    assert "spread 0.5 (49.88 bp)" in lines[0]


def test_a_ladder_fits_a_narrow_terminal() -> None:
    """Without room for bars there are none; an empty side is empty."""
    view = BookView(["BTCUSDT"])
    view.take(book(asks=()), 0.0)
    lines = drawn(view, width=40)
    assert not any("█" in line for line in lines)
    assert max(map(len, lines)) <= 40
