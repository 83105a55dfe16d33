"""``wsexample doctor`` tells the truth about this machine."""

from __future__ import annotations

import json

import pytest

from tests.commands import Launch
from wsexample import __version__
from wsexample.cli import doctor


def test_it_reports_loop_lane_and_a_round_trip(launch: Launch) -> None:
    """The report names version, loop and lane, and ends with a message that made the round trip."""
    command = launch("main", "doctor", "--json", env={"WSEXAMPLE_LOOP": "asyncio", "WSEXAMPLE_LANE": "skip"})
    assert command.finish() == 0, command.story
    found = {finding["topic"]: finding for finding in map(json.loads, command.out)}
    assert found["wsexample"]["found"] == __version__
    assert found["event loop"]["found"].startswith("asyncio")
    assert found["lane"]["found"].startswith("pure Python")
    assert "echo over the loopback" in found["self-test"]["found"]


def test_a_missing_extra_comes_with_its_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is not installed is a notice with the command that brings it; a missing core package is a problem."""
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["click>=8", 'nats-py>=2; extra == "nats"'])
    monkeypatch.setattr(doctor, "_version", lambda package: "")
    core, extra = doctor._dependencies()
    assert (core.state, core.found) == ("problem", "without click")
    assert (extra.state, extra.advice) == ("notice", "pip install 'wsexample[nats]'")
