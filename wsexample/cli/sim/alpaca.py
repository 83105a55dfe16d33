"""``wsexample sim alpaca``: a simulated Alpaca on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, SECONDS, Command, option
from wsexample.cli.running import Stop, run_command
from wsexample.cli.sim.simulating import (
    PORTS,
    SPEED_HELP,
    Introduction,
    address_options,
    behaviour_options,
    list_switches,
    rate_option,
    read_switches,
    session_options,
    sim_flag,
    simulate,
    switch_options,
)

if TYPE_CHECKING:
    from wsexample.brokers.alpaca.simulator import AlpacaSimulator
    from wsexample.brokers.alpaca.simulator.market import SessionMode

__all__ = ["main"]

EPILOG = f"""\b
Examples:
  wsexample sim alpaca                          on port {PORTS["alpaca"]}
  wsexample alpaca quotes AAPL MSFT --sim       in another window
  wsexample sim alpaca --fills 5                executions happen to the account
  wsexample sim alpaca --port 0 --quotes 500 --trades 100 --warm-up 1s --seed 7
  wsexample sim alpaca --session clock --start 2026-03-04T14:25
                                                five minutes before New York opens
  wsexample sim alpaca --switch plan=plus --switch second_trading_connection=http_429
  wsexample sim alpaca --control                then: wsexample sim fault alpaca reset

\b
Other people's programs run against it: point their REST address at http://127.0.0.1:PORT,
their trading stream at ws://127.0.0.1:PORT/stream, their data stream at
ws://127.0.0.1:PORT/v2/iex, and give them the key and secret that it shows.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.LISTEN, ExitCode.INTERNAL)

MANY = 10**12
"""Executions of a flow that shall go on for as long as anybody watches."""

HEADLINES = (
    ("{0} raises its outlook for the year", "AAPL"),
    ("{0} and {1} agree on a supply contract", "NVDA TSLA"),
    ("Analysts turn cautious on {0}", "INTC"),
    ("{0} opens a data centre in Sapporo", "MSFT"),
    ("Index funds add {0} after a quiet week", "SPY"),
    ("{0} trades sideways ahead of the figures", "AMZN"),
    ("{0} climbs on volume", "BTC/USD"),
)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@address_options("alpaca")
@rate_option("--speed", 1.0, SPEED_HELP)
@rate_option("--quotes", 4.0, "Quotes a second and symbol; some hundred for load.")
@rate_option("--trades", 1.0, "Trades a second and symbol.")
@session_options("New York's regular hours", "UTC")
@option(
    "--warm-up",
    type=SECONDS,
    default="5m",
    show_default=True,
    section="Market",
    help="How much market has passed already, so that there is a history to read.",
)
@option(
    "--news",
    type=SECONDS,
    default="10s",
    show_default=True,
    section="Market",
    help="Time between articles; 0 for none.",
)
@option("--list", "lists", is_flag=True, section="Market", help="List every symbol and end.")
@option(
    "--fills",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    section="Account",
    help="Executions a second that happen to the account by themselves.",
)
@switch_options
@behaviour_options
def main(
    port: int,
    seed: int,
    speed: float,
    quotes: float,
    trades: float,
    session: SessionMode,
    start: datetime | None,
    warm_up: float,
    news: float,
    lists: bool,
    fills: float,
    switches: tuple[str, ...],
    lists_switches: bool,
    control: bool,
    announce: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Simulate Alpaca: market data streams, the trading stream and REST on one port, with a small exchange behind."""

    async def program(stop: Stop) -> int:
        from wsexample.brokers.alpaca.simulator import AlpacaSimulator, Switches

        if lists:
            _list_assets()
            return ExitCode.OK
        if lists_switches:
            list_switches(Switches)
            return ExitCode.OK
        simulator = AlpacaSimulator(
            port=port,
            seed=seed,
            speed=speed,
            quotes_per_s=quotes,
            trades_per_s=trades,
            session=session,
            start_ns=None if start is None else int(start.replace(tzinfo=UTC).timestamp()) * 10**9,
            warm_up_s=warm_up,
            switches=read_switches(switches, Switches),
            control=control,
        )

        async def go_on() -> None:
            if fills:
                simulator.start_fills(MANY, fills)
            if news:
                await _publish(simulator, news / speed)

        return await simulate(
            simulator,
            stop,
            introduce=lambda: _introduction(simulator),
            farewell=lambda: _farewell(simulator),
            is_announced=announce,
            is_quiet=quiet,
            beside=go_on,
        )

    run_command(program, debug=debug)


async def _publish(simulator: AlpacaSimulator, interval_s: float) -> None:
    """Publish an article every so often."""
    number = 0
    while True:
        await asyncio.sleep(interval_s)
        headline, symbols = HEADLINES[number % len(HEADLINES)]
        simulator.publish_news(headline.format(*symbols.split()), symbols)
        number += 1


def _list_assets() -> None:
    from wsexample.brokers.alpaca.simulator.assets import ASSETS

    for symbol, asset in ASSETS.items():
        click.echo(f"{symbol}\t{asset.kind}\t{asset.name}")


def _introduction(simulator: AlpacaSimulator) -> Introduction:
    from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET

    facts = {
        "port": simulator.port,
        "rest_url": simulator.url,
        "stream_url": simulator.stream_url,
        "trading_stream_url": simulator.trading_stream_url,
        "key": DEFAULT_KEY,
        "secret": DEFAULT_SECRET,
    }
    return Introduction(
        facts,
        f"Alpaca simulated on {simulator.url}, key {DEFAULT_KEY}, secret {DEFAULT_SECRET}",
        f"wsexample alpaca quotes AAPL MSFT NVDA {sim_flag('alpaca', simulator.port)}",
    )


def _farewell(simulator: AlpacaSimulator) -> str:
    stats = simulator.stats
    return (
        f"{stats.points_sent.total():,} points and {stats.updates_sent:,} trade updates sent, "
        f"{stats.connections.total()} connections, {stats.requests.total():,} calls answered"
    )


if __name__ == "__main__":
    main(prog_name="wsexample sim alpaca")
