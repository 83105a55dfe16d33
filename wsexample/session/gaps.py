"""Where the stream broke, and what is done about it: ask the broker for what was missed, then say what may be missing.

The order in every inbox is: what came before the break, the gap, what was fetched, what came since. Finding that a
connection broke is the business of `wsexample.session.stay`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wsexample.errors import DeadlineError, WsExampleError
from wsexample.ports import Clock, Errands, Gap, Record
from wsexample.session import events
from wsexample.session.delivery import Delivery
from wsexample.session.options import SessionOptions
from wsexample.session.waiting import within

__all__ = ["Gaps"]

log = logging.getLogger("wsexample.session")

JITTER_NS = 10**9
"""By how much the lag of a stream may differ from one message to the next."""


@dataclass(slots=True)
class _Break:
    from_ns: int
    reason: str


class Gaps:
    """The gaps of one session; at most one is open at a time.

    Parameters:
        venue: the broker, as in all its records.
        options: deadline and limit of a backfill.
        clock: where time comes from.
        delivery: where records go.
        emit: tells an event and returns it as a record.
    """

    def __init__(
        self,
        venue: str,
        options: SessionOptions,
        clock: Clock,
        delivery: Delivery,
        emit: Callable[..., Any],
    ) -> None:
        self._venue = venue
        self._options = options
        self._clock = clock
        self._delivery = delivery
        self._emit = emit
        self._break: _Break | None = None
        self._fetched: list[Record] = []
        self.count = 0
        """Gaps that were closed."""

    @property
    def is_open(self) -> bool:
        """Whether the stream is broken and has not been mended."""
        return self._break is not None

    def broke(self, heard_ns: int, reason: str) -> None:
        """The connection is lost after its last sign of life. A gap that is open already goes on."""
        if self._break is None:
            self._break = _Break(self._certain_until_ns(heard_ns), reason)

    def _certain_until_ns(self, heard_ns: int) -> int:
        """Return until when, by the venue's clock where it shows one, nothing can be missing.

        What was under way when the connection broke had happened before it would have arrived. TCP keeps the order, so
        nothing is missing from before the newest record; a later frame without a record says the same of a later moment,
        but for the lag of the stream and its jitter.
        """
        newest, lag_ns = self._delivery.newest, self._delivery.lag_ns
        if newest is None or lag_ns is None:
            return heard_ns
        certain_ns = min(newest.received_ns - lag_ns, heard_ns)
        if heard_ns > newest.received_ns:
            certain_ns = max(certain_ns, heard_ns - max(lag_ns, 0) - JITTER_NS)
        return max(certain_ns, heard_ns - round(self._options.lag_allowance_s * 1e9))

    def opened(self) -> None:
        """A connection is open again: records that come on it stand back until the gap is closed."""
        if self._break is not None:
            self._delivery.hold()

    async def mend(self, errands: Errands | None, topics: Sequence[str]) -> None:
        """The session is live again: fetch what was missed where that is possible, and close the gap."""
        if self._break is None:
            return
        to_ns = self._clock.now_ns()
        gap = Gap(
            venue=self._venue,
            received_ns=to_ns,
            from_ns=self._break.from_ns,
            to_ns=to_ns,
            reason=self._break.reason,
        )
        filled = False
        try:
            batches = errands.backfill(gap, topics) if errands is not None else None
            if batches is not None:
                timeout_s = self._options.backfill_timeout_s
                late = DeadlineError(
                    f"what was missed was not fetched within {timeout_s:g} s", step="backfill", timeout_s=timeout_s
                )
                filled = await within(self._clock, self._fetch(batches), late)
        except (WsExampleError, OSError) as error:
            log.warning("%s: what was missed since the break stays missing: %s", self._venue, error)
        self._close(to_ns, filled)

    async def _fetch(self, batches: AsyncIterator[Sequence[Record]]) -> bool:
        """Collect what the broker still has; returns whether that is all."""
        try:
            async for batch in batches:
                self._fetched += self._delivery.new_ones(batch)
                if len(self._fetched) > self._options.backfill_limit:
                    log.warning("%s: more than %d records were missed", self._venue, self._options.backfill_limit)
                    return False
            return True
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()

    def abandon(self) -> None:
        """The connection is lost before the gap was closed: what came on it is delivered behind an unfilled gap."""
        if self._break is not None and (self._fetched or self._delivery.has_held):
            self._close(self._clock.now_ns(), filled=False)
        self._delivery.release()

    def give_up(self) -> None:
        """The session is over; what is missing stays missing."""
        if self._break is not None:
            self._close(self._clock.now_ns(), filled=False)

    def _close(self, to_ns: int, filled: bool) -> None:
        broken, self._break = self._break, None
        fetched, self._fetched = self._fetched, []
        if broken is None:
            return
        self.count += 1
        record = self._emit(
            events.Gap, from_ns=min(broken.from_ns, to_ns), to_ns=to_ns, reason=broken.reason, filled=filled
        )
        self._delivery.release([record, *fetched])
