"""WEEX in memory: the contract desk of the simulator and its calls behind a client's own seams, with faults on both ways."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from wsexample.brokers.base import Reply
from wsexample.brokers.weex.client.errands import WeexErrands, identity
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import WeexDialect
from wsexample.brokers.weex.rest import WeexRest
from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.gate import Credentials, Window
from wsexample.brokers.weex.simulator.http import HttpSide
from wsexample.brokers.weex.simulator.market import Market
from wsexample.brokers.weex.simulator.orders import Frames
from wsexample.clock import ManualClock
from wsexample.errors import NetworkError
from wsexample.session.session import Session
from wsexample.session.testing import ScriptedConnection
from wsexample.wire.options import ConnectOptions

__all__ = ["SYMBOL", "WeexVenue"]

SYMBOL = "BTCUSDT"


class _Desk(Desk):
    """A desk whose market stands where it is put."""

    price = Decimal(60_000)

    def best(self, symbol: str, side: str) -> Decimal:
        return self.price + (1 if side == "BUY" else -1)


class WeexVenue:
    """One contract account at WEEX; time is that of a clock moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        market = Market(1, [SYMBOL])
        self.desk = _Desk(market)
        self._calls = HttpSide(market, self.desk, Credentials(KEY, SECRET, PASSPHRASE), Window(0, 10.0))
        self.connection: ScriptedConnection | None = None
        self._topics: set[str] = set()
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self.double_next = 0
        self.swap_next = False
        self.delay_s = 0.0
        self.is_mute = False
        self.call_faults: list[str] = []
        """What the next calls meet: "503", "lost" (done, and the answer lost) or "hangs"."""
        config = WeexConfig(api_key=KEY, secret_key=SECRET, passphrase=PASSPHRASE, rest_url="http://weex")
        self.rest = WeexRest(config, clock=self.clock)
        self.rest._http = self  # type: ignore[assignment]
        self.session = Session(
            WeexDialect(),
            ["orders", "fill"],
            errands=WeexErrands(config, self.clock, lambda: self.rest, is_private=True),
            dial=self.dial,
            clock=self.clock,
            random=Random(1),
            dedupe=identity,
            limit=100_000,
        )

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns() // 10**6

    # -- the socket ----------------------------------------------------------------------------------------------

    async def dial(self, options: ConnectOptions) -> ScriptedConnection:
        self._topics.clear()
        self._on_the_way.clear()
        self.is_mute = False
        self.connection = ScriptedConnection(self.clock, self.answer)
        return self.connection

    def answer(self, message: str | bytes) -> list[str]:
        """Answer what the client says on its socket."""
        asked = msgspec.json.decode(message)
        if asked["method"] == "SUBSCRIBE":
            self._topics.update(asked["params"])
        return [msgspec.json.encode({"result": True, "id": asked.get("id")}).decode()]

    def tell(self, frames: Frames) -> None:
        """Send what happened."""
        for channel, frame in frames:
            if channel not in self._topics or self.is_mute:
                continue
            payload = msgspec.json.encode(frame)
            row = (self.clock.monotonic_s() + self.delay_s, payload)
            self._on_the_way.append(row)
            if self.double_next > 0:
                self.double_next -= 1
                self._on_the_way.append(row)
            if self.swap_next and len(self._on_the_way) > 1:
                self.swap_next = False
                self._on_the_way.append(self._on_the_way.popleft())

    def step(self) -> None:
        """Fill what the market has reached, and let arrive what is due."""
        self.tell(self.desk.step(self.now_ms))
        connection = self.connection
        while self._on_the_way and self._on_the_way[0][0] <= self.clock.monotonic_s():
            payload = self._on_the_way.popleft()[1]
            if connection is not None and not connection.is_over:
                connection.say(payload.decode())

    def cut(self) -> None:
        """Lose the connection, and what was on its way."""
        self._on_the_way.clear()
        if self.connection is not None:
            self.connection.drop()

    # -- the calls -----------------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        **others: Any,
    ) -> Reply:
        """Answer an HTTP request, or do not."""
        how = self.call_faults.pop(0) if self.call_faults else ""
        if how == "hangs":
            await self.clock.sleep(10.0)
            raise NetworkError("no answer within 10 s")
        if how == "503":
            return Reply(503, {}, b"{}")
        await asyncio.sleep(0)
        bare, _, query = path.partition("?")
        known = {name.lower(): value for name, value in (headers or {}).items()}
        now_s = self.clock.monotonic_s()
        answer = self._calls.answer(method, bare, query, (body or b"").decode(), known, self.now_ms, now_s)
        self.tell(answer.frames)
        if how == "lost":
            raise NetworkError("the connection was lost")
        return Reply(answer.status, {}, msgspec.json.encode(answer.body))

    async def close(self) -> None:
        """Nothing is open."""
