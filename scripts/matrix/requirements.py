"""What pyproject.toml requires, and the oldest versions that it allows as exact pins.

Where the oldest version has no wheel for an interpreter that is newer than itself, the oldest that has one stands in,
and is reported: nobody could install the other without a compiler.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOR_USERS", "PURE_SDISTS", "Pin", "Requirement", "oldest_pins", "requirements", "test_tools"]

FOR_USERS = ("archive", "pictures", "nats", "mongo", "metrics")
"""Extras that users install; their oldest versions are tried too."""

NOT_FOR_ROOMS = {
    "ruff", "mypy", "cython", "setuptools", "atheris",  # checks and fuzzing of the clone
    "playwright", "alpaca-py", "ccxt", "python-socketio", "slack-sdk", "proxy.py",  # programs of others: tests/integration
}  # fmt: skip
"""Parts of the extra ``test`` that the tests of the rooms do without."""

PURE_SDISTS = ("nats-py",)
"""Released without wheels until 2.12, in Python alone: their oldest versions are installed from source, without a compiler."""

_REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)(?:\s*;\s*(.+))?")
_NOT_FOUND = re.compile(r"satisfies the requirement ([\w.-]+)==\S+ \(from versions: (.*?)\)")


@dataclass(frozen=True)
class Requirement:
    """A package and the oldest version that is allowed."""

    name: str
    bound: str
    marker: str = ""
    """Where it is wanted; empty for everywhere."""

    @property
    def text(self) -> str:
        """The requirement as pip reads it."""
        return f"{self.name}>={self.bound}" + (f"; {self.marker}" if self.marker else "")


@dataclass(frozen=True)
class Pin:
    """The version that is installed as the oldest one."""

    name: str
    version: str
    bound: str
    reason: str = ""
    """Why it is not the bound itself; empty where it is."""

    @property
    def text(self) -> str:
        """The pin as pip reads it."""
        return f"{self.name}=={self.version}"


def requirements(project: Path, group: str = "") -> list[Requirement]:
    """Return what the project needs, or what one of its extras does, on this system.

    Parameters:
        project: pyproject.toml.
        group: name of an extra, ``build`` for what builds it; nothing for the core.
    """
    data = tomllib.loads(project.read_text(encoding="utf-8"))
    if group == "build":
        lines = data["build-system"]["requires"]
    else:
        lines = data["project"]["optional-dependencies"][group] if group else data["project"]["dependencies"]
    found = []
    for line in lines:
        matched = _REQUIREMENT.fullmatch(line)
        if matched is None:
            raise ValueError(f"{line}: not of the form NAME>=VERSION")
        name, bound, marker = matched.groups()
        if not (marker and "win32" in marker and sys.platform == "win32"):
            found.append(Requirement(name, bound, marker or ""))
    return found


def test_tools(project: Path) -> list[str]:
    """Return the requirements of the extra ``test`` that the tests of the rooms need, beside the extras for users."""
    for_users = {each.name for group in FOR_USERS for each in requirements(project, group)}
    wanted = [each for each in requirements(project, "test") if each.name.replace("_", "-") not in NOT_FOR_ROOMS]
    return [each.text for each in wanted if each.name not in for_users]


def oldest_pins(python: Path, wanted: Sequence[Requirement], env: Mapping[str, str] | None = None) -> list[Pin]:
    """Return exact pins of the oldest versions that this interpreter can install from wheels.

    Parameters:
        python: interpreter with pip.
        wanted: requirements, each once.
        env: environment for pip; this process's when None.

    Raises:
        RuntimeError: pip failed for another reason than a missing wheel; the message is pip's.
    """
    pins = {each.name: Pin(each.name, each.bound, each.bound) for each in wanted}
    command: list[str | Path] = [
        python,
        "-I",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--dry-run",
    ]
    command += ["--ignore-installed", "--no-deps", "--only-binary", ":all:", "--no-binary", ",".join(PURE_SDISTS)]
    for _ in range(2 * len(pins) + 1):
        done = subprocess.run(
            [*command, *(pin.text for pin in pins.values())],
            capture_output=True,
            text=True,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            timeout=600,
            check=False,
        )
        if done.returncode == 0:
            return list(pins.values())
        missing = _NOT_FOUND.search(done.stderr)
        if missing is None:
            raise RuntimeError(done.stderr.strip())
        pin = pins[missing[1]]
        pins[pin.name] = _next_pin(pin, missing[2])
    raise RuntimeError("no set of oldest versions was found")


def _next_pin(pin: Pin, offered: str) -> Pin:
    """Return the oldest version with a wheel that is at least the bound."""
    versions = [text.strip() for text in offered.split(",") if re.fullmatch(r"\s*[\d.]+(?:\.post\d+)?\s*", text)]
    allowed = sorted((text for text in versions if _key(text) >= _key(pin.bound)), key=_key)
    if not allowed or pin.reason:
        raise RuntimeError(f"{pin.name}: no version from {pin.bound} on has a wheel for this interpreter")
    return Pin(pin.name, allowed[0], pin.bound, "no older wheel for this Python")


def _key(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
