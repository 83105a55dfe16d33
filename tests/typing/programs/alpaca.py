"""Alpaca: streams, REST, and the client for blocking programs."""

from decimal import Decimal
from typing import assert_type

from wsexample import AlpacaWebsocketClient
from wsexample.brokers.alpaca import AlpacaDataRest, AlpacaStream, AlpacaTradingRest, AlpacaTradingStream
from wsexample.ports import Record
from wsexample.records.market import Bar, Quote, Trade
from wsexample.records.orders import Account, Fill, Order, OrderRequest, Position


async def market() -> None:
    async with AlpacaStream(
        "key", "secret", quotes="AAPL MSFT", trades=["AAPL"], limit=500, connect={"ping_interval_s": 5}
    ) as stream:
        async for record in stream:
            assert_type(record, Record)
            if isinstance(record, Quote):
                assert_type(record.bid_price, float | None)
            elif isinstance(record, Trade):
                assert_type(record.price, float)
    async with AlpacaDataRest("key", "secret") as data:
        async for page in data.fetch_bars(["AAPL"], 0):
            assert_type(page, list[Bar])
        assert_type(await data.fetch_latest("quotes", ["AAPL"]), dict[str, Record])


async def account() -> None:
    async with AlpacaTradingStream("key", "secret", backfill="rest", policy="block") as stream:
        async for record in stream:
            if isinstance(record, Fill):
                assert_type(record.size, Decimal)
    async with AlpacaTradingRest("key", "secret", paper=True) as rest:
        assert_type(await rest.fetch_account(), Account)
        assert_type(await rest.fetch_positions(), list[Position])
        request = OrderRequest(symbol="AAPL", side="buy", size=Decimal(1), limit_price=Decimal("187.5"))
        order = await rest.submit_order(request)
        assert_type(order, Order)
        await rest.cancel_order(order.order_id)


class Mine(AlpacaWebsocketClient):
    def handle_trade_update(self, update: Record) -> None:
        print(update.symbol)


client = Mine("key", "secret", "sqlite:///trades.db", since_ns=0, limit=10)
client.connect(timeout_s=5)
client.disconnect()
