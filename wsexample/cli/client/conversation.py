"""A conversation of ``wseclient`` with a server: what is sent, what is shown, how it ends, and whether it begins again.

It joins a `wsexample.wire.connection.Connection`, a source of messages and a place to show them; what the command line
said is in `Plan`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from wsexample.cli.client.incoming import Presenter
from wsexample.cli.client.outgoing import SLASH_HELP, Message, Slash
from wsexample.cli.client.round_trips import format_duration
from wsexample.cli.client.sources import Source
from wsexample.cli.exit_codes import NORMAL_CLOSE_CODES, ExitCode
from wsexample.cli.running import LAST_WORDS_S, Stop
from wsexample.cli.wire_tap import WireTap
from wsexample.errors import ConnectionClosed, DeadlineError, HandshakeError, NetworkError, OptionError, StateError
from wsexample.wire.connection import Connection, connect
from wsexample.wire.masking import mask_url
from wsexample.wire.options import ConnectOptions

__all__ = ["Conversation", "Plan", "Reconnect"]

PING = 9
RETRIED_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
"""HTTP statuses of a refusal that may be gone in a moment; with any other, trying again is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Whether and how fast a lost connection is made again."""

    delay_s: float = 1.0
    """Seconds before the first new attempt; doubled with every failure in a row."""
    max_delay_s: float = 30.0
    """Where the delay stops growing, seconds."""
    max_tries: int | None = None
    """Failures in a row after which it is given up; None never does."""
    resends_first: bool = True
    """Whether the first messages are sent again on the new connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line said about the conversation."""

    options: ConnectOptions
    """Where and how to connect."""
    first: tuple[Message, ...] = ()
    """Messages to send as soon as the connection is open."""
    is_one_shot: bool = False
    """Whether one message is sent, one is received, and that is all."""
    max_messages: int | None = None
    """Messages to receive; None for no end."""
    wait_s: float | None = 2.0
    """Seconds for which messages are awaited once the input has ended; None as long as the connection lasts."""
    idle_timeout_s: float | None = None
    """Seconds without a message after which the conversation fails; None for ever."""
    close_code: int = 1000
    """Code with which our side closes."""
    close_reason: str = ""
    """Words with which our side closes."""
    shows_pings: bool = False
    """Whether pings and pongs that come are shown."""
    ping_interval_s: float | None = None
    """Seconds between pings whose round-trip times are shown; None shows none."""
    ping_timeout_s: float = 20.0
    """Seconds for such a pong."""
    keepalive: Message | None = None
    """Message that is sent again and again; None sends none."""
    keepalive_interval_s: float = 30.0
    """Seconds between them."""
    reconnect: Reconnect | None = None
    """How a lost connection is made again; None is not at all."""


class _Enough(Exception):  # noqa: N818 - no error: the conversation has reached its end
    """Everything that was wanted has been said and heard."""


class Conversation:
    """A conversation according to a plan.

    Parameters:
        plan: what the command line said.
        source: where further messages come from; None when there are only the first ones.
        presenter: how received messages look.
        show: writes them.
        say: tells the user what happens, with a colour.
        tap: gets told every message, for a tape.
    """

    def __init__(
        self,
        plan: Plan,
        source: Source | None,
        presenter: Presenter,
        show: Callable[[bytes], Awaitable[None]],
        say: Callable[..., None],
        tap: WireTap | None = None,
    ) -> None:
        self._plan = plan
        self._tap = tap
        self._source = source
        self._presenter = presenter
        self._show = show
        self._say = say
        self._unsent: Message | None = None
        self._has_opened = False
        self._has_said_first = False
        self._input_ended = False
        self._close = (plan.close_code, plan.close_reason)
        self.received = 0
        """Messages received, over all connections."""

    async def run(self, stop: Stop) -> int:
        """Converse until the plan, the server or the user ends it.

        Returns:
            The exit status.

        Raises:
            WsExampleError: the conversation failed, and trying again was not wanted or no use.
        """
        failures = 0
        while True:
            opened_before = self._has_opened
            try:
                return await self._converse(stop)
            except (ConnectionClosed, NetworkError, HandshakeError) as error:
                retry = self._plan.reconnect
                if retry is None or not _may_try_again(error):
                    raise
                failures = 1 if self._has_opened and not opened_before else failures + 1
                if retry.max_tries is not None and failures > retry.max_tries:
                    raise
                delay_s = min(retry.delay_s * 2 ** (failures - 1), retry.max_delay_s)
                self._say(f"{error}; trying again in {delay_s:g} s", color="yellow")
                if not await stop.race(asyncio.sleep(delay_s)):
                    return stop.exit_code
                self._has_opened = False

    async def _converse(self, stop: Stop) -> int:
        """Open one connection and talk until it ends."""
        begun_ns = time.time_ns()
        options = self._plan.options
        if self._plan.shows_pings:
            options = options.replace(on_control=self._control_received)
        ws = await _unless_asked(stop, _open(options))
        if ws is None:
            return stop.exit_code
        self._has_opened = True
        async with ws:
            self._say(f"connected to {mask_url(self._plan.options.url)}", color="green", is_chatter=True)
            if self._tap is None:
                return await self._talk(ws, stop, begun_ns)
            self._tap.opened()
            try:
                return await self._talk(ws, stop, begun_ns)
            finally:
                self._tap.closed(ws)

    async def _say_to(self, ws: Connection, message: Message) -> None:
        await ws.send(message)
        if self._tap is not None:
            self._tap.sent(message)

    async def _talk(self, ws: Connection, stop: Stop, begun_ns: int) -> int:
        jobs: list[Coroutine[Any, Any, Any]] = [stop.wait(), self._send(ws)]
        if self._plan.ping_interval_s:
            jobs.append(self._ping(ws, self._plan.ping_interval_s))
        if self._plan.keepalive is not None:
            jobs.append(self._keep_alive(ws, self._plan.keepalive))
        receiver = asyncio.ensure_future(self._receive(ws, begun_ns))
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            done, _ = await asyncio.wait({receiver, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            if receiver not in done:
                await self._finish(ws, receiver, done - {tasks[0]}, tasks[0])
            if receiver.done():
                receiver.result()
        except _Enough:
            pass
        except ConnectionClosed as closed:
            return self._judge(closed) or stop.exit_code
        finally:
            for task in (receiver, *tasks):
                task.cancel()
            await asyncio.gather(receiver, *tasks, return_exceptions=True)
        if ws.is_open:
            await ws.close(*self._close)
        return stop.exit_code

    async def _finish(
        self, ws: Connection, receiver: asyncio.Task[None], done: set[asyncio.Task[Any]], asked: asyncio.Task[Any]
    ) -> None:
        """Close from our side, show what still comes before the server's part of it, and raise what made us close."""
        errors = [error for task in done if (error := task.exception()) is not None]
        if any(isinstance(error, ConnectionClosed | StateError) for error in errors):
            await receiver  # it knows how the connection ended
        with contextlib.suppress(StateError):
            ws.start_close(*self._close)
        await ws.wait_closed()
        await asyncio.wait({receiver, asked}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({receiver}, timeout=LAST_WORDS_S)
        for error in errors:
            raise error

    def _judge(self, closed: ConnectionClosed) -> int:
        """Return the exit status for an end of the connection that may be one; raises it when it is none."""
        if not closed.by_peer and closed.code == self._close[0]:
            return ExitCode.OK
        if closed.code not in NORMAL_CLOSE_CODES:
            raise closed
        words = f": {closed.reason}" if closed.reason else ""
        sentence = f"the server closed the connection with {closed.code}{words}"
        if self._plan.reconnect is not None and closed.code != 1000:
            raise closed
        if self._wanted is not None and self.received < self._wanted:
            self._say(f"{sentence}, before it had answered", color="red")
            return ExitCode.CLOSED
        self._say(sentence, color="yellow", is_chatter=True)
        return ExitCode.OK

    @property
    def _wanted(self) -> int | None:
        return 1 if self._plan.is_one_shot else self._plan.max_messages

    # -- the parts of a conversation ------------------------------------------------------------------------------

    async def _receive(self, ws: Connection, begun_ns: int) -> None:
        while True:
            if self._wanted is not None and self.received >= self._wanted:
                raise _Enough
            try:
                arrivals = [await ws.receive_stamped(self._plan.idle_timeout_s)]
            except DeadlineError as error:
                message = f"no message within {error.timeout_s:g} s"
                raise DeadlineError(message, step="idle", timeout_s=error.timeout_s) from None
            limit = None if self._wanted is None else self._wanted - self.received - 1
            if limit != 0:
                arrivals += ws.take_waiting()[:limit]
            self.received += len(arrivals)
            if self._tap is not None:
                self._tap.received(arrivals)
            present = self._presenter.present
            await self._show(b"".join(present(*arrival[:3], begun_ns) for arrival in arrivals))

    async def _send(self, ws: Connection) -> None:
        """Send what is to be sent, then wait as the plan says; returning ends the conversation."""
        plan = self._plan
        if not self._has_said_first or (plan.reconnect is not None and plan.reconnect.resends_first):
            for message in plan.first:
                await self._say_to(ws, message)
            self._has_said_first = True
        has_sent = bool(plan.first)
        while self._source is not None and not self._input_ended and not (plan.is_one_shot and has_sent):
            item = self._unsent if self._unsent is not None else await self._source.next()
            if item is None:
                break
            if isinstance(item, Slash):
                if await self._obey(ws, item):
                    return
                continue
            self._unsent = item
            await self._say_to(ws, item)
            self._unsent = None
            has_sent = True
        self._input_ended = True
        if plan.wait_s is None:
            await ws.wait_closed()
            raise StateError("the connection is over")
        await asyncio.sleep(plan.wait_s)
        if self._wanted is not None and self.received < self._wanted:
            raise DeadlineError(
                f"{self.received} of {self._wanted} messages came within {plan.wait_s:g} s of the last one sent",
                step="answer",
                timeout_s=plan.wait_s,
            )

    async def _obey(self, ws: Connection, command: Slash) -> bool:
        """Do what a slash command says; True when that is the end."""
        try:
            if command.verb == "ping":
                trip_s = await ws.ping(command.payload, timeout_s=self._plan.ping_timeout_s)
                self._say(f"pong after {format_duration(trip_s)}", color="cyan")
            elif command.verb == "pong":
                ws.pong(command.payload)
            elif command.verb == "close":
                self._close = (command.code, command.reason)
                ws.start_close(*self._close)
                return True
            else:
                self._say(SLASH_HELP)
        except (OptionError, DeadlineError) as error:
            self._close = (self._plan.close_code, self._plan.close_reason)
            self._say(str(error), color="red")
        return False

    def _control_received(self, opcode: int, payload: bytes) -> None:
        text = f" {payload.decode('utf-8', 'backslashreplace')!r}" if payload else ""
        self._say(f"received a {'ping' if opcode == PING else 'pong'}{text}", color="cyan")

    async def _ping(self, ws: Connection, interval_s: float) -> None:
        while True:
            trip_s = await ws.ping(timeout_s=self._plan.ping_timeout_s)
            self._say(f"pong after {format_duration(trip_s)}", color="cyan")
            await asyncio.sleep(interval_s)

    async def _keep_alive(self, ws: Connection, message: Message) -> None:
        while True:
            await asyncio.sleep(self._plan.keepalive_interval_s)
            await self._say_to(ws, message)


async def _open(options: ConnectOptions) -> Connection:
    return await connect(options)


async def _unless_asked(stop: Stop, work: Coroutine[Any, Any, Connection]) -> Connection | None:
    """Return what ``work`` returns, or None when the user asked to end before."""
    task = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        asked.cancel()
        if not task.done():
            task.cancel()
        await asyncio.gather(task, asked, return_exceptions=True)


def _may_try_again(error: Exception) -> bool:
    if isinstance(error, HandshakeError):
        return error.status is None or error.status in RETRIED_STATUSES
    return not (isinstance(error, ConnectionClosed) and error.code == 1000)
