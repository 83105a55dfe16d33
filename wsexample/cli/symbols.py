"""Symbols as people write them on a command line, and the feed of Alpaca that has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wsexample.errors import OptionError

__all__ = ["feed_for", "spelled"]


def spelled(words: Iterable[str]) -> tuple[str, ...]:
    """Return symbols in capitals, each once, from words that may hold several, separated by commas."""
    return tuple(dict.fromkeys(name for word in words for name in word.upper().replace(",", " ").split()))


def feed_for(symbols: Sequence[str]) -> str:
    """Return the feed of Alpaca that has these symbols: "crypto" for pairs with a slash, else "iex".

    Raises:
        OptionError: they are of two kinds, and a stream has one.
    """
    pairs = [symbol for symbol in symbols if "/" in symbol]
    others = [symbol for symbol in symbols if "/" not in symbol]
    if pairs and others:
        raise OptionError(f"{pairs[0]} is crypto, and {others[0]} is not: use two commands", option="symbol")
    return "crypto" if pairs else "iex"
