"""A client in a storm of faults: afterwards every trade and every fill has come once, and the book is the venue's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.brokers.weex.venues import config, subscribed
from tests.conftest import Runner
from wsexample.brokers.weex.client import WeexMessage, WeexWebSocketClient
from wsexample.brokers.weex.simulator import Switches, WeexSimulator

DEPTH = "BTCUSDT@depth200"
FAULTS = 25


async def _collect(stream: Any, found: list[WeexMessage]) -> None:
    async for message in stream:
        found.append(message)  # noqa: PERF401 - one by one, for others look at them meanwhile


def _fault(draw: random.Random, venue: WeexSimulator) -> None:
    """Something happens."""
    choices: list[Callable[[], object]] = [
        venue.drop_all,
        lambda: asyncio.ensure_future(venue.close_all(draw.choice((1000, 1001, 1011)))),
        lambda: venue.skip_frame(DEPTH),
        lambda: asyncio.ensure_future(venue.repeat_snapshot(DEPTH)),
        lambda: venue.send_text(draw.choice(("{", "null", '{"e":"moon"}', '{"result":true,"id":1}'))),
        lambda: venue.flood_pings(20),
        lambda: _away(venue, draw.random() / 20),
    ]
    draw.choice(choices)()


def _away(venue: WeexSimulator, seconds: float) -> None:
    venue.refuse_handshakes(503)
    venue.drop_all()
    asyncio.get_running_loop().call_later(seconds, venue.refuse_handshakes, 0)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_or_doubled(run: Runner[None], seed: int) -> None:
    """Trades and fills by their numbers, the book by its levels, the counts by their sum."""
    draw = random.Random(seed)

    async def main() -> None:
        switches = Switches(operations_per_hour=0, connects_per_5_minutes=0, rest_weight_per_10_s=0)
        async with (
            WeexSimulator(seed=seed, step_s=0.02, switches=switches) as venue,
            WeexWebSocketClient(config(venue), max_retries=None, backoff_base=0.01, backoff_max=0.02) as client,
        ):
            trades: list[WeexMessage] = []
            fills: list[WeexMessage] = []
            books: list[WeexMessage] = []
            collecting = [
                asyncio.ensure_future(_collect(client.stream_trades("BTCUSDT"), trades)),
                asyncio.ensure_future(_collect(client.stream_fills(), fills)),
                asyncio.ensure_future(_collect(client.stream_order_book("BTCUSDT", 200), books)),
            ]
            await subscribed(venue, "BTCUSDT@trade", "fill", DEPTH)
            await venue.wait_for(lambda: bool(trades) and bool(books))
            await venue.trade()
            for _ in range(FAULTS):
                _fault(draw, venue)
                await asyncio.sleep(draw.random() / 25)
                await venue.trade(size="0.0010")
            venue.refuse_handshakes(0)
            expected = {row["id"] for row in venue.desk.fills}
            await venue.wait_for(lambda: {one.data["fill_id"] for one in fills} >= expected, 10)
            instrument = venue.contract.instruments["BTCUSDT"]
            last = instrument.trades[-1]["t"]
            await venue.wait_for(lambda: last in {one.data["trade_id"] for one in trades}, 10)
            await venue.wait_for(lambda: _is_the_venues(books[-1], instrument.snapshot(200, 0)), 10)
            stats = client.stats
            assert stats.received == stats.delivered + stats.conflated + stats.dropped + stats.waiting
            assert stats.public is not None
            assert stats.public.reconnects > 0
            await client.disconnect()
            await asyncio.gather(*collecting)
            numbers = [one.data["fill_id"] for one in fills]
            assert len(numbers) == len(set(numbers))
            numbers = [one.data["trade_id"] for one in trades]
            assert len(numbers) == len(set(numbers))
            kept = [row["t"] for row in instrument.trades]
            first = kept.index(numbers[0])
            missing = set(kept[first : kept.index(last)]) - set(numbers)
            assert not missing

    run(main())


def _is_the_venues(book: WeexMessage, snapshot: dict[str, Any]) -> bool:
    """Whether a book has the levels of the venue, which stands at the same number."""
    if book.data["sequence"] != snapshot["u"]:
        return False
    ours = [[list(pair) for pair in book.data[side]] for side in ("bids", "asks")]
    assert ours == [snapshot["b"], snapshot["a"]]
    return True
