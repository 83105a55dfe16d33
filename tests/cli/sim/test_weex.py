"""``wsexample sim weex`` is a WEEX to try things against."""

from __future__ import annotations

import json
import urllib.request

import pytest
from click.testing import CliRunner

from tests.commands import Launch
from wsexample.cli.main import main


def test_it_serves_and_announces_itself(launch: Launch) -> None:
    """It says where it listens and with which credentials, answers a call, and stops with 0 and its counts."""
    simulator = launch("main", "sim", "weex", "--port", "0", "--announce", "--symbols", "xrpusdt")
    facts = json.loads(simulator.wait_for("passphrase", on="out"))
    with urllib.request.urlopen(f"{facts['rest_url']}/capi/v3/market/apiTradingSymbols", timeout=10) as answer:
        assert json.load(answer) == ["XRPUSDT"]
    assert facts["public_url"] == f"ws://127.0.0.1:{facts['port']}/v3/ws/public"
    assert simulator.wait_for("try").endswith(f"wsexample weex tickers XRPUSDT --sim={facts['port']}")
    simulator.terminate()
    assert simulator.finish() == 0
    assert "0 frames sent, 0 messages heard" in simulator.err[-1]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--symbols", ","), "at least one symbol"),
        (("--step", "0"), "--step must be more than zero"),
        (("--switch", "nonsense=1"), "--list-switches shows them all"),
    ],
)
def test_a_market_that_cannot_be_is_refused(flags: tuple[str, ...], words: str) -> None:
    """What cannot work is said in one line, with status 2."""
    simulator = CliRunner().invoke(main, ["sim", "weex", "--port", "0", *flags])
    assert (simulator.exit_code, words in simulator.stderr) == (2, True)


def test_it_lists_its_switches() -> None:
    """With their defaults."""
    switches = CliRunner().invoke(main, ["sim", "weex", "--list-switches"])
    assert (switches.exit_code, "begins_account=False" in switches.stdout.splitlines()) == (0, True)
