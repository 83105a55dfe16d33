"""Alpaca's streams in a storm, with what they ask by REST: records flow again, and each execution comes exactly once."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from tests.faults.parts.broker import REST_S, SOON, calling, may_be_over, strike_and_heal, through, until
from tests.faults.parts.tls_front import tls_front
from tests.faults.storm import Storm
from wsexample.brokers.alpaca.client import AlpacaStream, AlpacaTradingStream
from wsexample.brokers.alpaca.rest import AlpacaTradingRest
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.errors import WsExampleError
from wsexample.ports import Record
from wsexample.records.orders import Fill

SWITCHES = Switches(dead_slot_s=0, requests_per_minute=0, partial_fill_chance=0.0)
FILLS = 30


async def trial(storm: Storm) -> None:
    """Quotes and trade updates at once; the streams under TLS where it was drawn, REST never."""
    quotes: list[Record] = []
    fills: list[Fill] = []
    secure = storm.tls is not None
    async with (
        AlpacaSimulator(switches=SWITCHES, quotes_per_s=100, seed=storm.seed) as sim,
        tls_front(urlsplit(sim.stream_url).port or 0, storm.tls[0] if storm.tls else None) as port,
    ):
        proxy = storm.proxy(port)
        rest_proxy = storm.proxy(urlsplit(sim.url).port or 0) if secure else proxy
        connect = {
            "ping_interval_s": 0.15, "ping_timeout_s": 0.15, "close_timeout_s": 0.05, "handshake_timeout_s": 0.4,
            "connect_timeout_s": 0.4, "tls": storm.tls[1] if storm.tls else None,
        }  # fmt: skip
        facts: dict[str, Any] = {
            "rest_url": through(rest_proxy, sim.url), "retry": SOON, "connect": connect, "login_timeout_s": 0.5,
            "subscribe_timeout_s": 0.5,
        }  # fmt: skip

        def address(url: str) -> str:
            url = through(proxy, url)
            return url.replace("ws://", "wss://", 1) if secure else url

        data = AlpacaStream(
            DEFAULT_KEY, DEFAULT_SECRET, quotes="AAPL", url=address(sim.stream_url), backfill=storm.draw(True, False),
            **facts,
        )  # fmt: skip
        trading = AlpacaTradingStream(
            DEFAULT_KEY, DEFAULT_SECRET, url=address(sim.trading_stream_url), check_every_s=0.5, patience_s=2.0,
            backfill=storm.draw("auto", "rest"), **facts,
        )  # fmt: skip
        rest = AlpacaTradingRest(DEFAULT_KEY, DEFAULT_SECRET, url=through(rest_proxy, sim.url))

        async def take(stream: Any, into: list[Any], kind: type) -> None:
            async for record in stream:
                if isinstance(record, kind):
                    into.append(record)  # noqa: PERF401 - the trial looks at it meanwhile

        async with data, trading, rest:
            taking = [
                asyncio.create_task(take(data, quotes, object)),
                asyncio.create_task(take(trading, fills, Fill)),
            ]
            sim.start_fills(FILLS, 100)
            call = rest.fetch_clock
            async with calling(lambda: asyncio.wait_for(call(), 10 * REST_S)):
                with may_be_over():
                    await strike_and_heal(storm, proxy, [data, trading], lambda: len(quotes))
                    place = [_place(fill) for fill in fills]
                    await until(
                        lambda: len({_place(fill) for fill in fills}) >= FILLS, [data, trading], storm,
                        f"every execution, of which there are {len(place)}",
                    )  # fmt: skip
        for ended in await asyncio.gather(*taking, return_exceptions=True):
            assert ended is None or (storm.spoils and isinstance(ended, WsExampleError)), ended
        happened = {(str(one.order_id), str(one.cum_qty)) for one in sim.account.activities}
    places = [_place(fill) for fill in fills]
    assert len(places) == len(set(places)) or storm.spoils, "an execution came twice"
    assert storm.spoils or {order for order, _ in places} == {order for order, _ in happened}
    if storm.ends:
        assert data.stats.gaps + trading.stats.gaps >= 1


def _place(fill: Fill) -> tuple[str, str]:
    return fill.order_id, str(fill.cumulative_size)
