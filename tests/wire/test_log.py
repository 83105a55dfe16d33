"""What Autobahn has to say goes to the standard logger, and never fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.conftest import echo
from wsexample.wire.connection import connect
from wsexample.wire.log import WireLog
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import serve


@pytest.mark.parametrize(
    ("method", "level"),
    [("debug", logging.DEBUG), ("info", logging.DEBUG), ("warn", logging.INFO), ("error", logging.ERROR)],
)
def test_lines_reach_the_standard_logger(method: str, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """Each is formatted with its facts, at a level that suits who else is told."""
    with caplog.at_level(logging.DEBUG, "wsexample.wire"):
        getattr(WireLog(), method)("peer {peer}", peer="x")
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(level, "peer x")]


@pytest.mark.parametrize("text", ["{missing}", "{0}", "{", "100%"])
def test_a_line_that_cannot_be_formatted_is_shown_as_it_is(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """A brace in a message does not break a connection."""
    with caplog.at_level(logging.DEBUG, "wsexample.wire"):
        WireLog().error(text)
    assert caplog.messages == [text]


def test_lines_are_plain_text(caplog: pytest.LogCaptureFixture) -> None:
    """The colours that Autobahn gives to names would be noise in a file."""
    with caplog.at_level(logging.DEBUG, "wsexample.wire"):
        WireLog().debug("<{name}>: open", name="\x1b[33m\x1b[1mautobahn\x1b[0m")
    assert caplog.messages == ["<autobahn>: open"]


def test_debugging_a_whole_connection_shows_no_secret(
    run: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Every debug line of both sides is formatted once, with a secret in each place where one can be."""

    async def scenario() -> None:
        secrets = {
            "X-API-KEY": "s3cret",
            "APCA-API-SECRET-KEY": "s3cret",
            "Cookie": "a=s3cret",
            "Authorization": "s3cret",
        }
        options = ServeOptions(headers={"Set-Cookie": "sid=s3cret"})
        async with (
            serve(echo, options=options) as server,
            connect(f"{server.url}/?token=s3cret", headers=secrets) as ws,
        ):
            await ws.send('{"password": "s3cret"}')
            await ws.receive(5)

    with caplog.at_level(logging.DEBUG, "wsexample.wire"):
        run(scenario())
    assert len(caplog.messages) > 20
    assert [line for line in caplog.messages if "s3cret" in line] == []


def test_the_finest_detail_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Trace lines of Autobahn may hold payloads."""
    with caplog.at_level(0, "wsexample.wire"):
        WireLog().trace("secret")
    assert caplog.messages == []
