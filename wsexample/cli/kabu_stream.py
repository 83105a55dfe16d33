"""The stream of ``kclient``: from `KabuClient` to the table or the pipe and to the store, with honest counters.

A board goes to the store before it is shown. Whatever ends the stream, what came before is stored before the program ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wsexample.brokers.kabu import KabuClient, KabuRest
from wsexample.brokers.kabu.dialect import spell
from wsexample.cli.exit_codes import ExitCode, exit_code_for
from wsexample.cli.output import Output
from wsexample.cli.render import BoardTable, Colors, StreamState, count_of
from wsexample.cli.running import LAST_WORDS_S, Stop, say
from wsexample.errors import ConnectionClosed, OptionError, StorageError
from wsexample.records.fields import encode_json
from wsexample.records.market import Board
from wsexample.wire.masking import mask_url

__all__ = ["StreamPlan", "run_stream"]

FRAMES_PER_S = 5
"""How often the table is drawn; a price that moved stays highlighted for several of them."""
QUIET_S = 10.0
"""After how long without a board the user is told why that may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """What the command line said."""

    symbols: tuple[str, ...] = ()
    """Symbols to register; none takes what is registered already."""
    key: str | None = field(default=None, repr=False)
    """Value of X-API-KEY."""
    password: str | None = field(default=None, repr=False)
    """API password, for a token when there is no key or it is stale."""
    host: str = "localhost"
    """Where kabu Station runs."""
    port: int = 18080
    """Its port."""
    unregister_on_exit: bool = False
    """Whether what was added to the registration list is taken off in the end."""
    snapshot: bool = False
    """Whether the present boards are read first."""
    store: str | None = None
    """URL of a sink; None stores nothing."""
    duration_s: float | None = None
    """Seconds after which the stream ends; None for no end."""
    wants_table: bool = True
    """Whether a terminal shows a table."""
    up_color: str = "auto"
    """Colours of rising and falling prices, see `Colors.named`."""
    color: str = "auto"
    """When to use colours."""
    is_quiet: bool = False
    """Whether nothing but errors is printed."""


class _Store:
    """The sink, if there is one, and how much of what came is in it."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self._sink: Any = None
        if url is not None:
            from wsexample.sinks.base import open_sink

            self._sink = open_sink(url)

    @property
    def stored(self) -> int | None:
        """Records that are in the store; None when nothing is to be stored."""
        return None if self._sink is None else self._sink.stats.stored

    @property
    def place(self) -> str:
        """Where the records are, for people."""
        path = getattr(self._sink, "path", None)
        return str(path) if path is not None else mask_url(self.url or "")

    async def open(self) -> None:
        """Open it now, so that a mistake shows before anything is registered."""
        if self._sink is not None:
            await self._sink.open()

    async def write(self, boards: Sequence[Board]) -> None:
        """Take boards; waits while the sink is behind."""
        if self._sink is not None:
            await self._sink.write(boards)

    async def close(self) -> None:
        """Store what waits and close."""
        if self._sink is not None:
            await self._sink.close()


async def run_stream(plan: StreamPlan, stop: Stop) -> int:
    """Stream until the user, the duration or kabu Station ends it.

    Returns:
        The exit status.

    Raises:
        WsExampleError: it could not begin, or records could not be stored.
        BrokenPipeError: nobody reads the output any more; everything that came is stored.
    """
    symbols = plan.symbols or await _registered(plan)
    client = KabuClient(
        symbols,
        host=plan.host,
        port=plan.port,
        token=plan.key,
        password=plan.password,
        unregister_on_exit=plan.unregister_on_exit,
        snapshot=plan.snapshot,
    )
    store = _Store(plan.store)
    try:
        await store.open()
        return await _Stream(plan, client, store, stop).run()
    finally:
        await store.close()


async def _registered(plan: StreamPlan) -> tuple[str, ...]:
    """Return what is registered already; raises `OptionError` when that is nothing."""
    async with KabuRest(host=plan.host, port=plan.port, token=plan.key, password=plan.password) as rest:
        entries = await rest.fetch_registry()
    if not entries:
        raise OptionError(
            "nothing is registered at kabu Station; name at least one symbol, such as 9433", option="symbol"
        )
    return tuple(spell(entry) for entry in entries)


class _Stream:
    """One run."""

    def __init__(self, plan: StreamPlan, client: KabuClient, store: _Store, stop: Stop) -> None:
        self._plan = plan
        self._client = client
        self._store = store
        self._stop = stop
        self._venue = f"kabu Station {client.rest.address}"
        self._state = StreamState(self._venue, file=store.place if plan.store else "")
        self._table = BoardTable([spell(entry) for entry in client.symbols], Colors.named(plan.up_color))
        self._has_table = plan.wants_table and not plan.is_quiet and sys.stdout.isatty()
        self._output = Output()
        self._begun_s = time.monotonic()

    async def run(self) -> int:
        """Open, stream, close, store what is left, sum up."""
        try:
            async with self._client:
                self._say(self._greeting(), color="green")
                self._begun_s = time.monotonic()
                if self._plan.duration_s is not None:
                    asyncio.get_running_loop().call_later(self._plan.duration_s, self._stop.ask)
                async with self._drawn():
                    closed = await self._stream()
                    self._state.state = "closed"
                    await self._client.close()
                    await self._take(self._client.take_waiting())  # what came while the stream was being closed
                    await self._store.close()
        finally:
            with contextlib.suppress(StorageError):  # raised already, or again by whoever closes the store next
                await self._store.close()
            self._sum_up()
        if closed is None:
            return self._stop.exit_code
        say(self._obituary(closed), color="red")
        return exit_code_for(closed) if closed.code == 1006 else ExitCode.CLOSED

    async def _stream(self) -> ConnectionClosed | None:
        """Take boards until somebody asked to end, or kabu Station is gone: then how it went."""
        self._state.state = "live"
        asked = asyncio.ensure_future(self._stop.wait())
        try:
            while not asked.done():
                boards = await self._next(asked)
                if boards:
                    await self._take(boards)
        except ConnectionClosed as closed:
            return closed
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        return None

    async def _next(self, asked: asyncio.Future[None]) -> list[Board]:
        """Return what has come, all of it; nothing once somebody asked to end."""
        receiving = asyncio.ensure_future(self._client.receive())
        either: set[asyncio.Future[Any]] = {receiving, asked}
        try:
            await asyncio.wait(either, timeout=self._patience_s, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done() and not asked.done():
                self._explain_silence()
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                return []
            board = receiving.result()
            return [] if board is None else [board, *self._client.take_waiting()]
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    @property
    def _patience_s(self) -> float | None:
        return QUIET_S if not self._client.received else None

    def _explain_silence(self) -> None:
        self._say(
            f"nothing has been pushed for {QUIET_S:g} s: the market may be closed, and then nothing is;"
            " --snapshot reads the present boards",
            color="yellow",
        )

    async def _take(self, boards: list[Board]) -> None:
        await self._store.write(boards)
        if self._has_table:
            now_s = time.monotonic()
            for board in boards:
                self._table.take(board, now_s)
        elif not self._plan.is_quiet and boards:
            lines = b"".join(encode_json(board) + b"\n" for board in boards)
            await self._stop.race(self._output.send(lines), grace_s=LAST_WORDS_S)

    # -- what people see -------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _drawn(self) -> AsyncIterator[None]:
        """Draw the table several times a second, where there is one."""
        if not self._has_table:
            yield
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, no_color=True if self._plan.color == "never" else None, force_terminal=True)
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            drawing = asyncio.ensure_future(self._draw_on(live, console))
            try:
                yield
            finally:
                drawing.cancel()
                await asyncio.gather(drawing, return_exceptions=True)
                self._draw_once(live, console)

    async def _draw_on(self, live: Any, console: Any) -> None:
        while True:
            self._draw_once(live, console)
            await asyncio.sleep(1 / FRAMES_PER_S)

    def _draw_once(self, live: Any, console: Any) -> None:
        now_s = time.monotonic()
        self._count()
        width, height = console.size
        picture = self._table.draw(self._state, now_s, running_s=now_s - self._begun_s, width=width, height=height)
        live.update(picture, refresh=True)

    def _count(self) -> None:
        state, client = self._state, self._client
        state.received = client.received
        state.stored = self._store.stored
        state.behind = client.waiting
        state.lost = self._lost if state.state == "closed" else 0

    @property
    def _lost(self) -> int:
        """Messages that came and are neither where they belong nor counted as unreadable."""
        client = self._client
        kept = client.delivered if self._store.stored is None else self._store.stored
        return client.received + client.snapshots - client.unreadable - kept

    def _greeting(self) -> str:
        client = self._client
        greeting = f"{count_of(len(client.symbols), 'symbol')} registered at {self._venue}"
        others = len(set(client.registered) - set(client.symbols))
        return f"{greeting}; {others} more were registered before and are pushed too" if others else greeting

    def _obituary(self, closed: ConnectionClosed) -> str:
        kept = " Everything that came before is stored." if self._plan.store else ""
        if closed.code == 1006:
            how = "was lost (1006): kabu Station ended, or cut off a reader that was too slow."
            return f"the stream from {self._venue} {how}{kept}"
        reason = f", {closed.reason}" if closed.reason else ""
        why = "it serves one program at a time, and another may have connected."
        return f"{self._venue} closed the stream with {closed.code}{reason}: {why}{kept}"

    def _sum_up(self) -> None:
        client, stored = self._client, self._store.stored
        if not client.registered:
            return
        lasted_s = time.monotonic() - self._begun_s
        parts = [f"{count_of(client.received, 'message')} received in {lasted_s:.1f} s"]
        if client.snapshots:
            parts.append(f"{count_of(client.snapshots, 'board')} read before")
        if client.unreadable:
            parts.append(f"{client.unreadable:,} unreadable")
        parts.append(f"{client.delivered:,} boards decoded" if stored is None else f"{stored:,} stored")
        parts.append(f"{self._lost:,} lost")
        self._say(", ".join(parts))
        if stored is not None:
            self._say(f"stored in {self._store.place}")

    def _say(self, sentence: str, *, color: str | None = None) -> None:
        if not self._plan.is_quiet:
            say(sentence, color=color)
