"""`KabuSimulator`: the pure parts joined to sockets and a clock. REST and push on one port, as kabu Station serves them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import hdrs, web

from wsexample.brokers.base.control import CONTROL_PATH, answer_control
from wsexample.brokers.base.facts import Facts, counted, totals
from wsexample.brokers.base.shell import LIMITS, Background, not_listening
from wsexample.brokers.kabu.dialect.hours import JST, S
from wsexample.brokers.kabu.messages import PushMessage
from wsexample.brokers.kabu.simulator.catalogue import Instrument
from wsexample.brokers.kabu.simulator.core import Core
from wsexample.brokers.kabu.simulator.desk import PREFIX, Answer, Call, find_route, is_order_call
from wsexample.brokers.kabu.simulator.feed import Feed
from wsexample.brokers.kabu.simulator.flow import STEPS_PER_S
from wsexample.brokers.kabu.simulator.http import (
    SERVER,
    dress,
    encode,
    read_call,
    refuse_by_windows,
    turn_away,
    windows_headers,
    windows_page,
)
from wsexample.brokers.kabu.simulator.ledger import AccountPlan
from wsexample.brokers.kabu.simulator.market import Market, SessionMode
from wsexample.brokers.kabu.simulator.push import PushSocket
from wsexample.brokers.kabu.simulator.station import Login, Refusal
from wsexample.brokers.kabu.simulator.stats import Stats
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.clock import SystemClock
from wsexample.errors import ListenError, OptionError
from wsexample.ports import Clock
from wsexample.wire.closing import check_close
from wsexample.wire.server import Reject, Request, Server, serve

__all__ = ["KabuSimulator", "run_simulator"]

log = logging.getLogger("wsexample.kabu.simulator")

WEBSOCKET_PATH = f"{PREFIX}websocket"


class KabuSimulator:
    """A kabu Station to program against: ``async with KabuSimulator(seed=1) as sim: ... sim.rest_url, sim.push_url``.

    Parameters:
        seed: the same seed and start give the same market and tokens.
        port: TCP port for REST and push; 0 lets the system choose.
        host: "localhost" listens on 127.0.0.1 and, where there is one, on ::1; otherwise an address.
        switches: how it behaves where kabu Station is doubtful, and its limits.
        password: the API password that ``/token`` takes.
        other_password: the API password of the other environment (see `Switches.wrong_env_password`).
        session: "always" trades round the clock, "clock" keeps the exchanges' hours.
        start: the time that the simulated market begins with; None for now. A time without a zone is Japan's.
        speed: seconds of market time in a second.
        ticks_per_s: orders a second and busy stock (default 2, as on a usual day). For load: some hundred, with
            ``Switches(thinning_ms=0)``, push every single change.
        instruments: what is listed; None for the whole catalogue.
        account: what the simulated account begins with (default: ten million yen and no positions).
        clock: what paces it; a `ManualClock` moves it by hand.
        control: whether ``/simulator/...`` takes faults by HTTP.

    Raises:
        OptionError: speed or ticks_per_s is not above zero.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        port: int = 0,
        host: str = "localhost",
        switches: Switches | None = None,
        password: str = "password",
        other_password: str = "other-password",
        session: SessionMode = "always",
        start: datetime | None = None,
        speed: float = 1.0,
        ticks_per_s: float = STEPS_PER_S,
        instruments: Iterable[Instrument] | None = None,
        account: AccountPlan | None = None,
        clock: Clock | None = None,
        control: bool = False,
    ) -> None:
        for name, value in (("speed", speed), ("ticks_per_s", ticks_per_s)):
            if value <= 0:
                raise OptionError(f"{name} must be more than zero, not {value!r}", option=name)
        self.switches = switches or Switches()
        self.password = password
        self._clock: Clock = clock or SystemClock()
        self._host = host
        self._requested_port = port
        start_ns = self._clock.now_ns() if start is None else _in_japan(start)
        self.market = Market(
            seed=seed,
            start_ns=start_ns,
            session=session,
            ticks_per_s=ticks_per_s,
            instruments=instruments,
            kept_executions=self.switches.kept_executions,
        )
        """Everything that is listed."""
        self._core = Core(
            self.market,
            self.switches,
            password=password,
            other_password=other_password,
            account=account,
            changed=lambda: self._facts.changed(),
        )
        self.station = self._core.station
        """Login, token, registration list and call counters."""
        self.ledger = self._core.ledger
        """Money and positions of the account."""
        self.floor = self._core.floor
        """Orders of the account."""
        self.stats = Stats()
        """Counters since the start."""
        self._facts = Facts(self._numbers())
        self._push = PushSocket(self.switches, self.stats, self._facts, self._clock)
        self._feed = Feed(self.market, self.station, self._push, self._clock, speed)
        self._is_controlled = control
        self.servers: list[Server] = []
        """The listening servers: one for each address family."""
        self._port = 0
        self._background = Background(log)
        self._restarting = asyncio.Lock()
        self._slow_until_s = 0.0
        self._slow_by_s = 0.0
        self._held_back = 0
        self._replies_to_lose = 0
        self._unmute: asyncio.Task[None] | None = None

    # -- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._listen(self._requested_port)
        self._feed.begin()
        self._background.start(self._feed.play())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._background.close()
        await self._exit()

    @property
    def port(self) -> int:
        """The TCP port; raises `StateError` while nothing listens."""
        if not self._port:
            raise not_listening()
        return self._port

    @property
    def rest_url(self) -> str:
        """Base address of the REST calls."""
        return f"http://localhost:{self.port}/kabusapi"

    @property
    def push_url(self) -> str:
        """Address of the push socket."""
        return f"ws://localhost:{self.port}{WEBSOCKET_PATH}"

    @property
    def market_ns(self) -> int:
        """The time on the simulated market, UTC epoch nanoseconds."""
        return self._feed.market_ns

    def __repr__(self) -> str:
        where = f"on port {self._port}" if self._port else "not listening"
        return f"<KabuSimulator {where}, {len(self.station.entries)} listed, {self._push.open_count} connected>"

    # -- for tests -------------------------------------------------------------------------------------------

    def board(self, symbol: str, exchange: int = 1) -> PushMessage:
        """Return a board as push would send it now.

        Parameters:
            symbol: "9433".
            exchange: market code, 1 (default) for Tokyo.

        Raises:
            KeyError: it is not listed.
        """
        return self._feed.board((symbol, exchange))

    async def wait_for(self, name: str, count: int = 1, timeout_s: float = 5.0) -> int:
        """Wait until a number is at least ``count`` and return it.

        Parameters:
            name: "registered" (entries pushed), "listed" (entries at all), "connections", "disconnections",
                "connected" (open now), "boards", "boards:9433@1", "requests", "refusals", "displaced", "resets",
                "pongs", "skipped", "client_messages", "exits", "restarts", "held_back" (by `slow_start`),
                "orders" (taken), "executions" or "orders_finished".
            count: how many at least.
            timeout_s: seconds of real time to wait.

        Raises:
            DeadlineError: it was not reached in time.
            OptionError: there is no such number.
        """
        return await self._facts.wait_for(name, count, timeout_s)

    def _numbers(self) -> dict[str, Callable[[], int]]:
        stats, station = self.stats, self.station
        numbers: dict[str, Callable[[], int]] = {
            "registered": lambda: len(station.pushed),
            "listed": lambda: len(station.entries),
            "connected": lambda: self._push.open_count,
            "held_back": lambda: self._held_back,
            "orders": lambda: self.floor.taken,
            "orders_finished": lambda: self.floor.finished,
            "executions": lambda: self.floor.executions,
            "boards": stats.boards_sent.total,
            "requests": stats.requests.total,
            "refusals": stats.refusals.total,
        }
        names = ("connections", "disconnections", "displaced", "resets", "pongs", "skipped", "client_messages", "exits",
                 "restarts")  # fmt: skip
        numbers |= totals(stats, names)
        numbers |= counted(
            "boards", stats.boards_sent, (f"{symbol}@{exchange}" for symbol, exchange in self.market.views)
        )
        return numbers

    # -- faults ----------------------------------------------------------------------------------------------

    def displace(self) -> None:
        """Behave as if another program had opened the push socket."""
        self._push.displace()

    def reset(self) -> None:
        """Cut the push connection with a TCP reset, as happens at the open."""
        self._push.reset()

    def close_push(self, code: int = 1000, reason: str = "") -> None:
        """Close the push connection with a code.

        Parameters:
            code: close code (RFC 6455 section 7.4), 1000 by default.
            reason: its words, at most 123 bytes of UTF-8.

        Raises:
            OptionError: a code that may not be sent, or a reason that is too long.
        """
        check_close(code, reason)
        self._push.close(code, reason)

    def mute(self, duration_s: float | None = None) -> None:
        """Send nothing on the push socket, Pongs included.

        Parameters:
            duration_s: for so many seconds; None until `unmute`.
        """
        self.unmute()
        self._push.mute(True)
        if duration_s is not None:
            self._unmute = self._background.start(self._later(duration_s, lambda: self._push.mute(False)))

    def unmute(self) -> None:
        """Send again."""
        if self._unmute is not None:
            self._unmute.cancel()
            self._unmute = None
        self._push.mute(False)

    def log_out(self) -> None:
        """Log out, as kabu Station does every early morning: calls get 401, push goes on."""
        self.station.log_out()

    def log_in(self) -> None:
        """Log in, as only a human can; a new token is needed."""
        self.station.log_in()

    def issue_token(self) -> None:
        """Behave as if another program had fetched a token: the one before is worth nothing."""
        self.station.issue_token()

    def refuse_tokens(self) -> None:
        """Give tokens and refuse every one of them until the next restart (vendor issue 1278)."""
        self.station.refuses_tokens = True

    def storm_429(self, duration_s: float) -> None:
        """Answer every call with 429 for so many seconds.

        Parameters:
            duration_s: how long, seconds of the simulator's clock.
        """
        self.station.storm(self._now_ns() + round(duration_s * S))

    def lose_order_replies(self, count: int = 1) -> None:
        """Take the next orders and cancels, and lose the connection instead of answering (vendor issue 972).

        Parameters:
            count: how many (default 1), in place of what is left of an earlier call.
        """
        self._replies_to_lose = count

    def forget_list(self) -> None:
        """Behave as if another program had emptied the registration list."""
        self.station.unregister_all()
        self._facts.changed()

    def slow_start(self, duration_s: float, delay_s: float) -> None:
        """Hold back every answer and every handshake by ``delay_s`` for the next ``duration_s`` seconds."""
        self._slow_until_s = self._clock.monotonic_s() + duration_s
        self._slow_by_s = delay_s

    def shock(self, symbol: str, fraction: float, exchange: int = 1) -> None:
        """Change what a stock is believed to be worth by a fraction, such as -0.05.

        Parameters:
            symbol: the stock's code.
            fraction: how much more (positive) or less it is worth now; more than -1.
            exchange: its market code, 1 (default) for Tokyo.

        Raises:
            KeyError: no such stock is listed.
        """
        self.market.shock(symbol, exchange, fraction)

    async def restart(self, down_s: float = 0.0, login_after_s: float | None = 0.0) -> None:
        """Exit and start again: connections end, nobody listens for a while, list and token are gone.

        Parameters:
            down_s: seconds during which nothing listens on the port.
            login_after_s: seconds after that until somebody logs in; None until `log_in`.
        """
        async with self._restarting:  # one after the other: both would want the port
            port = self.port
            await self._exit()
            self.station.start(Login.IN if login_after_s == 0 else Login.STARTING)
            self._feed.forget()
            if down_s > 0:
                await self._clock.sleep(down_s)
            await self._listen(port)
            if login_after_s:
                self._background.start(self._later(login_after_s, self.station.log_in))
            self.stats.restarts += 1
            self._facts.changed()

    def _faults(self) -> dict[str, Callable[..., Any]]:
        names = (
            self.displace,
            self.reset,
            self.close_push,
            self.mute,
            self.unmute,
            self.log_out,
            self.log_in,
            self.issue_token,
            self.refuse_tokens,
            self.storm_429,
            self.lose_order_replies,
            self.forget_list,
            self.slow_start,
            self.shock,
            self.restart,
        )
        return {call.__name__: call for call in names}

    # -- sockets ---------------------------------------------------------------------------------------------

    async def _listen(self, port: int) -> None:
        options = LIMITS.replace(
            server_header=SERVER,
            answer_pings=self.switches.answer_ping,
            ping_interval_s=0,
            close_timeout_s=2.0,
        )

        async def listen_on(host: str, port: int) -> Server:
            return await serve(self._push.serve, host, port, accept=self._accept, http=self._handle, options=options)

        first = "127.0.0.1" if self._host == "localhost" else self._host
        server = await listen_on(first, port)
        self.servers = [server]
        self._port = server.port
        if self._host == "localhost":
            try:
                self.servers.append(await listen_on("::1", self._port))
            except ListenError as error:
                log.debug("not listening on ::1: %s", error)  # no IPv6 here, or the port is taken there

    async def _exit(self) -> None:
        """End as a program does that exits."""
        if self.switches.exit == "reset":
            self._push.reset()
        servers, self.servers = self.servers, []
        await asyncio.gather(*(server.close() for server in servers))
        self.stats.exits += 1
        self._facts.changed()

    async def _accept(self, request: Request) -> Reject | None:
        await self._dawdle()
        status = turn_away(request.headers.get("host"), request.path, is_strict=self.switches.strict_host_header)
        if status is not None:
            return Reject(status, windows_page(status), windows_headers())
        if request.path != WEBSOCKET_PATH:
            refusal = Refusal.of(4001012)
            headers = {"Content-Type": "application/json; charset=utf-8"}
            return Reject(refusal.http_status, encode(refusal.reply).decode(), headers)
        return None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        refused = refuse_by_windows(
            request,
            is_strict=self.switches.strict_host_header,
            also_served=CONTROL_PATH if self._is_controlled else None,
        )
        if refused is not None:
            self.stats.replies[refused.status] += 1
            return refused
        call = await read_call(request, max_body_bytes=self.switches.max_body_bytes)
        if call.path.startswith(CONTROL_PATH):
            if call.is_too_long:
                return web.json_response({"error": "the body is too long"}, status=413)
            return await answer_control(
                request,
                call.body,
                faults=self._faults(),
                stats=self.stats.as_dict,
                start=self._background.start,
            )
        await self._dawdle()
        answer = await self._answer(call)
        if self._replies_to_lose and is_order_call(call.path) and request.transport is not None:
            self._replies_to_lose -= 1
            request.transport.abort()
        return dress(answer)

    async def _answer(self, call: Call) -> Answer:
        found = find_route(call.path)
        is_known = call.method in hdrs.METH_ALL  # not whatever a client has made up
        self.stats.requests[f"{call.method} /{found[0]}" if found and is_known else "unknown"] += 1
        answer = self._core.answer(call, self._now_ns())
        self.stats.replies[answer.http_status] += 1
        if answer.refusal is not None:
            self.stats.refusals[answer.refusal.code] += 1
        self._facts.changed()
        if answer.delay_s > 0:
            await self._clock.sleep(answer.delay_s)
        if self.switches.snapshot_on_register:
            for key in answer.registered:
                self._feed.send(key)
        return answer

    async def _dawdle(self) -> None:
        if self._clock.monotonic_s() < self._slow_until_s:
            self._held_back += 1
            self._facts.changed()
            try:
                await self._clock.sleep(self._slow_by_s)
            finally:
                self._held_back -= 1

    # -- time ------------------------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        return round(self._clock.monotonic_s() * S)

    async def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        await self._clock.sleep(delay_s)
        action()


def _in_japan(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=JST)
    return round(moment.timestamp() * S)


async def run_simulator(
    *,
    port: int = 18080,
    seed: int = 1,
    speed: float = 1.0,
    ticks_per_s: float = STEPS_PER_S,
    session: SessionMode = "always",
    password: str = "password",
    switches: Switches | None = None,
    control: bool = False,
    on_ready: Callable[[KabuSimulator], None] | None = None,
) -> None:
    """Run a simulator until this coroutine is cancelled.

    Parameters:
        port: TCP port, 18080 as the real one; 0 lets the system choose.
        seed: the same seed and start give the same market.
        speed: seconds of market time in a second.
        ticks_per_s: orders a second and busy stock.
        session: "always" or "clock".
        password: the API password that ``/token`` takes.
        switches: behaviours and limits.
        control: whether ``/simulator/...`` takes faults by HTTP.
        on_ready: called once when it listens.

    Raises:
        ListenError: another program holds the port.
        OptionError: an option has a value that cannot work.
    """
    simulator = KabuSimulator(
        port=port,
        seed=seed,
        speed=speed,
        ticks_per_s=ticks_per_s,
        session=session,
        password=password,
        switches=switches,
        control=control,
    )
    async with simulator:
        if on_ready is not None:
            on_ready(simulator)
        await asyncio.get_running_loop().create_future()
