"""Kept books equal a book made the slow way, whatever order the changes come in, compiled and in Python."""

from __future__ import annotations

import json
from decimal import Decimal
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brokers.weex.payloads import on_wire
from wsexample.brokers.weex.dialect import KeptBook, WeexDialect, WireBook, books, stream
from wsexample.brokers.weex.dialect.sides import _sides_py
from wsexample.ports import Step
from wsexample.records.market import Level

TWINS = [_sides_py]
try:
    from wsexample.brokers.weex.dialect.sides import _sides_c

    TWINS.append(_sides_c)
except ImportError:
    pass

Pairs = list[tuple[str, str]]
prices = st.integers(1, 60).map(lambda cents: f"{Decimal(cents) / 10 + 100:f}")
sizes = st.one_of(st.just("0"), st.integers(1, 10_000).map(lambda units: f"{Decimal(units) / 1000:.4f}"))
pairs = st.lists(st.tuples(prices, sizes), max_size=12)
numbers_of_any_shape = st.one_of(
    st.from_regex(r"\A[0-9]{0,20}\.?[0-9]{0,20}\Z"),
    st.floats(0, 1e9).map(repr),
    st.sampled_from(["0", "0.0", "-1", "1e3", "nan", "9007199254740993", "0.1", "1.", ".5", "1,5", " 1", "64250.10"]),
)


@pytest.fixture(params=TWINS, ids=lambda twin: twin.__name__.rpartition("_")[2])
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The sides of a book in Python, and compiled where that was built."""
    module: ModuleType = request.param
    use(module, monkeypatch)
    return module


def use(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "Side", module.Side)
    monkeypatch.setattr(books, "WireSide", module.WireSide)
    monkeypatch.setattr(stream, "read_change", module.read_change)


def reference(frames: list[tuple[Pairs, ...]], side: int) -> Pairs:
    """A dictionary sorted afresh: what a book is by definition."""
    book: dict[Decimal, tuple[str, str]] = {}
    for frame in frames:
        for price, size in frame[side]:
            book[Decimal(price)] = (price, size)
            if Decimal(size) == 0:
                del book[Decimal(price)]
    return [book[price] for price in sorted(book, reverse=side == 0)]


def numbers(side: Pairs) -> list[Level]:
    """The same as a decoder reads it where texts are not wanted."""
    return msgspec.json.decode(msgspec.json.encode(side), type=list[Level], strict=False)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__.rpartition("_")[2])
@given(frames=st.lists(st.tuples(pairs, pairs), min_size=1, max_size=20))
def test_a_book_is_the_sum_of_its_changes(twin: ModuleType, frames: list[tuple[Pairs, ...]]) -> None:
    """Both sides are whole and sorted after every frame, as texts and as numbers, whichever book keeps them."""
    with pytest.MonkeyPatch.context() as patch:
        use(twin, patch)
        book = WireBook(*frames[0], sequence=100)
        lean = KeptBook(numbers(frames[0][0]), numbers(frames[0][1]), sequence=100)
    for number, (bids, asks) in enumerate(frames[1:], 1):
        assert book.change(bids, asks, 99 + number, 100 + number)
        assert lean.change(numbers(bids), numbers(asks), 99 + number, 100 + number)
        for side, (kept, other) in enumerate(((book.bids, lean.bids), (book.asks, lean.asks))):
            assert kept.pairs == reference(frames[: number + 1], side)
            assert [(float(p), float(s)) for p, s in kept.pairs] == [(level.price, level.size) for level in kept.levels]
            assert other.levels == kept.levels


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__.rpartition("_")[2])
@given(whole=pairs, change=pairs, off=st.integers(-5, 5).filter(bool))
def test_a_frame_out_of_sequence_changes_nothing(twin: ModuleType, whole: Pairs, change: Pairs, off: int) -> None:
    """Only a change that begins where the book stands is taken; both directions count as missing."""
    with pytest.MonkeyPatch.context() as patch:
        use(twin, patch)
        book = WireBook(whole, whole, sequence=100)
        lean = KeptBook(numbers(whole), numbers(whole), sequence=100)
    before = (list(book.bids.pairs), list(book.asks.pairs))
    assert not book.change(change, change, 100 + off, 120)
    assert not lean.change(numbers(change), numbers(change), 100 + off, 120)
    assert (book.bids.pairs, book.asks.pairs, book.sequence) == (*before, 100)
    assert (lean.bids.levels, lean.asks.levels, lean.sequence) == (book.bids.levels, book.asks.levels, 100)


def test_a_side_grows_as_far_as_it_has_to(twin: ModuleType) -> None:
    """A thousand levels, put in from the worst to the best and taken out again, leave an empty side."""
    side = twin.Side(-1.0)
    side.change([Level(float(price), 1.0) for price in range(1, 1001)])
    assert [level.price for level in side.levels] == [float(price) for price in range(1000, 0, -1)]
    side.change([Level(float(price), 0.0) for price in range(1, 1001)])
    assert side.levels == []


# -- one dialect reads changes the short way, the other the long way -----------------------------------------------------


def frame(kind: str, first: int, last: int, bids: Any, asks: Any, **more: Any) -> dict[str, Any]:
    """A frame as it stands on the wire."""
    name = "depthSnapshot" if kind == "SNAPSHOT" else "depth"
    head = {"e": name, "E": 1795000000120 + last, "s": "BTCUSDT", "U": first, "u": last, "l": 15, "d": kind}
    return {**head, "b": bids, "a": asks, **more}


def steps(module: ModuleType, payloads: list[bytes], keeps_wire: bool) -> tuple[list[Step], int]:
    """What a dialect makes of messages, and how many of them it could not read."""
    with pytest.MonkeyPatch.context() as patch:
        use(module, patch)
        dialect = WeexDialect(keeps_wire=keeps_wire)
        dialect.start()
        dialect.subscribe(["BTCUSDT@depth15"])
        return [dialect.receive(payload, False, 7) for payload in payloads], dialect.unreadable


@pytest.mark.parametrize("keeps_wire", [False, True])
@given(frames=st.lists(st.tuples(pairs, pairs), min_size=1, max_size=8), gap=st.integers(0, 12))
def test_both_ways_give_the_same_steps(keeps_wire: bool, frames: list[tuple[Pairs, ...]], gap: int) -> None:
    """Books, times, texts, gaps and what is asked for anew do not depend on what reads them."""
    payloads = []
    for number, (bids, asks) in enumerate(frames):
        kind = "SNAPSHOT" if number == 0 else "CHANGED"
        payloads.append(on_wire(frame(kind, 99 + number + (number == gap), 100 + number, bids, asks)))
    results = [steps(module, payloads, keeps_wire) for module in TWINS]
    assert all(result == results[0] for result in results)


@given(price=numbers_of_any_shape, size=numbers_of_any_shape)
def test_numbers_of_any_shape_are_read_alike(price: str, size: str) -> None:
    """A number that would need more care than the short way takes is read the long way, to the last bit."""
    whole = on_wire(frame("SNAPSHOT", 99, 100, [["1.5", "1"]], []))
    payloads = [whole, on_wire(frame("CHANGED", 100, 101, [[price, size]], []))]
    results = [[step.records for step in steps(module, payloads, False)[0]] for module in TWINS]
    assert all(repr(result) == repr(results[0]) for result in results)


PLAIN = frame("CHANGED", 100, 101, [["1.5", "2"]], [["1.6", "0"]])
ODD = {
    "spaces": json.dumps(PLAIN),
    "another order": json.dumps(dict(reversed(PLAIN.items())), separators=(",", ":")),
    "one key more": json.dumps({**PLAIN, "f": "0.1"}, separators=(",", ":")),
    "cut off": json.dumps(PLAIN, separators=(",", ":"))[:-1],
    "something behind": json.dumps(PLAIN, separators=(",", ":")) + "}",
    "a number for a text": json.dumps({**PLAIN, "b": [[1.5, 2]]}, separators=(",", ":")),
    "three in a pair": json.dumps({**PLAIN, "b": [["1.5", "2", "3"]]}, separators=(",", ":")),
    "no time": json.dumps({**PLAIN, "E": None}, separators=(",", ":")),
    "a symbol with a quote in it": json.dumps({**PLAIN, "s": 'B"'}, separators=(",", ":")),
    "a time beyond 64 bits of nanoseconds": json.dumps({**PLAIN, "E": 9_795_000_000_226}, separators=(",", ":")),
    "another stream": json.dumps({**PLAIN, "l": 200}, separators=(",", ":")),
    "another number": json.dumps({**PLAIN, "U": 101}, separators=(",", ":")),
    "a number without end": json.dumps({**PLAIN, "U": 10**30}, separators=(",", ":")),
    "very many changes": json.dumps({**PLAIN, "b": [["1.5", "2"]] * 600}, separators=(",", ":")),
    "a list left open": json.dumps(PLAIN, separators=(",", ":")).replace("]]", "]", 1),
    "a long name": json.dumps({**PLAIN, "s": "B" * 80}, separators=(",", ":")),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_not_plain_is_left_alone(name: str, twin: ModuleType) -> None:
    """The short way gives back what it does not understand, and the book is as it was."""
    book = KeptBook([Level(1.5, 1.0)], [Level(1.6, 1.0)], sequence=100)
    for end in range(0, len(ODD[name]), 7):
        assert twin.read_change(ODD[name][:end].encode(), {"BTCUSDT@depth15": book}) is None
    assert twin.read_change(ODD[name].encode(), {"BTCUSDT@depth15": book}) is None
    assert (book.bids.levels, book.asks.levels, book.sequence) == ([Level(1.5, 1.0)], [Level(1.6, 1.0)], 100)


def test_what_is_plain_is_read_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was built, the compiled reading takes the venue's own frames."""
    if len(TWINS) == 1:
        pytest.skip("the compiled sides were not built")
    use(TWINS[1], monkeypatch)
    book = KeptBook([Level(1.5, 1.0)], [Level(1.6, 1.0)], sequence=100)
    found = TWINS[1].read_change(on_wire(PLAIN), {"BTCUSDT@depth15": book})
    assert found == ("BTCUSDT@depth15", "BTCUSDT", 1795000000221 * 10**6)
    assert (book.bids.levels, book.asks.levels, book.sequence) == ([Level(1.5, 2.0)], [], 101)
