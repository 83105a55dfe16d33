"""A pytest plugin: lets tests meet this package's classes, and notes what became of each test and subtest.

Tests that need no answer from outside run as they are, coroutines too. A test *reaches* this package when a function of it was
called while the test ran; the others look at something else of their project's and say nothing about this package.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from others.stand_in import stand_in

OURS = str(Path(importlib.util.find_spec("wsexample").origin or "").parent)  # type: ignore[union-attr]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what the command says."""
    group = parser.getgroup("others")
    group.addoption("--others-report", help="where to write what was seen")
    group.addoption("--others-stand-in", help="for which project this package's classes stand in")


def _short(nodeid: str) -> str:
    """Return a test's name without the folder."""
    file, mark, rest = nodeid.partition("::")
    return file.rpartition("/")[2] + mark + rest


class Notes:
    """What became of each test."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.outcomes: dict[str, str] = {}
        self.words: dict[str, str] = {}
        self.reached: set[str] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported is one test that fails."""
        if report.failed:
            self._note(_short(report.nodeid), "failed", report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the worst of set-up, call and end; a subtest is one of its own."""
        name = _short(report.nodeid)
        context: Any = getattr(report, "context", None)
        if context is not None:
            told = ", ".join(f"{key}={value}" for key, value in context.kwargs.items())
            name = f"{name} ({' '.join(word for word in (context.msg, told) if word)})"
        if report.when == "call" or report.outcome != "passed":
            self._note(name, report.outcome, report)

    def _note(self, name: str, outcome: str, report: Any) -> None:
        if self.outcomes.get(name) != "failed":
            self.outcomes[name] = outcome
        if outcome == "failed":
            crash = getattr(report.longrepr, "reprcrash", None)
            self.words[name] = (crash.message if crash else str(report.longrepr)).strip()[:2000]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Look whether anything of this package is called from the test's first line on."""
        name = getattr(item, "originalname", item.name)
        has_begun = False

        def look(frame: FrameType, event: str, _: object) -> None:
            nonlocal has_begun
            if event == "call":
                code = frame.f_code
                has_begun = has_begun or code.co_name == name
                if has_begun and code.co_filename.startswith(OURS):
                    self.reached.add(_short(item.nodeid))
                    sys.setprofile(None)

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        threading.setprofile(look)
        sys.setprofile(look)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            loop.close()
            asyncio.set_event_loop(None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a test that is a coroutine."""
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        asyncio.get_event_loop().run_until_complete(pyfuncitem.obj(**wanted))
        return True

    def pytest_sessionfinish(self) -> None:
        """Write everything down."""
        seen = {"outcomes": self.outcomes, "words": self.words, "reached": sorted(self.reached)}
        self.file.write_text(json.dumps(seen), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Stand in before any test is imported."""
    config.addinivalue_line("markers", "asyncio: a coroutine")
    if file := config.getoption("--others-report"):
        config.pluginmanager.register(Notes(Path(file)))
        if project := config.getoption("--others-stand-in"):
            stand_in(project)
