"""Alpaca's REST calls: trading (account, orders, positions) and market data (history, latest points, snapshots).

Each is paced to 200 calls a minute or to what the headers say, has a deadline, and fails in plain words.
"""

from __future__ import annotations

from wsexample.brokers.alpaca.rest.data import AlpacaDataRest
from wsexample.brokers.alpaca.rest.replies import error_from
from wsexample.brokers.alpaca.rest.trading import AlpacaTradingRest

__all__ = ["AlpacaDataRest", "AlpacaTradingRest", "error_from"]
