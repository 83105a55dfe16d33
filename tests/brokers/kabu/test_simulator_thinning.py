"""Promises of the thinning of boards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.kabu.simulator.thinning import Thinner

MS = 1_000_000
KEY = ("9433", 1)


def test_quotes_wait_and_trades_hardly() -> None:
    """After a board, a change of quotes waits 400 ms; as soon as something trades, 10 ms are enough."""
    thinner = Thinner(400, 10)
    thinner.change(KEY, traded=False)
    assert thinner.take_due(0) == [KEY]
    thinner.change(KEY, traded=False)
    assert thinner.take_due(399 * MS) == []
    assert thinner.take_due(400 * MS) == [KEY]
    thinner.change(KEY, traded=False)
    thinner.change(KEY, traded=True)
    thinner.change(KEY, traded=False)
    assert thinner.take_due(409 * MS) == []
    assert thinner.take_due(410 * MS) == [KEY]
    assert thinner.take_due(900 * MS) == []


def test_closing_prices_are_never_thinned() -> None:
    """What is urgent goes out at once."""
    thinner = Thinner(400, 10)
    thinner.change(KEY, traded=True)
    thinner.take_due(0)
    thinner.change(KEY, traded=True, is_urgent=True)
    assert thinner.take_due(1) == [KEY]


def test_what_is_cleared_is_not_pushed() -> None:
    """After a restart nothing old is due."""
    thinner = Thinner(400, 10)
    thinner.change(KEY, traded=True)
    thinner.clear()
    assert thinner.take_due(10**12) == []


@given(
    events=st.lists(st.tuples(st.integers(1, 500), st.integers(0, 3), st.booleans()), max_size=80),
)
def test_every_change_is_pushed_in_the_end_and_never_too_often(events: list[tuple[int, int, bool]]) -> None:
    """No symbol is pushed twice within its gap, and none with a change is left behind."""
    thinner = Thinner(400, 10)
    now_ms = 0
    changed: set[tuple[str, int]] = set()
    sent_ms: dict[tuple[str, int], int] = {}
    for wait_ms, number, traded in events:
        now_ms += wait_ms
        key = (str(number), 1)
        thinner.change(key, traded=traded)
        changed.add(key)
        for due in thinner.take_due(now_ms * MS):
            assert now_ms - sent_ms.get(due, -10_000) >= 10
            sent_ms[due] = now_ms
            changed.discard(due)
    assert set(thinner.take_due((now_ms + 400) * MS)) == changed
