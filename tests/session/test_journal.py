"""Every event of a session becomes a record that any sink stores."""

from __future__ import annotations

import pytest

from wsexample.errors import (
    BrokerError,
    ConnectionClosed,
    CredentialsError,
    DeadlineError,
    HandshakeError,
    UnknownSymbolError,
)
from wsexample.ports import ConnectionEvent
from wsexample.ports import Gap as GapRecord
from wsexample.session import events
from wsexample.session.journal import as_record

WHERE = {"number": 3, "at_ns": 1_700_000_000_000_000_000, "connection": 2}

CASES = [
    (
        events.Opened(**WHERE, url="ws://a/", attempt=4),
        {"event": "opened", "attempt": 4, "detail": "connected to ws://a/"},
    ),
    (events.LoggedIn(**WHERE), {"event": "logged_in", "phase": "logging_in"}),
    (
        events.Subscribed(**WHERE, topics=("A", "B")),
        {"event": "subscribed", "reason": "A B", "detail": "2 topics confirmed"},
    ),
    (
        events.Refused(
            **WHERE, topic="B", error=UnknownSymbolError("unknown", code=4002001, words="銘柄が見つからない")
        ),
        {"event": "refused", "code": 4002001, "reason": "銘柄が見つからない", "detail": "B: unknown"},
    ),
    (events.Live(**WHERE, is_again=True), {"event": "live", "detail": "live again"}),
    (
        events.Failed(**WHERE, phase="logging_in", error=CredentialsError("wrong", code=402), is_final=True),
        {"event": "login_failed", "code": 402, "phase": "logging_in", "detail": "wrong"},
    ),
    (
        events.Failed(
            **WHERE, phase="connecting", error=HandshakeError("no", status=503, reason="Busy"), is_final=False
        ),
        {"event": "failed", "code": 503, "reason": "Busy", "phase": "connecting"},
    ),
    (
        events.Failed(**WHERE, phase="live", error=ConnectionClosed(code=1012, reason="restart"), is_final=False),
        {"event": "failed", "code": 1012, "reason": "restart"},
    ),
    (
        events.Failed(**WHERE, phase="live", error=DeadlineError("late", step="message", timeout_s=5), is_final=False),
        {"event": "failed", "code": None, "reason": None, "detail": "late"},
    ),
    (
        events.Closed(**WHERE, code=1001, reason="going away", was_clean=True, by_peer=True),
        {"event": "closed", "code": 1001, "reason": "going away", "detail": "closed by the other side"},
    ),
    (
        events.Closed(**WHERE, code=1006, reason="", was_clean=False, by_peer=False),
        {"event": "closed", "code": 1006, "reason": None, "detail": "closed by this side, without a closing handshake"},
    ),
    (
        events.Waiting(**WHERE, delay_s=1.25, attempt=2),
        {"event": "retried", "attempt": 2, "detail": "next attempt in 1.2 s"},
    ),
    (events.Ended(**WHERE, error=None), {"event": "ended", "detail": "closed from this side"}),
    (
        events.Ended(**WHERE, error=BrokerError("no", code="weird", http_status=403)),
        {"event": "ended", "detail": "no", "code": 403},
    ),
]


@pytest.mark.parametrize(("event", "expected"), CASES, ids=lambda value: type(value).__name__)
def test_an_event_becomes_a_connection_record(event: events.Event, expected: dict[str, object]) -> None:
    """Name, sentence, code and the other side's own words, at the time of the event."""
    record = as_record(event, "toy")
    assert isinstance(record, ConnectionEvent)
    assert (record.venue, record.received_ns) == ("toy", WHERE["at_ns"])
    assert {name: getattr(record, name) for name in expected} == expected


def test_a_gap_becomes_a_gap_record() -> None:
    """From, to, reason and whether it was filled."""
    record = as_record(events.Gap(**WHERE, from_ns=1, to_ns=2, reason="cut", filled=True), "toy")
    assert record == GapRecord(venue="toy", received_ns=WHERE["at_ns"], from_ns=1, to_ns=2, reason="cut", filled=True)


def test_every_event_has_a_record() -> None:
    """A new kind of event without a record would be noticed here."""
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
    assert {type(event) for event, _ in CASES} | {events.Gap, events.Event} == kinds
    with pytest.raises(TypeError, match="not an event"):
        as_record(events.Event(**WHERE), "toy")
