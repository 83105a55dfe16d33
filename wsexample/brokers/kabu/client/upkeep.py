"""What goes on beside the stream: snapshots of boards, a look at the registration list now and then, and the rotation of a
watch list that is too long for it. Nothing here may end the stream; what fails is told and tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from wsexample.brokers.kabu.client.errands import KabuErrands
from wsexample.brokers.kabu.dialect import KabuDialect, parse_symbols, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rest import KabuRest
from wsexample.brokers.kabu.rotation import Rotation
from wsexample.errors import SubscriptionLimitError, UnknownSymbolError, WsExampleError
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
        self._left_ns: dict[SymbolEntry, int] = {}
        self._complaint = ""
        self.snapshots = 0
        """Boards read by REST and delivered."""
        self.injected = 0
        """Gaps delivered for single symbols."""

    # -- snapshots -------------------------------------------------------------------------------------------------

    async def snapshot_when_live(self) -> None:
        """Read every board each time the stream becomes live, until it is over."""
        async for event in self._session.events():
            if isinstance(event, events.Live):
                await self.snapshot(parse_symbols(self._session.topics))

    async def snapshot(self, entries: Iterable[SymbolEntry]) -> None:
        """Read boards and deliver each, unless a newer one was pushed while it was read."""
        for entry in entries:
            name, asked_ns = spell(entry), self._clock.now_ns()
            try:
                board = await self._rest.fetch_board(entry)
            except WsExampleError as error:
                self._complain(f"the board of {name} could not be read", error)
                continue
            if self._dialect.pushed_ns.get(name, 0) < asked_ns:
                self._deliver_board(board)

    def _deliver_board(self, board: Board) -> None:
        self.snapshots += 1
        self._session.deliver([board])

    # -- the registration list -------------------------------------------------------------------------------------

    async def check_list(self, every_s: float) -> None:
        """Look at the registration list now and then, and register again what somebody has taken off it."""
        while True:
            await self._clock.sleep(every_s)
            if not self._session.is_live:
                continue
            try:
                await self.check_list_once()
            except WsExampleError as error:
                self._complain("the registration list could not be read", error)

    async def check_list_once(self) -> None:
        """Register again what is missing from the list; each missing symbol gets a gap."""
        listed = set(await self._rest.fetch_registry())
        wanted = parse_symbols(self._session.topics)
        lost = [entry for entry in wanted if entry not in listed]
        self._complaint = ""
        if not lost or self._rest.slots.limit == 0:
            return
        names = ", ".join(spell(entry) for entry in lost)
        log.warning("%s were taken off the registration list by somebody; registered again", names)
        await self._rest.register(lost)
        for entry in lost:
            self._mark_gap(entry, self._dialect.pushed_ns.get(spell(entry)), "taken off the registration list")

    def _mark_gap(self, entry: SymbolEntry, from_ns: int | None, reason: str) -> None:
        """Say that boards of one symbol may be missing; nothing can be missing before the first."""
        if from_ns is None:
            return
        now_ns = self._clock.now_ns()
        gap: Record = Gap(
            venue=VENUE,
            symbol=spell(entry),
            received_ns=now_ns,
            from_ns=min(from_ns, now_ns),
            to_ns=now_ns,
            reason=reason,
        )
        self.injected += 1
        self._session.deliver([gap])

    # -- rotation --------------------------------------------------------------------------------------------------

    async def rotate(self, rotation: Rotation, turned: Callable[[], None] = lambda: None) -> None:
        """Move the window over the watch list as long as the stream lives.

        Parameters:
            rotation: the watch list.
            turned: called after each turn.
        """
        while True:
            await self._clock.sleep(rotation.interval_s)
            if not self._session.is_live:
                continue
            rotation.turn()
            try:
                await self.follow(rotation)
                self._complaint = ""
            except SubscriptionLimitError as error:
                rotation.shrink(rotation.step)
                self._complain("other programs have taken places; rotating with fewer", error)
            except UnknownSymbolError as error:
                for entry in parse_symbols(error.symbols):
                    rotation.drop(entry)
                self._complain("a symbol of the watch list is not known and is dropped", error)
            except WsExampleError as error:
                self._complain("a turn of the rotation failed", error)
            turned()

    async def follow(self, rotation: Rotation) -> None:
        """Make the stream what the rotation says; whatever failed before is mended too."""
        wanted, present = set(rotation.present), parse_symbols(self._session.topics)
        leaving = [entry for entry in present if entry not in wanted]
        entering = [entry for entry in rotation.present if entry not in present]
        if leaving:
            await self._session.unsubscribe([spell(entry) for entry in leaving])
            # Until it was unregistered nothing was missed; what is on its way still comes.
            self._left_ns.update(dict.fromkeys(leaving, self._clock.now_ns()))
        if entering:
            await self._session.subscribe([spell(entry) for entry in entering])
            for entry in entering:
                self._mark_gap(entry, self._left_ns.pop(entry, None), "rotated out: the places were with others")
            await self.snapshot(entering)

    # -- complaints ------------------------------------------------------------------------------------------------

    def _complain(self, what: str, error: WsExampleError) -> None:
        """Tell what failed, once in a row."""
        sentence = f"{what}: {error}"
        if sentence != self._complaint:
            self._complaint = sentence
            log.warning("%s", sentence)
