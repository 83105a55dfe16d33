"""For tests of programs that use sessions: no waiting, capped attempts, a clock moved by hand, connections from a script.

With ``with no_waiting():`` every session made inside tries once and never waits between attempts;
``Session(testing=NoWaiting())`` says the same for one session. `ScriptedDialer` stands in for the network, as the
argument ``dial``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from wsexample.clock import ManualClock, SystemClock
from wsexample.errors import ConnectionClosed, DeadlineError, StateError
from wsexample.ports import Clock
from wsexample.session.events import EndOfFeed
from wsexample.session.options import SessionOptions
from wsexample.session.waiting import Wakeup
from wsexample.wire.options import ConnectOptions

__all__ = [
    "NoWaiting",
    "ScriptedConnection",
    "ScriptedDialer",
    "advance_until",
    "mode_now",
    "no_waiting",
    "settle",
]

Answer = Callable[[str | bytes], Iterable[str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWaiting:
    """How sessions behave under test."""

    attempts: int | None = 1
    """Failures in a row after which a session gives up, when it would not do so earlier; None for its own limits."""
    clock: Clock | None = None
    """Clock of sessions that are given none; None for the machine's."""
    seed: int = 0
    """Seed of the jitter."""

    def applied(self, options: SessionOptions) -> SessionOptions:
        """Return options without waits between attempts and with no more attempts than this."""
        retry = options.retry
        attempts = retry.max_attempts
        if self.attempts is not None:
            attempts = min(self.attempts, attempts or self.attempts)
        return options.replace(
            retry=replace(
                retry,
                first_s=0.0,
                max_s=0.0,
                interval_s=0.0,
                window_attempts=0,
                max_attempts=attempts,
            )
        )


_now: ContextVar[NoWaiting | None] = ContextVar("wsexample session testing", default=None)


def mode_now() -> NoWaiting | None:
    """Return what `no_waiting` says here; None outside of it."""
    return _now.get()


@contextmanager
def no_waiting(*, attempts: int | None = 1, clock: Clock | None = None, seed: int = 0) -> Iterator[NoWaiting]:
    """Make every session that is made inside the block a session under test.

    Parameters:
        attempts: failures in a row after which a session gives up (default 1); None for its own limits.
        clock: clock of sessions that are given none.
        seed: seed of the jitter.
    """
    mode = NoWaiting(attempts=attempts, clock=clock, seed=seed)
    token = _now.set(mode)
    try:
        yield mode
    finally:
        _now.reset(token)


async def settle(turns: int = 200) -> None:
    """Let every task that can run do so, without any time passing.

    Parameters:
        turns: turns of the loop after which it is enough; asyncio's own loop shows earlier when nothing is left to do.
    """
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    idle = 0
    for _ in range(turns):
        await asyncio.sleep(0)
        idle = idle + 1 if ready is not None and not ready else 0
        if idle == 2:  # once may be the turn in which a socket is looked at
            return


async def advance_until(clock: ManualClock, is_done: Callable[[], object], *, limit_s: float = 3600.0) -> float:
    """Move a clock from sleeper to sleeper until something is so; returns the seconds that it took on that clock.

    Parameters:
        is_done: says whether it is far enough.

    Raises:
        DeadlineError: it was not so within ``limit_s``, or nobody sleeps who could bring it about.
    """
    begun_s = clock.monotonic_s()
    while True:
        await settle()
        passed_s = clock.monotonic_s() - begun_s
        if is_done():
            return passed_s
        wake_ns = clock.next_wake_ns
        if wake_ns is None or passed_s > limit_s:
            raise DeadlineError(f"not so within {passed_s:g} s of the clock", step="test", timeout_s=limit_s)
        clock.advance(max(wake_ns - clock.now_ns(), 0) / 1e9)


class ScriptedConnection:
    """A connection without a socket, moved by a test: it says what it is told to, and keeps what it is sent.

    Parameters:
        clock: stamps what comes.
        answer: called with every message sent; returns what the other side replies at once.
    """

    def __init__(self, clock: Clock | None = None, answer: Answer | None = None) -> None:
        self._clock = clock or SystemClock()
        self._answer = answer
        self._arrivals: deque[tuple[bytes, bool, int]] = deque()
        self._changed = Wakeup()
        self._closed: ConnectionClosed | None = None
        self._is_finished = False
        self.sent: list[str | bytes] = []
        """What the session sent, in order."""
        self.last_received_ns = 0
        """When the last frame came."""
        self.last_control_ns = 0
        """When the last ping or pong came."""
        self.write_buffer_bytes = 0
        """What the session is told about messages that wait to be sent."""

    # -- what a test does ----------------------------------------------------------------------------------------

    def say(self, *messages: str | bytes) -> None:
        """Let messages arrive: str as text, bytes as binary."""
        for message in messages:
            self.last_received_ns = self._clock.now_ns()
            payload = message.encode() if isinstance(message, str) else message
            self._arrivals.append((payload, isinstance(message, bytes), self.last_received_ns))
        self._changed.set()

    def show_life(self) -> None:
        """Let a ping or a pong arrive."""
        self.last_control_ns = self.last_received_ns = self._clock.now_ns()

    def drop(self, code: int = 1006, reason: str = "", *, was_clean: bool = False, by_peer: bool = True) -> None:
        """End the connection; what was said before still arrives.

        Parameters:
            code: close code (RFC 6455 section 7.4).
            reason: the words that are given for it.
            was_clean: whether both sides agreed.
            by_peer: whether the peer began it.
        """
        if self._closed is None:
            self._closed = ConnectionClosed(code=code, reason=reason, was_clean=was_clean, by_peer=by_peer)
            self._changed.set()

    def finish(self) -> None:
        """End the whole feed once everything said has been taken."""
        self._is_finished = True
        self._changed.set()

    @property
    def is_over(self) -> bool:
        """Whether either side has ended the connection."""
        return self._closed is not None

    # -- what a session does -------------------------------------------------------------------------------------

    async def receive_stamped(self) -> tuple[bytes, bool, int]:
        """Return the next message."""
        while not self._arrivals:
            if self._closed is not None:
                raise self._closed
            if self._is_finished:
                raise EndOfFeed
            await self._changed.wait()
        return self._arrivals.popleft()

    def take_waiting(self) -> list[tuple[bytes, bool, int]]:
        """Return every message that waits already."""
        arrivals, self._arrivals = list(self._arrivals), deque()
        return arrivals

    def send_nowait(self, message: str | bytes) -> None:
        """Keep a message, and let what answers it arrive."""
        if self._closed is not None:
            raise self._closed
        self.sent.append(message)
        if self._answer is not None:
            self.say(*self._answer(message))

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection from this side.

        Parameters:
            code: close code (RFC 6455 section 7.4).
            reason: the words that are given for it.
        """
        self.drop(code, reason, was_clean=True, by_peer=False)

    def abort(self) -> None:
        """Cut the connection."""
        self.drop(by_peer=False)

    async def wait_closed(self) -> None:
        """Wait until the connection is over."""
        while self._closed is None:
            await self._changed.wait()

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken yet."""
        return len(self._arrivals)

    @property
    def close_code(self) -> int | None:
        """The close code, None while open."""
        return self._closed.code if self._closed else None

    @property
    def close_reason(self) -> str:
        """The closing side's words."""
        return self._closed.reason if self._closed else ""

    @property
    def was_clean(self) -> bool:
        """Whether it was closed with the closing handshake."""
        return self._closed is not None and self._closed.was_clean

    @property
    def closed_by_peer(self) -> bool:
        """Whether the test ended it."""
        return self._closed is not None and self._closed.by_peer


class ScriptedDialer:
    """Stands in for the network: ``Session(..., dial=ScriptedDialer(...))``.

    Parameters:
        script: what each attempt meets, in order: an exception that it raises, or messages that arrive on a connection
            which is lost after the last of them. With the last entry the feed ends, and the session with it. None: every
            attempt opens a silent connection, and the test goes on from there.
        clock: stamps what comes.
        answer: called with every message sent; returns what the other side replies at once.
    """

    def __init__(
        self,
        script: Iterable[Exception | Iterable[str | bytes]] | None = None,
        *,
        clock: Clock | None = None,
        answer: Answer | None = None,
    ) -> None:
        self._script = deque(script) if script is not None else None
        self._clock = clock
        self._answer = answer
        self._ahead: deque[Exception | None] = deque()
        self._opened = Wakeup()
        self.connections: list[ScriptedConnection] = []
        """Connections opened so far."""
        self.dialled: list[ConnectOptions] = []
        """What each attempt was told."""

    def fail(self, error: Exception) -> None:
        """Let the next attempt, or the next that is not spoken for, raise this."""
        self._ahead.append(error)

    def hang(self) -> None:
        """Let the next attempt, or the next that is not spoken for, never come to an end."""
        self._ahead.append(None)

    @property
    def connection(self) -> ScriptedConnection:
        """The newest connection; raises `StateError` before the first."""
        if not self.connections:
            raise StateError("nothing has been dialled yet")
        return self.connections[-1]

    async def opened(self, count: int = 1) -> ScriptedConnection:
        """Wait until so many connections were opened; returns the newest.

        Parameters:
            count: connections since the dialer was made.
        """
        while len(self.connections) < count:
            await self._opened.wait()
        return self.connections[-1]

    async def __call__(self, options: ConnectOptions) -> ScriptedConnection:
        """Open the next connection."""
        self.dialled.append(options)
        if self._ahead:
            error = self._ahead.popleft()
            if error is None:
                await asyncio.get_running_loop().create_future()
            else:
                raise error
        connection = ScriptedConnection(self._clock, self._answer)
        if self._script is not None:
            if not self._script:
                raise EndOfFeed
            entry = self._script.popleft()
            if isinstance(entry, Exception):
                raise entry
            connection.say(*entry)
            if self._script:
                connection.drop()
            else:
                connection.finish()
        self.connections.append(connection)
        self._opened.set()
        return connection
