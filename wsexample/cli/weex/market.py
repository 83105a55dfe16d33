"""``wsexample weex tickers|quotes|book|trades|candles``: market data as it comes, run as a feed.

What a feed does with records is in `wsexample.cli.feed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.help_text import epilog
from wsexample.cli.options import CONTEXT, Command, option
from wsexample.cli.running import Stop
from wsexample.cli.symbols import spelled
from wsexample.cli.weex.access import SECTION, WeexAccess, stream_flags
from wsexample.errors import OptionError

if TYPE_CHECKING:
    from wsexample.brokers.weex.dialect import WeexDialect
    from wsexample.cli.feed.view import View
    from wsexample.session.options import Retry

__all__ = ["book", "candles", "quotes", "tickers", "trades"]

INTERVALS = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w", "1M")
DEEPEST = 200


SYMBOLS = click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex tickers BTCUSDT ETHUSDT",
    "wsexample weex tickers BTCUSDT --store ticks.db --journal events.jsonl",
    "wsexample weex tickers BTCUSDT | jq .last_price",
    "wsexample weex tickers --all --store day.db",
    "wsexample weex tickers BTCUSDT --sim              with wsexample sim weex",
))  # fmt: skip
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@option("--all", "is_all", is_flag=True, section=SECTION, help="Every symbol that the venue lets programs trade.")
@stream_flags
def tickers(symbols: tuple[str, ...], is_all: bool, access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream last price, change and the figures of 24 hours: a live table on a terminal, JSON lines in a pipe."""
    if bool(symbols) == is_all:
        raise click.UsageError("give either SYMBOL... or --all")
    _run(symbols, lambda one, language: language.ticker_topic(one), _prices, access=access, feed=feed, retry=retry)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex quotes BTCUSDT ETHUSDT --spot", "wsexample weex quotes BTCUSDT --spot | jq .bid_price"
))  # fmt: skip
@SYMBOLS
@stream_flags
def quotes(symbols: tuple[str, ...], access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream best bid and ask; the spot market alone has this stream."""
    if not access.is_spot:
        raise click.UsageError("the contract market has no stream of quotes; add --spot, or use book --levels 1")
    _run(symbols, lambda one, language: language.quote_topic(one), _prices, access=access, feed=feed, retry=retry)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex book BTCUSDT",
    "wsexample weex book BTCUSDT ETHUSDT --levels 5",
    "wsexample weex book BTCUSDT --levels 1 | jq -c '[.bids[0], .asks[0]]'",
))  # fmt: skip
@SYMBOLS
@option(
    "--levels",
    type=click.IntRange(1, DEEPEST),
    default=15,
    show_default=True,
    section=SECTION,
    help="Levels of each side, 1 to 200; a record holds as many.",
)
@stream_flags
def book(symbols: tuple[str, ...], levels: int, access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream order books: whole and sorted in every record, asked for anew when a change is missing."""

    def view(names: Sequence[str]) -> View:
        from wsexample.cli.ladder import BookView

        return BookView(list(names), levels=levels)

    def cut() -> WeexDialect:
        from wsexample.cli.weex.sessions import BookDialect

        return BookDialect(levels)

    _run(
        symbols,
        lambda one, language: language.book_topic(one, levels),
        view,
        access=access,
        feed=feed,
        retry=retry,
        dialect=cut,
    )


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex trades BTCUSDT", "wsexample weex trades BTCUSDT ETHUSDT --count 1000 --store trades.db"
))  # fmt: skip
@SYMBOLS
@stream_flags
def trades(symbols: tuple[str, ...], access: WeexAccess, feed: FeedPlan, retry: Retry) -> None:
    """Stream trades: the newest on top on a terminal, JSON lines in a pipe; those that a break has hidden come after it."""
    _run(symbols, lambda one, language: language.trade_topic(one), _tape, access=access, feed=feed, retry=retry)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample weex candles BTCUSDT",
    "wsexample weex candles BTCUSDT ETHUSDT --interval 5m",
    "wsexample weex candles BTCUSDT --mark --count 100 | jq .close",
))  # fmt: skip
@SYMBOLS
@option(
    "--interval",
    type=click.Choice(INTERVALS),
    default="1m",
    show_default=True,
    section=SECTION,
    help="Length of a candle.",
)
@option(
    "--mark", "is_mark", is_flag=True, section=SECTION, help="Of the mark price in place of trades; contracts only."
)
@stream_flags
def candles(
    symbols: tuple[str, ...], interval: str, is_mark: bool, access: WeexAccess, feed: FeedPlan, retry: Retry
) -> None:
    """Stream candles: the one that goes on, again and again as it grows."""
    if is_mark and access.is_spot:
        raise click.UsageError("the spot market has no mark price")
    price = "MARK_PRICE" if is_mark else "LAST_PRICE"

    def view(names: Sequence[str]) -> View:
        from wsexample.cli.market_rows import bars_view

        return bars_view()

    _run(
        symbols,
        lambda one, language: language.kline_topic(one, interval, price),
        view,
        access=access,
        feed=feed,
        retry=retry,
    )


def _prices(symbols: Sequence[str]) -> View:
    from wsexample.cli.feed.table import MarketTable

    return MarketTable(list(symbols))


def _tape(symbols: Sequence[str]) -> View:
    from wsexample.cli.market_rows import tape_view

    return tape_view()


def _run(
    symbols: Sequence[str],
    topic_of: Callable[[str, Any], str],
    view_of: Callable[[Sequence[str]], View],
    *,
    access: WeexAccess,
    feed: FeedPlan,
    retry: Retry,
    dialect: Callable[[], WeexDialect] | None = None,
) -> None:
    async def program(stop: Stop) -> int:
        from wsexample.brokers.weex import dialect as language
        from wsexample.brokers.weex.codes import MAX_STREAMS
        from wsexample.brokers.weex.rest import WeexRest
        from wsexample.cli.feed.numbers import count_of
        from wsexample.cli.feed.run import Feed
        from wsexample.cli.weex.sessions import weex_session

        config = access.config()
        async with WeexRest(config) as rest:
            words = spelled(symbols) or await rest.fetch_tradable_symbols()
            names = list(dict.fromkeys(language.spell(word) for word in words))
            if not names:
                raise OptionError("name at least one symbol, such as BTCUSDT", option="symbol")
            sockets = [names[first : first + MAX_STREAMS] for first in range(0, len(names), MAX_STREAMS)]
            sessions = {
                f"socket {number}": weex_session(
                    config,
                    [topic_of(name, language) for name in some],
                    rest=rest,
                    retry=retry,
                    dialect=dialect() if dialect is not None else None,
                )
                for number, some in enumerate(sockets, 1)
            }
            runs = Feed(
                feed,
                sessions,
                stop,
                place=access.place,
                view=view_of(names),
                greeting=lambda: f"{count_of(len(names), 'symbol')} of {access.place}",
                silence="nothing has changed; WEEX trades round the clock, so a line of trouble may follow",
            )
            return await runs.run()

    access.run(program, debug=feed.is_debug)
