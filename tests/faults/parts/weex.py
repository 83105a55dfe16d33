"""`WeexWebSocketClient` in a storm: public and private sockets and REST; streams go on, and each fill comes at most once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from tests.brokers.weex.venues import config
from tests.faults.parts.broker import calling, may_be_over, strike_and_heal, through
from tests.faults.storm import Storm
from wsexample.brokers.weex.client import WeexWebSocketClient
from wsexample.brokers.weex.config import ConnectionConfig, RetryConfig
from wsexample.brokers.weex.rest import WeexRest
from wsexample.brokers.weex.simulator import Switches, WeexSimulator
from wsexample.errors import WsExampleError
from wsexample.session.session import Session

SWITCHES = Switches(rest_weight_per_10_s=0)


async def trial(storm: Storm) -> None:
    """Trades and orders, while the time is asked for."""
    storm.tls = None  # the client's sockets have no option for the certificate of a test
    sessions: list[Session] = []
    trades: list[Any] = []
    orders: list[Any] = []
    async with WeexSimulator(step_s=0.01, seed=storm.seed, switches=SWITCHES) as venue:
        proxy = storm.proxy(venue.port)
        settings = config(
            venue,
            public_url=through(proxy, venue.public_url),
            private_url=through(proxy, venue.private_url),
            rest_url=through(proxy, venue.rest_url),
            connection=ConnectionConfig(timeout=1.0),
            retry=RetryConfig(max_retries=1, backoff_base=0.05),
        )
        client = WeexWebSocketClient(
            settings,
            max_retries=None,
            backoff_base=0.01,
            backoff_max=0.1,
            ping_interval=0.15,
            ping_timeout=0.15,
            on_session=sessions.append,
        )

        async def take(stream: Any, into: list[Any]) -> None:
            try:
                async for message in stream:
                    into.append(message)  # noqa: PERF401 - the trial looks at it meanwhile
            finally:
                await stream.aclose()

        async with client, WeexRest(settings) as rest:
            await client.connect(private=True)
            taking = [
                asyncio.create_task(take(client.stream_trades("BTCUSDT"), trades)),
                asyncio.create_task(take(client.stream_orders(), orders)),
            ]
            await venue.wait_for(lambda: any("orders" in str(body) for body in venue.received))
            async with calling(rest.fetch_time_ms):
                with may_be_over():
                    await strike_and_heal(storm, proxy, sessions, lambda: len(trades))
        for ended in await asyncio.gather(*taking, return_exceptions=True):
            assert ended is None or (storm.spoils and isinstance(ended, WsExampleError)), ended
    came = Counter(message.record.trade_id for message in trades)
    assert storm.spoils or max(came.values()) == 1, "a trade came twice"
    if storm.ends:
        assert sum(session.stats.gaps for session in sessions)
