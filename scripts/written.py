"""How a script begins that writes a file from the code itself, and how it keeps or compares what it has made."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from venv_setup import ROOT, check_python, run_inside, venv_program

__all__ = ["begin", "keep"]


def begin(
    script: str, doc: str | None, *, needs: str, check: str = "write nothing; fail when the page is out of date"
) -> bool:
    """Read the command line, go on in the project's environment where this one lacks something; returns whether to compare.

    Parameters:
        script: the file of the script.
        doc: what its help says.
        needs: a module without which the code cannot be imported.
        check: what the help says of ``--check``.
    """
    check_python()
    parser = argparse.ArgumentParser(
        description=doc, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help=check)
    options = parser.parse_args()
    if importlib.util.find_spec(needs) is None:
        run_inside(venv_program("python"), script, sys.argv[1:])
    sys.path.insert(0, str(ROOT))
    return bool(options.check)


def keep(page: Path, new: str, old: str | None, counted: str, *, is_check: bool) -> int:
    """Write a page, or say whether it is out of date; returns the exit status.

    Parameters:
        page: its file.
        new: what stands in it from now on.
        old: what stands in it; None where there is none yet.
        counted: what each heading of the second level is.
        is_check: compare and write nothing.
    """
    name = page.relative_to(ROOT).as_posix()
    if is_check:
        if new != old:
            print(f"{name} is out of date; run scripts/{Path(sys.argv[0]).name}", file=sys.stderr)
        return int(new != old)
    page.write_text(new, encoding="utf-8")
    print(f"{name}: {new.count('## ')} {counted}")
    return 0
