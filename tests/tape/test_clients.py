"""Brokers' clients, recorded."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Runner
from wsexample.brokers.kabu.client import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.weex.client import WeexWebSocketClient
from wsexample.brokers.weex.config import WeexConfig
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.tape.decoding import decode
from wsexample.tape.format import Source
from wsexample.tape.reader import Tape
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


def test_weex_client(run: Runner[None], tmp_path: Path) -> None:
    """Its two sockets are two sources of a tape."""

    async def main() -> None:
        async with (
            WeexSimulator(step_s=0.01) as venue,
            Recorder(tmp_path / "a.tape", Source(url="public"), Source(url="private")) as tape,
        ):
            config = WeexConfig(
                api_key="weex_demo_0001",
                secret_key="demo-secret-0001",
                passphrase="demoPass1",
                public_url=venue.public_url,
                private_url=venue.private_url,
                rest_url=venue.rest_url,
            )
            taps = iter([tape.tap(0), tape.tap(1)])
            async with WeexWebSocketClient(config, on_session=lambda session: session.attach(next(taps))) as client:
                async for _ in client.stream_trades("BTCUSDT"):
                    break
                async for _ in client.stream_account():
                    break
        with Tape(tmp_path / "a.tape") as reader:
            public, private = reader.info().sources
        assert public.received > 1
        assert private.received > 1
        assert b"demo-secret" not in (tmp_path / "a.tape").read_bytes()

    run(main())
