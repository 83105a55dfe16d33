"""`AlpacaTradingStream`: orders and fills of an account, none lost over any number of breaks.

After every break what was missed is fetched before anything new is delivered; while that goes on, what comes live is held
back by the dialect, so that the order stands. Connecting and retrying are the session's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack

from wsexample.brokers.alpaca.client.memory import TradingMemory
from wsexample.brokers.alpaca.client.missed import SOURCES, MissedUpdates
from wsexample.brokers.alpaca.codes import LIVE_URL, PAPER_URL, TRADE_UPDATES
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaTradingDialect
from wsexample.brokers.alpaca.rest.trading import AlpacaTradingRest
from wsexample.errors import DeadlineError, OptionError, WsExampleError
from wsexample.ports import Clock, Errands, Gap, Record
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.session.waiting import within
from wsexample.wire.options import ConnectOptions

if TYPE_CHECKING:
    from wsexample.session.option_fields import SessionArguments
    from wsexample.wire.option_fields import ConnectFields

__all__ = ["AlpacaTradingStream"]

log = logging.getLogger("wsexample.alpaca.client")

RETRY = Retry(proven_s=1.0)
"""As every session, but a second of life counts as proof: whoever waits for fills wants the stream back soon."""
RETRY_S = 1.0
LONGEST_RETRY_S = 15.0
GRACE_NS = 5 * 10**9
"""How late an update may come before a check takes it for missing."""


class AlpacaTradingStream(Session):
    """Trade updates as records: ``async with AlpacaTradingStream(key, secret) as stream: async for record in stream: ...``

    Each update gives an `Order` as it stands after it; an execution gives a `Fill` before that. After a break a `Gap` stands
    in the stream, then what was missed (``is_backfilled``), then what is new; each execution comes once.

    Parameters:
        key_id, secret_key: the key pair; looked for in the environment when not given.
        oauth_token: a token in their place.
        credentials: a whole `AlpacaCredentials` in place of those.
        paper: whether it is a paper account (default True).
        login: "flat" or "nested", the form of the login message.
        backfill: where missed updates come from: "auto", "events", "rest", or "none" to leave them missing.
        since_ns: fetch what happened since this moment first, such as the last record stored; UTC epoch nanoseconds.
        overlap_s: how far before the last sure moment fetching begins, because events may come late (default 10).
        patience_s: seconds for which fetching is tried before new updates are let through and the gap counts as not
            filled; it is fetched later then (default 60).
        check_every_s: seconds between looks by REST whether anything did not come although the connection stood, which
            costs two to five calls; if so, the connection is replaced. 0 for never (default 60).
        url: address of the stream in place of Alpaca's.
        rest_url: base address of REST in place of Alpaca's.
        connect: fields of `ConnectOptions` to set.
        clock: where time comes from.
        options: arguments of `Session` and fields of `SessionOptions`.

    Raises:
        OptionError: a value cannot work.
        CredentialsError: no credentials were given or found.
    """

    def __init__(
        self,
        key_id: str | None = None,
        secret_key: str | None = None,
        *,
        oauth_token: str | None = None,
        credentials: AlpacaCredentials | None = None,
        paper: bool = True,
        login: Literal["flat", "nested"] = "flat",
        backfill: Literal["auto", "events", "rest", "none"] = "auto",
        since_ns: int | None = None,
        overlap_s: float = 10.0,
        patience_s: float = 60.0,
        check_every_s: float = 60.0,
        url: str | None = None,
        rest_url: str | None = None,
        connect: ConnectFields | None = None,
        clock: Clock | None = None,
        **options: Unpack[SessionArguments],
    ) -> None:
        if backfill not in (*SOURCES, "none"):
            raise OptionError(f"backfill must be auto, events, rest or none, not {backfill!r}", option="backfill")
        for name, value, is_good in (
            ("overlap_s", overlap_s, overlap_s >= 0),
            ("patience_s", patience_s, patience_s > 0),
            ("check_every_s", check_every_s, check_every_s >= 0),
        ):
            if not is_good:
                raise OptionError(f"{name} cannot be {value!r}", option=name)
        if since_ns is not None and backfill == "none":
            raise OptionError(
                "since_ns asks for what happened before, and backfill='none' forbids it", option="since_ns"
            )
        credentials = credentials or AlpacaCredentials.found(key_id, secret_key, oauth_token=oauth_token)
        base = PAPER_URL if paper else LIVE_URL
        url = url or base.replace("http", "ws", 1) + "/stream"
        self.rest = AlpacaTradingRest(credentials=credentials, paper=paper, url=rest_url, clock=clock)
        """Calls with the same credentials, paced together with the stream's own."""
        self.memory = TradingMemory()
        """What has been told so far."""
        self._trading = AlpacaTradingDialect(credentials, login=login)
        self.rest.reader = self._trading.reader  # what is fetched goes on from what was heard
        self._missed = MissedUpdates(self.rest, self.memory, source=backfill, overlap_s=overlap_s)
        self._has_backfill = backfill != "none"
        self._patience_s = patience_s
        self._check_every_s = check_every_s if self._has_backfill else 0.0
        self._doubts = 0
        self._late: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self._since_ns = since_ns
        if since_ns is not None:
            self.memory.complete_until_ns = since_ns
            self.memory.broke()
            self._trading.hold()
        if self._has_backfill:
            self._trading.on_loss = self._fetch_late
            self.memory.on_hole = self._hole_found
        connecting: ConnectFields = {"ping_interval_s": 10.0, "ping_timeout_s": 10.0}
        connecting.update(connect or {})
        options.setdefault("backfill_timeout_s", patience_s + 30.0)
        options.setdefault("retry", RETRY)
        super().__init__(
            self._trading,
            [TRADE_UPDATES],
            url=ConnectOptions(url=url, **connecting),
            errands=_Errands(self) if self._has_backfill else None,
            dedupe=self.memory.key,
            clock=clock,
            **options,
        )

    @property
    def dialect(self) -> AlpacaTradingDialect:
        """The stream's language, with what could not be read."""
        return self._trading

    @property
    def backfilled(self) -> int:
        """Records fetched after breaks, those known already included."""
        return self._missed.fetched

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, without waiting for anything."""
        super().start()
        if self._since_ns is not None and self._has_backfill:
            self._fetch_late(hurry=True)
        if self._check_every_s:
            self._checking = asyncio.get_running_loop().create_task(self._check_again_and_again())

    async def close(self) -> None:
        """End the stream and its REST connections."""
        await self._stop_late()
        checking, self._checking = self._checking, None
        await _ended(checking)
        await super().close()
        await self.rest.close()

    # -- fetching what was missed --------------------------------------------------------------------------------

    def connecting(self) -> None:
        """A connection is about to be opened: after a break, what comes on it stands back."""
        if self._parts.machine.times_live or self._parts.delivery.has_delivered:
            self.memory.broke()
            self._trading.hold()

    async def missed(self, gap: Gap) -> AsyncIterator[Sequence[Record]]:
        """Yield what was missed, then what was held back meanwhile; keeps trying for ``patience_s``.

        Parameters:
            gap: the stretch of time for which data may be missing.
        """
        await self._stop_late()
        clock = self._parts.clock
        ends_s = clock.monotonic_s() + self._patience_s
        wait_s = RETRY_S
        while True:
            late = _too_late(self._patience_s, ends_s - clock.monotonic_s())
            try:
                records, until_ns = await within(clock, self._missed.fetch(gap.from_ns), late)
                break
            except (WsExampleError, OSError) as error:
                log.warning("missed trade updates could not be fetched yet: %s", error)
                if clock.monotonic_s() + wait_s >= ends_s:
                    yield self._trading.release()
                    self._fetch_late()
                    raise
                await clock.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_RETRY_S)
        yield records
        self.memory.completed(until_ns)
        yield self._trading.release()

    def _hole_found(self, known_ns: int) -> None:
        log.warning("an execution did not come although the connection stood; it is fetched")
        self.memory.broke(known_ns)
        self._fetch_late()

    def _fetch_late(self, *, hurry: bool = False) -> None:
        """Fetch in the background what is missing although the stream goes on."""
        self.memory.broke()
        self._doubts += 1
        if self._late is None or self._late.done():
            self._late = asyncio.get_running_loop().create_task(self._try_late(0.0 if hurry else RETRY_S))

    async def _try_late(self, wait_s: float) -> None:
        clock = self._parts.clock
        begun_ns = clock.now_ns()
        await self.wait_live()
        ends_s = clock.monotonic_s() + self._patience_s
        while True:
            await clock.sleep(wait_s)
            doubts = self._doubts
            try:
                fetching = self._missed.fetch(begun_ns)
                if self._trading.is_holding:
                    fetching = within(clock, fetching, _too_late(self._patience_s, ends_s - clock.monotonic_s()))
                records, until_ns = await fetching
            except (WsExampleError, OSError) as error:
                log.warning("missed trade updates could not be fetched yet: %s", error)
                if clock.monotonic_s() >= ends_s:
                    self._trading.deliver_soon(self._trading.release())
                wait_s = min(max(wait_s, RETRY_S) * 2, LONGEST_RETRY_S)
                continue
            self._trading.deliver_soon([*records, *self._trading.release()])
            if self._doubts == doubts:  # else something more was found missing meanwhile
                self.memory.completed(until_ns)
                return

    async def _stop_late(self) -> None:
        task, self._late = self._late, None
        await _ended(task)

    # -- looking whether anything is missing although the connection stands ----------------------------------------

    async def _check_again_and_again(self) -> None:
        clock = self._parts.clock
        await self.wait_live()
        checked_ns: int | None = None
        while True:
            try:
                if checked_ns is None:
                    checked_ns = await self.rest.fetch_server_ns()
                elif self.is_live and self.memory.is_complete:
                    checked_ns = await self._check(checked_ns)  # a backfill since then began later, maybe too late
            except (WsExampleError, OSError) as error:
                log.info("whether any trade update is missing could not be looked up: %s", error)
            await clock.sleep(self._check_every_s)

    async def _check(self, since_ns: int) -> int:
        """Look whether anything is missing since a moment, in the venue's time; returns until when nothing is."""
        records, until_ns = await self._missed.fetch(0, since_ns)
        sure_ns = until_ns - GRACE_NS
        missing = [
            record.exchange_ns
            for record in records
            if since_ns <= (record.exchange_ns or 0) < sure_ns and self.memory.has_missed(record)
        ]
        if missing and self.is_live:
            self.memory.broke(min(time_ns or 0 for time_ns in missing))
            self.reconnect(f"{len(missing)} trade updates did not come although the connection stood")
        return sure_ns


def _too_late(patience_s: float, left_s: float) -> DeadlineError:
    text = f"missed updates were not fetched within {patience_s:g} s"
    return DeadlineError(text, step="backfill", timeout_s=max(left_s, 0.001))


async def _ended(task: asyncio.Task[None] | None) -> None:
    """End a task of one's own; not from inside itself."""
    if task is not None and task is not asyncio.current_task():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Errands(Errands):
    """What the session asks for beside the socket."""

    def __init__(self, stream: AlpacaTradingStream) -> None:
        self._stream = stream

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        """Get ready to hold back what comes after a break."""
        self._stream.connecting()
        return {}

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        """Fetch what was missed."""
        return self._stream.missed(gap)
