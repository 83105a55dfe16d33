"""The clone's own virtual environment, ``.venv``: made once, then reused while what it was made from is unchanged.

The project is installed in editable mode, so that commands and tests run the code of this clone. Only the standard
library of Python 3.8 is used here, so that an older interpreter still gets as far as a clear sentence.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from steps import CommandError, StepError, run_quietly, say

__all__ = ["ROOT", "VENV", "check_python", "ensure_venv", "is_debian_root", "run_inside", "venv_program"]

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "wsexample-installed.json"
OLDEST = (3, 11)


def check_python() -> None:
    """Leave with one sentence when this interpreter is too old, naming one that is not."""
    if sys.version_info >= OLDEST:
        return
    found = [name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)]
    advice = f"run: {found[0]} {' '.join(sys.argv)}" if found else "see https://www.python.org/downloads/"
    sys.exit(f"This needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}; {advice}")


def ensure_venv(extras: Sequence[str] = ()) -> Path:
    """Make ``.venv`` where it is missing or out of date, install the project with its extras, return its Python.

    Raises:
        StepError: there is no way to make an environment here, or an install failed.
    """
    python = venv_program("python")
    if not _works(python):
        say(f"   making {VENV.name} with Python {sys.version.split()[0]}")
        _make()
    installed = _installed_extras()
    wanted = set(extras) | (installed or set())
    if wanted == installed:
        say(f"   {VENV.name} is up to date")
        return python
    STAMP.unlink(missing_ok=True)
    target = str(ROOT) + (f"[{','.join(sorted(wanted))}]" if wanted else "")
    run_quietly([str(python), "-m", "pip", "--disable-pip-version-check", "install", "--editable", target])
    _write_stamp(wanted)
    return python


def venv_program(name: str) -> Path:
    """Return where ``.venv`` has a program, with the name that this system gives it."""
    return VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name


def run_inside(python: Path, script: str, arguments: Sequence[str]) -> NoReturn:
    """Go on in another Python with a script and its arguments; this process ends with that one's exit code."""
    command = [str(python), script, *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(command[0], command)
    # Windows has no exec: wait for the child, which gets the console's Ctrl-C itself.
    signal.signal(signal.SIGINT, lambda *_: None)
    sys.exit(subprocess.call(command))


def is_debian_root() -> bool:
    """Whether this process may install Debian packages."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and Path("/etc/debian_version").exists()


def _works(python: Path) -> bool:
    """Whether ``.venv`` has a Python of this version that has pip."""
    if not python.exists():
        return False
    probe = "import sys, pip; print(*sys.version_info[:2])"
    result = subprocess.run([str(python), "-c", probe], capture_output=True, text=True)
    return result.returncode == 0 and result.stdout.split() == [str(part) for part in sys.version_info[:2]]


def _fingerprint() -> str:
    """A hash of everything that decides what an install brings: requirements, compiled sources, place, interpreter."""
    digest = hashlib.sha256(f"{ROOT}\0{sys.version}\0{os.environ.get('WSEXAMPLE_LANE', '')}".encode())
    compiled = [path for kind in ("*.pyx", "*.pxd", "*.h") for path in sorted((ROOT / "wsexample").rglob(kind))]
    for path in [ROOT / "pyproject.toml", ROOT / "setup.py", *compiled]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _installed_extras() -> set[str] | None:
    """The extras of the last install; None when there was none or what it was made from has changed."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return set(stamp["extras"]) if stamp["made_from"] == _fingerprint() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_stamp(extras: set[str]) -> None:
    STAMP.write_text(json.dumps({"made_from": _fingerprint(), "extras": sorted(extras)}), encoding="utf-8")


def _make() -> None:
    """Make an environment with pip by the first way that this machine offers."""
    python = sys.executable
    plain = [python, "-m", "venv", "--clear"]
    if not _has("ensurepip") and not _has("pip") and is_debian_root():
        # Debian keeps the module that puts pip into an environment in a package of its own.
        run_quietly(["apt-get", "update"])
        run_quietly(["apt-get", "install", "-y", "--no-install-recommends", "python3-venv"])
        importlib.invalidate_caches()
    if _has("venv") and _has("ensurepip"):
        run_quietly([*plain, str(VENV)])
    elif _has("venv") and _has("pip"):
        run_quietly([*plain, "--without-pip", str(VENV)])
        run_quietly([python, "-m", "pip", "--python", str(venv_program("python")), "install", "pip"])
    elif _has("virtualenv"):
        run_quietly([python, "-m", "virtualenv", "--clear", str(VENV)])
    elif uv := shutil.which("uv"):
        run_quietly([uv, "venv", "--seed", "--clear", "--python", python, str(VENV)])
    else:
        raise StepError(
            f"{python} can make no virtual environment: its modules venv and ensurepip are missing.\n"
            "Debian and Ubuntu: sudo apt-get install python3-venv. Elsewhere: install Python from "
            "https://www.python.org/downloads/, or uv."
        )
    if not _works(venv_program("python")):
        raise CommandError(f"{VENV} was made, but its Python does not run; remove it and try again")


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
