"""``wsexample sim fault``: have something go wrong in a running simulator that was started with ``--control``."""

from __future__ import annotations

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.options import CONTEXT, Command, debug_option, quiet_option
from wsexample.cli.running import Stop, run_command, say
from wsexample.cli.sim.simulating import PORTS
from wsexample.errors import OptionError, RequestError

__all__ = ["main"]

EPILOG = """\b
Examples:
  wsexample sim fault alpaca                         lists what there is
  wsexample sim fault alpaca reset stream=trading
  wsexample sim fault alpaca drop_updates count=3
  wsexample sim fault weex skip_frame topic=BTCUSDT@depth15
  wsexample sim fault 40123 half_open                a simulator on another port
  wsexample sim fault kabu stats                     prints its counters

""" + exit_status_help(
    ExitCode.OK, ExitCode.USAGE, ExitCode.CONNECT, ExitCode.REFUSED, ExitCode.TIMEOUT, ExitCode.INTERNAL
)

TIMEOUT_S = 10.0


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("where", metavar="BROKER|PORT")
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE ...]")
@quiet_option
@debug_option
def main(where: str, name: str | None, arguments: tuple[str, ...], quiet: bool, debug: bool) -> None:
    """Have something go wrong in a running simulator; without NAME list what can."""

    async def program(stop: Stop) -> int:
        await stop.race(_ask(_url(where), name, _named(arguments), is_quiet=quiet))
        return stop.exit_code

    run_command(program, debug=debug)


def _url(where: str) -> str:
    port = PORTS.get(where) or (int(where) if where.isdecimal() and 0 < int(where) < 65536 else None)
    if port is None:
        raise OptionError(f"{where!r} is neither a port nor one of {', '.join(PORTS)}", option="where")
    return f"http://localhost:{port}"


def _named(arguments: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise OptionError(f"{argument}: write KEY=VALUE", option="arguments")
        values[key] = value
    return values


async def _ask(url: str, name: str | None, arguments: dict[str, str], *, is_quiet: bool) -> None:
    import msgspec

    from wsexample.brokers.base import HttpCaller
    from wsexample.brokers.base.control import CONTROL_PATH

    is_question = name is None or name == "stats"
    http = HttpCaller(url, timeout_s=TIMEOUT_S)
    try:
        reply = await http.call(
            "GET" if is_question else "POST",
            f"{CONTROL_PATH}/{name}" if name else CONTROL_PATH,
            body=None if is_question else msgspec.json.encode(arguments),
        )
    finally:
        await http.close()
    try:
        answer = msgspec.json.decode(reply.body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        answer = {}
    if reply.status != 200:
        is_heard = list(answer) == ["error"]  # what answers otherwise is the simulated venue, which knows no such path
        words = str(answer["error"]) if is_heard else "it takes no faults; start it with --control"
        raise RequestError(f"{url}: {words}", venue="simulator", http_status=reply.status)
    if name is None:
        for fault, text in answer.items():
            click.echo(f"{fault:<26}{text}")
    elif is_question:
        click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
    elif not is_quiet:
        say(f"{name} is done")


if __name__ == "__main__":
    main(prog_name="wsexample sim fault")
