"""``wsexample doctor``: what is installed here, which loop and lane run, and whether a message makes the round trip."""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from importlib import metadata

import click

from wsexample import __version__
from wsexample.cli.client.round_trips import format_duration
from wsexample.cli.exit_codes import ExitCode, exit_code_for, exit_status_help
from wsexample.cli.options import CONTEXT, Command, debug_option, option
from wsexample.cli.running import LOOP_ENVIRONMENT, Stop, loop_name, run_command
from wsexample.errors import OptionError, WsExampleError

__all__ = ["Finding", "findings", "main"]

SELF_TEST_ROUNDS = 20
"""Messages of the self-test; the fastest counts, because the first ones pay for warming up."""

FOR_DEVELOPERS = ("test", "bench")
"""Extras that users can do without."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    topic: str
    """What was looked at."""
    found: str
    """What was found."""
    state: str = "ok"
    """"ok", "notice" (works, could be better) or "problem"."""
    advice: str = ""
    """What to do about it."""


EPILOG = """\b
Examples:
  wsexample doctor
  wsexample doctor --json | jq .topic

\b
ok  works as it should     --  works, could be better     !!  does not work

Credentials are named with the place where they were found, and never shown.

""" + exit_status_help(ExitCode.OK, ExitCode.USAGE, ExitCode.CONNECT, ExitCode.LISTEN, ExitCode.INTERNAL)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object a line.")
@debug_option
def main(as_json: bool, debug: bool) -> None:
    """Say what is installed here and whether it works."""

    async def program(stop: Stop) -> int:
        code = ExitCode.OK

        async def examine() -> None:
            nonlocal code
            report = findings()
            for finding in report:
                _print(finding, as_json)
            try:
                trip_s = await _self_test()
            except WsExampleError as error:
                report.append(Finding("self-test", str(error), "problem"))
                code = exit_code_for(error)
            else:
                report.append(Finding("self-test", f"echo over the loopback, {format_duration(trip_s)}"))
            _print(report[-1], as_json)
            if not as_json:
                click.echo(f"\n{_verdict(report)}")

        return code if await stop.race(examine()) else stop.exit_code

    run_command(program, debug=debug)


def findings() -> list[Finding]:
    """Look at the installation; nothing is connected to."""
    return [
        Finding("wsexample", __version__),
        Finding("Python", f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}"),
        Finding("system", platform.platform()),
        _loop(),
        _lane(),
        *_dependencies(),
        *_credentials(),
        _clock(),
    ]


def _verdict(report: list[Finding]) -> str:
    """Return the report in a sentence."""
    problems = [finding.topic for finding in report if finding.state == "problem"]
    notices = [finding.topic for finding in report if finding.state == "notice"]
    if problems:
        return f"{', '.join(problems)}: look at the lines with !!"
    could = f"; {', '.join(notices)} could be better" if notices else ""
    return f"everything works{could}. Without an account, go on with: wsexample sim kabu"


def _loop() -> Finding:
    name = loop_name()
    if name == "uvloop":
        return Finding("event loop", f"uvloop {_version('uvloop')}")
    if sys.platform == "win32":
        return Finding("event loop", "asyncio (uvloop does not exist for Windows)")
    advice = f"pip install uvloop, and leave {LOOP_ENVIRONMENT} unset"
    return Finding("event loop", "asyncio", "notice", advice)


def _lane() -> Finding:
    from wsexample.wire.lane import LANE

    if LANE == "compiled":
        return Finding("lane", "compiled")
    advice = "install a C compiler and reinstall wsexample, and leave WSEXAMPLE_LANE unset"
    return Finding("lane", "pure Python (slower, otherwise the same)", "notice", advice)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _dependencies() -> list[Finding]:
    """Report on everything that the package declares: one line for the core, one for each extra."""
    groups: dict[str, list[str]] = {}
    for requirement in metadata.requires("wsexample") or []:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*[\"']([\w.-]+)", requirement)
        if name is not None:
            groups.setdefault(extra[1] if extra else "", []).append(name[0])
    return [_group(extra, names) for extra, names in groups.items()]


def _group(extra: str, names: list[str]) -> Finding:
    versions = {name: _version(name) for name in dict.fromkeys(names)}
    missing = [name for name, version in versions.items() if not version and name != "uvloop"]
    topic = f"extra {extra}" if extra else "dependencies"
    if not missing:
        return Finding(topic, ", ".join(f"{name} {version}" for name, version in versions.items() if version))
    if extra in FOR_DEVELOPERS:
        return Finding(topic, "not installed, and only wanted for work on wsexample itself")
    if extra:
        return Finding(topic, f"without {', '.join(missing)}", "notice", f"pip install 'wsexample[{extra}]'")
    return Finding(topic, f"without {', '.join(missing)}", "problem", "pip install --force-reinstall wsexample")


def _credentials() -> list[Finding]:
    """Report where credentials were found, broker by broker, without showing them."""
    from wsexample.brokers.credentials import NAMES, find_settings

    try:
        settings = find_settings()
    except OptionError as error:
        return [Finding("credentials", str(error), "problem", "mend or remove the file")]
    found = []
    for broker, names in NAMES.items():
        places = [
            f"{variable} from {place}"
            for variables in names.values()
            for variable in variables
            if (place := settings.source(variable)) is not None
        ]
        found.append(Finding(f"key of {broker}", ", ".join(places) or "none, which simulators do not need"))
    return found


def _clock() -> Finding:
    offset = time.strftime("%z")
    if sys.platform == "win32" and offset != "+0900":
        advice = "kabu Station wants its PC in the time zone UTC+09:00 (Osaka, Sapporo, Tokyo)"
        return Finding("time zone", offset, "notice", advice)
    return Finding("time zone", offset)


async def _self_test() -> float:
    """Return the shortest round trip of a message between our server and our client on this machine, seconds."""
    from wsexample.wire.connection import connect
    from wsexample.wire.server import ServerConnection, serve

    async def echo(ws: ServerConnection) -> None:
        async for message in ws:
            await ws.send(message)

    trips_s = []
    async with serve(echo) as server, connect(server.url) as ws:
        for _ in range(SELF_TEST_ROUNDS):
            started_s = time.perf_counter()
            await ws.send("are you there?")
            await ws.receive(timeout_s=5)
            trips_s.append(time.perf_counter() - started_s)
    return min(trips_s)


_MARKS = {"ok": ("ok", "green"), "notice": ("--", "yellow"), "problem": ("!!", "red")}


def _print(finding: Finding, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(finding), ensure_ascii=False))
        return
    mark, color = _MARKS[finding.state]
    advice = f"  ({finding.advice})" if finding.advice else ""
    margin = " " * 20
    text = click.wrap_text(f"{finding.found}{advice}", _width(), margin, margin)
    click.echo(f"{click.style(mark, fg=color, bold=True)}  {finding.topic:<15} {text.lstrip()}")


def _width() -> int:
    """Return how many cells a line may have; in a pipe as many as it needs."""
    return max(shutil.get_terminal_size().columns - 1, 60) if sys.stdout.isatty() else 10_000


if __name__ == "__main__":
    main(prog_name="wsexample doctor")
