"""The spot market: its own streams, its private socket, its REST calls, and what it does not have."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.weex.venues import config, subscribed, take
from tests.conftest import Runner
from wsexample.brokers.weex.client import WeexRest, WeexWebSocketClient
from wsexample.brokers.weex.simulator import Market, SpotDesk, WeexSimulator
from wsexample.errors import OptionError, OrderRejectedError, RequestError
from wsexample.records.market import Quote
from wsexample.records.orders import Balance, Fill, Order

LIMIT_BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.0100"}


def spot(venue: WeexSimulator) -> Any:
    return config(venue, market="spot")


def test_public_streams(run: Runner[None]) -> None:
    """Quotes beside tickers, books, trades and candles; a ticker has no mark."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(spot(venue)) as client:
            (quote,) = await take(client.stream_quotes(["BTCUSDT"]), 1)
            assert isinstance(quote.record, Quote)
            assert float(quote.data["bid"]) < float(quote.data["ask"])
            assert quote.record.bid_size == float(quote.data["bid_size"])
            (ticker,) = await take(client.stream_tickers("BTCUSDT"), 1)
            assert "mark" not in ticker.data
            (book,) = await take(client.stream_order_book("BTC/USDT", 200), 1)
            assert len(book.data["asks"]) == 200
            (candle,) = await take(client.stream_candles("BTCUSDT_SPBL", "5m"), 1)
            assert float(candle.data["low"]) <= float(candle.data["high"])
            await take(client.stream_trades("BTCUSDT"), 1)

    run(main())


def test_private_streams(run: Runner[None]) -> None:
    """An order is seen whole; the account comes first as it is, then with every change, without a REST call for each."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(spot(venue)) as client:
            async with WeexRest(spot(venue)) as rest, asyncio.TaskGroup() as group:
                orders = group.create_task(take(client.stream_orders(), 3))
                fills = group.create_task(take(client.stream_fills(), 2))
                account = group.create_task(take(client.stream_account(), 6))
                await subscribed(venue, "orders", "fill", "account")
                await venue.wait_for(lambda: venue.calls["GET /api/v3/account/"] == 1)
                placed = await rest.submit_order({**LIMIT_BUY, "price": "70000.0"})
            assert [one.data["status"] for one in orders.result()] == ["new", "partially_filled", "filled"]
            order = orders.result()[-1].record
            assert isinstance(order, Order)
            assert order.order_id == str(placed["orderId"])
            fill = fills.result()[0].record
            assert isinstance(fill, Fill)
            assert (fill.fee_currency, fill.side) == ("BTC", "buy")
            last = account.result()[-1]
            assert isinstance(last.record, Balance)
            assert {"balance", "available", "frozen"} <= last.data.keys()
            assert venue.calls["GET /api/v3/account/"] == 1

    run(main())


def test_rest_calls(run: Runner[None]) -> None:
    """The same calls by their spot paths, signed over the trailing slash that one of them has."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexRest(spot(venue)) as rest:
            assert await rest.fetch_time_ms() > 10**12
            assert {row["symbol"] for row in await rest.fetch_symbols()} == set(await rest.fetch_tradable_symbols())
            quote = (await rest.fetch_quotes("BTCUSDT"))[0]
            assert float(quote["bidPrice"]) < float(quote["askPrice"])
            assert float((await rest.fetch_price("BTCUSDT"))["price"]) == pytest.approx(
                float(quote["bidPrice"]), rel=0.05
            )
            assert len((await rest.fetch_depth("BTCUSDT"))["bids"]) == 15
            assert len((await rest.fetch_candles("BTCUSDT"))[0]) == 11
            waiting = await rest.submit_order({**LIMIT_BUY, "price": "1000.0"})
            (usdt,) = [row for row in await rest.fetch_balances() if row["asset"] == "USDT"]
            assert float(usdt["locked"]) == pytest.approx(10.0)
            (order,) = await rest.fetch_open_orders("BTCUSDT")
            assert order["orderId"] == waiting["orderId"]
            await rest.cancel_order(str(waiting["orderId"]))
            with pytest.raises(OrderRejectedError, match="NOT_FOUND"):
                await rest.cancel_order(str(waiting["orderId"]))
            await rest.submit_order({**LIMIT_BUY, "price": "70000.0"})
            assert [row["isBuyer"] for row in await rest.fetch_fills("BTCUSDT")] == [True, True]
            assert {row["status"] for row in await rest.fetch_past_orders("BTCUSDT")} == {"CANCELED", "FILLED"}
            with pytest.raises(RequestError) as caught:
                await rest.fetch_past_orders()
            assert caught.value.code == -1141

    run(main())


def test_what_spot_does_not_have(run: Runner[None]) -> None:
    """Positions, funding and the past of candles are refused in words; so are quotes on the contract market."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexWebSocketClient(spot(venue)) as client, WeexRest(spot(venue)) as rest:
            with pytest.raises(OptionError, match="no positions"):
                await anext(client.stream_positions())
            with pytest.raises(OptionError, match="spot"):
                await rest.fetch_positions()
            with pytest.raises(OptionError):
                await rest.fetch_funding("BTCUSDT")
            with pytest.raises(OptionError, match="order_book"):
                WeexWebSocketClient(config(venue)).stream_quotes(["BTCUSDT"])

    run(main())


def test_coins_are_exchanged_and_fees_are_taken() -> None:
    """What is bought comes in less its fee; what is sold goes; nothing else changes."""
    desk = SpotDesk(Market(is_spot=True), splits_fills=False)
    before = dict(desk.coins)
    row, frames = desk.place({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}, 1)
    assert row["status"] == "FILLED"
    spent, got = before["USDT"] - desk.coins["USDT"], desk.coins["BTC"] - before["BTC"]
    assert spent == Decimal(row["cumFillValue"])
    assert (float(got), float(row["cumFillFee"])) == (0.0999, 0.0001)
    assert {channel for channel, _ in frames} == {"orders", "fill", "account"}
