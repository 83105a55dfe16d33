"""docs/tape.md keeps its word: its programs work, its tables are those of the code."""

from __future__ import annotations

import re
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.conftest import Runner
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.tape.format import HEAD_BYTES, HEAD_COLUMNS, MARK_BYTES, Kind
from wsexample.tape.server import TapePlan
from wsexample.wire.connection import connect

PAGE = (Path(__file__).parent.parent.parent / "docs" / "tape.md").read_text(encoding="utf-8")


def test_the_shown_programs_record_replay_and_serve(run: Runner[None], tmp_path: Path) -> None:
    """What the page records, its player gives back, and its server sends."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/tape.md", "exec"), names)

    async def messages(url: str) -> list[Any]:
        async with connect(url) as ws:
            await ws.send("a subscription")
            return [message async for message in ws]

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue:
            recorded = await names["record"](venue.public_url, tmp_path / "a.tape", 20)
        replayed = await names["replay"](tmp_path / "a.tape")
        assert replayed[:20] == recorded
        assert names["prices"](tmp_path / "a.tape") == [record.price for record in replayed]
        assert len(await names["serve"](tmp_path / "a.tape", messages)) >= 3

    run(main())


def test_the_tables_are_those_of_the_code() -> None:
    """The sizes of the page add up to the structures, and no field of the plan is left out."""
    sizes = [
        [sum(map(int, size.split(" + "))) for size in re.findall(r"\| ([\d +]+) \|", table)]
        for table in re.split(r"^\| (?:head|block|entry head) \|", PAGE, flags=re.MULTILINE)[1:]
    ]
    assert [sum(table) for table in sizes] == [
        HEAD_BYTES,
        MARK_BYTES,
        struct.calcsize("<" + "".join(code for _, code in HEAD_COLUMNS)),
    ]
    assert len(Kind) == 5
    for field in fields(TapePlan):
        assert f"`{field.name}`" in PAGE
