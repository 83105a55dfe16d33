"""Every public name of WEEX's client documentation does what it says."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import wsexample.brokers.weex.client as documented
from tests.brokers.weex.venues import config, streams, subscribed, take
from tests.conftest import Runner
from wsexample.brokers.weex.client import (
    Connected,
    WeexConfig,
    WeexMessage,
    WeexWebSocketClient,
    create_websocket_client,
)
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.errors import OptionError, StateError

METHODS = (
    "connect", "disconnect", "close", "reconnect", "subscribe", "unsubscribe", "send_message", "send_pong",
    "add_message_handler", "remove_message_handler", "stream_tickers", "stream_order_book", "stream_trades",
    "stream_account", "stream_positions", "stream_orders", "subscribe_tickers", "stream_messages",
)  # fmt: skip


def test_every_name_is_there() -> None:
    """What an import line or a page of the documentation names can be imported, called and looked at."""
    groups = ("WeexConfig", "ConnectionConfig", "RetryConfig", "RateLimitConfig", "LoggingConfig")
    assert {*groups, "WeexWebSocketClient", "create_websocket_client"} <= set(documented.__all__)
    assert all(callable(getattr(WeexWebSocketClient, name)) for name in METHODS)
    assert WeexConfig().public_url == WeexWebSocketClient.PUBLIC_ENDPOINT
    assert WeexConfig().private_url == WeexWebSocketClient.PRIVATE_ENDPOINT


def test_arguments_are_the_documented_ones() -> None:
    """Positions, names and defaults of what programs pass."""
    client = inspect.signature(WeexWebSocketClient).parameters
    assert [client[name].default for name in ("max_retries", "backoff_base", "backoff_max")] == [5, 1.0, 30.0]
    assert {"ping_interval", "ping_timeout"} <= client.keys()
    assert inspect.signature(WeexWebSocketClient.stream_order_book).parameters["level"].default == 5
    assert inspect.signature(WeexWebSocketClient.connect).parameters["private"].default is False
    assert inspect.signature(WeexWebSocketClient.subscribe).parameters["symbol"].kind.name == "KEYWORD_ONLY"


def test_is_connected_is_a_property_and_a_method() -> None:
    """Both readings of the documentation give the same."""
    client = WeexWebSocketClient(WeexConfig())
    assert not client.is_connected
    assert client.is_connected() is False
    assert (bool(Connected(True)), Connected(True)(), repr(Connected(True))) == (True, True, "True")


def test_a_connected_client_is_returned(run: Runner[None]) -> None:
    """`create_websocket_client` opens the public socket, and the private one when asked."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            client = await create_websocket_client(config(venue), private=True, max_retries=1)
            assert client.is_connected()
            assert (venue.connections, client.connection_attempts) == (2, 2)
            await client.close()
            assert not client.is_connected

    run(main())


def test_reconnecting_by_hand_goes_on_with_the_streams(run: Runner[None]) -> None:
    """A new connection replaces the old one, with the same subscriptions, and the loop hears on."""

    async def main() -> None:
        async with (
            WeexSimulator(step_s=0.01) as venue,
            WeexWebSocketClient(config(venue), backoff_base=0.01) as client,
        ):
            tickers = client.stream_tickers(["BTCUSDT"])
            await anext(tickers)
            await client.reconnect()
            assert client.is_connected
            assert client.connection_attempts == 2
            sent = venue.sent["BTCUSDT@ticker"]
            await venue.wait_for(lambda: venue.sent["BTCUSDT@ticker"] > sent)
            await take(tickers, 2)

    run(main())


def test_handlers_hear_what_anybody_subscribed_to(run: Runner[None]) -> None:
    """By channel or by stream; a handler that fails hurts nobody, and one that was taken off hears nothing."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            heard: list[WeexMessage] = []
            of_one: list[str] = []

            def fail(message: WeexMessage) -> None:
                raise RuntimeError("a defect of the handler")

            def note(message: WeexMessage) -> None:
                of_one.append(message.symbol)

            client.add_message_handler("tickers", fail)
            client.add_message_handler("tickers", heard.append)
            client.add_message_handler("ethusdt@ticker", note)
            await client.subscribe("tickers", symbol="BTCUSDT")
            await client.subscribe_tickers(["ETHUSDT"])
            await client.subscribe("orderbook", symbol="BTCUSDT", level=5)
            await venue.wait_for(lambda: {one.symbol for one in heard} == {"BTCUSDT", "ETHUSDT"} and bool(of_one))
            assert all(one.topic.endswith("@ticker") for one in heard)
            assert set(of_one) == {"ETHUSDT"}
            client.remove_message_handler("tickers", heard.append)
            client.remove_message_handler("tickers", heard.append)
            count, sent = len(heard), venue.sent["BTCUSDT@ticker"]
            await venue.wait_for(lambda: venue.sent["BTCUSDT@ticker"] > sent + 1)
            assert len(heard) == count

    run(main())


def test_subscribing_by_hand_feeds_the_stream_of_all_messages(run: Runner[None]) -> None:
    """`stream_messages` has every message; what is given up stops, and what a stream shares stays."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            messages = client.stream_messages()
            first = asyncio.ensure_future(anext(messages))
            await client.subscribe("trades", symbol="BTCUSDT")
            await client.subscribe("trades", symbol="BTCUSDT")
            assert (await first).topic == "BTCUSDT@trade"
            await client.subscribe("candles", symbol="BTCUSDT", interval="5m")
            assert client.subscriptions == {"BTCUSDT@trade", "BTCUSDT@kline_5m_LAST_PRICE"}
            trades = client.stream_trades("BTCUSDT")
            await anext(trades)
            await client.unsubscribe("trades")
            await client.unsubscribe("BTCUSDT@kline_5m_LAST_PRICE")
            assert client.subscriptions == {"BTCUSDT@trade"}
            await anext(trades)
            await take(messages, 1)
            await trades.aclose()  # type: ignore[attr-defined]
            assert client.subscriptions == set()

    run(main())


@pytest.mark.parametrize(
    ("channel", "facts"),
    [
        ("moons", {}),
        ("tickers", {}),
        ("tickers", {"symbol": "BTCUSDT", "level": 5}),
        ("orderbook", {"symbol": "BTCUSDT", "level": 0}),
    ],
)
def test_a_channel_that_cannot_be_is_refused(run: Runner[None], channel: str, facts: dict[str, object]) -> None:
    """A wrong name, a missing symbol or a foreign parameter is said before anything is sent."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexWebSocketClient(config(venue)) as client:
            with pytest.raises(OptionError):
                await client.subscribe(channel, **facts)  # type: ignore[arg-type]
            assert client.subscriptions == set()

    run(main())


def test_messages_of_your_own_are_sent(run: Runner[None]) -> None:
    """A message and a PONG go out as they are on V3; without a connection that is said."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            client = WeexWebSocketClient(config(venue))
            with pytest.raises(StateError):
                await client.send_message({"method": "PING"})
            async with client:
                await client.send_message({"method": "PING"})
                await client.send_pong("1795000050000")
                await venue.wait_for(lambda: len(venue.received) == 2)
                assert venue.received == [{"method": "PING"}, {"method": "PONG"}]

    run(main())


def test_all_tickers(run: Runner[None]) -> None:
    """Without symbols every tradable one is streamed."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            found = await take(client.stream_tickers(), 4)
            assert {one.symbol for one in found} == set(venue.contract.instruments)

    run(main())


def test_the_private_socket_is_opened_by_the_first_private_stream(run: Runner[None]) -> None:
    """Entering opens one socket; a private stream opens the other, and a second one shares it."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            assert venue.connections == 1
            async with asyncio.TaskGroup() as group:
                orders = group.create_task(take(client.stream_orders(), 1))
                fills = group.create_task(take(client.stream_fills(), 1))
                await subscribed(venue, "orders", "fill")
                assert venue.connections == 2
                await venue.trade()
            assert orders.result()[0].data["status"] == "new"
            assert fills.result()[0].data["liquidity"] == "taker"
            await venue.wait_for(lambda: sorted(streams(venue, "UNSUBSCRIBE")) == ["fill", "orders"])

    run(main())
