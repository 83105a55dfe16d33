"""``wsexample weex account|positions|orders``: what belongs to a key, as it changes; or the open orders of now, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.help_text import epilog
from wsexample.cli.listing import NONE, Column, number, show
from wsexample.cli.options import CONTEXT, Command, option
from wsexample.cli.running import Stop
from wsexample.cli.symbols import spelled
from wsexample.cli.weex.access import SECTION, WeexAccess, stream_flags
from wsexample.errors import OptionError
from wsexample.records.market import Record
from wsexample.records.orders import Balance, Order, Position

if TYPE_CHECKING:
    from wsexample.brokers.weex.config import WeexConfig
    from wsexample.brokers.weex.rest import WeexRest
    from wsexample.cli.weex.sessions import Account
    from wsexample.session.options import Retry

__all__ = ["ORDERS", "account", "orders", "orders_of", "positions"]


def _signed(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:+,.2f}" if abs(value) >= 1 or not value else f"{value:+,.4f}"


BALANCES = (
    Column("Coin", lambda item: item.symbol, is_text=True),
    Column("Balance", lambda item: number(item.total)),
    Column("Available", lambda item: number(item.available)),
    Column("Frozen", lambda item: number(item.frozen), rank=1),
)
POSITIONS = (
    Column("Symbol", lambda item: item.symbol, is_text=True),
    Column("Side", lambda item: item.side or NONE, is_text=True, tone=lambda item: -1 if item.side == "short" else 1),
    Column("Size", lambda item: number(abs(item.size))),
    Column("Entry", lambda item: _rounded(item.average_price), rank=1),
    Column("Mark", lambda item: _rounded(item.mark_price), rank=2),
    Column("Value", lambda item: NONE if item.cost is None else f"{item.cost:,.2f}", rank=4),
    Column("Profit", lambda item: _signed(item.unrealized_pnl), tone=lambda item: item.unrealized_pnl),
    Column("Margin", lambda item: item.margin_mode or NONE, is_text=True, rank=5),
    Column("Leverage", lambda item: number(item.leverage), rank=3),
)
ORDERS = (
    Column("Symbol", lambda item: item.symbol, is_text=True),
    Column("Side", lambda item: item.side or NONE, is_text=True, tone=lambda item: 1 if item.side == "buy" else -1),
    Column("Position", lambda item: item.position_side or "", is_text=True, rank=5),
    Column("Size", lambda item: number(item.size)),
    Column("Type", lambda item: (item.order_type or NONE).replace("_", " "), is_text=True, rank=3),
    Column("Limit", lambda item: number(item.limit_price), rank=4),
    Column("Filled", lambda item: number(item.filled_size), rank=1),
    Column("Average", lambda item: _rounded(item.average_price), rank=2),
    Column("Status", lambda item: item.status.replace("_", " "), is_text=True),
    Column("Id", lambda item: item.order_id, is_text=True, rank=6),
)
"""What a table says of orders."""


def _is_closed(item: Any) -> bool:
    return isinstance(item, Position) and item.size == 0


def _rounded(price: Any) -> str:
    return number(None if price is None else round(price, 6))


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex account", "wsexample weex account --spot --store account.db", "wsexample weex account | jq .available"
))  # fmt: skip
@stream_flags
def account(access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream balances: first what there is, then every change.

    The contract market pushes no available and no frozen money: each push is followed by these figures, asked for.
    """

    def beside(config: WeexConfig, rest: WeexRest) -> Account:
        from wsexample.cli.weex.sessions import Figures

        return Figures(config, rest, retry=retry)

    _run(
        beside,
        BALANCES,
        lambda item: item.symbol,
        lambda record: record if isinstance(record, Balance) and record.available is not None else None,
        access=access,
        feed=feed,
        what="balances",
    )


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex positions", "wsexample weex positions | jq -c '[.symbol,.size,.unrealized_pnl]'"
))  # fmt: skip
@stream_flags
def positions(access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream positions: first those that are open, then every change, and whenever the mark moves.

    The profit is derived from the mark of the ticker; a position of size 0 was closed.
    """
    if access.is_spot:
        raise click.UsageError("the spot market has no positions")

    def beside(config: WeexConfig, rest: WeexRest) -> Account:
        from wsexample.cli.weex.sessions import Profits

        return Profits(config, rest, retry=retry)

    _run(
        beside,
        POSITIONS,
        lambda item: (item.symbol, item.side),
        lambda record: record if isinstance(record, Position) else None,
        access=access,
        feed=feed,
        what="positions",
    )


def _run(
    beside: Callable[[WeexConfig, WeexRest], Account],
    columns: tuple[Column, ...],
    key: Callable[[Any], Any],
    shape: Callable[[Record], Any],
    *,
    access: WeexAccess,
    feed: FeedPlan,
    what: str,
) -> None:
    async def program(stop: Stop) -> int:
        from wsexample.brokers.weex.rest import WeexRest
        from wsexample.cli.feed.run import Feed
        from wsexample.cli.rows import RowsView

        config = access.config(is_private=True)
        owner = beside(config, WeexRest(config))
        view = RowsView(columns, key, shape=shape, is_over=_is_closed, waiting=f"no {what}")
        place = access.place
        runs = Feed(
            feed,
            {what: owner.session},
            stop,
            place=place,
            opened_by=owner,
            view=view,
            greeting=lambda: f"{what} of {place}",
        )
        return await runs.run()

    access.run(program, debug=feed.is_debug)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex orders",
    "wsexample weex orders --store orders.db --journal events.jsonl",
    "wsexample weex orders | jq 'select(.kind==\"fill\")'",
    "wsexample weex orders --list BTCUSDT              open orders of now, and end",
    "wsexample weex orders --sim                       with wsexample sim weex --fills 1",
))  # fmt: skip
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@option("--list", "lists", is_flag=True, section=SECTION, help="Show the open orders of now and end, no stream.")
@stream_flags
def orders(symbols: tuple[str, ...], lists: bool, access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream orders and executions, or list open orders; on the contract market what a break has hidden comes after it."""
    names = spelled(symbols)

    async def program(stop: Stop) -> int:
        if lists:
            await stop.race(_list(names, access, feed))
            return stop.exit_code
        if names:
            raise OptionError("symbols go with --list; the stream carries every order", option="symbols")
        return await _stream(access, feed, retry, stop)

    access.run(program, debug=feed.is_debug)


async def _list(names: tuple[str, ...], access: WeexAccess, feed: FeedPlan) -> None:
    from wsexample.brokers.weex.rest import WeexRest

    async with WeexRest(access.config(is_private=True)) as rest:
        rows = [row for name in names or (None,) for row in await rest.fetch_open_orders(name)]
    show(
        orders_of(rows),
        ORDERS,
        wants_json=not feed.wants_table,
        color=feed.color,
        empty=f"no open orders ({access.place})",
    )


def orders_of(rows: list[dict[str, Any]]) -> list[Record]:
    """Return orders as REST shows them now, which is no backfill."""
    import msgspec

    from wsexample.brokers.weex.dialect import answer_rows
    from wsexample.clock import SystemClock

    found = [message.record for message in answer_rows("orders", rows, SystemClock().now_ns())]
    return [msgspec.structs.replace(record, is_backfilled=False) for record in found if isinstance(record, Order)]


async def _stream(access: WeexAccess, feed: FeedPlan, retry: Retry, stop: Stop) -> int:
    from wsexample.brokers.weex.rest import WeexRest
    from wsexample.cli.feed.numbers import time_of_day
    from wsexample.cli.feed.run import Feed
    from wsexample.cli.rows import RowsView
    from wsexample.cli.weex.sessions import weex_session

    config = access.config(is_private=True)
    columns = (Column("Time", lambda item: time_of_day(item.exchange_ns, None), is_text=True, rank=1), *ORDERS[:-1])
    async with WeexRest(config) as rest:
        session = weex_session(config, ["orders", "fill"], rest=rest, is_private=True, retry=retry)
        runs = Feed(
            feed,
            {"orders": session},
            stop,
            place=access.place,
            view=RowsView(
                columns,
                lambda item: item.order_id,
                shape=lambda record: record if isinstance(record, Order) else None,
                is_newest_first=True,
                waiting="waiting for something to happen to an order",
            ),
            greeting=lambda: f"orders and executions of {access.place}",
        )
        return await runs.run()
