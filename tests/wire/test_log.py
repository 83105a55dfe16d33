"""What Autobahn has to say goes to the standard logger, and never fails."""

from __future__ import annotations

import logging

import pytest

from wsexample.wire.log import WireLog


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


def test_the_finest_detail_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Trace lines of Autobahn may hold payloads."""
    with caplog.at_level(0, "wsexample.wire"):
        WireLog().trace("secret")
    assert caplog.messages == []
