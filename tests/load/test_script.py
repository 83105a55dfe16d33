"""`scripts/hostile.py` says what it can do, and notices what breaks."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script's judge."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield import_module("hostile.run")
    for name in [name for name in sys.modules if name.split(".")[0] == "hostile"]:
        del sys.modules[name]


def test_the_cases_are_listed() -> None:
    """Each case is there with the servers that it is for."""
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "hostile.py"), "--list"], capture_output=True, text=True, timeout=30, check=True
    )
    shown = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert {"ping-flood", "bombs", "idle", "slow-tls", "fragments-0"} <= shown.keys()
    assert "hub" in shown["idle"]
    assert "hub" not in shown["bombs"]


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({}, ""),
        ({"grown_mib": 1000.0}, "memory grew past"),
        ({"outcomes": {"held": 3}}, "connections ended as"),
        ({"sent": 0}, "nothing was sent"),
        ({"asked": 0}, "the watcher had no answer"),
        ({"open": 5}, "left behind"),
        ({"lines": {"wsexample.server error": 1}}, "the victim noted"),
    ],
)
def test_what_breaks_is_noticed(runs: ModuleType, facts: dict[str, object], complaint: str) -> None:
    """Growth past the bound, a connection that was not ended, something left, an error, a client without answers."""
    result = runs.Result("bombs", 4, sent=10, asked=10, bound_mib=64.0, outcomes={"1009": 8}, cpu=0.5)
    for name in facts.keys() & {"grown_mib", "outcomes", "sent", "asked"}:
        setattr(result, name, facts[name])
    before = {"open": 1, "tasks": 2, "sockets": 3, "lines": {}}
    after = before | {name: facts[name] for name in facts.keys() & before.keys()}
    runs._judge(result, runs.CASES["bombs"], before, after, [])
    assert [fault for fault in result.faults if complaint and complaint in fault] == result.faults
    assert bool(result.faults) == bool(complaint)
    assert math.isnan(result.calm[0])
