#!/usr/bin/env python3
"""Live boards in a minute: make .venv, start a kabu Station simulator, stream from it with kclient, store every board.

Needs nothing but Python 3.11 or newer and the package registry. Ends with 0 when every board that the simulator sent is in the
file, with 1 when one is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps import StepError, say, step
from venv_setup import ROOT, VENV, check_python, ensure_venv, run_inside, venv_program

if TYPE_CHECKING:
    from wsexample.brokers.kabu.simulator import KabuSimulator

STORE = ROOT / "demo-boards.db"
SYMBOLS = ("9433", "7203", "9984", "6758", "8306", "101")
ORDERS_PER_S = 20.0
"""Orders a second and stock: ten times a usual day, so that there is something to see."""
LINGER_S = 1.5
"""How long kclient listens after the simulator has fallen silent, so that nothing is on the way when it closes."""
PATIENCE_S = 30.0
"""Longest wait for a part to start or to end."""
GRACE_S = 2.0
"""How long kclient may take to end by itself after Ctrl-C, which the terminal has sent to it too."""
LINES_EVERY_S = 3.0
"""How often the boards are printed where no table can be drawn."""

SUMMARY = re.compile(r"([\d,]+) messages? received in .* ([\d,]+) stored, (-?[\d,]+) lost")


@dataclass
class Outcome:
    """What kclient said and how it ended."""

    exit_code: int | None = None
    said: list[str] = field(default_factory=list)
    """Its lines on stderr."""

    @property
    def figures(self) -> tuple[int, int, int] | None:
        """Messages received, stored and lost; None when it did not get so far as to count."""
        found = next((match for line in self.said if (match := SUMMARY.search(line))), None)
        return None if found is None else tuple(int(figure.replace(",", "")) for figure in found.groups())  # type: ignore[return-value]


def main() -> int:
    """Prepare an environment and go on in it, or run the demo where that has been done."""
    check_python()
    options = command_line()
    if not options.no_venv and not is_in_venv():
        with step("Environment"):
            python = ensure_venv()
        run_inside(python, __file__, sys.argv[1:])
    with asyncio.Runner() as runner:
        return runner.run(demo(options.duration, options.file.absolute(), is_kept=options.keep))


def command_line() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--duration", type=float, default=15.0, metavar="SECONDS", help="how long to stream (default: 15)"
    )
    parser.add_argument(
        "--file", type=Path, default=STORE, metavar="PATH.db", help="where to store; replaced (default: demo-boards.db)"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the simulator running afterwards, for programs of your own"
    )
    parser.add_argument(
        "--no-venv", action="store_true", help="use this Python, in which wsexample is installed, and make no .venv"
    )
    options = parser.parse_args()
    if not 0 < options.duration < 86_400:
        parser.error("--duration must be more than 0 and less than a day")
    return options


async def demo(duration_s: float, file: Path, *, is_kept: bool) -> int:
    """Run the simulator here and kclient beside it; return the exit code."""
    from wsexample.brokers.kabu.simulator import KabuSimulator

    end_on_sigterm()
    clear(file)
    async with AsyncExitStack() as stack:
        with step("A kabu Station simulator in this process"):
            simulator = await stack.enter_async_context(KabuSimulator(ticks_per_s=ORDERS_PER_S))
            say(f"   REST {simulator.rest_url}\n   push {simulator.push_url}")
        key = simulator.station.issue_token()
        outcome = Outcome()
        was_stopped = False
        with step(f"kclient streams {len(SYMBOLS)} symbols for {duration_s:g} s"):
            try:
                await stream(simulator, key, duration_s, file, outcome)
            except asyncio.CancelledError:
                was_stopped = True
        code = report(file, simulator.stats.boards_sent.total(), outcome, was_stopped=was_stopped)
        if is_kept and not was_stopped:
            simulator.unmute()
            say(f"\nThe simulator goes on until Ctrl-C:\n   {command('kclient')} {key} 9433 --port {simulator.port}")
            await asyncio.get_running_loop().create_future()
        return code


def end_on_sigterm() -> None:
    """Let SIGTERM do what Ctrl-C does, where the system has it."""
    task = asyncio.current_task()
    if os.name != "nt" and task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def clear(file: Path) -> None:
    """Remove what an earlier demo stored."""
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        try:
            file.with_name(name).unlink(missing_ok=True)
        except OSError as error:
            raise StepError(f"{file} is in use by another program: {error}") from error


async def stream(simulator: KabuSimulator, key: str, duration_s: float, file: Path, outcome: Outcome) -> None:
    """Run kclient against the simulator until it ends; it is ended with this coroutine."""
    arguments = [*SYMBOLS, "--port", str(simulator.port), "--store", from_here(file)]
    arguments += ["--duration", f"{duration_s + LINGER_S:g}s"]
    say(f"   $ {command('kclient')} KEY {' '.join(map(quoted, arguments))}\n")
    async with kclient([key, *arguments], outcome) as ended:
        connected = asyncio.ensure_future(simulator.wait_for("connected", timeout_s=PATIENCE_S))
        await asyncio.wait({connected, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not connected.done() or connected.exception():
            connected.cancel()
            return  # kclient has said why, or was too slow; the report tells
        await asyncio.wait({ended}, timeout=duration_s)
        simulator.mute()
        await asyncio.wait({ended}, timeout=PATIENCE_S)


@asynccontextmanager
async def kclient(arguments: list[str], outcome: Outcome) -> AsyncIterator[asyncio.Task[None]]:
    """Start kclient; yield a task that is done when it has ended. Whatever happens, it does not outlive this block."""
    has_table = sys.stdout.isatty()
    process = await asyncio.create_subprocess_exec(
        *([str(venv_program("kclient"))] if is_in_venv() else [sys.executable, "-m", "wsexample.cli.kclient"]),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=None if has_table else asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("KABU_")},
    )

    async def follow() -> None:
        await asyncio.gather(print_boards(process.stdout), collect(process.stderr, outcome.said))
        outcome.exit_code = await process.wait()

    ended = asyncio.ensure_future(follow())
    try:
        yield ended
    finally:
        await asyncio.wait({ended}, timeout=GRACE_S)
        for end in (process.terminate, process.kill):
            if process.returncode is None:
                end()
                await asyncio.wait({ended}, timeout=PATIENCE_S)


async def collect(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    """Keep the lines of a pipe."""
    while stream is not None and (line := await stream.readline()):
        lines.append(line.decode(errors="replace").rstrip())


async def print_boards(stream: asyncio.StreamReader | None) -> None:
    """Print the newest board of each symbol every few seconds, from the JSON lines of a pipe."""
    newest: dict[str, dict[str, Any]] = {}
    printed_s = time.monotonic()
    while stream is not None and (line := await stream.readline()):
        board = json.loads(line)
        newest[board["symbol"]] = board
        if time.monotonic() - printed_s >= LINES_EVERY_S:
            printed_s = time.monotonic()
            for symbol in sorted(newest):
                say(line_of(newest[symbol]))
            newest.clear()


def line_of(board: dict[str, Any]) -> str:
    """One board as a line of text."""

    def figure(name: str) -> str:
        return "-" if board.get(name) is None else f"{board[name]:,.10g}"

    moment = time.strftime("%H:%M:%S", time.localtime(board["received_ns"] / 1e9))
    quote = (
        f"bid {figure('bid_price'):>9} x {figure('bid_size'):<9} ask {figure('ask_price'):>9} x {figure('ask_size'):<9}"
    )
    return f"   {moment} {board['symbol']:<7} last {figure('last_price'):>9} {quote} {board.get('name') or ''}"


def report(file: Path, sent: int, outcome: Outcome, *, was_stopped: bool) -> int:
    """Print what happened and where it is; return the exit code."""
    for line in outcome.said:
        say(f"   {line}")
    received, stored, lost = outcome.figures or (0, 0, 0)
    rows = count_rows(file)
    complaints = []
    if outcome.figures is None or not received:
        complaints.append("nothing was received")
    if outcome.exit_code and not was_stopped:
        complaints.append(f"kclient ended with exit code {outcome.exit_code}")
    if sent != received and not was_stopped:  # who stops it may leave boards on the way
        complaints.append(f"the simulator sent {sent:,} boards, and kclient received {received:,}")
    if lost:
        complaints.append(f"{lost:,} boards were lost between the socket and the file")
    if rows != stored:
        complaints.append(f"kclient says that {stored:,} boards are stored, and the file has {rows:,}")

    say(f"\n== Result\n   file       {file}")
    say(f"   sent       {sent:,}\n   received   {received:,}\n   stored     {stored:,}\n   in file    {rows:,}")
    say(f"   lost       {lost:,}")
    for complaint in complaints:
        say(f"   FAILED: {complaint}")
    if not complaints:
        query = "select symbol, count(*), min(last_price), max(last_price) from boards group by symbol"
        say("\nTry next, to see what is in the file, and to have a simulator for programs of your own:")
        say(f"   {reader(file)} {quoted(query)}")
        say(f"   {command('wsexample')} sim kabu")
    return 130 if was_stopped else 1 if complaints else 0


def count_rows(file: Path) -> int:
    """Count the boards in the file by asking the file."""
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        try:
            (count,) = database.execute("select count(*) from boards").fetchone()
        except sqlite3.OperationalError:
            return 0  # no such table: no board came
    return int(count)


def reader(file: Path) -> str:
    """The command that asks an SQLite file a question on this machine."""
    if shutil.which("sqlite3"):
        return f"sqlite3 -box {quoted(from_here(file))}"
    ask = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(sys.argv[2]), sep=chr(10))"
    return f'{command("python")} -c "{ask}" {quoted(from_here(file))}'


def quoted(word: str) -> str:
    """A word for the command line, in the quotes that every shell knows."""
    return word if re.fullmatch(r"[\w./:\\-]+", word) else f'"{word}"'


def command(name: str) -> str:
    """How the reader runs a command of this environment: by its path, or by name where there is no `.venv`."""
    if not is_in_venv():
        return name
    return quoted(from_here(venv_program(name)))


def from_here(path: Path) -> str:
    """A path as one would type it in this folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def is_in_venv() -> bool:
    """Whether this Python is that of `.venv`."""
    return Path(sys.prefix) == VENV


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StepError as error:
        sys.exit(f"\n{error}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
