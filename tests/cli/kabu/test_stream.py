"""The stream of ``kclient`` in this process, against the simulated kabu Station."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Runner
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.kabu import stream as kabu_stream
from wsexample.cli.kabu.wishes import wishes_of
from wsexample.cli.running import Stop


def test_nothing_waits_for_a_reader_that_there_is_not(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed reads the session; an inbox of the client that nobody reads would stop the stream once it is full of gaps."""
    clients: list[KabuClient] = []

    class Remembered(KabuClient):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            clients.append(self)

    monkeypatch.setattr(kabu_stream, "KabuClient", Remembered)

    async def main() -> None:
        async with KabuSimulator(port=0, ticks_per_s=50.0) as simulator:
            plan = kabu_stream.StreamPlan(
                wishes=wishes_of(["9433", "7203"]), key=simulator.station.issue_token(), port=simulator.port
            )
            assert await kabu_stream.run_stream(plan, FeedPlan(count=20, is_quiet=True), Stop()) == 0

    run(main())
    (client,) = clients
    assert client.session.stats.delivered >= 20
    assert client.take_waiting_records() == []
    assert client.session.stats.waiting == 0
