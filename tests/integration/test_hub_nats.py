"""Hubs that share topics over NATS, as programs that are killed; ``scripts/hub_kills.py`` does it longer, with a cluster."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.hub_kills import check_kills
from scripts.sink_kills import nats_server
from tests.commands import Running
from wsexample.records.fields import encode_json
from wsexample.records.market import Quote


def test_readers_who_resume_have_each_number_once_whoever_was_killed(
    need: Callable[[str], str], tmp_path: Path
) -> None:
    """The hub that owns the upstream, the NATS server and the upstream are killed by turns; some readers change hubs."""
    program = need("nats-server")
    targets = ("owner", "node", "upstream")
    wrong = asyncio.run(check_kills(tmp_path, nodes=1, kills=3, readers=4, targets=targets, program=program))
    assert wrong == []


def test_a_second_hub_stands_by_and_serves_the_same_numbers(
    need: Callable[[str], str],
    launch: Callable[..., Running],
    tmp_path: Path,
) -> None:
    """Two commands with the same source and lease: one reads it, readers of the other get its records."""
    day = tmp_path / "day.jsonl"
    day.write_bytes(b"".join(encode_json(Quote(venue="t", symbol="A", received_ns=one)) + b"\n" for one in range(1, 6)))
    with nats_server(tmp_path, need("nats-server")) as url:
        words = ("main", "hub", "--listen", "0", "--backplane", url, "--lease", "day", str(day))
        first = launch(*words)
        first.wait_for("the source has ended after 5 records")
        second = launch(*words)
        address = re.split("[,;]", second.wait_for("readers connect to").split("readers connect to ")[1])[0]
        watched = subprocess.run(
            [sys.executable, "-m", "wsexample.cli.main", "watch", address, "t.A.>", "--count", "1"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert json.loads(watched.stdout)["received_ns"] == 5, watched.stderr
