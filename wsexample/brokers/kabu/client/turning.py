"""Turning a `Rotation`: what it takes to move the window over a watch list while the stream goes on.

A symbol that comes in gets a gap for the time it was out, then its present board, then what is pushed. Which symbols are
due is the rotation's matter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wsexample.brokers.kabu.client.errands import KabuErrands
from wsexample.brokers.kabu.client.upkeep import Upkeep
from wsexample.brokers.kabu.dialect import parse_symbols, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rest import KabuRest
from wsexample.brokers.kabu.rotation import Rotation
from wsexample.brokers.kabu.slots import Use
from wsexample.errors import SubscriptionLimitError, UnknownSymbolError, WsExampleError
from wsexample.ports import Clock
from wsexample.session.session import Session

__all__ = ["Turning"]

ABOUT = "rotation"
OUT = "rotated out: the places were with others"


class Turning:
    """The rotation of one stream.

    Parameters:
        rotation: the watch list.
        session: the stream.
        rest: knows who fills the list.
        errands: register and unregister.
        upkeep: reads boards, tells gaps and complains.
        clock: what waits.
    """

    def __init__(
        self,
        rotation: Rotation,
        session: Session,
        rest: KabuRest,
        errands: KabuErrands,
        upkeep: Upkeep,
        clock: Clock,
    ) -> None:
        self.rotation = rotation
        """The watch list."""
        self.turns = 0
        """Moves of the window."""
        self._session = session
        self._rest = rest
        self._errands = errands
        self._upkeep = upkeep
        self._clock = clock
        self._left_ns: dict[SymbolEntry, int] = {}
        self._due: dict[SymbolEntry, int] = {}
        """What came in and was not looked at yet -> when it came in."""

    async def begin(self, *, is_due: bool = True) -> list[SymbolEntry]:
        """Make room for the first window; returns what it shows.

        Whatever of the watch list is on the registration list is this program's to move, an earlier run's rest included.

        Parameters:
            is_due: whether `run` is to read the boards of the first window.
        """
        rotation = self.rotation
        listed = await self._rest.fetch_registry()
        self._errands.own.update(dict.fromkeys(rotation.entries))
        self._fit()
        stale = [entry for entry in listed if entry in rotation.waiting]
        if stale:
            await self._errands.unregister_quietly(stale)
        if is_due:
            self._due.update(dict.fromkeys(rotation.present, self._clock.now_ns()))
        return list(rotation.present)

    def _fit(self) -> None:
        """Use as many places as other programs leave."""
        watched = set(self.rotation.entries)
        others = sum(entry not in watched for entry in self._rest.slots.of(Use.OTHER))
        self.rotation.resize(self._rest.slots.limit - others)

    async def run(self) -> None:
        """Move the window as long as the stream lives."""
        next_s = self._clock.monotonic_s()
        await self._try(self.follow)  # what is in from the beginning is worth a look too
        while True:
            now_s = self._clock.monotonic_s()
            next_s = max(next_s + self.rotation.interval_s, now_s)
            await self._clock.sleep(next_s - now_s)
            if self._session.is_live:
                await self._try(self.turn)

    async def turn(self) -> None:
        """Move the window once, after a look whether everything in it is on the list at all."""
        await self._upkeep.check_list_once(parse_symbols(self._session.topics))
        self._fit()
        self.rotation.turn()
        self.turns += 1
        await self.follow()

    async def _try(self, move: Callable[[], Awaitable[None]]) -> None:
        try:
            await move()
            self._upkeep.content(ABOUT)
        except SubscriptionLimitError as error:
            self._upkeep.complain(ABOUT, f"other programs have taken places; rotating with fewer: {error}")
        except UnknownSymbolError as error:
            for entry in parse_symbols(error.symbols):
                self.rotation.drop(entry)
            self._upkeep.complain(ABOUT, f"a symbol of the watch list is not known and is dropped: {error}")
        except WsExampleError as error:
            if not self._errands.wants_login(error):
                self._upkeep.complain(ABOUT, f"a turn of the rotation failed; it is made up for: {error}")

    async def follow(self) -> None:
        """Make the stream what the rotation says; what failed before is made up for."""
        wanted, present = set(self.rotation.present), parse_symbols(self._session.topics)
        leaving = [entry for entry in present if entry not in wanted]
        entering = [entry for entry in self.rotation.present if entry not in present]
        if leaving:
            try:
                await self._session.unsubscribe([spell(entry) for entry in leaving])
            finally:
                # Until it was unregistered nothing was missed; what is on its way still comes.
                for entry in leaving:  # unless the gap before has not been told yet
                    self._left_ns.setdefault(entry, self._clock.now_ns())
        self._due.update(dict.fromkeys(entering, self._clock.now_ns()))
        if entering:
            await self._session.subscribe([spell(entry) for entry in entering])
        due = {entry: self._due.pop(entry) for entry in list(self._due)}
        for entry in due:
            if entry in wanted:
                self._upkeep.mark_gap_since(entry, self._left_ns.pop(entry, None), OUT)
        for entry, since_ns in due.items():
            if entry in wanted:
                await self._upkeep.snapshot([entry], since_ns)
