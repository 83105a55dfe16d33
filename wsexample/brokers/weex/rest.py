"""WEEX's REST calls V3, contract and spot: signed, paced, and failing in plain words; answers as the venue gives them.

Numbers stay decimal texts, and identifiers beyond 2^53 are exact. What streams carry is the client's matter.

Source: contract API documentation V3, see `wsexample.brokers.weex.calls`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from wsexample.brokers.base import HttpCaller, one_line
from wsexample.brokers.weex.calls import CALLS, Call
from wsexample.brokers.weex.codes import BOOK_LEVELS, INTERVALS_S, PRICE_TYPES, RATE_LIMIT_WAIT_S, VENUE, error_of
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import auth_headers, sign, spell
from wsexample.brokers.weex.dialect.numbers import whole
from wsexample.brokers.weex.pacing import CallPace
from wsexample.clock import SystemClock
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    DialectError,
    DialError,
    NetworkError,
    OptionError,
    OrderRejectedError,
    OrderUnknownError,
    RateLimitError,
)
from wsexample.ports import Clock

__all__ = ["WeexRest"]

ROWS_PER_PAGE = 100
"""Most rows of a page of waiting orders."""


class WeexRest:
    """``async with WeexRest(WeexConfig.from_env()) as rest: await rest.fetch_tickers()``.

    A call that only reads is made again, as ``config.retry`` says, when the venue cannot be reached or is busy. An order is
    sent once. Every call raises `BrokerError`, with the venue's code and words, when it is refused or its answer cannot be
    read, and `NetworkError` when nobody answers in time.

    Parameters:
        config: credentials, address, market and rates; public calls need no credentials.
        clock: what paces and stamps (default the machine's).
    """

    def __init__(self, config: WeexConfig, *, clock: Clock | None = None) -> None:
        self._config = config
        self._is_spot = config.market == "spot"
        self._clock: Clock = clock or SystemClock()
        self._http = HttpCaller(config.rest_url, timeout_s=config.connection.timeout)
        self._pace = CallPace(config.rate_limit)
        self._turn = asyncio.Lock()

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
        return f"<WeexRest {self._config.market} {self._config.rest_url}>"

    @property
    def is_spot(self) -> bool:
        """Whether it is about the spot market."""
        return self._is_spot

    # -- the market ----------------------------------------------------------------------------------------------

    async def fetch_time_ms(self) -> int:
        """Fetch the venue's time, milliseconds."""
        return _millis_in(await self._get("time"), "serverTime")

    async def fetch_symbols(self) -> list[dict[str, Any]]:
        """Fetch what is listed, with precision, smallest size and fees."""
        return _listed(_object(await self._get("symbols")).get("symbols"))

    async def fetch_tradable_symbols(self) -> list[str]:
        """Fetch the symbols that the venue lets programs trade: fewer than are listed."""
        return _listed(await self._get("tradable"), str)

    async def fetch_tickers(self, symbol: str | None = None) -> list[dict[str, Any]]:
        """Fetch the 24 hour figures of one symbol or of all; ``priceChangePercent`` is a fraction."""
        return _rows(await self._get("tickers", symbol=symbol))

    async def fetch_quotes(self, symbol: str | None = None) -> list[dict[str, Any]]:
        """Fetch the best bid and ask of one symbol or of all."""
        return _rows(await self._get("quotes", symbol=symbol))

    async def fetch_depth(self, symbol: str, limit: int = 15) -> dict[str, Any]:
        """Fetch an order book, with ``lastUpdateId`` as its number.

        Parameters:
            symbol: the venue's symbol.
            limit: levels on each side, 15 (default) or 200.

        Raises:
            OptionError: another number of levels.
        """
        if limit not in BOOK_LEVELS:
            raise OptionError(f"limit must be 15 or 200, not {limit!r}", option="limit")
        return _object(await self._get("depth", symbol=symbol, limit=limit))

    async def fetch_trades(self, symbol: str, limit: int = 100) -> list[dict[str, Any]]:
        """Fetch the latest trades.

        Parameters:
            symbol: the venue's symbol.
            limit: how many, 1 to 1000 (default 100).

        Raises:
            OptionError: another number.
        """
        return _listed(await self._get("trades", symbol=symbol, limit=_bounded(limit, 1000)))

    async def fetch_candles(
        self,
        symbol: str,
        interval: str = "1m",
        limit: int = 100,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        price_type: str = "LAST_PRICE",
    ) -> list[list[Any]]:
        """Fetch candles: open time, open, high, low, close, volume, close time, and so on.

        Parameters:
            symbol: the venue's symbol.
            interval: a key of `wsexample.brokers.weex.codes.INTERVALS_S` (default "1m").
            limit: how many, 1 to 1000 (default 100).
            start_ms, end_ms: of the past, from and until, UTC epoch milliseconds (contract only).
            price_type: "LAST_PRICE" (default) or "MARK_PRICE" (contract only).

        Raises:
            OptionError: there is no such interval or price type, the market does not have it, or another number of candles.
        """
        if interval not in INTERVALS_S:
            raise OptionError(f"interval must be one of {', '.join(INTERVALS_S)}", option="interval")
        if price_type not in PRICE_TYPES:
            raise OptionError(f"price_type must be one of {', '.join(PRICE_TYPES)}", option="price_type")
        facts: dict[str, Any] = {"symbol": symbol, "interval": interval, "limit": _bounded(limit, 1000)}
        if start_ms is None and end_ms is None and price_type == PRICE_TYPES[0]:
            return _listed(await self._get("candles", **facts), list)
        word = price_type.removesuffix("_PRICE")
        answer = await self._get("past candles", **facts, startTime=start_ms, endTime=end_ms, priceType=word)
        return _listed(answer, list)

    async def fetch_price(self, symbol: str) -> dict[str, Any]:
        """Fetch the last price of a symbol."""
        return _first(await self._get("price", symbol=symbol))

    async def fetch_funding(self, symbol: str) -> dict[str, Any]:
        """Fetch mark, index and funding of a contract; the venue renews the prices once a minute only.

        Parameters:
            symbol: the venue's symbol.

        Raises:
            OptionError: it is the spot market.
        """
        return _first(await self._get("funding", symbol=symbol))

    # -- the account ---------------------------------------------------------------------------------------------

    async def fetch_balances(self) -> list[dict[str, Any]]:
        """Fetch what there is of every coin.

        Contract rows have ``asset``, ``balance``, ``availableBalance``, ``frozen`` and ``unrealizePnl``; spot rows have
        ``asset``, ``free`` and ``locked``.
        """
        answer = await self._get("balances")
        return _listed(_object(answer).get("balances") if self._is_spot else answer)

    async def fetch_positions(self) -> list[dict[str, Any]]:
        """Fetch every open position, with ``unrealizePnl`` and ``liquidatePrice`` (contract only)."""
        return _listed(await self._get("positions"))

    async def fetch_open_orders(self, symbol: str | None = None) -> list[dict[str, Any]]:
        """Fetch orders that still wait: all of them, page by page (of the spot market what one call gives).

        Parameters:
            symbol: only those of one symbol; None (default) for all.
        """
        if self._is_spot:
            return _listed(await self._get("open orders", symbol=symbol))
        found: dict[Any, dict[str, Any]] = {}
        for page in count():
            rows = _listed(await self._get("open orders", symbol=symbol, limit=ROWS_PER_PAGE, page=page))
            new = {row.get("orderId"): row for row in rows if row.get("orderId") not in found}
            found |= new
            if len(rows) < ROWS_PER_PAGE or not new:  # orders that are over meanwhile move others to a page before
                break
        return list(found.values())

    async def fetch_past_orders(
        self, symbol: str | None = None, *, start_ms: int | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Fetch orders that are over, 100 at most.

        Parameters:
            symbol: only those of one symbol; the spot market wants one.
            start_ms: only those made since, UTC epoch milliseconds.
            limit: how many, 1 to 100 (default 100).

        Raises:
            OptionError: another number.
        """
        return _listed(await self._get("past orders", symbol=symbol, startTime=start_ms, limit=_bounded(limit, 100)))

    async def fetch_fills(
        self, symbol: str | None = None, *, start_ms: int | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Fetch executions of your orders, 100 at most; the same parameters as `fetch_past_orders`."""
        return _listed(await self._get("fills", symbol=symbol, startTime=start_ms, limit=_bounded(limit, 100)))

    async def fetch_order(self, order_id: str) -> dict[str, Any]:
        """Fetch one order.

        Parameters:
            order_id: the venue's identifier of the order.

        Raises:
            OrderRejectedError: there is none.
        """
        return _object(await self._get("order", orderId=order_id))

    async def submit_order(self, order: Mapping[str, str]) -> dict[str, Any]:
        """Place an order given in the venue's own fields; it is sent once and never repeated.

        Raises:
            OrderRejectedError: the venue refused it.
            OrderUnknownError: no answer came; it may have been taken. Look before sending it again.
        """
        body = msgspec.json.encode(dict(order)).decode()
        try:
            answer = _accepted(_object(await self._once("POST", CALLS["order"], body=body)))
            if not isinstance(answer.get("orderId"), (str, int)):
                raise DialectError("WEEX answered without the number of the order", venue=VENUE)
            return answer
        except DialError:
            raise  # nobody was reached, so nothing was taken
        except (NetworkError, DialectError, BrokerUnavailableError) as error:
            number = order.get("newClientOrderId", "")
            raise OrderUnknownError(
                f"WEEX did not say whether it took order {number or 'without a client id'}: {error}", venue=VENUE
            ) from error

    async def cancel_order(self, order_id: str) -> dict[str, Any]:
        """Cancel an order.

        Parameters:
            order_id: the venue's identifier of the order.

        Raises:
            OrderRejectedError: there is none that waits.
        """
        return _accepted(_object(await self._once("DELETE", CALLS["order"], {"orderId": order_id})))

    async def cancel_all_orders(self, symbol: str) -> list[dict[str, Any]]:
        """Cancel every order of a symbol that waits; returns an answer for each."""
        return _listed(await self._once("DELETE", CALLS["all orders"], {"symbol": spell(symbol)}))

    # -- one call ------------------------------------------------------------------------------------------------

    async def _get(self, name: str, **facts: Any) -> Any:
        """Read, again if need be; facts that are None are left out."""
        query = {key: str(value) for key, value in facts.items() if value is not None}
        if "symbol" in query:
            query["symbol"] = spell(query["symbol"])
        retry = self._config.retry
        failures = 0
        while True:
            try:
                return await self._once("GET", CALLS[name], query)
            except (NetworkError, BrokerError) as error:
                failures += 1
                is_final = isinstance(error, BrokerError) and error.is_final
                if is_final or failures > retry.max_retries:
                    raise
                bound_s = retry.bound_s(failures)
                await self._clock.sleep(random.uniform(0, bound_s) if retry.jitter else bound_s)

    async def _once(self, method: str, call: Call, query: Mapping[str, str] | None = None, *, body: str = "") -> Any:
        path = call.path(is_spot=self._is_spot)
        if not path:
            raise OptionError(f"the {self._config.market} market of WEEX has no such call", option="market")
        text = urlencode(query or {})
        async with self._turn:
            weight = call.units(is_spot=self._is_spot)
            while (wait_s := self._pace.wait_s(self._clock.monotonic_s(), weight)) > 0:
                await self._clock.sleep(wait_s)
            headers = {"Content-Type": "application/json"}
            if call.is_private:
                key, secret, passphrase = self._config.credentials
                now_ms = self._clock.now_ns() // 1_000_000  # one reading, for the header and the signature
                headers |= auth_headers(key, passphrase, now_ms, sign(secret, now_ms, method, path, text, body))
            try:
                reply = await self._http.call(
                    method, f"{path}?{text}" if text else path, headers=headers, body=body.encode() if body else None
                )
            finally:
                self._pace.note(self._clock.monotonic_s(), weight)
        try:
            answer = msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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
            self._pace.hold_off(self._clock.monotonic_s() + RATE_LIMIT_WAIT_S)
        return error


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise DialectError("WEEX answered with something else than an object", venue=VENUE)
    return answer


def _listed(answer: Any, kind: type[Any] = dict) -> list[Any]:
    """Return a list whose members are all of a kind."""
    if not isinstance(answer, list) or not all(isinstance(one, kind) for one in answer):
        raise DialectError("WEEX answered with something else than a list of rows", venue=VENUE)
    return answer


def _rows(answer: Any) -> list[dict[str, Any]]:
    """Return rows, of which the venue sends a single one bare on some calls."""
    return _listed([answer] if isinstance(answer, dict) else answer)


def _first(answer: Any) -> dict[str, Any]:
    rows = _rows(answer)
    if not rows:
        raise DialectError("WEEX answered without a row", venue=VENUE)
    return rows[0]


def _millis_in(answer: Any, key: str) -> int:
    """Return the milliseconds that an answer names; raises `DialectError` when it names none."""
    try:
        return whole(_object(answer).get(key))
    except ValueError:
        raise DialectError(f"WEEX answered without {key}", venue=VENUE) from None


def _bounded(limit: int, most: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
        raise OptionError(f"limit must be from 1 to {most}, not {limit!r}", option="limit")
    return limit


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer to an order call; the venue says no with status 200."""
    if answer.get("success") is False or answer.get("status") == "FAILED":
        words = one_line(str(answer.get("errorMessage") or answer.get("errorMsg") or ""))
        code = answer.get("errorCode")
        raise OrderRejectedError(
            f"WEEX: {words} ({code})" if code else f"WEEX: {words}",
            venue=VENUE,
            code=code,
            words=words,
            http_status=200,
        )
    return answer
