"""The life of a feed: open, take records to where they belong, tell what happens, close, sum up.

A record goes to the store before it is shown. Each destination takes from the sessions at its own speed: a reader of the
pipe that is slow holds up neither the store nor the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

from wsexample.cli.feed.alerts import Alerts, parse_condition
from wsexample.cli.feed.journal import Journal
from wsexample.cli.feed.lag import LagNotices
from wsexample.cli.feed.lines import Lines
from wsexample.cli.feed.notices import Notices
from wsexample.cli.feed.numbers import span_text
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.feed.screen import Screen
from wsexample.cli.feed.store import OF_THE_STREAM, Store
from wsexample.cli.feed.summary import Outcome, sum_of
from wsexample.cli.feed.tape import FeedTape
from wsexample.cli.feed.view import FeedState, View
from wsexample.cli.feed.voice import Voice
from wsexample.cli.running import LAST_WORDS_S, Stop
from wsexample.errors import StateError, StorageError
from wsexample.ports import Gap, kind_of
from wsexample.records.market import Record
from wsexample.session.consumer import Consumer
from wsexample.session.events import Waiting
from wsexample.session.journal import as_record
from wsexample.session.machine import Phase
from wsexample.session.session import Session

__all__ = ["Feed", "Watcher"]

LIMIT = 100_000
"""Records that may wait for the store or for a reader of the pipe; beyond it the oldest are dropped, and counted."""
PATIENCE_S = 10.0
"""How long a reader of the pipe may read nothing once the stream is over by itself."""
LEAVING_S = 1.5
"""How long a server may take to answer a close, and whatever else is done on the way out, once the user wants the end."""
QUIET_S = 10.0
"""After how long without a record the user is told why that may be."""


class Watcher(Protocol):
    """Looks at every record of a feed and may answer with records of its own, which go where all others go."""

    def take(self, record: Record) -> Iterable[Record]:
        """Look at a record; returns records to add to the stream."""
        ...

    def words(self, answer: Record) -> str:
        """Return what to say loudly about one of its own records; "" for nothing."""
        ...


class Feed:
    """A feed from one or more sessions to everything that the plan asks for.

    Parameters:
        plan: what the command line said.
        sessions: name to session; the names are shown where there are several. None of them may be open yet.
        stop: whether the user wants the program to end.
        place: where the data comes from, for people: "kabu Station localhost:18080".
        opened_by: what opens and closes the sessions, such as a client that holds them (default: they themselves).
        view: what a terminal shows; None prints JSON lines there too.
        watchers: look at every record, beside the alerts that the plan asks for.
        greeting: returns what to say once the feed is open.
        explain: a broker's words for an error (default: its own sentence).
        silence: what to say when nothing comes for ten seconds in the beginning.
        extras: returns further parts of the summary.
        offset_s: seconds east of UTC for times of day; None for this machine's time zone.
        watches_lag: whether a stream that falls behind its venue's clock is told; not where its client does that.

    Raises:
        OptionError: there is no such store, or an alert cannot be read.
    """

    def __init__(
        self,
        plan: FeedPlan,
        sessions: Mapping[str, Session],
        stop: Stop,
        *,
        place: str,
        opened_by: AbstractAsyncContextManager[Any] | None = None,
        view: View | None = None,
        watchers: Sequence[Watcher] = (),
        greeting: Callable[[], str] | None = None,
        explain: Callable[[Exception], str] = str,
        silence: str = "",
        extras: Callable[[], Sequence[str]] = lambda: (),
        offset_s: int | None = None,
        watches_lag: bool = True,
    ) -> None:
        self._plan = plan
        self._sessions = dict(sessions)
        self._stop = stop
        self._opened_by = opened_by
        alerts = [Alerts(map(parse_condition, plan.alerts))] if plan.alerts else []
        self._watchers: tuple[Watcher, ...] = (*watchers, *alerts)
        self._greeting = greeting
        self._silence = silence
        self._extras = extras
        self._voice = Voice(is_quiet=plan.is_quiet)
        self._notices = {
            name: Notices(explain=explain, offset_s=offset_s, is_told=self._voice.has_warned) for name in sessions
        }
        self._store = Store(plan.store) if plan.store is not None else None
        self._journal = Journal(plan.journal) if plan.journal is not None and plan.journal != plan.store else None
        self._tape = FeedTape(plan.record) if plan.record is not None else None
        self._places = [place for place in (self._store, self._journal) if place is not None]
        self._state = FeedState(place, file=self._store.place if self._store is not None else "")
        self._screen = None
        if view is not None and Screen.is_wanted(plan):
            self._screen = Screen(view, self._counted, self._voice, color=plan.color)
        prints = self._screen is None and not plan.is_quiet
        self._lines = Lines(count=plan.count) if prints else None
        self._lags = {name: LagNotices() for name in sessions} if watches_lag and not plan.is_quiet else {}
        self._keepers: dict[str, Consumer] = {}
        self._printers: dict[str, Consumer] = {}
        self._opened = AsyncExitStack()
        self._followers: list[asyncio.Future[None]] = []
        self._taken = 0
        self._begun_s: float | None = None
        self._retry_at_s: float | None = None
        self._not_kept: StorageError | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Run until the user, the plan or the other side ends it.

        Returns:
            The exit status, when it was the user or the plan.

        Raises:
            WsExampleError: it could not begin, its stream ended with an error, or records or events could not be stored.
            BrokenPipeError: nobody reads the output any more; everything that came is stored.
        """
        with contextlib.ExitStack() as stack:
            if not self._plan.is_debug:
                stack.enter_context(self._voice.warnings())
            try:
                for place in self._places:
                    await place.open()
                if self._tape is not None and (said := self._tape.open(self._sessions.values())):
                    self._voice.say(said, color="yellow")
                self._take_places()
                self._followers = [asyncio.ensure_future(self._follow(name)) for name in self._sessions]
                await self._live()
            finally:
                try:
                    await self._settle()
                finally:
                    self._sum_up()
        if self._not_kept is not None:
            raise self._not_kept
        return self._stop.exit_code

    def _take_places(self) -> None:
        """Take a place at every session before it begins, so that nothing is missed."""
        shows_newest = self._screen is not None and self._store is None and not self._watchers
        for name, session in self._sessions.items():
            policy = "conflate" if shows_newest else "drop_oldest"
            self._keepers[name] = session.consumer(policy=policy, limit=LIMIT)
            if self._lines is not None:
                policy = "conflate" if self._plan.newest else "drop_oldest"
                self._printers[name] = session.consumer(policy=policy, limit=LIMIT)

    async def _live(self) -> None:
        if not await self._stop.race(self._open()):
            return
        self._begun_s = time.monotonic()
        if self._greeting is not None:
            self._voice.say(self._greeting(), color="green")
        loop = asyncio.get_running_loop()
        timers = []
        if self._plan.duration_s is not None:
            timers.append(loop.call_later(self._plan.duration_s, self._stop.ask))
        if self._silence:
            timers.append(loop.call_later(QUIET_S, self._explain_silence))
        try:
            async with self._screen.drawn() if self._screen is not None else contextlib.nullcontext():
                await self._carry()
                await self._settle()
        finally:
            for timer in timers:
                timer.cancel()

    async def _open(self) -> None:
        owners = [self._opened_by] if self._opened_by is not None else self._sessions.values()
        for owner in owners:
            await self._opened.enter_async_context(owner)

    async def _settle(self) -> None:
        """Close the sessions, wait until the last of their events is kept, and store what waits. Twice is harmless."""
        await self._close()
        await asyncio.gather(*self._followers, return_exceptions=True)
        try:
            if self._tape is not None:
                await self._tape.close()
        finally:
            for place in self._places:
                await place.close()

    async def _close(self) -> None:
        """Close every session; what came until then can still be taken. Who ends the program waits `LEAVING_S` at most."""
        closing = (self._opened.aclose(), *(session.close() for session in self._sessions.values()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._stop.signal is None else LEAVING_S):
                await asyncio.gather(*closing)

    # -- records ---------------------------------------------------------------------------------------------------

    async def _carry(self) -> None:
        """Carry records until somebody asked to end or the streams are over, and then what is left."""
        keeping = [asyncio.ensure_future(self._keep_from(name)) for name in self._keepers]
        printing = []
        if self._lines is not None:
            printing = [asyncio.ensure_future(self._lines.print_from(one)) for one in self._printers.values()]
        asked = asyncio.ensure_future(self._stop.wait())
        work = {*keeping, *printing}
        try:
            while not asked.done() and not all(task.done() for task in keeping):
                left = {task for task in work if not task.done()}
                await asyncio.wait({asked, *left}, return_when=asyncio.FIRST_COMPLETED)
                if any(task.done() and task.exception() is not None for task in work):
                    break
            await self._close()
            await asyncio.wait(keeping)
            await self._let_print(printing)
        finally:
            for task in (asked, *work):
                task.cancel()
            results = await asyncio.gather(*keeping, *printing, return_exceptions=True)
            asked.cancel()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _let_print(self, printing: Sequence[asyncio.Future[None]]) -> None:
        """Wait for a slow reader of the pipe as long as it reads; a user who ends the program waits less."""
        lines = self._lines
        while lines is not None and (left := [task for task in printing if not task.done()]):
            before = lines.printed
            await asyncio.wait(left, timeout=PATIENCE_S if self._stop.signal is None else LAST_WORDS_S)
            if self._stop.signal is not None or lines.printed == before:
                return

    async def _keep_from(self, name: str) -> None:
        """Store, journal, watch and show what a session delivers."""
        session, lags = self._sessions[name], self._lags.get(name)
        async for batch in self._keepers[name].batches():
            records = self._within_count(batch)
            if self._store is not None:
                await self._store.write(records)
            now_s = time.monotonic()
            for record in records:
                if self._screen is not None:
                    self._screen.take(record, now_s)
                if self._journal is not None and isinstance(record, Gap) and record.symbol:
                    await self._journal.write(record)  # those of the whole connection come as events
                if lags is not None and (sentence := lags.take(record)):
                    self._tell(name, sentence, "yellow")
                self._watch(record, session)
            if self._plan.count is not None and self._taken >= self._plan.count:
                self._stop.ask()

    def _watch(self, record: Record, session: Session) -> None:
        """Let the watchers look at a record, and put what they answer into the stream."""
        for watcher in self._watchers:
            answers = list(watcher.take(record))
            if answers:
                session.deliver(answers)
            for answer in answers:
                words = watcher.words(answer)
                if words:
                    self._voice.alarm(words)

    def _within_count(self, batch: Sequence[Record]) -> Sequence[Record]:
        """Return what of a batch is still wanted, and count it."""
        wanted = []
        for record in batch:
            if kind_of(type(record)) not in OF_THE_STREAM:
                if self._taken == self._plan.count:
                    break
                self._taken += 1
            wanted.append(record)
        return wanted

    # -- what happens ----------------------------------------------------------------------------------------------

    async def _follow(self, name: str) -> None:
        """Tell and keep what happens to a session, until it is over."""
        session, notices = self._sessions[name], self._notices[name]
        async for event in session.events():
            record = as_record(event, session.dialect.venue)
            try:
                if self._journal is not None:
                    await self._journal.write(record)
                if self._store is not None and not isinstance(record, Gap):  # gaps stand in the stream
                    await self._store.write([record])
            except (StateError, StorageError) as error:  # where records fail too, those who carry them end the feed
                self._voice.say(str(error), color="red")
                if isinstance(error, StorageError):
                    self._not_kept = self._not_kept or error
            if isinstance(event, Waiting):
                self._retry_at_s = time.monotonic() + event.delay_s
            for notice in notices.take(event):
                self._tell(name, *notice)

    def _tell(self, name: str, sentence: str, color: str) -> None:
        """Say something about a session, under its name where there are several."""
        self._voice.say(f"{name}: {sentence}" if len(self._sessions) > 1 else sentence, color=color)

    def _explain_silence(self) -> None:
        if not self._taken:
            self._voice.say(f"nothing has come for {QUIET_S:g} s: {self._silence}", color="yellow")

    # -- counts ----------------------------------------------------------------------------------------------------

    def _outcome(self) -> Outcome:
        """Return the counts at this moment."""
        stats = [session.stats for session in self._sessions.values()]
        dialects = [session.dialect for session in self._sessions.values()]
        notices = self._notices.values()
        return Outcome(
            messages=sum(one.messages for one in stats),
            taken=self._taken,
            kept=sum_of(one.stats for one in self._keepers.values()),
            printed=sum_of(one.stats for one in self._printers.values()) if self._printers else None,
            unread=self._lines.unread if self._lines is not None else 0,
            stored=self._store.stored if self._store is not None else None,
            unreadable=sum(one.unread for one in stats) + sum(getattr(one, "unreadable", 0) for one in dialects),
            reconnects=sum(one.reconnects for one in stats),
            gaps=sum(one.gaps for one in stats),
            filled=sum(one.filled for one in notices),
            gap_ns=sum(one.gap_ns for one in notices),
        )

    def _counted(self) -> FeedState:
        """Return what the live picture says at this moment."""
        state, outcome = self._state, self._outcome()
        phases = [session.phase for session in self._sessions.values()]
        state.phase = next((phase for phase in phases if phase is not Phase.LIVE), Phase.LIVE).value
        state.received = outcome.messages
        state.reconnects = outcome.reconnects
        state.waiting = outcome.kept.waiting
        state.stored = outcome.stored
        state.lost = outcome.lost(is_over=state.phase == Phase.CLOSED.value)
        wait_s = (self._retry_at_s or 0.0) - time.monotonic()
        state.detail = f"next attempt in {span_text(wait_s)}" if state.phase == "backing_off" and wait_s > 0 else ""
        return state

    def _sum_up(self) -> None:
        """Say what became of what came, once anything could."""
        if self._begun_s is None:
            return
        for sentence in self._outcome().sentences(time.monotonic() - self._begun_s, self._extras()):
            self._voice.say(sentence)
        if self._store is not None:
            self._voice.say(f"stored in {self._store.place}")
        if self._tape is not None:
            self._voice.say(self._tape.summary)
