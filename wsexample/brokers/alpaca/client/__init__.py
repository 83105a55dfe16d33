"""Clients of Alpaca on sessions: `AlpacaStream` for market data, `AlpacaTradingStream` for orders and fills.

``memory`` and ``missed`` see to it that no fill is lost.
"""

from __future__ import annotations

from wsexample.brokers.alpaca.client.data import AlpacaStream
from wsexample.brokers.alpaca.client.trading import AlpacaTradingStream

__all__ = ["AlpacaStream", "AlpacaTradingStream"]
