"""alpaca-py's own clients against the simulator: nothing of them is changed but the addresses that they offer to change."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Runner, missing
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches

pytestmark = [
    pytest.mark.integration,
    # Warnings about what alpaca-py imports are its own affair.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

WHOLE = Switches(partial_fill_chance=0.0, dead_slot_s=0.0)


@pytest.fixture(autouse=True)
def _needs_alpaca_py() -> None:
    if importlib.util.find_spec("alpaca") is None:
        missing("alpaca-py is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import alpaca.trading.stream  # noqa: F401 - imported once, with its warnings


def simulator(**options: Any) -> AlpacaSimulator:
    return AlpacaSimulator(switches=WHOLE, quotes_per_s=40, trades_per_s=20, **options)


class Seen:
    """What a handler of alpaca-py was given, and a way to wait for it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    async def take(self, item: Any) -> None:
        """The handler; runs on the loop of alpaca-py."""
        self.items.append(item)
        self._loop.call_soon_threadsafe(self._changed.set)

    async def until(self, is_enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait until enough came, and return all of it."""
        async with asyncio.timeout(15):
            while not is_enough(self.items):
                await self._changed.wait()
                self._changed.clear()
        return self.items


@contextlib.asynccontextmanager
async def running(stream: Any) -> AsyncIterator[None]:
    """Run a stream of alpaca-py in the way it is made for: ``run()`` in a thread of its own."""
    thread = threading.Thread(target=stream.run, name="alpaca-py", daemon=True)
    thread.start()
    try:
        yield
    finally:
        await asyncio.to_thread(stream.stop)
        await asyncio.to_thread(thread.join, 15.0)
        assert not thread.is_alive()


def data_stream(kind: str, sim: AlpacaSimulator) -> Any:
    from alpaca.data.live import CryptoDataStream, NewsDataStream, OptionDataStream, StockDataStream

    classes = {
        "iex": StockDataStream,
        "crypto": CryptoDataStream,
        "indicative": OptionDataStream,
        "news": NewsDataStream,
    }
    return classes[kind](DEFAULT_KEY, DEFAULT_SECRET, url_override=sim.data_stream_url(kind))


def executions_of(updates: list[Any]) -> list[str]:
    return [str(update.execution_id) for update in updates if update.event in ("fill", "partial_fill")]


def test_trading_stream(run: Runner[None]) -> None:
    """It logs in, listens, and reads every update of an order's life as its own model."""
    from alpaca.trading.models import TradeUpdate
    from alpaca.trading.stream import TradingStream

    async def main() -> None:
        async with simulator() as sim:
            seen = Seen()
            stream = TradingStream(DEFAULT_KEY, DEFAULT_SECRET, url_override=sim.trading_stream_url)
            stream.subscribe_trade_updates(seen.take)
            async with running(stream):
                await sim.wait_for("listening", 1)
                flow = sim.start_fills(30, per_s=300)
                updates = await seen.until(lambda items: len(executions_of(items)) >= 30)
                executed = executions_of(updates)
                assert executed == flow.execution_ids
                assert all(isinstance(update, TradeUpdate) for update in updates)
                assert {"new", "partial_fill", "fill"} <= {update.event for update in updates}
                sim.start_fills(
                    10_000, per_s=20
                )  # alpaca-py looks at its stop signal only when a message came or after 5 s

    run(main())


@pytest.mark.parametrize(
    ("kind", "symbol", "channels"),
    [
        ("iex", "AAPL", ("trades", "quotes")),
        ("crypto", "BTC/USD", ("trades", "quotes", "orderbooks")),
        ("indicative", "AAPL260619C00200000", ("trades", "quotes")),
    ],
)
def test_data_streams(run: Runner[None], kind: str, symbol: str, channels: tuple[str, ...]) -> None:
    """Stocks, crypto and options: typed points of every channel, of the symbol asked for."""

    async def main() -> None:
        async with simulator() as sim:
            stream = data_stream(kind, sim)
            seen = {channel: Seen() for channel in channels}
            for channel in channels:
                getattr(stream, f"subscribe_{channel}")(seen[channel].take, symbol)
            async with running(stream):
                for channel in channels:
                    points = await seen[channel].until(lambda items: len(items) >= 5)
                    assert {point.symbol for point in points} == {symbol}
                    assert all(type(point).__name__.lower() == channel.rstrip("s") for point in points)

    run(main())


def test_bars_statuses_and_corrections(run: Runner[None]) -> None:
    """The rarer messages of a stock stream; time runs thirty times as fast."""

    async def main() -> None:
        async with simulator(speed=30.0) as sim:
            stream = data_stream("iex", sim)
            bars, statuses, corrections, cancels = Seen(), Seen(), Seen(), Seen()
            stream.subscribe_trades(Seen().take, "AAPL")
            stream.subscribe_bars(bars.take, "AAPL")
            stream.subscribe_updated_bars(bars.take, "AAPL")
            stream.subscribe_daily_bars(bars.take, "AAPL")
            stream.subscribe_trading_statuses(statuses.take, "*")
            stream.register_trade_corrections(corrections.take)
            stream.register_trade_cancels(cancels.take)
            async with running(stream):
                await sim.wait_for("points:trades", 20, 10)
                sim.correct_trade("AAPL", 100.0)
                sim.cancel_trade("AAPL")
                sim.halt("AAPL")
                assert (await corrections.until(bool))[0].corrected_price == 100.0
                assert (await cancels.until(bool))[0].symbol == "AAPL"
                assert (await statuses.until(bool))[0].status_code == "H"
                assert (await bars.until(bool))[0].symbol == "AAPL"

    run(main())


def test_news_stream(run: Runner[None]) -> None:
    """An article comes with its symbols."""

    async def main() -> None:
        async with simulator() as sim:
            stream, seen = data_stream("news", sim), Seen()
            stream.subscribe_news(seen.take, "*")
            newsroom = asyncio.ensure_future(publishing(sim))
            async with running(stream):
                assert sorted((await seen.until(bool))[0].symbols) == ["AAPL", "MSFT"]
            newsroom.cancel()
            await asyncio.gather(newsroom, return_exceptions=True)

    run(main())


async def publishing(sim: AlpacaSimulator) -> None:
    """Publish an article ten times a second; alpaca-py looks at its stop signal only when a message came or after 5 s."""
    while True:
        sim.publish_news("Something happened", "AAPL MSFT")
        await asyncio.sleep(0.1)


def trading_client(sim: AlpacaSimulator) -> Any:
    from alpaca.trading.client import TradingClient

    return TradingClient(DEFAULT_KEY, DEFAULT_SECRET, paper=True, url_override=sim.url)


def test_trading_client_reads(run: Runner[None]) -> None:
    """Account, clock, calendar and assets validate against alpaca-py's strict models."""
    from alpaca.trading.requests import GetCalendarRequest

    async def main() -> None:
        async with simulator() as sim:
            client = trading_client(sim)
            account = await asyncio.to_thread(client.get_account)
            assert (account.status, account.cash) == ("ACTIVE", "100000")
            clock = await asyncio.to_thread(client.get_clock)
            assert clock.is_open
            day = clock.timestamp.date()
            days = await asyncio.to_thread(client.get_calendar, GetCalendarRequest(start=day, end=day + timedelta(10)))
            assert len(days) >= 6
            assert "AAPL" in {asset.symbol for asset in await asyncio.to_thread(client.get_all_assets)}
            assert (await asyncio.to_thread(client.get_asset, "AAPL")).tradable

    run(main())


def test_trading_client_orders(run: Runner[None]) -> None:
    """An order is placed, replaced, listed and canceled; a position is made and closed."""
    from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import GetOrdersRequest, LimitOrderRequest, MarketOrderRequest, ReplaceOrderRequest

    async def main() -> None:
        async with simulator() as sim:
            client = trading_client(sim)
            whole = {"symbol": "AAPL", "qty": 5, "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY}
            resting = await asyncio.to_thread(client.submit_order, LimitOrderRequest(**whole, limit_price=100.0))
            await _until(client, resting.id, "new")
            changed = await asyncio.to_thread(
                client.replace_order_by_id, resting.id, ReplaceOrderRequest(limit_price=101.0)
            )
            assert changed.replaces == resting.id
            await _until(client, changed.id, "new")
            wanted = GetOrdersRequest(status=QueryOrderStatus.OPEN)
            assert [order.id for order in await asyncio.to_thread(client.get_orders, wanted)] == [changed.id]
            await asyncio.to_thread(client.cancel_order_by_id, changed.id)
            await _until(client, changed.id, "canceled")

            bought = await asyncio.to_thread(client.submit_order, MarketOrderRequest(**whole))
            await _until(client, bought.id, "filled")
            (position,) = await asyncio.to_thread(client.get_all_positions)
            assert (position.symbol, position.qty) == ("AAPL", "5")
            closing = await asyncio.to_thread(client.close_position, "AAPL")
            await _until(client, closing.id, "filled")
            assert await asyncio.to_thread(client.get_all_positions) == []

    run(main())


async def _until(client: Any, order_id: Any, status: str) -> None:
    async with asyncio.timeout(10):
        while (await asyncio.to_thread(client.get_order_by_id, order_id)).status != status:
            pass


def test_trading_client_errors(run: Runner[None]) -> None:
    """Refusals come as alpaca-py's own error, with the vendor's code."""
    from alpaca.common.exceptions import APIError
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import MarketOrderRequest

    async def main() -> None:
        async with simulator() as sim:
            client = trading_client(sim)
            much = MarketOrderRequest(symbol="AAPL", qty=10**6, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
            with pytest.raises(APIError, match="insufficient buying power") as refused:
                await asyncio.to_thread(client.submit_order, much)
            assert (refused.value.status_code, refused.value.code) == (403, 40310000)

    run(main())


def test_historical_client(run: Runner[None]) -> None:
    """Bars, trades and a snapshot of the history that was simulated."""
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.requests import StockBarsRequest, StockSnapshotRequest, StockTradesRequest
    from alpaca.data.timeframe import TimeFrame

    async def main() -> None:
        async with AlpacaSimulator(switches=WHOLE, warm_up_s=300) as sim:
            client = StockHistoricalDataClient(DEFAULT_KEY, DEFAULT_SECRET, url_override=sim.url)
            begun = datetime.fromtimestamp(sim.market_ns / 1e9 - 300, UTC)
            wanted: dict[str, Any] = {"symbol_or_symbols": "AAPL", "feed": "iex"}
            of_minutes = StockBarsRequest(**wanted, start=begun, timeframe=TimeFrame.Minute)
            bars = await asyncio.to_thread(client.get_stock_bars, of_minutes)
            assert len(bars["AAPL"]) >= 3
            trades = await asyncio.to_thread(client.get_stock_trades, StockTradesRequest(**wanted, start=begun))
            assert len(trades["AAPL"]) > 10
            shot = await asyncio.to_thread(client.get_stock_snapshot, StockSnapshotRequest(**wanted))
            assert shot["AAPL"].latest_quote.bid_price > 0

    run(main())
