"""ccxt.pro's own client of WEEX against the simulator: nothing of it is changed but the addresses."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.conftest import Runner, missing
from wsexample.brokers.weex.dialect import WeexDialect
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.records.market import Book
from wsexample.session.session import Session

KEY, SECRET, PASSPHRASE = "weex_demo_0001", "demo-secret-0001", "demoPass1"
SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


@pytest.fixture(autouse=True)
def _needs_ccxt() -> None:
    if importlib.util.find_spec("ccxt") is None:
        missing("ccxt is not installed")


def client(venue: WeexSimulator) -> Any:
    import ccxt.pro

    exchange = ccxt.pro.weex({"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE})
    http, ws = venue.rest_url, f"ws://127.0.0.1:{venue.port}"
    exchange.urls["api"] = {
        **dict.fromkeys(("public", "private", "contract", "contractPrivate"), http),
        "ws": {"spot": f"{ws}/spot/v3/ws", "contract": f"{ws}/contract/v3/ws"},
    }
    return exchange


@pytest.mark.parametrize("symbol", [SWAP, SPOT])
def test_public_streams(run: Runner[None], symbol: str) -> None:
    """Ticker, trades, candles and book arrive, on contract and on spot."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.02) as venue:
            exchange = client(venue)
            try:
                assert (await exchange.watch_ticker(symbol))["last"] > 0
                assert (await exchange.watch_trades(symbol))[0]["side"] in ("buy", "sell")
                assert (await exchange.watch_ohlcv(symbol, "1m"))[-1][4] > 0
                book = await exchange.watch_order_book(symbol)
                assert book["bids"][0][0] < book["asks"][0][0]
            finally:
                await exchange.close()

    run(main())


def test_private_streams(run: Runner[None]) -> None:
    """An order placed through ccxt is seen in its order, trade, balance and position streams."""
    import asyncio

    async def main() -> None:
        async with WeexSimulator(step_s=0.02) as venue:
            exchange = client(venue)
            exchange.options["watchBalance"]["awaitBalanceSnapshot"] = False
            exchange.options["watchPositions"]["awaitPositionsSnapshot"] = False
            try:
                await exchange.load_markets()
                waiting = [
                    asyncio.ensure_future(watch)
                    for watch in (
                        exchange.watch_orders(SWAP),
                        exchange.watch_my_trades(SWAP),
                        exchange.watch_positions(),
                    )
                ]
                await venue.wait_for(lambda: sum(m.get("method") == "SUBSCRIBE" for m in venue.received) >= 3)
                row, frames = venue.desk.place(
                    {
                        "symbol": "BTCUSDT",
                        "side": "BUY",
                        "positionSide": "LONG",
                        "type": "MARKET",
                        "quantity": "0.0500",
                    },
                    1_795_000_000_000,
                )
                await venue.tell(frames)
                orders, trades, positions = await asyncio.gather(*waiting)
                assert orders[0]["id"] == trades[0]["order"] == row["id"]
                assert positions[0]["symbol"] == SWAP
            finally:
                await exchange.close()

    run(main())


def test_books_are_equal_at_the_same_sequence_number(run: Runner[None]) -> None:
    """ccxt's book and ours hold the same levels whenever both stand at the same number."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.02) as venue:
            exchange = client(venue)
            ours: dict[int, Book] = {}
            compared = 0
            try:
                async with Session(WeexDialect(), ["BTCUSDT@depth200"], url=venue.public_url) as session:
                    consumer = session.consumer(kinds={"book"})
                    while compared < 20:
                        theirs = await exchange.watch_order_book(SWAP)
                        bids, asks = (
                            [list(row[:2]) for row in theirs["bids"]],
                            [list(row[:2]) for row in theirs["asks"]],
                        )
                        number = theirs["nonce"]
                        while number not in ours and (not ours or max(ours) < number):
                            record = await consumer.receive(timeout_s=5)
                            assert isinstance(record, Book)
                            assert record.sequence is not None
                            ours[record.sequence] = record
                        if number in ours:
                            assert [[level.price, level.size] for level in ours[number].bids] == bids
                            assert [[level.price, level.size] for level in ours[number].asks] == asks
                            compared += 1
            finally:
                await exchange.close()

    run(main())
