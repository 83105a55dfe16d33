"""Every program of docs/alpaca.md runs as written; only Alpaca's addresses are the simulator's."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Runner
from wsexample.brokers.alpaca.codes import FEEDS
from wsexample.brokers.alpaca.rest import AlpacaDataRest, AlpacaTradingRest
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches

TEXT = (Path(__file__).parents[3] / "docs" / "alpaca.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SWITCHES = Switches(partial_fill_chance=0.0, dead_slot_s=0.0)
CLIENTS = "wsexample.brokers.alpaca"


@pytest.mark.parametrize("number", range(len(PROGRAMS)), ids=lambda number: f"program {number + 1}")
def test_a_program_runs(
    run: Runner[None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    number: int,
) -> None:
    """It prints something, shows no secret, and ends by itself while an account trades."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APCA_API_KEY_ID", DEFAULT_KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", DEFAULT_SECRET)
    names: dict[str, Any] = {"__name__": "program"}

    async def main() -> None:
        async with AlpacaSimulator(switches=SWITCHES, warm_up_s=130) as sim:
            for name, value in (
                ("client.trading.PAPER_URL", sim.url),
                ("client.data.DATA_STREAM_URL", sim.stream_url),
                ("rest.trading.PAPER_URL", sim.url),
                ("rest.data.DATA_URL", sim.url),
            ):
                monkeypatch.setattr(f"{CLIENTS}.{name}", value)
            text = PROGRAMS[number].replace("127.0.0.1:18082", sim.url.removeprefix("http://"))
            exec(compile(text, f"program {number + 1} of docs/alpaca.md", "exec"), names)
            trading = asyncio.ensure_future(_trade(sim))
            try:
                if inspect.iscoroutinefunction(names["main"]):
                    await names["main"]()
                else:
                    await asyncio.to_thread(names["main"])
            finally:
                trading.cancel()
                await asyncio.gather(trading, return_exceptions=True)

    run(main())
    printed = capsys.readouterr().out
    assert printed
    assert DEFAULT_SECRET not in printed


async def _trade(sim: AlpacaSimulator) -> None:
    """Let something be filled now and then for whoever listens."""
    while True:
        await sim.wait_for("listening", 1, 60)
        sim.start_fills(1, per_s=1000)
        await asyncio.sleep(0.05)


def test_the_tables_are_complete() -> None:
    """Every feed, every call of REST and every command of the simulator is on the page."""
    calls = [
        name
        for kind in (AlpacaTradingRest, AlpacaDataRest)
        for name, value in vars(kind).items()
        if callable(value) and re.match(r"(fetch|submit|replace|cancel|close)_", name)
    ]
    commands = AlpacaSimulator().commands()
    undone = {"unmute", "answer_again", "restore", "forget_lost_connections"}
    for name in {*FEEDS, *calls, *commands} - undone:
        assert f"`{name}" in TEXT, name
    assert len(PROGRAMS) >= 8
