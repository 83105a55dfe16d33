"""The stub of the compiled sides says what the compiled sides are."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import missing

NAME = "wsexample.brokers.weex.dialect.sides._sides_c"
ALLOWED = rf"""
{NAME}\.__test__
{NAME}\.(.*\.)?__(pyx|reduce|setstate).*__
""".replace(".brokers.weex.dialect.sides._sides_c", r"\.brokers\.weex\.dialect\.sides\._sides_c")


def test_the_stub_is_true(tmp_path: Path) -> None:
    """mypy.stubtest finds no difference between _sides_c.pyi and the extension."""
    if not importlib.util.find_spec(NAME):
        missing("the compiled sides were not built")
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", NAME, "--allowlist", str(allowed),
         "--ignore-unused-allowlist", "--ignore-disjoint-bases", "--mypy-config-file", "pyproject.toml"],
        capture_output=True, text=True, timeout=55, check=False, cwd=Path(__file__).parents[3],
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
