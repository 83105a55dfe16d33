"""The sockets of a client: one public, further ones when it is full, and one private that is opened when it is needed.

Which stream goes over which of them is decided here; what a stream yields is the client's matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from wsexample.brokers.weex.client.channels import is_private_topic
from wsexample.brokers.weex.client.line import Line
from wsexample.brokers.weex.client.outlet import Outlet, summed
from wsexample.brokers.weex.codes import MAX_CONNECTIONS, MAX_STREAMS, VENUE
from wsexample.errors import StateError, SubscriptionLimitError
from wsexample.session.inbox import InboxStats

__all__ = ["Sockets"]


class Sockets:
    """Sockets by need.

    Parameters:
        opened: opens a line, private or public.
    """

    def __init__(self, opened: Callable[[bool], Awaitable[Line]]) -> None:
        self._opened = opened
        self.public: list[Line] = []
        """The first is the one that `open` opens; further ones carry what it has no room for."""
        self.private: Line | None = None
        self._opening = asyncio.Lock()
        self._closings = 0
        self._outlets: set[Outlet] = set()
        self._left = InboxStats()

    @property
    def lines(self) -> list[Line]:
        """Every line there is."""
        return [*self.public, *([] if self.private is None else [self.private])]

    @property
    def counts(self) -> InboxStats:
        """The sums over all outlets, those that ended included."""
        return summed([self._left, *(outlet.stats for outlet in self._outlets)])

    # -- life ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the first public line, again when it has given up."""
        async with self._opening:
            if not self.public or self.public[0].is_over:
                self.public[:1] = []
                self.public.insert(0, await self._another(False))

    async def open_private(self) -> Line:
        """Return the private line; opens it when there is none, or when it has given up."""
        self.first()
        async with self._opening:
            if self.private is None or self.private.is_over:
                self.private = None
                self.private = await self._another(True)
            return self.private

    async def _another(self, is_private: bool) -> Line:
        """Open a line, unless everything is closed meanwhile."""
        before = self._closings
        line = await self._opened(is_private)
        if before != self._closings:
            await line.close()
            raise StateError("the client was disconnected")
        return line

    def first(self) -> Line:
        """Return the first public line.

        Raises:
            StateError: the client is not connected.
        """
        if not self.public:
            raise StateError("the client is not connected; use it in an `async with` block or call connect()")
        return self.public[0]

    async def close(self) -> None:
        """Close every line; what hears them ends normally."""
        lines = self.lines
        self._closings += 1
        self.public, self.private = [], None
        for outlet in self._outlets:
            outlet.finish(None)
        for line in lines:
            await line.close()

    # -- outlets -------------------------------------------------------------------------------------------------

    def add(self, outlet: Outlet) -> None:
        """Count an outlet, whether it joins a line or not."""
        self._outlets.add(outlet)

    async def attach(self, outlet: Outlet, topics: Iterable[str], *, news: Iterable[str] = ()) -> None:
        """Let an outlet have topics too, over whichever lines; returns when the venue has answered.

        Parameters:
            outlet: where messages go.
            topics: streams, as the venue spells them.
            news: kinds of records about the connection that it gets besides.

        Raises:
            BrokerError: the venue refused a stream, or there is no room for it.
        """
        self.add(outlet)
        asked: dict[Line, list[str]] = {}
        for topic in dict.fromkeys(topics):
            if topic not in outlet.topics:
                line = await self._line_for(topic)
                line.join(outlet, [topic], news)  # nothing may come between choosing and joining
                outlet.topics.add(topic)
                asked.setdefault(line, []).append(topic)
        for line, names in asked.items():
            await line.ask(names)

    async def detach(self, outlet: Outlet) -> None:
        """Take an outlet off every line."""
        outlet.leave()
        if outlet in self._outlets:
            self._outlets.discard(outlet)
            self._left = summed([self._left, outlet.stats])
        await self._parted([line.leave(outlet) for line in self.lines])

    async def want(self, topic: str) -> None:
        """Count a topic as wanted by hand; returns when the venue has answered."""
        line = await self._line_for(topic)
        line.count(topic)
        try:
            await line.ask([topic])
        except BaseException:  # cancelled too: what was counted as wanted is wanted by nobody
            await self._parted([line.release([topic])])
            raise

    async def release(self, topic: str) -> None:
        """Count a topic as wanted no longer."""
        await self._parted([line.release([topic]) for line in self.lines if topic in line.topics])

    async def _parted(self, tasks: Iterable[asyncio.Task[None] | None]) -> None:
        """Wait until the venue has been told; a cancellation here does not reach those who tell it."""
        begun = {task for task in tasks if task is not None}
        if begun:
            await asyncio.wait(begun)
        await self._close_empty()

    async def _line_for(self, topic: str) -> Line:
        """Return the line that carries a topic, else one with room for it, else a new one."""
        if is_private_topic(topic):
            return await self.open_private()
        while True:
            self.first()
            for line in self.public:
                if topic in line.topics:
                    return line
            for line in self.public:
                if line.has_room:
                    return line
            if len(self.public) >= MAX_CONNECTIONS - 1:  # one is left for the private socket
                raise SubscriptionLimitError(
                    f"WEEX lets an address have {MAX_CONNECTIONS} connections of {MAX_STREAMS} streams", venue=VENUE
                )
            async with self._opening:
                if not any(line.has_room for line in self.public):
                    self.public.append(await self._another(False))

    async def _close_empty(self) -> None:
        """Close further public lines that carry nothing any more."""
        for line in [one for one in self.public[1:] if not one.topics]:
            if line in self.public:
                self.public.remove(line)
                await line.close()
