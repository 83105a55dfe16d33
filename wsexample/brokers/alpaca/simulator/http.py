"""HTTP of the simulator: one port for trading and market data, with rate limits, request ids and faults."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.data_desk import DataDesk
from wsexample.brokers.alpaca.simulator.desk import Answer, Call, TradingDesk
from wsexample.brokers.alpaca.simulator.doors import RateWindow, account_by_headers
from wsexample.brokers.alpaca.simulator.event_stream import EVENTS_PATH, EventStreams
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.ids import Ids
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.switches import Switches
from wsexample.brokers.base.shell import read_body
from wsexample.ports import Clock

__all__ = ["HttpSide"]

UNAUTHORIZED = {"message": "unauthorized."}


class HttpSide:
    """Answers HTTP requests.

    Parameters:
        exchange: accounts.
        trading: the trading host's calls.
        data: the market data host's calls.
        events: the event stream.
        switches: limits.
        stats: where to count.
        clock: what the limits are counted by.
        now_ns: returns the time that the simulator believes it is.
    """

    def __init__(
        self,
        exchange: Exchange,
        trading: TradingDesk,
        data: DataDesk,
        events: EventStreams,
        *,
        switches: Switches,
        stats: Stats,
        clock: Clock,
        now_ns: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._trading = trading
        self._data = data
        self._events = events
        self._switches = switches
        self._stats = stats
        self._clock = clock
        self._now_ns = now_ns
        self._ids = Ids(0)
        self._windows: dict[tuple[str, str], RateWindow] = {}
        self.fault: tuple[int, int] = (0, 0)
        """HTTP status that calls are answered with, and how many still are."""
        self.storm_until_s = 0.0
        """Until when every call is answered 429."""
        self.delay_s = 0.0
        """How late answers come, seconds."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        body = await read_body(request)
        if body is None:
            return self._dressed(Answer(413, {"message": "request is too large"}), None)
        call = Call(request.method, request.raw_path.partition("?")[0], dict(request.query), body)
        if self.delay_s > 0:
            await self._clock.sleep(self.delay_s)
        account, has_credentials = account_by_headers(
            self._exchange.accounts.values(), {name.lower(): value for name, value in request.headers.items()}
        )
        self._stats.requests[self._trading.route_of(call)] += 1
        refused = self._refused(call, account, has_credentials)
        if refused is not None:
            return refused
        window = self._window(call, account)
        if call.path == EVENTS_PATH and account is not None:
            return await self._events.serve(request, call, account, self._rate_headers(window))
        return self._dressed(self._answer(call, account), window)

    def _refused(self, call: Call, account: SimAccount | None, has_credentials: bool) -> web.Response | None:
        status, left = self.fault
        if left > 0:
            self.fault = (status, left - 1)
            self._stats.replies[status] += 1
            return web.Response(status=status, text="<html><body>fault</body></html>", content_type="text/html")
        if account is None and (has_credentials or not self._data.needs_no_key(call)):
            return self._dressed(Answer(401, UNAUTHORIZED), None)
        window = self._window(call, account)
        now_s = self._clock.monotonic_s()
        if now_s < self.storm_until_s or not window.take(now_s):
            response = self._dressed(Answer(429, {"code": 42910000, "message": "rate limit exceeded"}), window)
            if self._switches.retry_after:
                response.headers["Retry-After"] = str(round(window.reset_after_s(now_s)) + 1)
            return response
        return None

    def _window(self, call: Call, account: SimAccount | None) -> RateWindow:
        is_trading = call.path.startswith("/v2/") and not call.path.startswith("/v2/stocks")
        key = (account.key_id if account is not None else "", "trading" if is_trading else "data")
        if key not in self._windows:
            self._windows[key] = RateWindow(self._switches.requests_per_minute)
        return self._windows[key]

    def _answer(self, call: Call, account: SimAccount | None) -> Answer:
        now_ns = self._now_ns()
        answer = self._data.answer(call, now_ns)
        if answer is None and account is not None:
            answer = self._trading.answer(account, call, now_ns)
        return answer or Answer(404, {"message": "endpoint not found."})

    def _dressed(self, answer: Answer, window: RateWindow | None) -> web.Response:
        self._stats.replies[answer.http_status] += 1
        headers = {"X-Request-ID": self._ids.uuid().replace("-", ""), **self._rate_headers(window)}
        if answer.body is None:
            return web.Response(status=answer.http_status, headers=headers)
        headers["Content-Type"] = "application/json; charset=UTF-8"
        return web.Response(body=msgspec.json.encode(answer.body), status=answer.http_status, headers=headers)

    def _rate_headers(self, window: RateWindow | None) -> dict[str, str]:
        if window is None or not window.limit:
            return {}
        now_s = self._clock.monotonic_s()
        resets_s = time.time() + max(window.reset_after_s(now_s), 1.0)
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": str(round(resets_s)),
        }
