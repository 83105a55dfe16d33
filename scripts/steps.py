"""What a script shows while it works: a heading for each step, a sign of life, and how long it took.

Only the standard library of Python 3.8, so that an older interpreter still gets as far as a clear sentence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["CommandError", "StepError", "run_quietly", "run_shown", "step"]

SIGN_OF_LIFE_S = 5.0
"""How often a quiet command shows where it is when the output is not a terminal."""


class StepError(Exception):
    """A step cannot go on; the message says why and what to do."""


class CommandError(StepError):
    """A command ended with an error; the message holds all that it printed."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print a heading, run the block, print the time that it took."""
    say(f"\n== {title}")
    begun = time.monotonic()
    try:
        yield
    finally:
        say(f"   ({time.monotonic() - begun:.1f} s)")


def say(text: str) -> None:
    """Print a line at once, whatever the encoding of the terminal can show of it."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


def run_shown(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run a command with its output as it comes; return its exit code."""
    say(f"   $ {_short(command)}")
    return subprocess.call(list(command), env=None if env is None else dict(env), cwd=cwd)


def run_quietly(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command and show only where it is; raise `CommandError` with its output when it fails."""
    say(f"   $ {_short(command)}")
    process = subprocess.Popen(
        list(command),
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    lines: list[str] = []
    shown_at = time.monotonic()
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            if not lines[-1]:
                continue
            if sys.stdout.isatty():
                _overwrite(f"     {lines[-1].strip()}")
            elif time.monotonic() - shown_at >= SIGN_OF_LIFE_S:
                shown_at = time.monotonic()
                say(f"     {lines[-1].strip()[:100]}")
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        process.stdout.close()
        if sys.stdout.isatty():
            _overwrite("")
    if code:
        raise CommandError("\n".join([*lines, f"the command ended with exit code {code}: {_short(command)}"]))


def _short(command: Sequence[str]) -> str:
    here = os.getcwd() + os.sep
    return " ".join(part.replace(here, "") for part in command)


def _overwrite(text: str) -> None:
    width = shutil.get_terminal_size().columns - 1
    encoding = sys.stdout.encoding or "ascii"
    shown = text[:width].encode(encoding, "replace").decode(encoding)
    sys.stdout.write("\r" + shown.ljust(width) + ("\r" if not text else ""))
    sys.stdout.flush()
