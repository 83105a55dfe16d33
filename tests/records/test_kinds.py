"""Which records there are, by kind."""

from __future__ import annotations

import pytest

from wsexample.errors import OptionError
from wsexample.records import kinds
from wsexample.records.fields import UnknownRecord, decode_json, encode_json
from wsexample.records.journal import ConnectionEvent, Gap
from wsexample.records.kinds import is_market_data, record_kinds, register_record, table_name
from wsexample.records.market import Bar, Board, Book, Quote, Record, Trade


class Sunspot(Record, frozen=True, kw_only=True, tag="sunspot"):
    """A record class of somebody else."""

    size: float


@pytest.mark.parametrize(
    ("kind", "table"), [("quote", "quotes"), ("order", "orders"), ("entry", "entries"), ("loss", "losses")]
)
def test_tables_are_plurals(kind: str, table: str) -> None:
    """A table has the plural of its kind, so that "order" needs no quoting in SQL."""
    assert table_name(kind) == table


def test_every_record_of_the_house_is_known() -> None:
    """Readers know every record class of the records room by its kind."""
    expected = {"quote": Quote, "trade": Trade, "bar": Bar, "book": Book, "board": Board}
    expected |= {"gap": Gap, "connection": ConnectionEvent}
    assert expected.items() <= dict(record_kinds()).items()
    assert Record not in record_kinds().values()


def test_your_own_record_is_known_once_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record class of the user's own reads like one of the house."""
    monkeypatch.setattr(kinds, "_registered", {})
    spot = Sunspot(venue="v", symbol="s", received_ns=1, size=2.0)
    line = encode_json(spot)
    assert decode_json(line) == UnknownRecord("sunspot", line)
    register_record(Sunspot)
    register_record(Sunspot)
    assert decode_json(line) == spot


def test_two_classes_of_one_kind_are_refused() -> None:
    """A kind means one class; a second one is refused by name."""

    class Other(Record, frozen=True, kw_only=True, tag="quote"):
        pass

    with pytest.raises(OptionError, match="Quote and Other"):
        register_record(Other)


def test_only_market_data_may_be_dropped() -> None:
    """Gaps and connection events, like orders, are no market data."""
    assert is_market_data(Quote)
    assert is_market_data(Board)
    assert not is_market_data(Gap)
