"""Redirects lead where they say, never out of TLS, and take credentials to no other host."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wsexample.errors import HandshakeError
from wsexample.wire.options import ConnectOptions, TlsOptions
from wsexample.wire.redirect import next_hop

SECRETS: dict[str, Any] = {
    "headers": {"Authorization": "a", "X-API-KEY": "b", "APCA-API-KEY-ID": "c", "X-Plain": "d"},
    "cookie": "sid=1",
    "bearer": "token",
}


def hop(url: str, location: str, *, followed: int = 0, status: int = 302, **options: Any) -> ConnectOptions:
    refusal = HandshakeError("no", status=status, headers={"location": location})
    return next_hop(ConnectOptions(url=url, **options), refusal, followed)


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("ws://h:1/a/b?x", "/c", "ws://h:1/c"),
        ("ws://h:1/a/b?x", "c?d=e", "ws://h:1/a/c?d=e"),
        ("ws://h:1/a", "//other:2/c", "ws://other:2/c"),
        ("ws://h/a", "http://other/c", "ws://other/c"),
        ("ws://h/a", "https://other/c#f", "wss://other/c"),
        ("wss://h/a", "wss://other/c", "wss://other/c"),
        ("ws+unix:/run/a.sock:/x/y", "z", "ws+unix:/run/a.sock:/x/z"),
        ("ws+unix:/run/a%3Ab.sock:/x/y", "z?q", "ws+unix:/run/a%3Ab.sock:/x/z?q"),
    ],
)
def test_the_next_address_follows_from_the_location(url: str, location: str, expected: str) -> None:
    """Relative and absolute, ws and http addresses are understood."""
    there = ConnectOptions(url=hop(url, location).url).target
    assert there == ConnectOptions(url=expected).target


@pytest.mark.parametrize(
    ("url", "location", "words"),
    [
        ("wss://h/a", "ws://h/a", "TLS is not given up"),
        ("wss://h/a", "http://h/a", "TLS is not given up"),
        ("ws://h/a", "ftp://h/a", "no WebSocket address"),
        ("ws://h/a", "ws://:80/", "cannot be dialled"),
        ("ws://h/a", "ws://h%0d%0aX:%20y/", "cannot be dialled"),
        ("ws://h/a", "//[", "no address"),
        ("ws+unix:/run/a.sock", "/a\x0bb", "cannot be dialled"),
    ],
)
def test_what_is_not_followed_says_why(url: str, location: str, words: str) -> None:
    """The error tells where it would have led, and keeps the status."""
    with pytest.raises(HandshakeError, match=words) as caught:
        hop(url, location)
    assert caught.value.status == 302


def test_the_limit_holds() -> None:
    """One redirect more than allowed is an error; none allowed leaves the refusal as it is."""
    assert hop("ws://h", "/x", followed=2).url
    with pytest.raises(HandshakeError, match="more than 3 redirects"):
        hop("ws://h", "/x", followed=3)
    with pytest.raises(HandshakeError, match=r"^no$"):
        hop("ws://h", "/x", max_redirects=0)


@pytest.mark.parametrize(("status", "location"), [(403, "/x"), (302, ""), (304, "/x")])
def test_other_refusals_stay_refusals(status: int, location: str) -> None:
    """Only a redirect that names a place is one."""
    with pytest.raises(HandshakeError, match=r"^no$"):
        hop("ws://h", location, status=status)


def test_credentials_stay_with_their_host() -> None:
    """Another host gets no authorization, cookie, key, certificate or name meant for the first."""
    tls = TlsOptions(ca_file="ca", client_cert="c", client_key_password="p", verified_name="n")
    options = hop("wss://h", "wss://other", tls=tls, host="h", server_hostname="h", **SECRETS)
    assert list(options.headers) == [("X-Plain", "d")]
    assert (options.cookie, options.bearer, options.auth, options.host, options.server_hostname) == (None,) * 5
    assert options.tls == TlsOptions(ca_file="ca")


@pytest.mark.parametrize("location", ["/x", "ws://h/x", "wss://h/x"])
def test_the_same_host_keeps_them(location: str) -> None:
    """A path, or TLS on the usual port, of the same host is no stranger."""
    options = hop("ws://h", location, **SECRETS)
    assert (options.cookie, options.bearer, len(list(options.headers))) == ("sid=1", "token", 4)


def test_another_port_is_another_host() -> None:
    """Who listens on another port may be somebody else."""
    assert hop("ws://h:1", "ws://h:2", **SECRETS).cookie is None


def test_user_info_of_the_url_goes_to_the_same_host_only() -> None:
    """A URL's user and password are kept like every other credential."""
    assert hop("ws://me:pw@h", "ws://h/x").auth == ("me", "pw")
    assert hop("ws://me:pw@h", "ws://other/x").auth is None


def test_a_callable_is_filtered_too() -> None:
    """Headers asked anew lose their secrets on the way to a stranger, asynchronous ones as well."""
    assert hop("ws://h", "ws://other", headers=lambda: SECRETS["headers"]).headers() == [("X-Plain", "d")]  # type: ignore[operator]

    async def later() -> dict[str, str]:
        return dict(SECRETS["headers"])

    async def ask() -> Any:
        return await hop("ws://h", "ws://other", headers=later).headers()  # type: ignore[operator, misc]

    assert asyncio.run(ask()) == [("X-Plain", "d")]


@pytest.mark.parametrize(
    "location", ["gopher://x/" + "y" * 60_000, "ws://h:99999/" + "y" * 60_000, "ws://[" + "y" * 60_000]
)
def test_a_refusal_to_follow_is_a_sentence(location: str) -> None:
    """However long the place is to which a server would lead."""
    with pytest.raises(HandshakeError) as caught:
        hop("ws://h/a", location)
    assert len(str(caught.value)) < 500
