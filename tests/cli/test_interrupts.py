"""Ctrl-C at any moment ends a command with 130 and without a word, also while Python still imports it or already ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsexample.cli import interrupts
from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.running import status_of_failure

HOOK = """
import atexit, os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
if os.environ["INTERRUPTED_AT"] == "the end":
    atexit.register(signal.raise_signal, signal.SIGINT)
"""
"""What Python runs before all else: Ctrl-C in the moment in which a module is looked for, or when the interpreter ends."""

OURS = str(Path(__file__).parents[2])


def entry(name: str) -> list[str]:
    """How an installed command begins."""
    return ["-c", f"from wsexample.cli.entry import {name}; {name}()"]


def module(name: str) -> list[str]:
    """How a command begins that is run by its module."""
    return ["-m", f"wsexample.cli.{name}"]


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        pytest.param("wsexample.cli.interrupts", [*entry("kclient"), "--version"], id="before the handler is known"),
        pytest.param("click", [*entry("wseclient"), "--version"], id="first import of wseclient"),
        pytest.param("click", [*entry("wseserver"), "--version"], id="first import of wseserver"),
        pytest.param("wsexample.cli.options", [*entry("kclient"), "--version"], id="imports of kclient"),
        pytest.param("wsexample.cli.tapes", [*entry("wsexample"), "tape", "info"], id="import of a command of a group"),
        pytest.param("wsexample.cli.weex.market", [*entry("wsexample"), "weex", "tickers"], id="of a group in a group"),
        pytest.param("wsexample.wire.server", [*entry("wsexample"), "doctor", "--json"], id="import in a coroutine"),
        pytest.param("uvloop", [*module("doctor")], id="import before the loop runs"),
        pytest.param("click", [*module("wseclient"), "--version"], id="first import of a module"),
        pytest.param("wsexample.sync", [*module("dump"), "ws://127.0.0.1:1"], id="import in a command without a loop"),
        pytest.param("the end", [*entry("wsexample"), "--version"], id="end of the interpreter"),
    ],
)
def test_ctrl_c_leaves_without_a_word(moment: str, words: list[str], tmp_path: Path) -> None:
    """Whatever Python is doing, the status is 130 and nothing is said on standard error."""
    (tmp_path / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), OURS])
    environment = {**os.environ, "PYTHONPATH": paths, "INTERRUPTED_AT": moment, "WSEXAMPLE_LOOP": ""}
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (ExitCode.INTERRUPTED, "")


@pytest.fixture
def _own_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(interrupts, "_is_ours", False)
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_own_handler")
@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda signum, frame: None])
def test_who_hears_or_ignores_ctrl_c_keeps_it(handler: signal.Handlers) -> None:
    """Under nohup a command goes on ignoring Ctrl-C, and a handler of somebody else stays."""
    signal.signal(signal.SIGINT, handler)
    interrupts.own_process()
    assert signal.getsignal(signal.SIGINT) is handler
    interrupts.raise_again()
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.usefixtures("_own_handler")
def test_ctrl_c_stays_what_it_is_in_other_programs() -> None:
    """A program that only uses a command of ours is never left in the middle."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.leave_at_once()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    interrupts.own_process()
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    interrupts.raise_again()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_middle_of_a_class_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    """Python 3.11 makes a RuntimeError of what comes while a class names its attributes; that is Ctrl-C all the same."""
    wrapped = RuntimeError("Error calling __set_name__")
    wrapped.__cause__ = KeyboardInterrupt()
    assert status_of_failure(wrapped) == ExitCode.INTERRUPTED
    assert status_of_failure(RuntimeError("another")) == ExitCode.INTERNAL
    assert capsys.readouterr().err.count("\n") == 1


def test_the_status_is_the_one_of_the_table() -> None:
    """The number that is known before anything is imported is that of the table of exit statuses."""
    assert interrupts.INTERRUPTED == ExitCode.INTERRUPTED
