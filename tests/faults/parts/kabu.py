"""`KabuClient` in a storm: token, registration and push stream go through it, and so do REST calls beside them."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.faults.parts.broker import REST_S, SOON, calling, may_be_over, strike_and_heal, until
from tests.faults.storm import Storm
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.errors import WsExampleError
from wsexample.ports import Gap, Record
from wsexample.records.market import Board

SWITCHES = Switches(
    first_board_delay_ms=0,
    thinning_ms=0,
    unsolicited_pong_interval_s=0.05,
    info_per_s=1000,
    register_per_s=1000,
    rate_penalty_s=0.1,
)


async def trial(storm: Storm) -> None:
    """Boards of two symbols, while the wallet is asked for."""
    storm.tls = None  # kabu Station speaks none
    taken: list[Record] = []
    async with KabuSimulator(switches=SWITCHES, ticks_per_s=100, seed=storm.seed) as simulator:
        proxy = storm.proxy(simulator.port)
        client = KabuClient(
            "9433 7203",
            host="127.0.0.1",
            port=proxy.port,
            password="password",
            retry=SOON,
            policy="drop_oldest",
            pong_interval_s=0.1,
            timeout_s=REST_S,
            list_check_s=0.3,
            close_timeout_s=0.05,
            unregister_on_exit=storm.draw(True, False),
        )

        async def take() -> None:
            async for record in client.records():
                taken.append(record)  # noqa: PERF401 - the trial looks at it meanwhile

        async with client:
            taking = asyncio.create_task(take())
            # silence says something only to who has heard a Pong, which is looked at once a second
            await until(
                lambda: not storm.silences or client.dialect.silence(0).frame_s is not None,
                [client.session],
                storm,
                "a Pong",
            )
            async with calling(client.rest.fetch_registry):
                with may_be_over():
                    await strike_and_heal(storm, proxy, [client.session], lambda: len(taken))
        try:
            await taking
        except WsExampleError:
            assert storm.spoils
    boards = Counter((board.symbol, board.received_ns) for board in taken if isinstance(board, Board))
    assert not boards or max(boards.values()) == 1
    if storm.ends:
        assert any(isinstance(record, Gap) for record in taken)
    assert client.delivered + client.conflated + client.dropped + client.unreadable + client.waiting == client.received
