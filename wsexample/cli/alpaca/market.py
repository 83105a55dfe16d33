"""``wsexample alpaca quotes|trades|bars|books|news|stream``: market data as it comes, run as a feed.

What a feed does with records is in `wsexample.cli.feed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.alpaca.access import SECTION, AlpacaAccess, market_access
from wsexample.cli.broker_access import patience_flag, retry_of
from wsexample.cli.feed.flags import feed_flags
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.help_text import epilog
from wsexample.cli.options import CONTEXT, Command, option
from wsexample.cli.running import Stop
from wsexample.cli.symbols import by_feed, spelled

if TYPE_CHECKING:
    from wsexample.cli.feed.view import View

__all__ = ["bars", "books", "news", "quotes", "stream", "trades"]

ViewOf = Callable[[Sequence[str]], "View"]


def _market_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of every market data stream; the command gets ``where``, in place of their values."""

    @wraps(command)
    def with_where(
        *args: Any, feed_name: str | None, backfill: bool, codec: str, is_patient: bool, **others: Any
    ) -> Any:
        where = {"feed": feed_name, "backfill": backfill, "codec": codec, "is_patient": is_patient}
        return command(*args, where=where, **others)

    flags = (
        option(
            "--feed",
            "feed_name",
            metavar="NAME",
            section=SECTION,
            help="iex, sip, delayed_sip, boats, overnight, test, crypto, perps, indicative, opra; by default by the look of"
            " each symbol: iex, crypto for BTC/USD, perps for BTC-PERP, indicative for options.",
        ),
        option(
            "--backfill",
            is_flag=True,
            section=SECTION,
            help="After a break, read what was missed by REST where there is a history.",
        ),
        option(
            "--codec",
            type=click.Choice(["msgpack", "json"]),
            default="msgpack",
            show_default=True,
            section=SECTION,
            help="How Alpaca writes its messages.",
        ),
    )
    decorated: Callable[..., Any] = market_access(patience_flag(SECTION)(feed_flags(with_where)))
    for flag in reversed(flags):
        decorated = flag(decorated)
    return decorated


STAR = "A SYMBOL of '*' stands for all of a feed."
SYMBOLS = click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca quotes AAPL MSFT BTC/USD",
    "wsexample alpaca quotes BTC/USD --store ticks.db --journal events.jsonl",
    "wsexample alpaca quotes AAPL --duration 10m --backfill | jq .bid_price",
    "wsexample alpaca quotes FAKEPACA --feed test",
    "wsexample alpaca quotes AAPL --sim                with wsexample sim alpaca",
    note=STAR,
))  # fmt: skip
@SYMBOLS
@_market_flags
def quotes(symbols: tuple[str, ...], **settings: Any) -> None:
    """Stream best bid and ask: a live table on a terminal, JSON lines in a pipe."""
    _run("quotes", symbols, _prices, **settings)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca trades AAPL MSFT",
    "wsexample alpaca trades BTC/USD --count 1000 --store trades.db",
    "wsexample alpaca trades '*' --feed test | jq -c '[.symbol,.price]'",
    note=STAR,
))  # fmt: skip
@SYMBOLS
@_market_flags
def trades(symbols: tuple[str, ...], **settings: Any) -> None:
    """Stream trades, corrections and cancels: the newest on top on a terminal, JSON lines in a pipe."""
    _run("trades", symbols, _tape, **settings)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca bars AAPL MSFT",
    "wsexample alpaca bars BTC/USD --daily --updated",
    note=STAR,
))  # fmt: skip
@SYMBOLS
@option("--updated", is_flag=True, section=SECTION, help="Also bars that late trades have changed.")
@option("--daily", is_flag=True, section=SECTION, help="Also the bar of the day, every minute.")
@_market_flags
def bars(symbols: tuple[str, ...], updated: bool, daily: bool, **settings: Any) -> None:
    """Stream minute bars: one comes when its minute is over."""
    more = [*(["updatedBars"] if updated else []), *(["dailyBars"] if daily else [])]
    _run("bars", symbols, _bars, more=more, **settings)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca books BTC/USD",
    "wsexample alpaca books BTC/USD ETH/USD --levels 5",
))  # fmt: skip
@SYMBOLS
@option(
    "--levels",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    section="Output",
    help="Levels to show of each side.",
)
@_market_flags
def books(symbols: tuple[str, ...], levels: int, **settings: Any) -> None:
    """Stream order books of crypto pairs: whole, sorted, best first."""
    stock = next((name for name in symbols if not {"/", "-", "*"} & set(name)), None)
    if stock is not None:
        raise click.UsageError(f"{stock} has no order book here; books are of crypto pairs such as BTC/USD")
    _run("orderbooks", symbols, lambda names: _books(names, levels), **settings)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca news", "wsexample alpaca news AAPL TSLA --store news.db", "wsexample alpaca news | jq -r .headline"
))  # fmt: skip
@click.argument("symbols", nargs=-1, metavar="[SYMBOL...]")
@_market_flags
def news(symbols: tuple[str, ...], **settings: Any) -> None:
    """Stream articles as they appear; of all symbols when none is named."""
    settings["where"]["feed"] = settings["where"]["feed"] or "news"
    _run("news", symbols or ("*",), _news, **settings)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca stream trades:AAPL quotes:AAPL,MSFT",
    "wsexample alpaca stream statuses:* lulds:* | jq .",
    "wsexample alpaca stream pricing:BTC-PERP --feed perps",
    note=STAR,
))  # fmt: skip
@click.argument("topics", nargs=-1, required=True, metavar="CHANNEL:SYMBOL[,SYMBOL...]...")
@_market_flags
def stream(topics: tuple[str, ...], **settings: Any) -> None:
    """Stream any channels together.

    Channels are trades, quotes, bars, updatedBars, dailyBars, statuses, lulds, imbalances, orderbooks, pricing and news.
    """
    wanted = []
    for word in topics:
        channel, colon, names = word.partition(":")
        if not colon or not spelled([names]):
            raise click.UsageError(f"{word}: write CHANNEL:SYMBOL, such as quotes:AAPL")
        wanted += [f"{channel}:{name}" for name in spelled([names])]
    _run_topics(wanted, _prices, **settings)


# -- running -----------------------------------------------------------------------------------------------------


def _run(channel: str, symbols: Iterable[str], view_of: ViewOf, *, more: Iterable[str] = (), **settings: Any) -> None:
    names = spelled(symbols)
    _run_topics([f"{each}:{name}" for each in (channel, *more) for name in names], view_of, **settings)


def _run_topics(
    topics: Sequence[str], view_of: ViewOf, *, feed: FeedPlan, access: AlpacaAccess, where: dict[str, Any]
) -> None:
    symbols = list(dict.fromkeys(topic.partition(":")[2] for topic in topics))

    async def program(stop: Stop) -> int:
        from wsexample.brokers.alpaca import AlpacaStream
        from wsexample.cli.feed.numbers import count_of
        from wsexample.cli.feed.run import Feed

        credentials = access.credentials()
        feeds = {
            name: AlpacaStream(
                credentials=credentials,
                feed=name,
                topics=some,
                codec=where["codec"],
                backfill=where["backfill"],
                url=access.stream_url,
                rest_url=access.rest_url,
                retry=retry_of(feed, is_patient=where["is_patient"]),
            )
            for name, some in by_feed(topics, where["feed"]).items()
        }
        place = f"{access.place} {', '.join(feeds)}"
        runs = Feed(
            feed,
            feeds,
            stop,
            place=place,
            view=view_of([symbol for symbol in symbols if symbol != "*"]),
            greeting=lambda: f"{count_of(len(topics), 'topic')} of {place}",
            silence=_why_silent(next(iter(feeds))),
        )
        return await runs.run()

    access.run(program, debug=feed.is_debug)


def _why_silent(feed: str) -> str:
    if feed == "news":
        return "no article has appeared"
    if feed.startswith(("crypto", "perps", "test")):
        return "nothing has changed, or the symbol is not traded here"
    return 'the market may be closed; "wsexample alpaca clock" tells'


# -- what a terminal shows ---------------------------------------------------------------------------------------


def _prices(symbols: Sequence[str]) -> View:
    from wsexample.cli.feed.table import MarketTable

    return MarketTable(list(symbols))


def _tape(symbols: Sequence[str]) -> View:
    from wsexample.cli.market_rows import tape_view

    return tape_view()


def _bars(symbols: Sequence[str]) -> View:
    from wsexample.cli.market_rows import bars_view

    return bars_view()


def _news(symbols: Sequence[str]) -> View:
    from wsexample.cli.market_rows import news_view

    return news_view()


def _books(symbols: Sequence[str], levels: int) -> View:
    from wsexample.cli.ladder import BookView

    return BookView(list(symbols), levels=levels)
