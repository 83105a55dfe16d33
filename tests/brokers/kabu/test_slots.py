"""Who fills the registration list, and what can be done about it."""

from __future__ import annotations

import random

import pytest

from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.slots import Slots, Use


def entries(*codes: int) -> list[SymbolEntry]:
    return [SymbolEntry(str(code), 1) for code in codes]


def test_reasons_survive_a_reading_of_the_list() -> None:
    """What kabu Station says is there keeps the reason that is known; the rest is somebody else's."""
    slots = Slots(5)
    assert not slots.is_known
    slots.streamed(entries(1))
    slots.read(entries(2)[0])
    assert slots.listed(entries(3, 1, 2)) == ()
    assert slots.is_known
    assert (slots.of(Use.STREAM), slots.of(Use.READ), slots.of(Use.OTHER)) == (
        (*entries(1),),
        (*entries(2),),
        (*entries(3),),
    )
    assert slots.describe() == (
        "3 of 5 places are taken: 1 streamed by this program, 1 only read by this program,"
        " 1 of other programs or earlier runs"
    )
    assert repr(slots).startswith("<Slots: 3 of 5")


def test_what_was_streamed_and_is_gone_is_told() -> None:
    """Somebody emptied the list, or kabu Station was restarted."""
    slots = Slots()
    slots.streamed(entries(1, 2, 3))
    assert slots.listed(entries(2, 9)) == (*entries(1, 3),)
    assert len(slots) == 2
    slots.forget()
    assert (len(slots), slots.is_known, slots.describe()) == (0, False, "0 of 50 places are taken")


def test_a_read_does_not_make_a_streamed_entry_less() -> None:
    """And registering makes a read one streamed."""
    slots = Slots()
    slots.streamed(entries(1))
    slots.read(entries(1)[0])
    assert slots.of(Use.STREAM) == (*entries(1),)
    slots.read(entries(2)[0])
    slots.streamed(entries(2))
    assert slots.of(Use.READ) == ()


def test_what_is_streamed_no_more_makes_room() -> None:
    """An entry that could not be taken off the list at once goes as soon as its place is needed."""
    slots = Slots(2)
    slots.listed(entries(1, 2))
    slots.streamed(entries(1, 2))
    slots.spared(entries(1, 9))
    need = slots.need(entries(3))
    assert (need.register, need.free, need.left_out) == ((*entries(3),), (*entries(1),), ())


def test_room_is_made_by_giving_up_reads_only() -> None:
    """Oldest first, as many as needed, and nothing of other programs."""
    slots = Slots(4)
    slots.listed(entries(7))
    for entry in entries(1, 2):
        slots.read(entry)
    slots.streamed(entries(3))
    need = slots.need(entries(4))
    assert (need.register, need.free, need.left_out) == ((*entries(4),), (*entries(1),), ())
    need = slots.need(entries(4, 5, 6))
    assert (need.register, need.free, need.left_out) == ((*entries(4, 5),), (*entries(1, 2),), (*entries(6),))


def test_what_is_there_already_needs_no_place() -> None:
    """An entry that was read is promoted, not counted twice, and not given up for another."""
    slots = Slots(2)
    for entry in entries(1, 2):
        slots.read(entry)
    need = slots.need(entries(2, 1))
    assert (need.register, need.free, need.left_out) == ((*entries(2, 1),), (), ())


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_always_fits(seed: int) -> None:
    """Whatever is on the list: what is freed and registered leaves at most the limit, and says what does not fit."""
    draw = random.Random(seed)
    slots = Slots(draw.randint(1, 12))
    slots.listed(entries(*draw.sample(range(30), draw.randint(0, slots.limit))))
    for entry in entries(*draw.sample(range(30), 10)):
        if slots.room:
            slots.read(entry) if draw.random() < 0.5 else slots.streamed([entry])
    wanted = entries(*draw.sample(range(40), draw.randint(0, 20)))
    need = slots.need(wanted)
    assert set(need.register) | set(need.left_out) == set(wanted)
    assert not set(need.register) & set(need.left_out)
    assert set(need.free) <= set(slots.of(Use.READ)) - set(wanted)
    slots.freed(need.free)
    slots.streamed(need.register)
    assert len(slots) <= slots.limit
    if need.left_out:
        assert len(slots) == slots.limit
