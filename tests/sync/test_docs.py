"""Every example of ``docs/sync.md`` runs, and prints what it says it prints."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.peer import DEADLINE_S, run_in_thread
from tests.test_cookbook import EXPECTATION, serving, with_addresses

TEXT = (Path(__file__).parent.parent.parent / "docs" / "sync.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where the cookbook's server is, which runs in a thread of its own."""
    found: dict[str, str] = {}
    is_up = threading.Event()
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        async with serving(tmp_path) as real:
            found.update(real)
            stopping.append((asyncio.get_running_loop(), asyncio.Event()))
            is_up.set()
            await stopping[0][1].wait()

    wait = run_in_thread(lambda: asyncio.run(main()))
    assert is_up.wait(DEADLINE_S)
    yield found
    loop, stop = stopping[0]
    loop.call_soon_threadsafe(stop.set)
    wait()


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(
    code: str, addresses: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Line by line; the alias in an interpreter of its own, because here the other module is in use."""
    program = with_addresses(code, addresses)
    if "install_as_websocket" in code:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE_S)
        shown = done.stdout + done.stderr
    else:
        exec(compile(program, "docs/sync.md", "exec"), {"__name__": "example"})
        shown = capsys.readouterr().out
    assert shown.splitlines() == EXPECTATION.findall(code)


def test_every_example_promises_something() -> None:
    """An example without an expectation would pass whatever it does."""
    assert len(EXAMPLES) > 5
    assert all(EXPECTATION.search(code) for code in EXAMPLES)
