"""docs/kabu.md keeps its word: its programs run against the simulator, its tables are those of the code."""

from __future__ import annotations

import asyncio
import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Runner
from wsexample.brokers.kabu import KabuRest
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches

PAGE = (Path(__file__).parents[3] / "docs" / "kabu.md").read_text(encoding="utf-8")
PROGRAMS = [
    block
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    if "asyncio.run(main())" in block
]
LINES = 6


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda block: re.sub(r"\W+", " ", block)[-60:])
def test_the_programs_of_the_page_run(run: Runner[None], program: str) -> None:
    """Each does what it says until it ends or has printed some lines; only address and password are put in."""
    printed: list[str] = []
    enough = asyncio.Event()

    def keep(*words: object) -> None:
        printed.append(" ".join(map(str, words)))
        if len(printed) >= LINES:
            enough.set()

    async def main() -> None:
        async with KabuSimulator(ticks_per_s=20, switches=Switches(first_board_delay_ms=0)) as simulator:
            text = program.replace("asyncio.run(main())", "")
            text = text.replace('password="..."', f'password="password", port={simulator.port}')
            names: dict[str, Any] = {"print": keep}
            exec(compile(text, "docs/kabu.md", "exec"), names)
            running = asyncio.ensure_future(names["main"]())
            waiting = asyncio.ensure_future(enough.wait())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            for task in (running, waiting):
                task.cancel()
            await asyncio.gather(running, waiting, return_exceptions=True)

    run(main())
    assert printed
    for comment in re.findall(r"print\(client\.\S+\)  # (.*)", program):
        assert any(re.sub(r"\d+ s around", "", comment) in re.sub(r"\d+ s around", "", line) for line in printed), (
            printed
        )


def test_the_other_examples_are_orders_that_may_be_sent() -> None:
    """The lines that only make orders make such as the rules let pass."""
    (block,) = re.findall(r"^```python\n(from wsexample\.brokers\.kabu\.orders import .*?)^```$", PAGE, re.M | re.S)
    names: dict[str, Any] = {}
    head, *lines = [line for line in block.splitlines() if line]
    exec(head, names)
    rest = KabuRest(token="t")
    assert len(lines) == 6
    for line in lines:
        assert rest._checked(eval(line.partition("  #")[0], names), is_sor_down=False).startswith("/sendorder")


def test_every_switch_stands_in_the_table_with_its_default() -> None:
    """And no other."""
    defaults = Switches()
    table = PAGE.partition("| switch | default |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| .+ \|$", table, flags=re.MULTILINE)
    assert dict(rows) == {item.name: repr(getattr(defaults, item.name)) for item in fields(Switches)}


def test_every_fault_stands_in_the_table_with_its_arguments() -> None:
    """And no other."""
    table = PAGE.partition("| fault | arguments |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", table, flags=re.MULTILINE)
    shown = {name: set(re.findall(r"`(\w+)`", arguments)) for name, arguments in rows}
    faults = KabuSimulator()._faults()
    assert shown == {name: set(inspect.signature(call).parameters) for name, call in faults.items()}


def test_every_read_stands_in_the_table() -> None:
    """Whatever `KabuRest` fetches, but for the token and the list, which have their own words."""
    shown = set(re.findall(r"`(?:client\.rest\.)?(fetch_\w+)`", PAGE))
    made = {name for name in dir(KabuRest) if name.startswith("fetch_")}
    assert made - shown <= {"fetch_token"}
    assert shown <= made
