"""``wsexample sim kabu`` is a kabu Station to try things against."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.commands import Launch


def test_it_serves_and_announces_itself(launch: Launch) -> None:
    """It says where it listens and with which token, answers a call, and stops with 0 and its counts."""
    simulator = launch("main", "sim", "kabu", "--port", "0", "--announce", "--seed", "7")
    facts = json.loads(simulator.wait_for("token", on="out"))
    request = urllib.request.Request(
        f"{facts['rest_url']}/register",
        data=b'{"Symbols":[{"Symbol":"9433","Exchange":1}]}',
        headers={"X-API-KEY": facts["token"], "Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"RegistList": [{"Symbol": "9433", "Exchange": 1}]}
    simulator.terminate()
    assert simulator.finish() == 0
    assert "1 calls answered" in simulator.err[-1]


def test_it_tells_newcomers_what_to_type_next(launch: Launch) -> None:
    """The command to try stands there with token and port."""
    simulator = launch("main", "sim", "kabu", "--port", "0", "--announce")
    facts = json.loads(simulator.wait_for("token", on="out"))
    assert simulator.wait_for("kclient").endswith(f"kclient {facts['token']} 9433 7203 101 --port {facts['port']}")
    assert simulator.wait_for("--ladder").endswith(f"kclient {facts['token']} --ladder 9433 --port {facts['port']}")


def test_it_lists_what_it_has(launch: Launch) -> None:
    """Instruments with their names, and switches with their defaults."""
    instruments = launch("main", "sim", "kabu", "--list")
    assert instruments.finish() == 0
    assert "9433@1\tＫＤＤＩ" in instruments.out
    switches = launch("main", "sim", "kabu", "--list-switches")
    assert switches.finish() == 0
    described = switches.out.index("register_limit=50") + 1
    assert switches.out[described].startswith("    Entries that fit into the registration list")
    assert "    close or freeze. A second WebSocket closes the first" in "\n".join(switches.out)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("nonsense=1", "--list-switches shows them all"),
        ("register_limit", "write register_limit=VALUE with a whole number"),
        ("register_limit=many", "register_limit is a whole number, not 'many'"),
        ("env=moon", "env is production or verification, not 'moon'"),
    ],
)
def test_a_wrong_switch_is_named(launch: Launch, setting: str, words: str) -> None:
    """A switch that does not exist or cannot have a value is refused with 2."""
    simulator = launch("main", "sim", "kabu", "--port", "0", "--switch", setting)
    assert simulator.finish() == 2
    assert words in simulator.err[-1]


def test_the_market_begins_when_it_was_told(launch: Launch) -> None:
    """--session clock, --start and --speed choose the hours; five minutes before the open nothing has traded."""
    flags = ("--session", "clock", "--start", "2026-03-04T08:55", "--speed", "1", "--announce", "--port", "0", "-q")
    simulator = launch("main", "sim", "kabu", *flags)
    facts = json.loads(simulator.wait_for("token", on="out"))
    request = urllib.request.Request(f"{facts['rest_url']}/board/9433@1", headers={"X-API-KEY": facts["token"]})
    with urllib.request.urlopen(request, timeout=10) as answer:
        board = json.load(answer)
    assert board["OpeningPrice"] is None
    simulator.terminate()
    assert simulator.finish() == 0
    assert simulator.err == []


def test_debug_shows_the_traceback(launch: Launch) -> None:
    """With --debug an error comes with its traceback."""
    simulator = launch("main", "sim", "kabu", "--switch", "nonsense=1", "--debug")
    assert simulator.finish() == 2
    assert any(line.startswith("Traceback") for line in simulator.err)
