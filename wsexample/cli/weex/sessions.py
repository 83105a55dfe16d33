"""Sessions with WEEX that deliver plain records, for the feeds of its commands; what the socket leaves out is asked for by REST.

The socket's account channel has no available money and its positions no profit: `Figures` and `Profits` add these while their
session is open, and again whenever it is live again.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from wsexample.brokers.weex.client.errands import WeexErrands, dial, identity
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import Holdings, WeexDialect, WeexMessage, answer_rows, ticker_topic
from wsexample.brokers.weex.rest import WeexRest
from wsexample.clock import SystemClock
from wsexample.errors import WsExampleError
from wsexample.ports import Gap, Record, Step
from wsexample.records.market import Book
from wsexample.records.orders import Balance
from wsexample.session.events import Live
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions

__all__ = ["Account", "BookDialect", "Figures", "Profits", "weex_session"]

log = logging.getLogger("wsexample.weex.command")


class BookDialect(WeexDialect):
    """Cuts every book to so many levels of each side."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self._levels = levels

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message."""
        step = super().receive(payload, is_binary, received_ns)
        if not step.records:
            return step
        return msgspec.structs.replace(step, records=[self._cut(record) for record in step.records])

    def _cut(self, record: Record) -> Record:
        if not isinstance(record, Book):
            return record
        levels = self._levels
        return msgspec.structs.replace(record, bids=record.bids[:levels], asks=record.asks[:levels])


class _Errands(WeexErrands):
    """The errands of a socket, with plain records of what a break has hidden."""

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]] | None:
        """Fetch what was missed."""
        pages = super().backfill(gap, topics)
        return None if pages is None else _plain_pages(pages)


async def _plain_pages(pages: AsyncIterator[Sequence[Record]]) -> AsyncIterator[Sequence[Record]]:
    async for page in pages:
        yield [_plain(record) for record in page]


def _plain(record: Record) -> Record:
    return record.record if isinstance(record, WeexMessage) else record


def weex_session(
    config: WeexConfig,
    topics: Iterable[str],
    *,
    rest: WeexRest,
    retry: Retry,
    is_private: bool = False,
    dialect: WeexDialect | None = None,
    **settings: Any,
) -> Session:
    """Return a session of one socket.

    Parameters:
        config: addresses and credentials.
        topics: streams.
        rest: calls for what a break has hidden.
        retry: how often and how fast to try again.
        is_private: whether it is the account's socket.
        dialect: in place of a new one.
        settings: further arguments of `Session`.
    """
    url = config.private_url if is_private else config.public_url
    return Session(
        dialect or WeexDialect(),
        topics,
        url=ConnectOptions(url=url, ping_interval_s=0),  # whether the venue answers pings of the protocol is not known
        errands=_Errands(config, SystemClock(), lambda: rest, is_private=is_private),
        dial=dial,
        dedupe=identity,
        retry=retry,
        **settings,
    )


class Account(ABC):
    """A private session, and what goes on beside it: ``async with`` opens both, for a feed's ``opened_by``.

    Parameters:
        config: addresses and credentials.
        rest: its calls.
        session: the session.
    """

    def __init__(self, config: WeexConfig, rest: WeexRest, session: Session) -> None:
        self.config = config
        self.rest = rest
        self.session = session
        """What the feed takes records from."""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._begin(self._refresh())  # before the session is live for the first time
        try:
            await self.session.__aenter__()
        except BaseException:  # cancelled too: who could not enter will not leave
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self._end()

    def _begin(self, work: Any) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rest.close()

    async def _refresh(self) -> None:
        """Ask for the present state whenever the session is live."""
        async for event in self.session.events():
            if isinstance(event, Live):
                await self._ask()

    async def _ask(self) -> None:
        try:
            records = await self.fetched()
        except WsExampleError as error:
            log.warning("what the account has could not be asked for: %s", error)
            return
        if records:
            self.session.deliver(records)

    @abstractmethod
    async def fetched(self) -> list[Record]:
        """Return what REST says there is now."""


class Figures(Account):
    """Balances: each push of the contract market is followed by the figures that REST alone has."""

    def __init__(self, config: WeexConfig, rest: WeexRest, *, retry: Retry) -> None:
        session = weex_session(config, ["account"], rest=rest, is_private=True, retry=retry)
        super().__init__(config, rest, session)
        self._pushed = session.consumer(policy="drop_oldest", kinds={"balance"})

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._begin(self._complete())
        return self

    async def fetched(self) -> list[Record]:
        """Return every balance."""
        rows = await self.rest.fetch_balances()
        return [message.record for message in answer_rows("account", rows, SystemClock().now_ns())]

    async def _complete(self) -> None:
        async for batch in self._pushed.batches():
            if any(isinstance(record, Balance) and record.available is None for record in batch):
                await self._ask()


class Profits(Account):
    """Positions with their profit at the mark, which a public session beside brings."""

    def __init__(self, config: WeexConfig, rest: WeexRest, *, retry: Retry) -> None:
        self._holdings = Holdings()
        dialect = _HoldingsDialect(self._holdings)
        session = weex_session(config, ["positions"], rest=rest, is_private=True, retry=retry, dialect=dialect)
        super().__init__(config, rest, session)
        marks = WeexDialect(keeps_wire=True)
        self._marks = weex_session(config, [], rest=rest, retry=retry, dialect=marks, policy="conflate")
        self._changes = session.consumer(policy="drop_oldest", kinds={"position"})

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._marks.start()
        self._begin(self._value())
        self._begin(self._follow())
        return self

    async def _end(self) -> None:
        await self._marks.close()
        await super()._end()

    async def fetched(self) -> list[Record]:
        """Return every position that changed unseen, closed ones with size 0."""
        messages = answer_rows("positions", await self.rest.fetch_positions(), SystemClock().now_ns())
        return [message.record for message in self._holdings.fetched(messages)]

    async def _follow(self) -> None:
        """Ask for the mark of whatever is held."""
        async for _ in self._changes.batches():
            topics = [ticker_topic(symbol) for symbol in self._holdings.symbols]
            try:
                await self._marks.subscribe(topics)
            except WsExampleError as error:
                log.warning("marks cannot be had: %s", error)

    async def _value(self) -> None:
        try:
            async for message in self._marks:
                if isinstance(message, WeexMessage):
                    changed = [one.record for one in self._holdings.marked(message)]
                    if changed:
                        self.session.deliver(changed)
        except WsExampleError as error:
            log.warning("marks do not come any more: %s", error)


class _HoldingsDialect(WeexDialect):
    """Gives positions that are pushed their profit, and keeps what is held."""

    def __init__(self, holdings: Holdings) -> None:
        super().__init__(keeps_wire=True)
        self._holdings = holdings

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message."""
        step = super().receive(payload, is_binary, received_ns)
        if not step.records:
            return step
        return msgspec.structs.replace(step, records=[self._valued(record) for record in step.records])

    def _valued(self, record: Record) -> Record:
        if isinstance(record, WeexMessage) and record.topic == "positions":
            record = self._holdings.pushed(record)
        return _plain(record)
