"""ccxt.pro's own client of Alpaca against the simulator: nothing of it is changed but the addresses."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import Any

import pytest

from tests.conftest import Runner, missing
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches

pytestmark = pytest.mark.integration

BTC = "BTC/USD"


@pytest.fixture(autouse=True)
def _needs_ccxt() -> None:
    if importlib.util.find_spec("ccxt") is None:
        missing("ccxt is not installed")


def simulator(**options: Any) -> AlpacaSimulator:
    known = {"switches": Switches(partial_fill_chance=0.0), "quotes_per_s": 40, "trades_per_s": 20}
    return AlpacaSimulator(**{**known, **options})


def client(sim: AlpacaSimulator) -> Any:
    import ccxt.pro

    exchange = ccxt.pro.alpaca({"apiKey": DEFAULT_KEY, "secret": DEFAULT_SECRET, "enableRateLimit": False})
    exchange.urls["api"] = {
        **dict.fromkeys(("broker", "trader", "market"), sim.url),
        "ws": {"crypto": sim.data_stream_url("crypto"), "trading": sim.trading_stream_url},
    }
    return exchange


def test_market_data(run: Runner[None]) -> None:
    """Ticker, trades and order book arrive on one socket; bars of the minute come by REST."""

    async def main() -> None:
        async with simulator(warm_up_s=240, quotes_per_s=4, trades_per_s=2) as sim:
            exchange = client(sim)
            try:
                ticker = await exchange.watch_ticker(BTC)
                assert 0 < ticker["bid"] < ticker["ask"]
                assert (await exchange.watch_trades(BTC))[0]["side"] in ("buy", "sell")
                book = await exchange.watch_order_book(BTC)
                assert book["bids"][0][0] < book["asks"][0][0]
                assert len(await exchange.fetch_ohlcv(BTC, "1m", limit=3)) == 3
                assert sim.stats.connections["data"] == 1
            finally:
                await exchange.close()

    run(main())


def test_bars_of_the_stream(run: Runner[None]) -> None:
    """A bar arrives when the minute is over; time runs thirty times as fast."""

    async def main() -> None:
        async with simulator(speed=30.0) as sim:
            exchange = client(sim)
            try:
                start_ms, first, high, low, last, size = (await exchange.watch_ohlcv(BTC, "1m"))[-1]
                assert start_ms % 60_000 == 0
                assert low <= min(first, last) <= max(first, last) <= high
                assert size > 0
            finally:
                await exchange.close()

    run(main())


def test_orders_and_fills(run: Runner[None]) -> None:
    """An order placed, canceled and filled through ccxt is seen in its order and trade streams."""

    async def main() -> None:
        async with simulator() as sim:
            exchange = client(sim)
            try:
                await exchange.load_markets()
                orders = asyncio.ensure_future(exchange.watch_orders(BTC))
                trades = asyncio.ensure_future(exchange.watch_my_trades(BTC))
                await sim.wait_for("listening", 1)
                placed = await exchange.create_order(BTC, "market", "buy", 0.01)
                assert (await orders)[-1]["id"] == placed["id"]
                trade = (await trades)[-1]
                assert (trade["order"], trade["amount"], trade["side"]) == (placed["id"], 0.01, "buy")

                resting = await exchange.create_order(BTC, "limit", "buy", 0.01, 1000.0)
                await exchange.cancel_order(resting["id"])
                seen: set[str] = set()
                while "canceled" not in seen:
                    seen |= {order["status"] for order in await exchange.watch_orders(BTC)}
            finally:
                await exchange.close()

    run(main())
