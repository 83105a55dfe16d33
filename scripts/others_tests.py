#!/usr/bin/env python3
"""Run the tests of Autobahn and of websocket-client with this package's classes under their names, beside the originals.

    python scripts/others_tests.py                     both
    python scripts/others_tests.py websocket-client --verbose

The tests are those that the installed packages bring along; they are copied into a temporary folder and run twice, once as they
are and once with this package in the original's place (an echo server of ours stands by for those that want one). The table says
how many passed, and how many of those come to code of this package at all. What differs has to be listed in
scripts/others/differences.py with a reason: the exit status is 1 when a test differs that is not listed, or a listed one does not
differ any more. A test that fails with the original as well, or that is skipped, says nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from others.differences import DIFFERENCES
from others.stand_in import SUITES

HERE = Path(__file__).resolve().parent
TEST_TIMEOUT_S = 15.0
"""Of one test: websocket-client needs ten to notice a close, and a few wait for ever for what replaced an inside of theirs."""
DEADLINE_S = 300.0


@dataclass
class Seen:
    """What a run of a suite showed."""

    outcomes: dict[str, str]
    words: dict[str, str]
    reached: list[str]

    def passed(self) -> int:
        return sum(outcome == "passed" for outcome in self.outcomes.values())


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="*", metavar="PROJECT", help=f"of {', '.join(SUITES)}; both")
    parser.add_argument("--verbose", action="store_true", help="also show each listed difference with its reason")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.projects) - set(SUITES)):
        parser.error(f"unknown project: {', '.join(unknown)}")
    return options


def copy_tests(project: str, folder: Path) -> list[Path]:
    """Copy a project's tests; returns the files to run, none where the installed package has none."""
    package, patterns, _ = SUITES[project]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    home = Path(spec.origin).parent
    copied = []
    for pattern in patterns:
        for file in sorted(home.glob(pattern)):
            target = folder / package / file.relative_to(home).parent.as_posix().replace("/", "_")
            if not target.exists():
                shutil.copytree(file.parent, target, ignore=shutil.ignore_patterns("__pycache__"))
            copied.append(target / file.name)
    return copied


async def run(project: str, files: list[Path], folder: Path, port: int, *, is_ours: bool) -> Seen:
    """Run a project's tests, with its own classes or with ours."""
    report = folder / f"{project}-{'ours' if is_ours else 'theirs'}.json"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-c", os.devnull, "--rootdir", str(folder)]
    command += [
        "-p",
        "no:cacheprovider",
        "-p",
        "others.plugin",
        "-p",
        "pytest_timeout",
        "--timeout",
        str(TEST_TIMEOUT_S),
    ]
    command += ["--continue-on-collection-errors", "--others-report", str(report)]
    if is_ours:
        command += ["--others-stand-in", project]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "USE_ASYNCIO": "1",
        "LOCAL_WS_SERVER_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        *map(str, files),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not report.exists():
        raise RuntimeError(f"the tests of {project} did not run:\n{said.decode(errors='replace')}")
    seen: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return Seen(**seen)


def compare(theirs: Seen, ours: Seen, listed: dict[str, str]) -> list[str]:
    """Return what does not hold: differences that are not listed, and listed ones that are none."""
    differ = {
        name: ours.words.get(name) or ours.outcomes.get(name, "did not run")
        for name, outcome in theirs.outcomes.items()
        if outcome == "passed" and ours.outcomes.get(name) != "passed"
    }
    faults = [
        f"{name} passes with theirs only: {words.splitlines()[0]}"
        for name, words in differ.items()
        if name not in listed
    ]
    return faults + [f"{name} is listed, and differs no more" for name in listed if name not in differ]


async def check(projects: list[str], *, is_verbose: bool) -> int:
    """Run and compare; returns the exit status."""
    from wsexample import serve

    async def echo(ws: Any) -> None:
        async for payload in ws:
            await ws.send(payload)

    broke = 0
    print(f"{'':<24}{'tests':>8}{'theirs pass':>13}{'ours pass':>11}{'reach ours':>12}{'differ':>8}{'listed':>8}")
    async with serve(echo, host="127.0.0.1", port=0) as server:
        for project in projects:
            with tempfile.TemporaryDirectory() as folder:
                files = copy_tests(project, Path(folder))
                if not files:
                    print(f"{project}: the installed package has no tests; install {project}, which brings them along")
                    broke += 1
                    continue
                theirs, ours = await asyncio.gather(
                    *(run(project, files, Path(folder), server.port, is_ours=whose) for whose in (False, True))
                )
            listed = DIFFERENCES[project]
            faults = compare(theirs, ours, listed)
            differ = sum(o == "passed" and ours.outcomes.get(name) != "passed" for name, o in theirs.outcomes.items())
            title = f"{project} {importlib.metadata.version(project)}"
            print(
                f"{title:<24}{len(theirs.outcomes):>8}{theirs.passed():>13}{ours.passed():>11}"
                f"{len(ours.reached):>12}{differ:>8}{len(listed):>8}"
            )
            for name, reason in listed.items() if is_verbose else ():
                print(f"  {name}\n    {reason}")
            for fault in faults:
                print(f"  BROKE: {fault}")
            broke += len(faults)
    return 1 if broke else 0


def main(arguments: list[str]) -> int:
    """Run what the command line asks for; returns the exit status."""
    options = parse(arguments)
    return asyncio.run(check(options.projects or list(SUITES), is_verbose=options.verbose))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    sys.exit(main(sys.argv[1:]))
