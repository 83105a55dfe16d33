"""The registration list by REST: what is pushed, and what fills the fifty places.

Source: kabu Station API reference, ``/register`` and ``/unregister``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wsexample.brokers.kabu.dialect import parse_symbols, spell
from wsexample.brokers.kabu.messages import RegisterRequest, RegistryReply, SymbolEntry
from wsexample.brokers.kabu.rest.calls import Calls, encode
from wsexample.brokers.kabu.rest.replies import VENUE, naming
from wsexample.brokers.kabu.slots import Use
from wsexample.errors import BrokerError, NetworkError, SubscriptionLimitError, UnknownSymbolError

__all__ = ["Registration"]


class Registration(Calls):
    """Calls about the registration list; ``slots`` knows what they answered."""

    async def register(self, symbols: Iterable[str | SymbolEntry]) -> list[SymbolEntry]:
        """Register symbols for push and return the whole list; what was registered before stays.

        Places that this program fills with symbols it has only read are freed where that makes room. An empty list
        changes nothing and returns the present list.

        Parameters:
            symbols: "9433", "9433@1", entries, or one string with blanks between them.

        Raises:
            SubscriptionLimitError: the list is full; says who fills it and who is left out.
            UnknownSymbolError: names the symbols that kabu Station did not take, where that can be found out. Good ones
                of the same call may be registered by then.
        """
        entries = parse_symbols(symbols)
        before = set(self.slots.entries)
        try:
            listed = await self._registration("/register", entries)
        except SubscriptionLimitError as error:
            listed = await self._with_room(error, entries, before)
        except UnknownSymbolError as error:
            refusal = await self._with_names(error, entries)
            if refusal is not None:
                raise refusal from None
            listed = self.slots.entries
        self.slots.streamed(entry for entry in entries if entry in self.slots)
        return listed

    async def unregister(self, symbols: Iterable[str | SymbolEntry]) -> list[SymbolEntry]:
        """Take symbols off the list and return what is left; raises `UnknownSymbolError` for what was not on it."""
        return await self._registration("/unregister", parse_symbols(symbols))

    async def unregister_all(self) -> list[SymbolEntry]:
        """Empty the list, the entries of other programs included."""
        reply = await self._call("PUT", "/unregister/all", RegistryReply, body=b"")
        self.slots.listed(reply.RegistList)
        return reply.RegistList

    async def fetch_registry(self) -> list[SymbolEntry]:
        """Return the present registration list, the entries of other programs and of reads included."""
        return await self._registration("/register", [])

    # -- parts -----------------------------------------------------------------------------------------------

    async def _registration(self, path: str, entries: Sequence[SymbolEntry]) -> list[SymbolEntry]:
        body = encode(RegisterRequest(Symbols=list(entries)))
        reply = await self._call("PUT", path, RegistryReply, body=body)
        self.slots.listed(reply.RegistList)
        return reply.RegistList

    async def _with_room(
        self, error: SubscriptionLimitError, entries: list[SymbolEntry], before: set[SymbolEntry]
    ) -> list[SymbolEntry]:
        """Make room by giving up what was only read, and try again; raises the error with names where that does not help."""
        try:
            await self.fetch_registry()  # what is there, before anything is given up
            self.slots.streamed(entry for entry in entries if entry in self.slots and entry not in before)
            need = self.slots.need(entries)
            if need.free and not need.left_out:
                await self._registration("/unregister", need.free)
                return await self._registration("/register", entries)
        except (BrokerError, NetworkError):
            raise error from None
        left_out = [spell(entry) for entry in entries if entry not in self.slots]
        raise SubscriptionLimitError(
            f"{error}; {self.slots.describe()}; left out: {', '.join(left_out)}",
            venue=VENUE,
            code=error.code,
            words=error.words,
            http_status=error.http_status,
        ) from None

    async def _with_names(self, error: UnknownSymbolError, entries: list[SymbolEntry]) -> BrokerError | None:
        """Find out which symbols of a batch were at fault; kabu Station does not say (vendor issue 277).

        None when all of them are on the list: nobody knows whether it minds being told twice.
        """
        try:
            listed = set(await self.fetch_registry())
            unlisted = [entry for entry in entries if entry not in listed]
            if not unlisted:
                return None
            if len(entries) == 1:
                return naming(error, entries)
            refused = []
            for entry in unlisted:  # where the good ones were rolled back, each is asked for itself
                try:
                    await self._registration("/register", [entry])
                except UnknownSymbolError:
                    refused.append(entry)
            if not refused:
                return None
        except SubscriptionLimitError as other:
            return other
        except (BrokerError, NetworkError):
            return naming(error, entries) if len(entries) == 1 else error
        self.slots.streamed(entry for entry in entries if entry in self.slots)
        return naming(error, refused)

    def _was_read(self, entry: SymbolEntry) -> None:
        """Note that kabu Station has put an entry on the list because it was read."""
        self.slots.read(entry)

    async def give_up_reads(self) -> list[SymbolEntry]:
        """Take off the list what this program has only read; returns what was taken off."""
        spare = list(self.slots.of(Use.READ))
        if spare:
            await self._registration("/unregister", spare)
        return spare
