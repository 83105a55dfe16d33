"""The Python interpreters of this machine: on PATH, from pyenv, and those that Windows' launcher knows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Interpreter", "find_interpreters"]

OLDEST = (3, 11)
NEWEST_TRIED = 20
"""Python 3.20 is the last name that is looked for on PATH."""

PROBE = """
import json, sys, sysconfig
import ensurepip, sqlite3, ssl, venv
print(json.dumps([getattr(sys, "_base_executable", None) or sys.executable, list(sys.version_info[:3]),
                  sys.implementation.name, bool(sysconfig.get_config_var("Py_GIL_DISABLED"))]))
"""


@dataclass(frozen=True, order=True)
class Interpreter:
    """An interpreter that can make environments."""

    version: tuple[int, int, int]
    executable: Path

    @property
    def name(self) -> str:
        """Major and minor version, such as "3.12"."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def full(self) -> str:
        """The whole version, such as "3.12.1"."""
        return ".".join(map(str, self.version))


def find_interpreters() -> list[Interpreter]:
    """Return CPython 3.11 and later that have venv, pip, ssl and sqlite3; of each minor version the newest, oldest first."""
    newest: dict[str, Interpreter] = {}
    for candidate in dict.fromkeys(_candidates()):
        found = _probe(candidate)
        if found is not None and (found.name not in newest or found > newest[found.name]):
            newest[found.name] = found
    return sorted(newest.values())


def _candidates() -> Iterator[Path]:
    yield Path(sys.executable)
    names = ["python3", "python", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST_TRIED + 1))]
    for folder in os.get_exec_path():
        for name in names:
            path = shutil.which(name, path=folder)
            if path:
                yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(pyenv.glob("3.*/bin/python"))
    launcher = shutil.which("py")
    if launcher and os.name == "nt":
        listed = subprocess.run([launcher, "-0p"], capture_output=True, text=True, timeout=20, check=False).stdout
        yield from (Path(line.split()[-1]) for line in listed.splitlines() if line.strip().endswith("python.exe"))


def _probe(path: Path) -> Interpreter | None:
    """Ask an interpreter what it is; None where it does not run, is too old, or lacks a part."""
    try:
        done = subprocess.run([path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=20, check=False)
        executable, version, implementation, is_free_threaded = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if implementation != "cpython" or is_free_threaded or tuple(version[:2]) < OLDEST:
        return None
    return Interpreter((version[0], version[1], version[2]), Path(executable))
