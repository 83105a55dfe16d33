"""`scripts/hostile.py` says what it can do, and notices what breaks."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

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
    servers, _, clients = done.stdout.partition("by hostile servers:")
    shown = {line.split()[0]: line for line in servers.splitlines() if line}
    assert {"ping-flood", "bombs", "idle", "slow-tls", "fragments-0"} <= shown.keys()
    assert "hub" in shown["idle"]
    assert "hub" not in shown["bombs"]
    shown = {line.split()[0]: line for line in clients.splitlines() if line}
    assert {"silent", "deaf-pings", "redirects", "http-bomb", "hub-numbers"} <= shown.keys()
    assert "sync" in shown["deaf-pings"]


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
        ({"outcomes": {"1009": 100}, "logged": 1200}, ""),
        ({"outcomes": {"1009": 100}, "logged": 1201}, "the victim logged 1,201 lines for 100"),
    ],
)
def test_what_breaks_is_noticed(runs: ModuleType, facts: dict[str, Any], complaint: str) -> None:
    """Growth past the bound, a connection that was not ended, something left, an error, a client without answers."""
    result = runs.Result("bombs", 4, sent=10, asked=10, bound_mib=64.0, outcomes={"1009": 8}, cpu=0.5)
    for name in facts.keys() & {"grown_mib", "outcomes", "sent", "asked"}:
        setattr(result, name, facts[name])
    result.lines = facts.get("logged", 0)
    before = {"open": 1, "tasks": 2, "sockets": 3, "lines": {}}
    after = before | {name: facts[name] for name in facts.keys() & before.keys()}
    runs._judge(result, runs.CASES["bombs"].ends, before, after, [])
    assert [fault for fault in result.faults if complaint and complaint in fault] == result.faults
    assert bool(result.faults) == bool(complaint)
    assert math.isnan(result.calm[0])


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({}, ""),
        ({"outcomes": {"RuntimeError": 3}}, "connections ended as"),
        ({"outcomes": {"held": 4}}, "no try ended by itself"),
        ({"cpu": 0.9}, "used 90% of a core"),
        ({"longest_s": 60.0}, "a try took 60.0 s"),
        ({"tries": 10_000}, "tried 10000 times"),
        ({"untidy": ["two\nlines"]}, "no line for people"),
        ({"defects": ["ZeroDivisionError()"]}, "ZeroDivisionError"),
        ({"leaks": 2}, "2 secrets went to another host"),
        ({"threads": 9}, "6 threads left behind"),
    ],
)
def test_what_breaks_in_a_client_is_noticed(runs: ModuleType, facts: dict[str, Any], complaint: str) -> None:
    """A spin, a wait without end, a strange error, one that is no line, a secret that left, something that stayed."""
    result = runs.Result(
        "cut", 4, sent=10, asked=10, tries=8, bound_mib=64.0, seconds=5.0, outcomes={"HandshakeError": 4}
    )
    for name in facts.keys() & {"outcomes", "tries", "cpu"}:
        setattr(result, name, facts[name])
    before = {"open": 0, "tasks": 2, "sockets": 3, "threads": 3, "lines": {}}
    said = {"untidy": [], "defects": [], "longest_s": 2.0}
    after = before | said | {name: facts[name] for name in facts.keys() & (before.keys() | said.keys())}
    case = dataclasses.replace(runs.CLIENT_CASES["cut"], cpu=0.5)
    runs._judge_client(result, case, "session", before, after, {"leaks": facts.get("leaks", 0)})
    assert [fault for fault in result.faults if complaint and complaint in fault] == result.faults
    assert bool(result.faults) == bool(complaint)


def test_every_client_case_has_its_attack(runs: ModuleType) -> None:
    """And its clients are of the kinds that there are."""
    attacks, clients = import_module("hostile.server_attacks"), import_module("hostile.clients")
    for case in runs.CLIENT_CASES.values():
        assert case.attack in attacks.SERVER_ATTACKS
        assert set(case.clients) <= clients.KINDS.keys()
