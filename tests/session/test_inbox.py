"""What happens to records that nobody takes."""

from __future__ import annotations

import pytest

from tests.session.toy import trade
from wsexample.errors import OptionError
from wsexample.ports import ConnectionEvent, Gap, Record, is_market_data, kind_of
from wsexample.records.kinds import record_kinds
from wsexample.records.market import Bar, Quote, TradeCancel
from wsexample.session.inbox import LOSSLESS, Inbox, _Kinds, key_of


def quote(symbol: str, bid: float) -> Quote:
    return Quote(venue="toy", symbol=symbol, bid_price=bid, received_ns=0)


def gap() -> Gap:
    return Gap(venue="toy", received_ns=0, from_ns=0, to_ns=1)


def bar(start_ns: int, close: float) -> Bar:
    return Bar(
        venue="toy", symbol="A", interval_s=60, open=1, high=1, low=1, close=close, exchange_ns=start_ns, received_ns=0
    )


def taken(inbox: Inbox) -> list[Record]:
    return [inbox.take() for _ in range(len(inbox))]


def assert_adds_up(inbox: Inbox) -> None:
    counts = inbox.stats
    assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting


def test_block_keeps_everything_and_says_when_it_is_full() -> None:
    """The session is told to stop at the limit; nothing is lost when it stops a little late."""
    inbox = Inbox("block", 3)
    records = [trade("A", n) for n in range(5)]
    inbox.put(records[:2])
    assert (inbox.is_full, inbox.room) == (False, 1)
    inbox.put(records[2:])
    assert (inbox.is_full, inbox.room) == (True, -2)
    assert taken(inbox) == records
    assert not inbox.is_full
    assert_adds_up(inbox)


def test_conflate_keeps_the_newest_of_each_symbol() -> None:
    """Two symbols, many quotes: one of each waits, the newest."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("A", 1), quote("B", 1), quote("A", 2), quote("A", 3)])
    assert taken(inbox) == [quote("A", 3), quote("B", 1)]
    assert inbox.conflated == 2
    assert_adds_up(inbox)


def test_conflation_keeps_the_place_in_the_line() -> None:
    """A symbol that changes all the time is not pushed back behind the quiet ones."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("BUSY", 1), quote("CALM", 1)])
    inbox.put([quote("BUSY", n) for n in range(100)])
    assert inbox.take() == quote("BUSY", 99)


def test_conflation_tells_kinds_and_bars_apart() -> None:
    """A quote does not replace a trade, nor a bar the bar of another minute; a mended bar replaces itself."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("A", 1), trade("A", 1), bar(0, 1), bar(60, 2), bar(0, 3)])
    assert taken(inbox) == [quote("A", 1), trade("A", 1), bar(0, 3), bar(60, 2)]


def test_what_no_newer_record_replaces_is_not_conflated() -> None:
    """Cancellations and corrections of one symbol stand each for itself."""
    inbox = Inbox("conflate", 10)
    cancels = [TradeCancel(venue="toy", symbol="A", trade_id=str(n), received_ns=n) for n in range(3)]
    inbox.put(cancels)
    assert taken(inbox) == cancels


def test_every_kind_that_is_not_market_data_is_lossless() -> None:
    """Orders, fills, positions, balances, accounts and the journal are never let go of, whatever the room adds."""
    kinds = [kind for kind in record_kinds().values() if not is_market_data(kind)]
    assert {"order", "fill", "account", "position", "gap", "connection"} <= {kind_of(kind) for kind in kinds}
    assert {_Kinds(frozenset(), key_of).look_up(kind) for kind in kinds} == {LOSSLESS}


def test_conflate_is_bounded_by_its_limit() -> None:
    """With more symbols than the limit the oldest is let go of, and counted."""
    inbox = Inbox("conflate", 2)
    inbox.put([quote(symbol, 1) for symbol in "ABC"])
    assert taken(inbox) == [quote("B", 1), quote("C", 1)]
    assert inbox.dropped == 1
    assert_adds_up(inbox)


def test_drop_oldest_lets_go_of_the_oldest() -> None:
    """The newest so many records wait."""
    inbox = Inbox("drop_oldest", 2)
    inbox.put([trade("A", n) for n in range(5)])
    assert taken(inbox) == [trade("A", 3), trade("A", 4)]
    assert inbox.dropped == 3
    assert_adds_up(inbox)


@pytest.mark.parametrize("policy", ["conflate", "drop_oldest"])
def test_gaps_and_events_are_never_let_go_of(policy: str) -> None:
    """Lossless kinds stay, in their place among the others, however much market data comes."""
    inbox = Inbox(policy, 2)
    event = ConnectionEvent(venue="toy", received_ns=0, event="opened")
    inbox.put([trade("A", 1), gap(), trade("B", 2), event, trade("C", 3), gap()])
    assert taken(inbox) == [gap(), trade("B", 2), event, trade("C", 3), gap()]
    assert_adds_up(inbox)


@pytest.mark.parametrize("policy", ["conflate", "drop_oldest"])
def test_a_kind_can_be_declared_lossless(policy: str) -> None:
    """With lossless={"trade"} every trade waits, and when as many as the limit do, the session is told to stop."""
    inbox = Inbox(policy, 2, lossless=["trade"])
    inbox.put([trade("A", n) for n in range(4)])
    inbox.put([quote("A", n) for n in range(9)])
    assert [record for record in taken(inbox) if kind_of(type(record)) == "trade"] == [trade("A", n) for n in range(4)]
    inbox.put([trade("A", 1)])
    assert not inbox.is_full
    inbox.put([trade("A", 2)])
    assert inbox.is_full


@pytest.mark.parametrize("policy", ["conflate", "drop_oldest"])
def test_market_data_never_stops_the_session(policy: str) -> None:
    """However many quotes wait, an inbox that may let go of them is not full."""
    inbox = Inbox(policy, 2)
    inbox.put([quote(str(n), 1) for n in range(100)])
    assert not inbox.is_full


def test_fail_takes_what_fits_and_then_nothing() -> None:
    """At the limit the inbox has failed; what waited is still there, what did not fit is counted as dropped."""
    inbox = Inbox("fail", 3)
    inbox.put([trade("A", n) for n in range(5)])
    inbox.put([trade("A", 9)])
    assert inbox.has_failed
    assert taken(inbox) == [trade("A", n) for n in range(3)]
    assert inbox.dropped == 3
    assert_adds_up(inbox)


def test_what_is_held_back_counts_for_the_limit_of_fail() -> None:
    """However records come in, no more than the limit wait; what is delivered has no hole, and a gap keeps its place."""
    inbox = Inbox("fail", 2)
    inbox.hold()
    inbox.put([trade("A", 1), trade("A", 2)])
    inbox.put_at_once([trade("A", 3)])
    assert (inbox.waiting, inbox.has_failed) == (2, True)
    inbox.release([gap()])
    assert taken(inbox) == [gap(), trade("A", 1)]
    inbox.hold()
    inbox.release([gap()])
    assert (taken(inbox), inbox.dropped) == ([], 3)
    assert_adds_up(inbox)


def test_held_records_come_after_what_is_put_before_them() -> None:
    """hold, put, release(first): first what waited, then first, then what was held back."""
    inbox = Inbox("block", 10)
    inbox.put([trade("A", 1)])
    inbox.hold()
    inbox.put([trade("A", 4)])
    assert (len(inbox), inbox.waiting, inbox.has_held) == (1, 2, True)
    inbox.put_at_once([gap()])
    inbox.release([trade("A", 2), trade("A", 3)])
    assert taken(inbox) == [trade("A", 1), gap(), *(trade("A", n) for n in (2, 3, 4))]
    assert_adds_up(inbox)


def test_held_records_are_conflated_too() -> None:
    """While records are held back the policy holds for them as well, and the counts stay whole."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("A", 1)])
    inbox.hold()
    inbox.put([quote("A", 2), quote("A", 3), quote("B", 1)])
    assert_adds_up(inbox)
    inbox.release([quote("B", 0)])
    assert taken(inbox) == [quote("A", 3), quote("B", 1)]
    assert inbox.conflated == 3
    assert_adds_up(inbox)


def test_take_all_takes_everything_in_order() -> None:
    """A batch is the same records in the same order."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("A", 1), gap(), quote("B", 1)])
    assert inbox.take_all() == [quote("A", 1), gap(), quote("B", 1)]
    assert inbox.stats.delivered == 3


def test_a_closed_inbox_gives_but_does_not_take() -> None:
    """After close what waits can be taken; what comes is counted as dropped."""
    inbox = Inbox("block", 10)
    inbox.put([trade("A", 1)])
    inbox.close()
    inbox.put([trade("A", 2)])
    assert taken(inbox) == [trade("A", 1)]
    assert inbox.dropped == 1
    assert_adds_up(inbox)


def test_discarding_counts_what_nobody_will_take() -> None:
    """A consumer that leaves turns what waits into dropped records."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("A", 1), quote("A", 2), gap()])
    inbox.discard()
    assert (inbox.waiting, inbox.dropped, inbox.conflated) == (0, 2, 1)
    assert_adds_up(inbox)


def test_handing_over_moves_the_count_along() -> None:
    """What another inbox takes over is counted there and no longer here."""
    inbox = Inbox("conflate", 10)
    inbox.put([quote("A", 1), quote("A", 2)])
    inbox.hold()
    inbox.put([quote("B", 1)])
    assert inbox.hand_over() == ([quote("A", 2)], [quote("B", 1)])
    assert (inbox.received, inbox.conflated, inbox.waiting) == (1, 1, 0)
    assert_adds_up(inbox)


def test_an_unknown_policy_is_refused() -> None:
    """A policy that does not exist is the caller's mistake."""
    with pytest.raises(OptionError, match="no inbox policy"):
        Inbox("forget")


def test_an_empty_inbox_has_nothing_to_give() -> None:
    """Taking from an empty inbox raises IndexError, for every policy, and counts nothing."""
    for policy in ("block", "conflate", "drop_oldest", "fail"):
        inbox = Inbox(policy)
        with pytest.raises(IndexError):
            inbox.take()
        assert inbox.stats.delivered == 0
