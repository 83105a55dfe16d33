"""``wsexample alpaca buy|sell|cancel|close``: orders, on paper unless the command line says otherwise, and then confirmed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.alpaca.access import AlpacaAccess, account_access
from wsexample.cli.feed.numbers import count_of
from wsexample.cli.help_text import CALL_STATUSES, epilog
from wsexample.cli.listing import NONE, Column, list_flags, number, show
from wsexample.cli.options import CONTEXT, SECONDS, Command, debug_option, option
from wsexample.cli.real_money import AMOUNT, ask_first
from wsexample.cli.running import Stop, say
from wsexample.errors import (
    BrokerError,
    DeadlineError,
    NetworkError,
    OrderRejectedError,
    OrderUnknownError,
    UnknownSymbolError,
    WsExampleError,
)
from wsexample.records.orders import Order, OrderRequest, OrderStatus

if TYPE_CHECKING:
    from wsexample.brokers.alpaca import AlpacaTradingRest

__all__ = ["ORDERS", "buy", "cancel", "close", "sell"]

POLL_S = 0.5
"""Between two looks at an order that is waited for; an account may make 200 calls a minute."""
_IS_UNKNOWN = re.compile(r'asset ("[^"]*" )?not found')
"""Alpaca's words about an order for something that it does not have; number and HTTP status are those of other refusals."""

ORDERS = (
    Column("Symbol", lambda item: item.symbol, is_text=True),
    Column("Side", lambda item: item.side or NONE, is_text=True, tone=lambda item: 1 if item.side == "buy" else -1),
    Column("Size", lambda item: number(item.size) if item.size is not None else f"${number(item.notional)}"),
    Column("Type", lambda item: (item.order_type or NONE).replace("_", " "), is_text=True, rank=3),
    Column("Limit", lambda item: number(item.limit_price), rank=4),
    Column("Stop", lambda item: number(item.stop_price), rank=6),
    Column("Filled", lambda item: number(item.filled_size), rank=2),
    Column(
        "Average", lambda item: number(None if item.average_price is None else round(item.average_price, 4)), rank=5
    ),
    Column("Status", lambda item: item.status.replace("_", " "), is_text=True),
    Column("Id", lambda item: item.order_id, is_text=True, rank=7),
)
"""What a table says of orders."""


def _confirmed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--yes`` and what all of these commands share: the account, the output, ``--debug``."""
    yes = option(
        "--yes", "is_sure", is_flag=True, section="Alpaca", help="Do not ask before something is done with real money."
    )
    return account_access(yes(list_flags(debug_option(command))))


def _order_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of an order; the command gets ``request`` and ``wait_s`` in place of their values."""

    @wraps(command)
    def with_request(
        *args: Any,
        symbol: str,
        size: Decimal | None,
        money: Decimal | None,
        limit: Decimal | None,
        stop: Decimal | None,
        trail: Decimal | None,
        trail_percent: Decimal | None,
        time_in_force: str | None,
        take_profit: Decimal | None,
        stop_loss: Decimal | None,
        extended_hours: bool,
        client_id: str | None,
        **others: Any,
    ) -> Any:
        if (size is None) == (money is None):
            raise click.UsageError("give either SIZE or --money")
        symbol = symbol.upper()
        request = OrderRequest(
            symbol=symbol,
            side=command.__name__,
            size=size,
            notional=money,
            order_type=_type_of(limit, stop, trail or trail_percent),
            time_in_force=time_in_force or ("gtc" if "/" in symbol else "day"),
            limit_price=limit,
            stop_price=stop,
            trail_price=trail,
            trail_percent=trail_percent,
            take_profit_price=take_profit,
            stop_loss_price=stop_loss,
            extended_hours=extended_hours,
            client_order_id=client_id,
        )
        return command(*args, request=request, **others)

    flags: tuple[Any, ...] = (
        click.argument("symbol"),
        click.argument("size", required=False, type=AMOUNT),
        option("--money", type=AMOUNT, section="Order", help="For so many dollars, in place of SIZE."),
        option("--limit", type=AMOUNT, metavar="PRICE", section="Order", help="Worst price allowed."),
        option("--stop", type=AMOUNT, metavar="PRICE", section="Order", help="Price that sets the order to work."),
        option(
            "--trail", type=AMOUNT, metavar="PRICE", section="Order", help="Trailing stop, so far from the best price."
        ),
        option("--trail-percent", type=AMOUNT, metavar="N", section="Order", help="The same in percent."),
        option(
            "--tif",
            "time_in_force",
            type=click.Choice(["day", "gtc", "ioc", "fok", "opg", "cls"]),
            section="Order",
            help="How long it works: by default day, gtc for crypto.",
        ),
        option(
            "--take-profit", type=AMOUNT, metavar="PRICE", section="Order", help="Then sell with profit at this limit."
        ),
        option("--stop-loss", type=AMOUNT, metavar="PRICE", section="Order", help="Then limit the loss at this stop."),
        option("--extended-hours", is_flag=True, section="Order", help="Before the open and after the close too."),
        option(
            "--client-id",
            metavar="ID",
            section="Order",
            help="An identifier of your own; the same is never placed twice.",
        ),
        option(
            "--wait",
            "wait_s",
            type=SECONDS,
            section="Order",
            help="Wait so long until nothing can happen to it any more.",
        ),
    )
    decorated: Callable[..., Any] = with_request
    for flag in reversed(flags):
        decorated = flag(decorated)
    return decorated


def _type_of(limit: Decimal | None, stop: Decimal | None, trail: Decimal | None) -> str:
    if trail is not None:
        if limit is not None or stop is not None:
            raise click.UsageError("a trailing stop has neither --limit nor --stop")
        return "trailing_stop"
    if stop is not None:
        return "stop" if limit is None else "stop_limit"
    return "market" if limit is None else "limit"


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca buy AAPL 10",
    "wsexample alpaca buy AAPL 10 --limit 187.50 --tif gtc",
    "wsexample alpaca buy BTC/USD --money 500 --wait 10s",
    "wsexample alpaca buy AAPL 10 --take-profit 200 --stop-loss 180",
    "wsexample alpaca buy AAPL 1 --live                 asks first; --yes does not",
    statuses=CALL_STATUSES,
))  # fmt: skip
@_order_flags
@_confirmed
def buy(request: OrderRequest, **others: Any) -> None:
    """Place an order to buy SIZE of SYMBOL: at market, or with --limit, --stop, --trail; on paper unless --live."""
    _place(request, **others)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca sell AAPL 10",
    "wsexample alpaca sell AAPL 10 --stop 180",
    "wsexample alpaca sell AAPL 10 --trail-percent 2.5 --tif gtc",
    statuses=CALL_STATUSES,
))  # fmt: skip
@_order_flags
@_confirmed
def sell(request: OrderRequest, **others: Any) -> None:
    """Place an order to sell SIZE of SYMBOL: at market, or with --limit, --stop, --trail; on paper unless --live."""
    _place(request, **others)


def _place(
    request: OrderRequest,
    *,
    wait_s: float | None,
    access: AlpacaAccess,
    is_sure: bool,
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    amount = f"{request.size:f}" if request.size is not None else f"${request.notional:f} of"
    price = f" at {request.limit_price:f}" if request.limit_price is not None else ""
    _ask_first(access, f"{request.side} {amount} {request.symbol}{price} ({request.order_type})", is_sure=is_sure)

    async def work(rest: AlpacaTradingRest) -> None:
        try:
            order = await rest.submit_order(request)
        except OrderRejectedError as error:
            if not _IS_UNKNOWN.match(error.words):
                raise
            told = f"Alpaca refused the order: {error.words} (HTTP {error.http_status}, {error.code})"
            raise UnknownSymbolError(told, symbols=(request.symbol,), venue="alpaca", words=error.words) from error
        if wait_s is not None:
            order = await _ended(rest, order, wait_s)
        show([order], ORDERS, wants_json=wants_json, color=color)
        if order.status == OrderStatus.REJECTED:
            raise OrderRejectedError(f"Alpaca refused the order: {order.reason or order.venue_status}", venue="alpaca")

    _run(access, work, debug=debug)


async def _ended(rest: AlpacaTradingRest, order: Order, wait_s: float) -> Order:
    """Look at an order until nothing can happen to it any more; an error names it, for placed it is.

    Raises:
        DeadlineError: it is still open then.
        OrderUnknownError: it cannot be looked at.
    """
    try:
        async with asyncio.timeout(wait_s):
            while order.is_open:
                await asyncio.sleep(POLL_S)
                order = await rest.fetch_order(order.order_id)
    except (BrokerError, NetworkError) as error:  # first, for a call without an answer is a TimeoutError as well
        words = f"order {order.order_id} was placed, and what became of it cannot be read: {error}"
        raise OrderUnknownError(words, candidates=(order.order_id,), venue="alpaca") from error
    except TimeoutError:
        words = f"order {order.order_id} is still {order.status.replace('_', ' ')} after {wait_s:g} s; it stays"
        raise DeadlineError(words, step="order", timeout_s=wait_s) from None
    return order


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca cancel 61e69015-8549-4bfd-b9c3-01e75843f47d",
    "wsexample alpaca cancel --all",
    statuses=CALL_STATUSES,
))  # fmt: skip
@click.argument("order_ids", nargs=-1, metavar="[ORDER_ID ...]")
@option("--all", "is_all", is_flag=True, section="Order", help="Every open order.")
@_confirmed
def cancel(
    order_ids: tuple[str, ...],
    is_all: bool,
    access: AlpacaAccess,
    is_sure: bool,
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    """Cancel orders; "wsexample alpaca orders --list" shows their identifiers."""
    _either(bool(order_ids), is_all, "ORDER_ID")
    _ask_first(access, f"cancel {'every open order' if is_all else ' '.join(order_ids)}", is_sure=is_sure)

    async def work(rest: AlpacaTradingRest) -> None:
        if is_all:
            answers = await rest.cancel_orders()
            refused = [order_id for order_id, status in answers.items() if status != 200]
            say(f"canceling {count_of(len(answers) - len(refused), 'order')}")
            if refused:
                raise OrderRejectedError(f"not canceled: {' '.join(refused)}", venue="alpaca")
        for order_id in order_ids:
            await rest.cancel_order(order_id)
            say(f"canceling {order_id}")

    _run(access, work, debug=debug)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca close AAPL",
    "wsexample alpaca close AAPL --percent 50",
    "wsexample alpaca close --all --cancel-orders",
    statuses=CALL_STATUSES,
))  # fmt: skip
@click.argument("symbols", nargs=-1, metavar="[SYMBOL ...]")
@option("--all", "is_all", is_flag=True, section="Order", help="Every position.")
@option("--percent", type=AMOUNT, section="Order", help="Only so much of each.")
@option("--cancel-orders", is_flag=True, section="Order", help="With --all: cancel every open order first.")
@_confirmed
def close(
    symbols: tuple[str, ...],
    is_all: bool,
    percent: Decimal | None,
    cancel_orders: bool,
    access: AlpacaAccess,
    is_sure: bool,
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    """Close positions at market."""
    _either(bool(symbols), is_all, "SYMBOL")
    if is_all and percent is not None:
        raise click.UsageError("--percent goes with symbols")
    if cancel_orders and not is_all:
        raise click.UsageError("--cancel-orders goes with --all")
    _ask_first(access, f"close {'every position' if is_all else ' '.join(symbols).upper()}", is_sure=is_sure)

    async def work(rest: AlpacaTradingRest) -> None:
        orders: list[Order] = []
        try:
            if is_all:
                orders += await rest.close_positions(cancel_orders=cancel_orders)
            for symbol in symbols:
                orders.append(await rest.close_position(symbol.upper(), percentage=percent))
        except WsExampleError:
            if orders:  # what was done before it failed was done
                show(orders, ORDERS, wants_json=wants_json, color=color)
            raise
        show(orders, ORDERS, wants_json=wants_json, color=color, empty="nothing was held")

    _run(access, work, debug=debug)


def _either(has_names: bool, is_all: bool, what: str) -> None:
    if has_names == is_all:
        raise click.UsageError(f"give either {what} or --all")


def _ask_first(access: AlpacaAccess, what: str, *, is_sure: bool) -> None:
    """Have somebody confirm what is done with real money."""
    if access.may_be_real:
        where = "the LIVE account" if access.is_live else access.place
        ask_first(f"{what} on {where}", is_sure=is_sure)


def _run(access: AlpacaAccess, work: Callable[[AlpacaTradingRest], Awaitable[None]], *, debug: bool) -> None:
    async def program(stop: Stop) -> int:
        async def connected() -> None:
            async with access.trading() as rest:
                await work(rest)

        if not await stop.race(connected()):
            say(
                'interrupted before the answer; "wsexample alpaca orders --list all" shows what was done',
                color="yellow",
            )
        return stop.exit_code

    access.run(program, debug=debug)
