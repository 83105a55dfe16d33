"""``wseclient`` at a terminal: the prompt, its history, and what an escape sequence does not do."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.commands import Launch, LaunchOnTerminal


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home of its own, so that nobody's history is touched."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_a_prompt_sends_and_shows(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """What is typed is sent; the answer appears above what is being typed; Ctrl-D ends with 0."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for("connected to")
    client.type("hello\r")
    at = client.wait_for("hello", after=client.wait_for("< "))
    client.type("unfinished")
    client.wait_for("unfinished", after=at)
    client.type("\x15\x04")
    assert client.finish() == 0


def test_a_prompt_before_a_pipe_stays_out_of_it(
    echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str], tmp_path: Path
) -> None:
    """``wseclient URL | jq`` at a terminal: the prompt is on the terminal, and nothing but messages is in the pipe."""
    with (tmp_path / "pipe").open("wb") as pipe:
        client = terminal("wseclient", echo_url, "-w", "200ms", env=home, stdout=pipe)
        client.wait_for(">", after=client.wait_for("connected to"))
        client.type("hello\r")
        client.wait_for(">", after=client.wait_for("hello"))
        client.type("\x04")
        assert client.finish() == 0
    assert (tmp_path / "pipe").read_bytes() == b"hello\n"


def test_ctrl_c_at_the_prompt_closes(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """Ctrl-C ends the conversation with 130."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for(">", after=client.wait_for("connected to"))
    client.type("\x03")
    assert client.finish() == 130


def test_escape_sequences_do_not_reach_the_terminal(
    launch: Launch, terminal: LaunchOnTerminal, home: dict[str, str]
) -> None:
    """A hostile message is written out, not obeyed; --raw passes it through."""
    url = launch("wseserver", "0", "--announce", "--reply", "\x1b]0;owned\x07").wait_for("ws://", on="out")
    client = terminal("wseclient", url, "-x", "hi", "-1", env=home)
    assert client.finish() == 0
    assert r"\x1b]0;owned\x07" in client.shown
    raw = terminal("wseclient", url, "-x", "hi", "-1", "--raw", env=home)
    assert raw.finish() == 0
    assert "\x1b]0;owned\x07" in raw.shown


def test_history_is_kept_for_its_owner_only(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """The last line comes back with the up key, in the next run too; the file is nobody else's to read."""
    first = terminal("wseclient", echo_url, env=home)
    first.wait_for("connected to")
    first.type("remember me\r")
    first.wait_for("remember me", after=first.wait_for("remember me"))
    first.type("\x04")
    assert first.finish() == 0
    (history,) = Path(home["HOME"]).rglob("wseclient_history")
    assert history.stat().st_mode & 0o077 == 0
    second = terminal("wseclient", echo_url, env=home)
    second.wait_for(">", after=second.wait_for("connected to"))
    second.type_until("\x1b[A", "remember me")
    second.type("\r\x04")
    assert second.finish() == 0


def test_slash_commands_at_the_prompt(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """/ping prints a round trip, a mistake is explained and not sent, /close ends."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for("connected to")
    client.type("/ping\r")
    client.wait_for("pong after")
    client.type("/nonsense\r")
    client.wait_for("/nonsense is no command")
    client.type("/close 4001 bye\r")
    assert client.finish() == 0


def test_a_conversation_is_recorded_and_shown_again(launch: Launch, echo_url: str, tmp_path: Path) -> None:
    """--record keeps both directions on a tape; --replay shows what was received, without a server, at any --speed."""
    tape = str(tmp_path / "a.tape")
    client = launch("wseclient", echo_url, "-x", "one", "-x", "two", "--max-messages", "2", "--record", tape)
    assert (client.finish(), client.out) == (0, ["one", "two"])
    assert "6 messages and notes recorded on" in client.err[-1]
    shown = launch("wseclient", "--replay", tape, "--speed", "max")
    assert (shown.finish(), shown.out) == (0, ["one", "two"])


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="this system cannot stop a program")
def test_ctrl_z_is_for_the_shell(echo_url: str, terminal: LaunchOnTerminal, home: dict[str, str]) -> None:
    """It stops the client, as it stops every program, and is no character of the message; here no shell is there to do so."""
    client = terminal("wseclient", echo_url, env=home)
    client.wait_for(">", after=client.wait_for("connected to"))
    client.type("hel\x1alo\r")
    client.wait_for("hello", after=client.wait_for("< "))
    client.type("\x04")
    assert client.finish() == 0


def test_the_echo_test_cannot_be_steered(launch: Launch, terminal: LaunchOnTerminal) -> None:
    """A server that answers otherwise is shown at a terminal with its control characters written out."""
    server = launch("wseserver", "0", "--announce", "--reply", "\x1b]0;title\x07")
    client = terminal("wseclient", server.wait_for("ws://", on="out"), "--test", "--interval", "100ms")
    client.wait_for(r"\x1b]0;title\x07")
    client.type("\x03")
    assert client.finish() == 130
    assert "\x1b]0" not in client.shown
