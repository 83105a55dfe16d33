"""What goes on beside the stream: snapshots of boards, and a look at the registration list now and then. Nothing here may
end the stream; what fails is told and tried again. Rotating a long watch list is in the file beside this one.
"""

from __future__ import annotations

import logging
from collections import deque
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
CLOSED_TIMES = 3
CLOSED_WITHIN_S = 600.0
"""So many closes by kabu Station in so many seconds are no accident: another program wants the stream too."""


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
        self._verified_ns = 0
        self._missing_ns: dict[SymbolEntry, int] = {}
        """Entries without a place -> since when their boards may be missing."""
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

        The first read of a symbol may come back empty, after kabu Station has waited too long for it itself; it is read once
        more, after the others.

        Parameters:
            entries: whose boards.
            since_ns: since when they have been streamed without a break; a board that was pushed since then is not
                delivered again (default: since each is asked for).
        """
        empty = [entry for entry in entries if not await self._snapshot_one(entry, since_ns, is_last=False)]
        for entry in empty:
            await self._snapshot_one(entry, since_ns, is_last=True)

    async def _snapshot_one(self, entry: SymbolEntry, since_ns: int | None, *, is_last: bool) -> bool:
        """Read a board and deliver what is new; returns False when it is worth reading again."""
        name, asked_ns = spell(entry), self._clock.now_ns()
        try:
            board = await self._rest.fetch_board(entry)
        except WsExampleError as error:
            self.complain("snapshot", f"the board of {name} could not be read: {error}")
            return True
        self.content("snapshot")
        pushed = self._dialect.newest.get(name)
        if pushed is not None and (
            pushed.received_ns >= asked_ns
            or (since_ns is not None and pushed.received_ns >= since_ns and _is_same(pushed, board))
        ):
            return True
        if board.last_price is None and board.previous_close is None and not is_last:
            return False
        self.snapshots += 1
        self._session.deliver([board])
        return True

    async def watch_closes(self) -> None:
        """Say so when another program seems to take the stream again and again; kabu Station serves one."""
        closes: deque[int] = deque(maxlen=CLOSED_TIMES)
        async for event in self._session.events():
            if not (isinstance(event, events.Closed) and event.by_peer and event.was_clean):
                continue
            closes.append(event.at_ns)
            if len(closes) == CLOSED_TIMES and event.at_ns - closes[0] <= CLOSED_WITHIN_S * 1e9:
                log.warning(
                    "kabu Station has closed the stream %d times in %.0f s: another program opens it too, and only one can"
                    " have it; end one of them",
                    CLOSED_TIMES,
                    (event.at_ns - closes[0]) / 1e9,
                )
                closes.clear()

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

    def found(self, missing: Sequence[SymbolEntry]) -> None:
        """Take note, before a connection is opened, which symbols had to be put on the list again.

        kabu Station may have been restarted, which empties it; or somebody has emptied it while the stream was still open.
        """
        self._mark_lost(missing, "found missing from the registration list")
        self._verified_ns = self._clock.now_ns()

    async def check_list_once(self, wanted: Sequence[SymbolEntry]) -> None:
        """Register again what is missing from the list, and what was left out as soon as there is room for it.

        Each symbol that was streamed before gets a gap.
        """
        streamed = set(parse_symbols(self._dialect.topics))
        asked_ns = self._clock.now_ns()
        listed = set(await self._rest.fetch_registry())
        present = set(parse_symbols(self._session.topics))
        if not self._errands.is_list_shown:
            return
        await self._put_back(
            [entry for entry in wanted if entry in streamed & present and entry not in listed], asked_ns
        )
        await self._let_in([entry for entry in wanted if entry not in present])

    async def _put_back(self, lost: Sequence[SymbolEntry], asked_ns: int) -> None:
        """Register again what somebody has taken off the list."""
        need = self._rest.slots.need(lost)
        if need.register:
            log.warning("%s: taken off the registration list by somebody; registered again", _named(need.register))
            await self._rest.register(need.register)
            self._mark_lost(need.register, "taken off the registration list")
        if need.left_out:
            for entry in need.left_out:
                self._missing_ns.setdefault(entry, max(self._pushed_ns(entry), self._verified_ns))
            self.complain("places", f"{_named(need.left_out)}: not streamed any more; {self._rest.slots.describe()}")
        else:
            self.content("places")
            self._verified_ns = asked_ns

    async def _let_in(self, left_out: Sequence[SymbolEntry]) -> None:
        """Stream again what there was no place for, as far as there is now."""
        candidates = [entry for entry in left_out if entry not in self._errands.unknown]
        back = self._rest.slots.need(candidates).register
        if back:
            await self._session.subscribe([spell(entry) for entry in back])
            log.warning("%s: streamed again", _named(back))
            for entry in back:
                self.mark_gap_since(entry, None, "there was no place on the registration list")

    # -- gaps of single symbols --------------------------------------------------------------------------------------

    def _mark_lost(self, entries: Iterable[SymbolEntry], reason: str) -> None:
        """Say that boards may be missing since the list was known to be whole, or since the last board."""
        for entry in entries:
            from_ns = max(self._pushed_ns(entry), self._verified_ns)
            if from_ns:  # nothing can be missing before the first
                self.mark_gap(entry, from_ns, reason)

    def mark_gap_since(self, entry: SymbolEntry, from_ns: int | None, reason: str) -> None:
        """Say that boards of one symbol may be missing until now; since the last that was pushed for None."""
        from_ns = from_ns or self._pushed_ns(entry)
        if from_ns:
            self.mark_gap(entry, from_ns, reason)

    def _pushed_ns(self, entry: SymbolEntry) -> int:
        """Return when a board of a symbol was pushed last, 0 for never."""
        pushed = self._dialect.newest.get(spell(entry))
        return pushed.received_ns if pushed is not None else 0

    def mark_gap(self, entry: SymbolEntry, from_ns: int, reason: str) -> None:
        """Say that boards of one symbol may be missing from a moment until now."""
        now_ns = self._clock.now_ns()
        from_ns = min(from_ns, self._missing_ns.pop(entry, from_ns))
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
