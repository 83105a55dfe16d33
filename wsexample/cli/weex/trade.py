"""``wsexample weex buy|sell|cancel``: orders. WEEX has no paper account: without a simulator ``--live`` must be written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from wsexample.cli.help_text import CALL_STATUSES, epilog
from wsexample.cli.listing import list_flags, show
from wsexample.cli.options import CONTEXT, Command, debug_option, option
from wsexample.cli.real_money import AMOUNT, ask_first
from wsexample.cli.running import Stop, say
from wsexample.cli.weex.access import SECTION, WeexAccess, weex_access
from wsexample.cli.weex.account import ORDERS, orders_of
from wsexample.errors import BrokerError, NetworkError, OrderRejectedError
from wsexample.records.orders import Order, OrderStatus

if TYPE_CHECKING:
    from wsexample.brokers.weex.rest import WeexRest

__all__ = ["buy", "cancel", "sell"]


def _account_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what all of these commands share; the command gets ``confirm`` in place of ``--live`` and ``--yes``."""

    @wraps(command)
    def with_confirm(*args: Any, is_live: bool, is_sure: bool, access: WeexAccess, **others: Any) -> Any:
        def confirm(what: str) -> None:
            if access.sim is not None:
                return
            if not is_live:
                raise click.UsageError("WEEX has no paper account: write --live, or try it with --sim")
            ask_first(f"{what} on the LIVE account", is_sure=is_sure)

        return command(*args, access=access, confirm=confirm, **others)

    live = option("--live", "is_live", is_flag=True, section=SECTION, help="Yes, with real money; asks first.")
    yes = option("--yes", "is_sure", is_flag=True, section=SECTION, help="Do not ask.")
    return weex_access(live(yes(list_flags(debug_option(with_confirm)))))


def _order_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of an order."""
    flags: tuple[Any, ...] = (
        click.argument("symbol"),
        click.argument("size", type=AMOUNT),
        option(
            "--limit", type=AMOUNT, metavar="PRICE", section="Order", help="Worst price allowed; without it at market."
        ),
        option(
            "--tif",
            "time_in_force",
            type=click.Choice(["gtc", "ioc", "fok", "post_only"]),
            default="gtc",
            show_default=True,
            section="Order",
            help="How long a limit order works.",
        ),
        option(
            "--position",
            type=click.Choice(["long", "short"]),
            default="long",
            show_default=True,
            section="Order",
            help="Which position it changes: buying opens a long one and closes a short one. Contracts only.",
        ),
        option("--client-id", metavar="ID", section="Order", help="An identifier of your own."),
    )
    decorated = _account_flags(command)
    for flag in reversed(flags):
        decorated = flag(decorated)
    return decorated


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex buy BTCUSDT 0.01 --sim",
    "wsexample weex buy BTCUSDT 0.01 --limit 64000 --live       asks first; --yes does not",
    "wsexample weex buy BTCUSDT 0.01 --position short --live    closes a short position",
    statuses=CALL_STATUSES,
))  # fmt: skip
@_order_flags
def buy(**settings: Any) -> None:
    """Place an order to buy SIZE of SYMBOL, at market or with --limit."""
    _place("BUY", **settings)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex sell BTCUSDT 0.01 --sim                     closes a long position",
    "wsexample weex sell BTCUSDT 0.01 --position short --live   opens a short one",
    statuses=CALL_STATUSES,
))  # fmt: skip
@_order_flags
def sell(**settings: Any) -> None:
    """Place an order to sell SIZE of SYMBOL, at market or with --limit."""
    _place("SELL", **settings)


def _place(
    side: str,
    *,
    symbol: str,
    size: Decimal,
    limit: Decimal | None,
    time_in_force: str,
    position: str,
    client_id: str | None,
    access: WeexAccess,
    confirm: Callable[[str], None],
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    price = "at market" if limit is None else f"at {limit:f}"
    which = "" if access.is_spot else f" ({position} position)"
    confirm(f"{side.lower()} {size:f} {symbol.upper()} {price}{which}")

    async def work(rest: WeexRest) -> None:
        from wsexample.brokers.weex.dialect import spell

        order = {
            "symbol": spell(symbol),
            "side": side,
            "type": "MARKET" if limit is None else "LIMIT",
            "quantity": f"{size:f}",
            "newClientOrderId": client_id or uuid4().hex,
        }
        if limit is not None:
            order |= {"price": f"{limit:f}", "timeInForce": time_in_force.upper()}
        if not access.is_spot:
            order["positionSide"] = position.upper()
        answer = await rest.submit_order(order)
        try:
            placed = orders_of([await rest.fetch_order(str(answer["orderId"]))])
        except (BrokerError, NetworkError) as error:  # placed it is all the same
            say(f"the order was placed; how it stands could not be read: {error}", color="yellow")
            placed = [_taken(order, answer["orderId"])]
        show(placed, ORDERS, wants_json=wants_json, color=color)

    _run(access, work, debug=debug)


def _taken(order: Mapping[str, str], order_id: object) -> Order:
    """Return an order as WEEX has taken it: what was asked for, and its identifier."""
    from wsexample.clock import SystemClock

    return Order(
        venue="weex",
        symbol=order["symbol"],
        received_ns=SystemClock().now_ns(),
        order_id=str(order_id),
        client_order_id=order["newClientOrderId"],
        status=OrderStatus.PENDING.value,
        side=order["side"].lower(),
        order_type=order["type"].lower(),
        size=Decimal(order["quantity"]),
        limit_price=Decimal(order["price"]) if "price" in order else None,
        position_side=order["positionSide"].lower() if "positionSide" in order else None,
    )


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex cancel 740000000000000101 --live",
    "wsexample weex cancel --all BTCUSDT --live",
    statuses=CALL_STATUSES,
))  # fmt: skip
@click.argument("order_ids", nargs=-1, metavar="[ORDER_ID ...]")
@option("--all", "symbol", metavar="SYMBOL", section="Order", help="Every open order of a symbol.")
@_account_flags
def cancel(
    order_ids: tuple[str, ...],
    symbol: str | None,
    access: WeexAccess,
    confirm: Callable[[str], None],
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    """Cancel orders; "wsexample weex orders --list" shows their identifiers."""
    if bool(order_ids) == (symbol is not None):
        raise click.UsageError("give either ORDER_ID or --all SYMBOL")
    confirm(f"cancel {f'every open order of {symbol}' if symbol else ' '.join(order_ids)}")

    async def work(rest: WeexRest) -> None:
        if symbol is not None:
            answers = await rest.cancel_all_orders(symbol)
            refused = [str(answer.get("orderId")) for answer in answers if answer.get("success") is False]
            if refused:
                raise OrderRejectedError(
                    f"{len(answers) - len(refused)} canceled, not {' '.join(refused)}", venue="weex"
                )
            say(f"canceling every open order of {symbol}")
        for order_id in order_ids:
            await rest.cancel_order(order_id)
            say(f"canceling {order_id}")

    _run(access, work, debug=debug)


def _run(access: WeexAccess, work: Callable[[WeexRest], Awaitable[None]], *, debug: bool) -> None:
    async def program(stop: Stop) -> int:
        from wsexample.brokers.weex.rest import WeexRest

        async def connected() -> None:
            async with WeexRest(access.config(is_private=True)) as rest:
                await work(rest)

        if not await stop.race(connected()):
            say('interrupted before the answer; "wsexample weex orders --list" shows what waits', color="yellow")
        return stop.exit_code

    access.run(program, debug=debug)
