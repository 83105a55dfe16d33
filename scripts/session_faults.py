#!/usr/bin/env python3
"""Let a session live through random faults over real sockets for two minutes (``--seconds``), and check what must hold.

``session`` (the default) is a session alone against a server that goes wrong, ``kabu`` is `KabuClient` against the simulated
kabu Station. The faults and the checks are those of the tests named below, which take a few seconds by themselves.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = {
    "session": "tests/integration/test_session_faults.py",
    "kabu": "tests/brokers/kabu/test_socket_faults.py",
}


def main() -> int:
    """Run the test for longer; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("what", nargs="?", choices=TESTS, default="session", help="what lives through them")
    parser.add_argument("--seconds", type=float, default=120.0, help="wall time (default 120)")
    options = parser.parse_args()
    environment = os.environ | {"WSEXAMPLE_FAULT_SECONDS": str(options.seconds)}
    command = [sys.executable, "-m", "pytest", "-q", "-s", TESTS[options.what]]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
