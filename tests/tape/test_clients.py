"""Brokers' clients, recorded."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Runner
from wsexample.brokers.kabu.client import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.tape.decoding import decode
from wsexample.tape.format import Source
from wsexample.tape.recorder import Recorder


def test_kabu_client(run: Runner[None], tmp_path: Path) -> None:
    """Boards of a client are on its tape, and come back from it."""

    async def main() -> None:
        async with KabuSimulator() as sim, Recorder(tmp_path / "a.tape", Source(venue="kabu")) as tape:
            client = KabuClient(["9433"], port=sim.port, password=sim.password, tap=tape)
            async with client:
                boards = [await client.receive() for _ in range(2)]
        played = [board for batch in decode(tmp_path / "a.tape", client.dialect) for board in batch]
        assert played[:2] == boards

    run(main())
