"""One socket shared by many streams: a session, how often each topic is wanted, and which outlets have it.

Which streams there are, and what an item of them is, belongs to the client.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from wsexample.brokers.weex.client.outlet import Outlet
from wsexample.brokers.weex.codes import MAX_STREAMS
from wsexample.brokers.weex.dialect import WeexDialect, WeexMessage
from wsexample.errors import StateError, WsExampleError
from wsexample.ports import ConnectionEvent, Gap, Record, kind_of
from wsexample.session.events import Live
from wsexample.session.session import Session
from wsexample.session.stay import Dialled

__all__ = ["Line"]

log = logging.getLogger("wsexample.weex")

_STATES = ("ticker", "depth15", "depth200", "bookTicker")
"""Events of which the newest message says all; who joins a stream later begins with it."""


class Line:
    """A session and the streams on it.

    Parameters:
        session: what connects; it is entered by `open`.
        dialect: the session's language.
        tell: called with every record, before the streams get it; must not wait.
    """

    def __init__(
        self, session: Session, dialect: WeexDialect, tell: Callable[[Record], None] = lambda record: None
    ) -> None:
        self.session = session
        self._dialect = dialect
        self.connection: Dialled | None = None
        """The connection that was opened last."""
        self._tell = tell
        self._outlets: dict[Outlet, set[str]] = {}
        self._wanted: Counter[str] = Counter()
        self._leaving: dict[str, asyncio.Event] = {}
        self._partings: set[asyncio.Task[None]] = set()
        self._newest: dict[str, WeexMessage] = {}
        self._pump: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def topics(self) -> frozenset[str]:
        """Topics that somebody wants."""
        return frozenset(topic for topic, count in self._wanted.items() if count)

    @property
    def has_room(self) -> bool:
        """Whether it may carry another stream: there are limits to how many, and to how often an hour it may ask."""
        return len(self.topics) < MAX_STREAMS and self._dialect.has_room

    @property
    def is_live(self) -> bool:
        """Whether the socket is open and its streams are confirmed."""
        return not self._is_over and self.session.is_live

    @property
    def is_over(self) -> bool:
        """Whether it was closed or has given up."""
        return self._is_over

    # -- life ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect; raises what kept it from that."""
        await self.session.__aenter__()
        self._pump = asyncio.create_task(self._carry(), name="wsexample weex line")

    async def _carry(self) -> None:
        error: BaseException | None = None
        try:
            async for record in self.session:
                self._hand_over(record)
        except Exception as failure:  # noqa: BLE001 - every stream on this line raises it
            error = failure
        self._finish(error)

    def _hand_over(self, record: Record) -> None:
        self._tell(record)
        if isinstance(record, WeexMessage):
            key = record.topic
            if key.endswith(_STATES):
                self._newest[key] = record
        else:
            key = kind_of(type(record))
            self._forget(record)
        for outlet, keys in self._outlets.items():
            if key in keys:
                outlet.put(record)

    def _forget(self, record: Record) -> None:
        """Let nobody begin with what a break or a gap may have made old."""
        if isinstance(record, Gap) and record.symbol:
            for topic in [one for one in self._newest if one.startswith(f"{record.symbol}@depth")]:
                del self._newest[topic]
        elif isinstance(record, Gap) or (isinstance(record, ConnectionEvent) and record.event == "failed"):
            self._newest.clear()

    def _finish(self, error: BaseException | None) -> None:
        self._is_over = True
        for outlet in self._outlets:
            outlet.finish(error)

    async def reconnect(self) -> None:
        """Replace the connection and wait until it is live; raises what kept it from that."""
        session = self.session
        least = session.stats.attempts + session.is_live
        session.reconnect()
        async for event in session.events():
            if isinstance(event, Live) and event.connection >= least:
                return
        raise session.error or StateError("the client was disconnected")

    async def close(self) -> None:
        """Disconnect; every stream ends normally."""
        self._finish(None)
        await self.session.close()
        tasks = {*self._partings, *([] if self._pump is None else [self._pump])}
        if tasks:
            await asyncio.wait(tasks)

    # -- topics --------------------------------------------------------------------------------------------------

    def join(self, outlet: Outlet, topics: Iterable[str], news: Iterable[str] = ()) -> None:
        """Let an outlet have topics of this line; `ask` for them then.

        Parameters:
            outlet: where messages go.
            topics: streams, as the venue spells them.
            news: kinds of records about the connection that it gets besides, such as "gap".

        Raises:
            StateError: the line was closed; what ended it otherwise is raised itself.
        """
        if self._is_over:
            raise self.session.error or StateError("the client is not connected")
        topics = list(topics)
        self._outlets.setdefault(outlet, set()).update(topics, news)
        self._wanted.update(topics)
        if self.is_live:
            for topic in topics:
                if topic in self._newest:
                    outlet.put(self._newest[topic])

    def leave(self, outlet: Outlet) -> asyncio.Task[None] | None:
        """Take an outlet off; gives up the topics that nobody else has, as `release` does."""
        return self.release(self._outlets.pop(outlet, ()))

    def count(self, topic: str) -> None:
        """Count a topic as wanted once more; `ask` for it then."""
        if self._is_over:
            raise self.session.error or StateError("the client is not connected")
        self._wanted[topic] += 1

    async def ask(self, topics: Iterable[str]) -> None:
        """Ask the venue for topics that it does not send yet, and wait for its answer; raises its refusal."""
        topics = list(topics)
        for topic in topics:
            if topic in self._leaving:  # what is given up now must be given up before it is asked for again
                await self._leaving[topic].wait()
        await self.session.subscribe(topics)

    def release(self, topics: Iterable[str]) -> asyncio.Task[None] | None:
        """Count topics as wanted once less; returns the task that gives up those that were wanted for the last time.

        It is a task of its own: who leaves may be cancelled, and a stream that is given up by half is lost for the next one.
        """
        mine = [topic for topic in topics if self._wanted[topic]]
        self._wanted.subtract(mine)
        last = [topic for topic in mine if not self._wanted[topic]]
        for topic in last:
            self._newest.pop(topic, None)
        if not last or self._is_over:
            return None
        told = asyncio.Event()
        self._leaving.update(dict.fromkeys(last, told))
        task = asyncio.get_running_loop().create_task(self._give_up(last, told), name="wsexample weex unsubscribe")
        self._partings.add(task)
        task.add_done_callback(self._partings.discard)
        return task

    async def _give_up(self, topics: list[str], told: asyncio.Event) -> None:
        try:
            await self.session.unsubscribe(topics)
        except WsExampleError as error:
            log.debug("giving up %s: %s", " ".join(topics), error)  # the session says by itself what is wrong with it
        finally:
            told.set()
            for topic in topics:
                if self._leaving.get(topic) is told:
                    del self._leaving[topic]
