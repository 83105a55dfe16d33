"""Hubs that share topics over NATS, as programs that are killed; ``scripts/hub_kills.py`` does it longer, with a cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.hub_kills import check_kills
from tests.cli.hub.test_command import address_of, wsexample
from tests.commands import Running
from tests.hub.nats_parts import Certificates, serving
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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two commands with the same source and lease: one reads it, readers of the other get its records.

    The server wants a password, which stands on no command line, and client certificates.
    """
    day = tmp_path / "day.jsonl"
    day.write_bytes(b"".join(encode_json(Quote(venue="t", symbol="A", received_ns=one)) + b"\n" for one in range(1, 6)))
    (tmp_path / "certificates").mkdir()
    made = Certificates(tmp_path / "certificates")
    block = made.block(made.issue("127.0.0.1"), f'ca_file: "{made.ca}", verify: true')
    lines = (block, "authorization { user: anna, password: hush77 }")
    with serving(need("nats-server"), tmp_path, *lines) as server:
        monkeypatch.setenv("WSEXAMPLE_HUB_BACKPLANE", server.url("anna:hush77", "tls"))
        tls = ("--backplane-ca", str(made.ca), "--backplane-cert", str(made.issue("hub")))
        words = ("main", "hub", "--listen", "0", *tls, "--lease", "day", str(day))
        first = launch(*words)
        first.wait_for("the source has ended after 5 records")
        second = launch(*words)
        watched = wsexample("watch", address_of(second), "t.A.>", "--count", "1")
        assert json.loads(watched.stdout)["received_ns"] == 5, watched.stderr
        refused = wsexample("hub", "--listen", "0", *tls[:2], "--backplane", server.url("anna:hush78", "tls"), str(day))
    assert (refused.returncode, refused.stderr.count("\n")) == (58, 1), refused.stderr
    assert f"{server.url(scheme='tls')} wants a client certificate" in refused.stderr
