"""Gaps and connection events are records like any other."""

from __future__ import annotations

from wsexample.records.fields import decode_json, describe, encode_json
from wsexample.records.journal import ConnectionEvent, Gap


def test_a_gap_concerns_everything_unless_it_names_a_symbol() -> None:
    """A lost connection makes one gap for all symbols that it carried."""
    gap = Gap(venue="kabu", received_ns=20, from_ns=10, to_ns=20, reason="the connection was lost")
    assert gap.symbol == ""
    assert not gap.filled
    assert decode_json(encode_json(gap)) == gap


def test_a_connection_event_needs_only_what_happened() -> None:
    """An event without code, words or attempt leaves these empty."""
    event = ConnectionEvent(venue="kabu", received_ns=1, event="opened")
    assert (event.code, event.reason, event.phase, event.attempt, event.detail) == (None, None, None, None, "")


def test_journal_tables_have_names_of_their_own() -> None:
    """The journal is kept in tables beside the market data."""
    assert [describe(kind).table for kind in (Gap, ConnectionEvent)] == ["gaps", "connections"]
