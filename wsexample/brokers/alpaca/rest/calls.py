"""How a call to Alpaca is made: credentials, pace, deadlines, and trying again where that is safe.

Which calls there are is in ``trading`` and ``data``; what an error answer means is in ``replies``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from wsexample.brokers.alpaca.codes import VENUE
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.rest.replies import error_from, is_used_up, limit_in, wait_in
from wsexample.brokers.base import HttpCaller, Pace, Pacer, Reply
from wsexample.clock import SystemClock
from wsexample.errors import BrokerUnavailableError, ConnectError, DialectError, NetworkError, RateLimitError
from wsexample.ports import Clock

__all__ = ["CALLS_PER_MINUTE", "Calls"]

log = logging.getLogger("wsexample.alpaca.rest")

CALLS_PER_MINUTE = 200
"""What every account may do on the trading host, and a Basic plan on the data host."""
ATTEMPTS = 4
RETRY_WAIT_S = 0.5
"""Wait before the second attempt after a fault of the server; it doubles."""

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


class Calls:
    """Calls to one host, paced to its limit.

    Parameters:
        base_url: scheme and host.
        credentials: sent in headers; None for calls that need none.
        calls_per_minute: pace until the server's headers say another.
        timeout_s: seconds for a call, the waiting for its turn not counted.
        clock: what paces and waits.
    """

    def __init__(
        self,
        base_url: str,
        credentials: AlpacaCredentials | None,
        *,
        calls_per_minute: int = CALLS_PER_MINUTE,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self._credentials = credentials
        self._limit = calls_per_minute
        self._pacer = self._paced()
        self._http = HttpCaller(base_url.rstrip("/"), timeout_s=timeout_s)

    def _paced(self) -> Pacer:
        return Pacer({"calls": Pace(self._limit, 60.0)}, clock=self.clock)

    @property
    def calls_per_minute(self) -> int:
        """The present pace."""
        return self._limit

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def fetch(self, path: str, answer: type[_T], query: Mapping[str, str] | None = None) -> _T:
        """Read something; faults of the server and the network are tried again."""
        reply = await self.made("GET", path, query=query, is_repeatable=True)
        return self.read(reply, answer, f"GET {path}")

    async def made(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        is_repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> Reply:
        """Make a call and return its good answer.

        Parameters:
            method, path, query: the call.
            body: what to send as JSON.
            is_repeatable: whether it may be made again when nobody knows whether it was heard; never true for an order
                without an identifier of its own.
            timeout_s: seconds for this call.

        Raises:
            BrokerError: Alpaca refused; carries code, words and what to do.
            NetworkError: nobody answered, or not in time.
        """
        wait_s = RETRY_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._once(method, path, query, body, timeout_s)
            except RateLimitError as error:
                if attempt == ATTEMPTS:
                    raise
                self._pacer.hold_off(error.wait_s)  # refused before anything was done: always safe to repeat
                log.info("%s; waiting %.1f s", error, error.wait_s)
            except (BrokerUnavailableError, NetworkError) as error:
                was_heard = not (isinstance(error, ConnectError) and error.refused)
                if attempt == ATTEMPTS or (was_heard and not is_repeatable):
                    raise
                log.info("%s; trying again in %.1f s", error, wait_s)
                await self.clock.sleep(wait_s)
                wait_s *= 2
        raise AssertionError("unreachable")

    async def _once(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Any, timeout_s: float | None
    ) -> Reply:
        headers = self._credentials.headers() if self._credentials is not None else {}
        payload = None
        if body is not None:
            payload = _encode(body)
            headers["Content-Type"] = "application/json"
        async with self._pacer.turn("calls"):
            pass  # beginnings are paced; an order must not wait for the end of a long history
        reply = await self._http.call(method, path, query=query, headers=headers, body=payload, timeout_s=timeout_s)
        self._heed(reply)
        if 200 <= reply.status < 300:
            return reply
        raise error_from(reply, f"{method} {path}", now_s=self.clock.now_ns() / 1e9)

    def _heed(self, reply: Reply) -> None:
        """Keep to the limit that the server names; another one than before starts counting anew.

        Other programs of the same account use it up too: when nothing remains, nothing is sent until it is counted anew.
        """
        limit = limit_in(reply)
        if limit is not None and limit != self._limit:
            self._limit = limit
            self._pacer = self._paced()
        if is_used_up(reply):
            self._pacer.hold_off(wait_in(reply, self.clock.now_ns() / 1e9))

    @staticmethod
    def read(reply: Reply, answer: type[_T], what: str) -> _T:
        """Read the body of an answer.

        Raises:
            DialectError: it is not what this version expects.
        """
        try:
            return msgspec.json.decode(reply.body, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DialectError(
                f"Alpaca answered {what} with what this version cannot read: {error}",
                venue=VENUE,
                http_status=reply.status,
            ) from None
