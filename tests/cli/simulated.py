"""Simulated brokers in processes of their own, one for all tests of a file, and faults in them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.commands import Running
from wsexample.cli.main import main

__all__ = ["Ended", "SimulatedBroker", "run_here", "simulated"]


@dataclass
class Ended:
    """How a command ended that was run in this process, which is quicker than one of its own."""

    status: int
    out: list[str]
    err: list[str]


def run_here(capfd: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """Run ``wsexample`` here; it must end by itself."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*arguments], prog_name="wsexample")
    out, err = capfd.readouterr()
    return Ended(int(ended.value.code or 0), out.splitlines(), err.splitlines())


@dataclass
class SimulatedBroker:
    """A running ``wsexample sim BROKER``."""

    running: Running
    facts: dict[str, Any]

    @property
    def here(self) -> str:
        """The flag with which a command finds it."""
        return f"--sim={self.facts['port']}"

    def fault(self, name: str, **arguments: Any) -> None:
        """Have something happen."""
        body = json.dumps(arguments).encode()
        request = urllib.request.Request(f"{self.facts['rest_url']}/simulator/{name}", data=body, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer) == {"done": name}


@contextmanager
def simulated(broker: str, *flags: str) -> Iterator[SimulatedBroker]:
    """Run a simulator on a free port, with faults on command."""
    running = Running("main", "sim", broker, "--port", "0", "--announce", "--control", "-q", *flags, stdin=None)
    try:
        yield SimulatedBroker(running, json.loads(running.wait_for("rest_url", on="out")))
    finally:
        running.close()
