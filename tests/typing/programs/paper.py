"""A strategy that does not know whether it trades on paper."""

from collections.abc import AsyncIterable
from decimal import Decimal
from typing import assert_type

from wsexample import PaperTradingEngine
from wsexample.brokers.alpaca import AlpacaTradingRest
from wsexample.paper import Fees, Fills, Instrument, Limits, Performance
from wsexample.paper.signals import SMA, Crossover
from wsexample.ports import OrderGateway, Record
from wsexample.records.market import Trade
from wsexample.records.orders import Order, OrderRequest


async def trade(records: AsyncIterable[Record], gateway: OrderGateway) -> None:
    cross = Crossover(SMA(5), SMA(20))
    async for record in records:
        if isinstance(record, Trade) and cross.update(record.price) == "buy":
            order = await gateway.submit_order(OrderRequest(symbol=record.symbol, side="buy", size=Decimal(1)))
            assert_type(order, Order)


async def main(records: AsyncIterable[Record]) -> None:
    engine = PaperTradingEngine(
        10_000,
        "USD",
        instruments=[Instrument("AAPL", tick_size=Decimal("0.01"))],
        fills=Fills(queue="through", latency_s=0.05),
        fees=Fees(taker_bps=Decimal(5)),
        limits=Limits(max_position=Decimal(10)),
    )
    await trade(engine.watch(records), engine)
    assert_type(engine.performance, Performance)
    assert_type(engine.calculate_portfolio_value(), Decimal)
    async with AlpacaTradingRest(paper=True) as rest:
        await trade(records, rest)


class Momentum(PaperTradingEngine):
    def generate_signal(self, symbol: str, price: float) -> str | None:
        return "buy" if price < 10 else None
