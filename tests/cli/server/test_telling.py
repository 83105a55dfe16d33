"""What ``wseserver`` tells of its clients while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.server.visiting import converse
from tests.commands import Launch
from wsexample import connect


def test_quiet_says_nothing(launch: Launch, run: Callable[[Any], Any]) -> None:
    """With -q nothing but the announced URL is printed, whoever comes and goes."""
    server = launch("wseserver", "0", "--announce", "-q")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("x")
            await ws.receive(10)

    run(scenario())
    server.terminate()
    assert server.finish() == 0
    assert (server.out, server.err) == ([url], [])


def test_forwarded_addresses_are_believed_on_request(launch: Launch, run: Callable[[Any], Any]) -> None:
    """Behind a reverse proxy the log names the client; without the flag the header means nothing."""
    for flags, name in ((("--forwarded-by", "1"), "203.0.113.7"), ((), "127.0.0.1")):
        server = launch("wseserver", "0", "--announce", *flags)
        run(converse(server.wait_for("ws://", on="out"), "x", headers={"X-Forwarded-For": "203.0.113.7"}))
        assert name in server.wait_for("connected")


def test_the_log_may_be_json(launch: Launch, run: Callable[[Any], Any]) -> None:
    """With --json every event is one object with its facts."""
    server = launch("wseserver", "0", "--announce", "--json")
    run(converse(server.wait_for("ws://", on="out"), "x"))
    server.wait_for("disconnected")
    server.terminate()
    assert server.finish() == 0
    events = {event["event"]: event for event in map(json.loads, server.err)}
    assert list(events) == ["listening", "connected", "disconnected", "stopping"]
    assert events["disconnected"]["code"] == 1000
    assert events["disconnected"]["received"] == events["disconnected"]["sent"] == 1


@pytest.mark.parametrize(
    ("flag", "shown", "hidden"),
    [("-v", "> HTTP/1.1 101", "TEXT"), ("-vv", "< TEXT 5", "hello"), ("-vvv", "< TEXT 5 hello", "nothing")],
)
def test_verbose_shows_more_and_more(
    launch: Launch, run: Callable[[Any], Any], flag: str, shown: str, hidden: str
) -> None:
    """-v shows handshakes, -vv kinds of frames, -vvv what is in them."""
    server = launch("wseserver", "0", "--announce", flag)
    run(converse(server.wait_for("ws://", on="out"), "hello"))
    server.wait_for(shown)
    server.terminate()
    server.finish()
    assert hidden not in server.story
