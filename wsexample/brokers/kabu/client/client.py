"""`KabuClient`: one object to hold; a session inside keeps the stream alive, REST beside it keeps the symbols registered."""

from __future__ import annotations

import asyncio
import logging
import random as _random
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from wsexample.brokers.base import Secret
from wsexample.brokers.kabu.client.dial import dial_of, options_of
from wsexample.brokers.kabu.client.errands import KabuErrands
from wsexample.brokers.kabu.client.turning import Turning
from wsexample.brokers.kabu.client.upkeep import Upkeep
from wsexample.brokers.kabu.codes import PRODUCTION_PORT, REGISTER_LIMIT
from wsexample.brokers.kabu.dialect import PONG_INTERVAL_S, KabuDialect, parse_symbols, spell
from wsexample.brokers.kabu.dialect.silence import LEAST_S
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rest import KabuRest
from wsexample.brokers.kabu.rest.calls import Http
from wsexample.brokers.kabu.rotation import Rotation
from wsexample.brokers.kabu.slots import Slots
from wsexample.clock import SystemClock
from wsexample.errors import OptionError, StateError, WsExampleError
from wsexample.ports import Clock, Record
from wsexample.records.market import Board
from wsexample.session.consumer import Consumer
from wsexample.session.events import Event, Tap
from wsexample.session.failures import is_final
from wsexample.session.options import Retry, SessionOptions
from wsexample.session.session import Dial, Session

if TYPE_CHECKING:
    from wsexample.wire.option_fields import NamelessFields

__all__ = ["KabuClient"]

log = logging.getLogger("wsexample.kabu.client")

PATIENT = Retry(max_s=15.0)
"""Tries again for ever: logging in is done by a human, which may take a weekend."""
POLICIES = ("conflate", "drop_oldest", "fail")
LIST_CHECK_S = 60.0
PATIENCE_S = 5.0
"""Between two looks whether kabu Station can be talked to, where even the beginning is waited for."""


class KabuClient:
    """Boards of some symbols: ``async with KabuClient(["9433"], token=KEY) as client: async for board in client: ...``.

    Parameters:
        symbols: "9433", "9433@1", "167060019@2", or one string with blanks between them.
        host: the PC of kabu Station (default "localhost"); see `KabuRest`.
        port: 18080 for production (the default), 18081 for verification.
        token: value for X-API-KEY.
        password: API password; a token is fetched with it when none is given or the given one is stale.
        unregister_on_exit: whether symbols that this client added to the list are taken off it in the end.
        snapshot: whether the present board of each symbol is read whenever the stream has become live, and delivered unless
            a newer one was pushed. Nothing is pushed outside the sessions, and nobody knows whether anything is right
            after registration.
        reconnect: whether a lost stream is opened again (default True); otherwise its loss is raised.
        patient: whether the first attempt, too, waits until kabu Station is started and logged in (default False).
        retry: how often and how fast to try again, in place of ``reconnect`` and ``patient``.
        policy: what happens to boards while nobody takes them: "conflate" (default) keeps the newest of each symbol,
            "drop_oldest" the newest ``limit``, "fail" ends. The socket is read on all the while, because kabu Station cuts
            who does not; "block" is not offered for that reason.
        limit: boards that may wait (default 65,536).
        rotate_s: how long each symbol of a list that is longer than the places stays registered, seconds (at least 20 with
            fifty places); its board is read whenever it comes in. None refuses such a list.
        pinned: symbols that never rotate out, beside the others.
        register_limit: places on the registration list (default 50; the vendor has announced 100).
        list_check_s: seconds between looks at the registration list, for what somebody has taken off it (default 60); 0
            never looks.
        journal: whether connection events stand in `records` as well, beside the gaps.
        mend_midnight: undo the vendor's date defect on derivatives after midnight (default True).
        pong_interval_s: how often kabu Station shows life by itself; three Pongs missed end the connection, once any has
            been seen (default 30). 0 takes no missing Pong for an end.
        quiet_s: shortest silence of boards that ends the connection while a market trades and was heard (default 60); 0 never.
        timeout_s: seconds for each REST call and each step of connecting (default 10).
        clock: what paces, waits and stamps (default the machine's).
        random: source of the jitter between attempts (default the system's).
        dial: opens connections in place of the wire, for tests and tapes.
        http: makes REST calls in place of the wire, for tests.
        tap: gets every event and message of the push stream, such as a `wsexample.tape.recorder.Recorder`.
        options: further fields of `wsexample.wire.options.ConnectOptions` for the push stream.

    Raises:
        OptionError: a symbol or an option cannot work (at once).
    """

    def __init__(
        self,
        symbols: Iterable[str | SymbolEntry],
        *,
        host: str = "localhost",
        port: int = PRODUCTION_PORT,
        token: str | Secret | None = None,
        password: str | Secret | None = None,
        unregister_on_exit: bool = False,
        snapshot: bool = False,
        reconnect: bool = True,
        patient: bool = False,
        retry: Retry | None = None,
        policy: str = "conflate",
        limit: int = 65_536,
        rotate_s: float | None = None,
        pinned: Iterable[str | SymbolEntry] = (),
        register_limit: int = REGISTER_LIMIT,
        list_check_s: float = LIST_CHECK_S,
        journal: bool = False,
        mend_midnight: bool = True,
        pong_interval_s: float = PONG_INTERVAL_S,
        quiet_s: float = LEAST_S,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
        random: _random.Random | None = None,
        dial: Dial | None = None,
        http: Http | None = None,
        tap: Tap | None = None,
        **options: Unpack[NamelessFields],
    ) -> None:
        _check_policy(policy)
        pinned = parse_symbols(pinned)
        self.symbols = list(dict.fromkeys([*pinned, *parse_symbols(symbols)]))
        """The symbols asked for."""
        if not self.symbols:
            raise OptionError("name at least one symbol, such as 9433 or 167060019@2", option="symbols")
        if len(self.symbols) > register_limit and rotate_s is None:
            raise OptionError(
                f"{len(self.symbols)} symbols do not fit into the {register_limit} places of the registration list;"
                " rotate through them (rotate_s), or take fewer",
                option="symbols",
            )
        self._clock: Clock = clock or SystemClock()
        self.rest = KabuRest(
            host=host,
            port=port,
            token=token,
            password=password,
            timeout_s=timeout_s,
            register_limit=register_limit,
            clock=clock,
            http=http,
        )
        """REST calls with the same credentials, paced together with the client's own."""
        self.dialect = KabuDialect(
            mend_midnight=mend_midnight,
            pong_interval_s=pong_interval_s,
            quiet_s=quiet_s,
            on_lag=lambda sentence: log.warning("%s: %s", self.rest.address, sentence),
        )
        """What has been read so far, and what could not be."""
        self.delivered = 0
        """Boards handed over."""
        self.rotation: Rotation | None = None
        """The window over the watch list, with ``rotate_s``."""
        if rotate_s is not None:
            self.rotation = Rotation(self.symbols, register_limit, pinned=pinned, dwell_s=rotate_s)
        self._errands = KabuErrands(
            self.rest,
            lambda: self.session.topics,
            is_patient=patient,
            found=lambda missing: self._upkeep.found(missing),
        )
        if retry is None:
            retry = PATIENT if reconnect else Retry(max_attempts=1)
            if not patient:
                retry = Retry(max_s=retry.max_s, max_attempts=retry.max_attempts, initial_attempts=1)
        # Four tries of a call that is answered with 429, each with its deadline, and the look at the list before it.
        session_options = SessionOptions(
            policy=policy, limit=limit, journal=journal, retry=retry, errand_timeout_s=max(10 * timeout_s, 60.0)
        )
        self.session = Session(
            self.dialect,
            url=options_of(self.rest, timeout_s, options),
            options=session_options,
            errands=self._errands,
            dial=dial or dial_of(self.rest),
            clock=clock,
            random=random,
            tap=tap,
        )
        """The stream itself: phase, counts, events, further consumers."""
        self._upkeep = Upkeep(self.session, self.dialect, self.rest, self._errands, self._clock)
        self._turning: Turning | None = None
        if self.rotation is not None:
            self._turning = Turning(self.rotation, self.session, self.rest, self._errands, self._upkeep, self._clock)
        self._consumer: Consumer | None = None
        self._others = 0
        self._list_check_s = list_check_s
        self._unregister_on_exit = unregister_on_exit
        self._snapshot = snapshot
        self._is_patient = patient
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_begun = False
        self._is_closing = False

    # -- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._has_begun or self._is_closing:
            raise StateError("this client was opened before; make a new one")
        self._has_begun = True
        if self._consumer is None:
            self._consumer = self.session.consumer()
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def _open(self) -> None:
        topics = self.symbols
        if self._turning is not None:
            topics = await self._first_window(self._turning)
        await self.session.subscribe([spell(entry) for entry in topics])  # noted: it has not begun
        self.session.start()
        if self._snapshot:
            self._begin(self._upkeep.snapshot_when_live())
        await self.session.wait_live()
        self._begin(self._upkeep.watch_closes())
        if self._list_check_s > 0:
            self._begin(self._upkeep.check_list(self._list_check_s, self._wanted))
        if self._turning is not None:
            self._begin(self._turning.run())

    async def _first_window(self, turning: Turning) -> list[SymbolEntry]:
        """Return what is streamed first of a long list; waits for kabu Station where waiting was asked for."""
        while True:
            try:
                return await turning.begin(is_due=not self._snapshot)
            except WsExampleError as error:
                judged = self._errands.is_final(error)  # asks for a human where one is needed
                if not self._is_patient or (is_final(error) if judged is None else judged):
                    raise
                if judged is None:
                    self._upkeep.complain("begin", f"kabu Station cannot be reached yet: {error}")
            await self._clock.sleep(PATIENCE_S)

    def _wanted(self) -> list[SymbolEntry]:
        """Return what the stream should have at this moment."""
        return list(parse_symbols(self.session.topics)) if self.rotation is not None else self.symbols

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="wsexample kabu upkeep")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("upkeep ended; the stream goes on without it", exc_info=task.exception())

    async def close(self) -> None:
        """Close the stream and the REST connections; what waits can still be taken. Closing twice is harmless."""
        if self._is_closing:
            return
        self._is_closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self.session.close()
            await self._take_off()
        finally:
            await self.rest.close()

    async def _take_off(self) -> None:
        """Take what this client has added off the list again, where that was asked for; on the way out nothing is raised.

        What a rotation has added is always taken off: it is in the way of the next one.
        """
        if not (self._unregister_on_exit or self.rotation is not None):
            return
        own = [entry for entry in self._errands.own if entry in self.rest.slots]
        try:
            await self._errands.take_off()
        except WsExampleError as error:
            log.warning("%s stayed registered: %s", ", ".join(spell(entry) for entry in own), error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- records ---------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[Board]:
        """Iterate over boards, across reconnects; ends when this side closes the client.

        Gaps are passed over here; whoever must know of them iterates over `records`.

        Raises:
            WsExampleError: what ended the stream for good, after everything that came was delivered.
        """
        async for record in self.records():
            if isinstance(record, Board):
                yield record

    async def records(self) -> AsyncIterator[Record]:
        """Iterate over everything: boards, a `Gap` wherever some may be missing, and connection events with ``journal``."""
        async for record in self._opened():
            self._count([record])
            yield record

    async def receive(self) -> Board | None:
        """Return the next board, waiting for it as long as the stream lives; None when this side has closed the client.

        Raises:
            WsExampleError: what ended the stream for good, after everything that came was delivered.
            StateError: the client was not opened.
        """
        consumer = self._opened()
        while True:
            try:
                record = await consumer.receive()
            except StateError:
                if self.session.error is not None:
                    raise
                return None
            self._count([record])
            if isinstance(record, Board):
                return record

    def take_waiting(self) -> list[Board]:
        """Return every board that has come already, without waiting; oldest first."""
        return [record for record in self.take_waiting_records() if isinstance(record, Board)]

    def take_waiting_records(self) -> list[Record]:
        """Return everything that has come already, gaps included, without waiting; oldest first."""
        records = self._opened().take_waiting()
        self._count(records)
        return records

    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise StateError("open the client first: async with KabuClient(...) as client")
        return self._consumer

    def _count(self, records: Iterable[Record]) -> None:
        for record in records:
            if isinstance(record, Board):
                self.delivered += 1
            else:
                self._others += 1

    def consumer(
        self,
        *,
        policy: str = "drop_oldest",
        limit: int | None = None,
        kinds: Collection[str] = (),
        symbols: Collection[str] = (),
    ) -> Consumer:
        """Return a consumer with an inbox of its own, beside the client itself: everything for a store, say, while a page
        is shown the newest. Made before the client is opened it misses nothing.

        Parameters:
            policy: "conflate", "drop_oldest" (default) or "fail"; never "block", so that the socket is always read.
            limit: records that may wait (default: the client's).
            kinds: only these kinds of records, such as {"board"}; empty for all.
            symbols: only these, such as {"9433@1"}, and what concerns all of them; empty for all.

        Raises:
            OptionError: another policy.
        """
        _check_policy(policy)
        if self._consumer is None:
            self._consumer = self.session.consumer()
        return self.session.consumer(policy=policy, limit=limit, kinds=kinds, symbols=symbols)

    def leave(self) -> None:
        """Take no records from the client itself any more, for a program that reads other consumers of its session.

        Gaps are never dropped: those that nobody takes would in the end (a rotation makes some each second) fill the inbox
        and stop the stream. The counts of the client stand still after this; those of the consumers go on.
        """
        self._opened().close()

    # -- symbols ---------------------------------------------------------------------------------------------

    async def subscribe(self, symbols: Iterable[str | SymbolEntry]) -> None:
        """Stream further symbols; with ``rotate_s`` they join the rotation.

        Raises:
            SubscriptionLimitError: the list is full; says who fills it. The others go on.
            UnknownSymbolError: kabu Station does not know one; the same.
        """
        entries = [entry for entry in parse_symbols(symbols) if entry not in self.symbols]
        if self.rotation is not None:
            self.rotation.add(entries)
            self._errands.own.update(dict.fromkeys(entries))
        else:
            await self.session.subscribe([spell(entry) for entry in entries])
        self.symbols += entries
        if self._snapshot and self.rotation is None:
            await self._upkeep.snapshot(entries)

    async def unsubscribe(self, symbols: Iterable[str | SymbolEntry]) -> None:
        """Give symbols up; those that were on the list before this client wanted them stay there."""
        entries = parse_symbols(symbols)
        self.symbols = [entry for entry in self.symbols if entry not in entries]
        if self.rotation is not None:
            for entry in entries:
                self.rotation.drop(entry)
        await self.session.unsubscribe([spell(entry) for entry in entries])

    def events(self) -> AsyncIterator[Event]:
        """Iterate over what happens to the stream: opened, live, failed, waiting, gap, ..."""
        return self.session.events()

    # -- counters --------------------------------------------------------------------------------------------
    # received + snapshots == delivered + conflated + dropped + unreadable + waiting, at every moment

    @property
    def received(self) -> int:
        """Messages that came on the stream, over all connections."""
        return self.session.stats.messages

    @property
    def snapshots(self) -> int:
        """Boards read by REST and put into the stream."""
        return self._upkeep.snapshots

    @property
    def conflated(self) -> int:
        """Boards that a newer one of the same symbol has replaced before anybody took them."""
        return self._consumer.stats.conflated if self._consumer is not None else 0

    @property
    def dropped(self) -> int:
        """Boards let go of because too many waited."""
        return self._consumer.stats.dropped if self._consumer is not None else 0

    @property
    def waiting(self) -> int:
        """Boards that came and were not taken yet."""
        if self._consumer is None:
            return 0
        counts = self._consumer.stats
        boards = self.received + self.snapshots - self.unreadable
        others_waiting = counts.received - boards - self._others
        return counts.waiting - others_waiting

    @property
    def unreadable(self) -> int:
        """Messages that were no boards; ``dialect.kept`` has the newest."""
        return self.dialect.unreadable + self.session.stats.unread

    @property
    def registered(self) -> list[SymbolEntry]:
        """The registration list as it was read last, the entries of other programs included."""
        return self.rest.slots.entries

    @property
    def slots(self) -> Slots:
        """Who fills the registration list, as far as the answers so far tell."""
        return self.rest.slots

    @property
    def gaps(self) -> int:
        """Gaps so far, of the whole stream and of single symbols."""
        return self.session.stats.gaps + self._upkeep.gaps

    @property
    def reconnects(self) -> int:
        """How often the stream became live again."""
        return self.session.stats.reconnects

    @property
    def lag_s(self) -> float | None:
        """How far boards are behind the exchange's clock, seconds; None when that cannot be told."""
        return self.dialect.lag.lag_s

    def __repr__(self) -> str:
        return (
            f"<KabuClient {self.rest.address} {self.session.phase}, {len(self.symbols)} symbols, {self.received} received,"
            f" {self.delivered} delivered, {self.unreadable} unreadable>"
        )


def _check_policy(policy: str) -> None:
    if policy not in POLICIES:
        raise OptionError(
            f"policy must be {', '.join(POLICIES[:-1])} or {POLICIES[-1]}, not {policy!r}", option="policy"
        )
