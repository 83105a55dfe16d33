"""What `docs/security.md` says of listening surfaces and of tests is so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conftest import Runner
from wsexample.brokers.alpaca.simulator import AlpacaSimulator
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.cli.exposure import exposure
from wsexample.cli.server_plan import addresses
from wsexample.echo import start_server
from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.hub.access import Access, TokenFile
from wsexample.hub.server import Hub
from wsexample.hub.web import HubPages
from wsexample.tape.format import Source
from wsexample.tape.recorder import Recorder
from wsexample.tape.server import serve_tape
from wsexample.wire.connection import connect
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Server, ServerConnection, serve

ROOT = Path(__file__).parent.parent
LOOPBACK = {"127.0.0.1", "::1"}


async def nothing(ws: ServerConnection) -> None:
    await ws.wait_closed()


@asynccontextmanager
async def everything_that_listens(folder: Path) -> AsyncIterator[dict[str, list[Server]]]:
    """Every listening surface of the package, as it is by default."""
    async with Recorder(folder / "a.tape", Source(venue="t", url="ws://venue.example/")):
        pass
    async with AsyncExitStack() as stack:
        enter: Any = stack.enter_async_context
        yield {
            "serve": [await enter(serve(nothing))],
            "serve_tape": [await enter(serve_tape(folder / "a.tape"))],
            "hub": [(await enter(Hub()))._server],
            "kabu": (await enter(KabuSimulator())).servers,
            "alpaca": [(await enter(AlpacaSimulator()))._server],
            "weex": [(await enter(WeexSimulator()))._server],
        }


def test_everything_listens_on_loopback_by_default(run: Runner[None], tmp_path: Path) -> None:
    """No surface can be reached from another machine unless somebody says so."""

    async def main() -> None:
        async with everything_that_listens(tmp_path) as servers:
            hosts = {
                name: {sock.getsockname()[0] for server in each for sock in server._listener.sockets}  # type: ignore[union-attr]
                for name, each in servers.items()
            }
        echo = await start_server(port=0)
        hosts["echo"] = {sock.getsockname()[0] for sock in echo.sockets}
        echo.close()
        assert {name: found - LOOPBACK for name, found in hosts.items()} == {name: set() for name in hosts}
        assert all(hosts.values())

    run(main())
    nothing_said = {"host": None, "port": None, "listen": (), "unix_socket": None}
    assert addresses(None, nothing_said) == [{"host": "127.0.0.1", "port": 9000}]


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:80"}], ids=str
)
def test_pages_cannot_make_faults(run: Runner[None], headers: dict[str, str]) -> None:
    """A page of another origin, and one under a name that was led here, are refused by every simulator's control."""

    async def main() -> None:
        async with (
            KabuSimulator(control=True) as kabu,
            AlpacaSimulator(control=True) as alpaca,
            WeexSimulator(control=True) as weex,
            aiohttp.ClientSession() as session,
        ):
            for sim in (kabu, alpaca, weex):
                url = f"http://localhost:{sim.port}/simulator"
                async with session.get(url, headers=headers) as answer:
                    assert answer.status in (400, 403), sim  # 400: what Windows says to a wrong name
                async with session.get(url) as answer:
                    assert answer.status == 200

    run(main())


def test_a_page_under_a_strangers_name_reads_neither_hub_nor_tape(run: Runner[None], tmp_path: Path) -> None:
    """Origin and Host agree when a name was led here; that makes nobody the hub's own page. A tape is for no page at all."""

    async def main() -> None:
        async with (
            everything_that_listens(tmp_path) as servers,
            Hub(access=Access(TokenFile(tmp_path / "tokens.json"), anybody=None)) as guarded,
        ):
            evil = {"host": "evil.example:80", "origin": "http://evil.example:80"}
            for name, path in (("hub", "/v1/stream"), ("serve_tape", "/")):
                url = f"ws://127.0.0.1:{servers[name][0].port}{path}"
                for asked in (evil, {"origin": "https://evil.example"}):
                    with pytest.raises(HandshakeError) as caught:
                        await connect(url, **asked)
                    assert caught.value.status == 403
                async with connect(url, origin=url.replace("ws", "http", 1).removesuffix(path)):
                    pass
            async with connect(guarded.url, **evil):
                pass  # such as behind a reverse proxy; it has to show a token now

    run(main())


@pytest.mark.parametrize(
    ("host", "is_told"), [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), (None, True)]
)
def test_an_open_door_is_told_loudly(host: str | None, is_told: bool) -> None:
    """Who listens where others come to says so, unless it asks who they are."""
    assert (exposure(host, "read it", "--tokens") is not None) is is_told


def test_no_page_shows_a_secret(run: Runner[None]) -> None:
    """Neither health and counters of a hub nor the answers of simulators to strangers, with faults by HTTP switched on."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            enter: Any = stack.enter_async_context
            pages = HubPages()
            pages.hub = hub = await enter(Hub(http=pages))
            kabu = await enter(KabuSimulator(password="HushPassword", control=True))
            alpaca = await enter(AlpacaSimulator(key_id="HushKey", secret_key="HushSecret", control=True))
            weex = await enter(WeexSimulator(api_key="HushA", secret_key="HushB", passphrase="HushC", control=True))
            session = await enter(aiohttp.ClientSession())
            answers = []
            for port in (hub.port, kabu.port, alpaca.port, weex.port):
                for path in (
                    "/",
                    "/health",
                    "/metrics",
                    "/simulator",
                    "/simulator/stats",
                    "/kabusapi/token",
                    "/v2/account",
                ):
                    async with session.get(f"http://localhost:{port}{path}") as answer:
                        answers.append(f"{await answer.text()} {answer.headers}")
        assert sum("drop_all" in text or "issue_token" in text for text in answers) >= 2
        assert not [text for text in answers if "Hush" in text or str(kabu.station.token) in text]

    run(main())


@pytest.mark.parametrize("by_fragments", [False, True])
def test_a_bomb_is_not_inflated(run: Runner[None], by_fragments: bool) -> None:
    """Sixteen mebibytes in a few kilobytes end with 1009 where 64 KiB are allowed."""
    told: list[int | None] = []

    async def count(ws: ServerConnection) -> None:
        try:
            await ws.receive()
        except ConnectionClosed as closed:
            told.append(closed.code)

    async def main() -> None:
        options = ServeOptions(
            compression=True, max_message_bytes=64 * 1024, deliver_fragments=by_fragments, close_timeout_s=0.3
        )
        async with serve(count, options=options) as server, connect(server.url, compression=True) as ws:
            await ws.send(bytes(16 * 1024 * 1024))
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(10)
            assert caught.value.code == 1009

    run(main())
    assert told == [1009]


def test_the_tests_of_the_threat_list_exist() -> None:
    """Each test that the document names is there."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`tests/([\w/]+\.py)::(\w+)`", text)
    assert len(named) > 20
    assert [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / "tests" / file).read_text()
    ] == []
