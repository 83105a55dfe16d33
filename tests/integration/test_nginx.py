"""``wseserver`` behind nginx, TLS outside and ws inside: from Chromium, from our client and from ``wseclient``."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from tests.commands import Launch
from tests.conftest import missing
from tests.integration.parts import free_port, running
from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.wire.connection import connect
from wsexample.wire.options import ServeOptions, TlsOptions
from wsexample.wire.server import ServerConnection, serve

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RunGrid = Callable[[Any], Any]


@dataclass(frozen=True)
class Front:
    """A running nginx."""

    url: str
    ca_file: Path

    @property
    def tls(self) -> TlsOptions:
        """Settings that trust its certificate."""
        return TlsOptions(ca_file=self.ca_file)


@contextlib.contextmanager
def nginx_before(program: str, folder: Path, inside: int) -> Iterator[Front]:
    """Run nginx with TLS in front of a port, with the lines that its documentation has for WebSocket."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    port = free_port()
    (folder / "nginx.conf").write_text(f"""
        daemon off;
        {"user root;" if os.geteuid() == 0 else ""}
        worker_processes 1;
        pid {folder}/pid;
        error_log {folder}/error.log;
        events {{ worker_connections 64; }}
        http {{
            access_log off;
            client_body_temp_path {folder}/body;
            proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi;
            scgi_temp_path {folder}/scgi;
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {folder}/cert.pem;
                ssl_certificate_key {folder}/cert.pem;
                location / {{
                    proxy_pass http://127.0.0.1:{inside};
                    proxy_http_version 1.1;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection "upgrade";
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                }}
            }}
        }}
    """)
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with running(command, port, folder=folder):
        yield Front(f"wss://127.0.0.1:{port}", folder / "ca.pem")


@pytest.fixture
def front(echo_url: str, need: Callable[..., str], tmp_path: Path) -> Iterator[Front]:
    """nginx in front of a running ``wseserver``."""
    port = urlsplit(echo_url).port
    assert port is not None
    with nginx_before(need("nginx"), tmp_path, port) as front:
        yield front


@pytest.mark.parametrize("message", ["日本語", bytes(300_000), "x" * 100_000], ids=["text", "binary", "long"])
def test_our_client_reaches_wseserver_through_nginx(run_grid: RunGrid, front: Front, message: str | bytes) -> None:
    """Messages of every kind and size return, and the close is clean through both legs."""

    async def scenario() -> tuple[str | bytes, bool]:
        async with connect(front.url, tls=front.tls) as ws:
            await ws.send(message)
            answer = await ws.receive(10)
            await ws.ping()
            await ws.close(4001, "done")
            return answer, ws.was_clean

    assert run_grid(scenario()) == (message, True)


def test_wseclient_reaches_wseserver_through_nginx(front: Front, launch: Launch) -> None:
    """One message and its answer with the command, which trusts nginx's authority."""
    client = launch(
        "wseclient", front.url, "--ca", str(front.ca_file), "-x", "through nginx", "-1", stdin=subprocess.DEVNULL
    )
    assert client.finish() == 0, client.story
    assert client.out == ["through nginx"]


PAGE = """
(url) => new Promise((resolve) => {
  const ws = new WebSocket(url);
  const story = { echoes: [] };
  ws.binaryType = "arraybuffer";
  ws.onopen = () => { ws.send("日本語"); ws.send(new Uint8Array([0, 255])); ws.send("x".repeat(70000)); };
  ws.onmessage = ({ data }) => {
    story.echoes.push(typeof data === "string" ? data : Array.from(new Uint8Array(data)));
    if (story.echoes.length === 3) ws.close(4003, "browser is done");
  };
  ws.onclose = ({ code, wasClean }) => { story.code = code; story.wasClean = wasClean; resolve(story); };
})
"""


def test_a_browser_reaches_wseserver_through_nginx(
    run: Callable[[Any], Any], front: Front, need: Callable[..., str]
) -> None:
    """Chromium's WebSocket over wss gets its messages back and closes cleanly with its own code."""
    chromium = need("chromium", "chromium-browser", "google-chrome")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        missing("playwright is not installed")

    async def scenario() -> dict[str, Any]:
        async with async_playwright() as playwright:
            arguments = ["--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"]
            browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
            try:
                page = await browser.new_page(ignore_https_errors=True)
                story: dict[str, Any] = await page.evaluate(PAGE, front.url)
            finally:
                await browser.close()
        return story

    story = run(scenario())
    assert story["echoes"] == ["日本語", [0, 255], "x" * 70000]
    assert (story["code"], story["wasClean"]) == (4003, True)


def test_the_server_knows_who_is_behind_nginx(run: RunGrid, need: Callable[..., str], tmp_path: Path) -> None:
    """Told to believe one reverse proxy, it sees the client's address; a forged entry before it is ignored."""

    async def hold(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async def scenario() -> str:
        async with serve(hold, options=ServeOptions(forwarded_by=1)) as server:
            with nginx_before(need("nginx"), tmp_path, server.port) as front:
                async with connect(front.url, tls=front.tls, headers={"X-Forwarded-For": "6.6.6.6"}):
                    return next(iter(server.connections)).request.remote

    assert run(scenario()) == "127.0.0.1:0"


def test_a_server_that_is_gone_is_a_status_of_nginx(run: RunGrid, need: Callable[..., str], tmp_path: Path) -> None:
    """The client learns 502 while it is down, and of a loss while it talks."""

    async def hold(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async def scenario() -> tuple[int | None, int]:
        async with serve(hold) as server:
            with nginx_before(need("nginx"), tmp_path, server.port) as front:
                async with connect(front.url, tls=front.tls) as ws:
                    next(iter(server.connections)).abort()
                    with pytest.raises(ConnectionClosed) as lost:
                        await ws.receive(10)
                await server.close()
                with pytest.raises(HandshakeError) as refused:
                    await connect(front.url, tls=front.tls)
                return refused.value.status, lost.value.code

    assert run(scenario()) == (502, 1006)
