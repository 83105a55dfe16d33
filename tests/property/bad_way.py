"""A bad way between a venue in memory and a client of its orders: one connection that breaks, and calls that fail.

What a venue adds is how it answers; what a machine adds is what its user does and what must be so in the end.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.property.looping import LoopingMachine
from wsexample.brokers.base import Reply
from wsexample.clock import ManualClock
from wsexample.errors import NetworkError, WsExampleError
from wsexample.ports import Record
from wsexample.records.orders import Fill, Order
from wsexample.session.testing import ScriptedConnection
from wsexample.wire.options import ConnectOptions

__all__ = ["BadWayMachine", "BadWayVenue", "newest_of"]

NS = 10**9


class BadWayVenue(ABC):
    """A venue behind a client's own seams; time is that of a clock moved by hand."""

    OVERLOADED: ClassVar[Reply]
    """How it answers a call that it has no time for."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.connection: ScriptedConnection | None = None
        self.is_closed = False
        self.is_mute = False
        """Whether nothing is told on the connection, as long as it lasts."""
        self.call_faults: list[str] = []
        """What the next calls meet: "overloaded", "lost" (done, and the answer lost) or "hangs"."""

    # -- the socket ----------------------------------------------------------------------------------------------

    async def dial(self, options: ConnectOptions) -> ScriptedConnection:
        """Stand in for the network."""
        self.is_mute = False
        self.connection_begins()
        self.connection = ScriptedConnection(self.clock, self.answer)
        return self.connection

    @abstractmethod
    def connection_begins(self) -> None:
        """Forget what belonged to the connection before."""

    @abstractmethod
    def answer(self, message: str | bytes) -> list[Any]:
        """Answer what the client says on its socket."""

    @abstractmethod
    def step(self) -> None:
        """Let happen what is due, and let arrive what is told of it."""

    def cut(self) -> None:
        """Lose the connection."""
        if self.connection is not None:
            self.connection.drop()

    # -- the calls -----------------------------------------------------------------------------------------------

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
        """Answer an HTTP request, or do not."""
        assert not self.is_closed, f"{path} was called after the end"
        how = self.call_faults.pop(0) if self.call_faults else ""
        if how == "hangs":
            await self.clock.sleep(10.0)
            raise NetworkError("no answer within 10 s")
        if how == "overloaded":
            return self.OVERLOADED
        await asyncio.sleep(0)
        reply = self.reply(method, path, query or {}, headers or {}, body or b"")
        if how == "lost":
            raise NetworkError("the connection was lost")
        return reply

    @abstractmethod
    def reply(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Reply:
        """Do what a call asks for."""

    async def close(self) -> None:
        """Take no call any more."""
        self.is_closed = True

    # -- what a machine asks -------------------------------------------------------------------------------------

    @abstractmethod
    def order_ids(self) -> list[str]:
        """Return its orders, oldest first."""

    @abstractmethod
    def executions(self) -> set[str]:
        """Return its executions."""

    def mend(self) -> None:
        """Be good from now on."""
        self.call_faults = []


class BadWayMachine(LoopingMachine):
    """One account, one client of it, and a bad way between them."""

    REST_S: ClassVar[float]
    """So long after the last fault, the client knows everything."""

    venue: Any
    client: Any
    """What streams: it starts, is live and is closed."""
    gateway: Any
    """What places orders."""

    def begin_with(self, venue: BadWayVenue, client: Any, gateway: Any) -> None:
        """Let the client be live."""
        self.venue, self.client, self.gateway = venue, client, gateway
        self.clock = venue.clock
        self.got: list[Record] = []
        self.calls: list[asyncio.Task[Any]] = []
        self.count = 0
        self.call(client.start)
        self.pass_time(1.0)
        assert client.is_live

    # -- what the user does --------------------------------------------------------------------------------------

    def ask(self, work: Coroutine[Any, Any, Any]) -> None:
        """Make a call, which may take its time and fail."""
        self.calls.append(self.begin(work))
        self.look()

    def next_name(self) -> str:
        """Return an identifier for the next order."""
        self.count += 1
        return f"mine-{self.count}"

    def one_of(self, which: int) -> str | None:
        """One of the newest orders."""
        names = self.venue.order_ids()
        return names[-1 - which % len(names)] if names else None

    @rule(which=st.integers(0, 4))
    def cancel(self, which: int) -> None:
        if (order_id := self.one_of(which)) is not None:
            self.ask(self.gateway.cancel_order(order_id))

    # -- what happens on the way ---------------------------------------------------------------------------------

    @rule()
    def connection_is_cut(self) -> None:
        self.venue.cut()
        self.look()

    @rule(how=st.lists(st.sampled_from(["overloaded", "lost", "hangs", ""]), min_size=1, max_size=4))
    def calls_fail(self, how: list[str]) -> None:
        self.venue.call_faults = how

    @rule(seconds=st.sampled_from([0.2, 1.0, 5.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on in small steps, and everybody wake up in time."""
        target_ns = self.clock.now_ns() + round(seconds * NS)
        while self.clock.now_ns() < target_ns:
            step_ns = min(target_ns, self.clock.now_ns() + NS // 5)
            while (wake_ns := self.clock.next_wake_ns) is not None and wake_ns <= step_ns:
                self.clock.move_to(wake_ns)
                self.let_run()
            self.clock.move_to(step_ns)
            self.look()

    def look(self) -> None:
        """Let the venue tell what happened, and the client hear it."""
        self.call(self.venue.step)
        self.let_run()
        self.got += map(self.record_of, self.client._parts.delivery.own.take_waiting())
        for task in [task for task in self.calls if task.done()]:
            self.calls.remove(task)
            assert isinstance(task.exception(), WsExampleError | None), task.exception()

    def record_of(self, taken: Any) -> Record:
        """Return the record in what the client handed over."""
        record: Record = taken
        return record

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def each_execution_once_and_none_made_up(self) -> None:
        if hasattr(self, "got"):
            told = Counter(record.fill_id for record in self.got if isinstance(record, Fill))
            assert not told or max(told.values()) == 1, told
            assert set(told) <= self.venue.executions()

    def come_to_rest(self) -> None:
        """The way is good again: the client's view becomes the venue's, by what its stream brings."""
        if not hasattr(self, "got"):
            return
        self.venue.mend()
        self.pass_time(self.REST_S)
        assert not self.calls, f"calls that never end: {self.calls}"
        assert self.client.is_live
        self.each_execution_once_and_none_made_up()
        told = {record.fill_id for record in self.got if isinstance(record, Fill)}
        self.compare(self.venue.executions() - told)
        self.do(self.client.close())

    def compare(self, never_told: set[str]) -> None:
        """Compare the client's view with the venue's.

        Parameters:
            never_told: executions that the client was not told of.
        """
        raise NotImplementedError


def newest_of(records: Iterable[Record], place: Callable[[Order], Any]) -> dict[str, Order]:
    """Return the newest record of each order; of two in the same place, the later one."""
    view: dict[str, Order] = {}
    for record in records:
        if isinstance(record, Order):
            known = view.get(record.order_id)
            if known is None or place(record) >= place(known):
                view[record.order_id] = record
    return view
