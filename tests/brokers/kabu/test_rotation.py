"""A window over a watch list that is longer than the registration list."""

from __future__ import annotations

from collections import Counter

import pytest

from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.rotation import Rotation
from wsexample.errors import OptionError


def entries(count: int, first: int = 1000) -> list[SymbolEntry]:
    return [SymbolEntry(str(first + number), 1) for number in range(count)]


def test_everything_gets_its_turn_and_the_same_time() -> None:
    """Over many turns each symbol is streamed as often as any other, give or take one."""
    rotation = Rotation(entries(173), 50)
    seen: Counter[SymbolEntry] = Counter()
    for _ in range(400):
        seen.update(rotation.present)
        turn = rotation.turn()
        assert len(turn.leaving) == len(turn.entering) == 5
        assert not set(turn.entering) & set(turn.leaving)
        assert len(set(rotation.present)) == 50
        assert set(turn.entering) <= set(rotation.present)
    assert set(seen) == set(entries(173))
    assert max(seen.values()) - min(seen.values()) <= 10


def test_pinned_symbols_never_leave() -> None:
    """They come first and take their places from the rotation."""
    pinned = entries(3, 9000)
    rotation = Rotation(entries(20), 10, pinned=pinned)
    for _ in range(30):
        assert rotation.present[:3] == (*pinned,)
        assert len(rotation.present) == 10
        assert not set(rotation.turn().leaving) & set(pinned)


def test_a_short_list_does_not_rotate() -> None:
    """What fits stays."""
    rotation = Rotation(entries(20), 50)
    assert not rotation.is_needed
    turn = rotation.turn()
    assert (turn.leaving, turn.entering) == ((), ())
    assert rotation.present == (*entries(20),)


def test_times_follow_from_the_dwell() -> None:
    """A window of 50 with 20 s for each exchanges five in two seconds, which is as fast as it goes."""
    rotation = Rotation(entries(500), 50, dwell_s=20)
    assert (rotation.interval_s, rotation.cycle_s) == (2.0, 200.0)
    assert Rotation(entries(500), 50, dwell_s=60).interval_s == 6.0
    assert Rotation(entries(500), 50, dwell_s=1).interval_s == 2.0
    nearly = Rotation(entries(52), 50, dwell_s=20)
    assert (nearly.step, nearly.interval_s) == (2, 2.0)


def test_an_unknown_symbol_is_dropped() -> None:
    """Wherever it is."""
    rotation = Rotation(entries(12), 10, pinned=entries(1, 9000))
    for entry in (*entries(1, 9000), *entries(1), entries(12)[-1]):
        rotation.drop(entry)
        assert entry not in (*rotation.present, *rotation.waiting)


def test_fewer_places_put_the_newest_back_in_line() -> None:
    """They are the next to come, and come as soon as the places are free again; one place is always kept."""
    rotation = Rotation(entries(12), 10)
    rotation.resize(7)
    assert rotation.waiting[:3] == (*entries(12)[7:10],)
    assert len(rotation.present) == 7
    rotation.resize(0)
    assert len(rotation.present) == 1
    assert "1 of 12" in repr(rotation)
    rotation.resize(10)
    assert rotation.present == (*entries(10),)


def test_symbols_can_be_added() -> None:
    """They come in at the next turn, or at once where there is room; what is there already is not there twice."""
    rotation = Rotation(entries(10), 10)
    rotation.add(entries(12)[8:])
    assert rotation.waiting == (*entries(12)[10:],)
    assert rotation.turn().entering == (*entries(12)[10:],)
    roomy = Rotation(entries(3), 10)
    roomy.add(entries(5))
    assert roomy.present == roomy.entries == (*entries(5),)


@pytest.mark.parametrize(
    ("options", "option"),
    [({"dwell_s": 0}, "dwell_s"), ({"pinned": entries(10, 9000)}, "pinned")],
)
def test_numbers_that_leave_nothing_to_rotate(options: dict[str, object], option: str) -> None:
    """Refused at once."""
    with pytest.raises(OptionError) as caught:
        Rotation(entries(20), 10, **options)  # type: ignore[arg-type]
    assert caught.value.option == option
