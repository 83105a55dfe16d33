"""``wsexample alpaca orders``: orders and executions as they happen, none lost over any break; or the orders of now, once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.alpaca.access import SECTION, AlpacaAccess, account_access
from wsexample.cli.alpaca.trade import ORDERS
from wsexample.cli.broker_access import patience_flag, retry_of
from wsexample.cli.feed.flags import feed_flags
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.help_text import epilog
from wsexample.cli.listing import Column, show
from wsexample.cli.options import CONTEXT, SECONDS, Command, option
from wsexample.cli.running import Stop
from wsexample.cli.symbols import spelled
from wsexample.errors import OptionError
from wsexample.records.market import Record
from wsexample.records.orders import Order

if TYPE_CHECKING:
    from wsexample.session.options import Retry

__all__ = ["main"]

EPILOG = epilog(
    "wsexample alpaca orders                           the paper account",
    "wsexample alpaca orders --since 2h                first what happened in the last two hours",
    "wsexample alpaca orders --store fills.db --journal events.jsonl",
    "wsexample alpaca orders | jq 'select(.kind==\"fill\")'",
    "wsexample alpaca orders --list all AAPL           orders of now, and end",
    "wsexample alpaca orders --sim                     with wsexample sim alpaca --fills 5",
    note="After a break, what was missed is fetched and comes before what is new, each execution\n"
    'once; such records say "is_backfilled": true.',
)

S = 10**9


@click.command("orders", cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@option(
    "--list",
    "which",
    type=click.Choice(["open", "closed", "all"]),
    section="Orders",
    help="Show the orders of now and end, no stream.",
)
@option("--limit", type=click.IntRange(1), section="Orders", help="With --list: so many at most.")
@option(
    "--since", type=SECONDS, section="Orders", help="Begin with what happened so long before now, such as 30m or 2h."
)
@option(
    "--missed",
    type=click.Choice(["auto", "events", "rest", "none"]),
    default="auto",
    show_default=True,
    section="Orders",
    help="Where missed updates are fetched from; none leaves them missing.",
)
@account_access
@patience_flag(SECTION)
@feed_flags
def main(
    symbols: tuple[str, ...],
    which: str | None,
    limit: int | None,
    since: float | None,
    missed: Any,
    is_patient: bool,
    access: AlpacaAccess,
    feed: FeedPlan,
) -> None:
    """Stream orders and executions of an account, or list orders; of some symbols when they are named."""
    names = spelled(symbols)

    async def program(stop: Stop) -> int:
        if which is not None:
            await stop.race(_list(which, names, limit, access, feed))
            return stop.exit_code
        if names or limit:
            raise OptionError("symbols and --limit go with --list; the stream carries every order", option="symbols")
        return await _stream(since, missed, retry_of(feed, is_patient=is_patient), access, feed, stop)

    access.run(program, debug=feed.is_debug)


async def _list(which: str, names: tuple[str, ...], limit: int | None, access: AlpacaAccess, feed: FeedPlan) -> None:
    async with access.trading() as rest:
        orders = await rest.fetch_orders(which, symbols=names, limit=limit)
    words = "no orders" if which == "all" else f"no {which} orders"
    show(orders, ORDERS, wants_json=not feed.wants_table, color=feed.color, empty=f"{words} ({access.account_place})")


async def _stream(
    since: float | None, missed: Any, retry: Retry, access: AlpacaAccess, feed: FeedPlan, stop: Stop
) -> int:
    from wsexample.brokers.alpaca import AlpacaTradingStream
    from wsexample.cli.feed.numbers import time_of_day
    from wsexample.cli.feed.run import Feed
    from wsexample.cli.rows import RowsView

    trading = AlpacaTradingStream(
        credentials=access.credentials(),
        paper=not access.is_live,
        backfill=missed,
        since_ns=None if since is None else round((datetime.now(UTC).timestamp() - since) * S),
        url=None if access.stream_url is None else f"{access.stream_url}/stream",
        rest_url=access.rest_url,
        retry=retry,
    )
    columns = (
        Column("Time", lambda item: time_of_day(item.exchange_ns, None), is_text=True, rank=1),
        *ORDERS[:-1],
        Column("Event", lambda item: (item.event or "").replace("_", " "), is_text=True, rank=7),
    )
    runs = Feed(
        feed,
        {"orders": trading},
        stop,
        place=access.account_place,
        view=RowsView(
            columns,
            lambda item: item.order_id,
            shape=_order_only,
            is_newest_first=True,
            waiting="waiting for something to happen to an order",
        ),
        greeting=lambda: f"orders and executions of {access.account_place}",
        extras=lambda: [f"{trading.backfilled:,} backfilled"] if trading.backfilled else [],
    )
    return await runs.run()


def _order_only(record: Record) -> Order | None:
    return record if isinstance(record, Order) else None
