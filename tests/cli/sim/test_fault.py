"""``wsexample sim fault`` makes things go wrong in a simulator that runs elsewhere."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from tests.commands import Launch
from wsexample.cli.main import main

FIRST = {"kabu": "token", "alpaca": "secret", "weex": "passphrase"}


def _started(launch: Launch, broker: str, *flags: str) -> str:
    simulator = launch("main", "sim", broker, "--port", "0", "--announce", *flags)
    return str(json.loads(simulator.wait_for(FIRST[broker], on="out"))["port"])


def ask(*arguments: str) -> Result:
    """Run the command here."""
    return CliRunner().invoke(main, ["sim", "fault", *arguments])


@pytest.mark.parametrize(
    ("broker", "fault"),
    [
        ("kabu", ("mute", "duration_s=0.5")),
        ("alpaca", ("drop_updates", "count=2")),
        ("weex", ("trade", "symbol=ETHUSDT", "size=0.01")),
    ],
)
def test_a_fault_is_done(launch: Launch, broker: str, fault: tuple[str, ...]) -> None:
    """Each simulator takes its faults with their arguments, as texts or numbers, and lists them."""
    port = _started(launch, broker, "--control")
    asked = ask(port, *fault)
    assert (asked.exit_code, f"{fault[0]} is done" in asked.stderr) == (0, True)
    listed = ask(port)
    assert (listed.exit_code, any(line.startswith(fault[0]) for line in listed.stdout.splitlines())) == (0, True)


def test_the_counters_can_be_read(launch: Launch) -> None:
    """The name stats prints what the simulator counted."""
    counts = json.loads(ask(_started(launch, "weex", "--control"), "stats").stdout)
    assert (counts["connections"], counts["received"]) == (0, 0)


def test_what_cannot_be_is_said(launch: Launch) -> None:
    """A simulator without --control, an unknown fault and a wrong argument each give one line and their status."""
    port = _started(launch, "weex")
    closed = ask(port, "drop_all")
    assert (closed.exit_code, "start it with --control" in closed.stderr) == (22, True)
    port = _started(launch, "alpaca", "--control")
    unknown = ask(port, "earthquake")
    assert (unknown.exit_code, "there is no 'earthquake'" in unknown.stderr) == (22, True)
    wrong = ask(port, "drop_updates", "count=many")
    assert (wrong.exit_code, "drop_updates: " in wrong.stderr) == (22, True)
    mistyped = ask(port, "reset", "sream=data")
    assert (mistyped.exit_code, "reset: there is no 'sream'; there are stream" in mistyped.stderr) == (22, True)
    nobody = ask("moon")
    assert (nobody.exit_code, "neither a port nor one of kabu, alpaca, weex" in nobody.stderr) == (2, True)
