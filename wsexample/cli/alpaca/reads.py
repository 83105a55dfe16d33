"""``wsexample alpaca snapshot|history|clock|account|positions``: what REST tells once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from wsexample.cli.alpaca.access import AlpacaAccess, account_access, market_access
from wsexample.cli.help_text import CALL_STATUSES, epilog
from wsexample.cli.listing import NONE, Column, list_flags, money, number, show, show_one, when
from wsexample.cli.options import CONTEXT, MOMENT, SECONDS, Command, debug_option, option
from wsexample.cli.output import Output
from wsexample.cli.running import Stop, say
from wsexample.cli.symbols import by_feed, spelled
from wsexample.errors import UnknownSymbolError
from wsexample.records.fields import encode_json
from wsexample.records.market import Record
from wsexample.records.orders import Account, Position

__all__ = ["account", "clock", "history", "positions", "snapshot"]

Snapshot = Mapping[str, Any]


# -- account -----------------------------------------------------------------------------------------------------

ACCOUNT = (
    Column("Account", lambda item: item.account or NONE),
    Column("Status", lambda item: f"{item.status or NONE}{', trading blocked' if item.is_blocked else ''}"),
    Column("Equity", lambda item: money(item.equity)),
    Column("  today", lambda item: _gain(item), tone=lambda item: _gained(item)),
    Column("Cash", lambda item: money(item.cash)),
    Column("Buying power", lambda item: money(item.buying_power)),
    Column("Long", lambda item: money(item.long_value)),
    Column("Short", lambda item: money(item.short_value)),
    Column("Initial margin", lambda item: money(item.initial_margin)),
    Column("Maintenance margin", lambda item: money(item.maintenance_margin)),
    Column("Leverage", lambda item: number(item.leverage)),
    Column("Currency", lambda item: item.currency or NONE),
)


def _gained(item: Account) -> Any:
    return None if item.equity is None or item.last_equity is None else item.equity - item.last_equity


def _gain(item: Account) -> str:
    gained = _gained(item)
    return NONE if gained is None else f"{gained:+,.2f}"


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca account                 the paper account",
    "wsexample alpaca account --live",
    "wsexample alpaca account --sim | jq -r .equity",
    statuses=CALL_STATUSES,
))  # fmt: skip
@account_access
@list_flags
@debug_option
def account(access: AlpacaAccess, wants_json: bool, color: str, debug: bool) -> None:
    """Show what the account has: equity, cash, buying power, margins."""

    async def program(stop: Stop) -> int:
        found: list[Account] = []

        async def read() -> None:
            async with access.trading() as rest:
                found.append(await rest.fetch_account())

        if await stop.race(read()):
            show_one(found[0], ACCOUNT, wants_json=wants_json, color=color)
        return stop.exit_code

    access.run(program, debug=debug)


# -- positions ---------------------------------------------------------------------------------------------------

POSITIONS = (
    Column("Symbol", lambda item: item.symbol, is_text=True),
    Column("Side", lambda item: item.side or NONE, is_text=True, rank=3),
    Column("Size", lambda item: number(item.size)),
    Column("Free", lambda item: number(item.available_size), rank=6),
    Column("Entry", lambda item: number(item.average_price), rank=2, is_price=True),
    Column("Mark", lambda item: number(item.mark_price), rank=4, is_price=True),
    Column("Value", lambda item: money(item.market_value), rank=5),
    Column(
        "Profit",
        lambda item: NONE if item.unrealized_pnl is None else f"{item.unrealized_pnl:+,.2f}",
        tone=lambda item: item.unrealized_pnl,
    ),
    Column("%", lambda item: _percent(item), tone=lambda item: item.unrealized_pnl, rank=1),
)


def _percent(item: Position) -> str:
    return (
        f"{item.unrealized_pnl / abs(item.cost) * 100:+.2f}" if item.cost and item.unrealized_pnl is not None else NONE
    )


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca positions",
    "wsexample alpaca positions --sim | jq -r .symbol",
    statuses=CALL_STATUSES,
))  # fmt: skip
@account_access
@list_flags
@debug_option
def positions(access: AlpacaAccess, wants_json: bool, color: str, debug: bool) -> None:
    """Show what is held, with its profit at the mark."""

    async def program(stop: Stop) -> int:
        found: list[Position] = []

        async def read() -> None:
            async with access.trading() as rest:
                found.extend(await rest.fetch_positions())

        if await stop.race(read()):
            held = sorted(found, key=lambda position: position.symbol)
            show(held, POSITIONS, wants_json=wants_json, color=color, empty=f"nothing is held ({access.account_place})")
        return stop.exit_code

    access.run(program, debug=debug)


# -- clock -------------------------------------------------------------------------------------------------------

CLOCK = (
    Column("Market", lambda item: "open" if item["is_open"] else "closed", tone=lambda item: item["is_open"] * 2 - 1),
    Column("Next open", lambda item: _moment(item["next_open"])),
    Column("Next close", lambda item: _moment(item["next_close"])),
    Column("Now", lambda item: _moment(item["timestamp"])),
)


def _moment(text: str) -> str:
    """Write a time of the vendor in this machine's time zone; as it came when it cannot be read."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca clock",
    "wsexample alpaca clock | jq .is_open",
    statuses=CALL_STATUSES,
))  # fmt: skip
@account_access
@list_flags
@debug_option
def clock(access: AlpacaAccess, wants_json: bool, color: str, debug: bool) -> None:
    """Show whether the stock market is open, and until when; times of this machine's zone."""

    async def program(stop: Stop) -> int:
        found: list[dict[str, Any]] = []

        async def read() -> None:
            import msgspec

            async with access.trading() as rest:
                found.append(msgspec.structs.asdict(await rest.fetch_clock()))

        if await stop.race(read()):
            show_one(found[0], CLOCK, wants_json=wants_json, color=color)
        return stop.exit_code

    access.run(program, debug=debug)


# -- snapshot ----------------------------------------------------------------------------------------------------


def _of(name: str, field: str) -> Any:
    """Return what reads a field of one of the records of a snapshot."""

    def read(item: Snapshot) -> Any:
        record = item.get(name)
        return None if record is None else getattr(record, field)

    return read


def _change(item: Snapshot) -> float | None:
    last, before = _of("trade", "price")(item), _of("previous_daily_bar", "close")(item)
    return None if last is None or not before else (last - before) / before * 100


SNAPSHOT = (
    Column("Symbol", lambda item: item["symbol"], is_text=True),
    Column("Last", lambda item: number(_of("trade", "price")(item)), is_price=True),
    Column("%", lambda item: NONE if _change(item) is None else f"{_change(item):+.2f}", tone=_change, rank=1),
    Column("Bid size", lambda item: number(_of("quote", "bid_size")(item)), rank=7),
    Column("Bid", lambda item: number(_of("quote", "bid_price")(item)), rank=2, is_price=True),
    Column("Ask", lambda item: number(_of("quote", "ask_price")(item)), rank=2, is_price=True),
    Column("Ask size", lambda item: number(_of("quote", "ask_size")(item)), rank=7),
    Column("Open", lambda item: number(_of("daily_bar", "open")(item)), rank=6, is_price=True),
    Column("High", lambda item: number(_of("daily_bar", "high")(item)), rank=5, is_price=True),
    Column("Low", lambda item: number(_of("daily_bar", "low")(item)), rank=5, is_price=True),
    Column("Volume", lambda item: number(_of("daily_bar", "volume")(item)), rank=4),
    Column("Time", lambda item: when(_of("trade", "exchange_ns")(item)), rank=3),
)


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca snapshot AAPL MSFT",
    "wsexample alpaca snapshot BTC/USD",
    "wsexample alpaca snapshot AAPL --sim | jq .trade.price",
    statuses=CALL_STATUSES,
))  # fmt: skip
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@option(
    "--feed", metavar="NAME", section="Alpaca", help="iex, sip, crypto, ...; by default by the look of the symbols."
)
@market_access
@list_flags
@debug_option
def snapshot(
    access: AlpacaAccess, symbols: tuple[str, ...], feed: str | None, wants_json: bool, color: str, debug: bool
) -> None:
    """Show last trade, best quote and the day of symbols, once."""
    names = spelled(symbols)

    async def program(stop: Stop) -> int:
        found: dict[str, dict[str, Record]] = {}

        async def read() -> None:
            for name, some in by_feed(names, feed).items():
                async with access.data(name) as rest:
                    found.update(await rest.fetch_snapshots(some))

        if await stop.race(read()):
            unknown = [name for name in names if not found.get(name)]
            items = [{"symbol": name, **found[name]} for name in names if name not in unknown]
            show(items, SNAPSHOT, wants_json=wants_json, color=color)
            if unknown:
                raise UnknownSymbolError(f"Alpaca has nothing of {' '.join(unknown)}", venue="alpaca")
        return stop.exit_code

    access.run(program, debug=debug)


# -- history -----------------------------------------------------------------------------------------------------

_TIME = Column("Time", lambda item: when(item.exchange_ns), is_text=True)
_SYMBOL = Column("Symbol", lambda item: item.symbol, is_text=True)


def _rounded(price: float | None) -> float | None:
    """Return an average as far as anybody reads it."""
    return None if price is None else round(price, 4)


HISTORY: dict[str, tuple[Column, ...]] = {
    "bars": (
        _TIME,
        _SYMBOL,
        Column("Open", lambda item: number(item.open), rank=1, is_price=True),
        Column("High", lambda item: number(item.high), is_price=True),
        Column("Low", lambda item: number(item.low), is_price=True),
        Column("Close", lambda item: number(item.close), is_price=True),
        Column("Volume", lambda item: number(item.volume), rank=2),
        Column("VWAP", lambda item: number(_rounded(item.vwap)), rank=4, is_price=True),
        Column("Trades", lambda item: number(item.trade_count), rank=3),
    ),
    "trades": (
        _TIME,
        _SYMBOL,
        Column("Price", lambda item: number(item.price), is_price=True),
        Column("Size", lambda item: number(item.size)),
        Column("Exchange", lambda item: item.exchange or NONE, is_text=True, rank=1),
        Column("Conditions", lambda item: " ".join(item.conditions), is_text=True, rank=2),
    ),
    "quotes": (
        _TIME,
        _SYMBOL,
        Column("Bid size", lambda item: number(item.bid_size), rank=1),
        Column("Bid", lambda item: number(item.bid_price), is_price=True),
        Column("Ask", lambda item: number(item.ask_price), is_price=True),
        Column("Ask size", lambda item: number(item.ask_size), rank=1),
    ),
}


@click.command(cls=Command, context_settings=CONTEXT, epilog=epilog(
    "wsexample alpaca history bars AAPL --last 2h",
    "wsexample alpaca history bars AAPL MSFT --timeframe 1Day --from 2026-01-01",
    "wsexample alpaca history trades BTC/USD --last 5m --store trades.db",
    "wsexample alpaca history quotes AAPL --from 2026-03-02T14:30 --to 2026-03-02T14:31 | wc -l",
    statuses=CALL_STATUSES,
))  # fmt: skip
@click.argument("what", type=click.Choice(["trades", "quotes", "bars"]))
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@option("--last", type=SECONDS, section="Time", help="So far back from now, such as 15m, 2h or 5d; default 1h.")
@option("--from", "begin", type=MOMENT, metavar="TIME", section="Time", help="From this moment on, in UTC.")
@option("--to", "end", type=MOMENT, metavar="TIME", section="Time", help="Up to this moment, in UTC.")
@option(
    "--timeframe",
    default="1Min",
    show_default=True,
    section="Time",
    help="Length of bars: 1Min, 15Min, 1Hour, 1Day.",
)
@option(
    "--feed", metavar="NAME", section="Alpaca", help="iex, sip, crypto, ...; by default by the look of the symbols."
)
@option(
    "--store", metavar="URL", section="Output", help="Store every record: a path such as bars.db, or sqlite:///path."
)
@market_access
@list_flags
@debug_option
def history(
    access: AlpacaAccess,
    what: str,
    symbols: tuple[str, ...],
    last: float | None,
    begin: datetime | None,
    end: datetime | None,
    timeframe: str,
    feed: str | None,
    store: str | None,
    wants_json: bool,
    color: str,
    debug: bool,
) -> None:
    """Read past trades, quotes or bars: a table on a terminal, JSON lines in a pipe, page by page as they come."""
    if last is not None and begin is not None:
        raise click.UsageError("--last and --from say the same twice")
    names = spelled(symbols)

    async def program(stop: Stop) -> int:
        end_ns = None if end is None else _ns(end)
        until = datetime.now(UTC).timestamp() if end is None else _ns(end) / 1e9
        start_ns = _ns(begin) if begin is not None else round((until - (last or 3600.0)) * 1e9)
        reader = _Reader(what, wants_json=wants_json, color=color, store=store)

        async def read() -> None:
            for name, some in by_feed(names, feed).items():
                async with access.data(name) as rest:
                    async for page in rest.history(what, some, start_ns, end_ns, timeframe=timeframe):
                        await reader.take(page)

        async with reader:
            await stop.race(read())
            reader.finish()
        return stop.exit_code

    access.run(program, debug=debug)


def _ns(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp()) * 10**9


class _Reader:
    """Takes pages: prints lines at once, keeps rows for the table, stores both."""

    def __init__(self, what: str, *, wants_json: bool, color: str, store: str | None) -> None:
        import sys

        self._what = what
        self._color = color
        self._has_table = sys.stdout.isatty() and not wants_json
        self._rows: list[Record] = []
        self._count = 0
        self._output = Output()
        self._sink: Any = None
        if store is not None:
            from wsexample.sinks.base import open_sink

            self._sink = open_sink(store)

    async def __aenter__(self) -> _Reader:
        if self._sink is not None:
            await self._sink.open()
        return self

    async def __aexit__(self, *trouble: object) -> None:
        if self._sink is not None:
            await asyncio.shield(self._sink.close())
            say(f"{self._sink.stats.stored:,} {self._what} stored in {self._sink.path}")

    async def take(self, page: Sequence[Record]) -> None:
        """Take a page."""
        self._count += len(page)
        if self._sink is not None:
            await self._sink.write(page)
        if self._has_table:
            self._rows.extend(page)
        elif page:
            await self._output.send(b"".join(encode_json(record) + b"\n" for record in page))

    def finish(self) -> None:
        """Show the table, or say that there was nothing."""
        if self._has_table and self._rows:
            show(self._rows, HISTORY[self._what], wants_json=False, color=self._color)
        if not self._count:
            say(f"no {self._what} in this time")
