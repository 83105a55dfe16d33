"""WEEX: streams and REST."""

from typing import assert_type

from wsexample.brokers.weex.client import WeexConfig, WeexRest, WeexWebSocketClient
from wsexample.records.market import Ticker


async def main() -> None:
    config = WeexConfig.from_env()
    assert_type(config, WeexConfig)
    async with WeexWebSocketClient(config, max_retries=3) as client:
        async for message in client.stream_tickers(["BTCUSDT"]):
            assert_type(message.timestamp, float)
            assert_type(message.record, Ticker)
        async for trade in client.stream_trades("BTCUSDT"):
            assert_type(trade.record.price, float)
            assert_type(trade.timestamp_ms, int)
    async with WeexRest(config) as rest:
        assert_type(await rest.fetch_time_ms(), int)
