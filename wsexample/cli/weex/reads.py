"""``wsexample weex history``: past candles and the latest trades, once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.help_text import CALL_STATUSES, epilog
from wsexample.cli.listing import Column, list_flags, number, show, when
from wsexample.cli.options import CONTEXT, SECONDS, Command, debug_option, option
from wsexample.cli.running import Stop, say
from wsexample.cli.symbols import spelled
from wsexample.cli.weex.access import WeexAccess, weex_access
from wsexample.cli.weex.market import INTERVALS
from wsexample.errors import BrokerError, DialectError, RequestError, UnknownSymbolError
from wsexample.records.market import Bar, Record

if TYPE_CHECKING:
    from wsexample.brokers.weex.rest import WeexRest

__all__ = ["history"]

MS_NS = 1_000_000
MOST = 1_000
"""Rows of an answer, as documented."""
PARAMETER_INVALID = -1142
"""What WEEX answers market calls with that name an unknown symbol, among others."""

_TIME = Column("Time", lambda item: when(item.exchange_ns), is_text=True)
_SYMBOL = Column("Symbol", lambda item: item.symbol, is_text=True)
COLUMNS = {
    "candles": (
        _TIME,
        _SYMBOL,
        Column("Open", lambda item: number(item.open), rank=1, is_price=True),
        Column("High", lambda item: number(item.high), is_price=True),
        Column("Low", lambda item: number(item.low), is_price=True),
        Column("Close", lambda item: number(item.close), tone=lambda item: item.close - item.open, is_price=True),
        Column("Volume", lambda item: number(item.volume), rank=2),
        Column("Trades", lambda item: number(item.trade_count), rank=3),
    ),
    "trades": (
        _TIME,
        _SYMBOL,
        Column("Price", lambda item: number(item.price), is_price=True),
        Column("Size", lambda item: number(item.size)),
        Column("Side", lambda item: item.aggressor or "", is_text=True, rank=1),
    ),
}

EPILOG = epilog(
    "wsexample weex history candles BTCUSDT --interval 1h --limit 24",
    "wsexample weex history candles BTCUSDT --last 2d --interval 1h --store candles.db",
    "wsexample weex history trades BTCUSDT ETHUSDT | jq .price",
    statuses=CALL_STATUSES,
    note="WEEX answers 1,000 rows at most, and keeps no more than the latest 1,000 trades.",
)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("what", type=click.Choice(["candles", "trades"]))
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@option(
    "--interval",
    type=click.Choice(INTERVALS),
    default="1m",
    show_default=True,
    section="Time",
    help="Length of a candle.",
)
@option(
    "--last", type=SECONDS, section="Time", help="Candles of so long back from now, such as 2h or 5d; contracts only."
)
@option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=100,
    show_default=True,
    section="Time",
    help="Rows of each symbol at most.",
)
@option(
    "--store", metavar="URL", section="Output", help="Store every record: a path such as candles.db, or sqlite:///path."
)
@weex_access
@list_flags
@debug_option
def history(
    what: str,
    symbols: tuple[str, ...],
    interval: str,
    last: float | None,
    limit: int,
    store: str | None,
    access: WeexAccess,
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    """Read past candles or the latest trades: a table on a terminal, JSON lines in a pipe."""
    if last is not None and (what == "trades" or access.is_spot):
        raise click.UsageError("--last goes with candles of contracts")

    async def program(stop: Stop) -> int:
        found: list[Record] = []

        async def read() -> None:
            from wsexample.brokers.weex.dialect import spell
            from wsexample.brokers.weex.rest import WeexRest

            async with WeexRest(access.config()) as rest:
                for name in dict.fromkeys(spell(word) for word in spelled(symbols)):
                    try:
                        found.extend(await _read(rest, what, name, interval, last, limit))
                    except RequestError as error:
                        raise await _named(error, rest, name) from error

        if not await stop.race(read()):
            return stop.exit_code
        if store is not None:
            await _keep(found, store)
        show(found, COLUMNS[what], wants_json=wants_json, color=color, empty=f"no {what} in this time")
        return stop.exit_code

    access.run(program, debug=debug)


async def _named(error: RequestError, rest: WeexRest, name: str) -> BrokerError:
    """Return the error of a refused call, which names a symbol that is not listed: WEEX only says that a parameter is wrong."""
    if error.code != PARAMETER_INVALID or name in {row.get("symbol") for row in await rest.fetch_symbols()}:
        return error
    return UnknownSymbolError(f"{error}: {name} is not listed", symbols=(name,), venue="weex", words=error.words)


async def _read(rest: WeexRest, what: str, name: str, interval: str, last: float | None, limit: int) -> list[Record]:
    from wsexample.brokers.weex.dialect import past_trades

    if what == "trades":
        return [message.record for message in past_trades(name, await rest.fetch_trades(name, limit), time.time_ns())]
    if last is None:
        rows = await rest.fetch_candles(name, interval, limit)
    else:
        now_ms = time.time_ns() // MS_NS
        rows = await rest.fetch_candles(name, interval, MOST, start_ms=now_ms - round(last * 1000), end_ms=now_ms)
    received_ns = time.time_ns()
    try:
        bars = [_bar(name, row, interval, received_ns) for row in rows]
    except (ValueError, TypeError, IndexError) as error:
        raise DialectError(f"WEEX answered with a candle that cannot be read: {error}", venue="weex") from None
    return sorted(bars, key=lambda bar: bar.exchange_ns or 0)


def _bar(symbol: str, row: list[Any], interval: str, received_ns: int) -> Bar:
    """Read a row of the candles call: open time, open, high, low, close, volume, close time, turnover, trades."""
    from wsexample.brokers.weex.codes import INTERVALS_S, VENUE

    start_ns, end_ns = int(row[0]) * MS_NS, int(row[6]) * MS_NS
    return Bar(
        venue=VENUE,
        symbol=symbol,
        exchange_ns=start_ns,
        received_ns=received_ns,
        interval_s=float(INTERVALS_S[interval]),
        open=float(row[1]),
        high=float(row[2]),
        low=float(row[3]),
        close=float(row[4]),
        volume=float(row[5]),
        trade_count=int(row[8]) if len(row) > 8 and row[8] is not None else None,
        state="running" if end_ns > received_ns else "final",
    )


async def _keep(records: list[Record], url: str) -> None:
    from wsexample.sinks.base import open_sink

    sink = open_sink(url)
    await sink.open()
    try:
        await sink.write(records)
    finally:
        await sink.close()
    say(f"{len(records):,} records stored in {getattr(sink, 'path', url)}")
