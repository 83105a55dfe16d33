"""The stub of the compiled lane says what the compiled lane is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import missing

# Cython gives its modules and classes names that no user calls.
ALLOWED = """
wsexample\\.wire\\.lane\\._lane_c\\.__test__
wsexample\\.wire\\.lane\\._lane_c\\..*\\.__(pyx|reduce|setstate).*__
wsexample\\.wire\\.lane\\._lane_c\\.Scratch
wsexample\\.wire\\.lane\\._lane_c\\.LaneCore\\.(lane_inflate|lane_deflate)
"""


def test_the_stub_is_true(tmp_path: Path) -> None:
    """mypy.stubtest finds no difference between _lane_c.pyi and the extension."""
    if not importlib.util.find_spec("wsexample.wire.lane._lane_c"):
        missing("the compiled lane was not built")
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "wsexample.wire.lane._lane_c", "--allowlist", str(allowed),
         "--ignore-unused-allowlist", "--ignore-disjoint-bases", "--mypy-config-file", "pyproject.toml"],
        capture_output=True, text=True, timeout=55, check=False, cwd=Path(__file__).parents[3],
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
