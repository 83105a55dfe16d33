"""What goes on beside the stream: snapshots of boards, and a look at the registration list now and then. Nothing here may
end the stream; what fails is told and tried again. Rotating a long watch list is in the file beside this one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from wsexample.brokers.kabu.client.errands import KabuErrands
from wsexample.brokers.kabu.dialect import KabuDialect, parse_symbols, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rest import KabuRest
from wsexample.errors import WsExampleError
from wsexample.ports import Clock, Gap
from wsexample.records.market import Board, Record
from wsexample.session import events
from wsexample.session.session import Session

__all__ = ["Upkeep"]

log = logging.getLogger("wsexample.kabu.client")

VENUE = "kabu"


class Upkeep:
    """The work beside one stream.

    Parameters:
        session: the stream.
        dialect: knows what was pushed.
        rest: makes the calls.
        errands: register and unregister.
        clock: what waits.
    """

    def __init__(
        self, session: Session, dialect: KabuDialect, rest: KabuRest, errands: KabuErrands, clock: Clock
    ) -> None:
        self._session = session
        self._dialect = dialect
        self._rest = rest
        self._errands = errands
        self._clock = clock
        self._complaints: dict[str, str] = {}
        self.snapshots = 0
        """Boards read by REST and delivered."""
        self.gaps = 0
        """Gaps delivered for single symbols."""

    # -- snapshots -------------------------------------------------------------------------------------------------

    async def snapshot_when_live(self) -> None:
        """Read every board each time the stream becomes live, until it is over."""
        async for event in self._session.events():
            if isinstance(event, events.Live):
                await self.snapshot(parse_symbols(self._session.topics))

    async def snapshot(self, entries: Iterable[SymbolEntry], since_ns: int | None = None) -> None:
        """Read boards and deliver each, unless it was pushed meanwhile.

        Parameters:
            entries: whose boards.
            since_ns: since when they have been streamed without a break; a board that was pushed since then is not
                delivered again (default: since each is asked for).
        """
        for entry in entries:
            name, asked_ns = spell(entry), self._clock.now_ns()
            try:
                board = await self._rest.fetch_board(entry)
            except WsExampleError as error:
                self.complain("snapshot", f"the board of {name} could not be read: {error}")
                continue
            self.content("snapshot")
            pushed = self._dialect.newest.get(name)
            if pushed is not None and (
                pushed.received_ns >= asked_ns
                or (since_ns is not None and pushed.received_ns >= since_ns and _is_same(pushed, board))
            ):
                continue
            self.snapshots += 1
            self._session.deliver([board])

    # -- the registration list -------------------------------------------------------------------------------------

    async def check_list(self, every_s: float, wanted: Callable[[], Sequence[SymbolEntry]]) -> None:
        """Look at the registration list now and then, and mend it.

        Parameters:
            every_s: seconds between two looks.
            wanted: returns what the stream should have.
        """
        while True:
            await self._clock.sleep(every_s)
            if not self._session.is_live:
                continue
            try:
                await self.check_list_once(wanted())
                self.content("list")
                self._errands.call_worked()
            except WsExampleError as error:
                if not self._errands.wants_login(error):
                    self.complain("list", f"the registration list could not be mended: {error}")

    async def check_list_once(self, wanted: Sequence[SymbolEntry]) -> None:
        """Register again what is missing from the list, and what was left out as soon as there is room for it.

        Each symbol that was streamed before gets a gap.
        """
        streamed = set(parse_symbols(self._dialect.topics))
        listed = set(await self._rest.fetch_registry())
        present = set(parse_symbols(self._session.topics))
        if self._rest.slots.limit == 0:
            return
        need = self._rest.slots.need(entry for entry in wanted if entry in streamed & present and entry not in listed)
        if need.register:
            log.warning("%s: taken off the registration list by somebody; registered again", _named(need.register))
            await self._rest.register(need.register)
            self.mark_gaps(need.register, "taken off the registration list")
        if need.left_out:
            self.complain("places", f"{_named(need.left_out)}: not streamed any more; {self._rest.slots.describe()}")
        else:
            self.content("places")
        left_out = [entry for entry in wanted if entry not in present and entry not in self._errands.unknown]
        back = [entry for entry in self._rest.slots.need(left_out).register if entry in left_out]
        if back:
            await self._session.subscribe([spell(entry) for entry in back])
            log.warning("%s: streamed again", _named(back))
            self.mark_gaps(back, "there was no place on the registration list")

    def mark_gaps(self, entries: Iterable[SymbolEntry], reason: str) -> None:
        """Say that boards of single symbols may be missing since the last that was pushed."""
        for entry in entries:
            pushed = self._dialect.newest.get(spell(entry))
            if pushed is not None:  # nothing can be missing before the first
                self.mark_gap(entry, pushed.received_ns, reason)

    def mark_gap(self, entry: SymbolEntry, from_ns: int, reason: str) -> None:
        """Say that boards of one symbol may be missing from a moment until now."""
        now_ns = self._clock.now_ns()
        gap: Record = Gap(
            venue=VENUE,
            symbol=spell(entry),
            received_ns=now_ns,
            from_ns=min(from_ns, now_ns),
            to_ns=now_ns,
            reason=reason,
        )
        self.gaps += 1
        self._session.deliver([gap])

    # -- complaints ------------------------------------------------------------------------------------------------

    def complain(self, about: str, sentence: str) -> None:
        """Tell what failed, once in a row for each matter."""
        if sentence != self._complaints.get(about):
            self._complaints[about] = sentence
            log.warning("%s", sentence)

    def content(self, about: str) -> None:
        """Take note that a matter is well again."""
        self._complaints.pop(about, None)


def _is_same(pushed: Board, read: Board) -> bool:
    """Whether a board that was read says what was pushed."""
    return pushed == msgspec.structs.replace(read, received_ns=pushed.received_ns)


def _named(entries: Iterable[SymbolEntry]) -> str:
    return ", ".join(spell(entry) for entry in entries)
