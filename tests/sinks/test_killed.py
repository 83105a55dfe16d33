"""What flush returned for survives SIGKILL, in every store; ``scripts/sink_kills.py`` kills fifty times each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.sink_kills import check_kills, store


@pytest.mark.parametrize(("kind", "kills"), [("sqlite", 6), ("parquet", 4), ("nats", 3), ("mongodb", 3)])
def test_flushed_records_survive_a_kill(kind: str, kills: int, tmp_path: Path, need: Callable[[str], str]) -> None:
    """A writer killed at any moment, and again after going on, has every flushed record in its store, once."""
    if kind == "nats":
        need("nats-server")
    with store(kind, tmp_path) as (url, read):
        assert check_kills(url, read, kills) == []
