"""The stubs of the compiled readers say what the compiled readers are."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import missing

NAMES = ["wsexample.brokers.weex.dialect.sides._sides_c", "wsexample.brokers.alpaca.dialect.quotes._quotes_c"]
CYTHONS_OWN = ("__test__", r"(.*\.)?__(pyx|reduce|setstate).*__", "Codes")
"""Cython gives its modules and classes names that no user calls."""


def test_the_stubs_are_true(tmp_path: Path) -> None:
    """mypy.stubtest finds no difference between the stubs and the extensions."""
    for name in NAMES:
        if not importlib.util.find_spec(name):
            missing(f"{name} was not built")
    allowed = tmp_path / "allowed"
    allowed.write_text("\n".join(rf"{re.escape(name)}\.{own}" for name in NAMES for own in CYTHONS_OWN))
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *NAMES, "--allowlist", str(allowed),
         "--ignore-unused-allowlist", "--ignore-disjoint-bases", "--mypy-config-file", "pyproject.toml"],
        capture_output=True, text=True, timeout=55, check=False, cwd=Path(__file__).parents[2],
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
