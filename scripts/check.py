#!/usr/bin/env python3
"""Check formatting, lint and types; ``--fix`` mends what can be mended by a program."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time

from steps import run_shown, say
from venv_setup import ROOT, check_python, run_inside, venv_program

SCRIPTS = ["scripts/check.py", "scripts/demo.py", "scripts/test.py"]
CHECKED = ["wsexample", "tests", "scripts", "setup.py"]


def main() -> int:
    """Run every check, also after one has failed; return 1 when any failed."""
    check_python()
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--fix", action="store_true", help="format files and apply the safe fixes of the linter first")
    options = parser.parse_args()
    if not all(importlib.util.find_spec(tool) for tool in ("ruff", "mypy")):
        python = venv_program("python")
        if not python.exists() or os.path.samefile(sys.prefix, python.parent.parent):
            sys.exit("ruff and mypy are not installed here; `python3 scripts/test.py` makes .venv with both")
        run_inside(python, __file__, sys.argv[1:])

    tool = [sys.executable, "-m"]
    if options.fix:
        run_shown([*tool, "ruff", "format", *CHECKED], cwd=ROOT)
        run_shown([*tool, "ruff", "check", "--fix-only", *CHECKED], cwd=ROOT)
    failed = []
    for name, command in {
        "format": [*tool, "ruff", "format", "--check", *CHECKED],
        "lint": [*tool, "ruff", "check", *CHECKED],
        "types": [*tool, "mypy"],
        # a stub stands before this file, so that nothing else checks it; with it, some marks elsewhere count as needless
        "types behind the stub": [*tool, "mypy", "--no-warn-unused-ignores", "wsexample/wire/autobahn.py"],
        "types of the scripts": [*tool, "mypy", *SCRIPTS],
    }.items():
        begun = time.monotonic()
        if run_shown(command, cwd=ROOT):
            failed.append(name)
        say(f"   {name}: {'FAILED' if name in failed else 'ok'} ({time.monotonic() - begun:.1f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
