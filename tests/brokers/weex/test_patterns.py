"""Every example of docs/weex-patterns.md runs as written against the simulator, and does what its heading says."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.brokers.weex.pages import environment, examples, run_example
from tests.conftest import Runner
from wsexample.brokers.weex.simulator import WeexSimulator

PAGE = Path(__file__).parents[3] / "docs" / "weex-patterns.md"
EXAMPLES = examples(PAGE.read_text(encoding="utf-8"))
PRINTED = {
    "Market monitor": r"^\d+\.\d{3} (BTC|ETH)USDT [\d.]+, -?[\d.]+ % in a day, volume",
    "Order book monitor": r"^[\d.]+ at [\d.]+ \| [\d.]+ for [\d.]+, spread 0\.\d$",
    "Trades": r"^[+-] [\d.]+ at [\d.]+$",
    "Account": r"^USDT: [\d.]+, of which [\d.]+ available, [\d.]+ frozen$",
    "Positions": r"^long 0\.\d+ BTCUSDT profit (-?[\d.]+|not known yet)$",
    "Orders": r"^order \d+: buy 0\.0010 BTCUSDT is (new|partially_filled|filled)$",
    "Several symbols in a TaskGroup": r"^(BTC|ETH|SOL)USDT [\d.]+$",
    "Signals from moving averages": r"^(buy|sell) at [\d.]+$",
    "Watching risk": r"^(exposure [\d.]+, profit -?[\d.]+|beyond the limit: time to reduce)$",
    "Paper trading": r"^[1-9]\d* fills, worth \d+\.\d\d USDT now$",
    "Reconnecting": r"^([\d.]+|attempt 1: .*503.*; again in 0.1 s)$",
    "Filtering": r"^(buy|sell) 0\.[2-9]\d* at [\d.]+$",
    "Constant memory": r"^(20|40) trades, mean price [\d.]+, \d+ waiting$",
    "Batches by count and by time": r"^\d+ trades between [\d.]+ and [\d.]+$",
    "Watching the heartbeat": r"^[\d.]+ arrived -?[\d.]+ ms after WEEX sent it$",
    "Storage": r"",
}
"""What each line that an example prints looks like."""


def test_every_documented_pattern_has_its_example() -> None:
    """Sixteen headings, a program under each, and each is looked at here."""
    assert [example.title for example in EXAMPLES] == list(PRINTED)


async def _run(number: int, beside: Callable[[WeexSimulator], None], monkeypatch: pytest.MonkeyPatch) -> None:
    async with WeexSimulator(step_s=0.005) as venue:
        for name, value in environment(venue).items():
            monkeypatch.setenv(name, value)
        beside(venue)
        await run_example(EXAMPLES[number], venue)


def _refuse_the_first(venue: WeexSimulator) -> None:
    """Be away when the reconnecting example comes first, and back when it has come."""
    venue.refuse_handshakes(503)

    def look() -> None:
        if venue.refused_handshakes:
            venue.refuse_handshakes(0)
        else:
            asyncio.get_running_loop().call_later(0.005, look)

    look()


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=list(PRINTED))
def test_an_example_runs(
    run: Runner[None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    number: int,
) -> None:
    """It prints what it says, or stores it, and ends when it is disconnected."""
    monkeypatch.chdir(tmp_path)
    title = EXAMPLES[number].title
    run(_run(number, _refuse_the_first if title == "Reconnecting" else lambda venue: None, monkeypatch))
    lines = capsys.readouterr().out.splitlines()
    assert all(re.match(PRINTED[title], line) for line in lines), lines
    if title == "Storage":
        with closing(sqlite3.connect(tmp_path / "weex.db")) as store:
            assert store.execute("SELECT count(*) FROM tickers").fetchone()[0] >= 30
    else:
        assert lines


def test_the_first_attempt_of_the_reconnecting_example_fails(
    run: Runner[None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says why, waits, and goes on with prices."""
    number = list(PRINTED).index("Reconnecting")
    run(_run(number, _refuse_the_first, monkeypatch))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("attempt 1: ")
    assert len(lines) > 10


def test_a_batch_has_its_remainder(
    run: Runner[None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Full batches have ten trades; nothing of what came before the end is left out."""
    number = list(PRINTED).index("Batches by count and by time")
    run(_run(number, lambda venue: None, monkeypatch))
    counts = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert sum(counts) >= 40
    assert all(1 <= count <= 10 for count in counts)
    assert 10 in counts
