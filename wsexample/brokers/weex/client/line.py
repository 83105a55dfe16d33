"""One socket shared by many streams: a session, how often each topic is wanted, and an outlet for each stream.

Which streams there are, and what an item of them is, belongs to the client.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable

from wsexample.brokers.weex.dialect import WeexMessage
from wsexample.errors import SlowConsumerError, StateError
from wsexample.session.session import Session

__all__ = ["Line", "Outlet"]


class Outlet:
    """Where the messages of one stream wait.

    Parameters:
        keeps_newest: of each topic keep the newest message alone; otherwise keep all, within the limit.
        limit: messages that may wait; more end the stream with `SlowConsumerError`.
    """

    def __init__(self, *, keeps_newest: bool, limit: int) -> None:
        self.topics: set[str] = set()
        self._newest: dict[str, WeexMessage] | None = {} if keeps_newest else None
        self._all: deque[WeexMessage] = deque()
        self._limit = limit
        self._filled = asyncio.Event()
        self._is_over = False
        self._error: BaseException | None = None

    def put(self, message: WeexMessage) -> None:
        """Take a message in."""
        if self._is_over:
            return
        if self._newest is not None and message.topic != "positions":
            self._newest[message.topic] = message
        elif len(self._all) >= self._limit:
            self.finish(SlowConsumerError(f"{self._limit} messages wait; take them faster", limit=self._limit))
        else:
            self._all.append(message)
        self._filled.set()

    def finish(self, error: BaseException | None) -> None:
        """Say that nothing follows; what waits is still handed over."""
        if not self._is_over:
            self._is_over, self._error = True, error
        self._filled.set()

    async def __aiter__(self) -> AsyncIterator[WeexMessage]:
        while True:
            while self._all:
                yield self._all.popleft()
            while self._newest:
                yield self._newest.pop(next(iter(self._newest)))
                if self._all:
                    break
            if self._all:
                continue
            if self._is_over:
                if self._error is not None:
                    raise self._error
                return
            self._filled.clear()
            await self._filled.wait()


class Line:
    """A session and the streams on it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._outlets: set[Outlet] = set()
        self._wanted: Counter[str] = Counter()
        self._pump: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def topics(self) -> frozenset[str]:
        """Topics that some stream wants."""
        return frozenset(topic for topic, count in self._wanted.items() if count)

    @property
    def is_live(self) -> bool:
        """Whether the socket is open and its streams are confirmed."""
        return not self._is_over and self.session.is_live

    async def open(self) -> None:
        """Connect; raises what kept it from that."""
        await self.session.__aenter__()
        self._pump = asyncio.create_task(self._carry(), name="wsexample weex line")

    async def _carry(self) -> None:
        error: BaseException | None = None
        try:
            async for record in self.session:
                if isinstance(record, WeexMessage):
                    for outlet in self._outlets:
                        if record.topic in outlet.topics:
                            outlet.put(record)
        except Exception as failure:  # noqa: BLE001 - every stream on this line raises it
            error = failure
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        self._is_over = True
        for outlet in self._outlets:
            outlet.finish(error)

    async def attach(self, outlet: Outlet, topics: Iterable[str]) -> None:
        """Let an outlet have topics too; asks the venue for those that nobody had."""
        if self._is_over:
            raise self.session.error or StateError("the client is not connected")
        new = [topic for topic in dict.fromkeys(topics) if topic not in outlet.topics]
        outlet.topics.update(new)
        self._wanted.update(new)
        self._outlets.add(outlet)
        await self.session.subscribe(new)

    async def detach(self, outlet: Outlet) -> None:
        """Take an outlet off; gives up the topics that nobody else has."""
        if outlet not in self._outlets:
            return
        self._outlets.discard(outlet)
        mine = [topic for topic in outlet.topics if self._wanted[topic]]
        self._wanted.subtract(mine)
        last = [topic for topic in mine if not self._wanted[topic]]
        if last and not self._is_over:
            await self.session.unsubscribe(last)

    async def close(self) -> None:
        """Disconnect; every stream ends normally."""
        self._finish(None)
        await self.session.close()
        if self._pump is not None:
            await asyncio.wait({self._pump})
