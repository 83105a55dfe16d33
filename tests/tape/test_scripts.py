"""The scripts around tapes, for a short time: what they promise to notice, and that it holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / words[0]), *words[1:]], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_what_was_flushed_survives_sigkill() -> None:
    """After five kills at random moments everything flushed is there, once."""
    assert "5 kills" in run("tape_kill.py", "--kills", "5", "--codec", "zlib")


def test_traffic_of_each_simulator_replays_to_the_same_bytes() -> None:
    """A few minutes of each broker, played twice."""
    shown = run("tape_hour.py", "--minutes", "0.3", "--rounds", "1")
    assert shown.count("twice the same: yes") == 3
