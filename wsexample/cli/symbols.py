"""Symbols as people write them on a command line, and the feeds of Alpaca that have them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["by_feed", "feed_of", "spelled"]


def spelled(words: Iterable[str]) -> tuple[str, ...]:
    """Return symbols in capitals, each once, from words that may hold several, separated by commas."""
    return tuple(dict.fromkeys(name for word in words for name in word.upper().replace(",", " ").split()))


_FEEDS = (
    (re.compile(r".+/[A-Z]+"), "crypto"),
    (re.compile(r".+-PERP"), "perps"),
    (re.compile(r"(\w+:)?[A-Z]{1,6}\d{6}[CP]\d{8}"), "indicative"),
)


def feed_of(name: str) -> str:
    """Return the feed of Alpaca that has a symbol, or a topic such as "quotes:BTC/USD", by its look.

    "crypto" for pairs, "perps" for perpetuals, "indicative" for options (OCC symbols), else "iex".
    """
    return next((feed for form, feed in _FEEDS if form.fullmatch(name)), "iex")


def by_feed(names: Iterable[str], feed: str | None = None) -> dict[str, list[str]]:
    """Return symbols or topics by the feed of Alpaca that has them.

    Parameters:
        names: symbols, or topics.
        feed: one for all of them, in place of `feed_of`.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(feed or feed_of(name), []).append(name)
    return found
