"""Kept books equal a book made the slow way, whatever order the changes come in."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.weex.dialect import KeptBook, WireBook
from wsexample.records.market import Level

prices = st.integers(1, 60).map(lambda cents: f"{Decimal(cents) / 10 + 100:f}")
sizes = st.one_of(st.just("0"), st.integers(1, 10_000).map(lambda units: f"{Decimal(units) / 1000:.4f}"))
pairs = st.lists(st.tuples(prices, sizes), max_size=12)


def reference(frames: list[tuple[list[tuple[str, str]], ...]], side: int) -> list[tuple[str, str]]:
    """A dictionary sorted afresh: what a book is by definition."""
    book: dict[Decimal, tuple[str, str]] = {}
    for frame in frames:
        for price, size in frame[side]:
            book[Decimal(price)] = (price, size)
            if Decimal(size) == 0:
                del book[Decimal(price)]
    return [book[price] for price in sorted(book, reverse=side == 0)]


def numbers(side: list[tuple[str, str]]) -> list[Level]:
    """The same as a decoder reads it where texts are not wanted."""
    return msgspec.json.decode(msgspec.json.encode(side), type=list[Level], strict=False)


@given(st.lists(st.tuples(pairs, pairs), min_size=1, max_size=20))
def test_a_book_is_the_sum_of_its_changes(frames: list[tuple[list[tuple[str, str]], ...]]) -> None:
    """Both sides are whole and sorted after every frame, as texts and as numbers, whichever book keeps them."""
    book = WireBook(*frames[0], sequence=100)
    lean = KeptBook(numbers(frames[0][0]), numbers(frames[0][1]), sequence=100)
    for number, (bids, asks) in enumerate(frames[1:], 1):
        assert book.change(bids, asks, 99 + number, 100 + number)
        assert lean.change(numbers(bids), numbers(asks), 99 + number, 100 + number)
        for side, (kept, other) in enumerate(((book.bids, lean.bids), (book.asks, lean.asks))):
            assert kept.pairs == reference(frames[: number + 1], side)
            assert [(float(p), float(s)) for p, s in kept.pairs] == [(level.price, level.size) for level in kept.levels]
            assert other.levels == kept.levels


@given(pairs, pairs, st.integers(-5, 5).filter(bool))
def test_a_frame_out_of_sequence_changes_nothing(
    whole: list[tuple[str, str]], change: list[tuple[str, str]], off: int
) -> None:
    """Only a change that begins where the book stands is taken; both directions count as missing."""
    book = WireBook(whole, whole, sequence=100)
    lean = KeptBook(numbers(whole), numbers(whole), sequence=100)
    before = (list(book.bids.pairs), list(book.asks.pairs))
    assert not book.change(change, change, 100 + off, 120)
    assert not lean.change(numbers(change), numbers(change), 100 + off, 120)
    assert (book.bids.pairs, book.asks.pairs, book.sequence) == (*before, 100)
    assert (lean.bids.levels, lean.asks.levels, lean.sequence) == (book.bids.levels, book.asks.levels, 100)
