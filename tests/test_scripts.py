"""The scripts behind the README's two commands: what they promise to notice, and one short demo from end to end."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
DEADLINE_S = 50


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a script by name, as Python does for whoever runs it."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield import_module
    for path in SCRIPTS.glob("*.py"):
        sys.modules.pop(path.stem, None)


def boards_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        count: int = database.execute("select count(*) from boards").fetchone()[0]
    return count


@pytest.mark.integration
def test_the_demo_stores_every_board_that_was_sent(tmp_path: Path) -> None:
    """A short demo ends with 0, loses nothing, and its figure is that of the file."""
    file = tmp_path / "boards of a demo.db"
    command = [sys.executable, str(SCRIPTS / "demo.py"), "--no-venv", "--duration", "1", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    shown = re.findall(r"^ +(sent|received|stored|in file|lost) +([\d,]+)$", done.stdout, flags=re.MULTILINE)
    rows = f"{boards_in(file):,}"
    assert rows != "0"
    assert dict(shown) == {"sent": rows, "received": rows, "stored": rows, "in file": rows, "lost": "0"}


@pytest.mark.parametrize(
    ("sent", "said", "exit_code", "complaint"),
    [
        (2, "2 messages received in 1.0 s, 2 stored, 0 lost", 0, ""),
        (3, "2 messages received in 1.0 s, 2 stored, 0 lost", 0, "sent 3 boards, and kclient received 2"),
        (3, "3 messages received in 1.0 s, 2 stored, 1 lost", 0, "1 boards were lost"),
        (3, "3 messages received in 1.0 s, 3 stored, 0 lost", 0, "3 boards are stored, and the file has 2"),
        (2, "2 messages received in 1.0 s, 2 stored, 0 lost", 56, "exit code 56"),
        (0, "kabu Station is not running", 7, "nothing was received"),
    ],
)
def test_the_demo_fails_when_its_figures_disagree(
    script: Callable[[str], ModuleType],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sent: int,
    said: str,
    exit_code: int,
    complaint: str,
) -> None:
    """A board that is missing anywhere between the simulator and the file makes the exit code 1 and is told."""
    demo = script("demo")
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("create table boards (symbol)")
        database.executemany("insert into boards values (?)", [("a",), ("b",)])
        database.commit()
    outcome = demo.Outcome(exit_code=exit_code, said=[said])
    assert demo.report(file, sent, outcome, was_stopped=False) == (1 if complaint else 0)
    assert complaint in capsys.readouterr().out


def test_an_install_is_repeated_when_what_it_was_made_from_changes(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp of the last install is good for the same requirements, sources and extras only."""
    setup = script("venv_setup")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "STAMP", tmp_path / "stamp.json")
    (tmp_path / "wsexample").mkdir()
    (tmp_path / "pyproject.toml").write_text("a")
    (tmp_path / "setup.py").write_text("b")
    assert setup._installed_extras() is None
    setup._write_stamp({"test"})
    assert setup._installed_extras() == {"test"}
    (tmp_path / "wsexample" / "lane.pyx").write_text("c")
    assert setup._installed_extras() is None
    setup.STAMP.write_text("torn")
    assert setup._installed_extras() is None


def test_services_are_kept_from_starting_and_the_machine_is_left_as_it_was(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's policy file exists while packages are installed, is removed after a failure too, and is kept when it was there."""
    packages = script("system_packages")
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", policy)
    seen: list[str] = []

    def fail(command: list[str], **_: object) -> None:
        seen.append(policy.read_text())
        raise OSError("no network")

    monkeypatch.setattr(packages, "run_quietly", fail)
    with pytest.raises(OSError, match="no network"):
        packages.install(["squid"])
    assert (seen, policy.exists()) == (["#!/bin/sh\nexit 101\n"], False)
    policy.write_text("theirs")
    with pytest.raises(OSError, match="no network"):
        packages.install(["squid"])
    assert (seen[1:], policy.read_text()) == (["theirs"], "theirs")


@pytest.mark.parametrize("name", ["demo", "test", "check"])
def test_every_script_explains_itself(name: str) -> None:
    """``--help`` works before anything is installed or made."""
    command = [sys.executable, "-S", str(SCRIPTS / f"{name}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0
    assert "usage:" in done.stdout
