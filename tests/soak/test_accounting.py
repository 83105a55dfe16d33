"""The books of a run: what is planted in them is found."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

accounting: Any = import_module("soak.accounting")
Connection, GapSpan = accounting.Connection, accounting.GapSpan


def connection(opened_ns: int, sums: list[int], number: int = 0) -> Any:
    """A connection with a message at each of the nanoseconds that follow."""
    made = Connection(opened_ns, number)
    for position, checksum in enumerate(sums):
        made.add(opened_ns + position, checksum)
    return made


SENT = [connection(100, [1, 2, 3, 4]), connection(200, [5, 6]), connection(300, [7, 8, 9])]


def test_what_came_whole_adds_up() -> None:
    """Nothing lost, nothing more."""
    got = [connection(100, [1, 2, 3, 4], 1), connection(200, [5, 6], 2), connection(300, [7, 8, 9], 3)]
    account = accounting.account_for(SENT, got, [], 100)
    assert account.adds_up
    assert (account.sent, account.received) == (9, 9)


def test_a_loss_that_a_gap_tells_is_announced() -> None:
    """The rest of the first connection, and the whole of the second, of which the client knows nothing."""
    got = [connection(100, [1, 2], 1), connection(300, [7, 8, 9], 3)]
    account = accounting.account_for(SENT, got, [GapSpan(301, 102, 3)], 100)
    assert account.adds_up
    assert account.announced == 4
    assert account.early == 0


def test_what_was_lost_before_the_gap_begins_is_told_apart() -> None:
    """Still on its way when something newer had come."""
    got = [connection(100, [1, 2], 1), connection(300, [7, 8, 9], 3)]
    assert accounting.account_for(SENT, got, [GapSpan(301, 103, 3)], 100).early == 1


@pytest.mark.parametrize(
    ("gaps", "got"),
    [
        ([], [[1, 2], [5, 6], [7, 8, 9]]),
        ([GapSpan(100, 50, 1)], [[1, 2], [5, 6], [7, 8, 9]]),
        ([GapSpan(301, 100, 3)], [[1, 2, 3, 4], [5, 6], [7, 8]]),
    ],
)
def test_a_planted_loss_is_found(gaps: list[Any], got: list[list[int]]) -> None:
    """Without a gap, with an earlier gap only, and at the end of the last connection."""
    came = [
        connection(server.opened_ns, sums, number)
        for number, (server, sums) in enumerate(zip(SENT, got, strict=True), 1)
    ]
    account = accounting.account_for(SENT, came, gaps, 50)
    assert not account.adds_up
    assert account.unannounced > 0


def test_a_message_lost_in_the_middle_is_found() -> None:
    """TCP does not do that, so it is nobody's gap."""
    got = [connection(100, [1, 3, 4], 1), connection(200, [5, 6], 2), connection(300, [7, 8, 9], 3)]
    account = accounting.account_for(SENT, got, [], 100)
    assert not account.adds_up
    assert account.changed == 2


def test_a_message_that_nobody_sent_is_found() -> None:
    """One too many."""
    got = [connection(100, [1, 2, 3, 4, 4], 1), connection(200, [5, 6], 2), connection(300, [7, 8, 9], 3)]
    assert accounting.account_for(SENT, got, [], 100).unsent == 1


def test_a_reader_misses_nothing_that_is_not_announced() -> None:
    """Holes and announcements are counted beside each other, doubles for themselves."""
    count = accounting.SequenceCount()
    for seq in (1, 2, 5, 5, 6):
        count.number("a", seq)
    count.passed_over(2)
    assert (count.received, count.holes, count.announced, count.doubled) == (4, 2, 2, 1)
    assert count.behind({"a": 8, "b": 1}) == 3


def test_executions_are_there_once() -> None:
    """One is missing, one came twice, one never happened."""
    assert accounting.exactly_once(["a", "b", "c"], ["a", "c", "c", "d"]) == (1, 1, 1)
