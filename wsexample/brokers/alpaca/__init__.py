"""Alpaca: US equities, options and crypto; market data streams, the trading stream of an account, and REST.

`AlpacaStream` (market data) and `AlpacaTradingStream` (orders and fills) are the first things to look at.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsexample.brokers.alpaca.credentials import AlpacaCredentials
    from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, AlpacaTradingDialect

__all__ = ["AlpacaCredentials", "AlpacaDataDialect", "AlpacaTradingDialect"]

_HOMES = {
    "AlpacaCredentials": "credentials",
    "AlpacaDataDialect": "dialect",
    "AlpacaTradingDialect": "dialect",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
