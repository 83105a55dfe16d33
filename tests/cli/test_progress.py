"""Progress bars on stderr."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from wsexample.cli import progress
from wsexample.cli.progress import bytes_text, progress_bar


class Terminal(io.StringIO):
    """Something that people look at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What the bar takes for stderr, a terminal."""
    terminal = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setenv("TERM", "xterm-256color")
    return terminal


def test_work_that_takes_long_shows_how_far_it_is(stderr: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the patience is over, what is done stands beside a label, and nothing is left in the end."""
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
    with progress_bar("reading") as told:
        assert told is not None
        for done in range(0, 101, 25):
            told(done, 100)
    assert "reading" in stderr.getvalue()


def test_short_work_shows_nothing(stderr: Terminal) -> None:
    """Within the patience nothing is drawn."""
    with progress_bar("reading") as told:
        assert told is not None
        told(1, 2)
    assert stderr.getvalue() == ""


def test_nobody_is_bothered_in_a_pipe_or_when_quiet(stderr: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not look at a terminal, or wants quiet, gets no bar at all."""
    with progress_bar("reading", is_quiet=True) as told:
        assert told is None
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=io.StringIO()))
    with progress_bar("reading") as told:
        assert told is None


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (4_200_000, "4.2 MB"), (5 * 10**12, "5000.0 GB")]
)
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    """A unit that leaves few digits."""
    assert bytes_text(count) == text
