"""The simulator's streams over real sockets: logins, subscriptions, limits, codecs, updates and faults."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.brokers.alpaca.simulator_calls import HEADERS, LOGIN, WHOLE, Talker, caller_of, talker_of
from tests.conftest import Runner
from wsexample.brokers.alpaca.codes import STREAM_ERRORS
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.clock import ManualClock
from wsexample.errors import ConnectionClosed, DeadlineError, HandshakeError, OptionError
from wsexample.wire.connection import connect

LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}


def lively(switches: Switches | None = None, **options: Any) -> AlpacaSimulator:
    return AlpacaSimulator(switches=switches or WHOLE, **{"quotes_per_s": 40, "trades_per_s": 20, **options})


def error(code: int) -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": STREAM_ERRORS[code].words}]


def ack(**channels: list[str]) -> dict[str, Any]:
    """A stock acknowledgement: every channel, empty ones included."""
    empty: dict[str, list[str]] = {
        name: [] for name in ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "imbalances")
    }
    found = {"T": "subscription", **empty, **channels}
    return {**found, "corrections": found["trades"], "cancelErrors": found["trades"]}


async def all_heard(talker: Talker, patience_s: float = 5.0) -> list[Any]:
    """Everything that comes until the connection is over or nothing has come for a while."""
    heard = []
    while True:
        try:
            heard.append(await talker.hear(patience_s))
        except (ConnectionClosed, DeadlineError):
            return heard


# --- market data: logging in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_packed", [False, True], ids=["json", "msgpack"])
def test_a_client_logs_in_subscribes_and_is_told(run: Runner[None], is_packed: bool) -> None:
    """Welcome, login, the whole present set as acknowledgement, then data, in either codec."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url(), is_packed=is_packed) as talker:
            await talker.say({"action": "subscribe", "quotes": ["AAPL"], "bars": ["*"]})
            assert await talker.hear() == [ack(quotes=["AAPL"], bars=["*"])]
            quote = await talker.hear_until("q")
            assert (quote["S"], quote["z"], next(iter(quote))) == ("AAPL", "C", "T")
            assert quote["bp"] < quote["ap"]

    run(main())


@pytest.mark.parametrize(
    ("headers", "is_good"),
    [
        (HEADERS, True),
        ({"Authorization": "Basic " + base64.b64encode(f"{DEFAULT_KEY}:{DEFAULT_SECRET}".encode()).decode()}, True),
        ({"Authorization": "Bearer token-1"}, True),
        ({**HEADERS, "APCA-API-SECRET-KEY": "wrong"}, False),
        ({"Authorization": "Basic ???"}, False),
        ({"Authorization": "Bearer no"}, False),
    ],
)
def test_headers_log_in_without_a_message(run: Runner[None], headers: dict[str, str], is_good: bool) -> None:
    """ "connected" and "authenticated" come by themselves; wrong ones are answered 402."""

    async def main() -> None:
        async with lively() as sim:
            sim.account.oauth_token = "token-1"
            async with talker_of(sim.data_stream_url(), login=False, headers=headers) as talker:
                answer = await talker.hear()
                assert answer == ([{"T": "success", "msg": "authenticated"}] if is_good else error(402))

    run(main())


@pytest.mark.parametrize("key", ["oauth", "access_token"])
def test_a_token_logs_in_by_message(run: Runner[None], key: str) -> None:
    """The key says what the secret is."""

    async def main() -> None:
        async with lively() as sim:
            sim.account.oauth_token = "token-1"
            async with talker_of(sim.data_stream_url(), login=False) as talker:
                answer = await talker.ask({"action": "auth", "key": key, "secret": "token-1"})
                assert answer == [{"T": "success", "msg": "authenticated"}]

    run(main())


def test_wrong_credentials_are_refused_and_closed(run: Runner[None]) -> None:
    """402; whether the connection is closed after it is a switch."""

    async def main() -> None:
        for closes in (True, False):
            async with (
                lively(WHOLE.replace(close_after_auth_failed=closes)) as sim,
                talker_of(sim.data_stream_url(), login=False) as talker,
            ):
                assert await talker.ask({**LOGIN, "secret": "wrong"}) == error(402)
                if closes:
                    with pytest.raises(ConnectionClosed):
                        await talker.hear()
                else:
                    assert await talker.ask(LOGIN) == [{"T": "success", "msg": "authenticated"}]

    run(main())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"action": "subscribe", "quotes": ["AAPL"]}, 401),
        ({"action": "dance"}, 400),
        ({"action": 5}, 400),
        ([1, 2], 400),
    ],
)
def test_before_the_login_nothing_else_is_taken(run: Runner[None], message: Any, code: int) -> None:
    """401 for a subscription, 400 for what is no request; the connection stays."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url(), login=False) as talker:
            assert await talker.ask(message) == error(code)
            assert await talker.ask(LOGIN) == [{"T": "success", "msg": "authenticated"}]

    run(main())


def test_nobody_may_dawdle(run: Runner[None]) -> None:
    """Ten seconds without a login are answered 404 and closed, on the trading stream too."""

    async def main() -> None:
        clock = ManualClock()
        async with (
            lively(clock=clock) as sim,
            talker_of(sim.data_stream_url(), login=False) as data,
            talker_of(sim.trading_stream_url, login=False) as trading,
        ):
            await sim.wait_for("trading")
            clock.advance(9.9)
            clock.advance(0.2)
            assert await data.hear() == error(404)
            for talker in (data, trading):
                with pytest.raises(ConnectionClosed) as caught:
                    await talker.hear()
                assert caught.value.code == 1000

    run(main())


def test_logging_in_twice_is_an_error_without_consequence(run: Runner[None]) -> None:
    """403, and everything goes on."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url()) as talker:
            assert await talker.ask(LOGIN) == error(403)
            assert (await talker.ask({"action": "subscribe", "quotes": ["AAPL"]}))[0]["T"] == "subscription"

    run(main())


# --- market data: subscriptions -------------------------------------------------------------------------------------------


def test_subscribing_adds_and_unsubscribing_takes_away(run: Runner[None]) -> None:
    """The acknowledgement is the whole set each time; corrections follow the trades."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url()) as talker:

            async def change(**message: Any) -> Any:
                await talker.say(message)
                return await talker.hear_until("subscription")

            assert await change(action="subscribe", trades=["AAPL"]) == ack(trades=["AAPL"])
            assert await change(action="subscribe", trades=["MSFT"], quotes=["F"]) == ack(
                trades=["AAPL", "MSFT"], quotes=["F"]
            )
            assert await change(action="unsubscribe", trades=["AAPL"], bars=["*"]) == ack(trades=["MSFT"], quotes=["F"])

    run(main())


@pytest.mark.parametrize(
    ("feed", "request_", "code"),
    [
        ("iex", {"quotes": ["not a symbol"]}, 400),
        ("iex", {}, 400),
        ("iex", {"orderbooks": ["AAPL"]}, 410),
        ("iex", {"quotes": [f"A{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(31)]}, 405),
        ("crypto", {"quotes": ["BTCUSD"]}, 400),
        ("crypto", {"lulds": ["BTC/USD"]}, 410),
        ("news", {"trades": ["AAPL"]}, 410),
    ],
)
def test_requests_that_are_refused_change_nothing(
    run: Runner[None], feed: str, request_: dict[str, Any], code: int
) -> None:
    """The vendor's code and words; what was subscribed to before stays."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url(feed)) as talker:
            assert await talker.ask({"action": "subscribe", **request_}) == error(code)
            channel = "news" if feed == "news" else "bars"
            assert (await talker.ask({"action": "subscribe", channel: ["*"]}))[0][channel] == ["*"]

    run(main())


def test_thirty_symbols_are_the_limit_of_a_plan(run: Runner[None]) -> None:
    """Symbols on trades and quotes count once; bars do not."""

    async def main() -> None:
        async with lively(WHOLE.replace(stock_symbols=2)) as sim, talker_of(sim.data_stream_url()) as talker:
            for fields, is_good in (
                ({"quotes": ["AAPL", "MSFT"], "trades": ["AAPL"]}, True),
                ({"trades": ["F"]}, False),
                ({"bars": ["F", "KO"]}, True),
            ):
                await talker.say({"action": "subscribe", **fields})
                answer = await talker.hear_until("subscription" if is_good else "error")
                assert answer.get("code") == (None if is_good else 405)

    run(main())


def test_no_connection_has_symbols_without_end(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no plan limits them: 405, and those that it has stay; what is given up makes room."""
    monkeypatch.setattr("wsexample.brokers.alpaca.simulator.data_socket.MOST_SYMBOLS", 3)

    async def main() -> None:
        async with lively(WHOLE) as sim, talker_of(sim.data_stream_url()) as talker:
            for action, symbols, is_good in (
                ("subscribe", ["F", "KO"], True),
                ("subscribe", ["JPM", "SPY"], False),
                ("unsubscribe", ["F"], True),
                ("subscribe", ["JPM", "SPY"], True),
            ):
                await talker.say({"action": action, "bars": symbols})
                answer = await talker.hear_until("subscription" if is_good else "error")
                assert answer.get("code") == (None if is_good else 405)
            assert answer["bars"] == ["JPM", "KO", "SPY"]

    run(main())


def test_options_speak_msgpack_only(run: Runner[None]) -> None:
    """JSON is refused with 412, every contract's quotes at once with 413; conditions are one text."""

    async def main() -> None:
        async with lively() as sim:
            async with talker_of(sim.data_stream_url("indicative"), login=False) as talker:
                assert await talker.ask(LOGIN) == error(412)
            async with talker_of(sim.data_stream_url("indicative"), is_packed=True) as talker:
                assert await talker.ask({"action": "subscribe", "quotes": ["*"]}) == error(413)
                await talker.say({"action": "subscribe", "quotes": ["AAPL260619C00200000"], "trades": ["*"]})
                assert (await talker.hear_until("q"))["c"] == "A"

    run(main())


def test_a_book_begins_whole(run: Runner[None]) -> None:
    """Right after the acknowledgement the whole book comes, marked; then changes."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url("crypto")) as talker:
            await talker.say({"action": "subscribe", "orderbooks": ["BTC/USD"]})
            assert (await talker.hear())[0]["T"] == "subscription"
            whole = await talker.hear_until("o")
            change = await talker.hear_until("o")
            assert (whole["r"], len(whole["b"])) == (True, 10)
            assert "r" not in change

    run(main())


def test_the_test_feed_has_one_symbol(run: Runner[None]) -> None:
    """FAKEPACA is there and nowhere else."""

    async def main() -> None:
        async with lively(speed=20) as sim:
            async with talker_of(sim.data_stream_url("test")) as talker:
                await talker.say({"action": "subscribe", "quotes": ["*"]})
                assert (await talker.hear_until("q"))["S"] == "FAKEPACA"
            async with talker_of(sim.data_stream_url("iex")) as talker:
                await talker.say({"action": "subscribe", "quotes": ["FAKEP", "AAPL"]})
                assert (await talker.hear_until("q"))["S"] == "AAPL"

    run(main())


def test_special_messages_come_on_command(run: Runner[None]) -> None:
    """Halts with band and imbalance, corrections and cancels with the trades, news of any size."""

    async def main() -> None:
        async with lively(warm_up_s=5) as sim:
            async with talker_of(sim.data_stream_url()) as talker:
                wanted = {"statuses": ["XYZ"], "lulds": ["XYZ"], "imbalances": ["*"], "trades": ["XYZ"]}
                await talker.say({"action": "subscribe", **wanted})
                await talker.hear_until("subscription")
                sim.halt("XYZ")
                sim.correct_trade("XYZ", 9.99)
                sim.cancel_trade("XYZ")
                assert [(await talker.hear_until(kind))["S"] for kind in "slicx"[:1]] == ["XYZ"]
            async with talker_of(sim.data_stream_url("news"), max_message_bytes=0) as talker:
                await talker.ask({"action": "subscribe", "news": ["*"]})
                sim.publish_news("Long", "AAPL MSFT", content_bytes=2_000_000)
                article = await talker.hear_until("n")
                assert (len(article["content"]), article["symbols"]) == (2_000_000, ["AAPL", "MSFT"])

    run(main())


# --- market data: limits --------------------------------------------------------------------------------------------------


def test_one_connection_for_each_path(run: Runner[None]) -> None:
    """A second one is answered 406 and may try again on the same socket; other paths have places of their own."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url(), login=False) as second:
            async with talker_of(sim.data_stream_url()), talker_of(sim.data_stream_url("crypto")):
                assert await second.ask(LOGIN) == error(406)
            await sim.wait_for("data", 1)
            answer = await second.ask(LOGIN)
            while answer == error(406):  # the server has not noticed the close yet
                answer = await second.ask(LOGIN)
            assert answer == [{"T": "success", "msg": "authenticated"}]

    run(main())


def test_a_lost_connection_keeps_its_place(run: Runner[None]) -> None:
    """For 90 seconds, as users saw, unless told to forget it."""

    async def main() -> None:
        clock = ManualClock()
        async with lively(clock=clock) as sim:
            async with talker_of(sim.data_stream_url()) as first:
                sim.reset("data")
                with pytest.raises(ConnectionClosed):
                    await first.hear()
            async with talker_of(sim.data_stream_url(), login=False) as second:
                assert await second.ask(LOGIN) == error(406)
                clock.advance(9)
                assert await second.ask(LOGIN) == error(406)
                sim.forget_lost_connections()
                assert await second.ask(LOGIN) == [{"T": "success", "msg": "authenticated"}]

    run(main())


@pytest.mark.parametrize(
    ("plan", "feed", "code"), [("basic", "sip", 409), ("plus", "sip", None), ("basic", "iex", None)]
)
def test_feeds_need_their_plan(run: Runner[None], plan: Any, feed: str, code: int | None) -> None:
    """409 for what the plan does not include."""

    async def main() -> None:
        async with lively(WHOLE.replace(plan=plan)) as sim, talker_of(sim.data_stream_url(feed), login=False) as talker:
            answer = await talker.ask(LOGIN)
            assert answer == (error(code) if code else [{"T": "success", "msg": "authenticated"}])

    run(main())


@pytest.mark.parametrize("notice", [True, False])
def test_who_does_not_read_is_cut(run: Runner[None], notice: bool) -> None:
    """407 and the end, or just the end."""

    async def main() -> None:
        switches = WHOLE.replace(slow_client_notice=notice, send_buffer_bytes=2000)
        async with (
            AlpacaSimulator(switches=switches) as sim,
            talker_of(sim.data_stream_url("news"), read_ahead_messages=1) as talker,
        ):
            await talker.ask({"action": "subscribe", "news": ["*"]})
            while not sim.stats.errors_sent[407]:  # what fits into the buffers of the system differs
                sent = sim.stats.points_sent["news"]
                sim.publish_news("Long", content_bytes=1_000_000)
                while sim.stats.points_sent["news"] == sent and not sim.stats.errors_sent[407]:
                    await asyncio.sleep(0)
            heard = await all_heard(talker)
            assert (heard[-1] == error(407)) is notice

    run(main())


def test_other_paths_and_stormy_handshakes_are_refused(run: Runner[None]) -> None:
    """404 for what is no stream, and 429 or 502 on command."""

    async def main() -> None:
        async with lively() as sim:
            with pytest.raises(HandshakeError) as caught:
                await connect(f"{sim.stream_url}/v2/nothing")
            assert caught.value.status == 404
            sim.refuse_handshakes(429, 2)
            for status in (429, 429):
                with pytest.raises(HandshakeError) as caught:
                    await connect(sim.trading_stream_url)
                assert caught.value.status == status
            async with talker_of(sim.trading_stream_url):
                assert sim.stats.refused_handshakes == 3

    run(main())


def test_a_refusal_of_no_status_is_none(run: Runner[None]) -> None:
    """0 takes an earlier refusal back; whose stream is meant is said by a word that there is."""

    async def main() -> None:
        async with lively() as sim:
            sim.refuse_handshakes(429, 5)
            sim.refuse_handshakes(0)
            async with talker_of(sim.trading_stream_url):
                with pytest.raises(OptionError, match="trading, data or all, not 'tradng'"):
                    sim.reset("tradng")

    run(main())


# --- the trading stream ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/stream", "/stream/"])
@pytest.mark.parametrize(
    "login",
    [LOGIN, {"action": "authenticate", "data": {"key_id": DEFAULT_KEY, "secret_key": DEFAULT_SECRET}},
     {"action": "authenticate", "data": {"oauth_token": "token-1"}}],
    ids=["flat", "nested", "token"],
)  # fmt: skip
def test_the_trading_stream_takes_every_login(run: Runner[None], path: str, login: Any) -> None:
    """No welcome; the reply is the same for each form; listening is acknowledged with what is known."""

    async def main() -> None:
        async with lively() as sim:
            sim.account.oauth_token = "token-1"
            async with talker_of(sim.stream_url + path, login=False) as talker:
                assert await talker.ask(LISTEN) == {
                    "stream": "authorization",
                    "data": {"status": "unauthorized", "action": "listen"},
                }
                assert await talker.ask(login) == {
                    "stream": "authorization",
                    "data": {"status": "authorized", "action": "authenticate"},
                }
                assert (
                    await talker.ask({"action": "listen", "data": {"streams": ["trade_updates", "no_such"]}})
                    == LISTENING
                )
                assert (await talker.ask({"action": "listen", "data": {"streams": []}}))["data"] == {"streams": []}

    run(main())


@pytest.mark.parametrize("frames", ["binary", "text"])
def test_updates_come_in_frames_of_one_kind(run: Runner[None], frames: Any) -> None:
    """Binary on the paper host; text on command."""

    async def main() -> None:
        async with (
            lively(WHOLE.replace(trading_frames=frames)) as sim,
            caller_of(sim) as caller,
            talker_of(sim.trading_stream_url) as talker,
        ):
            assert await talker.ask(LISTEN) == LISTENING
            order = await caller.order()
            payload, is_binary = await talker.ws.receive_payload(5)
            update = json.loads(payload)
            assert (is_binary, update["stream"]) == (frames == "binary", "trade_updates")
            assert update["data"]["order"]["id"] == order["id"]
            events = [update["data"]["event"]] + [(await talker.hear())["data"]["event"] for _ in range(2)]
            assert events == ["pending_new", "new", "fill"]

    run(main())


def test_wrong_credentials_leave_the_trading_stream_open(run: Runner[None]) -> None:
    """Whether it is closed is a switch; the verdict is the same."""

    async def main() -> None:
        for closes in (False, True):
            async with (
                lively(WHOLE.replace(close_after_unauthorized=closes)) as sim,
                talker_of(sim.trading_stream_url, login=False) as talker,
            ):
                answer = await talker.ask({**LOGIN, "secret": "wrong"})
                assert answer["data"]["status"] == "unauthorized"
                if closes:
                    with pytest.raises(ConnectionClosed):
                        await talker.hear()
                else:
                    assert (await talker.ask(LOGIN))["data"]["status"] == "authorized"

    run(main())


def test_a_second_trading_connection(run: Runner[None]) -> None:
    """Allowed, refused with 429, or answered "exceeded"."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.trading_stream_url), talker_of(sim.trading_stream_url):
            pass
        async with (
            lively(WHOLE.replace(second_trading_connection="http_429")) as sim,
            talker_of(sim.trading_stream_url),
        ):
            with pytest.raises(HandshakeError, match="429"):
                await connect(sim.trading_stream_url)
        async with (
            lively(WHOLE.replace(second_trading_connection="exceeded")) as sim,
            talker_of(sim.trading_stream_url),
            talker_of(sim.trading_stream_url, login=False) as second,
        ):
            assert (await second.ask(LOGIN))["data"]["status"] == "exceeded"

    run(main())


def test_accounts_do_not_see_each_other(run: Runner[None]) -> None:
    """An update goes to its own account only."""

    async def main() -> None:
        async with lively() as sim, caller_of(sim) as caller:
            sim.add_account("PKOTHER0000000000001", "other-secret")
            login = {"action": "auth", "key": "PKOTHER0000000000001", "secret": "other-secret"}
            async with (
                talker_of(sim.trading_stream_url) as own,
                talker_of(sim.trading_stream_url, login=False) as other,
            ):
                assert (await other.ask(login))["data"]["status"] == "authorized"
                assert await own.ask(LISTEN) == await other.ask(LISTEN) == LISTENING
                await caller.order()
                await own.hear()
                with pytest.raises(DeadlineError):
                    await other.hear(timeout_s=0.1)

    run(main())


# --- faults -------------------------------------------------------------------------------------------------------------


async def events_of(talker: Talker, count: int) -> list[str]:
    """Names of the next updates."""
    return [(await talker.hear())["data"]["event"] for _ in range(count)]


def test_updates_can_be_lost_doubled_and_exchanged(run: Runner[None]) -> None:
    """Each fault holds for as many updates as told."""

    async def main() -> None:
        async with lively() as sim, caller_of(sim) as caller, talker_of(sim.trading_stream_url) as talker:
            await talker.ask(LISTEN)
            sim.double_updates(1)
            await caller.order()
            assert await events_of(talker, 4) == ["pending_new", "pending_new", "new", "fill"]
            sim.drop_updates(2)
            await caller.order()
            assert await events_of(talker, 1) == ["fill"]
            sim.reorder_updates(1)
            await caller.order()
            assert await events_of(talker, 3) == ["new", "pending_new", "fill"]

    run(main())


@pytest.mark.parametrize(
    "kind", ["unknown_event", "unknown_status", "unknown_field", "null_order", "bad_json", "one_byte"]
)
def test_updates_can_look_odd(run: Runner[None], kind: str) -> None:
    """One update is odd, the next is as usual."""

    async def main() -> None:
        async with lively() as sim, caller_of(sim) as caller, talker_of(sim.trading_stream_url) as talker:
            await talker.ask(LISTEN)
            sim.odd_update(kind)
            await caller.order()
            odd, _ = await talker.ws.receive_payload(5)
            assert await events_of(talker, 2) == ["new", "fill"]
            usual = {"stream": "trade_updates", "data": sim.account.updates[0]}
            import msgspec

            assert odd != msgspec.json.encode(usual)

    run(main())


def test_updates_can_come_late(run: Runner[None]) -> None:
    """They keep their order and come after the delay."""

    async def main() -> None:
        clock = ManualClock()
        async with lively(clock=clock) as sim, caller_of(sim) as caller, talker_of(sim.trading_stream_url) as talker:
            await talker.ask(LISTEN)
            sim.delay_updates(1.0)
            await caller.order()
            clock.advance(0.5)
            with pytest.raises(DeadlineError):
                await talker.hear(timeout_s=0.05)
            clock.advance(0.6)
            await sim.step()
            assert await events_of(talker, 1) == ["pending_new"]

    run(main())


def test_a_mute_socket_answers_pings(run: Runner[None]) -> None:
    """Data stops while pongs go on, and comes back."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url()) as talker:
            await talker.say({"action": "subscribe", "quotes": ["*"]})
            await talker.hear_until("q")
            sim.mute()
            await all_heard(talker, patience_s=0.2)
            assert talker.ws.is_open
            assert await talker.ws.ping(timeout_s=2) >= 0
            sim.unmute()
            await talker.hear_until("q")

    run(main())


def test_one_symbol_can_be_mute(run: Runner[None]) -> None:
    """The others go on."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url()) as talker:
            sim.mute_symbol("AAPL")
            await talker.say({"action": "subscribe", "quotes": ["AAPL", "MSFT"]})
            assert {(await talker.hear_until("q"))["S"] for _ in range(20)} == {"MSFT"}

    run(main())


def test_a_half_open_connection_shows_no_life(run: Runner[None]) -> None:
    """Neither data nor pongs, and no close."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.data_stream_url()) as talker:
            sim.half_open()
            with pytest.raises(DeadlineError):
                await talker.ws.ping(timeout_s=0.2)
            assert talker.ws.is_open
            talker.ws.abort()

    run(main())


def test_an_internal_error_is_told_before_the_end(run: Runner[None]) -> None:
    """Each stream in its own words."""

    async def main() -> None:
        async with (
            lively() as sim,
            talker_of(sim.data_stream_url()) as data,
            talker_of(sim.trading_stream_url) as trading,
        ):
            sim.internal_error()
            assert await data.hear() == error(500)
            assert await trading.hear() == {"action": "error", "data": {"error_message": "internal server error"}}
            for talker in (data, trading):
                with pytest.raises(ConnectionClosed):
                    await talker.hear()

    run(main())


def test_a_silent_server_says_nothing_to_new_clients(run: Runner[None]) -> None:
    """No welcome, no verdict."""

    async def main() -> None:
        async with lively() as sim:
            sim.silent_auth()
            async with connect(sim.data_stream_url()) as ws:
                with pytest.raises(DeadlineError):
                    await ws.receive(timeout_s=0.1)
            sim.answer_again()
            async with talker_of(sim.data_stream_url()):
                pass

    run(main())


def test_credentials_can_be_revoked_while_all_goes_on(run: Runner[None]) -> None:
    """The next login is refused, and taken again after they are restored."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.trading_stream_url, login=False) as talker:
            sim.revoke()
            assert (await talker.ask(LOGIN))["data"]["status"] == "unauthorized"
            sim.restore()
            assert (await talker.ask(LOGIN))["data"]["status"] == "authorized"

    run(main())


def test_streams_can_be_down_while_orders_are_filled(run: Runner[None]) -> None:
    """Connections are cut, new ones refused, and the exchange goes on."""

    async def main() -> None:
        async with lively() as sim, caller_of(sim) as caller, talker_of(sim.trading_stream_url) as talker:
            sim.stop_streams(60)
            with pytest.raises(ConnectionClosed):
                await talker.hear()
            with pytest.raises(HandshakeError, match="502"):
                await connect(sim.trading_stream_url)
            await caller.order()
            await sim.wait_for("executions")

    run(main())


def test_what_is_waited_for_must_exist(run: Runner[None]) -> None:
    """A typing error in a test is an error, and a number that is not reached says how far it came."""

    async def main() -> None:
        async with lively() as sim:
            with pytest.raises(OptionError, match="nothing is called 'pionts'"):
                await sim.wait_for("pionts")
            with pytest.raises(DeadlineError, match="logins is 0, not 1"):
                await sim.wait_for("logins", timeout_s=0.05)

    run(main())


def test_a_flow_of_executions_keeps_its_pace_and_order(run: Runner[None]) -> None:
    """As many as wanted, each told once, in order, with positions that add up."""

    async def main() -> None:
        async with lively() as sim, talker_of(sim.trading_stream_url) as talker:
            await talker.ask(LISTEN)
            flow = sim.start_fills(60, per_s=600)
            found: list[str] = []
            while len(found) < 60:
                data = (await talker.hear())["data"]
                if data["event"] in ("fill", "partial_fill"):
                    found.append(data["execution_id"])
            assert found == flow.execution_ids
            assert flow.is_over
            await asyncio.sleep(0)

    run(main())
