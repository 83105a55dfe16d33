"""One connection from its opening to its end: log in, subscribe, read, watch the clock.

What comes goes through the dialect to the delivery; when the connection is of no further use, `Stay.last` returns why.
Whether there will be another is the session's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from wsexample.errors import DeadlineError, NetworkError, SlowConsumerError, WsExampleError
from wsexample.ports import Clock, Dialect, Errands, Failure, Record, Step
from wsexample.session.consumer import breathe
from wsexample.session.delivery import Delivery
from wsexample.session.events import EndOfFeed, Live, LoggedIn, Received, Refused, Sent, Subscribed, Tap
from wsexample.session.failures import is_final
from wsexample.session.gaps import Gaps
from wsexample.session.machine import GRAIN_S, Deadline, Machine, Phase
from wsexample.session.options import SessionOptions
from wsexample.session.subscriptions import Askers
from wsexample.session.waiting import within

__all__ = ["Arrival", "Dialled", "Parts", "Stay", "deadline_error"]

log = logging.getLogger("wsexample.session")

Arrival = tuple[bytes, bool, int]
"""Payload, whether it is binary, and when it was received (UTC epoch nanoseconds)."""

TICK_S = 1.0
"""How often an open connection is looked at, seconds; deadlines that come sooner are met on time."""
MAX_UNSENT_BYTES = 8 * 1024 * 1024
"""What may wait to be sent; a peer that lets more pile up does not read."""
SENTENCES = {
    "errand": "the broker's HTTP side did not finish",
    "open": "the WebSocket was not open",
    "login": "the login was not answered",
    "subscribe": "the subscription was not answered",
    "message": "no message came, so the connection counts as dead: nothing",
    "frame": "no sign of life came, so the connection counts as dead: nothing",
}


class Dialled(Protocol):
    """What a session needs of a connection; `wsexample.wire.connection.Connection` is one."""

    async def receive_stamped(self) -> Arrival:
        """Return the next message; raises `ConnectionClosed`, or `EndOfFeed` when there is nothing more at all."""
        ...

    def take_waiting(self) -> list[Arrival]:
        """Return every message that waits already."""
        ...

    def send_nowait(self, message: str | bytes) -> None:
        """Send a message."""
        ...

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """Send the close frame."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...

    async def wait_closed(self) -> None:
        """Wait until the connection is over."""
        ...

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken yet."""
        ...

    @property
    def write_buffer_bytes(self) -> int:
        """Bytes that wait to be sent."""
        ...

    @property
    def last_received_ns(self) -> int:
        """When the last frame of any kind came, UTC epoch nanoseconds; 0 before the first."""
        ...

    @property
    def last_control_ns(self) -> int:
        """When the last ping or pong came, UTC epoch nanoseconds; 0 before the first."""
        ...

    @property
    def close_code(self) -> int | None:
        """The close code, None while it is not over."""
        ...

    @property
    def close_reason(self) -> str:
        """The closing side's words."""
        ...

    @property
    def was_clean(self) -> bool:
        """Whether the closing handshake was completed."""
        ...

    @property
    def closed_by_peer(self) -> bool:
        """Whether the peer began the close."""
        ...


def deadline_error(deadline: Deadline) -> DeadlineError:
    """Return the error of a deadline that has passed."""
    text = f"{SENTENCES[deadline.step]} within {deadline.timeout_s:g} s"
    return DeadlineError(text, step=deadline.step, timeout_s=deadline.timeout_s)


@dataclass(slots=True, eq=False)
class Parts:
    """What a session and its connections share."""

    dialect: Dialect
    errands: Errands | None
    options: SessionOptions
    clock: Clock
    machine: Machine
    delivery: Delivery
    gaps: Gaps
    askers: Askers
    emit: Callable[..., Any]
    """Tells an event: ``emit(Kind, **facts)``."""
    tap: Tap | None
    changed: Callable[[], None]
    """Says that the phase changed."""
    messages: int = 0
    """Messages that came, on all connections."""
    unread: int = 0
    """Messages over which the dialect stumbled."""
    heard_ns: int = 0
    """When the last frame came, on all connections."""

    def judged(self, error: Exception) -> Failure:
        """Say of an error whether trying again may help."""
        final = self.errands.is_final(error) if self.errands is not None else None
        return Failure(error, is_final(error) if final is None else final)


@dataclass(eq=False)
class Stay:
    """A connection while it is open."""

    parts: Parts
    connection: Dialled
    number: int
    """Which connection attempt of the session it is."""
    _arrivals: deque[Arrival] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._end: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self._watcher: asyncio.Task[None] | None = None
        self._confirms_all = False
        self._is_blocked = False
        self._frame_ns = self.connection.last_received_ns
        self._control_ns = 0
        self._looked_s = self._beaten_s = self.parts.clock.monotonic_s()

    async def last(self) -> Failure | None:
        """Stay until the connection is of no further use; returns why, None at the end of a feed.

        When it returns or is cancelled, no task of it runs and every message that came has been delivered.
        """
        parts = self.parts
        parts.machine.opened(parts.clock.monotonic_s())
        parts.gaps.opened()
        try:
            self._begin(self._read)
            self._look_again()
            self._call(parts.dialect.start)
            return await self._end
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._arrivals.extend(self.connection.take_waiting())
            self._digest(slack=None)
            parts.heard_ns = max(parts.heard_ns, self.connection.last_received_ns)

    def fail(self, failure: Failure | None) -> None:
        """Say that the connection is of no further use; the first word counts."""
        if not self._end.done():
            self._end.set_result(failure)

    def _begin(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> asyncio.Task[None] | None:
        if self._end.done():
            return None
        task = asyncio.get_running_loop().create_task(self._guarded(work, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        try:
            await work(*args)
        except EndOfFeed:
            self.fail(None)
        except Exception as error:  # noqa: BLE001 - judged, and raised by the session when it is final
            self.fail(self.parts.judged(error))

    # -- reading -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        connection, arrivals, delivery = self.connection, self._arrivals, self.parts.delivery
        while True:
            arrivals.append(await connection.receive_stamped())
            arrivals.extend(connection.take_waiting())
            self.parts.machine.message_heard(self.parts.clock.monotonic_s())
            while arrivals:
                self._digest(delivery.slack if self._may_block else None)
                while self._may_block and delivery.slack <= 0:
                    self._is_blocked = True
                    await delivery.wait_for_room()
                self._is_blocked = False

    @property
    def _may_block(self) -> bool:
        """Whether a full inbox stops the reading.

        Not while an answer is waited for, which may be the next message; and not when the connection is over, for then
        little is left to read, and behind it stands the news that another connection is needed.
        """
        return (
            self.parts.machine.phase is Phase.LIVE
            and not self.parts.askers
            and not self._end.done()
            and self.connection.close_code is None
        )

    def _digest(self, slack: int | None) -> None:
        """Decode and deliver what has arrived, until that many records came of it; None for all."""
        parts, arrivals = self.parts, self._arrivals
        receive, deliver, tap = parts.dialect.receive, parts.delivery.deliver, parts.tap
        batch: list[Record] = []
        while arrivals:
            payload, is_binary, received_ns = arrivals.popleft()
            parts.messages += 1
            parts.heard_ns = received_ns
            if tap is not None:
                tap(Received(at_ns=received_ns, connection=self.number, payload=payload, is_binary=is_binary))
            try:
                step = receive(payload, is_binary, received_ns)
            except Exception:  # a dialect promises not to raise; one bad message must not cost the connection
                parts.unread += 1
                level = (
                    logging.ERROR if parts.unread == 1 else logging.DEBUG
                )  # a flood of messages is no flood of lines
                log.log(level, "%s: the dialect stumbled over a message", parts.dialect.venue, exc_info=True)
                continue
            if step.records:
                batch.extend(step.records)
            if step.replies or step.phase is not None or step.failure is not None or step.confirmed or step.refused:
                if batch:
                    deliver(batch)
                    batch = []
                self._act(step)
            if slack is not None and len(batch) >= slack:
                break
        if batch:
            deliver(batch)
            self._check_consumers()

    def _check_consumers(self) -> None:
        failed = self.parts.delivery.failed
        if failed is not None:
            limit = failed.inbox.limit
            error = SlowConsumerError(f"more than {limit} records had to wait for a consumer", limit=limit)
            self.fail(Failure(error, is_final=True))

    # -- doing what the dialect says -----------------------------------------------------------------------------

    def _call(self, method: Callable[..., Step], *args: Any) -> None:
        """Call a method of the dialect and do what it says."""
        try:
            step = method(*args)
        except Exception as error:  # noqa: BLE001 - judged, and raised by the session when it is final
            self.fail(self.parts.judged(error))
            return
        self.take(step)

    def take(self, step: Step) -> None:
        """Deliver the records of a step and do the rest of it."""
        if step.records:
            self.parts.delivery.deliver(step.records)
        self._act(step)

    def _act(self, step: Step) -> None:
        if self._end.done():
            return
        for reply in step.replies:
            self._send(reply)
        if step.failure is not None:
            self.fail(step.failure)
            return
        if step.confirmed or step.refused:
            self._answered(step.confirmed, step.refused)
        if step.phase == "subscribing":
            self._logged_in()
        elif step.phase == "live":
            if self.parts.machine.phase is Phase.LOGGING_IN:
                self._confirms_all = True  # no login, no answers: what is asked for counts as delivered
                self._logged_in()
            else:
                self._confirm_pending()

    def _send(self, message: str | bytes) -> None:
        parts = self.parts
        try:
            self.connection.send_nowait(message)
        except WsExampleError as error:
            # The reader finds out why, once it has read what came before the end.
            log.debug("%s: not sent: %s", parts.dialect.venue, error)
            return
        if parts.tap is not None:
            parts.tap(
                Sent(
                    at_ns=parts.clock.now_ns(),
                    connection=self.number,
                    payload=message.encode() if isinstance(message, str) else message,
                    is_binary=not isinstance(message, str),
                    is_login=parts.machine.phase is Phase.LOGGING_IN,
                )
            )
        if self.connection.write_buffer_bytes > MAX_UNSENT_BYTES:
            self.fail(Failure(NetworkError("the other side does not read what it is sent"), is_final=False))

    # -- logging in and subscribing ------------------------------------------------------------------------------

    def _logged_in(self) -> None:
        machine = self.parts.machine
        if machine.phase is not Phase.LOGGING_IN:
            return
        topics = machine.logged_in(self._now_s())
        self.parts.emit(LoggedIn)
        self._phase_changed()
        if topics:
            self.ask(topics)
        else:
            self._settle()

    def ask(self, topics: tuple[str, ...]) -> None:
        """Ask the broker for topics, by an errand first where there are errands."""
        if self.parts.errands is not None:
            self._begin(self._ask_beside, self.parts.errands, topics)
        else:
            self._ask_here(topics)

    async def _ask_beside(self, errands: Errands, topics: tuple[str, ...]) -> None:
        machine = self.parts.machine
        is_first = machine.phase is Phase.SUBSCRIBING
        if is_first:
            machine.errand_begun(self._now_s())
            self._look_again()
        timeout_s = self.parts.options.errand_timeout_s
        late = deadline_error(Deadline(0.0, "errand", timeout_s))
        try:
            step = await within(self.parts.clock, errands.subscribe(topics), late)
        except WsExampleError as error:
            if is_first:
                raise
            if error is late:  # they stay wanted, and are asked for again on the next connection
                log.warning("%s: not subscribed to %s: %s", self.parts.dialect.venue, " ".join(topics), error)
                return
            self._answered((), [(topic, error) for topic in topics])  # who asked while live is told; the rest goes on
            return
        if is_first and machine.phase is Phase.SUBSCRIBING:
            machine.errand_done(self._now_s())
            self._look_again()
        self.take(step)
        self._ask_here(tuple(topic for topic in topics if topic in machine.wanted))  # some may have been given up since

    def _ask_here(self, topics: tuple[str, ...]) -> None:
        if topics:
            self._call(self.parts.dialect.subscribe, topics)
        else:
            self._settle()
        if self._confirms_all:
            self._confirm_pending()

    def _confirm_pending(self) -> None:
        """Take every topic asked for as delivered, for a dialect that says "live" instead of naming them."""
        machine = self.parts.machine
        if not machine.is_on_errand:
            self._answered(tuple(machine.pending), ())
            self._settle()

    def _answered(self, confirmed: Iterable[str], refused: Iterable[tuple[str, Exception]]) -> None:
        parts = self.parts
        if parts.machine.phase not in (Phase.SUBSCRIBING, Phase.LIVE):
            return
        answer = parts.machine.answered(confirmed, refused)
        if answer.confirmed:
            parts.emit(Subscribed, topics=answer.confirmed)
            parts.askers.confirm(answer.confirmed)
        for topic, error in answer.refused:
            parts.emit(Refused, topic=topic, error=error)
            was_asked = parts.askers.refuse(topic, error)
            is_first = not parts.machine.times_live
            has_none_left = parts.machine.phase is Phase.SUBSCRIBING and not parts.machine.wanted
            if not was_asked and (is_first or has_none_left):
                self.fail(Failure(error, is_final=True))
                return
        self._settle()

    def _settle(self) -> None:
        """Become live when nothing is left unanswered."""
        parts = self.parts
        if self._end.done() or not parts.machine.settle(self._now_s()):
            return
        parts.emit(Live, is_again=parts.machine.times_live > 1)
        self._phase_changed()
        if parts.gaps.is_open:
            self._begin(parts.gaps.mend, parts.errands, tuple(parts.machine.wanted))

    def settle(self) -> None:
        """Look again whether anything is left unanswered, after topics were given up."""
        if self.parts.machine.phase is Phase.SUBSCRIBING:
            self._settle()

    # -- watching ------------------------------------------------------------------------------------------------

    def _now_s(self) -> float:
        return self.parts.clock.monotonic_s()

    def _phase_changed(self) -> None:
        self.parts.changed()
        self._look_again()

    def _look_again(self) -> None:
        """Find the next deadline anew."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = self._begin(self._watch)

    async def _watch(self) -> None:
        parts = self.parts
        clock, dialect, machine = parts.clock, parts.dialect, parts.machine
        interval_s = dialect.heartbeat_interval_s or float("inf")
        while not self._end.done():
            now_s = clock.monotonic_s()
            deadline = machine.deadline(dialect.silence(clock.now_ns()))
            wake_s = min(now_s + TICK_S, self._beaten_s + interval_s, deadline.at_s if deadline else float("inf"))
            await clock.sleep(max(wake_s - now_s, 0.0))
            now_s, now_ns = clock.monotonic_s(), clock.now_ns()
            self._listen(now_s, now_ns)
            if self._is_blocked:  # we do not read, so that the other side's silence means nothing
                machine.message_heard(now_s)
                self._beaten_s = now_s
                if self.connection.close_code is not None:
                    parts.delivery.room.set()
                continue
            overdue = machine.overdue(now_s, dialect.silence(now_ns))
            if overdue is not None:  # if the whole process stood still, what has come meanwhile was not read yet
                await breathe()
                now_s, now_ns = clock.monotonic_s(), clock.now_ns()
                self._listen(now_s, now_ns)
                overdue = machine.overdue(now_s, dialect.silence(now_ns))
            if overdue is not None:
                self.fail(parts.judged(deadline_error(overdue)))
            elif now_s - self._beaten_s >= interval_s - GRAIN_S:
                self._beaten_s = now_s
                self._call(dialect.heartbeat, now_ns)

    def _listen(self, now_s: float, now_ns: int) -> None:
        """Notice pings and pongs that came since the last look."""
        last_ns = self.connection.last_received_ns
        if last_ns != self._frame_ns:
            self._frame_ns = last_ns
            # Between the two looks, whatever somebody did to the clock meanwhile.
            age_s = min(max((now_ns - last_ns) / 1e9, 0.0), now_s - self._looked_s)
            self.parts.machine.frame_heard(now_s - age_s)
        control_ns = self.connection.last_control_ns
        if control_ns != self._control_ns:
            self._control_ns = control_ns
            self.parts.heard_ns = max(self.parts.heard_ns, control_ns)
            self.parts.dialect.frame_heard(control_ns)
        self._looked_s = now_s
