"""URLs lead where they should, and a wrong one says what is wrong with it."""

from __future__ import annotations

import pytest

from wsexample.errors import OptionError
from wsexample.wire.target import Target


@pytest.mark.parametrize(
    ("url", "address", "host_header", "resource"),
    [
        ("ws://127.0.0.1:9000", "127.0.0.1:9000", "127.0.0.1:9000", "/"),
        ("ws://example.test", "example.test:80", "example.test", "/"),
        ("wss://example.test/a/b?x=1#part", "example.test:443", "example.test", "/a/b?x=1"),
        ("wss://example.test:80", "example.test:80", "example.test:80", "/"),
        ("WS://[::1]:9000?x", "[::1]:9000", "[::1]:9000", "/?x"),
        ("ws://[fe80::1%25lo]/", "[fe80::1%lo]:80", "[fe80::1]", "/"),
        ("ws://bücher.example/ü", "xn--bcher-kva.example:80", "xn--bcher-kva.example", "/%C3%BC"),
        ("ws+unix:/run/app.sock", "/run/app.sock", "localhost", "/"),
        ("ws+unix:///run/app.sock:/feed?x=1", "/run/app.sock", "localhost", "/feed?x=1"),
    ],
)
def test_a_url_is_taken_apart(url: str, address: str, host_header: str, resource: str) -> None:
    """Address, Host header and resource follow from the URL."""
    target = Target.parse(url)
    assert (target.address, target.host_header, target.resource) == (address, host_header, resource)


def test_a_host_has_no_capitals_however_they_are_written() -> None:
    """Escaped ones and those behind an escape neither, so that a host is equal to itself; a zone keeps its own."""
    assert Target.parse("ws://A%4a%2eORG/").host == "aj.org"
    assert Target.parse("ws://[FE80::1%25Eth0]/").host == "fe80::1%Eth0"


def test_user_info_is_decoded() -> None:
    """What is percent-encoded in the URL reaches the server as it was meant."""
    target = Target.parse("ws://me%40home:p%3Ass@localhost/")
    assert (target.username, target.password) == ("me@home", "p:ss")


@pytest.mark.parametrize(
    "url",
    [
        *("ws://localhost:9000/x?y=1", "ws://[::1]:9000/", "ws://[fe80::1%25aa]/", "ws+unix:/run/a.sock:/x"),
        *("ws+unix:////run/a.sock", "ws+unix:/run/a.sock://[", "ws+unix:/run/a%3Ab.sock:/x:y"),
    ],
)
def test_a_target_gives_its_url_back(url: str) -> None:
    """Reading the URL of a target gives the same target."""
    target = Target.parse(url)
    assert Target.parse(target.url) == target


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://localhost", "ws://"),
        ("localhost:9000", "ws://"),
        ("ws://", "names no host"),
        ("ws://localhost:99999", "not a URL"),
        ("ws://localhost:0", "port 0"),
        ("ws://local host", "blank"),
        ("ws://localhost/\r\nX: y", "control character"),
        ("ws+unix:", "names no unix socket"),
        (f"ws://{'ü' * 70}.example", "look up"),
        ("ws://a%0d%0aX/", "look up"),
        ("ws://a%2Fb%40c/", "look up"),
        ("ws://localhost/\x1b", "control character"),
        ("ws+unix:/run/a%00.sock", "names no unix socket"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(url: str, words: str) -> None:
    """The message names the fault."""
    with pytest.raises(OptionError, match=words):
        Target.parse(url)


def test_a_wrong_url_does_not_show_its_password() -> None:
    """A secret in a URL that cannot be used stays hidden."""
    with pytest.raises(OptionError) as caught:
        Target.parse("wsx://me:secret@localhost")
    assert "secret" not in str(caught.value)
