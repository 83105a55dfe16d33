"""What a session is told is checked before it starts."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from wsexample.errors import OptionError
from wsexample.session.options import Retry, SessionOptions


@pytest.mark.parametrize(
    ("facts", "option"),
    [
        ({"policy": "forget"}, "policy"),
        ({"limit": 0}, "limit"),
        ({"open_timeout_s": float("nan")}, "open_timeout_s"),
        ({"login_timeout_s": -1}, "login_timeout_s"),
        ({"backfill_limit": True}, "backfill_limit"),
        ({"lag_allowance_s": -0.1}, "lag_allowance_s"),
        ({"lossless": "trade"}, "lossless"),
        ({"subscribe_timeout_s": "10"}, "subscribe_timeout_s"),
        ({"retry": {"max_s": 1}}, "retry"),
    ],
)
def test_an_option_that_cannot_work_is_refused_by_name(facts: dict[str, Any], option: str) -> None:
    """The error names the option as the caller wrote it."""
    with pytest.raises(OptionError) as caught:
        SessionOptions(**facts)
    assert caught.value.option == option


@pytest.mark.parametrize(
    "facts",
    [
        {"first_s": -1},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"max_attempts": 0},
        {"window_s": 0},
        {"max_elapsed_s": 0},
    ],
)
def test_a_retry_that_cannot_work_is_refused(facts: dict[str, Any]) -> None:
    """Limits of zero attempts, shrinking waits and the like are the caller's mistake."""
    with pytest.raises(OptionError):
        Retry(**facts)


def test_options_are_values() -> None:
    """Equal by content, not to be changed, copied with changes; lossless is a set whatever was given."""
    options = SessionOptions(lossless=["trade"])  # type: ignore[arg-type]
    assert options == SessionOptions(lossless=frozenset({"trade"}))
    assert options.replace(limit=5).limit == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.limit = 5  # type: ignore[misc]


def test_no_failure_is_too_many_for_the_bound() -> None:
    """A count that overflows a float still has the largest wait."""
    assert Retry(factor=10.0).bound_s(10**9) == 30.0
    assert Retry(first_s=0.0).bound_s(10**9) == 0.0
