"""A source ends with the hub that runs it, also when the hub is killed and the source has nothing to print."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import Running
from wsexample.cli.leash import VARIABLE, environment_of_child

DEADLINE_S = 20.0


def test_a_command_ends_with_its_standard_input_when_told_to() -> None:
    """It says goodbye as after a SIGTERM; without the variable an empty standard input means nothing to it."""
    told = Running("wseserver", "--port", "0", env=environment_of_child({}), stdin=subprocess.PIPE)
    told.wait_for("ws://127.0.0.1")
    assert told.process.stdin is not None
    told.process.stdin.close()
    assert told.process.wait(DEADLINE_S) in (0, 143)
    told.close()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_source_does_not_outlive_a_hub_that_is_killed() -> None:
    """A hub nobody publishes in is a source that prints nothing, and so would never notice a broken pipe."""
    quiet = Running("main", "hub", "--listen", "0", "--name", "quiet", stdin=subprocess.PIPE)
    killed: Running | None = None
    try:
        url = quiet.wait_for("readers connect to").partition("ws://")[2].partition(",")[0]
        killed = Running("main", "hub", "--listen", "0", "--", "watch", f"ws://{url}", stdin=None)
        source = _child_of(killed.process.pid)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(DEADLINE_S)
        ends_s = time.monotonic() + DEADLINE_S
        while _is_alive(source):
            assert time.monotonic() < ends_s, "the source lives on"
            time.sleep(0.02)
    finally:
        for each in filter(None, (killed, quiet)):
            each.close()


def _child_of(parent: int) -> int:
    ends_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends_s:
        children = [
            int(word)
            for task in Path(f"/proc/{parent}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
        for child in children:
            if VARIABLE.encode() in Path(f"/proc/{child}/environ").read_bytes():
                return child
        time.sleep(0.02)
    raise AssertionError("the hub has no child")


def _is_alive(process: int) -> bool:
    """Tell whether a process runs: one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
