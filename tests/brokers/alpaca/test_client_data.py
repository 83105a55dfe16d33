"""`AlpacaStream` against the simulator: every feed, verified subscriptions, breaks, mute sockets, gaps filled by REST."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.brokers.alpaca.simulator_calls import WHOLE
from tests.conftest import Runner
from wsexample.brokers.alpaca import AlpacaStream
from wsexample.brokers.alpaca.client.data import market_key
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.errors import CredentialsError, OptionError, PlanError, SubscriptionLimitError, UnknownSymbolError
from wsexample.ports import Gap, Record
from wsexample.records.market import Book, News, Quote, Trade
from wsexample.session.options import Retry

QUICK = Retry(first_s=0.02, max_s=0.1, interval_s=0.01)
NO_GHOSTS = WHOLE.replace(dead_slot_s=0)


def lively(switches: Switches = NO_GHOSTS, **options: Any) -> AlpacaSimulator:
    return AlpacaSimulator(switches=switches, **{"quotes_per_s": 40, "trades_per_s": 20, **options})


def stream_of(sim: AlpacaSimulator, **options: Any) -> AlpacaStream:
    return AlpacaStream(
        DEFAULT_KEY, DEFAULT_SECRET, **{"url": sim.stream_url, "rest_url": sim.url, "retry": QUICK, **options}
    )


async def some(stream: AlpacaStream, count: int) -> list[Record]:
    return [await stream.receive(10) for _ in range(count)]


@pytest.mark.parametrize("change", [{"bid_exchange": "Q"}, {"ask_exchange": "Q"}, {"conditions": ("H",)}])
def test_quotes_that_say_different_things_are_no_doubles(change: dict[str, Any]) -> None:
    """Two exchanges may quote the same price and size in the same nanosecond: neither is left out when gaps are filled."""
    facts: dict[str, Any] = {"venue": "alpaca", "symbol": "A", "exchange_ns": 5, "received_ns": 9, "bid_price": 1.0}
    assert market_key(Quote(**facts)) != market_key(Quote(**facts | change))
    assert market_key(Quote(**facts)) == market_key(Quote(**facts | {"received_ns": 10}))


def test_trades_without_an_identifier_are_told_apart_by_what_they_say() -> None:
    """One nanosecond may have several."""
    facts: dict[str, Any] = {"venue": "alpaca", "symbol": "A", "exchange_ns": 5, "received_ns": 9, "price": 1.0}
    assert market_key(Trade(**facts, size=1.0)) != market_key(Trade(**facts, size=2.0))


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize("auth", ["message", "header"])
def test_quotes_and_trades_arrive(run_grid: Runner[None], codec: Any, auth: Any) -> None:
    """In either codec and with either login, typed, of the symbols asked for."""

    async def main() -> None:
        async with (
            lively() as sim,
            stream_of(sim, quotes="AAPL MSFT", trades=["AAPL"], codec=codec, auth=auth) as stream,
        ):
            records = await some(stream, 60)
            assert {type(record) for record in records} == {Quote, Trade}
            assert {record.symbol for record in records} == {"AAPL", "MSFT"}
            assert stream.dialect.unreadable == 0
            assert stream.stats.lag_ns is not None

    run_grid(main())


@pytest.mark.parametrize(
    ("feed", "channels", "kind"),
    [
        ("crypto", {"orderbooks": "BTC/USD"}, Book),
        ("indicative", {"quotes": "AAPL260619C00200000"}, Quote),
        ("perps", {"quotes": "BTC-PERP"}, Quote),
        ("news", {"news": "*"}, News),
    ],
)
def test_every_kind_of_feed_streams(run: Runner[None], feed: str, channels: dict[str, str], kind: type) -> None:
    """Options and perpetuals in MessagePack, books whole, news of more than a mebibyte."""

    async def main() -> None:
        async with lively() as sim, stream_of(sim, feed=feed, **channels) as stream:
            if feed == "news":
                sim.publish_news("Long", content_bytes=3_000_000)
            record = await stream.receive(10)
            assert isinstance(record, kind)

    run(main())


@pytest.mark.parametrize(
    ("feed", "symbol"),
    [
        ("sip", "AAPL"),
        ("delayed_sip", "AAPL"),
        ("boats", "AAPL"),
        ("overnight", "AAPL"),
        ("test", "FAKEPACA"),
        ("crypto/us-1", "BTC/USD"),
        ("crypto/eu-1", "BTC/USD"),
        ("opra", "AAPL260619C00200000"),
    ],
)
def test_every_feed_has_quotes(run: Runner[None], feed: str, symbol: str) -> None:
    """With a plan that includes it; the test symbol speaks every five seconds, so time runs faster."""

    async def main() -> None:
        plus = NO_GHOSTS.replace(plan="plus")
        async with (
            lively(plus, quotes_per_s=4, trades_per_s=4, speed=20.0) as sim,
            stream_of(sim, feed=feed, quotes=symbol) as stream,
        ):
            record = await stream.receive(10)
            assert isinstance(record, Quote)
            assert record.symbol == symbol

    run(main())


@pytest.mark.parametrize("auth", ["message", "header"])
def test_secrets_are_nowhere(run: Runner[None], caplog: pytest.LogCaptureFixture, auth: Any) -> None:
    """Neither in logs at the finest level, nor in reprs, records, events and errors, after a break and a refusal."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def main() -> None:
        async with lively() as sim:
            async with stream_of(sim, quotes="AAPL", auth=auth, journal=True, backfill=True) as stream:
                sim.reset("data")
                shown.append(repr([await stream.receive(10) for _ in range(20)]))
                shown.append(repr(stream) + repr(vars(stream)) + repr(vars(stream.rest)))
            sim.revoke()
            with pytest.raises(CredentialsError) as refused:
                async with stream_of(sim, quotes="AAPL", auth=auth):
                    pass
            shown.append(repr(refused.value) + repr(vars(refused.value)))

    run(main())
    for secret in (DEFAULT_KEY, DEFAULT_SECRET):
        assert not [text for text in [*shown, caplog.text] if secret in text]


@pytest.mark.parametrize(
    ("options", "switches", "kind"),
    [
        ({"secret_key": "wrong"}, NO_GHOSTS, CredentialsError),
        ({"feed": "sip"}, NO_GHOSTS, PlanError),
        ({"quotes": [f"A{chr(65 + n % 26)}{chr(65 + n // 26)}" for n in range(40)]}, NO_GHOSTS, SubscriptionLimitError),
        ({"quotes": ["AAPL", "not-a-symbol!"]}, NO_GHOSTS, UnknownSymbolError),
    ],
)
def test_final_refusals_are_raised_at_once(
    run: Runner[None], options: dict[str, Any], switches: Switches, kind: type
) -> None:
    """With the server's words, on the first attempt."""

    async def main() -> None:
        async with lively(switches) as sim:
            known = {"key_id": DEFAULT_KEY, "secret_key": DEFAULT_SECRET, "quotes": "AAPL", "url": sim.stream_url}
            with pytest.raises(kind):
                async with AlpacaStream(**{**known, **options}):
                    pass
            assert sim.stats.connections["data"] == 1

    run(main())


def test_topics_can_be_changed_while_live(run: Runner[None]) -> None:
    """From the consumer's own loop, which deadlocks other clients; a bad symbol costs only itself."""

    async def main() -> None:
        async with lively() as sim, stream_of(sim, quotes="AAPL") as stream:
            async for record in stream:
                assert record.symbol == "AAPL"
                break
            await stream.subscribe(["quotes:MSFT"])
            with pytest.raises(UnknownSymbolError, match="nope"):
                await stream.subscribe(["quotes:nope"])
            await stream.unsubscribe(["quotes:AAPL"])
            while {record.symbol for record in await some(stream, 10)} != {"MSFT"}:
                pass
            assert stream.topics == ("quotes:MSFT",)

    run(main())


def test_after_a_break_the_stream_goes_on(run: Runner[None]) -> None:
    """Subscribed again, with a gap in the stream."""

    async def main() -> None:
        async with lively() as sim, stream_of(sim, quotes="AAPL") as stream:
            await some(stream, 5)
            sim.reset("data")
            while not isinstance(await stream.receive(10), Gap):
                pass
            assert isinstance(await stream.receive(10), Quote)
            assert stream.stats.reconnects == 1

    run(main())


def test_a_gap_of_market_data_is_filled(run: Runner[None]) -> None:
    """Trades come whole, each once and in order, over a break."""

    async def main() -> None:
        async with lively(trades_per_s=50) as sim, stream_of(sim, trades="AAPL", backfill=True) as stream:
            first = await some(stream, 20)
            sim.stop_streams(0.4)
            records = first + await some(stream, 80)
            gaps = [record for record in records if isinstance(record, Gap)]
            assert [gap.filled for gap in gaps] == [True]
            trades = [record for record in records if isinstance(record, Trade)]
            found = [int(trade.trade_id or 0) for trade in trades]
            expected = range(min(found), max(found) + 1)
            assert set(expected) <= set(found) | {
                int(m.i or 0) for m in sim.market.listings["AAPL"].trades if m.t is None
            }
            assert len(found) == len(set(found))

    run(main())


def test_what_has_no_history_leaves_the_gap_open(run: Runner[None]) -> None:
    """What can be fetched is delivered, and the gap says that something is missing."""

    async def main() -> None:
        async with lively() as sim, stream_of(sim, trades="AAPL", statuses="*", backfill=True) as stream:
            await some(stream, 5)
            sim.reset("data")
            while not isinstance(record := await stream.receive(10), Gap):
                pass
            assert not record.filled

    run(main())


@pytest.mark.parametrize(("feed", "lag_allowance_s"), [("iex", 60.0), ("delayed_sip", 960.0)])
def test_gaps_of_a_late_feed_begin_in_its_own_time(feed: str, lag_allowance_s: float) -> None:
    """What is missing of a feed that is fifteen minutes late happened fifteen minutes ago."""
    assert AlpacaStream("k", "s", feed=feed).options.lag_allowance_s == lag_allowance_s
    assert AlpacaStream("k", "s", feed=feed, lag_allowance_s=5.0).options.lag_allowance_s == 5.0


def test_a_mute_socket_is_noticed(run: Runner[None]) -> None:
    """Pongs flow, messages do not: after stale_after_s the connection is given up."""

    async def main() -> None:
        async with lively() as sim, stream_of(sim, feed="crypto", quotes="BTC/USD", stale_after_s=0.5) as stream:
            await some(stream, 3)
            sim.mute()
            await sim.wait_for("connections", 2, timeout_s=10)
            sim.unmute()
            while not isinstance(await stream.receive(10), Gap):
                pass

    run(main())


def test_a_half_open_connection_is_noticed(run: Runner[None]) -> None:
    """By pings that nobody answers."""

    async def main() -> None:
        options = {"connect": {"ping_interval_s": 0.1, "ping_timeout_s": 0.2, "close_timeout_s": 0.2}}
        async with lively() as sim, stream_of(sim, quotes="AAPL", **options) as stream:
            await some(stream, 3)
            sim.half_open("data")
            await sim.wait_for("connections", 2, timeout_s=10)
            await stream.receive(10)

    run(main())


def test_a_slot_that_is_taken_is_waited_for(run: Runner[None]) -> None:
    """406 is retried without a storm, and the stream comes when the place is free."""

    async def main() -> None:
        async with lively() as sim:
            async with stream_of(sim, quotes="AAPL") as first:
                await some(first, 1)
                from wsexample.session.testing import NoWaiting

                second = stream_of(sim, quotes="AAPL", testing=NoWaiting(attempts=50))
                second.start()
                await sim.wait_for("errors:406", 2)
            await asyncio.wait_for(second.wait_live(), 10)
            await second.close()

    run(main())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"feed": "moon"}, "no feed"),
        ({"topics": ["news:*"]}, "no channel 'news'"),
        ({"auth": "telepathy"}, "auth must be"),
        ({"feed": "news", "backfill": True}, "no history"),
        ({"codec": "json", "feed": "opra"}, "msgpack only"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], words: str) -> None:
    """Before anything is connected."""
    with pytest.raises(OptionError, match=words):
        AlpacaStream("k", "s", **options)
