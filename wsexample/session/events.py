"""What happens to a session, as small frozen structs in the order in which it happens.

`Received` and `Sent` are for a tap such as a tape; all others come out of ``session.events()``. How they become records
that a sink stores is in `wsexample.session.journal`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

__all__ = [
    "Closed",
    "EndOfFeed",
    "Ended",
    "Event",
    "Failed",
    "Gap",
    "Live",
    "LoggedIn",
    "Opened",
    "Received",
    "Refused",
    "Sent",
    "Subscribed",
    "Tap",
    "Traffic",
    "Waiting",
]


class EndOfFeed(Exception):  # noqa: N818 - not an error: a tape or a script has been played to its end
    """Raised by a dialer or its connection when there is nothing more to come: the session ends as if closed."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What all events share."""

    number: int = 0
    """Position in the session's own count of events, from 1; a jump means that a listener was too slow."""
    at_ns: int
    """When it happened, UTC epoch nanoseconds."""
    connection: int = 0
    """Which connection attempt of the session it belongs to, from 1."""


class Opened(Event, frozen=True, kw_only=True):
    """The WebSocket is open."""

    url: str
    """Where to, credentials masked."""
    attempt: int
    """Attempts since the session was last proven live, this one included."""


class LoggedIn(Event, frozen=True, kw_only=True):
    """The broker accepted the credentials, or wants none."""


class Subscribed(Event, frozen=True, kw_only=True):
    """The broker says that it delivers these topics now."""

    topics: tuple[str, ...]
    """Topics confirmed."""


class Refused(Event, frozen=True, kw_only=True):
    """The broker will not deliver a topic; the session no longer asks for it."""

    topic: str
    """Topic refused."""
    error: Exception
    """Why, with the broker's code and words."""


class Live(Event, frozen=True, kw_only=True):
    """Every wanted topic is answered; records flow."""

    is_again: bool
    """Whether the session had been live before."""


class Failed(Event, frozen=True, kw_only=True):
    """A connection or an attempt at one is of no further use."""

    phase: str
    """The phase in which it failed."""
    error: Exception
    """Why."""
    is_final: bool
    """Whether trying again cannot help."""


class Closed(Event, frozen=True, kw_only=True):
    """The WebSocket is over."""

    code: int
    """Close code; 1006 when it was lost without a closing handshake."""
    reason: str
    """The closing side's words."""
    was_clean: bool
    """Whether the closing handshake was completed."""
    by_peer: bool
    """Whether the peer began."""


class Waiting(Event, frozen=True, kw_only=True):
    """The session waits before it tries again."""

    delay_s: float
    """For how long, seconds."""
    attempt: int
    """Number of the attempt to come, since the session was last proven live."""


class Gap(Event, frozen=True, kw_only=True):
    """Data may be missing from the stream between two moments."""

    from_ns: int
    """Last sign of life before, less the lag of the stream behind its venue, UTC epoch nanoseconds."""
    to_ns: int
    """When the stream was live again, UTC epoch nanoseconds."""
    reason: str
    """What broke the stream."""
    filled: bool
    """Whether the broker was asked for what was missed and answered all of it."""


class Ended(Event, frozen=True, kw_only=True):
    """The session is over for good; nothing follows."""

    error: Exception | None
    """What ended it; None when it was closed from this side."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a message on the wire is to a tap."""

    at_ns: int
    """When it was received or sent, UTC epoch nanoseconds."""
    connection: int
    """Which connection attempt of the session carried it, from 1."""
    payload: bytes
    """The message as it was on the wire, undecoded."""
    is_binary: bool
    """Whether it was a binary message."""


class Received(Traffic, frozen=True, kw_only=True, gc=False):
    """A message came; told before it is decoded."""


class Sent(Traffic, frozen=True, kw_only=True, gc=False):
    """A message was sent."""

    is_login: bool
    """Whether it was sent before the broker accepted the login, so that it may hold credentials."""


Tap = Callable[[Event | Traffic], None]
"""Gets every event, and every message before it is decoded or after it is sent; it must not wait."""
