"""The summary adds up and says what is missing, and nothing that is as it should be twice."""

from __future__ import annotations

from wsexample.cli.feed.summary import Outcome, sum_of
from wsexample.session.inbox import InboxStats

ALL = InboxStats(received=10, delivered=10)


def test_a_plain_run_has_two_sentences() -> None:
    """What came and where it went, and the account."""
    assert Outcome(messages=10, taken=10, kept=ALL, printed=ALL).sentences(2.04, ["2 boards read"]) == [
        "10 messages received in 2.0 s, 2 boards read, 10 delivered, 0 lost",
        "records: 10 received = 10 delivered + 0 conflated + 0 dropped + 0 waiting",
    ]


def test_a_store_is_what_counts() -> None:
    """What was taken and is not durable in the end is lost; while it goes on it is on its way."""
    outcome = Outcome(messages=10, taken=10, kept=ALL, stored=7)
    assert (outcome.lost(is_over=False), outcome.lost(is_over=True)) == (0, 3)
    assert outcome.sentences(1.0)[0].endswith("7 stored, 3 lost")


def test_a_slow_pipe_has_its_own_account() -> None:
    """What was dropped, waits or was not read is lost where only a pipe was fed."""
    printed = InboxStats(received=10, delivered=5, dropped=3, waiting=2)
    outcome = Outcome(messages=10, taken=10, kept=ALL, printed=printed, unread=1)
    assert (outcome.lost(is_over=False), outcome.lost(is_over=True)) == (3, 6)
    assert outcome.sentences(1.0)[2] == (
        "printed: 10 received = 5 delivered + 0 conflated + 3 dropped + 2 waiting; 1 of them were not read any more"
    )


def test_breaks_are_summed_up() -> None:
    """Reconnects, gaps, how long they were and how many could be filled."""
    outcome = Outcome(
        messages=10, taken=10, kept=ALL, unreadable=1, reconnects=2, gaps=2, filled=1, gap_ns=3_400_000_000
    )
    said = outcome.sentences(1.0)
    assert "1 unreadable" in said[0]
    assert said[-1] == "2 reconnects, 2 gaps (3.4 s in all, 1 filled)"


def test_inboxes_are_added() -> None:
    """Several consumers make one account."""
    assert sum_of([ALL, InboxStats(received=3, conflated=2, waiting=1)]) == InboxStats(
        received=13, delivered=10, conflated=2, waiting=1
    )
