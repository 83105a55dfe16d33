"""The documented client against the simulator: streams, sharing, ends and faults."""

from __future__ import annotations

import asyncio

import pytest

from tests.brokers.weex.venues import BUY, config, subscribed, take
from tests.conftest import Runner
from wsexample.brokers.weex.client import WeexWebSocketClient
from wsexample.brokers.weex.rest import WeexRest
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.errors import (
    CredentialsError,
    HandshakeError,
    NetworkError,
    OrderRejectedError,
    StateError,
    UnknownSymbolError,
)
from wsexample.records.orders import Balance, Position


def test_public_streams_have_the_documented_keys(run_grid: Runner[None]) -> None:
    """Tickers, books cut to the level, and trades carry texts that float takes, a time in seconds and a typed record."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            assert client.is_connected
            (ticker,) = await take(client.stream_tickers(["BTCUSDT"]), 1)
            assert float(ticker.data["last"]) > 0
            assert {"volume", "change"} <= ticker.data.keys()
            assert ticker.timestamp > 1e9
            for book in await take(client.stream_order_book("BTCUSDT"), 3):
                assert len(book.data["bids"]) == len(book.data["asks"]) == 5
                assert float(book.data["bids"][0][0]) < float(book.data["asks"][0][0])
            (trade,) = await take(client.stream_trades("cmt_btcusdt"), 1)
            assert trade.data["side"] in ("buy", "sell")

    run_grid(main())


def test_streams_share_a_socket_and_their_subscriptions(run: Runner[None]) -> None:
    """Three tasks on one client get their own symbols, and one that leaves does not stop the others."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:

            async def watch(symbol: str, count: int) -> set[str]:
                return {message.symbol for message in await take(client.stream_tickers([symbol]), count)}

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(watch(*facts)) for facts in (("BTCUSDT", 2), ("BTCUSDT", 6), ("ETHUSDT", 4))]
            assert [task.result() for task in tasks] == [{"BTCUSDT"}, {"BTCUSDT"}, {"ETHUSDT"}]
            assert venue.connections == 1
            assert client.subscriptions == set()

            def given_up() -> list[list[str]]:
                return sorted(m["params"] for m in venue.received if m["method"] == "UNSUBSCRIBE")

            await venue.wait_for(lambda: len(given_up()) >= 2)
            assert given_up() == [["BTCUSDT@ticker"], ["ETHUSDT@ticker"]]

    run(main())


def test_disconnecting_ends_streams_normally(run: Runner[None]) -> None:
    """A loop over a stream is over, without an error, and the client may connect again."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            async for _ in client.stream_tickers(["BTCUSDT"]):
                await client.disconnect()
            assert not client.is_connected
            with pytest.raises(StateError):
                await take(client.stream_tickers(["BTCUSDT"]), 1)
            await client.connect()
            assert len(await take(client.stream_tickers(["BTCUSDT"]), 1)) == 1

    run(main())


def test_a_stream_survives_a_lost_connection(run_grid: Runner[None]) -> None:
    """After a break the same loop goes on with a whole book."""

    async def main() -> None:
        async with (
            WeexSimulator(step_s=0.01) as venue,
            WeexWebSocketClient(config(venue), backoff_base=0.01) as client,
        ):
            count = 0
            async for book in client.stream_order_book("BTCUSDT", level=15):
                count += 1
                assert len(book.data["bids"]) == 15
                if count == 3:
                    venue.drop_all()
                if count == 8:
                    break
            assert client.connection_attempts == 2

    run_grid(main())


def test_exhausted_retries_raise_in_the_stream(run: Runner[None]) -> None:
    """When the venue is gone for good the loop neither hangs nor ends in silence."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue:
            client = WeexWebSocketClient(config(venue), max_retries=2, backoff_base=0.01)
            await client.connect()
            stream = client.stream_tickers(["BTCUSDT"])
            await anext(stream)
            venue.refuse_status = 503
            venue.drop_all()
            with pytest.raises(HandshakeError, match="503"):
                await take(stream, 1000)
            await client.disconnect()

    run(main())


def test_what_the_venue_refuses_is_raised(run: Runner[None]) -> None:
    """An unknown symbol is raised where it was asked for; other streams stay."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            with pytest.raises(UnknownSymbolError):
                await take(client.stream_tickers(["NOPEUSDT"]), 1)
            assert len(await take(client.stream_tickers(["BTCUSDT"]), 1)) == 1

    run(main())


def test_orders_account_and_positions(run: Runner[None]) -> None:
    """An order's way is seen whole; profit follows the mark; the account is joined with REST."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            async with WeexRest(config(venue)) as rest, asyncio.TaskGroup() as group:
                orders = group.create_task(take(client.stream_orders(), 3))
                account = group.create_task(take(client.stream_account(), 2))
                positions = group.create_task(take(client.stream_positions(), 4))
                await subscribed(venue, "orders", "account", "positions")
                await rest.submit_order(BUY)
            assert [one.data["status"] for one in orders.result()] == ["new", "partially_filled", "filled"]
            balance = account.result()[-1]
            assert isinstance(balance.record, Balance)
            assert float(balance.data["available"]) < float(balance.data["balance"])
            last = positions.result()[-1]
            assert isinstance(last.record, Position)
            assert last.data["side"] == "long"
            assert last.record.mark_price is not None
            expected = last.record.mark_price * last.record.size - (last.record.cost or 0)
            assert last.record.unrealized_pnl == expected

    run(main())


def test_positions_begin_with_what_is_held(run: Runner[None]) -> None:
    """A position opened before the stream comes first, with the venue's own profit."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            async with WeexRest(config(venue)) as rest:
                await rest.submit_order(BUY)
            (first,) = await take(client.stream_positions(), 1)
            assert first.data["symbol"] == "BTCUSDT"
            assert float(first.data["unrealized_pnl"]) < 1000

    run(main())


@pytest.mark.parametrize("changes", [{"secret_key": ""}, {"secret_key": "wrong"}])
def test_private_streams_need_good_credentials(run: Runner[None], changes: dict[str, str]) -> None:
    """Missing and wrong secrets raise at once, and public streams do without."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue, **changes)) as client:
            with pytest.raises(CredentialsError) as caught:
                await take(client.stream_orders(), 1)
            assert "wrong" not in str(caught.value).replace("is wrong", "")
            assert len(await take(client.stream_tickers(["BTCUSDT"]), 1)) == 1

    run(main())


def test_entering_without_a_venue_raises(run: Runner[None]) -> None:
    """Whoever is not there is said to be not there, after the retries."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            gone = config(venue)
        with pytest.raises(NetworkError):
            async with WeexWebSocketClient(gone, max_retries=1, backoff_base=0.01):
                pass

    run(main())


def test_rest_calls(run: Runner[None]) -> None:
    """Every call is answered, signed ones with exact identifiers, and a refusal with status 200 is raised."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexRest(config(venue)) as rest:
            assert await rest.fetch_time_ms() > 10**12
            assert {row["symbol"] for row in await rest.fetch_tickers()} == set(venue.contract.instruments)
            assert len((await rest.fetch_depth("BTCUSDT", 200))["bids"]) == 200
            assert await rest.fetch_trades("BTCUSDT") == []
            assert len((await rest.fetch_candles("BTCUSDT"))[0]) == 11
            resting = {**BUY, "type": "LIMIT", "price": "1000.0", "timeInForce": "GTC"}
            placed = await rest.submit_order(resting)
            (waiting,) = await rest.fetch_open_orders("BTCUSDT")
            assert str(waiting["orderId"]) == placed["orderId"]
            await rest.cancel_order(placed["orderId"])
            assert (await rest.fetch_order(placed["orderId"]))["status"] == "CANCELED"
            with pytest.raises(OrderRejectedError, match="does not exist"):
                await rest.cancel_order(placed["orderId"])
            assert (await rest.fetch_balances())[0]["asset"] == "USDT"
            assert await rest.fetch_positions() == []

    run(main())
