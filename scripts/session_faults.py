#!/usr/bin/env python3
"""Let a session live through random faults over real sockets for two minutes (``--seconds``), and check what must hold.

The faults and the checks are those of tests/integration/test_session_faults.py, which takes six seconds by itself.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = "tests/integration/test_session_faults.py"


def main() -> int:
    """Run the test for longer; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=120.0, help="wall time (default 120)")
    options = parser.parse_args()
    environment = os.environ | {"WSEXAMPLE_FAULT_SECONDS": str(options.seconds)}
    command = [sys.executable, "-m", "pytest", "-q", "-s", TEST]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
