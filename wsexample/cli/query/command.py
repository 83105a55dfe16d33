"""``wsexample query``: ask stored records in SQL, make bars of them, export them, draw a day."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.feed.numbers import count_of
from wsexample.cli.options import CONTEXT, DAY, SECONDS, Command, debug_option, option, quiet_option
from wsexample.cli.output import Output
from wsexample.cli.query.asking import answered
from wsexample.cli.query.bars import bars_query, prices_query
from wsexample.cli.query.engine import Answer, DuckEngine, Engine, open_engine
from wsexample.cli.query.output import FORMATS, format_of, show, write_arrow
from wsexample.cli.running import Stop, run_command, say
from wsexample.errors import OptionError

if TYPE_CHECKING:
    from wsexample.cli.query.picture import Day

__all__ = ["main"]

EPILOG = """\b
Examples:
  wsexample query ticks.db                                  what is there
  wsexample query ticks.db "select symbol, count(*) from trades group by 1"
  wsexample query archive/ "select * from quotes where day = '2026-01-05' limit 10"
  wsexample query ticks.db --bars 1m --symbol AAPL -o bars.parquet
  wsexample query boards.db --symbol 9433@1 --picture day.png
  wsexample query boards.db --symbol 9433@1 --picture -     on the terminal

\b
SQLite files are asked by SQLite, Parquet by DuckDB (pip install 'wsexample[archive]'); both are
only read. A terminal shows a table, a pipe gets CSV, a file what its name says: .csv, .jsonl,
.parquet or .arrow. Times are nanoseconds since 1970 UTC. Tapes: wsexample replay --store.

""" + exit_status_help(
    ExitCode.OK, ExitCode.USAGE, ExitCode.MISSING_EXTRA, ExitCode.STORAGE, ExitCode.INTERNAL, ExitCode.INTERRUPTED
)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("place", metavar="FILE|DIRECTORY")
@click.argument("sql", required=False)
@option("--bars", type=SECONDS, section="Question", help="Bars of this length, such as 1m, out of trades or boards.")
@option(
    "--picture", metavar="FILE", section="Question", help="Price and spread of a day as a PNG, or - for the terminal."
)
@option("--symbol", section="Question", help="With --bars and --picture, only this symbol.")
@option(
    "--day",
    type=DAY,
    metavar="DAY",
    section="Question",
    help="With --bars and --picture, only this day in UTC; a picture takes the last one.",
)
@option("-f", "--format", "wanted", type=click.Choice(FORMATS), section="Output", help="How to write it.")
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    section="Output",
    help="Write to a file.",
)
@quiet_option
@debug_option
def main(
    place: str,
    sql: str | None,
    bars: float | None,
    picture: str | None,
    symbol: str | None,
    day: datetime | None,
    wanted: str | None,
    output: Path | None,
    quiet: bool,
    debug: bool,
) -> None:
    """Ask stored records: in SQL, as bars, as a picture, or, without a question, what there is."""
    if sum(question is not None for question in (sql, bars, picture)) > 1:
        raise click.UsageError("ask one thing: SQL, --bars or --picture")
    if (symbol is not None or day is not None) and bars is None and picture is None:
        raise click.UsageError("--symbol and --day are for --bars and --picture; in SQL, write a WHERE")
    if sql is not None and not sql.strip():
        raise click.UsageError("the SQL is empty; without any, what there is is shown")

    async def program(stop: Stop) -> int:
        async def work() -> int:
            if picture is not None:
                day_drawn = await asyncio.to_thread(_day_of, engine, symbol, (from_ns, to_ns))
                return _draw(day_drawn, picture, is_quiet=quiet)
            if sql is not None:
                answer = await asyncio.to_thread(engine.ask, sql)
            elif bars is not None:
                tables = await asyncio.to_thread(engine.tables)
                question, parameters = bars_query(tables, bars, symbol=symbol, from_ns=from_ns, to_ns=to_ns)
                answer = await asyncio.to_thread(engine.ask, question, parameters)
            else:
                answer = _overview(engine)
            count = await _write(answer, wanted, output, is_quiet=quiet)
            if bars is not None and not count and not quiet:
                say(await asyncio.to_thread(_why_no_bars, engine, symbol))
            return ExitCode.OK

        from_ns, to_ns = _day_ns(day) if day is not None else (None, None)
        with closing(open_engine(place)) as engine:
            _tell_left_out(engine, is_quiet=quiet)
            return await answered(work(), engine, stop)

    run_command(program, debug=debug)


async def _write(answer: Answer, wanted: str | None, output: Path | None, *, is_quiet: bool) -> int:
    """Write an answer where it is wanted; returns the number of rows."""
    kind = format_of(wanted, output, is_terminal=output is None and sys.stdout.isatty())
    if output is not None and kind in ("parquet", "arrow"):
        count = await asyncio.to_thread(write_arrow, answer, output, kind)
    else:
        with Output(output) as out:
            count = await show(answer, kind, out)
    if output is not None and not is_quiet:
        say(f"{count_of(count, 'row')} written to {output}")
    return count


def _overview(engine: Engine) -> Answer:
    """Say of each table how many records it has, of how many symbols, and from when to when."""

    def rows() -> Iterator[list[tuple[Any, ...]]]:
        for name, columns in engine.tables().items():
            has_time, has_symbol = "received_ns" in columns, "symbol" in columns
            times = "min(received_ns), max(received_ns)" if has_time else "NULL, NULL"
            symbols = "count(DISTINCT symbol)" if has_symbol else "NULL"
            quoted = name.replace('"', '""')
            answer = engine.ask(f'SELECT count(*), {symbols}, {times} FROM "{quoted}"')
            count, distinct, first, last = next(iter(answer.batches))[0]
            if count:
                yield [(name, count, distinct, _text(first), _text(last))]

    return Answer(("table", "records", "symbols", "first_utc", "last_utc"), rows())


def _day_of(engine: Engine, symbol: str | None, span: tuple[int | None, int | None]) -> Day:
    """Gather prices of a symbol within a span; where it is open, those of the last day."""
    from wsexample.cli.query.picture import gather

    tables = engine.tables()
    symbol = symbol or _only_symbol(engine, tables)
    from_ns, to_ns = span
    if from_ns is None or to_ns is None:
        from_ns, to_ns = _last_day(engine, tables, symbol)
    sql, parameters = prices_query(tables, symbol=symbol, from_ns=from_ns, to_ns=to_ns)
    answer = engine.ask(sql, parameters)
    date = datetime.fromtimestamp(from_ns // 10**9, tz=UTC)
    return gather((row for batch in answer.batches for row in batch), f"{symbol}, {date:%Y-%m-%d} (UTC)")


def _draw(day: Day, picture: str, *, is_quiet: bool) -> int:
    from wsexample.cli.query.picture import draw_png, draw_text

    if picture != "-":
        draw_png(day, Path(picture))
        if not is_quiet:
            say(f"drawn: {picture}")
        return ExitCode.OK
    width, height = get_terminal_size((100, 32))
    click.echo(draw_text(day, width=width, height=max(height - 1, 12)), nl=False)
    return ExitCode.OK


def _only_symbol(engine: Engine, tables: dict[str, list[str]]) -> str:
    """Return the symbol of a place that has one; raises `OptionError` when there are several."""
    found = sorted(_symbols(engine, tables))
    if len(found) == 1:
        return found[0]
    words = f"say which --symbol: {_some(found)}" if found else "there are no records with prices"
    raise OptionError(words, option="symbol")


def _some(symbols: list[str]) -> str:
    return ", ".join(symbols[:8]) + (", …" if len(symbols) > 8 else "")


def _why_no_bars(engine: Engine, symbol: str | None) -> str:
    found = sorted(_symbols(engine, engine.tables()))
    if symbol is None or symbol in found or not found:
        return "no trades in this time"
    return f"nothing of {symbol} is stored; there are {_some(found)}"


def _symbols(engine: Engine, tables: dict[str, list[str]]) -> set[str]:
    priced = [name for name in ("trades", "quotes", "boards", "tickers") if name in tables]
    return {
        symbol
        for name in priced
        for batch in engine.ask(f"SELECT DISTINCT symbol FROM {name}").batches
        for (symbol,) in batch
    }


def _last_day(engine: Engine, tables: dict[str, list[str]], symbol: str) -> tuple[int, int]:
    """Return the span of the last day in UTC on which a symbol has prices."""
    latest = 0
    for name in ("trades", "quotes", "boards", "tickers"):
        if name in tables:
            answer = engine.ask(f"SELECT max(received_ns) FROM {name} WHERE symbol = ?", [symbol])
            latest = max(latest, next(iter(answer.batches))[0][0] or 0)
    if not latest:
        raise OptionError(f"there are no prices of {symbol}", option="symbol")
    return _day_ns(datetime.fromtimestamp(latest // 10**9, tz=UTC))


def _day_ns(moment: datetime) -> tuple[int, int]:
    begin = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    begin_ns = int(begin.timestamp()) * 10**9
    return begin_ns, begin_ns + int(timedelta(days=1).total_seconds()) * 10**9


def _text(at_ns: int | None) -> str | None:
    return None if at_ns is None else f"{datetime.fromtimestamp(at_ns // 10**9, tz=UTC):%Y-%m-%d %H:%M:%S}"


def _tell_left_out(engine: Engine, *, is_quiet: bool) -> None:
    if isinstance(engine, DuckEngine) and engine.left_out and not is_quiet:
        say(f"what is not archived yet is not in the answer; ask {engine.left_out[-1]} for it", color="yellow")
