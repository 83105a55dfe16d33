"""What kabu Station wants done beside the socket: symbols are registered by REST, again after every reconnect.

kabu Station says that the list survives a reconnect; a restart empties it, and users have seen it empty after a reset
(vendor issues 175 and 1266). So the whole wanted set is registered each time, which changes nothing where it is there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wsexample.brokers.kabu.dialect import parse_symbols, spell
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rest import KabuRest
from wsexample.errors import CredentialsError, NotLoggedInError, SubscriptionLimitError, UnknownSymbolError
from wsexample.ports import NOTHING, Errands, Step

__all__ = ["KabuErrands"]

log = logging.getLogger("wsexample.kabu.client")

STALE_TOKEN = 4001009


class KabuErrands(Errands):
    """Registration for a session.

    Parameters:
        rest: makes the calls.
        wanted: returns the topics that the session wants at this moment.
        is_patient: whether even the first attempt waits for kabu Station to be started and logged in.
        found: told before a connection is opened, when everything is registered, which symbols had not been on the list.
    """

    def __init__(
        self,
        rest: KabuRest,
        wanted: Callable[[], Sequence[str]],
        *,
        is_patient: bool,
        found: Callable[[Sequence[SymbolEntry]], None] = lambda missing: None,
    ) -> None:
        self._rest = rest
        self._wanted = wanted
        self._found = found
        self._is_patient = is_patient
        self._has_registered = False
        self._login = LoginCall()
        self._prepared: dict[str, Exception | None] = {}
        self.own: dict[SymbolEntry, None] = {}
        """Entries that this program may take off the list: it has put them there, or was given them."""
        self.is_list_shown = True
        """Whether what was registered last stood in kabu Station's answer; the verification environment shows nothing."""
        self.unknown: set[SymbolEntry] = set()
        """Entries that kabu Station did not know when they were registered last."""

    # -- registering -------------------------------------------------------------------------------------------------

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        """Register before the stream is opened: opening it takes it from whoever has it, and must not be in vain."""
        topics = self._wanted()
        before = set(await self._rest.fetch_registry())
        entries = parse_symbols(topics)
        missing = [entry for entry in entries if entry not in before]
        self.own.update(dict.fromkeys(missing))
        refused = await self._register(entries) if topics else {}
        self._prepared = {topic: refused.get(topic) for topic in topics}
        self._found(missing)
        return {}

    async def subscribe(self, topics: Sequence[str]) -> Step:
        """Register symbols, unless that was done for this connection; those that cannot be are refused one by one."""
        prepared, self._prepared = self._prepared, {}
        if all(topic in prepared for topic in topics):
            refused = {topic: error for topic in topics if (error := prepared[topic]) is not None}
        else:
            entries = parse_symbols(topics)
            if not all(entry in self.own for entry in entries):
                before = set(await self._rest.fetch_registry())
                self.own.update(dict.fromkeys(entry for entry in entries if entry not in before))
            refused = await self._register(entries)
        return Step(refused=list(refused.items())) if refused else NOTHING

    async def _register(self, entries: Sequence[SymbolEntry]) -> dict[str, Exception]:
        """Register symbols; returns those that kabu Station does not know (any more), or has no room for."""
        refused: dict[str, Exception] = {}
        try:
            await self._rest.register(entries)
        except UnknownSymbolError as error:
            if not error.symbols:
                raise
            refused = dict.fromkeys(error.symbols, error)
            if len(refused) == len(entries) or not self._has_registered:
                raise  # at the start a mistake, which must be seen
        except SubscriptionLimitError as error:
            if not self._has_registered:
                raise
            need = self._rest.slots.need(entries)  # others have taken places since
            fitting = need.register if need.left_out else [entry for entry in entries if entry in self._rest.slots]
            await self._rest.register(fitting)
            refused = {spell(entry): error for entry in entries if entry not in fitting}
        self.is_list_shown = any(entry in self._rest.slots for entry in entries)
        self.unknown.difference_update(entries)
        self.unknown.update(parse_symbols(name for name, error in refused.items() if _is_unknown(error)))
        if refused:
            log.warning("%s: not streamed any more: %s", ", ".join(refused), next(iter(refused.values())))
        self._has_registered = True
        self.call_worked()
        return refused

    # -- taking off --------------------------------------------------------------------------------------------------

    async def unsubscribe(self, topics: Sequence[str]) -> Step:
        """Take symbols off the list, but for those that were there before this program wanted them."""
        mine = [entry for entry in parse_symbols(topics) if entry in self.own]
        self._rest.slots.spared(mine)  # should the call fail, their places are taken back when they are needed
        if mine:
            await self.unregister_quietly(mine)
        return NOTHING

    async def unregister_quietly(self, entries: Sequence[SymbolEntry]) -> None:
        """Take entries off the list; those that are not on it are where they should be."""
        try:
            await self._rest.unregister(entries)
        except UnknownSymbolError as error:
            log.debug("%s", error)

    async def take_off(self) -> None:
        """Take what is this program's off the list; raises as `KabuRest.unregister` does."""
        own, self.own = list(self.own), {}
        if own:
            await self.unregister_quietly([entry for entry in own if entry in self._rest.slots])

    # -- errors ------------------------------------------------------------------------------------------------------

    def is_final(self, error: Exception) -> bool | None:
        """Say which errors end the stream: those that no waiting mends, and at the start all that need a human."""
        if isinstance(error, NotLoggedInError):
            if not self._has_registered and not self._is_patient:
                return True
            self._login.call_for(error)
            return False
        if isinstance(error, CredentialsError) and error.code == STALE_TOKEN:
            if self._rest.can_renew:  # even a new one was refused, which only a restart mends
                self._login.call_for(error)
            return not self._rest.can_renew
        if isinstance(error, UnknownSymbolError) and self._has_registered and not error.symbols:
            return False  # which one it is could not be found out this time
        return None

    def wants_login(self, error: Exception) -> bool:
        """Return whether an error says that a human must log in; says so to people, once until somebody has."""
        if isinstance(error, NotLoggedInError):
            self._login.call_for(error)
            return True
        return False

    def call_worked(self) -> None:
        """Take note that somebody is logged in: when that ends it is worth a sentence again."""
        self._login.answered()


class LoginCall:
    """One sentence for each time that kabu Station wants a human, however many calls find that out."""

    def __init__(self) -> None:
        self._was_made = False

    def call_for(self, error: Exception) -> None:
        """Ask people to do what the error says, unless they were asked."""
        if not self._was_made:
            self._was_made = True
            log.warning("%s; the stream goes on by itself after that", error)

    def answered(self) -> None:
        """Take note that somebody has done it."""
        self._was_made = False


def _is_unknown(error: Exception) -> bool:
    return isinstance(error, UnknownSymbolError)
