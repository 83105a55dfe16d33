"""What the venue can do to a client, one fault after the other, and that the client stands."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.brokers.weex.venues import BUY, config, streams, subscribed, take
from tests.conftest import Runner
from wsexample.brokers.weex.client import RetryConfig, WeexRest, WeexWebSocketClient
from wsexample.brokers.weex.simulator import Switches, WeexSimulator
from wsexample.clock import ManualClock
from wsexample.errors import (
    BrokerUnavailableError,
    ConnectionClosed,
    CredentialsError,
    DeadlineError,
    HandshakeError,
    OrderUnknownError,
    RateLimitError,
    RequestError,
    SlowConsumerError,
)
from wsexample.ports import ConnectionEvent, Gap
from wsexample.records.orders import Fill, Order
from wsexample.session.testing import advance_until

QUICK = RetryConfig(backoff_base=0.02, backoff_max=0.02, jitter=False)
DEPTH, TICKER, TRADE = "BTCUSDT@depth15", "BTCUSDT@ticker", "BTCUSDT@trade"


def client_of(venue: WeexSimulator, **facts: Any) -> WeexWebSocketClient:
    """A client that does not wait long between attempts."""
    return WeexWebSocketClient(config(venue), backoff_base=0.01, backoff_max=0.02, **facts)


# --- books -------------------------------------------------------------------------------------------------------------


def test_a_gap_in_the_changes_of_a_book(run: Runner[None]) -> None:
    """The book is asked for anew; what comes next is the venue's own book, and the gap is told."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            events = client.stream_events()
            gap = asyncio.ensure_future(_next_gap(events))
            books = client.stream_order_book("BTCUSDT", 15)
            await anext(books)
            venue.skip_frame(DEPTH, 2)
            assert "order book" in (await gap).reason
            assert streams(venue, "UNSUBSCRIBE") == [DEPTH]
            venue.mute(DEPTH)
            await venue.wait_for(lambda: len(streams(venue)) == 2)
            book = await anext(books)
            while book.data["sequence"] < venue.contract.instruments["BTCUSDT"].snapshot(15, 0)["U"]:
                book = await anext(books)
            bids = [float(price) for price, _ in book.data["bids"]]
            assert bids == sorted(bids, reverse=True)
            assert len(bids) == 15
            await books.aclose()

    run(main())


async def _next_gap(events: Any) -> Gap:
    async for event in events:
        if isinstance(event, Gap):
            await events.aclose()
            return event
    raise AssertionError("the events ended without a gap")


def test_a_snapshot_that_comes_twice(run: Runner[None]) -> None:
    """It replaces the book by the same; nothing is asked for anew."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            books = client.stream_order_book("BTCUSDT", 15)
            for _ in range(3):
                await anext(books)
                await venue.repeat_snapshot(DEPTH)
            found = await take(books, 5)
            assert all(float(one.data["bids"][0][0]) < float(one.data["asks"][0][0]) for one in found)
            assert streams(venue) == [DEPTH]

    run(main())


def test_a_symbol_that_falls_silent(run: Runner[None]) -> None:
    """Others go on; the silent one yields nothing, which a deadline of the caller notices, and comes back."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            venue.mute(TICKER)
            silent = asyncio.ensure_future(anext(client.stream_tickers(["BTCUSDT"])))
            await take(client.stream_tickers(["ETHUSDT"]), 3)
            assert not silent.done()
            venue.unmute()
            assert (await silent).symbol == "BTCUSDT"

    run(main())


# --- credentials and clocks --------------------------------------------------------------------------------------------


def test_a_bad_signature_is_final(run: Runner[None]) -> None:
    """Nothing is tried twice, and the error says what to look at without showing any of it."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            venue.refuse_signatures()
            with pytest.raises(CredentialsError) as caught:
                await anext(client.stream_orders())
            assert caught.value.code == -1047
            with pytest.raises(CredentialsError):
                await anext(client.stream_account())
            assert client.is_connected

    run(main())


def test_a_clock_that_is_wrong_for_a_while(run: Runner[None]) -> None:
    """An expired timestamp is tried again with a fresh one, and works once the clocks agree."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue, max_retries=50) as client:
            venue.skew_clock(31)
            orders = asyncio.ensure_future(anext(client.stream_orders()))
            await asyncio.sleep(0)
            venue.skew_clock(0)
            await subscribed(venue, "orders")
            await venue.trade()
            assert (await orders).data["status"] == "new"

    run(main())


def test_a_clock_that_stays_wrong(run: Runner[None]) -> None:
    """When the retries are exhausted the error asks about the clock."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue, max_retries=2) as client:
            venue.skew_clock(-31)
            with pytest.raises(RequestError, match="clock"):
                await anext(client.stream_orders())

    run(main())


def test_secrets_are_in_no_log_error_or_repr(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """A whole life with faults, everything logged: neither key, secret, passphrase nor signature is seen."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            async with WeexRest(config(venue)) as rest:
                await rest.fetch_balances()
                shown.append(repr(rest))
            orders = asyncio.ensure_future(take(client.stream_orders(), 2))
            events = asyncio.ensure_future(_collect(client, shown))
            await subscribed(venue, "orders")
            venue.drop_all()
            await venue.wait_for(lambda: len(streams(venue)) == 2)
            await venue.trade()
            await orders
            shown.extend([repr(client), repr(client.config), repr(client.stats)])
            venue.refuse_signatures()
            with pytest.raises(CredentialsError) as caught:
                await client.reconnect(private=True)
            shown.extend(
                [str(caught.value), repr(caught.value), str(caught.value.__dict__), str(caught.value.__cause__)]
            )
            await client.disconnect()
            await events

    run(main())
    text = caplog.text + " ".join(shown)
    assert "live" in text
    assert not [part for part in (KEY, SECRET, PASSPHRASE) if part in text]
    assert set(re.findall(r"ACCESS-SIGN: (\S{3})", text)) <= {"***"}


async def _collect(client: WeexWebSocketClient, shown: list[str]) -> None:
    shown.extend([repr(event) async for event in client.stream_events()])


# --- connections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["drop", "close 1000", "close 1001", "close 1011"])
def test_a_connection_that_ends(run: Runner[None], end: str) -> None:
    """However it ends, the loop goes on behind a gap, with its subscriptions asked for once more."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            gap = asyncio.ensure_future(_next_gap(client.stream_events()))
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            if end == "drop":
                venue.drop_all()
            else:
                await venue.close_all(int(end.split()[1]))
            assert (await gap).to_ns > (await gap).from_ns
            await take(tickers, 2)
            assert streams(venue) == [TICKER, TICKER]
            stats = client.stats
            assert stats.public is not None
            assert (stats.public.gaps, stats.public.reconnects, stats.public.attempts) == (1, 1, 2)

    run(main())


def test_an_idle_connection_is_dropped_and_opened_again(run: Runner[None]) -> None:
    """A socket without streams is dropped without a close frame, and a stream begun afterwards works."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01, idle_timeout_s=0.05) as venue, client_of(venue) as client:
            await venue.wait_for(lambda: client.connection_attempts >= 2)
            assert len(await take(client.stream_tickers(["BTCUSDT"]), 2)) == 2

    run(main())


def test_a_stalled_venue_is_given_up(run: Runner[None]) -> None:
    """A connection that stays open and says nothing, no ping either, is replaced after two and a half minutes."""

    async def main() -> None:
        clock = ManualClock()
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue, clock=clock, max_retries=None) as client:
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            venue.stall()
            began_s = clock.monotonic_s()
            await advance_until(clock, lambda: client.connection_attempts == 2)
            assert 150 <= clock.monotonic_s() - began_s < 160
            venue.stall(False)
            while not client.is_connected:  # by real sockets, which take their time
                clock.advance(0.02)
                await asyncio.sleep(0.002)
            await take(tickers, 2)

    run(main())


def test_a_subscription_that_is_not_answered_has_a_deadline(run: Runner[None]) -> None:
    """Who asks for a stream of a stalled venue is told after ten seconds."""

    async def main() -> None:
        clock = ManualClock()
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue, clock=clock) as client:
            venue.stall()
            waiting = asyncio.ensure_future(anext(client.stream_trades("BTCUSDT")))
            await venue.wait_for(lambda: TRADE in streams(venue))
            await advance_until(clock, waiting.done)
            with pytest.raises(DeadlineError):
                waiting.result()
            assert 10 <= clock.monotonic_s() < 15

    run(main())


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_handshake_that_is_refused(run: Runner[None], status: int) -> None:
    """403 is raised at once; the others are tried again until the retries are exhausted."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            venue.refuse_handshakes(status)
            client = client_of(venue, max_retries=3)
            with pytest.raises(HandshakeError) as caught:
                await client.connect()
            assert caught.value.status == status
            venue.refuse_handshakes(0)
            await client.connect()
            assert client.is_connected
            await client.disconnect()

    run(main())


def test_after_giving_up_a_client_can_connect_again(run: Runner[None]) -> None:
    """Streams raise once the retries are exhausted, and `connect` begins anew."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue, max_retries=2) as client:
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            venue.refuse_handshakes(503)
            venue.drop_all()
            with pytest.raises((HandshakeError, ConnectionClosed)):
                await take(tickers, 1000)
            assert not client.is_connected
            venue.refuse_handshakes(0)
            await client.connect()
            await take(client.stream_tickers(["BTCUSDT"]), 1)

    run(main())


@pytest.mark.parametrize(
    "text", ["hello", "{", '{"e":"moon","d":[1]}', '{"e":"ticker"}', '{"result":false,"id":99}', "[]"]
)
def test_messages_that_nobody_expects(run: Runner[None], text: str) -> None:
    """What cannot be read is counted and kept, and the streams go on over the same connection."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            venue.send_text(text)
            await take(tickers, 3)
            assert client.connection_attempts == 1
            dialect: Any = client._sockets.first().session.dialect
            assert dialect.unreadable + dialect.unknown + dialect.errors == 1

    run(main())


def test_a_message_that_is_too_long(run: Runner[None]) -> None:
    """It costs the connection, not the program: another one is opened."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.05) as venue, client_of(venue) as client:
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            venue.send_oversized(68_000_000)
            await venue.wait_for(lambda: client.connection_attempts == 2, 10)
            await take(tickers, 2)

    run(main())


def test_a_flood_of_pings(run: Runner[None]) -> None:
    """Each is answered with a PONG of its own, and the stream goes on."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            venue.flood_pings(500)
            await venue.wait_for(lambda: sum(body["method"] == "PONG" for body in venue.received) == 500)
            await take(tickers, 2)

    run(main())


def test_pings_are_answered_on_both_sockets(run: Runner[None]) -> None:
    """The venue drops who leaves more than ten pings unanswered; over many times as many the client stays."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01, ping_interval_s=0.002) as venue, client_of(venue) as client:
            orders = asyncio.ensure_future(anext(client.stream_orders()))
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            await subscribed(venue, "orders")
            await venue.wait_for(lambda: venue.sent["ping"] > 100)
            await venue.trade()
            await orders
            assert client.connection_attempts == 2

    run(main())


# --- what a break has hidden -------------------------------------------------------------------------------------------


def test_trades_of_a_break_come_after_it(run: Runner[None]) -> None:
    """Every trade of the venue is delivered once, those of the break from REST, and the gap counts as filled."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            gap = asyncio.ensure_future(_next_gap(client.stream_events()))
            trades = client.stream_trades("BTCUSDT")
            found = [await anext(trades)]
            venue.drop_all()
            while not gap.done():
                found.append(await anext(trades))
            assert gap.result().filled
            kept = [row["t"] for row in venue.contract.instruments["BTCUSDT"].trades]
            found += [await anext(trades) for _ in range(40)]  # more than a few frames beyond what is looked at
            numbers = [one.data["trade_id"] for one in found]
            assert len(set(numbers)) == len(numbers)
            assert set(numbers) >= set(kept[kept.index(numbers[0]) :])

    run(main())


def test_streams_go_on_when_rest_is_away(run: Runner[None]) -> None:
    """What a break has hidden stays missing then; the gap says so, and live trades follow it."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue:
            quick = config(venue, retry=RetryConfig(max_retries=0))
            async with WeexWebSocketClient(quick, backoff_base=0.01) as client:
                gap = asyncio.ensure_future(_next_gap(client.stream_events()))
                trades = client.stream_trades("BTCUSDT")
                await anext(trades)
                venue.refuse_calls(503)
                venue.drop_all()
                assert not (await gap).filled
                await take(trades, 20)

    run(main())


def test_live_messages_do_not_wait_long_for_rest(run: Runner[None]) -> None:
    """A REST call that hangs holds them back for ten seconds, no more."""

    async def main() -> None:
        clock, called = ManualClock(), asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            called.set()
            await reader.read()  # until the caller gives up
            writer.close()
            await writer.wait_closed()

        async with WeexSimulator(step_s=0.01) as venue:
            hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
            port = hanging.sockets[0].getsockname()[1]
            slow = config(venue, rest_url=f"http://127.0.0.1:{port}")
            async with hanging, WeexWebSocketClient(slow, backoff_base=0.01, clock=clock) as client:
                gap = asyncio.ensure_future(_next_gap(client.stream_events()))
                trades = client.stream_trades("BTCUSDT")
                await anext(trades)
                venue.drop_all()
                while not called.is_set():  # the wait before the next attempt, and no more than that
                    clock.advance(0.0 if client.connection_attempts == 2 else 0.05)
                    await asyncio.sleep(0.001)
                began_s = clock.monotonic_s()
                await advance_until(clock, gap.done)
                assert not gap.result().filled
                assert clock.monotonic_s() - began_s < 15
                await take(trades, 20)

    run(main())


def test_orders_and_fills_of_a_break_come_after_it(run: Runner[None]) -> None:
    """What was filled while nobody listened is fetched, marked, and told once."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client, WeexRest(config(venue)) as rest:
            orders, fills = client.stream_orders(), client.stream_fills()
            waiting = asyncio.ensure_future(anext(orders)), asyncio.ensure_future(anext(fills))
            await subscribed(venue, "orders", "fill")
            await venue.trade()
            await asyncio.gather(*waiting)
            venue.refuse_handshakes(503)
            venue.drop_all()
            placed = await rest.submit_order(BUY)
            venue.refuse_handshakes(0)
            order = await _first_of(orders, placed["orderId"])
            assert isinstance(order, Order)
            assert (order.status, order.is_backfilled, order.filled_size) == ("filled", True, order.size)
            fill = await _first_of(fills, placed["orderId"])
            assert isinstance(fill, Fill)
            assert fill.is_backfilled
            again = await anext(fills)
            assert isinstance(again.record, Fill)
            assert again.record.fill_id != fill.fill_id

    run(main())


async def _first_of(stream: Any, order_id: str) -> Any:
    async for message in stream:
        if message.data["order_id"] == order_id:
            return message.record
    raise AssertionError("the stream ended")


def test_positions_are_asked_for_again_after_a_break(run: Runner[None]) -> None:
    """One that was closed while nobody listened comes with size 0."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client, WeexRest(config(venue)) as rest:
            await rest.submit_order(BUY)
            positions = client.stream_positions()
            held = await anext(positions)
            venue.refuse_handshakes(503)
            venue.drop_all()
            await rest.submit_order({**BUY, "side": "SELL"})
            venue.refuse_handshakes(0)
            async for message in positions:
                if message.data["size"] == "0":
                    break
            assert message.data["position_id"] == held.data["position_id"]
            assert message.data["unrealized_pnl"] == "0"
            await positions.aclose()

    run(main())


def test_the_account_is_asked_for_again_after_a_break(run: Runner[None]) -> None:
    """What there is now comes after the gap."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client, WeexRest(config(venue)) as rest:
            account = client.stream_account()
            before = await anext(account)
            venue.refuse_handshakes(503)
            venue.drop_all()
            await rest.submit_order(BUY)
            venue.refuse_handshakes(0)
            after = await anext(account)
            assert float(after.data["available"]) < float(before.data["available"])
            await account.aclose()

    run(main())


# --- slow readers and counts -------------------------------------------------------------------------------------------


def test_every_message_is_accounted_for(run: Runner[None]) -> None:
    """Received is the sum of delivered, conflated, dropped and waiting, over streams that end and streams that go on."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.005) as venue, client_of(venue) as client:
            slow, trades = client.stream_tickers(["BTCUSDT"]), client.stream_trades("BTCUSDT")
            await anext(slow)
            await anext(trades)
            sent = venue.sent[TICKER]
            await venue.wait_for(lambda: venue.sent[TICKER] > sent + 20)
            await take(client.stream_order_book("BTCUSDT"), 2)
            stats = client.stats
            assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting
            assert stats.conflated > 10
            assert stats.waiting > 10
            await trades.aclose()
            later = client.stats
            assert later.received == later.delivered + later.conflated + later.dropped + later.waiting
            assert later.dropped > 10
            assert later.public is not None
            assert later.public.received == later.public.delivered + later.public.waiting
            await slow.aclose()

    run(main())


def test_a_reader_of_trades_that_is_too_slow_is_told(run: Runner[None]) -> None:
    """What waited is handed over, then the loop raises; other streams go on."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.005) as venue, client_of(venue, limit=5) as client:
            trades = client.stream_trades("BTCUSDT")
            await anext(trades)
            sent = venue.sent[TRADE]
            await venue.wait_for(lambda: venue.sent[TRADE] > sent + 20)
            with pytest.raises(SlowConsumerError):
                await take(trades, 1000)
            await take(client.stream_tickers(["BTCUSDT"]), 1)

    run(main())


def test_events_tell_the_life_of_the_sockets(run: Runner[None]) -> None:
    """Opened, live, failed, live again, ended: in words that a store keeps."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, client_of(venue) as client:
            seen: list[str] = []

            async def watch() -> None:
                async for event in client.stream_events():
                    seen.append(event.event if isinstance(event, ConnectionEvent) else "gap")  # noqa: PERF401 - as it comes

            watching = asyncio.ensure_future(watch())
            await take(client.stream_tickers(["BTCUSDT"]), 1)
            venue.drop_all()
            await venue.wait_for(lambda: seen.count("live") == 1 and "gap" in seen)
            await client.disconnect()
            await watching
            assert [one for one in seen if one in ("failed", "retried", "opened", "live")] == [
                "failed", "retried", "opened", "live",
            ]  # fmt: skip

    run(main())


# --- REST --------------------------------------------------------------------------------------------------------------


def test_reading_calls_are_made_again(run: Runner[None]) -> None:
    """An outage costs a few attempts; when it lasts it is raised."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            quick = config(venue, max_retries=2, retry=QUICK)
            async with WeexRest(quick) as rest:
                venue.refuse_calls(503)
                with pytest.raises(BrokerUnavailableError):
                    await rest.fetch_time_ms()
                assert venue.calls["GET /capi/v3/market/time"] == 3
                asking = asyncio.ensure_future(rest.fetch_time_ms())
                await venue.wait_for(lambda: venue.calls["GET /capi/v3/market/time"] == 4)
                venue.refuse_calls(0)
                assert await asking > 10**12

    run(main())


def test_an_order_is_sent_once(run: Runner[None]) -> None:
    """Where no answer says whether it was taken, that is raised, and nothing is sent again."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexRest(config(venue, retry=QUICK)) as rest:
            venue.refuse_calls(503)
            with pytest.raises(OrderUnknownError, match="demo-0001"):
                await rest.submit_order(BUY)
            assert venue.calls["POST /capi/v3/order"] == 1

    run(main())


def test_the_venues_weight_is_a_limit_of_its_own(run: Runner[None]) -> None:
    """Who calls more than an address may gets 429 and is shut out for a while."""

    async def main() -> None:
        switches = Switches(rest_weight_per_10_s=10)
        async with WeexSimulator(switches=switches) as venue, WeexRest(config(venue, max_retries=0)) as rest:
            await rest.fetch_trades("BTCUSDT")
            await rest.fetch_trades("BTCUSDT")
            with pytest.raises(RateLimitError) as caught:
                await rest.fetch_time_ms()
            assert caught.value.wait_s == 10.0

    run(main())
