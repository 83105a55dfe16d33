"""A kabu Station in memory, on a clock moved by hand: the simulator's pure parts behind `KabuClient`'s two seams.

Every board that the station would push gets a number in place of its market value, so that a test can tell which of them
came. Shared by several tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.brokers.kabu.market_samples import S, future, small_market
from wsexample.brokers.base import Reply
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.simulator.core import Core
from wsexample.brokers.kabu.simulator.desk import Call
from wsexample.brokers.kabu.simulator.http import encode
from wsexample.brokers.kabu.simulator.image import draw
from wsexample.brokers.kabu.simulator.station import Login
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.clock import ManualClock
from wsexample.errors import ConnectError, DeadlineError
from wsexample.session.testing import ScriptedConnection, ScriptedDialer, settle

PONG_S = 30.0
STOCKS = ("9433", "8306", "7203", "9984", "7974", "6758", "9432", "501A")


@dataclass(frozen=True)
class Push:
    """One change of a board."""

    at_ns: int
    symbol: str
    number: int
    was_said: bool
    """Whether it went to a connection that was open."""


class MemoryStation:
    """What a client meets at the other end of both its seams.

    Parameters:
        start: time of the day in Japan at which the market begins.
        symbols: what is listed.
        ticks_per_s: orders a second and busy stock.
        switches: how it behaves.
    """

    def __init__(
        self,
        start: str = "10:15",
        *,
        symbols: Iterable[str] = (*STOCKS, "101", future()),
        ticks_per_s: float = 0.5,
        **switches: Any,
    ) -> None:
        self.market = small_market(start, symbols=tuple(symbols), ticks_per_s=ticks_per_s)
        self.clock = ManualClock(start_ns=self.market.now_ns)
        self.switches = Switches(**{"first_board_delay_ms": 0, **switches})
        self.core = Core(self.market, self.switches, password="password")
        self.station = self.core.station
        self.dialer = ScriptedDialer(clock=self.clock)
        self.tape: list[Push] = []
        self.calls: list[str] = []
        self.has_pongs = True
        self.is_down = False
        self.is_mute = False
        self.answer_delay_s = 0.0
        self._pong_ns = self.clock.now_ns()

    def client(self, symbols: str, **options: Any) -> KabuClient:
        """A client of this station."""
        options = {
            "password": "password",
            "policy": "drop_oldest",
            "register_limit": self.switches.register_limit,
            **options,
        }
        return KabuClient(symbols, clock=self.clock, dial=self.dial, http=self, **options)

    # -- the client's seams ----------------------------------------------------------------------------------------

    async def dial(self, options: Any) -> ScriptedConnection:
        await self._wait("handshake", 10.0)
        if self.dialer.connections:
            self.displace()
        self.is_mute = False
        return await self.dialer(options)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        await self._wait("HTTP answer", timeout_s or 10.0)
        self.calls.append(f"{method} {path}")
        answer = self.core.answer(
            Call(
                method=method,
                path=f"/kabusapi{path}",
                query=dict(query or {}),
                token=(headers or {}).get("X-API-KEY"),
                media_type="application/json",
                body=body or b"",
            ),
            self.clock.now_ns(),
        )
        if answer.delay_s:
            await self.clock.sleep(answer.delay_s)
        for key in answer.registered if self.switches.snapshot_on_register else ():
            self.push(key)
        return Reply(answer.http_status, {"content-type": "application/json"}, encode(answer.body))

    async def close(self) -> None: ...

    async def _wait(self, step: str, timeout_s: float) -> None:
        if self.is_down:
            raise ConnectError("nobody listens", refused=True)
        if self.answer_delay_s >= timeout_s:
            await self.clock.sleep(timeout_s)
            raise DeadlineError(f"no {step}", step=step, timeout_s=timeout_s)
        if self.answer_delay_s:
            await self.clock.sleep(self.answer_delay_s)

    # -- the market ------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> ScriptedConnection | None:
        """Who is pushed to, if anybody."""
        if self.is_mute or self.is_down or not self.dialer.connections or self.dialer.connection.is_over:
            return None
        return self.dialer.connection

    def push(self, key: tuple[str, int]) -> None:
        """Push a board, where somebody listens for it; it goes on the tape in any case."""
        connection = self.connection if self.station.entries.get(key) else None
        number = len(self.tape) + 1
        now_ns = self.clock.now_ns()
        self.tape.append(Push(now_ns, f"{key[0]}@{key[1]}", number, connection is not None))
        if connection is not None:
            board = draw(self.market, self.market.views[key], self.switches)
            board = msgspec.structs.replace(board, TotalMarketValue=float(number))
            connection.say(msgspec.json.encode(board).decode())

    def play(self) -> None:
        """Let the market come to the present moment."""
        for change in self.market.advance(self.clock.now_ns()):
            self.push(change.key)
        if self.has_pongs and self.clock.now_ns() - self._pong_ns >= PONG_S * S:
            self._pong_ns = self.clock.now_ns()
            if self.connection is not None:
                self.connection.show_life()

    async def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass for everybody, in steps."""
        end_ns = self.clock.now_ns() + round(seconds * S)
        while self.clock.now_ns() < end_ns:
            target_ns = min(self.clock.now_ns() + round(step_s * S), end_ns)
            while (wake_ns := self.clock.next_wake_ns) is not None and wake_ns <= target_ns:
                self.clock.advance(max(wake_ns - self.clock.now_ns(), 0) / 1e9)
                await settle()
            self.clock.advance((target_ns - self.clock.now_ns()) / 1e9)
            self.play()
            await settle()

    async def while_waiting(self, work: Any) -> Any:
        """Await something that needs time to pass."""
        task = asyncio.ensure_future(work)
        await settle()
        while not task.done():
            await self.pass_time(1.0)
        return await task

    # -- faults ----------------------------------------------------------------------------------------------------

    def displace(self) -> None:
        """Another program opens the push stream."""
        if not self.dialer.connection.is_over and self.switches.second_client == "close":
            self.dialer.connection.drop(1000, was_clean=True)

    def exit(self) -> None:
        """kabu Station ends; list and token are gone."""
        self.is_down = True
        if self.dialer.connections:
            self.dialer.connection.drop()
        self.station.start(Login.STARTING)

    def start(self) -> None:
        """kabu Station is started, and nobody has logged in."""
        self.is_down = False

    def crowd(self, codes: Iterable[str]) -> None:
        """Another program registers symbols, as many as there are places for."""
        self.station.register([SymbolEntry(code, 1) for code in codes])
