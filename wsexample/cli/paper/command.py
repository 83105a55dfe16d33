"""``wsexample paper``: a strategy that trades on paper, over a live stream or over what was kept."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, SECONDS, Command, debug_option, option, quiet_option
from wsexample.cli.progress import progress_bar
from wsexample.cli.running import Stop, run_command, say
from wsexample.cli.tapes.options import pace_options, time_options
from wsexample.cli.tapes.speed import factor
from wsexample.errors import OptionError

if TYPE_CHECKING:
    from wsexample.paper.engine import PaperTradingEngine
    from wsexample.records.market import Record

__all__ = ["main"]

EPILOG = """\b
Examples:
  wsexample paper crossover day.tape                       averages of 5 and 20 prices that cross
  wsexample paper idea.py day.tape --fee-bps 5 --latency 50ms
  wsexample paper idea.py ticks.db --against trade --orders > orders.jsonl
  wsexample alpaca trades AAPL | wsexample paper idea.py   live prices, paper money
  wsexample paper idea.py archive/ --max-drawdown 0.1 --json

\b
A strategy is a Python file with one coroutine:
  async def trade(records, gateway):
      async for record in records:         # quotes, trades, ...; your orders and fills as well
          ...
          await gateway.submit_order(OrderRequest(symbol="AAPL", side="buy", size=Decimal(10)))
The same coroutine trades with money when it is given a broker's gateway; docs/paper.md shows how.

\b
FILE is a tape (several are merged), an SQLite file, a Parquet directory or JSON lines;
without one, JSON lines are read from standard input.

""" + exit_status_help(
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.MISSING_EXTRA,
    ExitCode.REFUSED,
    ExitCode.STORAGE,
    ExitCode.INTERNAL,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)

ACCOUNT, MARKET, LIMITS = "Account", "Simulated market", "Limits"
FLAGS = {
    "initial_balance": "--balance",
    "slippage_bps": "--slippage-bps",
    "max_position": "--max-position",
    "max_order_value": "--max-order",
    "max_leverage": "--leverage",
    "daily_loss": "--daily-loss",
    "max_drawdown": "--max-drawdown",
    "sample_s": "--sample",
}
"""Parameters of the engine that a flag sets under another name."""


class _Number(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """A decimal number, exactly as it is written."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the number."""
        try:
            number = Decimal(value)
        except ArithmeticError:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not number.is_finite():
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


NUMBER = _Number()


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("strategy")
@click.argument("files", metavar="[FILE]...", nargs=-1)
@option("--balance", type=NUMBER, default="10000", show_default=True, section=ACCOUNT, help="Cash at the beginning.")
@option("--currency", default="USD", show_default=True, section=ACCOUNT, help="Its currency.")
@option("--fee-bps", type=NUMBER, default="0", section=ACCOUNT, help="Fee for taking, in basis points.")
@option("--maker-bps", type=NUMBER, section=ACCOUNT, help="Fee for waiting, when it is another; negative is a rebate.")
@option("--fee-per-unit", type=NUMBER, default="0", section=ACCOUNT, help="Fee for each share or contract.")
@option(
    "--against",
    type=click.Choice(["book", "quote", "trade", "last"]),
    default="book",
    show_default=True,
    section=MARKET,
    help="What orders meet: all levels, the best, the prints, or the last price whatever the size.",
)
@option(
    "--queue",
    type=click.Choice(["back", "front", "through"]),
    default="back",
    show_default=True,
    section=MARKET,
    help="Where waiting orders stand; through: filled only beyond their price.",
)
@option("--slippage-bps", type=NUMBER, default="0", section=MARKET, help="How much worse taking is than it looks.")
@option("--latency", type=SECONDS, default="0", section=MARKET, help="How long an order is on its way.")
@option("--jitter", type=SECONDS, default="0", section=MARKET, help="Up to how much longer, drawn by the seed.")
@option("--seed", type=int, default=0, show_default=True, section=MARKET, help="Of everything drawn by lot.")
@option("--short", is_flag=True, section=LIMITS, help="Allow selling what is not held.")
@option("--leverage", type=NUMBER, default="1", show_default=True, section=LIMITS, help="Most exposure by equity.")
@option("--max-position", type=NUMBER, section=LIMITS, help="Largest position of a symbol.")
@option("--max-order", type=NUMBER, section=LIMITS, help="Largest value of an order.")
@option("--orders-per-minute", type=click.IntRange(min=1), section=LIMITS, help="Most orders within 60 s.")
@option("--daily-loss", type=NUMBER, section=LIMITS, help="Loss of a day that ends trading and closes everything.")
@option("--max-drawdown", type=NUMBER, section=LIMITS, help="Fraction below the peak that does the same.")
@pace_options("max")
@time_options
@option("--source", type=click.IntRange(min=0), section="Tape", help="Only this source, by its number.")
@option("--orders", is_flag=True, section="Output", help="Print orders, fills and positions as JSON lines.")
@option("--json", "as_json", is_flag=True, section="Output", help="Print the report as one JSON object.")
@option(
    "--store", metavar="URL", section="Output", help="Store orders, fills and positions: trades.db, or a sink's URL."
)
@option(
    "--sample", type=SECONDS, default="60", show_default=True, section="Output", help="Distance of points of the curve."
)
@quiet_option
@debug_option
def main(strategy: str, files: tuple[str, ...], quiet: bool, debug: bool, **chosen: Any) -> None:
    """Trade on paper by STRATEGY, a Python file or "crossover", and report how it went.

    Orders meet the market that the records show, never more than it offers; the same records and seed give the same fills.
    """

    async def program(stop: Stop) -> int:
        return await _trade(strategy, files, chosen, stop, is_quiet=quiet)

    run_command(program, debug=debug)


async def _trade(strategy: str, files: tuple[str, ...], chosen: dict[str, Any], stop: Stop, *, is_quiet: bool) -> int:
    from wsexample.cli.paper.report import report_facts, report_lines
    from wsexample.cli.paper.strategy import CROSSOVER, load_strategy
    from wsexample.cli.record_files import STDIN, records_from
    from wsexample.cli.tapes.play import Playing

    if not files and sys.stdin.isatty():
        raise OptionError("name a file to trade on, or pipe records in; --help has examples")
    trade = None if strategy == CROSSOVER else load_strategy(strategy)
    try:
        engine = _engine(chosen)
    except OptionError as error:
        raise _in_flags(error) from None
    playing = Playing(
        speed=factor(chosen["speed"]),
        max_pause_s=chosen["max_pause"],
        since=chosen["since"],
        until=chosen["until"],
        source=chosen["source"],
    )
    kept = _Kept(chosen["store"], prints=chosen["orders"])
    seen = 0

    async def market(progress: Callable[[int, int], None] | None) -> AsyncIterator[Record]:
        nonlocal seen
        async with aclosing(records_from(files or (STDIN,), playing, progress)) as batches:
            async for batch in batches:
                for record in batch:
                    seen += 1
                    yield record

    async with kept:
        with progress_bar("trading", is_quiet=is_quiet) as progress:
            records = engine.watch(market(progress))
            work = kept.through(records)
            await stop.race(trade(work, engine) if trade is not None else _follow(engine, work))
        await kept.take(engine.take_told())
    if chosen["as_json"]:
        click.echo(json.dumps(report_facts(engine, seen)), err=chosen["orders"])
    elif not is_quiet:
        width = shutil.get_terminal_size((100, 24)).columns
        click.echo("\n".join(report_lines(engine, seen, width=width)), err=chosen["orders"])
    if kept.place is not None and not is_quiet:
        say(f"{kept.count:,} records of orders, fills and positions stored in {kept.place}")
    return stop.exit_code


async def _follow(engine: PaperTradingEngine, records: AsyncIterator[Record]) -> None:
    async for record in records:
        engine.follow(record)


def _engine(chosen: dict[str, Any]) -> PaperTradingEngine:
    from wsexample.paper import Fees, Fills, Limits, PaperTradingEngine

    maker_bps = chosen["maker_bps"] if chosen["maker_bps"] is not None else chosen["fee_bps"]
    return PaperTradingEngine(
        chosen["balance"],
        chosen["currency"],
        fills=Fills(
            against=chosen["against"],
            queue=chosen["queue"],
            slippage_bps=chosen["slippage_bps"],
            latency_s=chosen["latency"],
            jitter_s=chosen["jitter"],
        ),
        fees=Fees(maker_bps=maker_bps, taker_bps=chosen["fee_bps"], per_unit=chosen["fee_per_unit"]),
        limits=Limits(
            max_position=chosen["max_position"],
            max_order_value=chosen["max_order"],
            max_leverage=chosen["leverage"],
            can_short=chosen["short"],
            daily_loss=chosen["daily_loss"],
            max_drawdown=chosen["max_drawdown"],
            max_orders_per_minute=chosen["orders_per_minute"],
        ),
        seed=chosen["seed"],
        sample_s=chosen["sample"],
    )


def _in_flags(error: OptionError) -> OptionError:
    """Return an error of the engine's that names the flag in place of the parameter."""
    flag = FLAGS.get(error.option)
    if flag is None:
        return error
    return OptionError(str(error).replace(error.option, flag).removesuffix("; None does not limit"), option=flag)


class _Kept:
    """Where records of the account's own go: a pipe, a store, both or neither."""

    def __init__(self, url: str | None, *, prints: bool) -> None:
        from wsexample.cli.feed.store import Store
        from wsexample.cli.output import Output

        self._store = Store(url) if url is not None else None
        self._out = Output() if prints else None
        self.count = 0

    @property
    def place(self) -> str | None:
        """Where they are stored; None for nowhere."""
        return None if self._store is None else str(self._store.place)

    async def __aenter__(self) -> None:
        if self._store is not None:
            await self._store.open()

    async def __aexit__(self, *exc: object) -> None:
        if self._store is not None:
            await self._store.close()

    async def through(self, records: AsyncIterator[Record]) -> AsyncIterator[Record]:
        """Hand records on to the strategy; those of its own account are kept on the way."""
        async for record in records:
            if record.venue == "paper":
                await self.take([record])
            yield record

    async def take(self, records: list[Record]) -> None:
        """Keep records of the account."""
        from wsexample.records.fields import encode_json

        if not records:
            return
        self.count += len(records)
        if self._store is not None:
            await self._store.write(records)
        if self._out is not None:
            await self._out.send(b"".join(encode_json(record) + b"\n" for record in records))


if __name__ == "__main__":
    main(prog_name="wsexample paper")
