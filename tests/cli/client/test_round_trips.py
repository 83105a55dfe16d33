"""Round-trip times are counted and written as people read them."""

from __future__ import annotations

import pytest

from wsexample.cli.client.round_trips import RoundTrips, format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 us"),
        (0.000_000_5, "0.50 us"),
        (0.000_412, "412 us"),
        (0.000_999_6, "1.00 ms"),
        (0.003_06, "3.06 ms"),
        (0.040_2, "40.2 ms"),
        (0.999_4, "999 ms"),
        (1.25, "1.25 s"),
        (61.0, "61.00 s"),
    ],
)
def test_three_digits_and_a_unit(seconds: float, text: str) -> None:
    """A time has three significant digits below a second and a unit that fits."""
    assert format_duration(seconds) == text


def test_echoes_are_matched_by_their_text() -> None:
    """Answers may come in any order; each finds the message that it answers, and a stranger is counted apart."""
    trips = RoundTrips()
    trips.note_sent("a", 1.0)
    trips.note_sent("b", 2.0)
    assert trips.note_received("b", 2.5) == 0.5
    assert trips.note_received("welcome", 2.6) is None
    assert trips.note_received("a", 3.0) == 2.0
    assert trips.summary() == (
        "2 sent, 2 echoed, 0 lost, 1 others received; round trip least/mean/most 500 ms / 1.25 s / 2.00 s"
    )


def test_a_message_that_never_came_back_is_lost() -> None:
    """What was sent and not echoed counts as lost; an echo counts once."""
    trips = RoundTrips()
    trips.note_sent("a", 1.0)
    trips.note_sent("b", 1.0)
    trips.note_received("a", 1.1)
    assert trips.note_received("a", 1.2) is None
    assert (trips.sent, trips.echoed, trips.lost) == (2, 1, 1)
