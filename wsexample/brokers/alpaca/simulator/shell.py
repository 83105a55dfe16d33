"""`AlpacaSimulator`: the pure parts joined to sockets and a clock. Both streams and REST on one port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, Self

from aiohttp import web

from wsexample.brokers.alpaca.codes import FEEDS, STREAM_ERRORS
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.commands import Commands
from wsexample.brokers.alpaca.simulator.data_desk import DataDesk
from wsexample.brokers.alpaca.simulator.desk import TradingDesk
from wsexample.brokers.alpaca.simulator.event_stream import EventStreams
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.http import HttpSide
from wsexample.brokers.alpaca.simulator.market import Market, SessionMode
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.streams import Streams
from wsexample.brokers.alpaca.simulator.switches import Switches
from wsexample.brokers.base.backlog import Backlog
from wsexample.brokers.base.control import CONTROL_PATH, answer_control
from wsexample.brokers.base.facts import Facts, counted, totals
from wsexample.brokers.base.shell import LIMITS, OnePort, read_body
from wsexample.clock import SystemClock
from wsexample.errors import OptionError
from wsexample.ports import Clock
from wsexample.wire.server import serve

__all__ = ["DEFAULT_KEY", "DEFAULT_SECRET", "AlpacaSimulator"]

log = logging.getLogger("wsexample.alpaca.simulator")

DEFAULT_KEY, DEFAULT_SECRET = "PKSIMULATOR000000001", "simulator-secret-00000000000000000000001"
"""Credentials of the account that every simulator has."""
STEP_S = 0.01
POINTS_AT_A_TIME = 200  # then others get their turn on the loop
S = 10**9


class AlpacaSimulator(OnePort, Commands):
    """An Alpaca to program against: ``async with AlpacaSimulator(seed=1) as sim: ... sim.url, sim.trading_stream_url``.

    Parameters:
        seed: the same seed and start give the same market and identifiers.
        port: TCP port for everything; 0 lets the system choose.
        host: address to listen on.
        switches: how it behaves where Alpaca is doubtful, and its limits.
        key_id, secret_key: credentials of the first account.
        session: "always" trades round the clock, "clock" keeps New York's regular hours.
        start_ns: the time that the market begins with, UTC epoch nanoseconds; None for now.
        speed: seconds of market time in a second.
        quotes_per_s, trades_per_s: how lively a symbol is.
        warm_up_s: seconds of market that have passed already, so that there is a history.
        clock: what paces it; a `ManualClock` moves it by hand.
        control: whether ``/simulator/...`` takes faults by HTTP.
        compression: whether permessage-deflate is accepted.

    Raises:
        OptionError: speed, quotes_per_s or trades_per_s is not above zero.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        port: int = 0,
        host: str = "127.0.0.1",
        switches: Switches | None = None,
        key_id: str = DEFAULT_KEY,
        secret_key: str = DEFAULT_SECRET,
        session: SessionMode = "always",
        start_ns: int | None = None,
        speed: float = 1.0,
        quotes_per_s: float = 4.0,
        trades_per_s: float = 1.0,
        warm_up_s: float = 0.0,
        clock: Clock | None = None,
        control: bool = False,
        compression: bool = False,
    ) -> None:
        for name, value in (("speed", speed), ("quotes_per_s", quotes_per_s), ("trades_per_s", trades_per_s)):
            if value <= 0:
                raise OptionError(f"{name} must be more than zero, not {value!r}", option=name)
        self.switches = switches or Switches()
        self._clock: Clock = clock or SystemClock()
        self._host, self._requested_port = host, port
        self._seed = seed
        self._speed = speed
        self._start_ns = self._clock.now_ns() if start_ns is None else start_ns
        self._begins_now = start_ns is None
        self._started_s = 0.0
        self._skew_ns = 0
        self._compression = compression
        self._is_controlled = control
        warm_up_ns = round(warm_up_s * S)
        self.market = Market(
            seed=seed,
            start_ns=self._start_ns - warm_up_ns,
            session=session,
            quotes_per_s=quotes_per_s,
            trades_per_s=trades_per_s,
            bar_of_every_minute=self.switches.bar_of_every_minute,
            kept_points=self.switches.kept_points,
        )
        """Every symbol."""
        for _ in self.market.advance(self._start_ns):
            pass
        self.exchange = Exchange(self.market, self.switches, seed)
        """Accounts and orders."""
        self.account = self.exchange.add_account(key_id, secret_key)
        """The first account."""
        self.stats = Stats()
        """Counters since the start."""
        self._facts = Facts(self._numbers())
        backlog = Backlog(log, self._clock, self._connected)
        self.streams = Streams(self.exchange, self.market, self.switches, self.stats, self._facts, self._clock, backlog)
        """Every WebSocket."""
        self._events = EventStreams(self.switches, self.stats, self._clock, lambda: self.market_ns)
        self._http = HttpSide(
            self.exchange,
            TradingDesk(self.exchange, self.market),
            DataDesk(self.market, self.switches),
            self._events,
            switches=self.switches,
            stats=self.stats,
            clock=self._clock,
            now_ns=lambda: self.market_ns,
        )
        OnePort.__init__(self, log)
        Commands.__init__(self)

    # -- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._listen(self._requested_port)
        self._started_s = self._clock.monotonic_s()
        if self._begins_now:  # making the history took its time
            self._start_ns = self._clock.now_ns()
        self._in_background(self._play())
        return self

    async def _listen(self, port: int) -> None:
        options = LIMITS.replace(
            ping_interval_s=self.switches.ping_interval_s,
            ping_timeout_s=self.switches.pong_timeout_s,
            close_timeout_s=2.0,
            compression=self._compression,
        )
        self._server = await serve(
            self.streams.serve, self._host, port, accept=self.streams.accept, http=self._handle, options=options
        )

    @property
    def url(self) -> str:
        """Base address of every REST call, trading and market data alike."""
        return f"http://{self._host}:{self.port}"

    @property
    def stream_url(self) -> str:
        """Base address of every stream."""
        return f"ws://{self._host}:{self.port}"

    @property
    def trading_stream_url(self) -> str:
        """Address of the trading stream."""
        return f"{self.stream_url}/stream"

    def data_stream_url(self, feed: str = "iex") -> str:
        """Return the address of a market data stream by the name of its feed."""
        return f"{self.stream_url}{FEEDS[feed].path}"

    @property
    def market_ns(self) -> int:
        """The time that the simulator believes it is, UTC epoch nanoseconds."""
        passed_s = (self._clock.monotonic_s() - self._started_s) if self._started_s else 0.0
        return self._start_ns + round(passed_s * self._speed * S) + self._skew_ns

    def add_account(
        self, key_id: str, secret_key: str, *, cash: int | None = None, oauth_token: str = ""
    ) -> SimAccount:
        """Open a further account; one that has this key already is replaced.

        Parameters:
            key_id, secret_key: credentials that streams and REST take for it.
            cash: what it begins with, whole dollars; None for `Switches.start_cash`.
            oauth_token: a token that is taken in place of the pair; "" for none.
        """
        money = None if cash is None else Decimal(cash)
        return self.exchange.add_account(key_id, secret_key, cash=money, oauth_token=oauth_token)

    def __repr__(self) -> str:
        where = f"on port {self._server.port}" if self._server is not None else "not listening"
        streams = self.streams
        return f"<AlpacaSimulator {where}, {len(streams.trading)} trading and {len(streams.data)} data streams>"

    # -- for tests -------------------------------------------------------------------------------------------

    async def wait_for(self, name: str, count: int = 1, timeout_s: float = 5.0) -> int:
        """Wait until a number is at least ``count`` and return it.

        Parameters:
            name: "trading" or "data" (connections open now), "listening" (to trade updates), "logins",
                "refused_logins", "connections", "refused_handshakes", "points", "points:quotes", "updates",
                "dropped_updates", "requests", "executions", "orders", "errors:406", "resets" or "event_streams".
            count: how many at least.
            timeout_s: seconds of real time to wait.

        Raises:
            DeadlineError: it was not reached in time.
            OptionError: there is no such number.
        """
        return await self._facts.wait_for(name, count, timeout_s)

    def _numbers(self) -> dict[str, Callable[[], int]]:
        stats = self.stats
        numbers: dict[str, Callable[[], int]] = {
            "trading": lambda: len(self.streams.trading),
            "data": lambda: len(self.streams.data),
            "listening": lambda: sum(socket.is_listening for socket in self.streams.trading),
            "connections": stats.connections.total,
            "points": stats.points_sent.total,
            "updates": lambda: stats.updates_sent,
            "dropped_updates": lambda: stats.updates_dropped,
            "requests": stats.requests.total,
            "executions": lambda: sum(account.activities.total for account in self.exchange.accounts.values()),
            "orders": lambda: sum(account.orders_taken for account in self.exchange.accounts.values()),
        }
        channels = {channel for feed in FEEDS.values() for channel in feed.channels} | {"corrections", "cancelErrors"}
        numbers |= totals(stats, ("logins", "refused_logins", "refused_handshakes", "resets", "event_streams"))
        numbers |= counted("points", stats.points_sent, channels)
        numbers |= counted("errors", stats.errors_sent, STREAM_ERRORS)
        return numbers

    # -- time ----------------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        while True:
            await self._clock.sleep(STEP_S)
            await self.step()

    async def step(self) -> None:
        """Let everything happen that is due, and send it; done a hundred times a second by itself."""
        now_ns = self.market_ns
        points = []
        for point in self.market.advance(now_ns):
            points.append(point)
            if len(points) >= POINTS_AT_A_TIME:
                self.streams.publish(points)
                points = []
                await asyncio.sleep(0)
        self.streams.publish(points)
        events = self.exchange.advance(now_ns)
        for flow in self._flows:
            flow.advance(now_ns)
        self._flows = [flow for flow in self._flows if not flow.is_over]
        self.streams.tell([*events, *self.exchange.take_events()])

    # -- by HTTP -----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._is_controlled and request.path.startswith(CONTROL_PATH):
            body = await read_body(request)
            if body is None:
                return web.json_response({"error": "the body is too long"}, status=413)
            return await answer_control(
                request,
                body,
                faults=self.commands(),
                stats=self.stats.as_dict,
                start=self._in_background,
            )
        try:
            return await self._http.handle(request)
        finally:
            self.streams.tell(self.exchange.take_events())
            self._facts.changed()

    # -- beside --------------------------------------------------------------------------------------------------

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._background.start(work)
