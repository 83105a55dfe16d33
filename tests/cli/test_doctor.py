"""``wsexample doctor`` tells the truth about this machine."""

from __future__ import annotations

import json
from pathlib import Path

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
    """An extra that is not installed is a notice with the command that brings it; a missing core package is a problem;
    what only developers want is neither."""
    monkeypatch.setattr(
        doctor.metadata, "requires", lambda name: ["click>=8", 'nats-py>=2; extra == "nats"', 'ruff; extra == "test"']
    )
    monkeypatch.setattr(doctor, "_version", lambda package: "")
    core, extra, test = doctor._dependencies()
    assert (core.state, core.found) == ("problem", "without click")
    assert (extra.state, extra.advice) == ("notice", "pip install 'wsexample[nats]'")
    assert test.state == "ok"


def test_it_names_where_credentials_are_and_shows_none(launch: Launch, tmp_path: Path) -> None:
    """Whoever wonders why a key is not found sees which ones are, and nobody reads them over a shoulder."""
    environment = {"KABU_API_KEY": "sesame", "XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)}
    command = launch("main", "doctor", env=environment)
    assert command.finish() == 0, command.story
    command.wait_for("key of kabu     KABU_API_KEY from the environment", on="out")
    assert "sesame" not in command.story


def test_a_config_file_that_cannot_be_read_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A broken file is named, and the verdict says where to look."""
    (tmp_path / "broken.toml").write_text("[kabu\n", encoding="utf-8")
    monkeypatch.setenv("WSEXAMPLE_CONFIG", str(tmp_path / "broken.toml"))
    (finding,) = doctor._credentials()
    assert finding.state == "problem"
    assert "broken.toml" in finding.found
    assert doctor._verdict([finding]) == "credentials: look at the lines with !!"


def test_the_verdict_names_what_could_be_better() -> None:
    """One sentence at the end, for whoever does not read the rest."""
    report = [doctor.Finding("lane", "pure Python", "notice"), doctor.Finding("system", "here")]
    assert doctor._verdict(report).startswith("everything works; lane could be better.")
    assert doctor._verdict(report[1:]).startswith("everything works. Without an account")
