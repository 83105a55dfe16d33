"""One connection after another, until something final or the limits of trying again: wait, prepare, dial, stay, see off.

When the next attempt may begin is decided in `wsexample.session.machine`, and what happens on an open connection in
`wsexample.session.stay`. What the user holds, and how a session is closed, is in `wsexample.session.session`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from wsexample.errors import BrokerError, NetworkError
from wsexample.ports import Failure
from wsexample.session import events
from wsexample.session.events import EndOfFeed
from wsexample.session.failures import asked_wait_s, borne_in_a_row
from wsexample.session.farewells import Farewells
from wsexample.session.stay import Dialled, Parts, Stay, deadline_error
from wsexample.session.waiting import Wakeup, within
from wsexample.wire.masking import mask_url
from wsexample.wire.options import ConnectOptions

__all__ = ["Attempts", "Dial"]

log = logging.getLogger("wsexample.session")

Dial = Callable[[ConnectOptions], Awaitable[Dialled]]
"""Opens a connection; the seam at which tests and tapes feed a session without a socket."""


class Attempts:
    """The connections of one session, those that fail to open included.

    Parameters:
        parts: what the session and its connections share.
        options: where to connect; the broker's errands may change them for each attempt.
        dial: opens connections.
        heeds_waits: whether a wait that the other side asks for is kept.
    """

    def __init__(self, parts: Parts, options: ConnectOptions, dial: Dial, *, heeds_waits: bool) -> None:
        self._parts = parts
        self._options = options
        self._dial = dial
        self._heeds_waits = heeds_waits
        self._hurry = Wakeup()
        self._farewells = Farewells(parts.emit)
        self._opened: Dialled | None = None
        self._refusals = 0
        self.stay: Stay | None = None
        """The connection that is open now; None between two."""

    async def last(self) -> Exception | None:
        """Connect again and again; returns what ended that, None at the end of a feed."""
        parts = self._parts
        while True:
            while (wait_s := parts.machine.wait_s(parts.clock.monotonic_s())) > 0:
                await self._wait_or_hurry(wait_s)
            failure = await self._attempt()
            if failure is None:
                return None
            phase = parts.machine.phase.value
            parts.emit(events.Failed, phase=phase, error=failure.error, is_final=failure.is_final)
            if failure.is_final or not self._backs_off(failure.error):
                return failure.error

    def reconnect(self, reason: str) -> None:
        """Replace the connection, or end the wait for the next one; returns at once.

        Parameters:
            reason: the words that are given for it.
        """
        if self.stay is not None:
            self.stay.fail(Failure(NetworkError(reason), is_final=False))
        else:
            self._parts.machine.hurry(self._parts.clock.monotonic_s())
            self._hurry.set()

    async def finish(self) -> None:
        """See every connection off."""
        if self._opened is not None:  # it opened in the very moment of the end
            self._say_farewell(self._opened, None)
        await self._farewells.finish()

    def cut_short(self) -> None:
        """Cut what is still being seen off."""
        self._farewells.cut_short()

    async def _wait_or_hurry(self, wait_s: float) -> None:
        """Wait, or until `reconnect` is called."""
        waits = [asyncio.ensure_future(self._parts.clock.sleep(wait_s)), asyncio.ensure_future(self._hurry.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _backs_off(self, error: Exception) -> bool:
        """Begin to wait for the next attempt; returns False when the limits of trying again are reached."""
        parts = self._parts
        machine = parts.machine
        least_s = asked_wait_s(error) if self._heeds_waits else 0.0
        delay_s = machine.lost(parts.clock.monotonic_s(), least_s)
        if delay_s is None:
            many = machine.failures > 1
            error.add_note(
                f"gave up after {machine.failures} failures in a row" if many else "gave up after one failure"
            )
            return False
        borne = borne_in_a_row(error, was_live=machine.times_live > 0)
        self._refusals = 0 if borne is None else self._refusals + 1
        if borne is not None and self._refusals >= borne:
            error.add_note(f"gave up after {self._refusals} such answers in a row: is the address right?")
            return False
        # Or a wrong address would be waited for in silence; what a broker says it says by itself.
        is_first = machine.failures == 1 and not machine.times_live and not isinstance(error, BrokerError)
        level = logging.INFO if borne is None and not is_first else logging.WARNING
        log.log(level, "%s: %s; next attempt in %.1f s", parts.dialect.venue, error, delay_s)
        parts.emit(events.Waiting, delay_s=delay_s, attempt=machine.attempt + 1)
        parts.changed()
        return True

    async def _attempt(self) -> Failure | None:
        """Open a connection and stay until it is of no further use; returns why, None at the end of a feed."""
        parts = self._parts
        machine, clock = parts.machine, parts.clock
        attempt = machine.dial(clock.monotonic_s())
        parts.changed()
        options = self._options
        failure: Failure | None
        try:
            if parts.errands is not None:
                machine.errand_begun(clock.monotonic_s())
                changes = await self._in_time(parts.errands.prepare, attempt)
                machine.errand_done(clock.monotonic_s())
                options = options.replace(**changes) if changes else options
            await self._in_time(self._open, options)
        except EndOfFeed:
            return None
        except Exception as error:  # noqa: BLE001 - judged, and raised by the session when it is final
            failure = parts.judged(error)
            if self._opened is not None:  # it opened in the very moment of the deadline
                self._say_farewell(self._opened, failure)
            return failure
        connection, opened_ns = self._opened, clock.now_ns()
        assert connection is not None
        parts.emit(events.Opened, url=mask_url(options.url), attempt=attempt)
        self.stay = Stay(parts, connection, machine.connections)
        failure = None
        try:
            failure = await self.stay.last()
        finally:
            self.stay = None
            self._note_break(max(connection.last_received_ns, opened_ns), failure)
            self._say_farewell(connection, failure)
        return failure

    async def _open(self, options: ConnectOptions) -> None:
        # Kept at once: a connection that opens in the moment of a deadline or a close must not be lost sight of.
        self._opened = await self._dial(options)

    async def _in_time(self, work: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        """Await what the present phase waits for, under its deadline."""
        parts = self._parts
        deadline = parts.machine.deadline(parts.dialect.silence(parts.clock.now_ns()))
        assert deadline is not None  # connecting always has one
        return await within(parts.clock, work(*args), deadline_error(deadline))

    def _note_break(self, heard_ns: int, failure: Failure | None) -> None:
        """Remember where the stream broke, for the gap to come; an end that was wanted is no break."""
        parts = self._parts
        parts.gaps.abandon()
        if failure is not None and (parts.machine.times_live or parts.delivery.has_delivered):
            parts.gaps.broke(heard_ns, str(failure.error))

    def _say_farewell(self, connection: Dialled, failure: Failure | None) -> None:
        if connection is self._opened:
            self._opened = None
        self._farewells.say(connection, self._parts.machine.connections, failure)
