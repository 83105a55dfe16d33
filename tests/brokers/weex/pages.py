"""Runs the examples of a page of documentation, Markdown or reStructuredText, as they stand against the simulator.

An example is a code block; every coroutine function in it that needs no arguments is run. Its import line of the client is
taken away, and what the page leaves out (``asyncio``, ``time``, a function that it only names) is supplied. Loops that never
end are ended from outside: after so many messages the client is disconnected, upon which they end normally.

``python -m tests.brokers.weex.pages PAGE`` runs any page and says of each example whether it ran.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import os
import re
import sys
import tempfile
import textwrap
import time
import traceback
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from wsexample.brokers.weex.client import WeexConfig, WeexWebSocketClient
from wsexample.brokers.weex.simulator import WeexSimulator

MESSAGES = 40
"""Messages after which a client is disconnected."""
CHANNELS = ("tickers", "orderbook", "trades", "account", "positions", "orders")
_IMPORT = re.compile(r"^\s*from (weex_client|wsexample\.brokers\.weex\.client)(\.\w+)* import .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A code block under its heading."""

    title: str
    code: str


def examples(text: str) -> list[Example]:
    """The Python blocks of a page; the format is told from its code blocks."""
    if "```python" in text:
        found = re.findall(r"^#+ (.+?)\n((?:(?!^#).*\n)*)", _without_blocks(text), re.MULTILINE)
        blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        titles = [title for title, body in found for _ in re.findall("<block>", body)]
        return [Example(title, code) for title, code in zip(titles, blocks, strict=True)]
    parts = re.split(r"^\.\. code-block:: python\n\n", text, flags=re.MULTILINE)
    return [Example(_title_before(before), _indented(after)) for before, after in pairwise(parts)]


def _without_blocks(text: str) -> str:
    return re.sub(r"^```python\n.*?^```$", "<block>", text, flags=re.MULTILINE | re.DOTALL)


def _title_before(text: str) -> str:
    headings = re.findall(r"^(.+)\n[-=~]{3,}$", text, re.MULTILINE)
    return headings[-1] if headings else ""


def _indented(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("   "):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines)) + "\n"


class EndingClient(WeexWebSocketClient):
    """Is disconnected after so many messages."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        left = MESSAGES
        endings = set()

        def count(message: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                endings.add(asyncio.get_running_loop().create_task(self.disconnect()))

        for channel in CHANNELS:
            self.add_message_handler(channel, count)
        self._endings = endings
        return self

    async def __aexit__(self, *facts: Any) -> None:
        await super().__aexit__(*facts)
        await asyncio.gather(*self._endings)


def say(line: str) -> None:
    """Write a line to wherever stdout leads now."""
    sys.stdout.write(line + "\n")


def supplied() -> dict[str, Any]:
    """What an example may use without saying where it comes from."""

    async def act() -> None:
        say("acting")

    return {
        "__name__": "example",
        "asyncio": asyncio,
        "time": time,
        "WeexConfig": WeexConfig,
        "WeexWebSocketClient": EndingClient,
        "get_current_price": lambda symbol: 64_250.0,
        "emergency_reduce_positions": act,
        "emergency_close_all_positions": act,
    }


async def run_example(example: Example, venue: WeexSimulator) -> None:
    """Run an example to its end, while the account trades by itself."""
    names = supplied()
    exec(compile(_IMPORT.sub("", example.code), example.title or "example", "exec"), names)
    for value in list(names.values()):
        if inspect.isclass(value) and value.__module__ == "example" and not hasattr(value, "has_position"):
            value.has_position = lambda self, symbol: bool(self.positions.get(symbol))  # a page may only call it
    trading = asyncio.create_task(_trade(venue))
    try:
        for value in _programs(names):
            await value()
    finally:
        trading.cancel()
        await asyncio.wait({trading})


def _programs(names: dict[str, Any]) -> list[Any]:
    own = [value for value in names.values() if inspect.iscoroutinefunction(value) and value.__module__ == "example"]
    return [value for value in own if not inspect.signature(value).parameters]


async def _trade(venue: WeexSimulator) -> None:
    while True:
        await venue.trade(size="0.0010")
        await asyncio.sleep(0.01)


def environment(venue: WeexSimulator) -> dict[str, str]:
    """The variables that lead an example to a simulator."""
    return {
        "WEEX_API_KEY": KEY,
        "WEEX_SECRET_KEY": SECRET,
        "WEEX_PASSPHRASE": PASSPHRASE,
        "WEEX_WS_PUBLIC_URL": venue.public_url,
        "WEEX_WS_PRIVATE_URL": venue.private_url,
        "WEEX_REST_URL": venue.rest_url,
    }


async def _run_page(text: str) -> int:
    failures = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for example in examples(text):
            async with WeexSimulator(step_s=0.005) as venue:
                os.environ.update(environment(venue))
                printed = io.StringIO()
                try:
                    with contextlib.redirect_stdout(printed):
                        await asyncio.wait_for(run_example(example, venue), 60)
                except Exception:  # noqa: BLE001 - an example may raise anything
                    failures += 1
                    traceback.print_exc()
                    say(f"FAILED {example.title}")
                else:
                    lines = printed.getvalue().splitlines()
                    say(f"ran    {example.title}: {len(lines)} lines, the last: {lines[-1] if lines else ''}")
    return failures


if __name__ == "__main__":
    sys.exit(asyncio.run(_run_page(Path(sys.argv[1]).read_text(encoding="utf-8"))))
