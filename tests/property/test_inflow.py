"""What waits between socket and consumer adds up, and the compiled core does what its twin in Python does, in any order."""

from __future__ import annotations

import importlib
import importlib.util
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOM = "wsexample.wire.inflow"
CORES = [
    importlib.import_module(f"{ROOM}.{name}").InflowCore
    for name in ("_inflow_py", "_inflow_c")
    if importlib.util.find_spec(f"{ROOM}.{name}")
]
MESSAGES = st.tuples(st.one_of(st.binary(max_size=9), st.text(max_size=5).map(str.encode)), st.booleans())
ACTIONS = st.lists(
    st.one_of(
        MESSAGES.map(lambda message: ("put", *message)),
        st.sampled_from([("take",), ("take_payload",), ("take_all",), ("open_gate",), ("finish",)]),
        st.sampled_from(["strict", "replace"]).map(lambda how: ("take_message", how)),
    ),
    max_size=60,
)


class Waiter:
    """Stands where the future of a waiting task stands."""

    def __init__(self) -> None:
        self.wakings = 0

    def done(self) -> bool:
        return self.wakings > 0

    def set_result(self, result: None) -> None:
        self.wakings += 1


def story(core: Any, actions: list[tuple[Any, ...]], max_messages: int, max_bytes: int) -> list[object]:
    """Return everything that can be seen of an inflow while these things are done with it, times left out."""
    told: list[object] = []
    inflow = core(
        max_messages=max_messages,
        max_bytes=max_bytes,
        pause=lambda: told.append("pause"),
        resume=lambda: told.append("resume"),
    )
    taken = 0
    for action, *arguments in actions:
        inflow.waiter = waiter = Waiter() if not len(inflow) else None
        waiting = len(inflow)
        try:
            answer: Any = getattr(inflow, action)(*arguments)
        except (IndexError, UnicodeDecodeError) as error:
            answer = type(error)
        if action.startswith("take"):
            taken += waiting - len(inflow)
        if action == "take" and isinstance(answer, tuple):
            answer = answer[:2]
        elif action == "take_all":
            answer = [arrival[:2] for arrival in answer]
        told += [action, answer, len(inflow), inflow.is_paused, inflow.is_finished, inflow.received, inflow.discarded]
        told += [waiter and waiter.wakings, inflow.waiter is None]
        assert inflow.received == taken + len(inflow) + inflow.discarded
    return told


@given(ACTIONS, st.integers(1, 6), st.integers(1, 30))
def test_every_message_is_accounted_for_by_either_core(
    actions: list[tuple[Any, ...]], max_messages: int, max_bytes: int
) -> None:
    """Received is taken, waiting and discarded; answers, errors, wake-ups, pauses and resumes of both are the same."""
    first, *others = (story(core, actions, max_messages, max_bytes) for core in CORES)
    assert all(other == first for other in others)


@pytest.mark.parametrize("core", CORES)
def test_messages_are_stamped_by_the_systems_clock(core: Any) -> None:
    """What is said of when a message came lies between two looks at the clock."""
    inflow = core(max_messages=9, max_bytes=99, pause=lambda: None, resume=lambda: None)
    before_ns = time.time_ns()
    inflow.put(b"x", True)
    _, _, received_ns = inflow.take()
    assert before_ns <= received_ns == inflow.last_received_ns <= time.time_ns()
