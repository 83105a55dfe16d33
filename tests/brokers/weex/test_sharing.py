"""Many loops on one socket, that come and go as they like: what is wanted is what the venue sends, and nothing else."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.brokers.weex.venues import config, streams, take
from tests.conftest import Runner
from wsexample.brokers.weex.client import WeexWebSocketClient
from wsexample.brokers.weex.simulator import Switches, WeexSimulator

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@pytest.mark.parametrize("seed", range(5))
def test_loops_that_come_and_go(run: Runner[None], seed: int) -> None:
    """After a storm of joins, ends and cancellations every wanted stream flows, and no other is subscribed to."""
    draw = random.Random(seed)

    async def main() -> None:
        switches = Switches(operations_per_hour=0)
        async with (
            WeexSimulator(step_s=0.002, switches=switches) as venue,
            WeexWebSocketClient(config(venue), backoff_base=0.01) as client,
        ):
            stays = [asyncio.ensure_future(take(client.stream_tickers([symbol]), 200)) for symbol in SYMBOLS[:2]]

            async def visit() -> None:
                symbol = draw.choice(SYMBOLS)
                stream = draw.choice((client.stream_tickers([symbol]), client.stream_trades(symbol)))
                await take(stream, draw.randrange(1, 4))

            visits = [asyncio.ensure_future(visit()) for _ in range(30)]
            for each in draw.sample(visits, 10):
                await asyncio.sleep(draw.random() / 100)
                each.cancel()
            await asyncio.gather(*visits, return_exceptions=True)
            assert client.subscriptions == {f"{symbol}@ticker" for symbol in SYMBOLS[:2]}
            (peer,) = venue._peers
            await venue.wait_for(lambda: peer.topics == client.subscriptions)
            await asyncio.gather(*stays)
            assert all(one.result() for one in stays)
            assert client.subscriptions == set()

    run(main())


def test_who_leaves_and_who_comes_at_the_same_time(run: Runner[None]) -> None:
    """A stream that is given up and wanted again in the same moment flows on."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.005) as venue, WeexWebSocketClient(config(venue)) as client:
            for _ in range(10):
                first = client.stream_tickers(["BTCUSDT"])
                await anext(first)
                second = client.stream_tickers(["BTCUSDT"])
                coming = asyncio.ensure_future(anext(second))
                await first.aclose()
                await coming
                leaving = asyncio.ensure_future(second.aclose())
                await asyncio.sleep(0)
                await take(client.stream_tickers(["BTCUSDT"]), 1)
                await leaving
            assert client.subscriptions == set()
            await venue.wait_for(lambda: len(streams(venue, "UNSUBSCRIBE")) >= 10)

    run(main())


def test_who_leaves_and_is_cancelled(run: Runner[None]) -> None:
    """A cancellation in the middle of giving a stream up does not leave it half given up."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.005) as venue, WeexWebSocketClient(config(venue)) as client:
            for turns in range(6):
                stream = client.stream_tickers(["BTCUSDT"])
                await anext(stream)
                leaving = asyncio.ensure_future(stream.aclose())
                for _ in range(turns):
                    await asyncio.sleep(0)
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
                await stream.aclose()
                (peer,) = venue._peers
                await venue.wait_for(lambda peer=peer: not peer.topics)  # type: ignore[misc]
                assert client.subscriptions == set()

    run(main())


def test_who_joins_a_state_begins_with_it(run: Runner[None]) -> None:
    """A second loop over a book or a ticker that does not change gets the newest one at once."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.005) as venue, WeexWebSocketClient(config(venue)) as client:
            books, tickers = client.stream_order_book("BTCUSDT"), client.stream_tickers(["BTCUSDT"])
            await anext(books)
            await anext(tickers)
            venue.mute("BTCUSDT@depth15")
            venue.mute("BTCUSDT@ticker")
            sent = venue.sent["ETHUSDT@ticker"]
            await take(client.stream_tickers(["ETHUSDT"]), 1)
            assert venue.sent["ETHUSDT@ticker"] > sent
            async with asyncio.timeout(5):
                await take(client.stream_order_book("BTCUSDT", 15), 1)
                await take(client.stream_tickers(["BTCUSDT"]), 1)
            await books.aclose()
            await tickers.aclose()

    run(main())
