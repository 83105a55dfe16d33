"""The market data streams' language: logins, subscriptions that are verified, and every error code."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from tests.brokers.alpaca.payloads import KEY, RECEIVED_NS, SECRET, frame, ns, plain
from wsexample.brokers.alpaca.codes import FEEDS, STREAM_ERRORS
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, stream_error, topics_of
from wsexample.brokers.alpaca.dialect.topics import split_topic
from wsexample.errors import (
    BrokerUnavailableError,
    CredentialsError,
    OptionError,
    PlanError,
    RateLimitError,
    RequestError,
    SubscriptionLimitError,
    UnknownSymbolError,
)
from wsexample.ports import NOTHING, Silence, Step
from wsexample.records.market import Quote

CREDENTIALS = AlpacaCredentials(KEY, SECRET)


def dialect(codec: Any = "json", **options: Any) -> AlpacaDataDialect:
    return AlpacaDataDialect(CREDENTIALS, codec=codec, **options)


def say(talker: AlpacaDataDialect, *messages: dict[str, Any], codec: str = "json") -> Step:
    payload, is_binary = frame(list(messages), codec)
    return talker.receive(payload, is_binary, RECEIVED_NS)


def error(talker: AlpacaDataDialect, code: int, words: str = "") -> Step:
    return say(talker, {"T": "error", "code": code, "msg": words or STREAM_ERRORS[code].words})


def logged_in(**options: Any) -> AlpacaDataDialect:
    talker = dialect(**options)
    talker.start()
    say(talker, *plain("connected"))
    say(talker, *plain("authenticated"))
    return talker


def sent(step: Step) -> list[Any]:
    """What a step wants sent, as plain values."""
    return [json.loads(reply) if isinstance(reply, str) else msgpack.unpackb(reply) for reply in step.replies]


def ack(**channels: list[str]) -> dict[str, Any]:
    return {"T": "subscription", "trades": [], "quotes": [], "bars": [], **channels}


# --- logging in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_the_login_answers_the_welcome(codec: str) -> None:
    """The server speaks first; the login follows in the same codec, and once accepted topics may be asked for."""
    talker = dialect(codec)
    assert talker.start() == NOTHING
    step = say(talker, *plain("connected"), codec=codec)
    assert sent(step) == [{"action": "auth", "key": KEY, "secret": SECRET}]
    assert isinstance(step.replies[0], bytes if codec == "msgpack" else str)
    assert say(talker, *plain("authenticated"), codec=codec).phase == "subscribing"


def test_a_token_goes_in_the_place_of_the_secret() -> None:
    """An OAuth token is sent under the key "oauth"."""
    talker = AlpacaDataDialect(AlpacaCredentials(oauth_token="token-1"), codec="json")
    assert sent(say(talker, *plain("connected"))) == [{"action": "auth", "key": "oauth", "secret": "token-1"}]


def test_a_handshake_that_carries_the_login_needs_no_message() -> None:
    """Without credentials of its own the dialect waits for "authenticated"."""
    talker = AlpacaDataDialect(codec="json")
    talker.start()
    assert say(talker, *plain("connected")).replies == []
    assert say(talker, *plain("authenticated")).phase == "subscribing"


def test_being_logged_in_already_is_no_error() -> None:
    """403 before the login was accepted counts as the acceptance, and later it means nothing."""
    talker = dialect()
    talker.start()
    assert error(talker, 403).phase == "subscribing"
    talker.subscribe(["quotes:AAPL"])
    step = error(talker, 403)
    assert (step.phase, step.failure, step.refused, talker.errors) == (None, None, [], 1)


def test_the_dialect_speaks_what_the_server_speaks() -> None:
    """A server that ignores the codec asked for is answered in its own."""
    talker = dialect("msgpack")
    (reply,) = say(talker, *plain("connected"), codec="json").replies
    assert isinstance(reply, str)


# --- subscriptions --------------------------------------------------------------------------------------------------------


def test_topics_are_confirmed_once_the_server_names_them() -> None:
    """One message asks for all channels, and the acknowledgement confirms; what came by itself is told too."""
    talker = logged_in()
    step = talker.subscribe(["trades:AAPL", "quotes:AAPL", "bars:*"])
    assert sent(step) == [{"action": "subscribe", "trades": ["AAPL"], "quotes": ["AAPL"], "bars": ["*"]}]
    assert step.confirmed == ()
    step = say(talker, *plain("subscription_stock"))
    assert {"trades:AAPL", "quotes:AAPL", "bars:*"} <= set(step.confirmed)
    assert talker.subscribed["corrections"] == {"AAPL"}


def test_a_topic_that_the_server_leaves_out_is_refused() -> None:
    """A subscription that lost symbols on the way does not look like success."""
    talker = logged_in()
    talker.subscribe(["quotes:AAPL", "quotes:LOST"])
    step = say(talker, ack(quotes=["AAPL"]))
    assert step.confirmed == ["quotes:AAPL"]
    ((topic, reason),) = step.refused
    assert (topic, type(reason), reason.symbols) == ("quotes:LOST", UnknownSymbolError, ("LOST",))  # type: ignore[attr-defined]


def test_many_symbols_go_in_several_messages() -> None:
    """At most 100 symbols in a message; each is acknowledged for itself."""
    talker = logged_in()
    step = talker.subscribe([f"quotes:S{number}" for number in range(250)])
    assert [len(message["quotes"]) for message in sent(step)] == [100, 100, 50]
    first = say(talker, ack(quotes=[f"S{number}" for number in range(100)]))
    assert (len(first.confirmed), first.refused) == (100, [])


def test_one_bad_symbol_does_not_cost_the_others() -> None:
    """400 refuses a whole message and names nothing: halves are asked for until the culprit stands alone."""
    talker = logged_in()
    symbols = [f"S{number}" for number in range(8)]
    waiting = sent(talker.subscribe([f"quotes:{symbol}" for symbol in symbols]))
    delivered: list[str] = []
    refused: list[tuple[str, Exception]] = []
    asked = 0
    while waiting:
        message = waiting.pop(0)
        asked += 1
        if "S5" in message["quotes"]:
            step = error(talker, 400)
        else:
            delivered += message["quotes"]
            step = say(talker, ack(quotes=list(delivered)))
        waiting += sent(step)
        refused += step.refused
    assert sorted(delivered) == [symbol for symbol in symbols if symbol != "S5"]
    ((topic, reason),) = refused
    assert (topic, type(reason)) == ("quotes:S5", UnknownSymbolError)
    assert asked == 7


def test_errors_meet_the_request_that_they_answer() -> None:
    """Answers come in the order of the requests: the refused one is the second, the others stand."""
    talker = logged_in()
    for topic in ("quotes:A", "quotes:B", "quotes:C"):
        talker.subscribe([topic])
    assert say(talker, ack(quotes=["A"])).confirmed == ["quotes:A"]
    assert [topic for topic, _ in error(talker, 405).refused] == ["quotes:B"]
    assert set(say(talker, ack(quotes=["A", "C"])).confirmed) == {"quotes:A", "quotes:C"}


def test_giving_topics_up_is_told_and_acknowledged() -> None:
    """The acknowledgement of an unsubscription refuses nobody, and the book is forgotten."""
    talker = logged_in(feed="crypto")
    talker.subscribe(["orderbooks:BTC/USD", "quotes:BTC/USD"])
    say(talker, ack(orderbooks=["BTC/USD"], quotes=["BTC/USD"]))
    say(talker, *plain("book_whole"))
    assert sent(talker.unsubscribe(["orderbooks:BTC/USD"])) == [{"action": "unsubscribe", "orderbooks": ["BTC/USD"]}]
    step = say(talker, ack(quotes=["BTC/USD"]))
    assert (step.confirmed, step.refused) == (["quotes:BTC/USD"], [])
    assert say(talker, *plain("book_change")).records == []
    assert talker.unsubscribe([]) == NOTHING


def test_an_error_about_an_unsubscription_costs_nothing() -> None:
    """Nothing is refused for that; it is counted."""
    talker = logged_in()
    talker.unsubscribe(["quotes:A"])
    step = error(talker, 410)
    assert (step.refused, step.failure, talker.errors) == ([], None, 1)


def test_a_new_connection_forgets_the_last_one() -> None:
    """Requests, books and the login of a lost connection mean nothing on the next."""
    talker = logged_in()
    talker.subscribe(["quotes:A"])
    talker.start()
    assert talker.subscribed == {}
    assert say(talker, *plain("authenticated")).phase == "subscribing"
    talker.subscribe(["quotes:B"])
    assert say(talker, ack(quotes=["B"])).confirmed == ["quotes:B"]


# --- errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "is_final"),
    [
        (401, CredentialsError, False),
        (402, CredentialsError, True),
        (404, BrokerUnavailableError, False),
        (406, RateLimitError, False),
        (407, BrokerUnavailableError, False),
        (408, PlanError, True),
        (409, PlanError, True),
        (411, PlanError, True),
        (412, RequestError, True),
        (500, BrokerUnavailableError, False),
    ],
)
def test_errors_that_end_a_connection(code: int, kind: type, is_final: bool) -> None:
    """Each is raised as what it means, with the server's code and words, and says whether trying again helps."""
    for talker in (dialect(), logged_in()):
        failure = error(talker, code).failure
        assert failure is not None
        assert (type(failure.error), failure.is_final) == (kind, is_final)
        assert (failure.error.code, failure.error.words) == (code, STREAM_ERRORS[code].words)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("code", "kind"), [(405, SubscriptionLimitError), (410, RequestError), (413, RequestError)])
def test_errors_that_refuse_a_request(code: int, kind: type) -> None:
    """The connection stays, and so do other subscriptions."""
    talker = logged_in()
    talker.subscribe(["quotes:A", "quotes:B"])
    step = error(talker, code)
    assert step.failure is None
    assert [(topic, type(reason)) for topic, reason in step.refused] == [("quotes:A", kind), ("quotes:B", kind)]


def test_every_row_is_a_test_of_above() -> None:
    """The table has no code that nobody looks at."""
    assert set(STREAM_ERRORS) == {400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 500}
    assert all(row.code == code and row.words and row.what_to_do for code, row in STREAM_ERRORS.items())


def test_an_unknown_error_is_not_fatal_to_a_live_connection() -> None:
    """A code that is not in the table is counted; before the login it is worth a retry."""
    talker = logged_in()
    step = error(talker, 499, "something new")
    assert (step.failure, talker.errors) == (None, 1)
    failure = error(dialect(), 499, "something new").failure
    assert failure is not None
    assert (failure.is_final, failure.error.words) == (False, "something new")  # type: ignore[attr-defined]


def test_a_full_slot_says_how_long_to_wait() -> None:
    """406 carries a least wait, so that retries do not become a storm."""
    failure, _ = stream_error(406, "connection limit exceeded")
    assert isinstance(failure, RateLimitError)
    assert failure.wait_s >= 5


def test_secrets_are_not_in_errors_or_reprs() -> None:
    """Neither an error nor the dialect's parts show the secret."""
    talker = dialect()
    failure = error(talker, 402).failure
    assert failure is not None
    for shown in (str(failure.error), repr(failure), repr(vars(talker)), repr(CREDENTIALS)):
        assert SECRET not in shown
        assert KEY not in shown


# --- records and silence --------------------------------------------------------------------------------------------------


def test_records_and_control_messages_may_share_a_frame() -> None:
    """The vendor does not do that; if it did, nothing would be lost."""
    talker = logged_in()
    talker.subscribe(["quotes:AAPL"])
    step = say(talker, *plain("quote"), ack(quotes=["AAPL"]), *plain("trade"))
    assert [type(record).__name__ for record in step.records] == ["Quote", "Trade"]
    assert step.confirmed == ["quotes:AAPL"]


def test_data_is_read_at_any_time() -> None:
    """A frame of data becomes records and asks for nothing."""
    step = say(logged_in(), *plain("quote"))
    assert isinstance(step.records[0], Quote)
    assert step == Step(step.records)


def test_what_cannot_be_read_is_at_hand() -> None:
    """Counts and the newest such messages can be looked at."""
    talker = logged_in()
    talker.receive(b"?", False, 5)
    assert (talker.unreadable, talker.kept[0].received_ns) == (1, 5)


OPEN_NS, NIGHT_NS, SATURDAY_NS = ns("2026-03-02T14:30:00Z"), ns("2026-03-02T14:29:59Z"), ns("2026-03-07T15:00:00Z")


@pytest.mark.parametrize(
    ("feed", "now_ns", "expected"),
    [
        ("iex", OPEN_NS, 30.0),
        ("iex", NIGHT_NS, None),
        ("iex", SATURDAY_NS, None),
        ("iex", ns("2026-07-01T13:30:00Z"), 30.0),
        ("iex", ns("2026-07-01T20:00:00Z"), None),
        ("crypto", SATURDAY_NS, 30.0),
        ("test", NIGHT_NS, 30.0),
    ],
)
def test_silence_counts_only_while_somebody_should_speak(feed: str, now_ns: int, expected: float | None) -> None:
    """Stocks are expected to speak in the regular session, daylight saving time included; crypto always."""
    assert dialect(feed=feed, stale_after_s=30.0).silence(now_ns) == Silence(message_s=expected)


def test_silence_is_no_fault_unless_said_so() -> None:
    """A quiet symbol must not cost the connection."""
    assert dialect().silence(OPEN_NS) == Silence()


# --- options and topics -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"feed": "bats"}, "there is no feed 'bats'"),
        ({"codec": "xml"}, "codec must be"),
        ({"feed": "opra"}, "speaks msgpack only"),
        ({"stale_after_s": 0}, "stale_after_s must be more than zero"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], words: str) -> None:
    """The mistake is named before anything is connected."""
    with pytest.raises(OptionError, match=words):
        dialect(**options)


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("AAPL", "CHANNEL:SYMBOL"),
        ("quotes:", "CHANNEL:SYMBOL"),
        ("quotes:A B", "CHANNEL:SYMBOL"),
        ("orderbooks:BTC/USD", "no channel 'orderbooks'"),
        ("corrections:AAPL", "comes by itself with trades"),
    ],
)
def test_a_text_that_is_no_topic_is_named(topic: str, words: str) -> None:
    """A topic has a channel of its feed and a symbol."""
    with pytest.raises(OptionError, match=words):
        logged_in().subscribe([topic])


def test_topics_are_spelled_from_channels() -> None:
    """Symbols come as lists or as one text; doubles are asked for once."""
    assert topics_of({"quotes": "AAPL, MSFT AAPL", "bars": ["*"]}) == ("quotes:AAPL", "quotes:MSFT", "bars:*")
    with pytest.raises(OptionError, match="no channel 'candles'"):
        topics_of({"candles": "AAPL"})


def test_crypto_symbols_have_a_slash() -> None:
    """Only the first colon counts."""
    assert split_topic("orderbooks:BTC/USD", FEEDS["crypto"]) == ("orderbooks", "BTC/USD")
