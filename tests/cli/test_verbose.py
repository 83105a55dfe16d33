"""How much of a connection is shown follows from the level."""

from __future__ import annotations

import pytest

from wsexample.cli.verbose import VerboseTrace


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (1, ["* dialled", "> GET / HTTP/1.1"]),
        (2, ["* dialled", "> GET / HTTP/1.1", "> TEXT 5", "< CONT fin=0 2"]),
        (3, ["* dialled", "> GET / HTTP/1.1", "> TEXT 5 hello", "< CONT fin=0 2"]),
    ],
)
def test_each_level_adds_something(level: int, shown: list[str]) -> None:
    """1 shows steps and handshakes, 2 kinds and lengths of frames, 3 what is in them."""
    lines: list[str] = []
    tracer = VerboseTrace(level, write=lines.append).begin()
    tracer.note("dialled")
    tracer.head(">", b"GET / HTTP/1.1\r\n\r\n")
    tracer.frame(">", 1, True, 0, b"hello")
    tracer.frame("<", 0, False, 0, b"xx")
    found = [line.split(" ", 2)[2] for line in lines]
    assert [line[: len(start)] for line, start in zip(found, shown, strict=True)] == shown


def test_connections_are_told_apart() -> None:
    """Each connection has a number of its own, whatever the level."""
    lines: list[str] = []
    trace = VerboseTrace(1, write=lines.append)
    trace.begin().note("first")
    trace.begin().note("second")
    assert [line.split()[1] for line in lines] == ["1", "2"]
