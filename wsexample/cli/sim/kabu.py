"""``wsexample sim kabu``: the simulated kabu Station on a port of this machine, until Ctrl-C."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, Command, option
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
    simulate,
    switch_options,
)

if TYPE_CHECKING:
    from wsexample.brokers.kabu.simulator import KabuSimulator
    from wsexample.brokers.kabu.simulator.market import SessionMode

__all__ = ["main"]

EPILOG = """\b
Examples:
  wsexample sim kabu                            on port 18080, as the real one
  wsexample sim kabu --port 0 --seed 7          on a free port, another market
  wsexample sim kabu --session clock --start 2026-03-04T08:55 --speed 10
                                                five minutes before the open, fast
  wsexample sim kabu --switch register_limit=100 --switch answer_ping=true
  wsexample sim kabu --control                  then: wsexample sim fault kabu displace

It shows a token for kclient when it starts; a program may fetch its own with the password.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.LISTEN, ExitCode.INTERNAL)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@address_options("kabu")
@rate_option("--speed", 1.0, SPEED_HELP)
@rate_option("--ticks", 2.0, "Orders a second and busy stock; some hundred for load.")
@session_options("the exchange's hours", "Japan")
@option("--list", "lists", is_flag=True, section="Market", help="List every instrument and end.")
@option(
    "--password",
    default="password",
    show_default=True,
    envvar="KABU_API_PASSWORD",
    section="Behaviour",
    help="API password that /token takes; also from KABU_API_PASSWORD.",
)
@switch_options
@behaviour_options
def main(
    port: int,
    seed: int,
    speed: float,
    ticks: float,
    session: SessionMode,
    start: datetime | None,
    lists: bool,
    password: str,
    switches: tuple[str, ...],
    lists_switches: bool,
    control: bool,
    announce: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Simulate kabu Station: REST and push on one port, with a market that moves like a real one."""

    async def program(stop: Stop) -> int:
        from wsexample.brokers.kabu.simulator import KabuSimulator, Switches

        if lists_switches:
            list_switches(Switches)
            return ExitCode.OK
        simulator = KabuSimulator(
            port=port,
            seed=seed,
            speed=speed,
            ticks_per_s=ticks,
            session=session,
            start=start,
            password=password,
            switches=read_switches(switches, Switches),
            control=control,
        )
        if lists:
            _list_instruments(simulator)
            return ExitCode.OK
        return await simulate(
            simulator,
            stop,
            introduce=lambda: _introduction(simulator),
            farewell=lambda: _farewell(simulator),
            is_announced=announce,
            is_quiet=quiet,
        )

    run_command(program, debug=debug)


def _list_instruments(simulator: KabuSimulator) -> None:
    for symbol, exchange in simulator.market.views:
        board = simulator.board(symbol, exchange)
        click.echo(f"{symbol}@{exchange}\t{board.SymbolName}")


def _introduction(simulator: KabuSimulator) -> Introduction:
    token = simulator.station.issue_token()
    facts = {
        "port": simulator.port,
        "rest_url": simulator.rest_url,
        "push_url": simulator.push_url,
        "token": token,
    }
    port = "" if simulator.port == PORTS["kabu"] else f" --port {simulator.port}"
    return Introduction(
        facts,
        f"kabu Station simulated on {simulator.rest_url}",
        f"kclient {token} 9433 7203 101{port}",
        f"kclient {token} --ladder 9433{port}",
    )


def _farewell(simulator: KabuSimulator) -> str:
    stats = simulator.stats
    return (
        f"{stats.boards_sent.total():,} boards pushed, {stats.connections} connections, "
        f"{stats.requests.total():,} calls answered"
    )


if __name__ == "__main__":
    main(prog_name="wsexample sim kabu")
