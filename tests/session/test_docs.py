"""docs/session.md keeps its word: its picture is the table's, its program works, its options exist."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from wsexample.session.options import POLICIES, Retry, SessionOptions
from wsexample.wire.options import ConnectOptions

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "session.md").read_text(encoding="utf-8")


def programs() -> dict[str, Any]:
    """Every Python block of the page, run one after the other in one namespace."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/session.md", "exec"), names)
    return names


def test_the_picture_is_drawn_from_the_table() -> None:
    """A change of the table without a new drawing is noticed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "draw_session.py"), "--check"], check=False, timeout=50
    )
    assert done.returncode == 0


def test_the_shown_dialect_and_the_shown_test_work_together() -> None:
    """The dialect of the page streams the script of the page's own test."""
    names = programs()
    names["test_prices"](names["PlainDialect"]())


def test_the_shown_consumers_store_and_show() -> None:
    """What the page calls everything and newest are just that, with the session of the page."""
    names = programs()
    from wsexample.session.session import Session
    from wsexample.session.testing import ScriptedDialer, no_waiting

    class Keeper:
        def __init__(self) -> None:
            self.kept: list[Any] = []

        async def write(self, batch: Any) -> None:
            self.kept += batch

        update = write

    async def main() -> None:
        sink = Keeper()
        dialer = ScriptedDialer([[f'{{"symbol":"A","price":{price},"size":1}}' for price in range(3)]])
        with no_waiting():
            async with Session(names["PlainDialect"](), ["A"], dial=dialer) as session:
                store, show = await names["store_and_show"](session, sink, Keeper())
                try:
                    await asyncio.gather(store(), show())
                finally:
                    assert [record.price for record in sink.kept if hasattr(record, "price")] == [0, 1, 2]

    asyncio.run(main())


def test_every_option_on_the_page_exists() -> None:
    """Names in the tables of deadlines, of trying again and of policies are fields and policies of the code."""
    known = {item.name for kind in (SessionOptions, Retry, ConnectOptions) for item in fields(kind)}
    shown = set(re.findall(r"`(\w+_(?:s|attempts|limit))`", PAGE)) - {"heartbeat_interval_s"}  # the dialect's
    assert shown
    assert shown <= known
    assert set(POLICIES) <= set(re.findall(r"^\| `(\w+)`", PAGE, flags=re.MULTILINE))
