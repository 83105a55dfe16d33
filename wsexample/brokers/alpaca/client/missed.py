"""Missed trade updates, fetched by HTTP: from the event stream where the account may use it, else from lists.

The event stream has whole updates in order. The lists have executions (account activities) and orders as they stand now;
together they lose no execution and no end of an order, only the steps in between.
"""

from __future__ import annotations

import logging

import msgspec

from wsexample.brokers.alpaca.client.memory import TradingMemory
from wsexample.brokers.alpaca.rest.trading import AlpacaTradingRest
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    CredentialsError,
    DialectError,
    NetworkError,
    PlanError,
    RequestError,
)
from wsexample.ports import Record
from wsexample.records.orders import Fill, Order

__all__ = ["SOURCES", "MissedUpdates"]

log = logging.getLogger("wsexample.alpaca.client")

SOURCES = ("auto", "events", "rest")
EVENT_FAILURES = 3
"""Failures in a row after which the event stream is not asked any more, when lists will do."""


class MissedUpdates:
    """Fetches what was missed.

    Parameters:
        rest: calls to the trading host.
        memory: what has come before.
        source: "events" for the event stream, "rest" for the lists, "auto" for the first as long as it is allowed.
        overlap_s: how far before the last sure moment to begin, because events may come late.
    """

    def __init__(self, rest: AlpacaTradingRest, memory: TradingMemory, *, source: str, overlap_s: float) -> None:
        self._rest = rest
        self._memory = memory
        self._source = source
        self._overlap_ns = round(overlap_s * 1e9)
        self._may_use_events = source in ("auto", "events")
        self._event_failures = 0
        self.fetched = 0
        """Records fetched so far, those known already included."""

    async def fetch(self, local_from_ns: int, since_ns: int | None = None) -> tuple[list[Record], int]:
        """Return what was missed, in order, and the venue's time up to which it goes.

        Parameters:
            local_from_ns: last sign of life before the break, by this machine's clock.
            since_ns: begin at this moment in the venue's time instead.

        Raises:
            BrokerError, NetworkError: it could not be fetched.
        """
        server_ns = await self._rest.fetch_server_ns()
        skew_ns = self._rest.calls.clock.now_ns() - server_ns
        if since_ns is None:
            known_ns = self._memory.complete_until_ns
            heard_ns = local_from_ns - skew_ns  # also counts where the venue's clock was set back since
            since_ns = heard_ns if known_ns is None else min(known_ns, heard_ns)
        since_ns -= self._overlap_ns
        records = await self._events(since_ns, server_ns) if self._may_use_events else None
        if records is None:
            records = await self._lists(since_ns)
        self.fetched += len(records)
        return records, server_ns

    async def _events(self, since_ns: int, until_ns: int) -> list[Record] | None:
        """Return whole updates; None when the lists must do."""
        try:
            records = await self._rest.fetch_events(since_ns=since_ns, until_ns=until_ns)
            self._event_failures = 0
            return records
        except (PlanError, CredentialsError, RequestError) as error:
            if self._source == "events":
                raise
            self._may_use_events = False
            log.info("the event stream may not be used here (%s); executions and orders are fetched instead", error)
        except DialectError as error:
            log.warning("%s; executions and orders are fetched instead", error)
        except (NetworkError, BrokerUnavailableError) as error:  # that it ends here too is nowhere documented
            if self._source == "events":
                raise
            self._event_failures += 1
            self._may_use_events = self._event_failures < EVENT_FAILURES
            log.warning("%s; executions and orders are fetched instead", error)
        return None

    async def _lists(self, since_ns: int) -> list[Record]:
        fills: list[Fill] = []
        async for page in self._rest.fetch_fills(after_ns=since_ns, is_backfilled=True):
            fills += page
        orders = await self._orders(since_ns, {fill.order_id for fill in fills})
        named = {order.order_id: order for order in orders}
        complete = [_named_after(fill, named.get(fill.order_id)) for fill in fills]
        news = [order for order in orders if self._memory.is_news(order)]
        # An execution stands before the snapshot that includes it.
        return sorted([*complete, *news], key=lambda record: (record.exchange_ns or 0, isinstance(record, Order)))

    async def _orders(self, since_ns: int, filled: set[str]) -> list[Order]:
        """Return orders that may have changed: submitted since, open now, or known and no longer among those."""
        found = {
            order.order_id: order
            for status, after_ns in (("all", since_ns), ("open", None))
            for order in await self._rest.fetch_orders(status, after_ns=after_ns, nested=False, is_backfilled=True)
        }
        for order_id in {*self._memory.open_orders, *filled} - found.keys():
            try:
                order = await self._rest.fetch_order(order_id, is_backfilled=True)
            except BrokerError as error:
                if error.http_status != 404:
                    raise
                continue
            found[order_id] = order
        return list(found.values())


def _named_after(fill: Fill, order: Order | None) -> Fill:
    """Return an execution with the client's name of its order, which the list of executions leaves out."""
    if order is None or order.client_order_id is None:
        return fill
    return msgspec.structs.replace(fill, client_order_id=order.client_order_id)
