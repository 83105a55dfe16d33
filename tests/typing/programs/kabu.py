"""Boards of kabu Station, and an order."""

from typing import assert_type

from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.orders import cash_order
from wsexample.brokers.kabu.rest import KabuRest, Placed
from wsexample.records.market import Board


async def main() -> None:
    async with KabuClient(
        ["9433", "7203@1"], password="...", port=18081, snapshot=True, read_ahead_messages=10
    ) as client:
        assert_type(client.rest, KabuRest)
        async for board in client:
            assert_type(board, Board)
            assert_type(board.bid_price, float | None)
            assert_type(board.symbol, str)
            break
        reply = await client.rest.fetch_board("9433")
        assert_type(reply, Board)
        order = await client.rest.submit_order(cash_order("9433@1", "buy", 100, price=2500))
        assert_type(order, Placed)
