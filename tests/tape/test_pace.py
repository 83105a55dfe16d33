"""When a recorded moment is due."""

from __future__ import annotations

import pytest

from wsexample.errors import OptionError
from wsexample.tape.pace import Pace

SECOND = 10**9


def waits(pace: Pace, *moments: float, now_s: float = 100.0) -> list[float]:
    """How long each moment is off, when no time passes."""
    return [pace.wait_s(round(moment * SECOND), now_s) for moment in moments]


def test_recorded_pace_and_faster() -> None:
    """Moments are as far apart as recorded, divided by the speed."""
    assert waits(Pace(), 10, 11, 14) == [0, 1, 4]
    assert waits(Pace(4), 10, 11, 14) == [0, 0.25, 1]
    assert waits(Pace(None), 10, 11, 14) == [0, 0, 0]


def test_long_pauses_are_shortened_only_when_asked() -> None:
    """A night lasts as long as recorded, or as long as it may."""
    assert waits(Pace(max_pause_s=2), 0, 1, 3601, 3602) == [0, 1, 3, 4]


def test_a_clock_that_was_set_back_costs_no_time() -> None:
    """Moments before the latest one are due at once, and go on from there."""
    assert waits(Pace(), 10, 12, 5, 6, 13) == [0, 2, 2, 2, 3]


@pytest.mark.parametrize("facts", [{"speed": 0}, {"speed": float("nan")}, {"speed": 1, "max_pause_s": -1}])
def test_paces_that_cannot_work_are_refused(facts: dict[str, float]) -> None:
    """A speed must be more than zero and a pause must not be negative."""
    with pytest.raises(OptionError):
        Pace(**facts)
