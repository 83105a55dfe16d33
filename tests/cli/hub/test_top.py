"""``wsexample top`` as a user runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hub.test_command import address_of, day, wsexample  # noqa: F401 - a fixture
from tests.commands import Launch, LaunchOnTerminal
from wsexample.cli.hub import top

HEALTH: dict[str, Any] = {
    **dict.fromkeys(("readers", "topics", "published", "slow", "conflated", "closed_slow", "resumed", "missed"), 0),
    "hub": "h",
    "status": "ok",
    "epoch": "e",
    "refused": {},
    "silence_s": None,
    "uptime_s": 1.0,
}


def look(before: top.Look | None = None, **changes: Any) -> top.Look:
    return top._compared(before, top.Health(**HEALTH | changes))


def test_a_pipe_gets_figures_as_json(launch: Launch, day: Path) -> None:  # noqa: F811
    """A line for each look: counters, what was refused and why, and rates from the second look on."""
    url = address_of(hub := launch("main", "hub", "--listen", "0", str(day)))
    hub.wait_for("the source has ended")
    wsexample("watch", url.replace("/v1/stream", "/elsewhere"), "--count", "1", "--no-reconnect")
    shown = wsexample("top", url, "--count", "2", "--interval", "100ms")
    assert shown.returncode == 0, shown.stderr
    first, second = map(json.loads, shown.stdout.splitlines())
    assert (first["published"], first["topics"], first["refused"]) == (5, 1, {"path": 1})
    assert (first["per_s"]["published"], second["per_s"]["published"]) == (None, 0.0)
    assert second["is_owner"] is None


def test_a_terminal_gets_a_table(launch: Launch, terminal: LaunchOnTerminal, day: Path) -> None:  # noqa: F811
    """The figures stand below how the hub is; Ctrl-C ends it."""
    hub = launch("main", "hub", "--listen", "0", "--name", "desk", str(day))
    shown = terminal("main", "top", re.sub("^ws|/v1.*$", "", address_of(hub)).removeprefix("://"), "--interval", "0.2")
    shown.wait_for("desk")
    shown.wait_for("records published")
    shown.wait_for("0.0", after=shown.wait_for("a second", after=len(shown.shown)))
    shown.type("\x03")
    assert shown.finish() == 130


def test_a_hub_with_tls_is_looked_at(launch: Launch, day: Path, tmp_path: Path) -> None:  # noqa: F811
    """With its authority it answers; without, the certificate is refused in one line."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca := tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(both := tmp_path / "both.pem")
    url = address_of(launch("main", "hub", "--listen", "0", "--cert", str(both), str(day)))
    assert wsexample("top", url, "--ca", ca, "--count", "1").returncode == 0
    refused = wsexample("top", url, "--count", "1")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (60, 1)


def test_what_is_no_hub_is_told_in_a_line(launch: Launch, echo_url: str) -> None:
    """Nobody there, somebody else with and without a /health, and an address that cannot be one."""
    simulator = json.loads(launch("main", "sim", "weex", "--port", "0", "--announce").wait_for("rest_url", on="out"))
    for url, status, words in (
        ("127.0.0.1:1", 7, "127.0.0.1:1"),
        (echo_url, 8, "is no hub that this version knows"),
        (simulator["rest_url"], 22, "is no hub"),
        ("ftp://x", 2, "is no hub's address"),
    ):
        ended = wsexample("top", url, "--count", "1")
        assert (ended.returncode, words in ended.stderr, len(ended.stderr.splitlines())) == (status, True, 1), ended


def test_a_hub_that_goes_away_is_looked_for(launch: Launch, day: Path) -> None:  # noqa: F811
    """It is told once that nobody answers, and once that the hub is back."""
    first = launch("main", "hub", "--listen", "0", str(day))
    url = address_of(first)
    shown = launch("main", "top", url, "--interval", "0.1")
    shown.wait_for("published", on="out")
    first.kill()
    shown.wait_for("looking on", on="err")
    launch("main", "hub", "--listen", re.findall(r":(\d+)", url)[0], str(day))
    shown.wait_for("the hub is back", on="err")
    assert len(shown.err) == 2


def test_it_is_told_whether_a_hub_reads_the_upstream(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    """Where hubs share topics, health and the table say what this one does; others say nothing of it."""
    from rich.console import Console

    from wsexample.brokers.base import HttpCaller
    from wsexample.hub.backplane import LocalBackplane
    from wsexample.hub.server import Hub
    from wsexample.hub.web import HubPages

    async def main() -> None:
        pages = HubPages()
        async with Hub(http=pages) as hub, HttpCaller(f"http://127.0.0.1:{hub.port}") as http:
            pages.hub, pages.backplane = hub, LocalBackplane(hub.desk)
            health = await top._health(http, "hub")
        assert health.is_owner
        console = Console(width=120)
        with console.capture() as shown:
            console.print(top._table(top._compared(None, health), "hub"))
        assert "reads the upstream" in shown.get()

    run(main())


def test_rates_begin_anew_with_the_hub() -> None:
    """They are growth by the hub's own clock; a hub that has started again has none at first."""
    first = look(published=100)
    second = look(first, published=150, uptime_s=3.0)
    assert (first.per_s["published"], second.per_s["published"]) == (None, 25.0)
    assert look(second, published=1, uptime_s=0.5).per_s["published"] is None


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("hub:9100", "http://hub:9100"),
        ("wss://u:p@hub/v1/stream", "https://hub"),
        ("https://[::1]:1/", "https://[::1]:1"),
    ],
)
def test_every_way_to_name_a_hub_is_understood(url: str, base: str) -> None:
    """Whatever readers connect to; credentials are left out."""
    assert top._base_of(url) == base


def test_a_line_says_the_same_where_nothing_can_be_drawn() -> None:
    """Words of a stranger cannot command the terminal."""
    line = top._line(look(status="\x1b[2Jok", readers=1200, refused={"token": 2, "path": 1}, silence_s=1.5))
    assert "\x1b" not in line
    assert line.endswith("1,200 readers, 0 topics, 0 conflated, 0 slow, 0 missed, 3 refused, silent 1.5 s")
