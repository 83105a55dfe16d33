#!/usr/bin/env python3
"""Build wheel and sdist for every Python of this machine, install them without a compiler, and test what was installed.

    python scripts/matrix.py --list                              interpreters and combinations
    python scripts/matrix.py                                     everything: an hour and more
    python scripts/matrix.py --python 3.12 --quick               one interpreter, a few rooms
    python scripts/matrix.py --deps default                      packages and commands only, no tests
    python scripts/matrix.py --deps oldest --lane python tests/wire tests/session

Each interpreter gets an sdist, a wheel with compiled parts, the same built from the sdist, and a wheel without compiled parts.
``--deps default`` installs them with nothing but what they require and tries every command; ``oldest`` and ``newest`` also bring
the extras, and run the tests of the rooms against the installed package. ``oldest`` takes the lower bounds of pyproject.toml, and
where one has no wheel for a newer Python, the oldest version that has. What is tested is the last commit; ``--uncommitted`` takes
the tracked files as they are.

Ends with 1 when anything failed. Logs are kept; where, it says.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matrix.environments import CommandFailedError, Environment, run_logged
from matrix.interpreters import Interpreter, find_interpreters
from matrix.packages import Built, build, export, wrong_in_sdist, wrong_in_wheel
from matrix.requirements import FOR_USERS, PURE_SDISTS, Pin, Requirement, oldest_pins, requirements, test_tools
from steps import say

ROOT = Path(__file__).resolve().parent.parent
LANES = ("compiled", "python")
DEPS = ("default", "oldest", "newest")
LOOPS = ("asyncio", "uvloop") if sys.platform != "win32" else ("asyncio",)
ROOMS = (
    "tests/wire", "tests/test_echo.py", "tests/session", "tests/sync", "tests/records", "tests/brokers", "tests/doors",
    "tests/tape", "tests/sinks", "tests/paper", "tests/hub", "tests/cli", "tests/property", "tests/test_clock.py",
    "tests/test_errors.py", "tests/test_ports.py",
)  # fmt: skip
QUICK_ROOMS = (
    "tests/wire/lane",
    "tests/wire/test_connection.py",
    "tests/test_echo.py",
    "tests/session",
    "tests/records",
)
FOR_TESTS = (
    "tests",
    "scripts",
    "docs",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE",
    "pyproject.toml",
    "setup.py",
)
"""What stands beside the tests; the package does not, so that the installed one is what they import."""
OUTCOME = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")
ONLY_WHEELS = ("--only-binary", ":all:")


@dataclass
class Row:
    """One line of the table."""

    python: str
    lane: str
    deps: str
    loop: str
    what: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""


class Matrix:
    """Everything that is tried for the interpreters, and what came of it.

    Parameters:
        options: the command line.
        place: a folder of its own.
    """

    def __init__(self, options: argparse.Namespace, place: Path) -> None:
        self._options = options
        self._place = place
        self._logs = place / "logs"
        self._logs.mkdir()
        self._tree = place / "tree"
        self._names = export(ROOT, self._tree, is_committed=not options.uncommitted)
        self._project = self._tree / "pyproject.toml"
        self._smoke = self._tree / "scripts" / "matrix" / "smoke.py"
        self.rows: list[Row] = []

    def run(self, interpreter: Interpreter) -> None:
        """Try everything on one interpreter; a failed part does not keep the others from being tried."""
        options, place = self._options, self._place / interpreter.name
        place.mkdir()
        say(f"\n== Python {interpreter.full}")
        built = self._build(interpreter, place)
        if built is None:
            return
        if "default" in options.deps:
            self._try_packages(interpreter, built, place)
        for deps in options.deps:
            if deps != "default":
                self._test(interpreter, built, place, deps)
        shutil.rmtree(place, ignore_errors=True)

    def _build(self, interpreter: Interpreter, place: Path) -> Built | None:
        made: list[Built] = []

        def building(log: Path) -> str:
            wanted = requirements(self._project, "build")
            asking = Environment.make(interpreter, place / "asking")
            pins = oldest_pins(asking.python, wanted)
            made.append(build(interpreter, self._tree, place, [each.text for each in wanted], pins, log))
            wrong = [f"sdist: {each}" for each in wrong_in_sdist(made[0].sdist, self._names)]
            for wheel in (made[0].compiled, made[0].from_sdist, made[0].pure):
                wrong += [
                    f"{wheel.parent.name}: {each}"
                    for each in wrong_in_wheel(wheel, self._names, is_compiled=wheel != made[0].pure)
                ]
            if wrong:
                raise CommandFailedError("\n".join(wrong))
            return "sdist, 3 wheels; sdist's with " + ", ".join(pin.text for pin in pins)

        self._row(Row(interpreter.full, "both", "build", "-", "build, contents"), building)
        return made[0] if made else None

    def _try_packages(self, interpreter: Interpreter, built: Built, place: Path) -> None:
        """Install in empty environments without a compiler, and try the commands there."""

        def installed(what: Path, lane: str, *more: str) -> Callable[[Path], str]:
            def attempt(log: Path) -> str:
                env = Environment.make(interpreter, _fresh(place / "empty"))
                env.install_without_compiler([what], log=log, options=ONLY_WHEELS)
                env.check(log)
                return self._try_commands(env, log, "--lane", lane, *more)

            return attempt

        def from_sdist(log: Path) -> str:
            env = Environment.make(interpreter, _fresh(place / "empty"))
            said = env.install_without_compiler([built.sdist], log=log, options=("-v", "--no-binary", "wsexample"))
            if "without its compiled parts" not in said:
                raise CommandFailedError("the build says nothing of the missing compiler")
            env.check(log)
            return self._try_commands(env, log, "--lane", "python")

        tries: list[tuple[str, str, Callable[[Path], str]]] = [
            ("compiled", "wheel, no extra", installed(built.compiled, "compiled", "--without-extras")),
            ("compiled", "as on Windows", installed(built.compiled, "compiled", "--windows")),
            ("python", "wheel, no extra", installed(built.pure, "python", "--without-extras")),
            ("python", "as on Windows", installed(built.pure, "python", "--windows")),
            ("python", "sdist, no compiler", from_sdist),
        ]
        for lane, what, attempt in tries:
            if lane in self._options.lane:
                self._row(Row(interpreter.full, lane, "default", "-", what), attempt)

    def _try_commands(self, env: Environment, log: Path, *arguments: str) -> str:
        said = run_logged([env.python, self._smoke, *arguments], log=log, env=env.without_compiler, cwd=env.folder)
        return f"{len(re.findall(r'^[a-z ]+: ', said, flags=re.MULTILINE))} parts tried"

    def _test(self, interpreter: Interpreter, built: Built, place: Path, deps: str) -> None:
        """Run the tests against what is installed, lane by lane and loop by loop, in one environment."""
        env: list[Environment] = []

        def installing(log: Path) -> str:
            fresh = Environment.make(interpreter, _fresh(place / deps))
            tools = test_tools(self._project)
            compiled = built.from_sdist if deps == "oldest" else built.compiled
            if deps == "oldest":
                pins = oldest_pins(fresh.python, self._for_users())
                constraints = self._logs / f"{interpreter.full}-oldest.txt"
                constraints.write_text("".join(f"{pin.text}\n" for pin in pins), encoding="utf-8")
                what = [f"{compiled}[{','.join(FOR_USERS)}]", *tools, "--constraint", str(constraints)]
                options = (*ONLY_WHEELS, "--no-binary", ",".join(PURE_SDISTS))
                fresh.install_without_compiler(what, log=log, options=options)
                note = _compare(pins, fresh.versions())
            else:
                what = [f"{compiled}[{','.join(FOR_USERS)}]", *tools]
                fresh.install_without_compiler(what, log=log, options=(*ONLY_WHEELS, "--upgrade"))
                versions = fresh.versions()
                note = ", ".join(f"{each.name} {versions[each.name.lower()]}" for each in requirements(self._project))
            fresh.check(log)
            env.append(fresh)
            return note

        self._row(Row(interpreter.full, "both", deps, "-", "install"), installing)
        if not env:
            return
        stage = _fresh(place / "stage")
        for name in FOR_TESTS:
            source = self._tree / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, stage / name)
        for lane in self._options.lane:
            wheel = built.pure if lane == "python" else built.from_sdist if deps == "oldest" else built.compiled
            log = self._logs / f"{interpreter.full}-{deps}-{lane}-install.log"
            env[0].install_without_compiler([wheel], log=log, options=("--force-reinstall", "--no-deps"))
            for loop in self._options.loop:
                row = Row(interpreter.full, lane, deps, loop, "tests")
                self._row(row, partial(self._run_tests, env[0], stage, row))

    def _for_users(self) -> list[Requirement]:
        """The core's requirements and those of the extras for users, each once."""
        found = {each.name: each for group in ("", *FOR_USERS) for each in requirements(self._project, group)}
        return list(found.values())

    def _run_tests(self, env: Environment, stage: Path, row: Row, log: Path) -> str:
        rooms = self._options.rooms or (QUICK_ROOMS if self._options.quick else ROOMS)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("WSE", "PYTHON", "CI"))}
        variables |= {"WSEXAMPLE_LOOP": row.loop}
        if row.lane == "compiled":
            variables["WSEXAMPLE_LANE"] = "require"
        words = "import wsexample, wsexample.wire.lane as lane; print(wsexample.__file__, lane.LANE)"
        said = run_logged([env.python, "-c", words], log=log, cwd=stage, env=variables)
        if "site-packages" not in said or not said.split()[-1] == row.lane:
            raise CommandFailedError(f"what would be tested is {said}")
        command: list[str | Path] = [
            env.python,
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            "-n",
            str(self._options.processes),
        ]
        if row.deps == "oldest":  # old releases use what newer ones of their own requirements deprecate
            command += ["-W", "default::DeprecationWarning"]
        command += ["--dist", "loadfile", "--timeout", "120", *rooms]
        try:
            said = run_logged(command, log=log, cwd=stage, env=variables, timeout_s=7200)
        except CommandFailedError as error:
            _count(row, str(error))
            raise
        _count(row, said)
        return ""

    def _row(self, row: Row, attempt: Callable[[Path], str]) -> None:
        """Carry out one line of the table; a failure is told at once and counted."""
        words = (row.python, row.deps, row.lane, row.loop, row.what)
        log = self._logs / f"{re.sub(r'[^a-z0-9.]+', '-', '-'.join(words).lower())}.log"
        started_s = time.monotonic()
        try:
            row.note = attempt(log)
            row.passed = row.passed or 1
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            row.failed = row.failed or 1
            row.note = f"see {log.name}"
            say(f"   FAILED: {error}")
        row.seconds = time.monotonic() - started_s
        self.rows.append(row)
        say(f"   {_line(row)}  {row.note}")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _count(row: Row, said: str) -> None:
    """Read the last line of pytest into a row."""
    for number, word in OUTCOME.findall("\n".join(said.strip().splitlines()[-3:])):
        name = "failed" if word.startswith("error") else word
        setattr(row, name, getattr(row, name) + int(number))


def _compare(pins: Sequence[Pin], versions: dict[str, str]) -> str:
    """Return which pins are not the bounds; raise where something else was installed."""
    others = [pin.text for pin in pins if _plain(versions[pin.name.lower()]) != _plain(pin.version)]
    if others:
        raise CommandFailedError(f"not installed as asked: {', '.join(others)}")
    replaced = [f"{pin.name} {pin.version} for {pin.bound}: {pin.reason}" for pin in pins if pin.reason]
    return "; ".join(replaced) or "every lower bound"


def _plain(version: str) -> str:
    return re.sub(r"(\.0)+$", "", version)


LINE = "{:<8} {:<9} {:<8} {:<8} {:<20} {:>6} {:>6} {:>7} {:>7}"
HEADING = LINE.format("python", "lane", "deps", "loop", "what", "passed", "failed", "skipped", "seconds")


def _line(row: Row) -> str:
    counts = (row.passed, row.failed, row.skipped, f"{row.seconds:.0f}")
    return LINE.format(row.python, row.lane, row.deps, row.loop, row.what, *counts)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what was not chosen is everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="PATH", help="tests to run; those of every room")
    parser.add_argument("--python", action="append", metavar="X.Y", help="only this version; repeat")
    parser.add_argument("--lane", action="append", choices=LANES, help="only this lane; repeat")
    parser.add_argument("--deps", action="append", choices=DEPS, help="only these versions; repeat")
    parser.add_argument("--loop", action="append", choices=LOOPS, help="only this event loop; repeat")
    parser.add_argument("--quick", action="store_true", help="a few rooms")
    parser.add_argument("--processes", "-n", type=int, default=2, help="processes for the tests (2)")
    parser.add_argument(
        "--uncommitted", action="store_true", help="the tracked files as they are, not as last committed"
    )
    parser.add_argument("--logs", type=Path, metavar="DIR", help="where the logs go; a new temporary directory")
    parser.add_argument("--list", action="store_true", help="show interpreters and combinations, and end")
    options = parser.parse_args(arguments)
    options.lane, options.deps = options.lane or LANES, options.deps or DEPS
    options.loop = options.loop or LOOPS
    return options


def main() -> int:
    """Try every combination, one after the other; return 1 when anything failed."""
    options = parse()
    found = find_interpreters()
    chosen = [each for each in found if not options.python or each.name in options.python]
    missing = set(options.python or ()) - {each.name for each in chosen}
    if missing or not chosen:
        say(f"no Python {', '.join(sorted(missing))} here; found: {', '.join(each.full for each in found) or 'none'}")
        return 1
    if options.list:
        for each in chosen:
            print(f"{each.full:<8} lanes: {', '.join(options.lane)}; versions: {', '.join(options.deps)}; "
                  f"loops: {', '.join(options.loop)}")  # fmt: skip
        return 0
    place = Path(tempfile.mkdtemp(prefix="wsexample-matrix-"))
    begun_s = time.monotonic()
    try:
        matrix = Matrix(options, place)
        for interpreter in chosen:
            matrix.run(interpreter)
    finally:
        logs = place / "logs"
        if options.logs and logs.exists():
            shutil.copytree(logs, options.logs, dirs_exist_ok=True)
            logs = options.logs
        for left in place.iterdir():
            if left.name != "logs" or options.logs:
                shutil.rmtree(left, ignore_errors=True)
        if options.logs:
            place.rmdir()
    failed = sum(1 for row in matrix.rows if row.failed)
    say(f"\n{HEADING}")
    for row in matrix.rows:
        say(_line(row) + (f"  {row.note}" if row.failed else ""))
    say(f"\n{len(matrix.rows)} lines, {failed} with failures, {time.monotonic() - begun_s:.0f} s; logs in {logs}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
