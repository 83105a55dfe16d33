"""What the trading stream remembers: doubles by any name, news and old news, until when nothing is missing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from wsexample.brokers.alpaca.client.memory import TradingMemory
from wsexample.records.market import Quote
from wsexample.records.orders import Fill, Order


def fill(fill_id: str, cumulative: int | None, **facts: Any) -> Fill:
    size = None if cumulative is None else Decimal(cumulative)
    known = {"venue": "alpaca", "symbol": "AAPL", "received_ns": 1, "order_id": "o", "size": Decimal(1)}
    return Fill(fill_id=fill_id, cumulative_size=size, **(known | facts))


def order(status: str = "new", updated_ns: int = 1, filled: int = 0, **facts: Any) -> Order:
    known = {"venue": "alpaca", "symbol": "AAPL", "received_ns": 1, "order_id": "o", "venue_status": status}
    return Order(
        status=status, updated_ns=updated_ns, exchange_ns=updated_ns, filled_size=Decimal(filled), **(known | facts)
    )


def test_an_execution_is_known_by_either_name() -> None:
    """The same quantity of the same order is the same execution, whatever a list calls it."""
    memory = TradingMemory()
    assert memory.key(fill("stream-1", 4)) == memory.key(fill("list-1", 4, is_backfilled=True))
    assert memory.key(fill("list-8", 8, is_backfilled=True)) == memory.key(fill("stream-8", 8))
    assert memory.key(fill("stream-2", 6)) != memory.key(fill("stream-1", 4))
    assert memory.key(fill("stream-1", 4)) != memory.key(fill("other", 4, order_id="p"))
    assert memory.key(fill("x", None)) == memory.key(fill("x", None))


def test_after_an_execution_was_taken_back_the_quantity_may_come_again() -> None:
    """Then it is another execution."""
    memory = TradingMemory()
    first = memory.key(fill("a", 4))
    memory.key(fill("b", 0, correction="bust", corrects="a"))
    assert memory.key(fill("c", 4)) != first


def test_two_executions_that_events_told_of_are_two() -> None:
    """The quantity may come again although nobody told that the first one was taken back; each is known when it is doubled."""
    memory = TradingMemory()
    first, second = memory.key(fill("a", 4)), memory.key(fill("b", 4))
    fetched = memory.key(fill("c", 4, is_backfilled=True, event_id="01K"))
    assert len({first, second, fetched}) == 3
    assert [memory.key(fill(name, 4)) for name in "abcabc"] == [first, second, fetched] * 2
    assert memory.key(fill("g", 9, is_backfilled=True, position_size=Decimal(9))) != memory.key(fill("h", 9))
    listed = memory.key(fill("list-8", 8, is_backfilled=True))
    assert [memory.key(fill(name, 8)) for name in "dede"] == [listed, ("fill", "e"), listed, ("fill", "e")]


@pytest.mark.parametrize("names", [("a", "b"), ("x", "y")], ids=["the same names", "other names"])
def test_two_executions_of_a_list_are_two(names: tuple[str, str]) -> None:
    """Whether a list names executions as events do or otherwise; each is known when the list is read again."""
    memory = TradingMemory()
    assert memory.key(fill("a", 4)) == ("fill", "a")
    listed = [fill(name, 4, is_backfilled=True, exchange_ns=at) for at, name in enumerate(names)]
    assert [memory.key(one) for one in listed * 2] == [("fill", "a"), ("fill", names[1])] * 2


def test_lists_that_name_executions_as_events_do_tell_them_apart() -> None:
    """Once one identifier was the same, one more of a list is another execution; that it is the same nobody has documented."""
    memory = TradingMemory()
    memory.key(fill("a", 4))
    assert memory.key(fill("b", 4, is_backfilled=True)) == ("fill", "a"), "it may be another name of the same"
    memory.key(fill("c", 6))
    assert memory.key(fill("c", 6, is_backfilled=True)) == ("fill", "c")
    assert memory.key(fill("d", 6, is_backfilled=True)) == ("fill", "d")


def test_what_was_taken_back_and_is_listed_again_hides_nothing() -> None:
    """An old execution that a list still has is known, and the one that has its quantity now is another."""
    memory = TradingMemory()
    first = memory.key(fill("a", 4))
    memory.key(fill("b", 0, correction="bust", corrects="a"))
    assert memory.key(fill("a", 4, is_backfilled=True)) == first
    assert memory.key(fill("c", 4)) == ("fill", "c")


def test_old_news_of_an_order_is_no_news() -> None:
    """A snapshot counts when it is newer or says something else."""
    memory = TradingMemory()
    assert memory.is_news(order())
    memory.key(order("partially_filled", updated_ns=5, filled=3, event="partial_fill"))
    assert not memory.is_news(order("new", updated_ns=2))
    assert not memory.is_news(order("partially_filled", updated_ns=5, filled=3))
    assert memory.is_news(order("filled", updated_ns=9, filled=10))


def test_open_orders_are_known_until_they_end() -> None:
    """So that a backfill can ask what became of them."""
    memory = TradingMemory()
    memory.key(order("new", event="new"))
    assert memory.open_orders == ("o",)
    memory.key(order("unknown", event="pondering"))
    assert memory.open_orders == ("o",), "a word that nobody knows is no end"
    memory.key(order("canceled", updated_ns=2, event="canceled"))
    assert memory.open_orders == ()


def test_an_order_whose_end_was_not_told_is_looked_after() -> None:
    """That the one in its place was replaced as well says nothing: its own end is still to be fetched."""
    memory = TradingMemory()
    memory.key(order(event="new"))
    memory.key(order(event="new", order_id="p", replaces="o"))
    memory.key(order("replaced", updated_ns=2, event="replaced", order_id="p", replaces="o", replaced_by="q"))
    assert memory.open_orders == ("o",)


def test_the_sure_moment_only_moves_while_nothing_is_missing() -> None:
    """After a break it stays where it is until everything was fetched; fetched records do not move it."""
    memory = TradingMemory()
    memory.key(fill("a", 1, exchange_ns=10))
    memory.broke()
    memory.key(fill("b", 2, exchange_ns=20))
    assert memory.complete_until_ns == 10
    memory.completed(15)
    memory.key(fill("c", 3, exchange_ns=99, is_backfilled=True))
    assert memory.complete_until_ns == 15
    memory.key(fill("d", 4, exchange_ns=30))
    assert memory.complete_until_ns == 30


def holes_in(*records: Any) -> list[int]:
    memory, found = TradingMemory(), []
    memory.on_hole = found.append
    for record in records:
        memory.key(record)
    return found


def test_a_hole_is_what_does_not_add_up() -> None:
    """More was filled before an update than is known; told with the time up to which its order is known."""
    new = order("new", updated_ns=7, event="new")
    assert holes_in(new, fill("b", 2)) == [7]
    assert holes_in(new, order("canceled", updated_ns=9, filled=1, event="canceled")) == [7]


def test_what_adds_up_is_no_hole() -> None:
    """Executions in order, orders not seen before, fetched records, and orders whose own execution stands before them."""
    new = order("new", updated_ns=7, event="new")
    after = order("partially_filled", updated_ns=8, filled=1, event="partial_fill", fill_id="a")
    assert holes_in(new, fill("a", 1), after, fill("b", 2)) == []
    assert holes_in(fill("b", 9)) == []
    assert holes_in(new, fill("b", 9, is_backfilled=True)) == []
    assert holes_in(order("filled", filled=9, event=None)) == []


def test_what_was_missed_is_known_by_comparison() -> None:
    """An execution that never came, and the end of an order that counts as open; nothing else."""
    memory = TradingMemory()
    memory.key(order("new", event="new"))
    memory.key(fill("a", 1))
    assert not memory.has_missed(fill("a", 1))
    assert not memory.has_missed(fill("listed-otherwise", 1))
    assert memory.has_missed(fill("b", 2))
    assert memory.has_missed(fill("c", None, correction="bust", corrects="a"))
    assert memory.has_missed(order("canceled", updated_ns=5))
    assert not memory.has_missed(order("partially_filled", updated_ns=5, filled=1))
    assert memory.has_missed(order("canceled", order_id="of which nothing ever came"))
    assert not memory.has_missed(order("new", order_id="of which nothing ever came"))
    assert not memory.has_missed(order("rejected", order_id="in place of another", replaces="o"))
    assert not memory.has_missed(order("filled", order_id="leg", order_class="mleg"))


def test_memory_is_bounded_and_about_orders_only() -> None:
    """A busy account does not fill it, and market data has no key."""
    memory = TradingMemory(keep=10)
    for number in range(50):
        memory.key(fill(str(number), number))
        memory.key(order(order_id=str(number), event="new"))
    assert len(memory._fills) == len(memory._orders) == len(memory.open_orders) == 10
    assert memory.key(Quote(venue="alpaca", symbol="AAPL", received_ns=1)) is None
