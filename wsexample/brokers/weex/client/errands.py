"""What the sockets need REST and a clock for: a fresh signature for each handshake, and what a break has hidden.

Trades come again from the latest thousand, orders and fills from the account's own history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec

from wsexample.brokers.weex.codes import VENUE, error_of
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.dialect import WeexMessage, answer_rows, handshake_headers, past_trades
from wsexample.brokers.weex.dialect.numbers import whole
from wsexample.brokers.weex.rest import WeexRest
from wsexample.errors import BrokerUnavailableError, DialectError, HandshakeError, RequestError
from wsexample.ports import Clock, Errands, Gap, Record
from wsexample.records.market import Trade
from wsexample.records.orders import Fill, Order
from wsexample.wire.connection import Connection, connect
from wsexample.wire.options import ConnectOptions

__all__ = ["WeexErrands", "dial", "identity"]

MS_NS = 1_000_000
TRADES, ROWS = 1000, 100
"""Most rows of an answer."""
MARGIN_NS = 10**9
"""By how much further back is asked than the gap says: trades do not come in the order of their times. What was delivered
before is told apart by its number."""


class WeexErrands(Errands):
    """The errands of one socket.

    Parameters:
        config: credentials and market.
        clock: what stamps.
        rest: returns the client that makes calls.
        is_private: whether the handshake is signed.
    """

    def __init__(self, config: WeexConfig, clock: Clock, rest: Callable[[], WeexRest], *, is_private: bool) -> None:
        self._config, self._clock, self._rest, self._is_private = config, clock, rest, is_private

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        """Sign the private handshake anew: a signature is good for 30 s."""
        if not self._is_private:
            return {}
        return {"headers": handshake_headers(*self._config.credentials, self._clock.now_ns() // MS_NS)}

    def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]] | None:
        """Fetch trades, orders and fills; nothing else that WEEX sends can be asked for afterwards."""
        symbols = [topic.partition("@")[0] for topic in topics if topic.endswith("@trade")]
        if symbols:
            left_out = [topic for topic in topics if not topic.endswith("@trade")]
            return self._trades(gap, symbols, left_out)
        channels = [topic for topic in topics if topic in ("orders", "fill")]
        if channels and self._config.market == "contract":  # the spot calls want a symbol each
            return self._account(gap, channels)
        return None

    async def _trades(
        self, gap: Gap, symbols: Sequence[str], left_out: Sequence[str]
    ) -> AsyncIterator[Sequence[Record]]:
        is_whole = True
        for symbol in symbols:
            rows = await self._rest().fetch_trades(symbol, TRADES)
            found = past_trades(symbol, rows, self._clock.now_ns())
            missed = [one for one in found if (one.exchange_ns or 0) >= gap.from_ns - MARGIN_NS]
            is_whole = is_whole and (len(missed) < len(found) or len(rows) < TRADES)
            yield missed
        if not is_whole:
            raise BrokerUnavailableError(f"WEEX keeps {TRADES} trades only; some were missed", venue=VENUE)
        if left_out:  # said last: what could be fetched is delivered, and the gap counts as not filled
            raise RequestError(f"what was missed of {' '.join(left_out)} is not asked for", venue=VENUE)

    async def _account(self, gap: Gap, channels: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        rest, start_ms = self._rest(), (gap.from_ns - MARGIN_NS) // MS_NS
        is_whole = True
        if "orders" in channels:
            # An order older than the break may have ended in it, so the past ones are not limited to those made since.
            waiting = await rest.fetch_open_orders()
            past = await rest.fetch_past_orders(limit=ROWS)
            changed = [row for row in waiting + past if _changed_ms(row) >= start_ms]
            is_whole = len(past) < ROWS or any(_changed_ms(row) < start_ms for row in past)
            yield _in_order(answer_rows("orders", changed, self._clock.now_ns()))
        if "fill" in channels:
            rows = await rest.fetch_fills(start_ms=start_ms, limit=ROWS)
            is_whole = is_whole and len(rows) < ROWS
            yield _in_order(answer_rows("fill", rows, self._clock.now_ns()))
        if not is_whole:
            raise BrokerUnavailableError(f"WEEX answers {ROWS} rows only; some were missed", venue=VENUE)


def _changed_ms(row: Mapping[str, Any]) -> int:
    try:
        return whole(row.get("updateTime") or row.get("time"))
    except ValueError as error:
        raise DialectError(f"WEEX answered with an order without a time: {error}", venue=VENUE) from None


def _in_order(messages: list[WeexMessage]) -> list[WeexMessage]:
    return sorted(messages, key=lambda message: message.exchange_ns or 0)


def identity(record: Record) -> Hashable | None:
    """Return what tells that two messages are the same; None for those that may repeat."""
    found = record.record if isinstance(record, WeexMessage) else record
    if isinstance(found, Trade):
        return ("trade", found.symbol, found.trade_id)
    if isinstance(found, Fill):
        return ("fill", found.fill_id)
    if isinstance(found, Order):
        return ("order", found.order_id, found.venue_status, found.filled_size, found.updated_ns)
    return None


async def dial(options: ConnectOptions) -> Connection:
    """Connect; a refusal with the venue's code becomes what that code means."""
    try:
        return await connect(options)
    except HandshakeError as error:
        try:
            body = msgspec.json.decode(error.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise error from None
        if not isinstance(body.get("code"), int):
            raise
        raise error_of(body["code"], str(body.get("msg", "")), error.status) from None
