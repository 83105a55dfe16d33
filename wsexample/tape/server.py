"""`serve_tape`: a tape as a server, to which anybody's client connects: it gets what was received, at the pace asked for.

The conversation is kept where the recorded client spoke before anything flowed: an answer to a login is not sent before the
client has sent as many messages as the recorded one had. What it says is not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wsexample.clock import SystemClock
from wsexample.errors import ConnectionClosed, DeadlineError, OptionError
from wsexample.tape.format import Entry, Kind, Note, note_of
from wsexample.tape.pace import Pace
from wsexample.tape.reader import Tape
from wsexample.wire.admission import is_own_page
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Reject, Request, Server, ServerConnection, serve

__all__ = ["TapePlan", "TapeStats", "serve_tape"]

ANSWER_S = 5.0
"""How long a client is waited for that does not speak where the recorded one did."""
SENDABLE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, *range(3000, 5000)})


@dataclass(frozen=True, slots=True, kw_only=True)
class TapePlan:
    """How a tape is played to each client that connects."""

    speed: float | None = 1.0
    """1 for the recorded pace, 10 for ten times as fast, None for as fast as the client reads."""
    max_pause_s: float | None = None
    """Longest recorded pause that is kept, seconds; None for any."""
    from_ns: int | None = None
    """Begin here, UTC epoch nanoseconds, after what was said when the connection was opened; None for the beginning."""
    to_ns: int | None = None
    """End before this moment; None for the end."""
    breaks: bool = False
    """Whether connections break where they broke; the client's next connection goes on with the next of the tape."""
    waits: bool = True
    """Whether a client is waited for, a few seconds, where the recorded one spoke before it was live."""
    repeats: bool = False
    """Whether it begins anew at its end, in place of closing with 1000."""


@dataclass(slots=True)
class TapeStats:
    """What was played so far, to all clients."""

    clients: int = 0
    """Connections accepted."""
    sent: int = 0
    """Messages sent to them."""
    received: int = 0
    """Messages that they sent."""
    finished: int = 0
    """Connections that were played to their end."""


def serve_tape(
    path: str | Path,
    plan: TapePlan | None = None,
    *,
    source: int | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    options: ServeOptions | None = None,
    stats: TapeStats | None = None,
) -> AbstractAsyncContextManager[Server]:
    """Serve a tape: ``async with serve_tape("day.tape", TapePlan(speed=10)) as server: ...``

    A tape of one source is served on every path. With several, a client gets the one whose recorded path it asks for.

    Parameters:
        path: the tape.
        plan: how it is played (default: at the recorded pace).
        source: the only source to serve; None for all.
        host: address to listen on (default 127.0.0.1).
        port: port to listen on (default 0, any free one).
        options: further options of the server. Pages in browsers are refused, for a tape may hold an account's data, unless
            ``allowed_origins`` names theirs.
        stats: where to count (default: nowhere).

    Raises:
        StorageError: the tape cannot be read.
        OptionError: no such source, or a plan that cannot work.
    """
    plan = plan or TapePlan()
    Pace(plan.speed, max_pause_s=plan.max_pause_s)  # refused now, not when somebody connects
    with Tape(path) as tape:
        names = [tape.source(source).url] if source is not None else [one.url for one in tape.sources]
        if not names:
            raise OptionError(f"{path} holds nobody's traffic", option="tape")
        first = source or 0
    paths = {urlsplit(url).path or "/": first + n for n, url in enumerate(names)}
    lets_pages_in = options is not None and options.allowed_origins is not None
    desk = _Desk(Path(path), plan, paths, stats, lets_pages_in=lets_pages_in)
    return serve(desk.play, host=host, port=port, accept=desk.accept, options=options)


class _Desk:
    """Plays a tape to clients."""

    def __init__(
        self, path: Path, plan: TapePlan, paths: dict[str, int], stats: TapeStats | None, *, lets_pages_in: bool
    ) -> None:
        self._path = path
        self._plan = plan
        self._paths = paths
        self._lets_pages_in = lets_pages_in
        self._stats = stats if stats is not None else TapeStats()
        self._played: dict[int, int] = {}
        self._machine = SystemClock()

    async def accept(self, request: Request) -> str | Reject | None:
        """Refuse pages, and a path of which nothing was recorded; agree to the first subprotocol offered."""
        origin = request.headers.get("origin")
        if origin is not None and not self._lets_pages_in and not is_own_page(origin, request.headers.get("host")):
            return Reject(403, "pages may not read a tape\n")
        if len(self._paths) > 1 and request.path not in self._paths:
            return Reject(404, f"there is nothing on {request.path}; there is {' '.join(self._paths)}\n")
        return request.subprotocols[0] if request.subprotocols else None

    async def play(self, ws: ServerConnection) -> None:
        """Play to one client until the tape or the client ends."""
        self._stats.clients += 1
        source = self._paths.get(ws.request.path, next(iter(self._paths.values())))
        visit = _Visit(ws, self._plan, self._stats, self._machine)
        listening = asyncio.ensure_future(visit.listen())
        try:
            with suppress(ConnectionClosed):
                while True:
                    before = visit.sent
                    await self._play_once(visit, source)
                    has_sent = visit.sent > before  # nothing would be repeated for ever, and nobody else heard
                    if not self._plan.repeats or self._plan.breaks or not has_sent:
                        break
                    await asyncio.sleep(0)  # a short tape may be sent without ever waiting for the socket
                self._stats.finished += 1
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _play_once(self, visit: _Visit, source: int) -> None:
        with Tape(self._path) as tape:
            from_ns = self._plan.from_ns if self._plan.from_ns is not None else tape.meta.from_ns
            entries: Iterator[Entry] = tape.entries(to_ns=self._plan.to_ns)
            if from_ns is not None:
                entries = _without_run_up(entries, from_ns, tape.connections_with_an_opening())
            mine = (entry for entry in entries if entry.source == source)
            if self._plan.breaks:
                number = await self._play_connection(visit, mine, self._played.get(source, 0), from_ns)
                self._played[source] = number
            else:
                await visit.play(mine, from_ns)

    async def _play_connection(self, visit: _Visit, entries: Iterator[Entry], after: int, from_ns: int | None) -> int:
        """Play the first connection of a number beyond ``after``; returns its number."""
        number = 0
        one: list[Entry] = []

        def of_connection() -> Iterator[Entry]:
            nonlocal number
            for entry in entries:
                opens = entry.kind < Kind.NOTE or note_of(entry.payload).event == "opened"
                if not number and entry.connection > after and opens:
                    number = entry.connection
                if number and entry.connection == number:
                    yield entry
                    if entry.kind == Kind.NOTE and note_of(entry.payload).event in ("failed", "closed"):
                        one.append(entry)
                        return

        await visit.play(of_connection(), from_ns)
        if one:
            await visit.break_off(note_of(one[0].payload))
        return number or after


def _without_run_up(entries: Iterator[Entry], from_ns: int, has_opening: Callable[[int, int], bool]) -> Iterator[Entry]:
    """Leave out what a connection said before a moment where nothing of that must be said for what follows."""
    for entry in entries:
        is_message = entry.kind < Kind.NOTE
        if entry.at_ns >= from_ns or not is_message or has_opening(entry.source, entry.connection):
            yield entry


class _Visit:
    """One client's connection."""

    def __init__(self, ws: ServerConnection, plan: TapePlan, stats: TapeStats, machine: SystemClock) -> None:
        self._ws = ws
        self._plan = plan
        self._stats = stats
        self._machine = machine
        self.sent = 0
        """Messages sent to it."""
        self._heard = 0
        self._spoke = asyncio.Event()

    async def listen(self) -> None:
        """Count what the client sends."""
        with suppress(ConnectionClosed):
            async for _ in self._ws.payloads():
                self._heard += 1
                self._stats.received += 1
                self._spoke.set()

    async def play(self, entries: Iterator[Entry], from_ns: int | None) -> None:
        """Send what was received; before ``from_ns`` only what was said until the first connection was live.

        Of connections after the first, what was said until they were live is left out: this client never lost its own.
        """
        pace = Pace(self._plan.speed, max_pause_s=self._plan.max_pause_s)
        first: int | None = None
        opening: set[int] = set()
        asked = 0
        since_breath = 0
        has_live_notes = False
        for entry in entries:
            kind = entry.kind
            if kind >= Kind.NOTE:
                event = note_of(entry.payload).event
                if event == "opened":
                    opening.add(entry.connection)
                    first = entry.connection if first is None else first
                elif event == "live":
                    opening.discard(entry.connection)
                    has_live_notes = True
                continue
            is_opening = entry.connection in opening
            if kind >= Kind.SENT_TEXT:
                asked += is_opening and entry.connection == first
                continue
            if is_opening:
                if entry.connection != first and (has_live_notes or first in opening):
                    continue
                if self._plan.waits:
                    await self._wait_for(asked)
            is_run_up = from_ns is not None and entry.at_ns < from_ns
            if is_run_up and not is_opening:
                continue
            if not is_run_up:
                wait_s = pace.wait_s(entry.at_ns, self._machine.monotonic_s())
                if wait_s > 0:
                    await self._sleep(wait_s)
                    since_breath = 0
            since_breath += 1
            if since_breath >= 1000:  # let the client's own messages in
                since_breath = 0
                await asyncio.sleep(0)
            await self._send(entry)

    async def _send(self, entry: Entry) -> None:
        message: Any = entry.payload if entry.kind == Kind.RECEIVED_BINARY else entry.payload.decode("utf-8", "replace")
        await self._ws.send(message)
        self.sent += 1
        self._stats.sent += 1

    async def _wait_for(self, messages: int) -> None:
        """Wait until the client has sent so many messages, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while self._heard < messages:
                    self._spoke.clear()
                    await self._spoke.wait()

    async def _sleep(self, wait_s: float) -> None:
        """Wait, but not for a tape that nobody hears any more."""
        with suppress(DeadlineError, TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._ws.wait_closed()
        if not self._ws.is_open:
            raise ConnectionClosed(code=self._ws.close_code or 1006, reason=self._ws.close_reason or "")

    async def break_off(self, note: Note) -> None:
        """End the connection as the recorded one ended."""
        if note.code is not None and note.code in SENDABLE:
            await self._ws.close(note.code, note.words)
        else:
            self._ws.abort()
