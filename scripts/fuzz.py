#!/usr/bin/env python3
"""Make up hostile input for the parsers and see whether they keep their promises; the promises are tests/fuzz/targets/*.py.

    python scripts/fuzz.py                              every target for a minute each
    python scripts/fuzz.py lane_client --seconds 600 --seed 7
    python scripts/fuzz.py --seconds 300 --jobs 2 --keep
    python scripts/fuzz.py lane_client --repeat build/fuzz/lane_client/crash-1f0c
    python scripts/fuzz.py lane_client --shrink build/fuzz/lane_client/crash-1f0c
    python scripts/fuzz.py --list
    python scripts/fuzz.py --sanitize --seconds 120     the compiled extensions, watched by gcc's sanitizers

Inputs that reached something new stay in build/fuzz/TARGET/corpus, where the next run begins; ``--keep`` takes the smallest
of them into tests/fuzz/corpus. The exit code is 1 when a promise was broken. It needs atheris (Linux on x86-64).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.fuzz import campaign, sanitized  # noqa: E402
from tests.fuzz.campaign import Campaign  # noqa: E402
from tests.fuzz.targets import corpus, load, names, promise  # noqa: E402

PROGRESS_EVERY_S = 10.0
WORK = ROOT / "build" / "fuzz"

_printing = threading.Lock()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="which ones; all")
    parser.add_argument("--seconds", type=float, default=60, help="time for each target (default 60)")
    parser.add_argument("--seed", type=int, help="seed of the fuzzer; one is made up and printed")
    parser.add_argument("--jobs", type=int, default=1, help="targets at the same time (default 1)")
    parser.add_argument(
        "--work", type=Path, default=WORK, metavar="DIR", help="for inputs and findings (default build/fuzz)"
    )
    parser.add_argument("--fresh", action="store_true", help="begin without the inputs of earlier runs")
    parser.add_argument("--keep", action="store_true", help="put the kept corpora together anew, with what was found")
    parser.add_argument(
        "--minimise", action="store_true", help="run nothing, only take out of the kept corpora what adds nothing"
    )
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="try one input again, without atheris")
    parser.add_argument("--shrink", type=Path, metavar="FILE", help="make an input that breaks a promise smaller")
    parser.add_argument(
        "--sanitize",
        action="store_true",
        help="build the extensions with gcc's sanitizers in a copy and try targets there",
    )
    parser.add_argument("--list", action="store_true", help="print the targets and their promises")
    options = parser.parse_args(arguments)
    unknown = set(options.targets) - set(names())
    if unknown:
        parser.error(f"no target is called {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if (options.repeat or options.shrink) and len(options.targets) != 1:
        parser.error("name the one target that the input is for")
    options.targets = options.targets or names()
    return options


def main(arguments: list[str]) -> int:
    """Do what was asked for; returns the exit code."""
    options = parse(arguments)
    if options.list:
        for name in options.targets:
            print(f"{name}\n    " + promise(name).replace("\n", "\n    ") + "\n")
        return 0
    if options.repeat:
        return repeat(options.targets[0], options.repeat)
    if options.sanitize:
        return sanitize(options)
    if not campaign.is_available():
        sys.exit("atheris is not installed here: it has wheels for Linux on x86-64 and some interpreters only")
    if options.shrink:
        return shrink(options.targets[0], options.shrink, options.work)
    if options.minimise:
        for name in options.targets:
            say_kept(name, options.work, [])
        return 0
    outcomes = fuzz(options)
    if options.keep:
        for name in options.targets:
            say_kept(name, options.work, [options.work / name / "corpus"])
    print(table(outcomes))
    for outcome in outcomes:
        if outcome.has_failed:
            print(f"\n{outcome.explain()}")
    return 1 if any(outcome.has_failed for outcome in outcomes) else 0


def fuzz(options: argparse.Namespace) -> list[Campaign]:
    """Run the targets, some beside each other; says what they do."""
    seed = made_up_seed(options)
    print(f"{len(options.targets)} targets, {options.seconds:g} s each, seed {seed}", flush=True)

    def one(name: str) -> Campaign:
        if options.fresh:
            shutil.rmtree(options.work / name / "corpus", ignore_errors=True)
        said = [time.monotonic()]

        def progress(line: str) -> None:
            if line.startswith("#") and time.monotonic() - said[0] > PROGRESS_EVERY_S:
                said[0] = time.monotonic()
                say(f"{name}: {line.partition(' L: ')[0]}")

        say(f"{name}: begins")
        outcome = campaign.run(name, into=options.work / name, seed=seed, seconds=options.seconds, progress=progress)
        say(f"{name}: {'FOUND SOMETHING' if outcome.has_failed else 'nothing found'} in {outcome.executions:,} inputs")
        return outcome

    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        return list(pool.map(one, options.targets))


def say(line: str) -> None:
    """Print one whole line at once."""
    with _printing:
        print(line, flush=True)


def say_kept(name: str, work: Path, also: list[Path]) -> None:
    """Put a corpus together anew and say what became of it."""
    before = len(corpus(name))
    files, octets = campaign.minimise(name, into=work / name, also=also)
    say(f"{name}: {before} kept inputs became {files}, {octets:,} octets")


def repeat(name: str, file: Path) -> int:
    """Try one input in this process; the traceback tells the rest."""
    data = file.read_bytes()
    load(name).one_input(data)
    print(f"{name} keeps its promise for these {len(data)} octets")
    return 0


def shrink(name: str, file: Path, work: Path) -> int:
    """Let libFuzzer look for a smaller input that breaks the same promise."""
    flags = ["-minimize_crash=1", "-max_total_time=60", str(file.resolve())]
    _, said = campaign.tell(name, work / name, flags, deadline_s=60 + campaign.START_S, progress=print)
    smaller = sorted((work / name).glob("minimized-from-*"), key=lambda found: found.stat().st_size)
    print(campaign.again(name, smaller[0]) if smaller else f"nothing smaller was found\n{said[-500:]}")
    return 0


def sanitize(options: argparse.Namespace) -> int:
    """Try kept inputs and random changes of them on sanitized extensions; returns the exit code."""
    if sanitized.library() is None:
        sys.exit("gcc and its libasan are needed (Debian: gcc, python3-dev)")
    seed = made_up_seed(options)
    print("building the extensions with sanitizers; a minute or two where they changed", flush=True)
    copy = sanitized.built(options.work / "sanitized")
    print(f"{len(options.targets)} targets, {options.seconds:g} s each, seed {seed}", flush=True)
    exit_code, last = sanitized.shake(copy, options.targets, seconds=options.seconds, seed=seed)
    if exit_code:
        print(f"it ended with {exit_code}; the input was {last.read_bytes().hex()}")
        return 1
    print("nothing found")
    return 0


def made_up_seed(options: argparse.Namespace) -> int:
    """Return the seed that was given, or a new one."""
    seed: int = random.SystemRandom().randrange(1, 2**31) if options.seed is None else options.seed
    return seed


def table(outcomes: list[Campaign]) -> str:
    """Return what was done and found, in columns."""
    head = ("target", "executions", "exec/s", "corpus", "new", "edges", "findings")
    rows = [
        (
            outcome.target,
            f"{outcome.executions:,}",
            f"{outcome.exec_per_s:,}",
            f"{outcome.corpus_files:,}",
            f"{outcome.new_files:,}",
            f"{outcome.edges:,}",
            outcome.finding.name[:14] if outcome.finding else "ended early" if outcome.has_failed else "0",
        )
        for outcome in outcomes
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n" + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
