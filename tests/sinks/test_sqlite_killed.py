"""What flush returned for survives SIGKILL."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from wsexample.sinks.sqlite import read_records

WRITER = Path(__file__).with_name("killed_writer.py")


def write_until_killed(path: Path, first: int, seed: int) -> int:
    """Let a program write, kill it after a random number of flushes, and return the last number it had flushed."""
    flushes = random.Random(seed).randrange(1, 40)
    command = [sys.executable, str(WRITER), str(path), str(first), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(flushes)]
        child.kill()
        said += child.stdout.readlines()
    return int([line for line in said if line.endswith("\n")][-1])


@pytest.mark.parametrize("seed", range(3))
def test_flushed_records_survive_a_kill(tmp_path: Path, seed: int) -> None:
    """A writer killed at any moment, and again after going on, has every flushed record in its file, once."""
    path = tmp_path / "ticks.db"
    following = 1
    for round_number in range(3):
        flushed = write_until_killed(path, following, seed * 10 + round_number)
        numbers = [one.received_ns for one in read_records(path)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= flushed
        following = len(numbers) + 1
