"""Addresses given as text: URLs, proxy addresses, `no_proxy` rules and the places that redirects lead to.

Promise: only `OptionError` (`HandshakeError` for a redirect) comes out; what was read has a host and a request line without
blanks, control characters or line ends; a URL printed and read again is the same; a redirect hands no credential to another host;
and no error quotes the password.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from wsexample.errors import HandshakeError, OptionError
from wsexample.wire.masking import mask_head, mask_log, mask_url
from wsexample.wire.options import ConnectOptions
from wsexample.wire.proxy_rules import Proxy, ProxyOptions, choose_proxy, split_rules
from wsexample.wire.redirect import next_hop
from wsexample.wire.target import Target

INSTRUMENT: tuple[str, ...] = (
    "wsexample.wire.masking",
    "wsexample.wire.options",
    "wsexample.wire.proxy_rules",
    "wsexample.wire.redirect",
    "wsexample.wire.target",
    "urllib.parse",
)
TOKENS: tuple[bytes, ...] = (
    *(
        b"ws://",
        b"wss://",
        b"ws+unix:",
        b"http://",
        b"https://",
        b"socks5h://",
        b"://",
        b"//",
        b"[::1]",
        b"[fe80::1%25eth0]",
    ),
    *(
        b"127.0.0.1",
        b"localhost",
        b"example.com",
        b"10.0.0.0/8",
        b":80",
        b":0",
        b":65536",
        b"%0d%0a",
        b"%00",
        b"@",
        b"user:pw@",
        b"?token=",
    ),
    *("株".encode(), "ß".encode(), b"xn--", b"..", b"?", b"#", b"[", b"]"),
)
SECRET = "PLANTEDsecret"
HERE = "wss://user:" + SECRET + "@example.com/a/b?c=d"


def one_input(data: bytes) -> None:
    """Read the text as each of these."""
    text = data.decode("utf-8", "replace")
    if SECRET in unquote(text):  # atheris takes words from what is compared; where nobody expects one it is no secret
        return
    for url in (text, f"ws://{text}", f"ws://user:{SECRET}@{text}", f"ws+unix:{text}"):
        _a_target(url)
    for url in (text, f"socks5h://user:{SECRET}@{text}"):
        _a_proxy(url)
    _rules(text)
    _a_redirect(text)
    _a_redirect_on_a_socket(text)
    for mask in (mask_url, mask_head, mask_log):
        mask(text)


def _a_target(url: str) -> None:
    try:
        target = Target.parse(url)
    except OptionError as error:
        _tells_nothing(str(error))
        return
    _tells_nothing(repr(target))
    assert target.host, url
    assert 0 < target.port < 65536, target
    assert target.resource.startswith("/"), target
    assert _is_one_word(target.host), target
    assert _is_one_word(target.resource), target
    assert _is_one_word(target.host_header), target
    again = Target.parse(target.url)
    assert (again.host, again.port, again.resource, again.unix_path) == (
        target.host,
        target.port,
        target.resource,
        target.unix_path,
    ), target


def _a_proxy(url: str) -> None:
    try:
        proxy = Proxy.parse(url)
    except OptionError as error:
        _tells_nothing(str(error))
        return
    _tells_nothing(repr(proxy))
    assert proxy.host, url
    assert 0 < proxy.port < 65536, proxy


def _rules(text: str) -> None:
    rules = split_rules(text)
    options = ProxyOptions(url="http://proxy:3128", no_proxy=rules)
    for url in ("ws://example.com:9000/", "wss://[2001:db8::1]/", "ws://10.1.2.3/"):
        choose_proxy(Target.parse(url), options, {})
    try:
        choose_proxy(Target.parse("ws://example.com/"), ProxyOptions(), {"ws_proxy": text, "no_proxy": text})
    except OptionError as error:
        _tells_nothing(str(error))


def _a_redirect(location: str) -> None:
    options = ConnectOptions(url=HERE, headers=[("Cookie", SECRET), ("X", "y")], cookie=f"a={SECRET}", bearer=SECRET)
    refusal = HandshakeError("HTTP 302", status=302, headers={"location": location})
    try:
        there = next_hop(options, refusal, 0)
    except HandshakeError as error:
        _tells_nothing(str(error))
        return
    assert there.target.is_secure, there
    if (there.target.host, there.target.port) != ("example.com", 443):
        assert (there.bearer, there.auth, there.cookie) == (None, None, None), there
        assert there.headers == (("X", "y"),), there
    _tells_nothing(repr(there))


def _a_redirect_on_a_socket(location: str) -> None:
    refusal = HandshakeError("HTTP 302", status=302, headers={"location": location})
    try:
        there = next_hop(ConnectOptions(url="ws+unix:/run/a%3Ab.sock:/x/y?z", bearer=SECRET), refusal, 0)
    except HandshakeError:
        return
    assert there.target.unix_path in (None, "/run/a:b.sock"), there
    assert (there.bearer is None) == (there.target.unix_path is None), there


def _is_one_word(text: str) -> bool:
    return text.isprintable() and " " not in text


def _tells_nothing(said: str) -> None:
    """Check that the planted password is not quoted."""
    assert SECRET not in said, said


def seeds() -> Iterable[bytes]:
    """Addresses as people write them."""
    yield b"ws://127.0.0.1:9000/path?a=b#c"
    yield b"wss://user:pa%2Fss@example.com/%E6%A0%AA"
    yield b"ws://[fe80::1%25eth0]:8080/"
    yield b"ws+unix:/run/app.sock:/path?q"
    yield b"socks5h://user:pw@proxy:1080"
    yield b"*.example.com, 10.0.0.0/8 [::1]:80,localhost:9000"
    yield b"//other.example/x"
    yield b"HTTP/1.1 302 Found\r\nLocation: https://u:p@h/?token=1\r\nSet-Cookie: a=b"
