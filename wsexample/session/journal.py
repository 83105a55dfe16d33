"""Events of a session as records, so that any sink keeps them beside the data they explain.

| event | record | `event` column | `code`, `reason` |
|---|---|---|---|
| Opened | ConnectionEvent | opened | |
| LoggedIn | ConnectionEvent | logged_in | |
| Subscribed | ConnectionEvent | subscribed | reason: the topics |
| Refused | ConnectionEvent | refused | the broker's code and words |
| Live | ConnectionEvent | live | |
| Failed while logging in | ConnectionEvent | login_failed | the broker's, or the close code or HTTP status |
| Failed otherwise | ConnectionEvent | failed | the same |
| Closed | ConnectionEvent | closed | close code and reason |
| Waiting | ConnectionEvent | retried | |
| Ended | ConnectionEvent | ended | as Failed when an error ended it |
| Gap | Gap | | |

Nothing secret gets in: texts come from errors, which carry none, and from topics.
"""

from __future__ import annotations

from typing import Any

from wsexample.errors import BrokerError, ConnectionClosed, HandshakeError
from wsexample.ports import ConnectionEvent
from wsexample.ports import Gap as GapRecord
from wsexample.session.events import (
    Closed,
    Ended,
    Event,
    Failed,
    Gap,
    Live,
    LoggedIn,
    Opened,
    Refused,
    Subscribed,
    Waiting,
)

__all__ = ["as_record"]


def as_record(event: Event, venue: str) -> ConnectionEvent | GapRecord:
    """Return an event as a record.

    Parameters:
        event: what came out of ``session.events()``.
        venue: the broker, as in all its records.

    Raises:
        TypeError: it is not an event of a session.
    """
    if isinstance(event, Gap):
        return GapRecord(
            venue=venue,
            received_ns=event.at_ns,
            from_ns=event.from_ns,
            to_ns=event.to_ns,
            reason=event.reason,
            filled=event.filled,
        )
    return ConnectionEvent(venue=venue, received_ns=event.at_ns, **_facts(event))


def _facts(event: Event) -> dict[str, Any]:
    match event:
        case Opened(url=url, attempt=attempt):
            return {"event": "opened", "detail": f"connected to {url}", "attempt": attempt}
        case LoggedIn():
            return {"event": "logged_in", "detail": "the login was accepted", "phase": "logging_in"}
        case Subscribed(topics=topics):
            return {
                "event": "subscribed",
                "detail": f"{len(topics)} topic{'s' if len(topics) != 1 else ''} confirmed",
                "reason": " ".join(topics),
                "phase": "subscribing",
            }
        case Refused(topic=topic, error=error):
            return {"event": "refused", "detail": f"{topic}: {error}", **_words(error)}
        case Live(is_again=is_again):
            return {"event": "live", "detail": "live again" if is_again else "live", "phase": "live"}
        case Failed(phase=phase, error=error):
            name = "login_failed" if phase == "logging_in" else "failed"
            return {"event": name, "detail": str(error), "phase": phase, **_words(error)}
        case Closed(code=code, reason=reason, was_clean=was_clean, by_peer=by_peer):
            who = "by the other side" if by_peer else "by this side"
            how = "" if was_clean else ", without a closing handshake"
            return {"event": "closed", "detail": f"closed {who}{how}", "code": code, "reason": reason or None}
        case Waiting(delay_s=delay_s, attempt=attempt):
            return {"event": "retried", "detail": f"next attempt in {delay_s:.1f} s", "attempt": attempt}
        case Ended(error=None):
            return {"event": "ended", "detail": "closed from this side", "phase": "closed"}
        case Ended(error=error):
            return {"event": "ended", "detail": str(error), "phase": "closed", **_words(error)}
    raise TypeError(f"{type(event).__name__} is not an event of a session")


def _words(error: Exception | None) -> dict[str, Any]:
    """The other side's code, where it is a number, and its own words."""
    if isinstance(error, BrokerError):
        code: Any = error.code if isinstance(error.code, int) else error.http_status
        return {"code": code, "reason": error.words or None}
    if isinstance(error, HandshakeError):
        return {"code": error.status, "reason": error.reason or None}
    if isinstance(error, ConnectionClosed):
        return {"code": error.code, "reason": error.reason or None}
    return {}
