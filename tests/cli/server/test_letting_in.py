"""Whom ``wseserver`` lets in, and what is agreed on with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.server.visiting import fetch, refused
from tests.commands import Launch
from wsexample import connect


@pytest.mark.parametrize(
    ("flags", "path", "options", "status"),
    [
        (("--path", "/ws"), "/ws", {}, 101),
        (("--path", "/ws"), "/other", {}, 404),
        (("--auth", "u:p"), "", {"auth": ("u", "p")}, 101),
        (("--auth", "u:p"), "", {"auth": ("u", "wrong")}, 401),
        (("--auth", "u:p"), "", {}, 401),
        (("--token", "t1", "--token", "t2"), "", {"bearer": "t2"}, 101),
        (("--token", "t1"), "/?token=t1", {}, 101),
        (("--token", "t1"), "/?token=t2", {}, 401),
        (("--token", "t1"), "", {"bearer": "wrong"}, 401),
        (("--origin", "https://*.example"), "", {"origin": "https://app.example"}, 101),
        (("--origin", "https://*.example"), "", {"origin": "https://evil.test"}, 403),
        (("--origin", "https://*.example"), "", {}, 101),
    ],
)
def test_each_gate_lets_in_whom_it_should(
    serving: Callable[..., str],
    run: Callable[[Any], Any],
    flags: tuple[str, ...],
    path: str,
    options: dict[str, Any],
    status: int,
) -> None:
    """Paths, users, tokens and origins are asked for as the flags say."""
    assert run(refused(serving(*flags) + path, **options)) == status


def test_tokens_may_come_from_a_file_or_the_environment(
    launch: Launch, run: Callable[[Any], Any], tmp_path: Path
) -> None:
    """No secret need stand on the command line, and none is printed; metrics are behind the same gate."""
    (tmp_path / "tokens").write_text("# ours\nfrom-file\n", encoding="utf-8")
    flags = ("--token-file", str(tmp_path / "tokens"), "-vvv", "--announce")
    server = launch("wseserver", "0", *flags, env={"WSESERVER_TOKEN": "from-environment"})
    url = server.wait_for("ws://", on="out")
    assert run(refused(url, bearer="from-file")) == 101
    assert run(refused(f"{url}/?token=from-environment")) == 101
    assert run(refused(url)) == 401
    assert fetch(url, "/metrics")[0] == 401
    assert fetch(url, "/metrics", {"Authorization": "Bearer from-file"})[0] == 200
    assert fetch(url, "/health")[0] == 200
    server.terminate()
    server.finish()
    assert "from-" not in server.story


def test_subprotocol_and_header(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """The first subprotocol that both speak is agreed on; further headers are in the answer."""
    url = serving("-s", "v2", "-s", "v1", "--server-header", "X-Colour: blue")

    async def scenario() -> tuple[str | None, str]:
        async with connect(url, subprotocols=["v1", "v2"]) as ws:
            return ws.subprotocol, ws.response_headers["x-colour"]

    assert run(scenario()) == ("v2", "blue")


def test_compression_is_agreed_on(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--compress accepts permessage-deflate; without it nothing is agreed."""

    async def agreed(url: str) -> str:
        async with connect(url, compression=True) as ws:
            await ws.send("x" * 1000)
            assert await ws.receive(10) == "x" * 1000
            return ws.response_headers.get("sec-websocket-extensions", "")

    assert "permessage-deflate" in run(agreed(serving("--compress")))
    assert run(agreed(serving())) == ""
