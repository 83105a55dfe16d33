"""The pace of REST calls, without a clock."""

from __future__ import annotations

import pytest

from wsexample.brokers.weex.config import RateLimitConfig
from wsexample.brokers.weex.pacing import CallPace


def paced(limits: RateLimitConfig, weight: int, calls: int) -> list[float]:
    """When so many calls are made that ask as soon as they may."""
    pace, now_s, made = CallPace(limits), 0.0, []
    for _ in range(calls):
        now_s += pace.wait_s(now_s, weight)
        pace.note(now_s, weight)
        made.append(round(now_s, 6))
    return made


def test_a_burst_and_then_the_rate() -> None:
    """So many calls at once, and on average the rate."""
    made = paced(RateLimitConfig(requests_per_second=10, burst_size=20), 1, 41)
    assert made == [0.0] * 20 + [2.0] * 20 + [4.0]


def test_a_minute_has_its_own_limit() -> None:
    """Calls of a minute are counted besides."""
    assert paced(RateLimitConfig(requests_per_minute=5), 1, 6)[-1] == 60.0


def test_the_venues_units_are_kept() -> None:
    """Heavy calls wait until 500 units in any ten seconds allow them."""
    assert paced(RateLimitConfig(), 200, 5) == [0.0, 0.0, 10.0, 10.0, 20.0]


def test_nothing_goes_out_while_the_venue_wants_quiet() -> None:
    """After a refusal for too many calls the next one waits."""
    pace = CallPace(RateLimitConfig())
    pace.hold_off(12.0)
    assert pace.wait_s(2.0, 1) == pytest.approx(10.0)
