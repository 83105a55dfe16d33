"""The simulator's market and memory stay pure: they can be driven without a loop, a port or a clock."""

from __future__ import annotations

import ast
from pathlib import Path

import wsexample.brokers.kabu.simulator as simulator

FOLDER = Path(simulator.__file__).parent
SHELLS = {"http", "push", "feed", "control", "shell", "stats"}
IMPURE = {"asyncio", "socket", "ssl", "threading", "time", "aiohttp"}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_only_the_shells_touch_the_world() -> None:
    """Every other file imports neither sockets and clocks, nor a shell that does, nor the wire."""
    pure = [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in SHELLS | {"__init__"}]
    assert len(pure) >= 15
    for path in pure:
        for name in imports_of(path):
            assert name.partition(".")[0] not in IMPURE, f"{path.name} imports {name}"
            assert not name.startswith(("wsexample.wire", "wsexample.clock")), f"{path.name} imports {name}"
            assert name.rpartition(".")[2] not in SHELLS or "simulator" not in name, f"{path.name} imports {name}"


def test_the_simulator_knows_nothing_of_the_client() -> None:
    """Both speak through messages and codes alone."""
    for path in FOLDER.glob("*.py"):
        for name in imports_of(path):
            assert not name.startswith(("wsexample.brokers.kabu.client", "wsexample.brokers.kabu.rest"))
