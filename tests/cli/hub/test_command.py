"""``wsexample hub``, ``hub-token`` and ``watch`` as a user runs them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.commands import Running, launch  # noqa: F401 - a fixture
from tests.paper.parts import quote
from wsexample.records.fields import encode_json


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Records as JSON lines."""
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"".join(encode_json(quote(99, 100 + number, at_s=number)) + b"\n" for number in range(1, 6)))
    return path


def wsexample(*words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "wsexample.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
    )


def address_of(hub: Running) -> str:
    line = hub.wait_for("readers connect to")
    return re.split("[,;]", line.split("readers connect to ")[1])[0]


def test_what_a_hub_publishes_can_be_watched(launch: Callable[..., Running], day: Path) -> None:  # noqa: F811
    """A file goes in, JSON lines come out at the other end, the newest first of all."""
    hub = launch("main", "hub", "--listen", "0", str(day))
    url = address_of(hub)
    hub.wait_for("the source has ended after 5 records")
    watched = wsexample("watch", url, "t.A.>", "--count", "1")
    assert watched.returncode == 0, watched.stderr
    assert json.loads(watched.stdout)["ask_price"] == 105
    hub.wait_for("is anybody from 127.0.0.1")


def test_a_streaming_command_can_be_the_source(launch: Callable[..., Running], day: Path) -> None:  # noqa: F811
    """A hub reads another hub by running ``watch`` beside itself."""
    first = launch("main", "hub", "--port", "0", str(day))
    first.wait_for("the source has ended")
    second = launch("main", "hub", "--listen", "0", "--no-page", "--", "watch", address_of(first))
    url = address_of(second)
    watched = wsexample("watch", url, "--count", "1")
    second.terminate()
    assert second.finish() == 143, second.story
    assert watched.returncode == 0, watched.stderr
    assert json.loads(watched.stdout)["ask_price"] == 105


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        ("kabu", ["KEY", "9433", "-q"]),
        ("alpaca", ["quotes", "AAPL", "--quiet"]),
        ("weex", ["tickers", "BTCUSDT", "-q"]),
    ],
)
def test_from_names_the_command_whose_words_follow(upstream: str, words: list[str]) -> None:
    """``--from kabu`` runs kclient, and so on; the words behind it are that command's own, flags too."""
    done = wsexample("hub", "--listen", "0", "--from", upstream, *words)
    assert (done.returncode, "a source with --quiet prints no records" in done.stderr) == (2, True), done.stderr


def test_watching_no_hub_ends_at_once_unless_one_is_patient(launch: Callable[..., Running], day: Path) -> None:  # noqa: F811
    """A mistyped address is told with its status; with --patient a hub may come later."""
    done = wsexample("watch", "127.0.0.1:1")
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1), done.stderr
    with socket.socket() as kept:  # nobody listens there, and nobody else takes it
        kept.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{kept.getsockname()[1]}"
        early = launch("main", "watch", place, "--patient", "--count", "1")
        early.wait_for("refused")
    launch("main", "hub", "--listen", place, "--no-page", str(day)).wait_for("readers connect")
    assert early.finish() == 0


def test_a_source_that_fails_ends_the_hub(launch: Callable[..., Running]) -> None:  # noqa: F811
    """With its status and one line; its own words stand above."""
    hub = launch("main", "hub", "--listen", "0", "--", "watch", "127.0.0.1:1", "--no-reconnect")
    hub.wait_for("watch has ended with status 7")
    assert hub.finish() == 7


def test_tokens_are_made_listed_and_taken_away(tmp_path: Path) -> None:
    """The token is printed once; the file and the list know its owner and rights alone."""
    path = tmp_path / "tokens.json"
    made = wsexample("hub-token", "add", path, "anna", "--topic", "t.A.>", "--expires", "30d")
    token = made.stdout.strip()
    assert token.startswith("wsx_")
    assert token not in path.read_text() + made.stderr
    row = json.loads(wsexample("hub-token", "list", path).stdout)
    assert (row["name"], row["topics"]) == ("anna", ["t.A.>"])
    assert wsexample("hub-token", "revoke", path, "anna").returncode == 0
    again = wsexample("hub-token", "revoke", path, "anna")
    assert (again.returncode, "there is no token of 'anna'" in again.stderr) == (2, True)
    none = wsexample("hub-token", "list", tmp_path / "none.json")
    assert (none.returncode, "does not exist" in none.stderr) == (2, True)


def test_a_file_of_tokens_that_holds_none_ends_the_hub(tmp_path: Path) -> None:
    """Its owner learns it at once, not from the first reader."""
    (tmp_path / "tokens.json").write_text("these are none")
    done = wsexample("hub", "--listen", "0", "--tokens", tmp_path / "tokens.json", "x.jsonl")
    assert (done.returncode, "is not a file of tokens" in done.stderr) == (23, True), done.stderr


def test_a_reader_needs_its_token(launch: Callable[..., Running], day: Path, tmp_path: Path) -> None:  # noqa: F811
    """From a file or the environment; without one the hub's words are shown, and the status is that of a login."""
    path = tmp_path / "tokens.json"
    secret = tmp_path / "token"
    secret.write_text(wsexample("hub-token", "add", path, "anna").stdout)
    url = address_of(launch("main", "hub", "--listen", "0", "--tokens", str(path), str(day)))
    for words, env in ((["--token-file", secret], {}), ([], {"WSEXAMPLE_HUB_TOKEN": secret.read_text().strip()})):
        watched = wsexample("watch", url, "--count", "1", *words, env=env)
        assert watched.returncode == 0, watched.stderr
    refused = wsexample("watch", url, env={"WSEXAMPLE_HUB_TOKEN": "wsx_guess"})
    assert (refused.returncode, "unknown or was revoked" in refused.stderr) == (67, True), refused.stderr
    assert "wsx_guess" not in refused.stderr
    none = wsexample("watch", url)
    assert (none.returncode, "wants a token" in none.stderr) == (67, True)


def test_what_happens_can_be_noted_as_json(launch: Callable[..., Running], day: Path, tmp_path: Path) -> None:  # noqa: F811
    """Every line of stderr is an object with time and event; readers and refusals have address and reason, no token."""
    path = tmp_path / "tokens.json"
    token = wsexample("hub-token", "add", path, "anna").stdout.strip()
    hub = launch("main", "hub", "--listen", "0", "--log-format", "json", "--tokens", str(path), str(day))
    url = json.loads(hub.wait_for("listening"))["url"]
    for secret in (token, "wsx_guess"):
        wsexample("watch", url, "--count", "1", env={"WSEXAMPLE_HUB_TOKEN": secret})
    hub.wait_for('"gone"')
    hub.wait_for('"refused"')
    hub.interrupt()
    assert hub.finish() == 130
    noted = {line["event"]: line for line in map(json.loads, hub.err)}
    assert {"listening", "source_ended", "connected", "gone", "refused", "stopped"} == set(noted)
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in noted.values())
    assert (noted["connected"]["reader"], noted["connected"]["rights"]) == ("hub-1", "anna")
    assert (noted["refused"]["reason"], noted["refused"]["remote"][:10]) == ("token", "127.0.0.1:")
    assert not [secret for secret in (token, "wsx_guess") if secret in hub.story]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tokens", "none.json", "x.jsonl"], "wsexample hub-token add"),
        (["--key", "KEY", "x.jsonl"], "--key needs --cert"),
        (["--", "watch", "localhost:1", "-q"], "prints no records"),
        (["x.jsonl", "--speed", "max"], "--speed stands behind the source x.jsonl"),
        (["--tokens", "KEY", "--account", "x.jsonl"], "--account is for a hub without --tokens"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(words: list[str], said: str, tmp_path: Path) -> None:
    """One line says what to do."""
    key = tmp_path / "key.json"
    key.write_text("{}")
    done = wsexample("hub", "--listen", "0", *(str(key) if word == "KEY" else word for word in words))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lease", "a"], "--backplane"),
        (["--backplane", "http://127.0.0.1"], "nats://"),
        (["--backplane", "nats://h", "--backplane-key", __file__], "--backplane-cert"),
    ],
)
def test_a_backplane_that_cannot_be_is_a_wrong_command_line(words: list[str], said: str) -> None:
    """A flag that needs another one, and the address of something else."""
    ended = wsexample("hub", "--listen", "0", *words)
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr


def test_ctrl_c_ends_the_wait_for_a_backplane(launch: Callable[..., Running]) -> None:  # noqa: F811
    """A NATS server that says nothing is waited for, which is told, and given up at once when the user wants so."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = launch("main", "hub", "--listen", "0", "--backplane", f"nats://127.0.0.1:{silent.getsockname()[1]}")
        hub.wait_for("waiting for the NATS servers of the backplane; Ctrl-C stops")
        hub.interrupt()
        assert hub.finish() == 130
    assert len(hub.err) == 1
