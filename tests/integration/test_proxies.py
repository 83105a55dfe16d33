"""Through real proxies: proxy.py, squid, microsocks and dante; ws and wss, right and wrong passwords."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.parts import free_port, running
from wsexample.errors import DialError, ProxyError
from wsexample.wire.connection import connect
from wsexample.wire.options import ProxyOptions, TlsOptions
from wsexample.wire.server import ServerConnection, serve
from wsexample.wire.trace import Trace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RunGrid = Callable[[Any], Any]
Need = Callable[..., str]


async def echo(ws: ServerConnection) -> None:
    async for message in ws:
        await ws.send(message)


def find(*names: str) -> str:
    """Return the path of a program; skip when it is missing, fail on CI."""
    for name in names:
        path = shutil.which(name) or shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin")
        if path:
            return path
    if os.environ.get("CI"):
        pytest.fail(f"missing on CI: {names[0]} is not installed")
    pytest.skip(f"{names[0]} is not installed")


@contextlib.contextmanager
def proxy_py(folder: Path, *more: str) -> Iterator[str]:
    """proxy.py, an HTTP proxy in Python."""
    port = free_port()
    command = [find("proxy"), "--hostname", "127.0.0.1", "--port", str(port), "--basic-auth", "user:secret"]
    with running([*command, "--num-workers", "1", "--num-acceptors", "1", *more], port, folder=folder):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def squid(_: Path) -> Iterator[str]:
    """squid, the HTTP proxy of many companies; its user cannot enter pytest's folders, so it has one of its own."""
    with tempfile.TemporaryDirectory(prefix="squid") as name, _squid_in(Path(name)) as address:
        yield address


@contextlib.contextmanager
def _squid_in(folder: Path) -> Iterator[str]:
    program = find("squid")
    helpers = glob.glob("/usr/lib*/squid/basic_ncsa_auth") + glob.glob("/usr/libexec/squid/basic_ncsa_auth")
    if not helpers:
        pytest.skip("squid's basic_ncsa_auth is not installed")
    port = free_port()
    name = f"wsexample{port}"
    hashed = subprocess.run([find("openssl"), "passwd", "-apr1", "secret"], check=True, capture_output=True, text=True)
    (folder / "passwd").write_text(f"user:{hashed.stdout.strip()}\n")
    config = f"""
        http_port 127.0.0.1:{port}
        auth_param basic program {helpers[0]} {folder}/passwd
        acl authed proxy_auth REQUIRED
        http_access allow authed
        http_access deny all
        cache deny all
        access_log none
        cache_log {folder}/cache.log
        pid_filename none
        coredump_dir {folder}
        shutdown_lifetime 0 seconds
        pinger_enable off
    """
    if os.geteuid() == 0:  # squid gives up root, and its files must be its own then
        config += "cache_effective_user proxy\n"
        shutil.chown(folder, "proxy", "proxy")
    (folder / "squid.conf").write_text("\n".join(line.strip() for line in config.splitlines()))
    try:
        with running([program, "-N", "-n", name, "-f", str(folder / "squid.conf")], port, folder=folder):
            yield f"127.0.0.1:{port}"
    finally:
        for segment in glob.glob(f"/dev/shm/{name}*"):
            Path(segment).unlink(missing_ok=True)


@contextlib.contextmanager
def microsocks(folder: Path) -> Iterator[str]:
    """microsocks, a SOCKS5 proxy with a password."""
    port = free_port()
    command = [find("microsocks"), "-i", "127.0.0.1", "-p", str(port), "-u", "user", "-P", "secret"]
    with running(command, port, folder=folder):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def dante(folder: Path) -> Iterator[str]:
    """dante, a SOCKS4 and SOCKS5 proxy."""
    port = free_port()
    (folder / "danted.conf").write_text(
        f"logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\n"
        "clientmethod: none\nsocksmethod: none\n"
        "client pass { from: 127.0.0.0/8 to: 0/0 }\nsocks pass { from: 127.0.0.0/8 to: 0/0 }\n"
    )
    command = [find("danted", "sockd"), "-f", str(folder / "danted.conf"), "-p", str(folder / "pid")]
    with running(command, port, folder=folder):
        yield f"127.0.0.1:{port}"


PROXIES = {"proxy.py": proxy_py, "squid": squid, "microsocks": microsocks, "dante": dante}
KINDS = {
    "proxy.py": ["http"],
    "squid": ["http"],
    "microsocks": ["socks5", "socks5h"],
    "dante": ["socks4", "socks5", "socks5h"],
}
WITH_PASSWORD = ["proxy.py", "squid", "microsocks"]


@pytest.fixture(scope="module", params=sorted(PROXIES))
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Name and address of each proxy in turn."""
    name = request.param
    with PROXIES[name](tmp_path_factory.mktemp(name.replace(".", "-"))) as address:
        yield name, address


def urls(proxy: tuple[str, str], password: str = "secret") -> list[str]:
    name, address = proxy
    user = f"user:{password}@" if name in WITH_PASSWORD else ""
    return [f"{kind}://{user}{address}" for kind in KINDS[name]]


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_a_connection_goes_through(run_grid: RunGrid, proxy: tuple[str, str], tls_contexts: Any, secure: bool) -> None:
    """Small and large messages return, for each kind that the proxy speaks."""

    async def scenario() -> int:
        server_tls, client_tls = tls_contexts if secure else (None, None)
        count = 0
        async with serve(echo, tls=server_tls) as server:
            for url in urls(proxy):
                async with connect(server.url, proxy=url, tls=client_tls) as ws:
                    for message in ("hello", bytes(300_000)):
                        await ws.send(message)
                        assert await ws.receive(10) == message
                    count += 1
        return count

    assert run_grid(scenario()) == len(urls(proxy))


def test_the_environment_is_enough(run: RunGrid, proxy: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable leads through the proxy; what listens here is reached directly unless, as here, it counts as away."""
    ways: list[str] = []

    async def scenario() -> str | bytes:
        async with serve(echo) as server, connect(server.url, trace=Trace(ways.append)) as ws:
            await ws.send("x")
            return await ws.receive(10)

    monkeypatch.setenv("ws_proxy", urls(proxy)[-1])
    monkeypatch.setattr("wsexample.wire.proxy_rules._is_loopback", lambda host: False)
    assert run(scenario()) == "x"
    assert proxy[1] in ways[0]


@pytest.mark.parametrize("proxy", WITH_PASSWORD, indirect=True)
def test_a_wrong_password_is_told(run_grid: RunGrid, proxy: tuple[str, str]) -> None:
    """The proxy's refusal names the proxy and what to check, and shows no password."""

    async def scenario() -> list[ProxyError]:
        errors = []
        for url in [*urls(proxy, "wr0ng"), *(f"{kind}://{proxy[1]}" for kind in KINDS[proxy[0]])]:
            with pytest.raises(ProxyError) as caught:
                await connect("ws://127.0.0.1:9", proxy=url, connect_timeout_s=10)
            errors.append(caught.value)
        return errors

    for error in run_grid(scenario()):
        assert "password" in str(error)
        assert "wr0ng" not in str(error)
        assert error.status in (None, 407)


def test_a_peer_that_the_proxy_cannot_reach_is_told(run_grid: RunGrid, proxy: tuple[str, str]) -> None:
    """It is the way behind the proxy that failed, within the deadline."""

    async def scenario() -> list[DialError]:
        errors = []
        for url in urls(proxy):
            with pytest.raises(DialError) as caught:
                await connect(f"ws://127.0.0.1:{free_port()}", proxy=url, connect_timeout_s=10)
            errors.append(caught.value)
        return errors

    for error in run_grid(scenario()):
        assert isinstance(error, ProxyError)
        assert "could not" in str(error)


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_a_proxy_that_speaks_tls_itself(run_grid: RunGrid, tmp_path: Path, tls_contexts: Any, secure: bool) -> None:
    """An https proxy is spoken to through TLS, and wss goes through it in a second one."""
    ca = trustme.CA()
    cert = ca.issue_cert("127.0.0.1")
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    more = ["--cert-file", str(tmp_path / "cert.pem"), "--key-file", str(tmp_path / "key.pem")]

    async def scenario(address: str) -> tuple[str | bytes, ProxyError]:
        server_tls, client_tls = tls_contexts if secure else (None, None)
        trusted = ProxyOptions(url=f"https://user:secret@{address}", tls=TlsOptions(ca_file=tmp_path / "ca.pem"))
        async with serve(echo, tls=server_tls) as server:
            async with connect(server.url, proxy=trusted, tls=client_tls) as ws:
                await ws.send(bytes(200_000))
                answer = await ws.receive(10)
            with pytest.raises(ProxyError) as caught:
                await connect(server.url, proxy=f"https://user:secret@{address}", tls=client_tls)
        return answer, caught.value

    with proxy_py(tmp_path, *more) as address:
        answer, error = run_grid(scenario(address))
    assert answer == bytes(200_000)
    assert "TLS with the proxy" in str(error)
    assert isinstance(error.__cause__, ssl.SSLError)
