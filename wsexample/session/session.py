"""`Session`: connections one after the other become one stream of records; this is the part that users hold.

What to do next is decided in `wsexample.session.machine` and in the dialect; one connection follows the other in
`wsexample.session.attempts`. Where they come from is the wire's business, or that of whatever ``dial`` is given.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Iterable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from wsexample.clock import FedClock, SystemClock
from wsexample.errors import DeadlineError, StateError
from wsexample.ports import Clock, ConnectionEvent, Dialect, Errands, Gap, Record
from wsexample.session import events
from wsexample.session.attempts import Attempts, Dial
from wsexample.session.consumer import Consumer, only
from wsexample.session.delivery import Delivery
from wsexample.session.events import Event, Tap, Traffic
from wsexample.session.gaps import Gaps
from wsexample.session.journal import as_record
from wsexample.session.machine import AttemptPace, Deadline, Machine, Phase
from wsexample.session.options import SessionOptions
from wsexample.session.stats import SessionStats, stats_of
from wsexample.session.stay import Parts, deadline_error
from wsexample.session.subscriptions import Askers
from wsexample.session.testing import NoWaiting, mode_now
from wsexample.session.waiting import EventLog, Wakeup, within
from wsexample.wire.connection import connect
from wsexample.wire.masking import mask_url
from wsexample.wire.options import ConnectOptions

if TYPE_CHECKING:
    from wsexample.session.option_fields import SessionFields

__all__ = ["Dial", "Session", "SessionStats"]

_inside: ContextVar[Session | None] = ContextVar("the session whose own task or errand this is", default=None)


class Session:
    """A stream of records that survives its connections.

    ``async with Session(dialect, topics, url=...) as session: async for record in session: ...`` Entering waits until the
    session is live. A final failure (credentials, unknown symbol, plan) is raised at once with the broker's own words;
    everything else is tried again within the limits of ``retry``.

    Parameters:
        dialect: the broker's language.
        topics: what to subscribe to first; more with `subscribe`.
        url: where to connect, an address or a whole `ConnectOptions`.
        options: a whole `SessionOptions`.
        errands: what the broker wants done beside the socket.
        dial: opens connections in place of the wire; takes `ConnectOptions`.
        clock: where time comes from (default: the machine).
        pace: spreads connection attempts, shared among sessions that share a limit (default: one of its own).
        random: source of the jitter (default: the system's).
        dedupe: what tells that two records are the same, such as an execution id; returns None for those that may repeat.
        tap: called with every event, and with every message before it is decoded or after it is sent. It runs inside the
            session and must not wait; an error in it ends the session.
        testing: no waiting, capped attempts, a manual clock (default: as `wsexample.session.testing.no_waiting` says; no
            waiting where a tape is played).
        changes: fields of `SessionOptions` to set.

    Raises:
        OptionError: an option has a value that cannot work.
    """

    def __init__(
        self,
        dialect: Dialect,
        topics: Iterable[str] = (),
        *,
        url: str | ConnectOptions = "",
        options: SessionOptions | None = None,
        errands: Errands | None = None,
        dial: Dial | None = None,
        clock: Clock | None = None,
        pace: AttemptPace | None = None,
        random: _random.Random | None = None,
        dedupe: Callable[[Record], Hashable | None] | None = None,
        tap: Tap | None = None,
        testing: NoWaiting | None = None,
        **changes: Unpack[SessionFields],
    ) -> None:
        options = (options or SessionOptions()).replace(**changes)
        testing = testing or mode_now()
        if testing is None and isinstance(clock, FedClock):
            testing = NoWaiting(attempts=None)  # a back-off would wait for ever: the next connection moves the clock
        if testing is not None:
            options, pace = testing.applied(options), None
            clock, random = clock or testing.clock, random or _random.Random(testing.seed)
        if isinstance(url, str):
            url = ConnectOptions(url=url or ("ws://dialer" if dial is not None else ""))
        clock = clock or SystemClock()
        delivery = Delivery(options, dedupe)
        self._connect_options = url
        self._events = EventLog()
        self._changed = Wakeup()
        self._parts = Parts(
            dialect=dialect,
            errands=errands,
            options=options,
            clock=clock,
            machine=Machine(
                options,
                (topics,) if isinstance(topics, str) else topics,
                uniform=(random or _random.SystemRandom()).random,
                pace=pace,
            ),
            delivery=delivery,
            gaps=Gaps(dialect.venue, options, clock, delivery, self._emit),
            askers=Askers(),
            emit=self._emit,
            tap=self._told(tap) if tap is not None else None,
            changed=self._changed.set,
        )
        self._attempts = Attempts(self._parts, url, dial or connect, heeds_waits=testing is None)
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False
        self._is_stopping = False
        self._defect: Exception | None = None
        self._error: BaseException | None = None

    # -- beginning and end ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.wait_live()
        except BaseException:  # cancelled too: who could not enter will not leave
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to connect, without waiting for anything; entering the session does this.

        Raises:
            StateError: it was started before; make a new session instead.
        """
        if self._task is not None or self._is_closing:
            raise StateError("this session has been started before; make a new one")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="wsexample session")

    async def wait_live(self) -> None:
        """Wait until the session has been live; raises what ended it before that.

        Raises:
            StateError: it was closed before it was live.
        """
        while not self._parts.machine.times_live:
            if self.phase is Phase.CLOSED:
                raise self._error or StateError("the session was closed before it was live")
            await self._changed.wait()

    def attach(self, tap: Tap) -> None:
        """Give a session its tap that was made without one, before it is started.

        Raises:
            StateError: it has been started, or has a tap already.
        """
        if self._task is not None or self._is_closing or self._parts.tap is not None:
            raise StateError("a tap must be attached before the session is started, and only one")
        self._parts.tap = self._told(tap)

    def reconnect(self, reason: str = "a new connection was asked for") -> None:
        """Replace the connection, or end the wait for the next one; returns at once.

        It counts as any other loss: with a gap, a back-off and the limits of trying again. For connections that are open
        and yet of no use, which only you can know.

        Parameters:
            reason: the words that are given for it.
        """
        self._attempts.reconnect(reason)

    async def close(self) -> None:
        """End the session from wherever you are; when this returns no task of it runs. Closing twice is harmless.

        Called from inside the session itself (a tap, an errand, a backfill), it returns at once and the end follows.
        """
        self._is_closing = True
        task = self._task
        if task is None:
            self._finish(None)
            return
        self._stop(task)
        if _inside.get() is self:
            return
        interrupted: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:  # even then nothing is left behind; only politeness is cut short
                interrupted = error
                self._attempts.cut_short()
        if interrupted is not None:
            raise interrupted

    def _stop(self, task: asyncio.Task[None]) -> None:
        """Cancel the session's task, once: a second time would interrupt it while it clears up."""
        if not self._is_stopping and not task.done():
            self._is_stopping = True
            task.cancel()

    # -- records -------------------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[Record]:
        """Iterate over records until the session is closed; raises what ended it otherwise, after all that waits.

        Tasks that iterate over the session at the same time share its records, each record once; for a copy of
        everything each, use `consumer`.
        """
        return self._parts.delivery.own.__aiter__()

    def batches(self) -> AsyncIterator[Sequence[Record]]:
        """Iterate over everything that waits, as lists; the cheapest way to take many records."""
        return self._parts.delivery.own.batches()

    async def receive(self, timeout_s: float | None = None) -> Record:
        """Return the next record.

        Parameters:
            timeout_s: seconds to wait on the machine's clock, None for ever.

        Raises:
            DeadlineError: nothing came in time; nothing is lost by that.
            StateError: the session was closed and everything is taken; what ended it otherwise is raised itself.
        """
        return await self._parts.delivery.own.receive(timeout_s)

    def consumer(
        self,
        *,
        policy: str | None = None,
        limit: int | None = None,
        lossless: Iterable[str] = (),
        kinds: Collection[str] = (),
        symbols: Collection[str] = (),
    ) -> Consumer:
        """Return a consumer with an inbox of its own, which gets everything from now on.

        The first reader of a session, whether it iterates over it or takes a consumer, also gets what came before.

        Parameters:
            policy: "block", "conflate", "drop_oldest" or "fail" (default: the session's).
            limit: records that may wait (default: the session's).
            lossless: further kinds never conflated or dropped.
            kinds: only these kinds of records, such as {"board"}; empty for all.
            symbols: only these symbols, and what concerns all of them, such as gaps; empty for all.
        """
        where = only(frozenset(kinds), frozenset(symbols)) if kinds or symbols else None
        return self._parts.delivery.consumer(policy, limit, lossless, where)

    def deliver(self, records: Sequence[Record]) -> None:
        """Put records into the stream that came another way, such as a snapshot read by HTTP; counted like all others."""
        self._parts.delivery.deliver(records)

    # -- topics --------------------------------------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str], *, timeout_s: float | None = None) -> None:
        """Ask for further topics and wait until the broker has answered; may be called from a consumer's loop too.

        Before the session is started, topics are only noted. While it is not live they are asked for as soon as it is.

        Parameters:
            topics: what to subscribe to; those subscribed to already cost nothing.
            timeout_s: seconds to wait for the answer (default ``subscribe_timeout_s``, or ``errand_timeout_s`` as well
                where errands subscribe).

        Raises:
            BrokerError: the broker refused a topic; the others stand.
            DeadlineError: it did not answer in time; the topics stay wanted.
            StateError: the session is closed; what ended it otherwise is raised itself.
        """
        parts = self._parts
        topics = (topics,) if isinstance(topics, str) else tuple(topics)
        self._refuse_when_over()
        new = parts.machine.want(topics)
        unanswered = [topic for topic in topics if topic not in parts.machine.confirmed]
        if self._task is None or not unanswered:
            return
        if timeout_s is None:
            timeout_s = parts.options.subscribe_timeout_s
            timeout_s += parts.options.errand_timeout_s if parts.errands is not None else 0.0
        with parts.askers.asking(unanswered) as question:
            if new and self._attempts.stay is not None:
                self._attempts.stay.ask(new)
            parts.delivery.room.set()  # the answer may stand behind records that nobody takes just now
            late = f"the broker did not answer the subscription to {' '.join(unanswered)} within {timeout_s:g} s"
            await within(parts.clock, question.answered, DeadlineError(late, step="subscribe", timeout_s=timeout_s))

    async def unsubscribe(self, topics: Iterable[str]) -> None:
        """Give topics up; returns when the broker has been told. What is on its way may still come.

        Raises:
            BrokerError: an errand failed; the topics are no longer wanted all the same.
            DeadlineError: an errand took too long; the same.
        """
        parts = self._parts
        topics = (topics,) if isinstance(topics, str) else tuple(topics)
        told = parts.machine.drop(topics)
        parts.askers.confirm(topics)
        if self._attempts.stay is not None:
            self._attempts.stay.settle()
        if not told:
            return
        try:
            if parts.errands is not None:
                timeout_s = parts.options.errand_timeout_s
                late = deadline_error(Deadline(0.0, "errand", timeout_s))
                step = await within(parts.clock, parts.errands.unsubscribe(told), late)
                if self._attempts.stay is not None:
                    self._attempts.stay.take(step)
        finally:  # the socket is told whatever became of the errand: nobody wants these topics any more
            if self._attempts.stay is not None:
                self._attempts.stay.take(parts.dialect.unsubscribe(told))

    def _refuse_when_over(self) -> None:
        if self.phase is Phase.CLOSED:
            raise self._error or StateError("the session is closed")

    # -- what a user asks ----------------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[Event]:
        """Iterate over what happened so far (the latest 1,000 events) and what happens, until the session is over.

        Each call follows on its own; a follower that falls behind sees a jump in ``event.number``.
        """
        return self._events.follow()

    @property
    def url(self) -> str:
        """Where it connects to, credentials masked."""
        return mask_url(self._connect_options.url)

    @property
    def dialect(self) -> Dialect:
        """The broker's language."""
        return self._parts.dialect

    @property
    def options(self) -> SessionOptions:
        """How the session treats its connection and its consumers."""
        return self._parts.options

    @property
    def phase(self) -> Phase:
        """Where the session stands; compares equal to its name, such as "live"."""
        return self._parts.machine.phase

    @property
    def is_live(self) -> bool:
        """Whether records flow."""
        return self._parts.machine.phase is Phase.LIVE

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics wanted, in the order in which they were asked for."""
        return tuple(self._parts.machine.wanted)

    @property
    def error(self) -> BaseException | None:
        """What ended the session; None while it is not over or when it was closed from this side."""
        return self._error

    @property
    def stats(self) -> SessionStats:
        """All counts at this moment."""
        return stats_of(self._parts, self._attempts.stay)

    def __repr__(self) -> str:
        stats = self.stats
        return (
            f"<{type(self).__name__} {self.dialect.venue} {stats.phase}, {len(self.topics)} topics, {stats.received} received,"
            f" {stats.waiting} waiting, {stats.reconnects} reconnects>"
        )

    def _told(self, tap: Tap) -> Tap:
        """Return a tap whose first error ends the session, wherever it happens; it is not called again."""

        def tell(item: Event | Traffic) -> None:
            if self._defect is not None:
                return
            try:
                tap(item)
            except Exception as error:  # noqa: BLE001 - becomes the error of the session
                self._defect = error
                if self._task is not None:
                    self._stop(self._task)

        return tell

    # -- the task ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        _inside.set(self)
        error: BaseException | None = None
        try:
            error = await self._attempts.last()
        except asyncio.CancelledError:
            if self._defect is None and not self._is_closing:
                raise
        except BaseException as unexpected:  # a defect, here or in a tap; whoever reads the session gets to see it
            error = unexpected
            if not isinstance(unexpected, Exception):
                raise
        finally:
            self._is_stopping = True
            try:
                await self._attempts.finish()
            finally:
                self._finish(error or self._defect)

    def _finish(self, error: BaseException | None) -> None:
        """Tell everybody that the session is over."""
        parts = self._parts
        if self._events.is_over:
            return
        self._error = error
        parts.gaps.give_up()
        parts.machine.ended(parts.clock.monotonic_s())
        self._emit(events.Ended, error=error if isinstance(error, Exception) else None)
        self._error = error = error or self._defect  # the tap may have failed over this last event
        parts.delivery.finish(error)
        parts.askers.finish(error or StateError("the session was closed"))
        self._events.finish()
        self._changed.set()

    def _emit(self, kind: type[Event], **facts: Any) -> ConnectionEvent | Gap:
        """Tell an event to followers, tap and journal; returns it as a record."""
        parts = self._parts
        facts = {
            "number": self._events.count + 1,
            "at_ns": parts.clock.now_ns(),
            "connection": parts.machine.connections,
            **facts,
        }
        event = kind(**facts)
        record = as_record(event, parts.dialect.venue)
        self._events.add(event)
        if parts.tap is not None:
            parts.tap(event)
        if parts.options.journal and isinstance(record, ConnectionEvent):
            parts.delivery.deliver_at_once([record])
        return record
