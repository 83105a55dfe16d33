"""`AlpacaTradingRest`: account, orders, positions, executions, clock, calendar and assets.

Source: Alpaca's Trading API reference (v2), and the official SDKs where it is silent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote
from uuid import uuid4

import msgspec

from wsexample.brokers.alpaca.codes import LIVE_URL, PAPER_URL, VENUE
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import OrderReader, rfc3339
from wsexample.brokers.alpaca.messages.trading import (
    AccountMessage,
    ActivityMessage,
    AssetMessage,
    CalendarDay,
    ClockMessage,
    OrderMessage,
    OrderSubmission,
    PositionMessage,
    ReplaceSubmission,
    StopLoss,
    TakeProfit,
    TradeUpdateMessage,
)
from wsexample.brokers.alpaca.rest.calls import Calls
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    ConnectError,
    DialectError,
    NetworkError,
    OptionError,
    OrderRejectedError,
    OrderUnknownError,
    RequestError,
    UnknownSymbolError,
    WsExampleError,
)
from wsexample.ports import Clock
from wsexample.records.market import Record
from wsexample.records.orders import Account, Fill, Order, OrderRequest, Position

__all__ = ["AlpacaTradingRest", "parse_events"]

ORDERS_PER_PAGE = 500
ACTIVITIES_PER_PAGE = 100
EVENTS_PATH = "/v2/events/trades"
SUBMIT_ATTEMPTS = 3

_T = TypeVar("_T")


class AlpacaTradingRest:
    """Calls to the trading host: ``async with AlpacaTradingRest(key, secret) as rest: await rest.fetch_account()``.

    Every call raises `BrokerError`, with the vendor's code and words, when it is refused or its answer cannot be read, and
    `NetworkError` when nobody answers in time.

    Parameters:
        key_id, secret_key: the key pair; looked for in the environment when not given.
        oauth_token: a token in their place.
        credentials: key pair or token as an object, in place of the three before it.
        paper: whether it is the paper host (default True).
        url: base address in place of Alpaca's.
        timeout_s: seconds for a call, the waiting for its turn not counted (default 10).
        clock: what paces and waits.

    Raises:
        CredentialsError: no credentials were given or found.
        OptionError: only half of a key pair was given.
    """

    def __init__(
        self,
        key_id: str | None = None,
        secret_key: str | None = None,
        *,
        oauth_token: str | None = None,
        credentials: AlpacaCredentials | None = None,
        paper: bool = True,
        url: str | None = None,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        credentials = credentials or AlpacaCredentials.found(key_id, secret_key, oauth_token=oauth_token)
        self.url = url or (PAPER_URL if paper else LIVE_URL)
        """Base address."""
        self.calls = Calls(self.url, credentials, timeout_s=timeout_s, clock=clock)
        """How calls are made; its pace is that of the account."""
        self.reader = OrderReader()
        """What turned out to be unknown in answers is counted here."""

    async def close(self) -> None:
        """Close the connections."""
        await self.calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AlpacaTradingRest {self.url}>"

    @property
    def _now_ns(self) -> int:
        return self.calls.clock.now_ns()

    # -- account and positions -----------------------------------------------------------------------------------

    async def fetch_account(self) -> Account:
        """Return the account."""
        return self.reader.account(await self.calls.fetch("/v2/account", AccountMessage), self._now_ns)

    async def fetch_positions(self) -> list[Position]:
        """Return every open position."""
        found = await self.calls.fetch("/v2/positions", list[PositionMessage])
        return [self.reader.position(message, self._now_ns) for message in found]

    async def fetch_position(self, symbol: str) -> Position:
        """Return one position; raises `RequestError` when there is none.

        Parameters:
            symbol: the venue's symbol.
        """
        message = await self.calls.fetch(f"/v2/positions/{_quoted(symbol)}", PositionMessage)
        return self.reader.position(message, self._now_ns)

    async def close_position(
        self, symbol: str, *, size: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order:
        """Close a position, or a part of it; returns the order that does.

        Parameters:
            symbol: the venue's symbol.
            size: how much of it; None (default) for all.
            percentage: share of it in place of a size, 0 to 100.

        Raises:
            RequestError: there is no such position.
            OrderRejectedError: refused, such as for more than is free.
            OrderUnknownError: no answer came; it may have been done.
        """
        query = {"qty": size, "percentage": percentage}
        asked = {name: f"{value:f}" for name, value in query.items() if value is not None}
        return self._order(await self._closed(f"/v2/positions/{_quoted(symbol)}", asked, OrderMessage))

    async def close_positions(self, *, cancel_orders: bool = False) -> list[Order]:
        """Close every position; returns the orders that do. Those that were refused raise after the others.

        Parameters:
            cancel_orders: whether open orders are cancelled first.

        Raises:
            RequestError: some could not be closed; names them.
            DialectError: one was closed, and the order that does it cannot be read.
            OrderUnknownError: no answer came; it may have been done.
        """
        asked = {"cancel_orders": "true" if cancel_orders else "false"}
        rows = await self._closed("/v2/positions", asked, list[dict[str, Any]])
        orders, refused = [], []
        for row in rows:
            if row.get("status") == 200:
                try:
                    orders.append(self._order(msgspec.convert(row.get("body"), OrderMessage)))
                except msgspec.ValidationError as error:
                    raise DialectError(
                        f"Alpaca closed {row.get('symbol')} by an order that cannot be read: {error}", venue=VENUE
                    ) from None
            else:
                body = row.get("body")
                words = body.get("message") if isinstance(body, dict) else None
                refused.append(f"{row.get('symbol')} ({words or row.get('status')})")
        if refused:
            raise RequestError(f"Alpaca did not close {', '.join(refused)}", venue=VENUE, http_status=207)
        return orders

    async def _closed(self, path: str, query: Mapping[str, str], answer: type[_T]) -> _T:
        """Close positions, which is never asked for twice: the orders that do it have no identifier of the client's."""
        try:
            return self.calls.read(await self.calls.made("DELETE", path, query=query), answer, "DELETE /v2/positions")
        except (BrokerUnavailableError, NetworkError, DialectError) as error:
            if isinstance(error, ConnectError) and error.refused:
                raise  # nobody heard it
            raise OrderUnknownError(
                f"Alpaca did not say whether it closes what it was asked to ({error}); look at orders and positions before"
                " closing again",
                venue=VENUE,
            ) from error

    # -- orders --------------------------------------------------------------------------------------------------

    async def submit_order(self, request: OrderRequest) -> Order:
        """Place an order; an identifier of its own makes it safe to repeat after a fault.

        Parameters:
            request: the order that is wanted.

        Raises:
            OptionError: neither a size nor a notional, or both; or something that Alpaca's orders do not have.
            OrderRejectedError: refused, with the vendor's words and figures.
            OrderUnknownError: no answer came, and Alpaca cannot be asked or does not show it; names the client's identifier.
        """
        client_id = request.client_order_id or str(uuid4())
        body = _submission(request, client_id)
        lost: WsExampleError | None = None
        for _ in range(SUBMIT_ATTEMPTS):
            refusal: BrokerError | None = None
            try:
                reply = await self.calls.made("POST", "/v2/orders", body=body)
                return self._order(self.calls.read(reply, OrderMessage, "POST /v2/orders"))
            except (BrokerUnavailableError, NetworkError, DialectError) as error:
                if lost is None and isinstance(error, ConnectError) and error.refused:
                    raise  # nobody heard it
                lost = error
            except BrokerError as error:
                if lost is None:
                    raise _rejected(error) from None
                refusal = error  # it may be the first one that is in the way of its repetition
            # Whether it was heard is not known: it stands under its own identifier, or it may be sent again.
            found = await self._submitted(client_id, lost)
            if found is not None:
                return found
            if refusal is not None:
                raise _rejected(refusal) from None
        raise OrderUnknownError(
            f"an order was sent to Alpaca {SUBMIT_ATTEMPTS} times and never answered ({lost}); Alpaca shows none by the"
            f" client's identifier {client_id}, so it was most likely not taken; look for it before sending it again",
            venue=VENUE,
        ) from lost

    async def _submitted(self, client_id: str, lost: WsExampleError) -> Order | None:
        """Return an order by its own identifier; None when there is none.

        Raises:
            OrderUnknownError: Alpaca cannot be asked.
        """
        try:
            return await self.fetch_order_by_client_id(client_id)
        except (BrokerError, NetworkError) as error:
            if isinstance(error, BrokerError) and error.http_status == 404:
                return None
            raise OrderUnknownError(
                f"an order was sent to Alpaca and its answer was lost ({lost}); it cannot be asked for either ({error});"
                f" look for it by the client's identifier {client_id} before sending it again",
                venue=VENUE,
            ) from error

    async def replace_order(
        self,
        order_id: str,
        *,
        size: Decimal | None = None,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        trail: Decimal | None = None,
        time_in_force: str | None = None,
        client_order_id: str | None = None,
    ) -> Order:
        """Change an order; returns the new one that takes its place. It may still be refused by an event.

        Parameters:
            order_id: the venue's identifier of the order.
            size: how much; None leaves it as it is, and so for the rest.
            limit_price: worst price.
            stop_price: price at which it begins to work.
            trail: new distance of a trailing stop.
            time_in_force: how long it stands.
            client_order_id: your own identifier of the new order.

        Raises:
            RequestError: there is no such order.
            OrderRejectedError: it has ended, or the change is refused.
        """
        body = ReplaceSubmission(
            qty=_text(size),
            limit_price=_text(limit_price),
            stop_price=_text(stop_price),
            trail=_text(trail),
            time_in_force=time_in_force,
            client_order_id=client_order_id,
        )
        reply = await self.calls.made("PATCH", f"/v2/orders/{_quoted(order_id)}", body=body)
        return self._order(self.calls.read(reply, OrderMessage, "PATCH /v2/orders"))

    async def cancel_order(self, order_id: str) -> None:
        """Ask for an order to be canceled; an event tells what became of it.

        Parameters:
            order_id: the venue's identifier of the order.

        Raises:
            RequestError: there is no such order.
            OrderRejectedError: it has ended.
        """
        await self.calls.made("DELETE", f"/v2/orders/{_quoted(order_id)}", is_repeatable=True)

    async def cancel_orders(self) -> dict[str, int]:
        """Ask for every open order to be canceled; returns an HTTP status by order id, 200 where it was accepted."""
        reply = await self.calls.made("DELETE", "/v2/orders", is_repeatable=True)
        rows = self.calls.read(reply, list[dict[str, Any]], "DELETE /v2/orders")
        return {str(row.get("id")): int(row.get("status", 0)) for row in rows}

    async def fetch_order(self, order_id: str, *, is_backfilled: bool = False) -> Order:
        """Return an order.

        Parameters:
            order_id: the venue's identifier of the order.
            is_backfilled: what the records say of themselves: fetched after a break.

        Raises:
            RequestError: there is none.
        """
        message = await self.calls.fetch(f"/v2/orders/{_quoted(order_id)}", OrderMessage)
        return self._order(message, is_backfilled=is_backfilled)

    async def fetch_order_by_client_id(self, client_order_id: str) -> Order:
        """Return an order by the identifier that was given to it: the way to find out about an unknown submit.

        Parameters:
            client_order_id: your own identifier of the order.

        Raises:
            RequestError: there is none.
        """
        query = {"client_order_id": client_order_id}
        return self._order(await self.calls.fetch("/v2/orders:by_client_order_id", OrderMessage, query))

    async def fetch_orders(
        self,
        status: str = "open",
        *,
        symbols: Sequence[str] = (),
        side: str | None = None,
        after_ns: int | None = None,
        until_ns: int | None = None,
        limit: int | None = None,
        nested: bool = True,
        is_backfilled: bool = False,
    ) -> list[Order]:
        """Return orders, oldest submission first, as many pages as it takes.

        Parameters:
            status: "open" (default), "closed" or "all".
            symbols, side: only these.
            after_ns, until_ns: submitted between these moments, UTC epoch nanoseconds; None for no limit.
            limit: how many at most; None for all.
            nested: whether children stand inside their parents (default True).
            is_backfilled: what the records say of themselves: fetched after a break.
        """
        found: dict[str, Order] = {}
        query = {"status": status, "direction": "asc", "nested": "true" if nested else "false"}
        if symbols:
            query["symbols"] = ",".join(symbols)
        if side is not None:
            query["side"] = side
        if until_ns is not None:
            query["until"] = rfc3339(until_ns)
        while limit is None or len(found) < limit:
            wanted = ORDERS_PER_PAGE if limit is None else min(limit - len(found), ORDERS_PER_PAGE)
            if after_ns is not None:
                query["after"] = rfc3339(after_ns)
            page = await self.calls.fetch("/v2/orders", list[OrderMessage], {**query, "limit": str(wanted)})
            orders = [self._order(message, is_backfilled=is_backfilled) for message in page]
            new = [order for order in orders if order.order_id not in found]
            found.update((order.order_id, order) for order in new)
            if len(page) < wanted or not new or orders[-1].submitted_ns is None:
                break
            after_ns = orders[-1].submitted_ns - 1  # several may have been submitted in one nanosecond
        return list(found.values())

    def _order(self, message: OrderMessage, *, is_backfilled: bool = False) -> Order:
        return self.reader.order(message, self._now_ns, is_backfilled=is_backfilled)

    # -- executions and events -----------------------------------------------------------------------------------

    async def fetch_fills(
        self, *, after_ns: int | None = None, until_ns: int | None = None, is_backfilled: bool = False
    ) -> AsyncIterator[list[Fill]]:
        """Iterate over executions, oldest first, a page at a time.

        Parameters:
            after_ns: later than this, UTC epoch nanoseconds; None for no limit.
            until_ns: not later than this; None for no limit.
            is_backfilled: what the records say of themselves: fetched after a break.

        Raises:
            DialectError: a page ends with what it began after.
        """
        query = {"direction": "asc", "page_size": str(ACTIVITIES_PER_PAGE)}
        if after_ns is not None:
            query["after"] = rfc3339(after_ns)
        if until_ns is not None:
            query["until"] = rfc3339(until_ns)
        while True:
            page = await self.calls.fetch("/v2/account/activities/FILL", list[ActivityMessage], query)
            now_ns = self._now_ns
            fills = [self.reader.activity(message, now_ns, is_backfilled=is_backfilled) for message in page]
            yield [fill for fill in fills if fill is not None]
            if len(page) < ACTIVITIES_PER_PAGE:
                return
            if page[-1].id == query.get("page_token"):
                raise DialectError(
                    "Alpaca's executions do not go on: a page ends with what it began after", venue=VENUE
                )
            query["page_token"] = page[-1].id

    async def fetch_events(self, *, since_ns: int, until_ns: int, timeout_s: float = 10.0) -> list[Record]:
        """Return what the event stream still has, marked as backfilled: whole updates, in order.

        Whether an ordinary account may use it is not documented; it is refused with `PlanError` where it may not.

        Parameters:
            since_ns: from this moment on.
            until_ns: the moment up to which it goes; the stream ends when it is reached.
            timeout_s: seconds for the whole of it; it is asked once.

        Raises:
            DialectError: the stream says that it has left events out, or cannot be read.
        """
        query = {"since": rfc3339(since_ns), "until": rfc3339(until_ns)}
        reply = await self.calls.made("GET", EVENTS_PATH, query=query, timeout_s=timeout_s)
        return parse_events(reply.body, self.reader, self._now_ns)

    # -- clock, calendar, assets ---------------------------------------------------------------------------------

    async def fetch_clock(self) -> ClockMessage:
        """Return the market's clock, as the vendor says it."""
        return await self.calls.fetch("/v2/clock", ClockMessage)

    async def fetch_server_ns(self) -> int:
        """Return what time it is at Alpaca, UTC epoch nanoseconds.

        Raises:
            DialectError: the answer is no time.
        """
        clock = await self.fetch_clock()
        time_ns = self.reader.ns(clock.timestamp)
        if time_ns is None:
            raise DialectError(f"Alpaca's clock says {clock.timestamp!r}, which is no time", venue=VENUE)
        return time_ns

    async def fetch_calendar(self, start: str | None = None, end: str | None = None) -> list[CalendarDay]:
        """Return trading days between two dates ("2026-03-02"), times of day in New York.

        Parameters:
            start: first day, as in 2026-01-05; None for no limit.
            end: last day; None for no limit.
        """
        query = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
        return await self.calls.fetch("/v2/calendar", list[CalendarDay], query)

    async def fetch_assets(self, *, asset_class: str | None = None, status: str = "active") -> list[AssetMessage]:
        """Return what can be traded.

        Parameters:
            asset_class: only this class; None for all.
            status: "active" or "inactive".
        """
        query = {"status": status, **({"asset_class": asset_class} if asset_class else {})}
        return await self.calls.fetch("/v2/assets", list[AssetMessage], query)

    async def fetch_asset(self, symbol: str) -> AssetMessage:
        """Return one asset by symbol or id; raises `UnknownSymbolError` when there is none."""
        return await self.calls.fetch(f"/v2/assets/{_quoted(symbol)}", AssetMessage)


def _rejected(error: BrokerError) -> BrokerError:
    """Return the error of an order that was refused; what concerns more than this order stays what it is."""
    if not isinstance(error, RequestError | UnknownSymbolError):
        return error
    return OrderRejectedError(
        str(error), venue=VENUE, code=error.code, words=error.words, http_status=error.http_status
    )


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _submission(request: OrderRequest, client_id: str) -> OrderSubmission:
    """Return the vendor's form of an order."""
    if (request.size is None) == (request.notional is None):
        raise OptionError("an order needs either a size or a notional", option="size")
    for option in ("reduce_only", "position_side"):
        if getattr(request, option):
            raise OptionError(f"Alpaca's orders have no {option}", option=option)
    profit = TakeProfit(_text(request.take_profit_price)) if request.take_profit_price is not None else None
    loss = None
    if request.stop_loss_price is not None:
        loss = StopLoss(_text(request.stop_loss_price), _text(request.stop_loss_limit_price))
    return OrderSubmission(
        symbol=request.symbol,
        qty=_text(request.size),
        notional=_text(request.notional),
        side=request.side,
        type=request.order_type,
        time_in_force=request.time_in_force,
        limit_price=_text(request.limit_price),
        stop_price=_text(request.stop_price),
        trail_price=_text(request.trail_price),
        trail_percent=_text(request.trail_percent),
        extended_hours=request.extended_hours or None,
        client_order_id=client_id,
        order_class="bracket" if profit and loss else "oto" if profit or loss else None,
        take_profit=profit,
        stop_loss=loss,
    )


def parse_events(body: bytes, reader: OrderReader, received_ns: int) -> list[Record]:
    """Return the records of an event stream (server-sent events), marked as backfilled.

    Raises:
        DialectError: a comment says that events were left out, or an event cannot be read.
    """
    records: list[Record] = []
    for line in body.splitlines():
        if line.startswith(b":") and b"dropped" in line:
            raise DialectError(
                f"Alpaca's event stream left events out: {line[1:].decode(errors='replace')}", venue=VENUE
            )
        if not line.startswith(b"data:"):
            continue
        payload = line[5:].strip()
        try:
            update = msgspec.json.decode(payload, type=TradeUpdateMessage)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DialectError(f"an event of Alpaca's event stream cannot be read: {error}", venue=VENUE) from None
        records += reader.update(update, received_ns, payload, is_backfilled=True)
    return records
