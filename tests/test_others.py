"""`scripts/others_tests.py` runs other projects' tests on our classes, and notices what differs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script as a module."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield import_module("others_tests")
    for name in [name for name in sys.modules if name.split(".")[0] in ("others", "others_tests")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("theirs", "ours", "listed", "complaint"),
    [
        ("passed", "passed", False, ""),
        ("passed", "failed", True, ""),
        ("failed", "failed", False, ""),
        ("passed", "failed", False, "x passes with theirs only: AssertionError"),
        ("passed", "", False, "x passes with theirs only: did not run"),
        ("passed", "passed", True, "x is listed, and differs no more"),
        ("", "", True, "x is listed, and differs no more"),
    ],
)
def test_what_differs_has_to_be_listed_and_what_is_listed_to_differ(
    script: ModuleType, theirs: str, ours: str, listed: bool, complaint: str
) -> None:
    """A difference without a reason is a fault, and so is a reason without a difference."""
    before = script.Seen({"x": theirs} if theirs else {}, {}, [])
    after = script.Seen({"x": ours} if ours else {}, {"x": "AssertionError\nmore"} if ours == "failed" else {}, [])
    assert script.compare(before, after, {"x": "a reason"} if listed else {}) == ([complaint] if complaint else [])


@pytest.mark.integration
def test_autobahns_own_tests_pass_with_our_classes() -> None:
    """Each test of Autobahn's that passes with its classes passes with ours, and some of them come to our code."""
    command = [sys.executable, str(SCRIPTS / "others_tests.py"), "autobahn"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, _, theirs, ours, reached, *_ = done.stdout.splitlines()[1].split()
    assert int(theirs) == int(ours) > 0
    assert int(reached) > 10
