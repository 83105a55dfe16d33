"""Text from strangers cannot command the terminal."""

from __future__ import annotations

import io

import pytest

from wsexample.cli.terminal import escape_controls, wants_color


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 日本語 ＫＤＤＩ\tand\nlines", "plain 日本語 ＫＤＤＩ\tand\nlines"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("back\rspace\b", r"back\x0dspace\x08"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("nul\0del\x7f", r"nul\x00del\x7f"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    """Nothing that moves the cursor, paints, renames the window or reorders text gets through."""
    assert escape_controls(text) == shown


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("when", "environment", "on_terminal", "in_pipe"),
    [
        ("auto", {}, True, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("always", {"NO_COLOR": "1"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colour_is_for_terminals_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, when: str, environment: dict[str, str], on_terminal: bool, in_pipe: bool
) -> None:
    """The option beats the environment, and the environment beats the guess."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(when, Terminal()) is on_terminal
    assert wants_color(when, io.StringIO()) is in_pipe
