"""Symbols as people write them."""

from __future__ import annotations

import pytest

from wsexample.cli.symbols import by_feed, feed_of, spelled


def test_words_may_hold_several() -> None:
    """Commas and blanks divide, letters become capitals, and what comes twice counts once."""
    assert spelled(["aapl,msft", "AAPL", "btc/usd nvda"]) == ("AAPL", "MSFT", "BTC/USD", "NVDA")


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("AAPL", "iex"),
        ("BRK.B", "iex"),
        ("*", "iex"),
        ("quotes:BTC/USD", "crypto"),
        ("BTC-PERP", "perps"),
        ("quotes:AAPL260619C00200000", "indicative"),
        ("SPY260619P00560000", "indicative"),
    ],
)
def test_the_look_of_a_symbol_tells_its_feed(name: str, feed: str) -> None:
    """Stocks, pairs, perpetuals and options look different; a topic is as its symbol."""
    assert feed_of(name) == feed


def test_a_feed_that_is_named_takes_all() -> None:
    """Without one they are divided, in their order."""
    assert by_feed(["AAPL", "BTC/USD", "MSFT"]) == {"iex": ["AAPL", "MSFT"], "crypto": ["BTC/USD"]}
    assert by_feed(["AAPL", "BTC/USD"], "sip") == {"sip": ["AAPL", "BTC/USD"]}
