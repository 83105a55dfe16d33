"""Which proxy is used follows from options, environment and exceptions."""

from __future__ import annotations

from typing import Any

import pytest

from wsexample.errors import OptionError
from wsexample.wire.proxy_rules import Proxy, ProxyOptions, choose_proxy, is_exempt
from wsexample.wire.target import Target

WS = Target.parse("ws://feed.example:9000")
WSS = Target.parse("wss://feed.example")


def chosen(target: Target, environ: dict[str, str], options: ProxyOptions | None = ProxyOptions()) -> str | None:  # noqa: B008
    proxy = choose_proxy(target, options, environ)
    return None if proxy is None else f"{proxy.scheme}://{proxy.address}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy:3128", ("http", "proxy", 3128)),
        ("proxy:3128", ("http", "proxy", 3128)),
        ("http://proxy", ("http", "proxy", 80)),
        ("https://proxy", ("https", "proxy", 443)),
        ("socks5h://[::1]", ("socks5h", "::1", 1080)),
    ],
)
def test_a_proxy_url_is_taken_apart(url: str, expected: tuple[str, str, int]) -> None:
    """Kind, host and port follow from the URL, with the kind's usual port."""
    proxy = Proxy.parse(url)
    assert (proxy.scheme, proxy.host, proxy.port) == expected


def test_a_proxys_user_info_is_decoded_and_hidden() -> None:
    """The password is there for the proxy and for nobody who prints it."""
    proxy = Proxy.parse("http://me:p%40ss@proxy:1")
    assert (proxy.username, proxy.password) == ("me", "p@ss")
    assert "p@ss" not in repr(proxy)


@pytest.mark.parametrize("url", ["ftp://proxy", "http://", "http://proxy:x"])
def test_a_wrong_proxy_url_is_refused(url: str) -> None:
    """An address that is none says so before anything is dialled."""
    with pytest.raises(OptionError):
        ProxyOptions(url=url)


@pytest.mark.parametrize(
    ("target", "environ", "expected"),
    [
        (WS, {"http_proxy": "http://a:1"}, "http://a:1"),
        (WS, {"HTTP_PROXY": "http://a:1"}, "http://a:1"),
        (WS, {"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:2"}, "http://a:1"),
        (WS, {"http_proxy": "http://a:1", "ws_proxy": "http://b:2"}, "http://b:2"),
        (WS, {"https_proxy": "http://a:1"}, None),
        (WS, {"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, None),
        (WS, {"all_proxy": "socks5://a:1"}, "socks5://a:1"),
        (WSS, {"https_proxy": "http://a:1"}, "http://a:1"),
        (WSS, {"http_proxy": "http://a:1"}, None),
        (WSS, {"wss_proxy": "http://b:2", "https_proxy": "http://a:1"}, "http://b:2"),
        (WSS, {"https_proxy": "http://a:1", "no_proxy": "example"}, None),
        (WSS, {"https_proxy": "http://a:1", "NO_PROXY": "other.test, feed.example"}, None),
        (Target.parse("wss://127.0.0.5"), {"https_proxy": "http://a:1"}, None),
        (Target.parse("ws://localhost"), {"http_proxy": "http://a:1"}, None),
        (Target.parse("ws+unix:/a.sock"), {"http_proxy": "http://a:1"}, None),
        (WS, {}, None),
    ],
)
def test_the_environment_chooses(target: Target, environ: dict[str, str], expected: str | None) -> None:
    """Variables by scheme, lower case first, loopback and no_proxy directly."""
    assert chosen(target, environ) == expected


def test_an_option_wins_over_the_environment() -> None:
    """A proxy that was named is used, also for this machine, whatever the environment says."""
    environ = {"http_proxy": "http://a:1", "no_proxy": "*"}
    assert chosen(Target.parse("ws://localhost"), environ, ProxyOptions(url="http://b:2")) == "http://b:2"
    assert chosen(WS, environ, None) is None


def test_the_options_exceptions_hold_for_every_kind() -> None:
    """no_proxy is honoured for SOCKS too."""
    assert chosen(WS, {}, ProxyOptions(url="socks5://b:2", no_proxy="feed.example")) is None  # type: ignore[arg-type]


def test_credentials_beside_the_url_win() -> None:
    """User and password may be given apart, so that the URL can be shown."""
    proxy = choose_proxy(WS, ProxyOptions(url="http://x:y@b:2", username="me", password="secret"), {})
    assert proxy is not None
    assert (proxy.username, proxy.password) == ("me", "secret")


def test_a_wrong_variable_is_named() -> None:
    """An error in the environment says in which variable."""
    with pytest.raises(OptionError, match="http_proxy"):
        chosen(WS, {"http_proxy": "gopher://x"})


@pytest.mark.parametrize(
    ("host", "port", "rule", "expected"),
    [
        ("example.com", 80, "example.com", True),
        ("a.example.com", 80, "example.com", True),
        ("a.example.com", 80, ".example.com", True),
        ("a.example.com", 80, "*.example.com", True),
        ("badexample.com", 80, "example.com", False),
        ("Example.COM.", 80, "example.com", True),
        ("example.com", 80, "example.com:80", True),
        ("example.com", 80, "example.com:81", False),
        ("10.1.2.3", 80, "10.0.0.0/8", True),
        ("11.1.2.3", 80, "10.0.0.0/8", False),
        ("10.1.2.3", 80, "10.1.2.3", True),
        ("10.1.2.3", 80, "10.1.2.3:80", True),
        ("10.1.2.3", 81, "10.1.2.3:80", False),
        ("::1", 80, "[::1]", True),
        ("fd00::5", 80, "fd00::/8", True),
        ("::1", 80, "10.0.0.0/8", False),
        ("anything", 80, "*", True),
        ("anything", 80, "", False),
    ],
)
def test_exceptions_match(host: str, port: int, rule: str, expected: bool) -> None:
    """Names with their subdomains, addresses, networks, ports and the star."""
    assert is_exempt(host, port, [rule]) is expected


def test_printing_proxy_options_shows_no_password() -> None:
    """Neither the URL's nor the separate password is shown."""
    shown = repr(ProxyOptions(url="http://u:secret@p:1", username="me", password="hidden", no_proxy=["a"]))
    assert "secret" not in shown
    assert "hidden" not in shown


def test_a_proxy_header_cannot_begin_a_second_line() -> None:
    """A line break in a header is refused."""
    with pytest.raises(OptionError):
        ProxyOptions(url="http://p", headers={"X": "a\r\nB: c"})


@pytest.mark.parametrize("timeout_s", [0, -1, "5", float("nan")])
def test_a_time_that_cannot_be_one_is_refused(timeout_s: Any) -> None:
    """It would be found out by a proxy that has no time to answer."""
    with pytest.raises(OptionError, match="timeout_s"):
        ProxyOptions(url="http://p", timeout_s=timeout_s)
