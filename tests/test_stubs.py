"""The stubs of the compiled parts say what the compiled parts are."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import missing

OWN = {
    "wsexample.wire.lane._lane_c": ("Scratch", r"LaneCore\.(lane_inflate|lane_deflate)"),
    "wsexample.wire.inflow._inflow_c": (r"InflowCore\.__init__",),
    "wsexample.brokers.weex.dialect.sides._sides_c": (),
    "wsexample.brokers.alpaca.dialect.quotes._quotes_c": ("Codes",),
}
"""Each part, and what it has for itself, or shows to nobody who asks for a signature."""
CYTHONS_OWN = ("__test__", r"(.*\.)?__(pyx|reduce|setstate).*__")
"""Cython gives its modules and classes names that no user calls."""


def test_the_stubs_are_true(tmp_path: Path) -> None:
    """mypy.stubtest finds no difference between the stubs and the extensions."""
    for name in OWN:
        if not importlib.util.find_spec(name):
            missing(f"{name} was not built")
    allowed = tmp_path / "allowed"
    allowed.write_text(
        "\n".join(rf"{re.escape(name)}\.{pattern}" for name, own in OWN.items() for pattern in (*own, *CYTHONS_OWN))
    )
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *OWN, "--allowlist", str(allowed),
         "--ignore-unused-allowlist", "--ignore-disjoint-bases", "--mypy-config-file", "pyproject.toml"],
        capture_output=True, text=True, timeout=55, check=False, cwd=Path(__file__).parents[1],
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
