"""Options are checked when they are made, keep their defaults in one place and never print a secret."""

from __future__ import annotations

import dataclasses
import socket
import ssl
from typing import Any

import pytest

from wsexample.errors import OptionError
from wsexample.wire.options import ConnectOptions, ProxyOptions, ServeOptions, TlsOptions, checked_headers

URL = "ws://127.0.0.1:9000"


def test_options_are_frozen() -> None:
    """Nobody changes the options of a connection behind its back."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ConnectOptions(url=URL).url = "ws://elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(
    "headers", [{"A": "1", "B": "2"}, [("A", "1"), ("B", "2")], ["A: 1", "B:2"], {"A": 1, "B": b"2", "C": None}]
)
def test_headers_come_in_every_usual_form(headers: Any) -> None:
    """A mapping, pairs and lines say the same; None says nothing."""
    assert checked_headers(headers) == (("A", "1"), ("B", "2"))


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"headers": {"X": "a\r\nY: b"}}, "headers"),
        ({"headers": {"X Y": "a"}}, "headers"),
        ({"headers": "X: a"}, "headers"),
        ({"headers": ["no colon"]}, "headers"),
        ({"subprotocols": "soap"}, "subprotocols"),
        ({"origin": "a\nb"}, "origin"),
        ({"cookie": {"a": "b\r\n"}}, "cookie"),
        ({"bearer": "x\n"}, "bearer"),
        ({"auth": ("a:b", "c")}, "auth"),
        ({"auth": ("a", "c"), "bearer": "x"}, "auth"),
        ({"connect_timeout_s": 0}, "connect_timeout_s"),
        ({"connect_timeout_s": None}, "connect_timeout_s"),
        ({"handshake_timeout_s": -1}, "handshake_timeout_s"),
        ({"ping_interval_s": "20"}, "ping_interval_s"),
        ({"max_message_bytes": float("nan")}, "max_message_bytes"),
        ({"ping_payload": bytes(126)}, "ping_payload"),
        ({"ip_version": 5}, "ip_version"),
        ({"proxy": "gopher://x"}, "proxy"),
        ({"url": "http://x"}, "url"),
        ({"read_ahead_messages": 10.5}, "read_ahead_messages"),
        ({"read_ahead_bytes": 1e6}, "read_ahead_bytes"),
        ({"headers": {"X": "a\udcff"}}, "headers"),
        ({"bearer": "a\udcff"}, "bearer"),
        ({"auth": ("a", "b\udcff")}, "auth"),
        ({"url": "ws://x/\udcff"}, "url"),
    ],
)
def test_a_value_that_cannot_work_is_named(changes: dict[str, Any], option: str) -> None:
    """The error names the option, before anything is dialled."""
    with pytest.raises(OptionError) as caught:
        ConnectOptions(**{"url": URL} | changes)
    assert caught.value.option == option


def test_a_tls_socket_is_refused() -> None:
    """TLS is put on the socket here, so the socket must be plain."""
    left, right = socket.socketpair()
    with left, right:
        context = ssl.create_default_context()
        wrapped = context.wrap_socket(left, server_hostname="x", do_handshake_on_connect=False)
        with wrapped, pytest.raises(OptionError, match="plain socket"):
            ConnectOptions(url=URL, sock=wrapped)


def test_printing_options_shows_no_secret() -> None:
    """User info, tokens, cookies and secret headers are masked in the repr."""
    options = ConnectOptions(
        url="ws://me:s3cret@127.0.0.1:9000/?token=s3cret",
        headers={"X-API-KEY": "s3cret", "X": "y"},
        cookie="s3cret",
        bearer="s3cret",
        proxy="http://me:s3cret@proxy",
        tls=TlsOptions(client_cert="c", client_key_password="s3cret"),
    )
    assert "s3cret" not in repr(options)
    assert "('X', 'y')" in repr(options)


def test_printing_options_shows_what_differs_only() -> None:
    """Defaults are left out, so the repr is short."""
    assert repr(ConnectOptions(url=URL, ping_interval_s=5)) == f"ConnectOptions(url='{URL}', ping_interval_s=5)"


def test_replacing_checks_again() -> None:
    """A copy is checked like the original."""
    with pytest.raises(OptionError):
        ConnectOptions(url=URL).replace(close_timeout_s=0)


def test_cookies_come_as_text_or_mapping() -> None:
    """A mapping becomes the header's text."""
    assert ConnectOptions(url=URL, cookie={"a": "1", "b": "2"}).cookie_header == "a=1; b=2"
    assert ConnectOptions(url=URL, cookie="a=1").cookie_header == "a=1"


@pytest.mark.parametrize("changes", [{"unix_path": "/x"}, {"proxy": None}])
def test_a_way_of_ones_own_has_no_proxy(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A unix socket, or None for the proxy, goes directly whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    plain = ConnectOptions(url="ws://feed.example")
    assert plain.proxy_for(plain.target) is not None
    assert plain.replace(**changes).proxy_for(plain.target) is None


def test_a_proxy_url_and_proxy_options_are_the_same() -> None:
    """A string is short for the options."""
    short = ConnectOptions(url=URL, proxy="socks5://p:1")
    long = ConnectOptions(url=URL, proxy=ProxyOptions(url="socks5://p:1"))
    assert short.proxy_for(short.target) == long.proxy_for(long.target)


@pytest.mark.parametrize(
    "changes",
    [
        {"backlog": 0},
        {"backlog": 1.5},
        {"read_ahead_bytes": 1e6},
        {"max_connections": -1},
        {"subprotocols": "soap"},
        {"allowed_origins": "https://x"},
        {"ping_payload": bytes(126)},
        {"headers": {"X": "\r\n"}},
        {"server_header": "x\r\ny"},
    ],
)
def test_server_options_are_checked_too(changes: dict[str, Any]) -> None:
    """What cannot work on the server's side is refused as early."""
    with pytest.raises(OptionError):
        ServeOptions(**changes)
