"""Each broker's client on a bad network, against its simulator: it comes back by itself, and a gap tells of each break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from tests.brokers.alpaca.simulator_calls import WHOLE
from tests.brokers.weex.venues import config
from tests.conftest import Runner
from tests.faults.conftest import MakeProxy
from tests.faults.proxy import ENDING, FAULTS, FaultProxy
from wsexample.brokers.alpaca.client import AlpacaStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.brokers.weex.client import WeexWebSocketClient
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.ports import Gap, Record
from wsexample.session.options import Retry

SOON = Retry(first_s=0.01, max_s=0.1, interval_s=0.01)
BREAKS = ["reset", "cut inside a frame", "split"]


def through(proxy: FaultProxy, url: str) -> str:
    """The same address behind the proxy."""
    return urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()


async def survive(proxy: FaultProxy, records: AsyncIterator[Record]) -> None:
    """Read before and after each fault; one that ends the connection is told as a gap before the next records."""
    for fault in BREAKS:
        FAULTS[fault](proxy)
        async with asyncio.timeout(10):
            while fault in ENDING and not isinstance(await anext(records), Gap):
                pass
            for _ in range(5):
                await anext(records)
        proxy.heal()


def test_alpaca(run: Runner[None], fault_proxy: MakeProxy) -> None:
    """Quotes of a stream."""

    async def main() -> None:
        async with AlpacaSimulator(switches=WHOLE.replace(dead_slot_s=0), quotes_per_s=100) as sim:
            proxy = fault_proxy(urlsplit(sim.stream_url).port or 0)
            facts: dict[str, Any] = {"url": through(proxy, sim.stream_url), "rest_url": sim.url, "retry": SOON}
            async with AlpacaStream(DEFAULT_KEY, DEFAULT_SECRET, quotes="AAPL", **facts) as stream:
                await survive(proxy, aiter(stream))

    run(main())


def test_kabu(run: Runner[None], fault_proxy: MakeProxy) -> None:
    """Boards, registered by HTTP over the same bad network."""

    async def main() -> None:
        switches = Switches(first_board_delay_ms=0, thinning_ms=0)
        async with KabuSimulator(switches=switches, ticks_per_s=100) as simulator:
            proxy = fault_proxy(simulator.port)
            async with KabuClient("9433", host="127.0.0.1", port=proxy.port, password="password", retry=SOON) as client:
                await survive(proxy, client.records())

    run(main())


def test_weex(run: Runner[None], fault_proxy: MakeProxy) -> None:
    """Tickers; the loop over a stream goes on over a break."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue:
            proxy = fault_proxy(urlsplit(venue.public_url).port or 0)
            settings = config(venue, public_url=through(proxy, venue.public_url))
            async with WeexWebSocketClient(settings) as client:
                tickers: AsyncIterator[Any] = client.stream_tickers(["BTCUSDT"])
                await anext(tickers)
                proxy.reset()
                for _ in range(5):
                    async with asyncio.timeout(10):
                        await anext(tickers)
                assert proxy.accepted == 2
                await tickers.aclose()  # type: ignore[attr-defined]

    run(main())
