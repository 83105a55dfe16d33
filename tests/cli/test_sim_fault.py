"""``wsexample sim fault`` makes things go wrong in a simulator that runs elsewhere."""

from __future__ import annotations

import json

import pytest

from tests.commands import Launch

FIRST = {"kabu": "token", "alpaca": "secret", "weex": "passphrase"}


def _started(launch: Launch, broker: str, *flags: str) -> str:
    simulator = launch("main", "sim", broker, "--port", "0", "--announce", *flags)
    return str(json.loads(simulator.wait_for(FIRST[broker], on="out"))["port"])


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
    asked = launch("main", "sim", "fault", port, *fault)
    assert asked.finish() == 0
    assert asked.err[-1].endswith(f"{fault[0]} is done")
    listed = launch("main", "sim", "fault", port)
    assert listed.finish() == 0
    assert any(line.startswith(fault[0]) for line in listed.out)


def test_the_counters_can_be_read(launch: Launch) -> None:
    """The name stats prints what the simulator counted."""
    asked = launch("main", "sim", "fault", _started(launch, "weex", "--control"), "stats")
    assert asked.finish() == 0
    counts = json.loads("".join(asked.out))
    assert (counts["connections"], counts["received"]) == (0, 0)


def test_what_cannot_be_is_said(launch: Launch) -> None:
    """A simulator without --control, an unknown fault and a wrong argument each give one line and their status."""
    port = _started(launch, "weex")
    closed = launch("main", "sim", "fault", port, "drop_all")
    assert (closed.finish(), "start it with --control" in closed.err[-1]) == (22, True)
    port = _started(launch, "alpaca", "--control")
    unknown = launch("main", "sim", "fault", port, "earthquake")
    assert (unknown.finish(), "there is no 'earthquake'" in unknown.err[-1]) == (22, True)
    wrong = launch("main", "sim", "fault", port, "drop_updates", "count=many")
    assert (wrong.finish(), "drop_updates: " in wrong.err[-1]) == (22, True)
    nobody = launch("main", "sim", "fault", "moon")
    assert (nobody.finish(), "neither a port nor one of kabu, alpaca, weex" in nobody.err[-1]) == (2, True)
