"""What `docs/security.md` says of listening surfaces and of tests is so."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.commands import Running
from tests.conftest import Runner
from wsexample.brokers.alpaca.simulator import AlpacaSimulator
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.cli.exposure import exposure
from wsexample.cli.server.plan import addresses
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
    await _tape_in(folder)
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


LISTENING = {
    "wseserver": ("wseserver", "--port", "0"),
    "wsexample hub": ("main", "hub", "--listen", "0"),
    "wsexample sim kabu": ("main", "sim", "kabu", "--port", "0"),
    "wsexample sim alpaca": ("main", "sim", "alpaca", "--port", "0"),
    "wsexample sim weex": ("main", "sim", "weex", "--port", "0"),
    "wsexample replay --serve": ("main", "replay", "a.tape", "--serve", "0"),
}
"""Every command that listens, with no more than a free port; the hub's records would come from its standard input."""
MAKE_LISTENERS = {"wire/server.py", "echo.py"}
"""The only files that open a listening socket."""
USE_LISTENERS = {"cli/server/run.py", "cli/doctor.py", "hub/server.py", "tape/server.py", *(
    f"brokers/{broker}/simulator/shell.py" for broker in ("kabu", "alpaca", "weex")
)}  # fmt: skip
"""The only files that call ``serve``; each is a row of the document."""


def listening_addresses(process: int) -> set[str]:
    """Where a process listens, as the kernel has it: hexadecimal, the bytes of each four in the machine's order."""
    inodes = set()
    for each in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            inodes.add(os.readlink(each).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in (
            Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
        ):  # those of this network, also of others
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:  # LISTEN
                found.add(words[1].partition(":")[0])
    return found


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="the kernel shows no sockets here")
def test_each_command_that_listens_is_described_and_listens_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What really listens when a command is started with no more than a port is loopback, and the table has a row for it."""
    monkeypatch.chdir(tmp_path)
    asyncio.run(_tape_in(tmp_path))
    table = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("## Threats")[0]
    running = {name: Running(words[0], *words[1:], stdin=subprocess.PIPE) for name, words in LISTENING.items()}
    try:
        for name, one in running.items():
            one.wait_for("127.0.0.1" if "kabu" not in name else "localhost")
            ends_s = time.monotonic() + 10.0
            found: set[str] = set()
            while not found:  # a table that changes is not read whole
                found = listening_addresses(one.process.pid) if one.process.poll() is None else set()
                assert one.process.poll() is None, one.story
                assert time.monotonic() < ends_s, name
            assert found <= {"0100007F", "00000000000000000000000001000000"}, name
            assert name.removesuffix(" --serve").rpartition(" ")[0].strip() in table or name in table, name
    finally:
        for one in running.values():
            one.close()


async def _tape_in(folder: Path) -> None:
    async with Recorder(folder / "a.tape", Source(venue="t", url="ws://venue.example/")):
        pass


def test_nothing_else_listens() -> None:
    """Sockets that listen are opened in two files, and the callers of those are the rows of the document's table."""
    makers, users = set(), set()
    for path in (ROOT / "wsexample").rglob("*.py"):
        name, text = path.relative_to(ROOT / "wsexample").as_posix(), path.read_text(encoding="utf-8")
        if re.search(
            r"\.(create_server|create_unix_server|start_server|create_datagram_endpoint)\(|[a-z]\.listen\(\d", text
        ):
            makers.add(name)
        if re.search(r"(?<![\w.`])(?<!def )serve\(", text) and "import" in text and "wire.server import" in text:
            users.add(name)
    assert makers == MAKE_LISTENERS
    assert users - MAKE_LISTENERS == USE_LISTENERS


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
