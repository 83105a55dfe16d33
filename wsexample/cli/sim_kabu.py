"""``wsexample sim kabu``: the simulated kabu Station on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_type_hints

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, Command, debug_option, option, quiet_option
from wsexample.cli.running import Stop, run_command, say
from wsexample.errors import OptionError

if TYPE_CHECKING:
    from wsexample.brokers.kabu.simulator import KabuSimulator, Switches

__all__ = ["main"]

EPILOG = """\b
Examples:
  wsexample sim kabu                            on port 18080, as the real one
  wsexample sim kabu --port 0 --seed 7          on a free port, another market
  wsexample sim kabu --session clock --start 2026-03-04T08:55 --speed 10
                                                five minutes before the open, fast
  wsexample sim kabu --switch register_limit=100 --switch answer_ping=true

It shows a token for kclient when it starts; a program may fetch its own with the password.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.LISTEN, ExitCode.INTERNAL)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=18080,
    show_default=True,
    section="Address",
    help="Port for REST and push; 0 takes a free one.",
)
@option("--seed", type=int, default=1, show_default=True, section="Market", help="The same seed gives the same market.")
@option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    section="Market",
    help="Seconds of market time in a second.",
)
@option(
    "--ticks",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    section="Market",
    help="Orders a second and busy stock; some hundred for load.",
)
@option(
    "--session",
    type=click.Choice(["always", "clock"]),
    default="always",
    show_default=True,
    section="Market",
    help="Trade round the clock, or keep the exchange's hours.",
)
@option(
    "--start",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    metavar="TIME",
    section="Market",
    help="Market time to begin with, in Japan; default now.",
)
@option("--list", "lists", is_flag=True, section="Market", help="List every instrument and end.")
@option(
    "--password",
    default="password",
    show_default=True,
    envvar="KABU_API_PASSWORD",
    section="Behaviour",
    help="API password that /token takes; also from KABU_API_PASSWORD.",
)
@option("--switch", "switches", multiple=True, metavar="NAME=VALUE", section="Behaviour", help="Set a switch; repeat.")
@option("--list-switches", is_flag=True, section="Behaviour", help="List every switch with its default and end.")
@option(
    "--control", is_flag=True, section="Behaviour", help="Take faults by HTTP: POST /simulator/NAME (GET lists them)."
)
@option(
    "--announce",
    is_flag=True,
    section="Scripts and tests",
    help="Print port, URLs and token on stdout as JSON as soon as it listens.",
)
@quiet_option
@debug_option
def main(
    port: int,
    seed: int,
    speed: float,
    ticks: float,
    session: str,
    start: datetime | None,
    lists: bool,
    password: str,
    switches: tuple[str, ...],
    list_switches: bool,
    control: bool,
    announce: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Simulate kabu Station: REST and push on one port, with a market that moves like a real one."""

    async def program(stop: Stop) -> int:
        from wsexample.brokers.kabu.simulator import KabuSimulator

        if list_switches:
            _list_switches()
            return ExitCode.OK
        simulator = KabuSimulator(
            port=port,
            seed=seed,
            speed=speed,
            ticks_per_s=ticks,
            session=session,  # type: ignore[arg-type] # click lets nothing else in
            start=start,
            password=password,
            switches=_switches(switches),
            control=control,
        )
        if lists:
            _list_instruments(simulator)
            return ExitCode.OK
        async with simulator:
            _introduce(simulator, is_announced=announce, is_quiet=quiet)
            await stop.wait()
        if not quiet:
            say(_farewell(simulator))
        return ExitCode.OK

    run_command(program, debug=debug)


def _switches(settings: tuple[str, ...]) -> Switches:
    """Read ``NAME=VALUE`` settings; raises `OptionError` that names the switch and what it takes."""
    import msgspec

    from wsexample.brokers.kabu.simulator import Switches

    hints = get_type_hints(Switches)
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if name not in hints or not equals:
            raise OptionError(f"--switch {setting}: write NAME=VALUE; --list-switches shows the names", option="switch")
        try:
            values[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            raise OptionError(f"--switch {setting}: {error}", option="switch") from None
    return Switches(**values)


def _list_switches() -> None:
    from wsexample.brokers.kabu.simulator import Switches

    defaults = Switches()
    for name in Switches.__dataclass_fields__:
        click.echo(f"{name}={getattr(defaults, name)}")


def _list_instruments(simulator: KabuSimulator) -> None:
    for symbol, exchange in simulator.market.views:
        board = simulator.board(symbol, exchange)
        click.echo(f"{symbol}@{exchange}\t{board.SymbolName}")


def _introduce(simulator: KabuSimulator, *, is_announced: bool, is_quiet: bool) -> None:
    token = simulator.station.issue_token()
    if is_announced:
        facts = {
            "port": simulator.port,
            "rest_url": simulator.rest_url,
            "push_url": simulator.push_url,
            "token": token,
        }
        click.echo(json.dumps(facts))
    if is_quiet:
        return
    port = "" if simulator.port == 18080 else f" --port {simulator.port}"
    say(f"kabu Station simulated on {simulator.rest_url}; Ctrl-C stops")
    say(f"try in another window: kclient {token} 9433 7203 101{port}", color="cyan")


def _farewell(simulator: KabuSimulator) -> str:
    stats = simulator.stats
    return (
        f"{stats.boards_sent.total():,} boards pushed, {stats.connections} connections, "
        f"{stats.requests.total():,} calls answered"
    )


if __name__ == "__main__":
    main(prog_name="wsexample sim kabu")
