"""WEEX's REST calls V3 by name: paths of both markets, weights, and which are signed; client and simulator share them.

Source: contract API documentation V3; the spot market's paths as clients that work use them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CALLS", "Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the venue's, by market; "" where a market does not have it."""

    contract: str
    """Path on the contract market, below ``/capi/v3``."""
    spot: str = ""
    """Path on the spot market, below ``/api/v3``."""
    weight: int = 1
    """Units on the contract market."""
    spot_weight: int = 1
    """Units on the spot market."""
    is_private: bool = False
    """Whether it is signed."""

    def path(self, *, is_spot: bool) -> str:
        """Return the whole path; "" where the market does not have it."""
        tail = self.spot if is_spot else self.contract
        return ("/api/v3" if is_spot else "/capi/v3") + tail if tail else ""

    def units(self, *, is_spot: bool) -> int:
        """Return what it weighs."""
        return self.spot_weight if is_spot else self.weight


CALLS = {
    "time": Call("/market/time", "/time"),
    "symbols": Call("/market/exchangeInfo", "/exchangeInfo", 1, 20),
    "tradable": Call("/market/apiTradingSymbols", "/apiTradingSymbols", 5, 5),
    "tickers": Call("/market/ticker/24hr", "/market/ticker/24hr", 40, 2),
    "quotes": Call("/market/ticker/bookTicker", "/market/ticker/bookTicker", 1, 4),
    "depth": Call("/market/depth", "/market/depth", 1, 5),
    "trades": Call("/market/trades", "/market/trades", 5, 25),
    "candles": Call("/market/klines", "/market/klines", 1, 2),
    "past candles": Call("/market/historyKlines", "", 5),
    "price": Call("/market/symbolPrice", "/market/ticker/price", 1, 4),
    "funding": Call("/market/premiumIndex", ""),
    "balances": Call("/account/balance", "/account/", 10, 5, is_private=True),
    "positions": Call("/account/position/allPosition", "", 15, is_private=True),
    "open orders": Call("/openOrders", "/openOrders", 10, 3, is_private=True),
    "past orders": Call("/order/history", "/allOrders", 10, 10, is_private=True),
    "fills": Call("/userTrades", "/myTrades", 5, 5, is_private=True),
    "order": Call("/order", "/order", 3, 5, is_private=True),
    "all orders": Call("/allOpenOrders", "/openOrders", 10, 1, is_private=True),
}
"""Every call made here; of two weights that the sources give, the larger."""
