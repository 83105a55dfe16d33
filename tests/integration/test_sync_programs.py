"""Other people's programs that use websocket-client, run on ours by `install_as_websocket`, against servers made here."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import socketio
from aiohttp import web

from tests.sync.peer import DEADLINE_S, Conn, peer, run_in_thread

pytestmark = pytest.mark.integration

ALIAS = """
import sys
from wsexample.sync import install_as_websocket
install_as_websocket()
"""
PROOF = """
import websocket
assert websocket.__name__ == "wsexample.sync"
print(json.dumps(result))
"""


def run_program(text: str, *arguments: str) -> Any:
    """Run a program in a fresh interpreter with the alias; returns what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", f"{ALIAS}{text}{PROOF}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def serving(make: Callable[[], web.Application]) -> Iterator[int]:
    """Serve an application in a thread; yields its port."""
    box: dict[str, Any] = {}
    is_up = threading.Event()

    async def main() -> None:
        runner = web.AppRunner(make())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        box["stop"], box["loop"], box["port"] = asyncio.Event(), asyncio.get_running_loop(), runner.addresses[0][1]
        is_up.set()
        await box["stop"].wait()
        await runner.cleanup()

    wait = run_in_thread(lambda: asyncio.run(main()))
    assert is_up.wait(DEADLINE_S)
    try:
        yield box["port"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        wait()


SOCKETIO = """
import json, threading
import socketio
client = socketio.Client(reconnection=False)
got, is_done = [], threading.Event()

@client.on("tick")
def tick(data):
    got.append(data)
    if len(got) == 200:
        is_done.set()

client.connect(sys.argv[1], transports=["websocket"])
transport = client.transport()
client.emit("start", {"count": 200, "blob": b"\\x00\\x01"})
assert is_done.wait(30)
answer = client.call("ask", "日本", timeout=20)
room = type(client.eio.ws).__module__
client.disconnect()
result = {"transport": transport, "room": room, "first": got[0], "last": got[-1], "count": len(got), "answer": answer}
"""


def test_python_socketio_streams() -> None:
    """python-socketio's client connects by its websocket transport, gets two hundred events, and asks."""

    def make() -> web.Application:
        server = socketio.AsyncServer(async_mode="aiohttp")
        app = web.Application()
        server.attach(app)

        @server.on("start")
        async def start(sid: str, data: dict[str, Any]) -> None:
            assert data["blob"] == b"\x00\x01"
            for number in range(data["count"]):
                await server.emit("tick", {"number": number}, to=sid)

        @server.on("ask")
        async def ask(sid: str, data: str) -> str:
            return f"{data}!"

        return app

    with serving(make) as port:
        assert run_program(SOCKETIO, f"http://127.0.0.1:{port}") == {
            "transport": "websocket",
            "room": "wsexample.sync._core",
            "first": {"number": 0},
            "last": {"number": 199},
            "count": 200,
            "answer": "日本!",
        }


SLACK = """
import json, threading
from slack_sdk.web import WebClient
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
client = SocketModeClient(
    app_token="xapp-not-a-real-one", web_client=WebClient(token="xoxb-not-a-real-one", base_url=sys.argv[1]), ping_interval=5
)
got, is_done = [], threading.Event()

def listener(client, request):
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
    got.append(request.payload["number"])
    if len(got) == 50:
        is_done.set()

client.socket_mode_request_listeners.append(listener)
client.connect()
assert is_done.wait(30)
is_connected = client.is_connected()
room = type(client.current_session).__module__
client.close()
result = {"room": room, "count": len(got), "all": sorted(got) == list(range(50)), "connected": is_connected}
"""


def test_slack_sdk_streams() -> None:
    """slack_sdk's socket mode on websocket-client gets fifty events and acknowledges each."""
    acknowledged: set[str] = set()

    def make() -> web.Application:
        async def open_connection(request: web.Request) -> web.Response:
            return web.json_response({"ok": True, "url": f"ws://{request.host}/link"})

        async def link(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            await ws.send_json({"type": "hello", "num_connections": 1})
            for number in range(50):
                await ws.send_json({"type": "events_api", "envelope_id": f"e{number}", "payload": {"number": number}})
            async for message in ws:
                if message.type is web.WSMsgType.TEXT and message.data.startswith("{"):
                    acknowledged.add(json.loads(message.data)["envelope_id"])
            return ws

        app = web.Application()
        app.router.add_post("/apps.connections.open", open_connection)
        app.router.add_get("/link", link)
        return app

    with serving(make) as port:
        result = run_program(SLACK, f"http://127.0.0.1:{port}/")
    assert result == {"room": "wsexample.sync._app", "count": 50, "all": True, "connected": True}
    assert acknowledged == {f"e{number}" for number in range(50)}


REL = """
import json
import rel
import websocket as ws_module
got, closed = [], []

def on_close(app, code, reason):
    closed.append([code, reason])
    rel.abort()

apps = [
    ws_module.WebSocketApp(
        sys.argv[1],
        on_open=lambda app: app.send("go"),
        on_message=lambda app, message: got.append(message),
        on_close=on_close,
    )
]
for app in apps:
    app.run_forever(dispatcher=rel)
rel.signal(2, rel.abort)
rel.dispatch()
result = {"got": got, "closed": closed}
"""


def test_rel_dispatches() -> None:
    """The event loop that websocket-client's documentation names drives an app to its end."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        assert conn.read() == (1, b"go")
        for number in range(100):
            conn.send(1, b"%d" % number)
        conn.close_frame(4001, "done")
        conn.until_end()

    with peer(script) as server:
        assert run_program(REL, server.url) == {
            "got": [str(number) for number in range(100)],
            "closed": [[4001, "done"]],
        }


GEVENT = """
from gevent import monkey
monkey.patch_all()
import json
import gevent
import websocket as ws_module

def talk(number):
    ws = ws_module.create_connection(sys.argv[1], timeout=20)
    found = []
    for i in range(3):
        ws.send(f"{number}:{i}")
        found.append(ws.recv())
    ws.close()
    return found

jobs = [gevent.spawn(talk, number) for number in range(20)]
gevent.joinall(jobs, timeout=40)
result = [job.value for job in jobs]
"""


def test_greenlets_connect_side_by_side() -> None:
    """Under gevent's monkey patches, as load generators have it, one that waits holds up nobody else."""
    everybody = threading.Barrier(20)

    def script(conn: Conn) -> None:
        conn.read_head()
        everybody.wait(DEADLINE_S)  # nobody is answered before all have asked
        conn.answer()
        for _ in range(3):
            conn.send(*conn.read())
        conn.until_end()
        conn.close_frame()

    with peer(script) as server:
        assert run_program(GEVENT, server.url) == [[f"{n}:{i}" for i in range(3)] for n in range(20)]
