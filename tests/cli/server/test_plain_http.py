"""Plain HTTP on the port of ``wseserver``: health, metrics, files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.server.visiting import converse, fetch
from tests.commands import Launch


def test_health_and_metrics_are_on_the_same_port(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """/health says ok, /metrics counts what happened, anything else says that this is a WebSocket server."""
    url = serving()
    run(converse(url, "four", "five!"))
    status, body, _ = fetch(url, "/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    metrics = dict(
        line.rsplit(" ", 1) for line in fetch(url, "/metrics")[1].splitlines() if line and not line.startswith("#")
    )
    assert metrics["wseserver_accepted_total"] == "1"
    assert metrics["wseserver_received_total"] == metrics["wseserver_sent_total"] == "2"
    assert metrics["wseserver_received_bytes_total"] == "9"
    status, body, _ = fetch(url, "/")
    assert status == 426
    assert "WebSocket server" in body


def test_static_files(serving: Callable[..., str], run: Callable[[Any], Any], tmp_path: Path) -> None:
    """A page and the WebSocket that it uses come from one port."""
    (tmp_path / "index.html").write_text("<p>日本", encoding="utf-8")
    url = serving("--static-file", f"/:text/html; charset=utf-8:{tmp_path / 'index.html'}")
    assert fetch(url, "/") == (200, "<p>日本", "text/html; charset=utf-8")
    assert run(converse(url, "x")) == ["x"]


@pytest.mark.parametrize("text", ["index.html", "/:text/html:nowhere.html", "x:text/html:y"])
def test_a_wrong_static_file_is_named(launch: Launch, text: str) -> None:
    """What cannot be served is refused before the server listens."""
    server = launch("wseserver", "0", "--static-file", text)
    assert server.finish() == 2
    assert f"--static-file {text}" in server.err[-1]
