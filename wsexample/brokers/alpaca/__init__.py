"""Alpaca: US equities, options and crypto; market data streams, the trading stream of an account, and REST.

`AlpacaStream` (market data) and `AlpacaTradingStream` (orders and fills) are the first things to look at.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsexample.brokers.alpaca.client import AlpacaStream, AlpacaTradingStream
    from wsexample.brokers.alpaca.credentials import AlpacaCredentials
    from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, AlpacaTradingDialect
    from wsexample.brokers.alpaca.rest import AlpacaDataRest, AlpacaTradingRest

__all__ = [
    "AlpacaCredentials",
    "AlpacaDataDialect",
    "AlpacaDataRest",
    "AlpacaStream",
    "AlpacaTradingDialect",
    "AlpacaTradingRest",
    "AlpacaTradingStream",
]

_HOMES = {
    "AlpacaCredentials": "credentials",
    "AlpacaDataDialect": "dialect",
    "AlpacaDataRest": "rest",
    "AlpacaStream": "client",
    "AlpacaTradingDialect": "dialect",
    "AlpacaTradingRest": "rest",
    "AlpacaTradingStream": "client",
}

if not TYPE_CHECKING:  # a type checker that saw it would take every name for an exported one

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
