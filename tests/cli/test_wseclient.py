"""What ``wseclient`` promises on the command line, in short; the rest is in the folder ``client`` beside this file."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from tests.cli.client.talking import answer_once
from tests.commands import Launch
from wsexample import __version__

WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")


def test_the_echo_test_prints_round_trip_times(launch: Launch, echo_url: str) -> None:
    """Each echo is printed with its round-trip time, and the summary counts them."""
    client = launch("wseclient", echo_url, "--test", "--max-messages", "3", "--interval", "10ms")
    assert client.finish() == 0
    assert [re.sub(r" +[\d.]+ (us|ms|s)$", " TIME", line) for line in client.out] == [
        f"test message {number} TIME" for number in (1, 2, 3)
    ]
    assert "3 sent, 3 echoed, 0 lost" in client.err[-1]


@WINDOWS
def test_ctrl_c_closes_and_sums_up(launch: Launch) -> None:
    """Ctrl-C performs the closing handshake with 1000, prints the summary and ends with 130."""
    server = launch("wseserver", "0", "--announce")
    client = launch("wseclient", "--test", server.wait_for("ws://", on="out"))
    client.wait_for("test message 1", on="out")
    client.interrupt()
    assert client.finish() == 130
    assert "0 lost" in client.err[-1]
    server.wait_for("closed with 1000")


def test_a_server_that_stops_is_a_normal_end(launch: Launch) -> None:
    """A server that goes away with 1001 is named, and the exit status is 0."""
    server = launch("wseserver", "0", "--announce")
    client = launch("wseclient", "--test", server.wait_for("ws://", on="out"))
    client.wait_for("test message 1", on="out")
    server.terminate()
    assert client.finish() == 0
    client.wait_for("closed the connection with 1001: server stopping", on="err")


def test_a_killed_server_is_a_lost_connection(launch: Launch) -> None:
    """A server that dies gives one clear line and exit status 56."""
    server = launch("wseserver", "0", "--announce")
    client = launch("wseclient", "--test", server.wait_for("ws://", on="out"))
    client.wait_for("test message 1", on="out")
    server.kill()
    assert client.finish() == 56
    assert "the connection was lost without a closing handshake (1006)" in client.err[-1]


def test_refused_is_one_line(launch: Launch) -> None:
    """An address where nobody listens gives one line and exit status 7."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = launch("wseclient", f"127.0.0.1:{port}")
    assert client.finish() == 7
    assert client.err == [f"wseclient: 127.0.0.1:{port} refused the connection; is the server running there?"]


def test_an_unknown_name_is_one_line(launch: Launch) -> None:
    """A name that does not exist gives one line and exit status 6."""
    client = launch("wseclient", "ws://name.invalid")
    assert client.finish() == 6
    assert len(client.err) == 1
    assert "name.invalid was not found" in client.err[0]


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404 Not Found"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP 200 OK"),
        (b"220 mail.example ESMTP\r\n", "is it a WebSocket server?"),
        (b"", "without answering"),
    ],
)
def test_not_a_websocket_server_shows_the_status(launch: Launch, answer: bytes, part: str) -> None:
    """A server of another kind gives one line with its HTTP status, if it has one, and exit status 22."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answer_once(listener, answer)
        client = launch("wseclient", f"ws://127.0.0.1:{listener.getsockname()[1]}/")
        assert client.finish() == 22
        thread.join()
    assert len(client.err) == 1
    assert part in client.err[0]


def test_debug_shows_the_traceback(launch: Launch) -> None:
    """With --debug the sentence stays and the traceback comes with it."""
    client = launch("wseclient", "ws://name.invalid", "--debug")
    assert client.finish() == 6
    assert any(line.startswith("Traceback") for line in client.err)
    assert "name.invalid was not found" in client.err[-1]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "ws://", "ws://a b"])
def test_a_bad_url_is_a_usage_error(launch: Launch, url: str) -> None:
    """A URL that cannot work is refused with 2 before anything is dialled."""
    client = launch("wseclient", url)
    assert client.finish() == 2
    assert len(client.err) == 1


def test_options_may_stand_before_and_after_the_url(launch: Launch, echo_url: str) -> None:
    """No option swallows the URL, wherever it stands."""
    client = launch("wseclient", "--test", "--interval", "10ms", echo_url, "--max-messages", "1")
    assert client.finish() == 0


# -- set-up --------------------------------------------------------------------------------------------------------------


def test_profiles_give_defaults(launch: Launch, echo_url: str, tmp_path: Path) -> None:
    """A file gives defaults for every call and for profiles; the command line wins; a repeated flag may be one value."""
    file = tmp_path / "profiles.toml"
    file.write_text(
        f'one-message = true\nheader = "X-A: 1"\n[profile.echo]\nurl = "{echo_url}"\nexecute = ["from profile"]\n',
        encoding="utf-8",
    )
    client = launch("wseclient", "--config", str(file), "--profile", "echo")
    assert client.finish() == 0, client.story
    assert client.out == ["from profile"]
    client = launch("wseclient", "--config", str(file), "--profile", "echo", "-x", "mine")
    assert client.finish() == 0
    assert client.out == ["mine"]


@pytest.mark.parametrize(
    ("text", "profile", "words"),
    [
        ("nonsense = 1", None, "there is no option 'nonsense'"),
        ("[profile.a]", "b", "has no [profile.b]; there are a"),
        ("profile = 3", None, "a profile is a table"),
        ("[profile]\na = 3", "a", "a profile is a table"),
        ("binary = 3", None, "binary is true or false"),
        ("x = ", None, "cannot be used"),
    ],
)
def test_mistakes_in_a_profile_are_named(
    launch: Launch, tmp_path: Path, text: str, profile: str | None, words: str
) -> None:
    """A key that is no option, a profile that is not there, or no TOML is a usage error."""
    file = tmp_path / "profiles.toml"
    file.write_text(text, encoding="utf-8")
    client = launch("wseclient", "--config", str(file), *(("--profile", profile) if profile else ()))
    assert client.finish() == 2
    assert words in client.err[-1]


@pytest.mark.parametrize("program", ["wseclient", "wseserver", "kclient"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(launch: Launch, program: str, shell: str) -> None:
    """Each shell gets a script that names the command."""
    command = launch(program, "--completion", shell)
    assert command.finish() == 0, command.story
    assert program in "\n".join(command.out)


@pytest.mark.parametrize("program", ["wseclient", "wseserver", "kclient"])
def test_version(launch: Launch, program: str) -> None:
    """-V prints name and version."""
    client = launch(program, "-V")
    assert client.finish() == 0
    assert client.out == [f"{program} {__version__}"]


@pytest.mark.parametrize(
    ("text", "flags", "shown"),
    [
        ("binary = true", (), "> BINARY 1"),
        ("binary = true", ("--text",), "> TEXT 1"),
        ("binary = false", (), "> TEXT 1"),
        ("compress = true", (), "permessage-deflate"),
    ],
)
def test_a_profile_has_flags_of_every_kind(
    launch: Launch, echo_url: str, tmp_path: Path, text: str, flags: tuple[str, ...], shown: str
) -> None:
    """One of several flags for the same thing is true in a file, and the command line wins."""
    file = tmp_path / "profiles.toml"
    file.write_text(text)
    client = launch("wseclient", echo_url, "--config", str(file), "-vv", "-1", "-x", "a", *flags)
    assert client.finish() == 0
    assert shown in client.story


def test_a_profile_may_say_no(launch: Launch, echo_url: str, tmp_path: Path) -> None:
    """A flag's opposite that is true means what it says."""
    file = tmp_path / "profiles.toml"
    file.write_text("no-compress = true")
    client = launch("wseclient", echo_url, "--config", str(file), "-v", "-1", "-x", "a")
    assert client.finish() == 0
    assert "permessage-deflate" not in client.story


@pytest.mark.parametrize("where", ["--test", "--replay"])
def test_max_time_is_for_everything(launch: Launch, echo_url: str, tmp_path: Path, where: str) -> None:
    """The echo test ends with 28 when the time is over, and so does a tape."""
    tape = tmp_path / "pause.tape"
    if where == "--replay":
        first = launch("wseclient", echo_url, "--record", str(tape), "-x", "a", "-x", "b", "--max-messages", "2")
        assert first.finish() == 0
    flags = ("--test", echo_url) if where == "--test" else ("--replay", str(tape), "--speed", "0.000001")
    client = launch("wseclient", *flags, "--max-time", "300ms")
    assert client.finish() == 28
    assert "not done within 0.3 s" in client.err[-1]
