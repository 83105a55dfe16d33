"""Origins, counts and rates are judged as the options say."""

from __future__ import annotations

import pytest

from wsexample.wire.admission import Census, RateLimit, host_may_be_anybodys, is_own_page, origin_is_allowed


@pytest.mark.parametrize(
    ("origin", "allowed", "expected"),
    [
        ("https://app.example", ["https://app.example"], True),
        ("https://APP.example:443", ["https://app.example"], True),
        ("http://app.example", ["https://app.example"], False),
        ("https://app.example:8443", ["https://app.example"], False),
        ("https://a.app.example", ["https://app.example"], False),
        ("https://a.app.example", ["https://*.app.example"], True),
        ("https://evilapp.example", ["https://*.app.example"], False),
        ("null", ["null"], True),
        ("null", ["https://app.example"], False),
        ("https://x:port", ["https://x"], False),
        ("anything", ["*"], True),
        ("https://app.example", [], False),
    ],
)
def test_origins_are_compared_as_browsers_mean_them(origin: str, allowed: list[str], expected: bool) -> None:
    """Scheme, host and port must agree; a star stands for subdomains."""
    assert origin_is_allowed(origin, allowed) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:9100", False),
        ("127.0.0.1:9100", False),
        ("[::1]:9100", False),
        ("192.168.1.7", False),
        ("trading-pc:9100", False),
        ("trading-pc.local", False),
        (None, False),
        ("evil.example:9100", True),
        ("EVIL.example.", True),
        ("127.0.0.1.evil.example", True),
        ("localhost.evil.example", True),
    ],
)
def test_a_name_that_anybody_can_register_is_told_from_an_address(host: str | None, expected: bool) -> None:
    """Addresses and names of the local network are not led here by strangers."""
    assert host_may_be_anybodys(host) is expected
    assert is_own_page(f"http://{host}", host) is (host is not None and not expected)


def test_a_census_refuses_what_is_too_much() -> None:
    """In all 503, from one address 429; who leaves makes room."""
    census = Census(3, 2)
    assert [census.admit(n, a) for n, a in enumerate("xxxyz")] == [0, 0, 429, 0, 503]
    census.leave(0)
    census.leave("unknown")
    assert (census.admit(9, "x"), len(census)) == (0, 3)


def test_a_census_without_limits_refuses_nobody() -> None:
    """Zero lifts a limit."""
    census = Census(0, 0)
    assert [census.admit(n, "x") for n in range(100)] == [0] * 100


def test_a_bucket_lets_a_burst_through_and_refills() -> None:
    """A burst at once, then as many as time brings, and never more than the burst."""
    rate = RateLimit(per_s=2, burst=3)
    assert [rate.allows(0.0) for _ in range(4)] == [True, True, True, False]
    assert [rate.allows(1.0) for _ in range(3)] == [True, True, False]
    assert [rate.allows(100.0) for _ in range(4)] == [True, True, True, False]
