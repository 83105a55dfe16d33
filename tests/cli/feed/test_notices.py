"""What happens to a stream is told in one line each, and not more often than it helps."""

from __future__ import annotations

from wsexample.cli.feed.notices import Notices
from wsexample.errors import NetworkError
from wsexample.session.events import Event, Failed, Gap, Live, Opened, Refused, Waiting

SECOND = 10**9
START_NS = 1_772_590_532 * SECOND  # 11:15:32 in Tokyo


def told(events: list[Event]) -> list[str]:
    """Return the sentences."""
    notices = Notices(offset_s=9 * 3600)
    return [sentence for event in events for sentence, _ in notices.take(event)]


def failed(at_s: float, words: str = "the wire broke", phase: str = "live") -> list[Event]:
    """A loss and the wait for the next attempt."""
    at_ns = START_NS + round(at_s * SECOND)
    return [
        Failed(at_ns=at_ns, phase=phase, error=NetworkError(words), is_final=False),
        Waiting(at_ns=at_ns, delay_s=0.5, attempt=2),
    ]


def test_a_break_is_told_when_it_begins_and_when_it_ends() -> None:
    """The loss with its reason, the return with its length, and the gap with its times."""
    back_ns = START_NS + 3 * SECOND
    events: list[Event] = [
        *failed(0),
        *failed(1, "nobody listens", "connecting"),
        Live(at_ns=back_ns, is_again=True),
        Gap(at_ns=back_ns, from_ns=START_NS, to_ns=back_ns, reason="x", filled=False),
    ]
    assert told(events) == [
        "lost: the wire broke; next attempt in 0.5 s",
        "not connected: nobody listens; attempt 3 in 0.5 s",
        "live again after 3.0 s, 2 attempts",
        "gap: what came from 11:15:32.0 to 11:15:35.0 (3.0 s) may be missing",
    ]


def test_the_same_trouble_is_told_once_a_minute() -> None:
    """A server that stays down does not fill the screen."""
    events = [event for second in range(0, 130, 5) for event in failed(second, "nobody listens", "connecting")]
    assert [sentence.split(";")[1] for sentence in told(events)] == [
        " attempt 2 in 0.5 s",
        " attempt 14 in 0.5 s",
        " attempt 26 in 0.5 s",
    ]


def test_a_first_connection_needs_no_words() -> None:
    """What goes as it should is not told here."""
    assert told([Opened(at_ns=1, url="ws://x", attempt=1), Live(at_ns=2, is_again=False)]) == []


def test_what_is_final_is_left_to_the_end() -> None:
    """An error that ends the feed is told by whoever ends it."""
    assert told([Failed(at_ns=1, phase="live", error=NetworkError("over"), is_final=True)]) == []


def test_a_refused_topic_is_named() -> None:
    """A topic that the broker will not deliver is told with its reason, when the stream goes on without it."""
    for words in ("unknown", "9998@1: unknown"):
        refused = Refused(at_ns=1, topic="9998@1", error=NetworkError(words))
        live = Live(at_ns=2, is_again=False)
        for events in ([refused, live], [live, refused]):
            assert told(list(events)) == ["9998@1 is not delivered: unknown"]


def test_a_refusal_that_ends_the_feed_is_told_once() -> None:
    """Whoever ends the feed tells the one that ended it; another one before it is told here."""
    first, last = NetworkError("also unknown"), NetworkError("unknown")
    assert told(
        [
            Refused(at_ns=1, topic="9997@1", error=first),
            Refused(at_ns=1, topic="9998@1", error=last),
            Failed(at_ns=2, phase="subscribing", error=last, is_final=True),
        ]
    ) == ["9997@1 is not delivered: also unknown"]


def test_gaps_are_summed_up() -> None:
    """The time covered by gaps and the filled ones are counted."""
    notices = Notices()
    for filled in (True, False):
        notices.take(Gap(at_ns=3, from_ns=START_NS, to_ns=START_NS + SECOND, reason="x", filled=filled))
    assert (notices.gap_ns, notices.filled) == (2 * SECOND, 1)
