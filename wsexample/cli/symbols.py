"""Symbols as people write them on a command line, and the feeds of Alpaca that have them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["by_feed", "spelled"]


def spelled(words: Iterable[str]) -> tuple[str, ...]:
    """Return symbols in capitals, each once, from words that may hold several, separated by commas."""
    return tuple(dict.fromkeys(name for word in words for name in word.upper().replace(",", " ").split()))


def by_feed(names: Iterable[str], feed: str | None = None) -> dict[str, list[str]]:
    """Return symbols or topics by the feed of Alpaca that has them: "crypto" for pairs with a slash, else "iex".

    Parameters:
        names: symbols, or topics such as "quotes:BTC/USD".
        feed: one for all of them, in place of a guess.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(feed or ("crypto" if "/" in name else "iex"), []).append(name)
    return found
