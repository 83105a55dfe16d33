"""The victim's process: listens as a JSON job on standard input says, and answers questions about itself.

Each further line of standard input is a question; the answer is one line of JSON with what is open and what was refused.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

Ask = Callable[[], dict[str, Any]]


class Lines(logging.Handler):
    """Counts log lines by logger and level, and shows those that say that something went wrong here."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        self.counts[f"{record.name} {record.levelname.lower()}"] += 1
        if record.levelno >= logging.ERROR and self.counts[f"{record.name} {record.levelname.lower()}"] <= 3:
            print(self.format(record), file=sys.stderr)


async def serve_wire(job: dict[str, Any]) -> tuple[int, Ask, Callable[[], Awaitable[None]]]:
    """`wsexample.serve` with an echo."""
    from wsexample.wire.options import ServeOptions
    from wsexample.wire.server import ServerConnection, serve
    from wsexample.wire.tls import server_context

    refused: Counter[str] = Counter()

    async def echo(ws: ServerConnection) -> None:
        async for payload, is_binary in ws.payloads():
            await (ws.send(payload) if is_binary else ws.send_text(payload))

    async def http(request: Any) -> Any:
        from aiohttp import web

        await request.read()
        return web.Response(text="hello\n")

    def count(reason: str, remote: str) -> None:
        refused[reason] += 1

    tls = server_context(job["cert"]) if job["tls"] else None
    handler = http if job["http"] else None
    server = await serve(echo, http=handler, tls=tls, refused=count, options=ServeOptions(**job["options"]))
    return server.port, lambda: {"open": len(server._links), "refused": refused}, server.close


async def serve_autobahn(job: dict[str, Any]) -> tuple[int, Ask, Callable[[], Awaitable[None]]]:
    """The protocol classes with Autobahn's names, with the echo that beginners read."""
    from wsexample.echo import WSEServe
    from wsexample.wire.autobahn import WebSocketServerFactory, deflate_server_options

    living: set[Any] = set()

    class Quiet(WSEServe):
        def onConnect(self, request: Any) -> None:
            living.add(self)

        def onOpen(self) -> None:
            pass

        def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
            living.discard(self)

    factory = WebSocketServerFactory()
    factory.protocol = Quiet
    limit = job["options"].get("max_message_bytes", 64 * 1024 * 1024)
    more = deflate_server_options() if job["options"].get("compression") else {}
    handshake_s = job["options"].get("handshake_timeout_s", 10.0)
    factory.setProtocolOptions(maxMessagePayloadSize=limit, openHandshakeTimeout=handshake_s, failByDrop=False, **more)
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, backlog=512)

    async def close() -> None:
        server.close()

    return server.sockets[0].getsockname()[1], lambda: {"open": len(living), "refused": {}}, close


async def serve_hub(job: dict[str, Any]) -> tuple[int, Ask, Callable[[], Awaitable[None]]]:
    """A hub with its page, which publishes numbered quotes by itself."""
    from wsexample.hub.server import Hub, HubOptions
    from wsexample.hub.web import HubPages
    from wsexample.records.market import Quote

    pages = HubPages()
    hub = Hub(http=pages, options=HubOptions(**job["hub"]))
    pages.hub = await hub.start()

    async def publish() -> None:
        number = 0
        while True:
            number += 1
            hub.publish([Quote(venue="flood", symbol="A", received_ns=time.time_ns(), bid_price=float(number))])
            await asyncio.sleep(0.01)

    publishing = asyncio.create_task(publish())

    async def close() -> None:
        publishing.cancel()
        await hub.close()

    assert hub._server is not None
    links = hub._server._links
    return hub.port, lambda: {"open": len(links), "refused": hub.refused}, close


KINDS = {"serve": serve_wire, "echo": serve_autobahn, "hub": serve_hub}


async def run(job: dict[str, Any], lines: Lines) -> None:
    """Serve, and answer questions until standard input ends."""
    port, ask, close = await KINDS[job["kind"]](job)
    loop = asyncio.get_running_loop()
    print(json.dumps({"port": port}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        gc.collect()
        facts = {
            **ask(),
            "tasks": len(asyncio.all_tasks()),
            "sockets": sum(is_socket(name) for name in os.listdir("/proc/self/fd")),
            "lines": lines.counts,
        }
        print(json.dumps(facts), flush=True)
    await close()


def is_socket(name: str) -> bool:
    """Tell whether a file descriptor of this process is a socket."""
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    except OSError:
        return False


def main() -> None:
    """Do what standard input says."""
    job = json.loads(sys.stdin.readline())
    if job["lane"] == "python":
        os.environ["WSEXAMPLE_LANE"] = "skip"
    lines = Lines()
    logging.getLogger().addHandler(lines)
    logging.getLogger("wsexample").setLevel(logging.INFO)
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    factory = None
    if job["loop"] == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run(job, lines))


if __name__ == "__main__":
    main()
