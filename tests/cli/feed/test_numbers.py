"""Numbers are written for people."""

from __future__ import annotations

import pytest

from wsexample.cli.feed.numbers import count_of, price_text, size_text, span_text, time_of_day

AT_NS = 1_772_590_532_400_000_000  # 2026-03-04 11:15:32.4 in Tokyo


def test_prices_sizes_and_counts() -> None:
    """Thousands are separated, decimals fixed, and what is not known is a dash."""
    assert (price_text(26480.0, 1), price_text(None, 1)) == ("26,480.0", "–")
    assert (size_text(1500.0), size_text(0.25), size_text(None)) == ("1,500", "0.25", "–")
    assert (count_of(1, "message"), count_of(1200, "message")) == ("1 message", "1,200 messages")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0.00003, "0.00003"),
        (0.12345678, "0.12345678"),
        (1.00001, "1"),
        (1234.56789, "1,234.5679"),
        (0.30000000000000004, "0.3"),
        (1e-9, "1.0e-09"),
        (0.0, "0"),
    ],
)
def test_a_size_is_never_cut_to_nothing(size: float, text: str) -> None:
    """A few satoshi are not written as none, and no number ends with its point."""
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (3.24, "3.2 s"), (42.4, "42 s"), (200.0, "3 min"), (7500.0, "2 h 05 min")]
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    """A length of time has the unit that fits."""
    assert span_text(seconds) == text


def test_times_of_day() -> None:
    """A time is that of the venue, with as many decimals as asked for."""
    assert time_of_day(AT_NS, 9 * 3600) == "11:15:32"
    assert time_of_day(AT_NS, 0, decimals=1) == "02:15:32.4"
    assert time_of_day(None, 0) == "–"
