"""The trading stream's language: both logins, listening that is verified, updates, and what is held back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from tests.brokers.alpaca.payloads import KEY, RECEIVED_NS, SECRET, ns, on_wire, plain, raw
from wsexample.brokers.alpaca.codes import EVENTS, STATUSES
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaTradingDialect
from wsexample.errors import BrokerUnavailableError, CredentialsError, OptionError, RateLimitError, RequestError
from wsexample.ports import NOTHING, Step
from wsexample.records.orders import Fill, Order, OrderStatus


def dialect(**options: Any) -> AlpacaTradingDialect:
    return AlpacaTradingDialect(AlpacaCredentials(KEY, SECRET), **options)


def told(name: str, talker: AlpacaTradingDialect | None = None, *, is_binary: bool = True) -> Step:
    return (talker or dialect()).receive(raw(name), is_binary, RECEIVED_NS)


def update(**data: Any) -> dict[str, Any]:
    """An update with some fields changed."""
    message: dict[str, Any] = plain("update_fill")
    message["data"] |= data
    return message


def records(message: dict[str, Any], talker: AlpacaTradingDialect | None = None) -> list[Any]:
    return list((talker or dialect()).receive(on_wire(message), True, RECEIVED_NS).records)


# --- logging in and listening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ("flat", {"action": "auth", "key": KEY, "secret": SECRET}),
        ("nested", {"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}),
    ],
)
def test_the_client_speaks_first_in_either_form(login: Any, message: dict[str, Any]) -> None:
    """There is no welcome; the login is text in one of the two documented forms."""
    (reply,) = dialect(login=login).start().replies
    assert isinstance(reply, str)
    assert json.loads(reply) == message


def test_a_token_is_sent_nested() -> None:
    """OAuth has one form."""
    (reply,) = AlpacaTradingDialect(AlpacaCredentials(oauth_token="t-1")).start().replies
    assert json.loads(reply) == {"action": "authenticate", "data": {"oauth_token": "t-1"}}


@pytest.mark.parametrize("is_binary", [True, False])
def test_an_accepted_login_leads_to_listening(is_binary: bool) -> None:
    """Text and binary frames are read alike; the stream is confirmed by the acknowledgement."""
    talker = dialect()
    talker.start()
    assert told("authorized", talker, is_binary=is_binary).phase == "subscribing"
    (reply,) = talker.subscribe(["trade_updates"]).replies
    assert json.loads(reply) == {"action": "listen", "data": {"streams": ["trade_updates"]}}
    assert told("listening", talker, is_binary=is_binary).confirmed == ["trade_updates"]


def test_a_refused_login_is_final() -> None:
    """Bad credentials are raised, not tried for ever; the words help and show no secret."""
    failure = told("unauthorized").failure
    assert failure is not None
    assert isinstance(failure.error, CredentialsError)
    assert failure.is_final
    assert "paper keys" in str(failure.error)
    assert SECRET not in str(failure.error)


def test_a_login_that_was_lost_is_tried_again() -> None:
    """ "unauthorized" in answer to listen means that the connection is not logged in."""
    failure = told("unauthorized_listen").failure
    assert failure is not None
    assert not failure.is_final


def test_too_many_connections_are_waited_for() -> None:
    """The third status, known from an official SDK, is a limit and no refusal."""
    message = {"stream": "authorization", "data": {"status": "exceeded", "action": "authenticate"}}
    failure = dialect().receive(on_wire(message), True, 1).failure
    assert failure is not None
    assert isinstance(failure.error, RateLimitError)
    assert not failure.is_final


def test_a_stream_that_is_left_out_is_refused() -> None:
    """The server leaves unknown names out in silence; the acknowledgement is compared."""
    talker = dialect()
    talker.subscribe(["trade_updates", "no_such"])
    step = told("listening", talker)
    assert step.confirmed == ["trade_updates"]
    assert [(topic, type(reason)) for topic, reason in step.refused] == [("no_such", RequestError)]


def test_the_list_of_streams_is_whole_each_time() -> None:
    """A new list replaces the old one, so what was asked for before is named again."""
    talker = dialect()
    talker.subscribe(["trade_updates"])
    (more,) = talker.subscribe(["account_updates"]).replies
    (less,) = talker.unsubscribe(["trade_updates"]).replies
    assert json.loads(more)["data"]["streams"] == ["trade_updates", "account_updates"]
    assert json.loads(less)["data"]["streams"] == ["account_updates"]


def test_an_error_before_the_end_is_seen() -> None:
    """The error message has no stream name; it ends the connection in a way worth a retry, with the server's words."""
    failure = told("stream_error").failure
    assert failure is not None
    assert isinstance(failure.error, BrokerUnavailableError)
    assert (failure.is_final, failure.error.words) == (False, "internal server error")


def test_a_login_has_one_of_two_forms() -> None:
    """Anything else is refused before a connection is made."""
    with pytest.raises(OptionError, match="'flat' or 'nested'"):
        dialect(login="round")


# --- updates ------------------------------------------------------------------------------------------------------------


def test_a_new_order_is_a_snapshot() -> None:
    """An event without an execution gives the order as it stands, every digit and nanosecond kept."""
    (order,) = told("update_new").records
    assert order == Order(
        venue="alpaca",
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:30:01.118204557Z"),
        received_ns=RECEIVED_NS,
        order_id="7d0c5f0e-6a3e-4a4f-9d5e-000000000001",
        client_order_id="demo-1",
        status="new",
        venue_status="new",
        event="new",
        fill_id="e1aa0000-0000-4000-8000-000000000001",
        side="buy",
        order_type="limit",
        time_in_force="day",
        size=Decimal(10),
        limit_price=Decimal("187.2"),
        filled_size=Decimal(0),
        order_class="simple",
        asset_class="us_equity",
        position_intent="buy_to_open",
        extended_hours=False,
        created_ns=ns("2026-03-02T14:30:01.110204557Z"),
        submitted_ns=ns("2026-03-02T14:30:01.115Z"),
        updated_ns=ns("2026-03-02T14:30:01.118204557Z"),
        expires_ns=ns("2026-03-02T21:00:00Z"),
    )


def test_a_fill_is_an_execution_and_a_snapshot() -> None:
    """The execution comes first, with its own price and size; the order then stands as it does after it."""
    fill, order = told("update_fill").records
    assert fill == Fill(
        venue="alpaca",
        symbol="AAPL",
        exchange_ns=ns("2026-03-02T14:30:02.007733018Z"),
        received_ns=RECEIVED_NS,
        fill_id="e1aa0000-0000-4000-8000-000000000003",
        order_id="7d0c5f0e-6a3e-4a4f-9d5e-000000000001",
        client_order_id="demo-1",
        side="buy",
        price=Decimal("187.2"),
        size=Decimal(6),
        cumulative_size=Decimal(10),
        position_size=Decimal(10),
        event_id="01KJQF9FY20000000000000A02",
    )
    assert isinstance(order, Order)
    assert (order.status, order.event, order.fill_id) == ("filled", "fill", fill.fill_id)
    assert (order.filled_size, order.average_price) == (Decimal(10), Decimal("187.18"))
    assert not order.is_open


def test_a_partial_fill_leaves_the_order_open() -> None:
    """What is left is size less filled."""
    fill, order = told("update_partial_fill").records
    assert isinstance(order, Order)
    assert isinstance(fill, Fill)
    assert (fill.size, order.status, order.remaining_size) == (4, OrderStatus.PARTIALLY_FILLED, 6)


def test_a_refused_cancel_tells_why() -> None:
    """The order stays what it was."""
    (order,) = told("update_cancel_rejected").records
    assert isinstance(order, Order)
    assert (order.event, order.reason, order.status) == ("order_cancel_rejected", "TOO_LATE_TO_CANCEL", "filled")


@pytest.mark.parametrize(("name", "status"), [("update_canceled", "canceled"), ("update_replaced", "replaced")])
def test_an_ended_order_says_when(name: str, status: str) -> None:
    """``ended_ns`` is the one of the four times that is set."""
    (order,) = told(name).records
    assert isinstance(order, Order)
    assert (order.status, order.ended_ns) == (status, order.updated_ns)


def test_a_replaced_order_ends_whichever_order_the_event_carries() -> None:
    """Which one it is is not documented: with the new one the old one ends too, as it stood, and only if it was known."""
    talker = dialect()
    message = update(event="new")
    message["data"]["order"] |= {"id": "old", "status": "partially_filled", "filled_qty": "4", "replaces": None}
    (before,) = [record for record in records(message, talker) if isinstance(record, Order)]
    message["data"] |= {"event": "replaced", "timestamp": "2026-03-02T14:33:00Z"}
    message["data"]["order"] |= {"id": "new", "status": "new", "filled_qty": "0", "replaces": "old"}
    told_by_new = [record for record in records(message, talker) if isinstance(record, Order)]
    assert [(order.order_id, order.status, order.filled_size) for order in told_by_new] == [
        ("old", "replaced", before.filled_size),
        ("new", "new", 0),
    ]
    assert (told_by_new[0].replaced_by, told_by_new[0].ended_ns) == ("new", ns("2026-03-02T14:33:00Z"))
    assert [record.order_id for record in records(message) if isinstance(record, Order)] == ["new"]


def test_an_update_that_is_told_again_brings_no_older_state_back() -> None:
    """What is fetched may be older than what was heard: a replaced order ends as it stood last."""
    talker = dialect()
    for event, time, filled in (("partial_fill", "02", "4"), ("new", "01", "0")):
        message = update(event=event)
        message["data"]["timestamp"] = f"2026-03-02T14:31:{time}Z"
        message["data"]["order"] |= {"id": "old", "filled_qty": filled, "replaces": None, "status": "partially_filled"}
        records(message, talker)
    message["data"] |= {"event": "replaced", "timestamp": "2026-03-02T14:33:00Z"}
    message["data"]["order"] |= {"id": "new", "status": "new", "filled_qty": "0", "replaces": "old"}
    ended = next(record for record in records(message, talker) if isinstance(record, Order))
    assert (ended.order_id, ended.filled_size) == ("old", 4)


def test_an_execution_that_is_taken_back_names_the_first() -> None:
    """A bust has a size and no price, a correction both."""
    bust, order = told("update_bust").records
    assert isinstance(bust, Fill)
    assert (bust.correction, bust.size, bust.price) == ("bust", 4, None)
    assert bust.corrects == "e1aa0000-0000-4000-8000-000000000002"
    assert isinstance(order, Order)
    assert order.reason == "TRADE_BUST"
    corrected = told("update_correct").records[0]
    assert isinstance(corrected, Fill)
    assert (corrected.correction, corrected.price) == ("correct", Decimal("187.1"))


@pytest.mark.parametrize("name", ["update_bust", "update_correct"])
def test_a_correction_needs_no_identifier_of_its_own(name: str) -> None:
    """None is documented for it: it is named after what it corrects, the same by every source, and never left out."""
    message: dict[str, Any] = plain(name)
    with_id = records(message)[0]
    del message["data"]["execution_id"]
    without_id = records(message)[0]
    assert without_id.fill_id.startswith(f"{with_id.corrects}/trade_")
    assert records({**message, "data": {**message["data"], "event_id": "01K"}})[0].fill_id == without_id.fill_id
    assert structs.replace(without_id, fill_id=with_id.fill_id) == with_id


def test_each_leg_has_an_execution_of_its_own() -> None:
    """A spread gives one fill a leg, with the leg's order, side and position, and one order with both legs."""
    first, second, order = told("update_legs").records
    assert isinstance(first, Fill)
    assert isinstance(second, Fill)
    assert (first.symbol, first.side, first.price, first.position_size) == (
        "AAPL260619C00200000",
        "buy",
        Decimal("4.05"),
        1,
    )
    assert (second.symbol, second.side, second.position_size) == ("AAPL260619C00210000", "sell", -1)
    assert isinstance(order, Order)
    assert (order.symbol, order.side, order.order_type, order.order_class) == ("", None, "limit", "mleg")
    assert [leg.order_id for leg in order.legs] == [first.order_id, second.order_id]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_name_is_known(event: str) -> None:
    """No documented event is counted as unknown, and each gives an order."""
    talker = dialect()
    assert records(update(event=event), talker)[-1].event == event
    assert talker.remainder.unknown.total() == 0


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_known(status: str) -> None:
    """Each of the vendor's words has one of ours, and the vendor's stays beside it."""
    talker = dialect()
    order = records(update(order=plain("update_fill")["data"]["order"] | {"status": status}), talker)[-1]
    assert order.venue_status == status
    assert order.status in set(OrderStatus) - {OrderStatus.UNKNOWN}
    assert talker.remainder.unknown.total() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"event": "invented"},
        {"order": plain("update_fill")["data"]["order"] | {"status": "pondered"}},
        {"order": plain("update_fill")["data"]["order"] | {"asset_class": "moon_rock", "time_in_force": "whenever"}},
        {"invented": {"deep": [1, 2]}, "order": plain("update_fill")["data"]["order"] | {"new_field": 1}},
    ],
)
def test_new_words_are_never_fatal(change: dict[str, Any]) -> None:
    """An unknown event, status, class or field gives the records all the same; names that matter are counted."""
    talker = dialect()
    fill, order = records(update(**change), talker)
    assert (fill.size, order.filled_size) == (6, 10)
    assert talker.remainder.unknown.total() == (1 if "event" in change or order.status == "unknown" else 0)
    assert talker.unreadable == 0


def test_numbers_are_taken_where_texts_are_usual() -> None:
    """A price written as a number is read to its last digit; one that is none is no price."""
    fill, order = records(
        update(price=187.21, qty=6, order=plain("update_fill")["data"]["order"] | {"limit_price": "n/a"})
    )
    assert (fill.price, fill.size, order.limit_price) == (Decimal("187.21"), 6, None)


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"null", b'{"stream":"trade_updates","data":{}}', b'{"stream":"trade_updates"}',
     b'{"stream":"listening","data":null}', b'{"stream":"trade_updates","data":{"event":"fill","order":{}}}',
     b'{"stream":"trade_updates","data":{"event":7,"order":{"id":"x"}}}', b"\xff"],
)  # fmt: skip
def test_what_cannot_be_read_is_counted_as_a_possible_loss(payload: bytes) -> None:
    """Nothing raises; the message is kept, and the client is told that an update may be missing."""
    talker = dialect()
    assert talker.receive(payload, True, 5) == NOTHING
    assert (talker.unreadable, talker.lost_updates, talker.kept[0].payload) == (1, 1, payload)


def test_other_streams_and_heartbeats_are_no_loss() -> None:
    """The one-byte heartbeat is ignored; a stream that nobody knows is counted and kept."""
    talker = dialect()
    assert talker.receive(b"\x01", True, 5) == NOTHING
    assert talker.receive(b'{"stream":"account_updates","data":{}}', True, 5) == NOTHING
    assert (talker.unreadable, talker.lost_updates) == (0, 0)
    assert talker.remainder.unknown == {"stream account_updates": 1}


# --- holding back -------------------------------------------------------------------------------------------------------


def test_what_comes_while_holding_comes_out_in_order() -> None:
    """Updates are held back, handed over on release, and flow again afterwards."""
    talker = dialect()
    talker.hold()
    assert told("update_new", talker).records == ()
    assert told("update_partial_fill", talker).records == ()
    assert [type(record).__name__ for record in talker.release()] == ["Order", "Fill", "Order"]
    assert len(told("update_fill", talker).records) == 2
    assert talker.release() == []


def test_what_was_held_of_a_lost_connection_is_forgotten() -> None:
    """A new connection begins with nothing held, and still holds."""
    talker = dialect()
    talker.hold()
    told("update_new", talker)
    talker.start()
    assert talker.is_holding
    assert talker.release() == []


def test_extra_records_come_with_the_next_message_or_heartbeat() -> None:
    """What was fetched late is delivered before what comes then."""
    talker = dialect()
    late = records(plain("update_new"))
    talker.deliver_soon(late)
    assert list(talker.heartbeat(1).records) == late
    assert talker.heartbeat(2) == NOTHING
    talker.deliver_soon(late)
    assert list(told("update_canceled", talker).records)[:1] == late
