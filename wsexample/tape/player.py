"""`Player`: a tape instead of the network: a session that dials it reads the same messages at the same recorded times.

    with Player("day.tape") as player:
        session = Session(dialect, player.topics, dial=player.dial, clock=player.clock)

The session's clock shows the recorded time, so that records are the same to the byte whenever and however fast the tape
is played. Connections begin and break where they did; what the session sends is not needed and is dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from wsexample.clock import FedClock, SystemClock
from wsexample.errors import ConnectionClosed, NetworkError
from wsexample.session.events import EndOfFeed
from wsexample.tape.format import Entry, Kind, Note, note_of, rows_of
from wsexample.tape.pace import Pace
from wsexample.tape.reader import Tape
from wsexample.tape.run import Arrival, Run, run_of
from wsexample.wire.options import ConnectOptions

__all__ = ["PlayedConnection", "Player"]

BATCH = 256
"""Messages handed over at once, at most, when they are due at once."""
TURNS = 4
"""Turns of the loop in which whoever was woken gets to act."""


def _lost() -> ConnectionClosed:
    """How a connection ended whose end is not on the tape, because the recorder was killed."""
    return ConnectionClosed(code=1006)


class Player:
    """Plays one source of a tape to a session.

    Parameters:
        tape: the tape, or its path.
        source: position of the source on the tape, from 0.
        speed: 1 for the recorded pace, 10 for ten times as fast, None for as fast as possible (default).
        max_pause_s: longest recorded pause that is kept, seconds; None for any.
        from_ns: begin here, UTC epoch nanoseconds: what is earlier is read at once, because what follows may need it; its
            records come too and are told by their ``received_ns`` (default: as the tape says, which is its beginning).
        to_ns: end before this moment.
        progress: told now and then how far it is, as (recorded moment, messages).

    Raises:
        StorageError: the tape cannot be read.
        OptionError: no such source, or a speed that cannot work.
    """

    def __init__(
        self,
        tape: Tape | str | Path,
        *,
        source: int = 0,
        speed: float | None = None,
        max_pause_s: float | None = None,
        from_ns: int | None = None,
        to_ns: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._owns_tape = not isinstance(tape, Tape)
        self.tape = tape if isinstance(tape, Tape) else Tape(tape)
        self.source = self.tape.source(source)
        """What is known of whose traffic it is."""
        self._number = source
        self._pace = Pace(speed, max_pause_s=max_pause_s)
        self._machine = SystemClock()
        self.from_ns = from_ns if from_ns is not None else self.tape.meta.from_ns
        """Where playing begins; None for the beginning of the tape."""
        self._to_ns = to_ns
        self._progress = progress
        self.clock = FedClock(self.tape.first_ns() or 0)
        """Shows the recorded time."""
        self.messages = 0
        """Messages played so far."""
        self._bodies = self.tape.bodies(lambda mark: to_ns is None or mark.first_ns < to_ns)
        self._ahead: deque[Entry] = deque()
        self._run: Run | None = None
        self._connection: PlayedConnection | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """What the recorded session was subscribed to at some time; reads the notes of the whole tape."""
        return self.tape.topics(self._number)

    async def dial(self, options: ConnectOptions) -> PlayedConnection:
        """Open the next connection of the tape: the argument ``dial`` of a session.

        Parameters:
            options: what the session would have dialled; its URL is not looked at.

        Raises:
            EndOfFeed: there is none; the session ends as if it had been closed.
        """
        previous = self._connection.number if self._connection is not None else 0
        while self._look_ahead():
            if self._run is not None:
                at_ns, connection, opens = self._run.next_ns, self._run.connection, True
            else:
                entry = self._ahead[0]
                at_ns, connection = entry.at_ns, entry.connection
                opens = entry.kind < Kind.NOTE or note_of(entry.payload).event == "opened"
            if connection > previous and opens:
                await self._wait_for_opening(at_ns)
                self._connection = PlayedConnection(self, connection)
                return self._connection
            self._pass_over()
        self.close()
        raise EndOfFeed

    # -- entries -------------------------------------------------------------------------------------------------

    def _look_ahead(self) -> bool:
        """Have something of the source ahead, a run of messages or entries one by one; False at the end."""
        number, to_ns = self._number, self._to_ns
        while self._run is None and not self._ahead:
            found = next(self._bodies, None)
            if found is None:
                return False
            mark, body = found
            is_last = to_ns is not None and mark.last_ns >= to_ns
            run = None if is_last else run_of(mark, body)
            if run is not None:
                self._run = run if run.source == number else None
            elif is_last and to_ns is not None:
                self._ahead.extend(
                    one for one in rows_of(body, mark.count) if one.source == number and one.at_ns < to_ns
                )
            else:
                self._ahead.extend(one for one in rows_of(body, mark.count) if one.source == number)
        return True

    def _pass_over(self) -> None:
        """Leave out what is ahead."""
        if self._run is not None:
            self._run = None
        else:
            self._ahead.popleft()

    async def _wait_for_opening(self, at_ns: int) -> None:
        """Move the tape's clock to the opening of a connection; deadlines of the dialling session do not count here."""
        if self.from_ns is None or at_ns >= self.from_ns:
            await self._machine.sleep(self._pace.wait_s(at_ns, self._machine.monotonic_s()))
        self.clock.skip_to(at_ns)

    async def batch(self, number: int) -> list[Arrival]:
        """Return the next messages of a connection that are due, when they are.

        Nobody who waits on the tape's clock is passed over: the batch ends where the next of them is due.

        Parameters:
            number: of the connection on the tape.

        Raises:
            ConnectionClosed, NetworkError: the connection broke here.
            EndOfFeed: the tape ends here.
        """
        while True:
            if not self._look_ahead():
                self.close()
                raise EndOfFeed
            if self._run is not None:
                taken = await self._take_of_run(self._run, number)
            else:
                taken = await self._take_one_by_one(self._ahead[0], number)
            if taken:
                self.messages += len(taken)
                self.clock.skip_to(taken[-1][2])
                if self._progress is not None:
                    self._progress(taken[-1][2], self.messages)
                return taken

    async def _take_of_run(self, run: Run, number: int) -> list[Arrival]:
        if run.connection != number:
            if run.connection > number:
                raise _lost()
            self._run = None
            return []
        await self._go_to(run.next_ns)
        paced_ns = None if self._pace.speed is None else self.clock.now_ns()
        taken = run.take(BATCH, self.clock.next_wake_ns, paced_ns)
        if run.is_over:
            self._run = None
        return taken

    async def _take_one_by_one(self, entry: Entry, number: int) -> list[Arrival]:
        if entry.kind >= Kind.NOTE:
            await _let_others_act()  # what the recorded session did here, the playing one does at the same moment
        await self._go_to(entry.at_ns)
        return self._take(number, self.clock.next_wake_ns)

    def _take(self, number: int, until_ns: int | None) -> list[Arrival]:
        """Take messages that can be had at once; raises what ends the connection when it is the next thing."""
        taken: list[Arrival] = []
        ahead = self._ahead
        paced_ns = None if self._pace.speed is None else self.clock.now_ns()
        while ahead:
            at_ns, connection, _, kind, payload = ahead[0]
            if until_ns is not None and at_ns >= until_ns and taken:
                break
            if paced_ns is not None and at_ns > paced_ns and taken:
                break
            if kind < Kind.SENT_TEXT:
                if connection == number:
                    taken.append((payload, kind == Kind.RECEIVED_BINARY, at_ns))
                    if len(taken) >= BATCH:
                        ahead.popleft()
                        break
                elif connection > number:
                    if taken:
                        break
                    raise _lost()
            elif kind >= Kind.NOTE:
                if taken:
                    break
                self._heed(note_of(payload), connection, number)
            ahead.popleft()
        return taken

    def _heed(self, note: Note, connection: int, number: int) -> None:
        """Raise what a note says about the end of a connection."""
        if connection > number and note.event == "opened":
            raise _lost()
        if connection != number or note.event not in ("failed", "closed"):
            return
        self._ahead.popleft()
        if note.event == "closed" and not self._goes_on(number):
            self.close()
            raise EndOfFeed  # the recorded session was closed by its user, which is no break
        if note.code is not None:
            raise ConnectionClosed(code=note.code, reason=note.words, was_clean=note.was_clean, by_peer=note.by_peer)
        raise NetworkError(note.words)

    def _goes_on(self, number: int) -> bool:
        """Tell whether anything of a later connection follows; what is of this one is passed over."""
        while self._look_ahead():
            connection = self._run.connection if self._run is not None else self._ahead[0].connection
            if connection > number:
                return True
            self._pass_over()
        return False

    async def _go_to(self, at_ns: int) -> None:
        """Move the tape's clock to a moment when it is due, and let everybody act who waits for a moment before it."""
        clock = self.clock
        from_ns, begun_s = clock.now_ns(), self._machine.monotonic_s()
        is_before = self.from_ns is not None and at_ns < self.from_ns
        wait_s = 0.0 if is_before else max(self._pace.wait_s(at_ns, begun_s), 0.0)
        while (wake_ns := clock.next_wake_ns) is not None and wake_ns <= at_ns:
            if wait_s:
                share = (wake_ns - from_ns) / (at_ns - from_ns)
                await self._machine.sleep(begun_s + wait_s * share - self._machine.monotonic_s())
            clock.move_to(wake_ns)
            await asyncio.sleep(0)
            if clock.next_wake_ns is None:  # whoever was woken has something else to do than to wait for the next time
                await _let_others_act()
        if wait_s:
            await self._machine.sleep(begun_s + wait_s - self._machine.monotonic_s())
        clock.skip_to(at_ns)

    def close(self) -> None:
        """Close the tape, unless it was given as one; done by itself at its end. Twice is harmless."""
        self._bodies.close()
        if self._owns_tape:
            self.tape.close()

    def __repr__(self) -> str:
        return f"<Player {self.tape.path}, {self.messages} messages played>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _let_others_act() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class PlayedConnection:
    """A recorded connection, as a session sees one; `Player.dial` makes it.

    Parameters:
        player: whose tape it is on.
        number: its number there, from 1.
    """

    def __init__(self, player: Player, number: int) -> None:
        self.number = number
        """Its number on the tape."""
        self._player = player
        self._rest: list[Arrival] = []
        self._closed: ConnectionClosed | None = None
        self._over = asyncio.Event()
        self.last_received_ns = 0
        """When the last message came."""
        self.last_control_ns = 0
        """When the last ping or pong came: never, they are not on tapes."""
        self.write_buffer_bytes = 0
        """Nothing ever waits to be sent."""
        self.sent = 0
        """Messages that the session sent."""

    async def receive_stamped(self) -> Arrival:
        """Return the next message and when it came; raises what ended the connection, or `EndOfFeed`."""
        if self._closed is not None:
            raise self._closed
        # Whoever takes the records gets a turn first, while they are in the processor's caches: thousands at once cost
        # half as much again.
        await asyncio.sleep(0)
        try:
            first, *self._rest = await self._player.batch(self.number)
        except ConnectionClosed as closed:
            self._end(closed)
            raise
        except NetworkError:
            self._end(_lost())
            raise
        self.last_received_ns = self._rest[-1][2] if self._rest else first[2]
        return first

    def take_waiting(self) -> list[Arrival]:
        """Return the messages that were due together with the one received last."""
        rest, self._rest = self._rest, []
        return rest

    @property
    def waiting(self) -> int:
        """Messages that are due and were not taken yet."""
        return len(self._rest)

    def send_nowait(self, message: str | bytes) -> None:
        """Count a message; what was answered is on the tape."""
        if self._closed is not None:
            raise self._closed
        self.sent += 1

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection from this side; what is left of it on the tape is passed over.

        Parameters:
            code: close code (RFC 6455 section 7.4).
            reason: the words that are given for it.
        """
        if self._closed is None:
            self._end(ConnectionClosed(code=code, reason=reason, was_clean=True, by_peer=False))

    def abort(self) -> None:
        """The same, without a closing handshake."""
        if self._closed is None:
            self._end(ConnectionClosed(code=1006, by_peer=False))

    def _end(self, closed: ConnectionClosed) -> None:
        self._closed = closed
        self._over.set()

    async def wait_closed(self) -> None:
        """Wait until the connection is over."""
        await self._over.wait()

    @property
    def close_code(self) -> int | None:
        """The close code, None while it is not over."""
        return self._closed.code if self._closed else None

    @property
    def close_reason(self) -> str:
        """The closing side's words."""
        return self._closed.reason if self._closed else ""

    @property
    def was_clean(self) -> bool:
        """Whether the closing handshake was completed."""
        return self._closed is not None and self._closed.was_clean

    @property
    def closed_by_peer(self) -> bool:
        """Whether the peer began the close."""
        return self._closed is not None and self._closed.by_peer
