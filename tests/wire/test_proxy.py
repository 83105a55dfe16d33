"""A proxy that hangs, is dead, refuses or speaks something else says so by name; real ones are in tests/integration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.conftest import failure, free_port, mute, raw_peer
from wsexample.errors import DeadlineError, OptionError, ProxyError
from wsexample.wire.options import ProxyOptions, TlsOptions

RunGrid = Callable[[Any], Any]


@pytest.mark.parametrize("kind", ["http", "https", "socks4", "socks5", "socks5h"])
def test_a_proxy_that_hangs_has_a_deadline(run_grid: RunGrid, kind: str) -> None:
    """Whatever the kind, a proxy that takes the connection and says nothing is given up, by name."""

    async def scenario() -> Any:
        async with raw_peer(mute) as url:
            proxy = url.replace("ws:", f"{kind}:").rstrip("/")
            return await failure("ws://127.0.0.1:9", proxy=proxy, connect_timeout_s=0.1)

    error = run_grid(scenario())
    assert isinstance(error, DeadlineError)
    assert (error.step, "proxy" in str(error)) == ("proxy", True)


@pytest.mark.parametrize("kind", ["http", "socks5h"])
def test_a_dead_proxy_is_named(run_grid: RunGrid, kind: str) -> None:
    """It is the proxy that refused, not the peer."""
    port = free_port()
    error = run_grid(failure("ws://127.0.0.1:9", proxy=f"{kind}://127.0.0.1:{port}"))
    assert isinstance(error, ProxyError)
    assert error.address == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("kind", "response", "status", "words"),
    [
        ("http", b"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n", 407, "asks for a user"),
        ("http", b"HTTP/1.1 502 Bad\r\n\r\n", 502, "could not or would not"),
        ("http", b"\x05\xff" + bytes(70_000), None, "is it an HTTP proxy"),
        ("http", b"", None, "without an answer"),
        ("socks5", b"HTTP/1.1 400 Bad\r\n\r\n", None, "could not connect"),
        ("socks5", b"\x05\xff", None, "asks for a user"),
        ("socks5", b"\x05\x00\x05\x02\x00\x01\0\0\0\0\0\0", None, "could not connect"),
        ("socks4", b"\x00\x5b\0\0\0\0\0\0", None, "could not connect"),
        ("socks5", b"", None, "proxy"),
    ],
)
def test_a_proxy_that_refuses_says_why(
    run_grid: RunGrid, kind: str, response: bytes, status: int | None, words: str
) -> None:
    """Missing credentials, an unreachable peer, another protocol and a sudden end are told apart."""

    async def scenario() -> Any:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(response)
            await writer.drain()
            if len(response) > 1:
                await reader.read(65536)

        async with raw_peer(play) as url:
            proxy = url.replace("ws:", f"{kind}:").rstrip("/")
            return await failure("ws://127.0.0.1:9", proxy=proxy, connect_timeout_s=5)

    error = run_grid(scenario())
    assert isinstance(error, ProxyError), error
    assert (error.step, error.status) == ("proxy", status)
    assert words in str(error)


def test_connect_requests_carry_headers_and_credentials(run: RunGrid) -> None:
    """The proxy gets its own user, password and headers, and the peer's address."""

    async def scenario() -> str:
        seen: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 500 No\r\n\r\n")

        async with raw_peer(play) as url:
            proxy = ProxyOptions(url=url.replace("ws:", "http:"), username="u", password="p", headers={"X-Team": "a"})
            await failure("ws://[::1]:9/", proxy=proxy)
            return (await seen).decode()

    head = run(scenario())
    assert head.startswith("CONNECT [::1]:9 HTTP/1.1\r\nHost: [::1]:9\r\n")
    assert "Proxy-Authorization: Basic dTpw\r\n" in head
    assert "X-Team: a\r\n" in head


@pytest.mark.parametrize("kind", ["socks4", "socks5h"])
@pytest.mark.parametrize("password", ["x" * 256, "geheim\u00fc"])
def test_credentials_that_socks_cannot_carry_are_refused(run: RunGrid, kind: str, password: str) -> None:
    """They are found before the proxy is called, and not shown."""
    error = run(
        failure("ws://127.0.0.1:9", proxy=ProxyOptions(url=f"{kind}://127.0.0.1:9", username="u", password=password))
    )
    assert isinstance(error, OptionError), error
    assert password not in repr(error)


def test_a_name_that_cannot_be_told_to_the_proxy_is_named(run: RunGrid) -> None:
    """The fault is not put on the proxy."""

    async def scenario() -> Any:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"\x05\x00")
            await reader.read(100)

        async with raw_peer(play) as url:
            return await failure(f"ws://{'a' * 70}.invalid", proxy=url.replace("ws:", "socks5h:"))

    assert "is no name that can be told" in str(run(scenario()))


def test_settings_of_a_proxy_that_cannot_work_open_nothing(run: RunGrid) -> None:
    """A file of authorities that is missing is found before a socket is there that nobody would close."""

    async def scenario() -> tuple[Any, int]:
        met = []

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.append(await reader.read(1))

        async with raw_peer(play) as url:
            proxy = ProxyOptions(url=url.replace("ws:", "https:"), tls=TlsOptions(ca_file="/there/is/none.pem"))
            return await failure("ws://127.0.0.1:9", proxy=proxy), len(met)

    error, met = run(scenario())
    assert isinstance(error, OptionError)
    assert met == 0
