"""``wsexample sim alpaca`` is an Alpaca to try things against."""

from __future__ import annotations

import json
import urllib.request

import pytest
from click.testing import CliRunner

from tests.commands import Launch
from wsexample.cli.main import main


def test_it_serves_and_announces_itself(launch: Launch) -> None:
    """It says where it listens and with which credentials and what to type next, answers a call, and stops with its counts."""
    simulator = launch("main", "sim", "alpaca", "--port", "0", "--announce", "--seed", "7")
    facts = json.loads(simulator.wait_for("secret", on="out"))
    headers = {"APCA-API-KEY-ID": facts["key"], "APCA-API-SECRET-KEY": facts["secret"]}
    request = urllib.request.Request(f"{facts['rest_url']}/v2/account", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["status"] == "ACTIVE"
    assert simulator.wait_for("try").endswith(f"wsexample alpaca quotes AAPL MSFT NVDA --sim={facts['port']}")
    assert facts["trading_stream_url"] == f"ws://127.0.0.1:{facts['port']}/stream"
    simulator.terminate()
    assert simulator.finish() == 0
    assert "1 calls answered" in simulator.err[-1]


def test_it_lists_what_it_has() -> None:
    """Symbols with kind and name, and switches with their defaults."""
    symbols = CliRunner().invoke(main, ["sim", "alpaca", "--list"])
    assert (symbols.exit_code, "AAPL\tstock\tApple Inc. Common Stock" in symbols.stdout) == (0, True)
    switches = CliRunner().invoke(main, ["sim", "alpaca", "--list-switches"])
    assert (switches.exit_code, "plan=basic" in switches.stdout.splitlines()) == (0, True)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("nonsense=1", "there is no switch 'nonsense'; --list-switches shows them all"),
        ("paln=plus", "there is no switch 'paln'; did you mean plan?"),
        ("plan", "write plan=VALUE with basic or plus"),
        ("plan=gold", "plan is basic or plus, not 'gold'"),
        ("event_ids=maybe", "event_ids is true or false, not 'maybe'"),
        ("dead_slot_s=long", "dead_slot_s is a number, not 'long'"),
        ("stock_symbols=-5", "stock_symbols must be zero or more, not -5"),
    ],
)
def test_a_wrong_switch_is_named(setting: str, words: str) -> None:
    """A switch that does not exist or cannot have a value is refused with 2."""
    simulator = CliRunner().invoke(main, ["sim", "alpaca", "--port", "0", "--switch", setting])
    assert (simulator.exit_code, words in simulator.stderr) == (2, True)


def test_executions_and_articles_come_by_themselves(launch: Launch) -> None:
    """With --fills and --news the account trades and articles are published, and there is a history already."""
    flags = ("--port", "0", "--announce", "-q", "--control", "--fills", "50", "--news", "50ms", "--warm-up", "1m")
    simulator = launch("main", "sim", "alpaca", *flags)
    facts = json.loads(simulator.wait_for("secret", on="out"))
    headers = {"APCA-API-KEY-ID": facts["key"], "APCA-API-SECRET-KEY": facts["secret"]}
    found: dict[str, bool] = {}
    for _ in range(400):
        for path, key in (
            ("/v2/account/activities/FILL", "fills"),
            ("/v1beta1/news", "news"),
            ("/v2/stocks/AAPL/trades/latest", "trade"),
        ):
            request = urllib.request.Request(f"{facts['rest_url']}{path}", headers=headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                body = json.load(answer)
            found[key] = bool(body.get("news") if key == "news" else body)
        if all(found.values()):
            break
    assert all(found.values()), found
