"""WEEX's REST calls, contract V3: signed, paced, and failing in plain words; answers as the venue gives them.

Numbers stay decimal texts, and identifiers beyond 2^53 are exact. What streams carry is the client's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from wsexample.brokers.base import HttpCaller, Pace, Pacer, one_line
from wsexample.brokers.weex.codes import BOOK_LEVELS, INTERVALS_S, RATE_LIMIT_WAIT_S, VENUE, error_of
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import auth_headers, sign, spell
from wsexample.clock import SystemClock
from wsexample.errors import BrokerError, DialectError, OptionError, OrderRejectedError, RateLimitError
from wsexample.ports import Clock

__all__ = ["WeexRest"]

CALLS, PERIOD_S = 50, 10.0
"""Calls in a stretch; the venue allows 500 units of weight in 10 s, and the calls here weigh 10 at most but for two."""


class WeexRest:
    """``async with WeexRest(WeexConfig.from_env()) as rest: await rest.fetch_tickers()``.

    Parameters:
        config: credentials and address; public calls need no credentials.
        clock: what paces and stamps (default the machine's).
    """

    def __init__(self, config: WeexConfig, *, clock: Clock | None = None) -> None:
        if config.market != "contract":
            raise OptionError("REST calls are those of the contract market", option="market")
        self._config = config
        self._clock: Clock = clock or SystemClock()
        self._http = HttpCaller(config.rest_url, timeout_s=config.timeout_s)
        self._pacer = Pacer({"all": Pace(CALLS, PERIOD_S)}, clock=self._clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the kept-alive connections."""
        await self._http.close()

    def __repr__(self) -> str:
        return f"<WeexRest {self._config.rest_url}>"

    # -- the market ----------------------------------------------------------------------------------------------

    async def fetch_time_ms(self) -> int:
        """Fetch the venue's time, milliseconds."""
        return int((await self._call("GET", "/market/time"))["serverTime"])

    async def fetch_tickers(self, symbol: str | None = None) -> list[dict[str, Any]]:
        """Fetch the 24 hour figures of one symbol or of all; ``priceChangePercent`` is a fraction."""
        return list(await self._call("GET", "/market/ticker/24hr", {"symbol": spell(symbol)} if symbol else {}))

    async def fetch_depth(self, symbol: str, limit: int = 15) -> dict[str, Any]:
        """Fetch an order book of 15 or 200 levels, with ``lastUpdateId`` as its number.

        Raises:
            OptionError: another number of levels.
        """
        if limit not in BOOK_LEVELS:
            raise OptionError(f"limit must be 15 or 200, not {limit!r}", option="limit")
        return dict(await self._call("GET", "/market/depth", {"symbol": spell(symbol), "limit": str(limit)}))

    async def fetch_trades(self, symbol: str, limit: int = 100) -> list[dict[str, Any]]:
        """Fetch the latest trades, 1000 at most."""
        return list(await self._call("GET", "/market/trades", {"symbol": spell(symbol), "limit": str(limit)}))

    async def fetch_candles(self, symbol: str, interval: str = "1m", limit: int = 100) -> list[list[Any]]:
        """Fetch candles: open time, open, high, low, close, volume, close time, and so on.

        Raises:
            OptionError: there is no such interval.
        """
        if interval not in INTERVALS_S:
            raise OptionError(f"interval must be one of {', '.join(INTERVALS_S)}", option="interval")
        query = {"symbol": spell(symbol), "interval": interval, "limit": str(limit)}
        return list(await self._call("GET", "/market/klines", query))

    # -- the account ---------------------------------------------------------------------------------------------

    async def fetch_balances(self) -> list[dict[str, Any]]:
        """Fetch ``asset``, ``balance``, ``availableBalance``, ``frozen`` and ``unrealizePnl`` of every coin."""
        return list(await self._call("GET", "/account/balance", is_private=True))

    async def fetch_positions(self) -> list[dict[str, Any]]:
        """Fetch every open position, with ``unrealizePnl`` and ``liquidatePrice``."""
        return list(await self._call("GET", "/account/position/allPosition", is_private=True))

    async def fetch_open_orders(self, symbol: str | None = None) -> list[dict[str, Any]]:
        """Fetch orders that still wait."""
        query = {"symbol": spell(symbol)} if symbol else {}
        return list(await self._call("GET", "/openOrders", query, is_private=True))

    async def fetch_order(self, order_id: str) -> dict[str, Any]:
        """Fetch one order."""
        return dict(await self._call("GET", "/order", {"orderId": order_id}, is_private=True))

    async def submit_order(self, order: Mapping[str, str]) -> dict[str, Any]:
        """Place an order given in the venue's own fields; it is sent once and never repeated.

        Raises:
            OrderRejectedError: the venue refused it.
        """
        body = msgspec.json.encode(dict(order)).decode()
        return _accepted(dict(await self._call("POST", "/order", body=body, is_private=True)))

    async def cancel_order(self, order_id: str) -> dict[str, Any]:
        """Cancel an order.

        Raises:
            OrderRejectedError: there is none that waits.
        """
        return _accepted(dict(await self._call("DELETE", "/order", {"orderId": order_id}, is_private=True)))

    # -- one call ------------------------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: str = "",
        is_private: bool = False,
    ) -> Any:
        path = "/capi/v3" + path
        text = urlencode(query or {})
        async with self._pacer.turn("all"):
            headers = {"Content-Type": "application/json"}
            if is_private:
                key, secret, passphrase = self._config.credentials
                now_ms = self._clock.now_ns() // 1_000_000
                headers |= auth_headers(key, passphrase, now_ms, sign(secret, now_ms, method, path, text, body))
            reply = await self._http.call(
                method, f"{path}?{text}" if text else path, headers=headers, body=body.encode() if body else None
            )
        try:
            answer = msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            if reply.status == 200:
                raise DialectError("WEEX answered with something that is no JSON", venue=VENUE) from None
            answer = {}
        if reply.status != 200:
            raise self._refusal(answer if isinstance(answer, dict) else {}, reply.status)
        return answer

    def _refusal(self, answer: dict[str, Any], status: int) -> BrokerError:
        code = answer.get("code")
        error = error_of(code if isinstance(code, int) else 0, one_line(str(answer.get("msg", ""))), status)
        if isinstance(error, RateLimitError):
            self._pacer.hold_off(RATE_LIMIT_WAIT_S)
        return error


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer to an order call; the venue says no with status 200."""
    if answer.get("success") is False:
        words, code = one_line(str(answer.get("errorMessage", ""))), answer.get("errorCode")
        raise OrderRejectedError(f"WEEX: {words} ({code})", venue=VENUE, code=code, words=words, http_status=200)
    return answer
