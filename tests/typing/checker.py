"""mypy as a user of the installed package runs it: in an environment of their own, without this project's settings."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".mypy_cache" / "users"
DEADLINE_S = 55


class Complaint(NamedTuple):
    """An error that mypy has found."""

    file: str
    line: int
    code: str
    words: str


def environment(folder: Path) -> Path:
    """Make an environment in which this clone counts as installed: its errors are not shown, its py.typed is believed."""
    venv.create(folder, symlinks=sys.platform != "win32", with_pip=False)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    scheme = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    site.mkdir(parents=True, exist_ok=True)
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "user.pth").write_text("\n".join([str(ROOT), *sorted(installed)]), encoding="utf-8")
    return python


def complaints(files: list[Path], python: Path, *flags: str) -> list[Complaint]:
    """Run ``mypy --strict`` on some files and return what it says."""
    done = subprocess.run(
        [
            *[sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(CACHE), *flags],
            *["--python-executable", str(python), "--no-pretty", "--hide-error-context", "--no-color-output"],
            *map(str, files),
        ],
        cwd=python.parent,  # not the clone, whose settings and sources it would take
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(.+?):(\d+): error: (.*?)  \[([\w-]+)\]$", done.stdout, re.MULTILINE)
    assert len(found) == done.stdout.count(": error: "), done.stdout
    return [Complaint(Path(file).name, int(line), code, words) for file, line, words, code in found]
