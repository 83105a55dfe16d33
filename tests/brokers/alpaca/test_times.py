"""Times: every digit that Alpaca writes, in both codecs, and what is no time."""

from __future__ import annotations

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from wsexample.brokers.alpaca.dialect.times import TextTimes, packed_ns, packed_time, rfc3339

ANY_TIME = st.integers(-(10**17), 2**63 - 10**9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T14:30:00.000412907Z", 1_772_461_800_000_412_907),
        ("2026-03-02T14:30:00.1Z", 1_772_461_800_100_000_000),
        ("2026-03-02T14:30:00Z", 1_772_461_800_000_000_000),
        ("2022-12-16T02:28:51.673531798-05:00", 1_671_175_731_673_531_798),
        ("2022-12-16T02:28:51-05:00", 1_671_175_731_000_000_000),
        ("2026-03-02T14:30:00.0004129079Z", 1_772_461_800_000_412_907),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        (None, None),
        ("", None),
    ],
)
def test_texts_are_read_to_the_nanosecond(text: str | None, expected: int | None) -> None:
    """Fractions of any length, offsets and the years before the epoch; nothing said is no time and no error."""
    times = TextTimes()
    assert (times.ns(text), times.ns(text), times.unreadable) == (expected, expected, 0)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-03-02", "2026-03-02T14:30:00", "2026-03-02T14:30:00.Z", "2026-13-02T14:30:00Z", "Z" * 30],
)
def test_what_is_no_time_is_counted(text: str) -> None:
    """A text that is no time gives None, costs nothing else and is counted."""
    times = TextTimes()
    assert times.ns(text) is None
    assert times.unreadable == 1


@given(ANY_TIME)
def test_what_is_written_is_read(time_ns: int) -> None:
    """Any time comes back from its text, and the text has no zeros at its end."""
    text = rfc3339(time_ns)
    assert TextTimes().ns(text) == time_ns
    assert not text.removesuffix("Z").endswith("0") or "." not in text


@given(ANY_TIME)
def test_packed_times_agree_with_somebody_elses(time_ns: int) -> None:
    """The timestamp extension is read and written as the msgpack package does it, to the nanosecond."""
    theirs = msgpack.packb(msgpack.Timestamp.from_unix_nano(time_ns))
    ours = msgspec.msgpack.encode(packed_time(time_ns))
    assert ours == theirs
    assert packed_ns(msgspec.msgpack.decode(theirs, type=Ext)) == time_ns


def test_another_extension_is_no_time() -> None:
    """An extension of another type, or of a length that timestamps have not, is no time."""
    assert packed_ns(Ext(5, b"12345678")) is None
    assert packed_ns(Ext(-1, b"12345")) is None
    assert packed_ns(None) is None


def test_the_memory_of_seconds_is_bounded() -> None:
    """A stream that jumps through time does not fill memory."""
    times = TextTimes()
    for second in range(5000):
        times.ns(rfc3339(second * 10**9 + 1))
    assert len(times.seconds) <= 4096
