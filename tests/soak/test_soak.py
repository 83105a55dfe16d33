"""A minute of everything: each broker's client, store, tapes, paper trading, hub and its readers, over bad networks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GROWTH_MIB = 40
"""Growth of memory in a minute that is allowed here: histories, caches and memories fill all through the first minute (8 to 12
MiB were seen). It finds what keeps every message several times; slow leaks are for longer runs."""


@pytest.mark.timeout(300)
def test_a_minute_of_everything_keeps_every_promise(tmp_path: Path) -> None:
    """Every message accounted for, every execution once, all handles given back; ``WSEXAMPLE_SOAK_SEED`` tries others."""
    seed = os.environ.get("WSEXAMPLE_SOAK_SEED", "1")
    command = [sys.executable, str(ROOT / "scripts" / "soak.py"), "--minutes", "0.85", "--sample", "1", "--seed", seed]
    command += ["--faults-per-minute", "20", "--growth-allowed", str(GROWTH_MIB), "--report", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}\n{done.stderr}"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["is_kept"]
    assert len(report["promises"]) > 30
    assert len(report["faults"]) > 5
    assert (tmp_path / "report.png").stat().st_size > 10_000
