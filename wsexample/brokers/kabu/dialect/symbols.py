"""Symbols as people type them and as this project spells them: ``{code}@{market}``, "9433@1".

Turns text into registration entries and back; whether the vendor knows a code is the vendor's to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from wsexample.brokers.kabu.codes import (
    DERIVATIVE_EXCHANGES,
    EXCHANGES,
    FX_EXCHANGE,
    INDEX_CODES,
    ORDER_EXCHANGES,
    QUOTE_EXCHANGES,
    STOCK_EXCHANGES,
)
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.errors import OptionError

__all__ = ["entry_of", "parse_symbol", "parse_symbols", "spell"]

_CODE = re.compile(r"[0-9A-Z]{3,9}|[A-Z]{3}/[A-Z]{3}")
_DERIVATIVE = re.compile(r"[0-9A-Z]{9}")
_HOW = "write 9433, 9433@1 or 167060019@2"


def spell(entry: SymbolEntry) -> str:
    """Return an entry as this project spells it, "9433@1"."""
    return f"{entry.Symbol}@{entry.Exchange}"


def parse_symbol(text: str) -> SymbolEntry:
    """Read one symbol, with or without its market.

    Without one the market is 1 (Tokyo), 2 (whole day) for a code of nine characters, and an index's own for an index.
    Lower case and full-width characters are understood.

    Parameters:
        text: "9433", "9433@1", "501a", "167060019@2", "101".

    Returns:
        The registration entry.

    Raises:
        OptionError: it cannot be a symbol; the sentence says why and what to write.
    """
    if not isinstance(text, str):
        raise OptionError(f"{text!r} is not a symbol; {_HOW}, as text", option="symbol")
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    code, separator, market_text = plain.partition("@")
    if not _CODE.fullmatch(code):
        raise OptionError(f"{text!r} is not a symbol; {_HOW}", option="symbol")
    is_derivative = _DERIVATIVE.fullmatch(code) is not None
    if not separator:
        if "/" in code:
            return SymbolEntry(code, FX_EXCHANGE)
        market = INDEX_CODES[code][1] if code in INDEX_CODES else 2 if is_derivative else 1
        return SymbolEntry(code, market)
    if not (market_text.isascii() and market_text.isdigit() and len(market_text) < 4):
        raise OptionError(
            f"{market_text[:8]!r} is not a market; markets are {_listed(QUOTE_EXCHANGES)}", option="symbol"
        )
    market = int(market_text)
    _check_market(text, code, market, is_derivative)
    return SymbolEntry(code, market)


def _check_market(text: str, code: str, market: int, is_derivative: bool) -> None:
    if "/" in code:
        if market != FX_EXCHANGE:
            raise OptionError(f"{text!r}: a currency pair has the market {FX_EXCHANGE}", option="symbol")
        return
    if market in ORDER_EXCHANGES:
        raise OptionError(
            f"{text!r}: market {market} ({EXCHANGES[market]}) takes orders only; quotes are on"
            f" {_listed(DERIVATIVE_EXCHANGES if is_derivative else STOCK_EXCHANGES)}",
            option="symbol",
        )
    if is_derivative and market not in DERIVATIVE_EXCHANGES:
        raise OptionError(
            f"{text!r}: futures and options are quoted on {_listed(DERIVATIVE_EXCHANGES)}", option="symbol"
        )
    if len(code) in (4, 5) and market not in STOCK_EXCHANGES:
        raise OptionError(f"{text!r}: stocks are quoted on {_listed(STOCK_EXCHANGES)}", option="symbol")
    if market not in QUOTE_EXCHANGES:
        raise OptionError(
            f"{text!r}: {market} is not a market with quotes; those are {_listed(QUOTE_EXCHANGES)}", option="symbol"
        )


def _listed(markets: Iterable[int]) -> str:
    return ", ".join(f"{market} ({EXCHANGES[market]})" for market in sorted(markets))


def entry_of(symbol: str | SymbolEntry) -> SymbolEntry:
    """Return an entry as it is, and text parsed by `parse_symbol`."""
    return symbol if isinstance(symbol, SymbolEntry) else parse_symbol(symbol)


def parse_symbols(symbols: Iterable[str | SymbolEntry]) -> list[SymbolEntry]:
    """Read several symbols, each once, in the order given; raises as `parse_symbol` does."""
    if isinstance(symbols, str):
        symbols = symbols.split()
    return list(dict.fromkeys(entry_of(symbol) for symbol in symbols))
