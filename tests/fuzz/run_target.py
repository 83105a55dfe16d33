"""Run one target under atheris, in this process, until libFuzzer has had enough.

    python -m tests.fuzz.run_target NAME [--into DIR] [flags of libFuzzer] [corpora that are only read]

New inputs are kept in DIR/corpus, an input that breaks the promise in DIR/crash-* (build/fuzz/NAME without ``--into``). It exits
with 0 when nothing was found. Flags of libFuzzer that are of use: ``-seed=7``, ``-runs=10000``, ``-max_total_time=60``.
"""

from __future__ import annotations

import argparse
import ast
import gc
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import atheris

from tests.fuzz.targets import CORPORA, HERE, ROOT, load, seeds

MAX_LEN = 4096
MAX_GROWTH_MIB = 64
"""What one input may add to the most memory that the process has ever used."""
LIMITS = ("-timeout=10", "-rss_limit_mb=1024")
"""Seconds for one input, and memory of the whole process; both are findings."""


class TooMuchMemoryError(Exception):
    """A small input made the process much bigger."""


class OnlyThese:
    """Finds modules before atheris does, and leaves to it (by not finding them) those that are to be instrumented."""

    def __init__(self, prefixes: Sequence[str]) -> None:
        self.prefixes = tuple(prefixes)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is that nobody wants instrumented."""
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in self.prefixes):
            return None
        return PathFinder.find_spec(name, path, target)


def peak_mib() -> int:
    """Return the most memory that this process ever had (VmHWM; ru_maxrss would count its parent's too)."""
    with open("/proc/self/status", "rb") as status:
        line = next(line for line in status if line.startswith(b"VmHWM"))
    return int(line.split()[1]) // 1024


def within_memory(one_input: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Wrap a target's function, so that an input that takes a lot of memory is a finding."""
    peak = 0

    def bounded(data: bytes) -> None:
        nonlocal peak
        one_input(data)
        now = peak_mib()
        if peak and now - peak > MAX_GROWTH_MIB:
            raise TooMuchMemoryError(f"{len(data)} octets made {peak} MiB {now} MiB")
        peak = now

    return bounded


def written(files: Sequence[bytes], folder: Path) -> Path:
    """Write inputs into a folder, numbered."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(files):
        (folder / f"{number:03}").write_bytes(data)
    return folder


def quoted(token: bytes) -> str:
    """Write a token as a dictionary of libFuzzer has it."""
    inside = "".join(chr(o) if 32 <= o < 127 and chr(o) not in '"\\' else f"\\x{o:02X}" for o in token)
    return f'"{inside}"\n'


def main() -> None:
    """Import the target instrumented, lay out its folder, and hand over to libFuzzer, which ends the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--into", type=Path, help="folder for new inputs and findings")
    options, flags = parser.parse_known_args()
    name = options.target
    source = HERE / f"{name}.py"
    if not source.exists():
        sys.exit(f"no target is called {name}")
    folder = (options.into or ROOT / "build" / "fuzz" / name).resolve()

    instrument = declared_prefixes(source)
    with atheris.instrument_imports(include=sorted({prefix.split(".")[0] for prefix in instrument})):
        sys.meta_path.insert(0, OnlyThese(instrument))
        target = load(name)
        sys.meta_path.pop(0)

    kept = folder / "corpus"
    kept.mkdir(parents=True, exist_ok=True)
    readable = [kept, written(list(seeds(target)), folder / "seeds"), CORPORA / name]
    command = f"{shlex.quote(sys.executable)} -m tests.fuzz.run_target {name} --into {shlex.quote(str(folder))}"
    arguments = [command, *LIMITS, f"-max_len={getattr(target, 'MAX_LEN', MAX_LEN)}", f"-artifact_prefix={folder}/"]
    tokens = getattr(target, "TOKENS", ())
    if tokens:
        words = folder / "tokens"
        words.write_text("".join(map(quoted, tokens)), encoding="ascii")
        arguments.append(f"-dict={words}")
    arguments += flags
    if not any(not flag.startswith("-") for flag in flags):  # a merge, or one input to repeat, names its own
        arguments += [str(path) for path in readable if path.exists()]
    logging.disable()  # what a hostile input makes the library say is of no interest here, a million times over
    gc.freeze()  # what is imported stays: collections within the runs need not look at it
    atheris.Setup(arguments, within_memory(target.one_input))
    atheris.Fuzz()


def declared_prefixes(source: Path) -> tuple[str, ...]:
    """Read INSTRUMENT out of a target's source: it is needed before the target, and so all that it imports, is loaded."""
    for statement in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "") == "INSTRUMENT":
            assert statement.value is not None
            found: tuple[str, ...] = ast.literal_eval(statement.value)
            return found
    sys.exit(f"{os.path.relpath(source)} has no INSTRUMENT: tuple[str, ...] = (...)")


if __name__ == "__main__":
    main()
