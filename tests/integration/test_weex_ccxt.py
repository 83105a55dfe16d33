"""ccxt.pro's own client of WEEX against the simulator: every stream it has; nothing of it is changed but the addresses."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.conftest import Runner, missing
from wsexample.brokers.weex.dialect import WeexDialect
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.records.market import Book
from wsexample.session.session import Session

KEY, SECRET, PASSPHRASE = "weex_demo_0001", "demo-secret-0001", "demoPass1"
SWAP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
MARKETS = {"contract": (SWAP, "ETH/USDT:USDT"), "spot": (SPOT, "ETH/USDT")}
SUPPORTED = {
    "watchTicker", "watchTickers", "watchTrades", "watchTradesForSymbols", "watchOHLCV", "watchOHLCVForSymbols",
    "watchOrderBook", "watchOrderBookForSymbols", "watchBidsAsks", "watchBalance", "watchOrders", "watchMyTrades",
    "watchPositions",
}  # fmt: skip
"""What these tests watch."""


@pytest.fixture(autouse=True)
def _needs_ccxt() -> None:
    if importlib.util.find_spec("ccxt") is None:
        missing("ccxt is not installed")


@asynccontextmanager
async def meeting() -> AsyncIterator[tuple[WeexSimulator, Any]]:
    """The simulator and ccxt's client, which knows its markets."""
    import ccxt.pro

    async with WeexSimulator(step_s=0.02) as venue:
        # Its own pacing of REST calls is an option, and off: it waits three seconds before the first stream.
        exchange = ccxt.pro.weex({"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE, "enableRateLimit": False})
        http, ws = venue.rest_url, f"ws://127.0.0.1:{venue.port}"
        exchange.urls["api"] = {
            **dict.fromkeys(("public", "private", "contract", "contractPrivate"), http),
            "ws": {"spot": f"{ws}/spot/v3/ws", "contract": f"{ws}/contract/v3/ws"},
        }
        try:
            await exchange.load_markets()
            yield venue, exchange
        finally:
            await exchange.close()


def wanted(venue: WeexSimulator, method: str) -> set[str]:
    """Streams that were subscribed to, or given up."""
    return {str(name) for body in venue.received if body.get("method") == method for name in body.get("params") or ()}


def test_no_stream_is_left_out() -> None:
    """What ccxt says that it can watch is what is watched here."""
    import ccxt.pro

    has = {name for name, answer in ccxt.pro.weex().has.items() if name.startswith("watch") and answer}
    assert has == SUPPORTED


@pytest.mark.parametrize("market", MARKETS)
def test_public_streams(run: Runner[None], market: str) -> None:
    """Ticker, trades, candles and book of one symbol and of several arrive, and each can be given up."""

    async def main() -> None:
        symbol, other = MARKETS[market]
        both = [symbol, other]
        async with meeting() as (venue, exchange):
            assert (await exchange.watch_ticker(symbol))["last"] > 0
            tickers = await exchange.watch_tickers(both)
            assert set(tickers) <= set(both)
            assert (await exchange.watch_trades(symbol))[0]["side"] in ("buy", "sell")
            assert (await exchange.watch_trades_for_symbols(both))[0]["amount"] > 0
            assert (await exchange.watch_ohlcv(symbol, "1m"))[-1][4] > 0
            candles = await exchange.watch_ohlcv_for_symbols([[symbol, "5m"], [other, "1h"]])
            assert candles
            book = await exchange.watch_order_book(symbol)
            assert book["bids"][0][0] < book["asks"][0][0]
            assert len((await exchange.watch_order_book_for_symbols(both, params={"depth": "15"}))["asks"]) > 0
            for giving_up in (
                exchange.un_watch_ticker(symbol),
                exchange.un_watch_trades(symbol),
                exchange.un_watch_ohlcv(symbol, "1m"),
                exchange.un_watch_order_book(symbol),
            ):
                await giving_up
            expected = {"BTCUSDT@ticker", "BTCUSDT@trade", "BTCUSDT@kline_1m_LAST_PRICE", "BTCUSDT@depth200"}
            assert wanted(venue, "UNSUBSCRIBE") == expected

    run(main())


def test_best_bid_and_ask_of_the_spot_market(run: Runner[None]) -> None:
    """The stream that the contract market does not have."""

    async def main() -> None:
        async with meeting() as (venue, exchange):
            quote = (await exchange.watch_bids_asks([SPOT]))[SPOT]
            assert quote["bid"] < quote["ask"]
            await exchange.un_watch_bids_asks([SPOT])
            assert wanted(venue, "UNSUBSCRIBE") == {"BTCUSDT@bookTicker"}

    run(main())


async def started(venue: WeexSimulator, stream: str, watch: Awaitable[Any]) -> asyncio.Future[Any]:
    """A watch that is subscribed."""
    task = asyncio.ensure_future(watch)
    await venue.wait_for(lambda: stream in wanted(venue, "SUBSCRIBE") or task.done())
    return task


@pytest.mark.parametrize("market", MARKETS)
def test_private_streams(run: Runner[None], market: str) -> None:
    """An order placed through ccxt is seen in its orders, its trades and its balance."""

    async def main() -> None:
        symbol, kind = MARKETS[market][0], "swap" if market == "contract" else "spot"
        async with meeting() as (venue, exchange):
            orders = await started(venue, "orders", exchange.watch_orders(symbol))
            trades = await started(venue, "fill", exchange.watch_my_trades(symbol))
            balance = await started(venue, "account", exchange.watch_balance({"type": kind}))
            await venue.wait_for(lambda: "account" in wanted(venue, "SUBSCRIBE") or balance.done())
            placed = await exchange.create_order(symbol, "limit", "buy", 0.01, 70_000)
            order, trade = (await orders)[0], (await trades)[0]
            assert order["id"] == trade["order"] == placed["id"]
            assert (order["symbol"], trade["symbol"], trade["side"]) == (symbol, symbol, "buy")
            assert (await balance)["USDT"]["total"] > 0
            assert (await exchange.fetch_order(placed["id"], symbol))["status"] == "closed"
            assert (await exchange.fetch_my_trades(symbol))[0]["order"] == placed["id"]
            await exchange.un_watch_orders(params={"type": kind})
            await exchange.un_watch_my_trades(params={"type": kind})
            assert wanted(venue, "UNSUBSCRIBE") == {"orders", "fill"}

    run(main())


def test_positions(run: Runner[None]) -> None:
    """What is held comes from REST first and from the stream then."""

    async def main() -> None:
        async with meeting() as (venue, exchange):
            await exchange.create_order(SWAP, "market", "buy", 0.05)
            held = await exchange.watch_positions([SWAP])
            assert (held[0]["contracts"], held[0]["side"]) == (0.05, "long")
            changed = await started(venue, "positions", exchange.watch_positions([SWAP]))
            await exchange.create_order(SWAP, "market", "buy", 0.01)
            assert (await changed)[0]["contracts"] > 0.05
            await exchange.un_watch_positions()
            assert wanted(venue, "UNSUBSCRIBE") == {"positions"}

    run(main())


@pytest.mark.parametrize("market", MARKETS)
def test_books_are_equal_at_the_same_sequence_number(run: Runner[None], market: str) -> None:
    """ccxt's book and ours hold the same levels whenever both stand at the same number."""

    async def main() -> None:
        async with meeting() as (venue, exchange):
            url = venue.public_url if market == "contract" else venue.spot_public_url
            ours: dict[int, Book] = {}
            compared = 0
            async with Session(WeexDialect(), ["BTCUSDT@depth200"], url=url) as session:
                consumer = session.consumer(kinds={"book"})
                while compared < 20:
                    theirs = await exchange.watch_order_book(MARKETS[market][0])
                    bids, asks = _rows(theirs["bids"]), _rows(theirs["asks"])
                    number = theirs["nonce"]
                    await _reach(ours, number, lambda: consumer.receive(timeout_s=5))
                    if number in ours:
                        assert [[level.price, level.size] for level in ours[number].bids] == bids
                        assert [[level.price, level.size] for level in ours[number].asks] == asks
                        compared += 1

    run(main())


def _rows(side: Any) -> list[list[float]]:
    return [list(row[:2]) for row in side]


async def _reach(ours: dict[int, Book], number: int, receive: Callable[[], Awaitable[Any]]) -> None:
    """Read our books up to a number."""
    while not ours or max(ours) < number:
        record = await receive()
        assert isinstance(record, Book)
        assert record.sequence is not None
        ours[record.sequence] = record
