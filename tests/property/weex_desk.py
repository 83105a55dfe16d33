"""WEEX in memory: the contract desk of the simulator and its calls behind a client's own seams, with faults on both ways."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from random import Random

import msgspec

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.property.bad_way import BadWayVenue
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
from wsexample.session.session import Session

__all__ = ["SYMBOL", "WeexVenue"]

SYMBOL = "BTCUSDT"


class _Desk(Desk):
    """A desk whose market stands where it is put."""

    price = Decimal(60_000)

    def best(self, symbol: str, side: str) -> Decimal:
        return self.price + (1 if side == "BUY" else -1)


class WeexVenue(BadWayVenue):
    """One contract account at WEEX."""

    OVERLOADED = Reply(503, {}, b"{}")

    def __init__(self) -> None:
        super().__init__(ManualClock())
        market = Market(1, [SYMBOL])
        self.desk = _Desk(market)
        self._calls = HttpSide(market, self.desk, Credentials(KEY, SECRET, PASSPHRASE), Window(0, 10.0))
        self._topics: set[str] = set()
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self.double_next = 0
        self.swap_next = False
        self.delay_s = 0.0
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

    def connection_begins(self) -> None:
        self._topics.clear()
        self._on_the_way.clear()

    def answer(self, message: str | bytes) -> list[str]:
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
        self.tell(self.desk.step(self.now_ms))
        connection = self.connection
        while self._on_the_way and self._on_the_way[0][0] <= self.clock.monotonic_s():
            payload = self._on_the_way.popleft()[1]
            if connection is not None and not connection.is_over:
                connection.say(payload.decode())

    def cut(self) -> None:
        """Lose the connection, and what was on its way."""
        self._on_the_way.clear()
        super().cut()

    def reply(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Reply:
        bare, _, asked = path.partition("?")
        known = {name.lower(): value for name, value in headers.items()}
        answer = self._calls.answer(method, bare, asked, body.decode(), known, self.now_ms, self.clock.monotonic_s())
        self.tell(answer.frames)
        return Reply(answer.status, {}, msgspec.json.encode(answer.body))

    def order_ids(self) -> list[str]:
        return list(self.desk.orders)

    def executions(self) -> set[str]:
        return {fill["id"] for fill in self.desk.fills}

    def mend(self) -> None:
        super().mend()
        self.double_next, self.swap_next, self.delay_s = 0, False, 0.0
