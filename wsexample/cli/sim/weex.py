"""``wsexample sim weex``: a simulated WEEX on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import TYPE_CHECKING

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, SECONDS, Command, option
from wsexample.cli.running import Stop, run_command
from wsexample.cli.sim.simulating import (
    PORTS,
    Introduction,
    address_options,
    behaviour_options,
    list_switches,
    read_switches,
    sim_flag,
    simulate,
    switch_options,
)
from wsexample.errors import OptionError

if TYPE_CHECKING:
    from wsexample.brokers.weex.simulator import WeexSimulator

__all__ = ["main"]

KEY, SECRET, PASSPHRASE = "weex_demo_0001", "demo-secret-0001", "demoPass1"
"""Credentials of the account that the simulator has."""

EPILOG = f"""\b
Examples:
  wsexample sim weex                            on port {PORTS["weex"]}
  wsexample weex tickers BTCUSDT --sim          in another window
  wsexample sim weex --fills 1                  the account trades by itself
  wsexample sim weex --switch begins_account=true --switch connections=2
  wsexample sim weex --port 0 --step 20ms --symbols BTCUSDT,ETHUSDT,XRPUSDT
  wsexample sim weex --control                  then: wsexample sim fault weex drop_all

\b
Other people's programs run against it: contract sockets are at ws://127.0.0.1:PORT/v3/ws/public
and /v3/ws/private, spot sockets under /spot, REST at http://127.0.0.1:PORT; the key, secret and
passphrase are those that it shows.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.LISTEN, ExitCode.INTERNAL)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@address_options("weex")
@option(
    "--symbols",
    default="BTCUSDT,ETHUSDT,SOLUSDT",
    show_default=True,
    section="Market",
    help="What is listed, separated by commas.",
)
@option(
    "--step",
    type=SECONDS,
    default="500ms",
    show_default=True,
    section="Market",
    help="Time between two frames of a stream.",
)
@option(
    "--ping-interval",
    type=SECONDS,
    default="60s",
    show_default=True,
    section="Behaviour",
    help="Time between two pings of the venue.",
)
@option(
    "--idle-timeout",
    type=SECONDS,
    default="60400ms",
    show_default=True,
    section="Behaviour",
    help="After this long a socket without streams is dropped.",
)
@option(
    "--need-user-agent",
    is_flag=True,
    section="Behaviour",
    help="Refuse handshakes without User-Agent, as documented and never seen.",
)
@option(
    "--fills",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    section="Account",
    help="Orders a second that the account places by itself.",
)
@switch_options
@behaviour_options
def main(
    port: int,
    seed: int,
    symbols: str,
    step: float,
    ping_interval: float,
    idle_timeout: float,
    need_user_agent: bool,
    fills: float,
    switches: tuple[str, ...],
    lists_switches: bool,
    control: bool,
    announce: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Simulate WEEX: V3 sockets of contract and spot, public and private, and REST on one port."""

    async def program(stop: Stop) -> int:
        from wsexample.brokers.weex.simulator import Switches, WeexSimulator

        if lists_switches:
            list_switches(Switches)
            return ExitCode.OK
        listed = tuple(symbols.upper().replace(",", " ").split())
        if not listed:
            raise OptionError("--symbols needs at least one symbol, such as BTCUSDT", option="symbols")
        for name, value in (("step", step), ("ping-interval", ping_interval), ("idle-timeout", idle_timeout)):
            if value <= 0:
                raise OptionError(f"--{name} must be more than zero", option=name)
        simulator = WeexSimulator(
            port=port,
            seed=seed,
            api_key=KEY,
            secret_key=SECRET,
            passphrase=PASSPHRASE,
            symbols=listed,
            step_s=step,
            ping_interval_s=ping_interval,
            idle_timeout_s=idle_timeout,
            needs_user_agent=need_user_agent,
            control=control,
            switches=read_switches(switches, Switches),
        )

        async def go_on() -> None:
            if fills:
                await _trade(simulator, listed[0], 1 / fills)

        return await simulate(
            simulator,
            stop,
            introduce=lambda: _introduction(simulator, listed[0]),
            farewell=lambda: _farewell(simulator),
            is_announced=announce,
            is_quiet=quiet,
            beside=go_on,
        )

    run_command(program, debug=debug)


async def _trade(simulator: WeexSimulator, symbol: str, interval_s: float) -> None:
    """Open a position in two steps and close it in two, again and again, so small that the money lasts for days."""
    for side in cycle(("BUY", "BUY", "SELL", "SELL")):
        await asyncio.sleep(interval_s)
        await simulator.trade(symbol, side, "0.0020")


def _introduction(simulator: WeexSimulator, symbol: str) -> Introduction:
    facts = {
        "port": simulator.port,
        "rest_url": simulator.rest_url,
        "public_url": simulator.public_url,
        "private_url": simulator.private_url,
        "key": KEY,
        "secret": SECRET,
        "passphrase": PASSPHRASE,
    }
    return Introduction(
        facts,
        f"WEEX simulated on {simulator.rest_url}, key {KEY}, secret {SECRET}, passphrase {PASSPHRASE}",
        f"wsexample weex tickers {symbol} {sim_flag('weex', simulator.port)}",
    )


def _farewell(simulator: WeexSimulator) -> str:
    return f"{sum(simulator.sent.values()):,} frames sent, {simulator.heard:,} messages heard"


if __name__ == "__main__":
    main(prog_name="wsexample sim weex")
