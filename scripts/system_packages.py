"""Debian packages that the integration tests use: what is missing, and how to install it without starting anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from steps import run_quietly, say

__all__ = ["install", "missing_packages"]

PACKAGES: dict[str, tuple[str, ...]] = {
    # package: the programs that make it unnecessary; none for packages without one
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "dante-server": ("danted", "sockd"),
    "fonts-noto-cjk": (),
    "jq": ("jq",),
    "microsocks": ("microsocks",),
    "nginx-light": ("nginx",),
    "nodejs": ("node", "nodejs"),
    "npm": ("npm",),
    "sqlite3": ("sqlite3",),
    "squid": ("squid",),
}

SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
POLICY = Path("/usr/sbin/policy-rc.d")


def missing_packages() -> list[str]:
    """Return the names of the packages whose programs this machine does not have, in any form."""
    return [package for package, programs in PACKAGES.items() if not _is_present(package, programs)]


def install(packages: Sequence[str]) -> None:
    """Install Debian packages as root; the daemons among them are not started.

    Raises:
        CommandError: apt-get failed.
    """
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]
    with _no_daemons():
        run_quietly([*apt, "update"], env=env)
        run_quietly([*apt, "install", "-y", "--no-install-recommends", *packages], env=env)


def _is_present(package: str, programs: tuple[str, ...]) -> bool:
    if programs:
        return any(shutil.which(program, path=SEARCHED) for program in programs)
    if not shutil.which("dpkg-query"):
        return True  # a font, on a system that brings its own
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True).stdout == "installed"


@contextmanager
def _no_daemons() -> Iterator[None]:
    """Tell Debian's package scripts to start no service meanwhile; a policy that the machine has already is kept."""
    if POLICY.exists():
        say(f"   {POLICY} exists and decides which services start")
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")  # 101: action forbidden (invoke-rc.d)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
