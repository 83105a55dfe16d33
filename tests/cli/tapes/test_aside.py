"""Work on whole tapes can be ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wsexample.cli.running import Stop
from wsexample.cli.tapes.aside import aside
from wsexample.cli.tapes.command import main
from wsexample.tape.reader import Progress


def test_work_that_ends_by_itself_returns_its_result(run: Callable[[Any], Any]) -> None:
    """Whoever looks is told how far it is meanwhile."""
    told: list[tuple[int, int]] = []

    def work(progress: Progress) -> str:
        progress(1, 2)
        return "done"

    async def scenario() -> str | None:
        return await aside(work, Stop(), lambda done, total: told.append((done, total)))

    assert (run(scenario()), told) == ("done", [(1, 2)])


def work_until_told(*_: object, progress: Progress, **__: object) -> int:
    """Press Ctrl-C, and go on until the progress says that it is enough."""
    os.kill(os.getpid(), signal.SIGINT)
    ends_s = time.monotonic() + 30
    while time.monotonic() < ends_s:
        progress(0, 1)
        time.sleep(0.001)
    return 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
@pytest.mark.parametrize("words", [("cut", "old", "new"), ("merge", "old", "-o", "new")])
def test_ctrl_c_ends_the_work_and_says_what_is_left(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is that of Ctrl-C, and a new tape that is not whole is named."""
    monkeypatch.chdir(tmp_path)
    for name in ("old", "new"):
        (tmp_path / name).touch()
    monkeypatch.setattr("wsexample.cli.tapes.command.cut_tape", work_until_told)
    monkeypatch.setattr("wsexample.cli.tapes.command.merge_tapes", work_until_told)
    monkeypatch.setattr("wsexample.cli.tapes.command.Tape", _NoTape)
    ended = CliRunner().invoke(main, list(words), prog_name="tape")
    assert (ended.exit_code, ended.stderr) == (130, "tape: interrupted; new is not whole\n")


class _NoTape:
    """A tape without anything on it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> _NoTape:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""
