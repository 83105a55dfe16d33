"""docs/records.md keeps its word: its tables are those of the classes, its programs run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsexample.records import kinds
from wsexample.records.journal import Gap
from wsexample.records.market import Quote, Trade

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Every Python block of the page, run one after the other in one namespace; what it registers is forgotten."""
    monkeypatch.setattr(kinds, "_registered", {})
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/records.md", "exec", dont_inherit=True), names)
    return {**names, "printed": capsys.readouterr().out.splitlines()}


def test_the_tables_are_those_of_the_classes() -> None:
    """A field that is new, or means something else now, is noticed; ``python3 scripts/records.py`` writes them anew."""
    check = [sys.executable, str(ROOT / "scripts" / "records.py"), "--check"]
    assert subprocess.run(check, check=False, timeout=50).returncode == 0


def test_the_shown_record_prints_what_it_says(programs: dict[str, Any]) -> None:
    """The figures behind the arrows are what the program prints."""
    assert programs["printed"] == re.findall(r"# -> (.*)$", PAGE, flags=re.MULTILINE)


def test_the_shown_match_tells_kinds_apart(programs: dict[str, Any]) -> None:
    """Trades, quotes with both sides and open gaps have a sentence each, everything else has none."""
    said: Any = {"venue": "mine", "symbol": "A", "received_ns": 2}
    records = [
        Trade(**said, price=101.5, size=3),
        Quote(**said, bid_price=1.25, ask_price=1.5),
        Quote(**said, bid_price=1.25),
        Gap(**said, from_ns=1, to_ns=2, reason="cut"),
        Gap(**said, from_ns=1, to_ns=2, reason="cut", filled=True),
    ]
    expected = ["A traded at 101.5", "A is 0.25 wide", None, "something may be missing: cut", None]
    assert [programs["told"](record) for record in records] == expected


def test_a_record_of_ones_own_is_kept_and_read_back(
    run: Callable[[Any], Any], programs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class of the page comes out of a store as it went in; no queue lets go of it."""
    monkeypatch.chdir(tmp_path)
    run(programs["keep"]())
    assert not kinds.is_market_data(programs["Funding"])
