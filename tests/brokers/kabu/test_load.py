"""A slow consumer of a busy market, by the script that shows it in full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "kabu_load.py"


@pytest.mark.parametrize("options", [(), ("--blocking",)], ids=["awaiting", "blocking"])
def test_a_slow_consumer_is_fresh_and_accounted_for(options: tuple[str, ...]) -> None:
    """A second of the minute that docs/kabu.md tells of: every promise is kept."""
    command = [sys.executable, str(SCRIPT), "--seconds", "1", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("kept  ") == 6
