"""Alpaca's times: RFC 3339 text and MessagePack's timestamp extension, to nanoseconds and back; every digit kept.

Pure; the text of a second is understood once and remembered, because a busy second brings thousands of messages.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec.msgpack import Ext

__all__ = ["SECOND_NS", "TIMESTAMP", "TextTimes", "packed_ns", "packed_time", "rfc3339"]

SECOND_NS = 1_000_000_000
TIMESTAMP = -1
"""Type number of the timestamp extension (MessagePack specification)."""

_SCALES: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))
_MAX_SECONDS = 4096
_LOW_34_BITS = (1 << 34) - 1
_MAX_NS = 2**63 - 1
_SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}")
"""``fromisoformat`` takes more than that in as many characters: weeks, offsets, fractions."""


class TextTimes:
    """Reads RFC 3339 texts with up to nine decimals; further decimals are cut off.

    What nanoseconds in 64 bits cannot hold (before 1677, such as the empty time of Go in year 1, or after 2262) is no time here.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, int] = {}
        """Text of a second, "2026-03-02T14:30:00" -> UTC epoch nanoseconds; those that were met."""
        self.unreadable = 0
        """Texts that were no time; they were read as None."""

    def ns(self, text: str | None) -> int | None:
        """Return UTC epoch nanoseconds; None for None, and for what is no time, which is counted."""
        if not text:
            return None
        try:
            if text[-1] == "Z" and (length := len(text)) > 19:
                second_ns = self.seconds.get(text[:19])
                if second_ns is None:
                    second_ns = self._learn(text[:19])
                if length == 20:
                    return second_ns
                if text[19] == "." and length <= 30 and text[20:-1].isdecimal():
                    return second_ns + int(text[20:-1]) * _SCALES[length - 21]
            return self._slowly(text)
        except (ValueError, OverflowError):
            self.unreadable += 1
            return None

    def _learn(self, second: str) -> int:
        if _SECOND.fullmatch(second) is None:
            raise ValueError(second)
        second_ns = _fitting(round(datetime.fromisoformat(second).replace(tzinfo=UTC).timestamp()) * SECOND_NS)
        if len(self.seconds) >= _MAX_SECONDS:
            self.seconds.clear()
        self.seconds[second] = second_ns
        return second_ns

    def _slowly(self, text: str) -> int:
        """Read a time with an offset, or with more decimals than nine."""
        whole, dot, rest = text.partition(".")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        if dot and not digits:
            raise ValueError(text)
        moment = datetime.fromisoformat(whole + rest[len(digits) :])
        if moment.tzinfo is None:
            raise ValueError(text)
        fraction_ns = int(digits[:9].ljust(9, "0"))
        return _fitting(round(moment.timestamp()) * SECOND_NS + fraction_ns)


def _fitting(time_ns: int) -> int:
    if not -_MAX_NS <= time_ns <= _MAX_NS - SECOND_NS:
        raise OverflowError(time_ns)
    return time_ns


def packed_ns(time: Ext | None) -> int | None:
    """Return the UTC epoch nanoseconds of a timestamp extension; None for None, and for what is no time that fits 64 bits."""
    if time is None or time.code != TIMESTAMP:
        return None
    data = bytes(time.data)
    ns = 0
    match len(data):
        case 8:
            value = int.from_bytes(data, "big")
            seconds, ns = value & _LOW_34_BITS, value >> 34
        case 4:
            seconds = int.from_bytes(data, "big")
        case 12:
            seconds, ns = int.from_bytes(data[4:], "big", signed=True), int.from_bytes(data[:4], "big")
        case _:
            return None
    time_ns = seconds * SECOND_NS + ns
    return time_ns if ns < SECOND_NS and -_MAX_NS <= time_ns <= _MAX_NS else None


def packed_time(time_ns: int) -> Ext:
    """Return a timestamp extension in its shortest form."""
    seconds, ns = divmod(time_ns, SECOND_NS)
    if 0 <= seconds <= _LOW_34_BITS:
        if not ns and seconds < 1 << 32:
            return Ext(TIMESTAMP, seconds.to_bytes(4, "big"))
        return Ext(TIMESTAMP, (ns << 34 | seconds).to_bytes(8, "big"))
    return Ext(TIMESTAMP, ns.to_bytes(4, "big") + seconds.to_bytes(8, "big", signed=True))


def rfc3339(time_ns: int) -> str:
    """Return a time as Alpaca writes it: UTC, as many decimals as it has, none when it has none."""
    seconds, ns = divmod(time_ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ns:09d}".rstrip("0") + "Z" if ns else f"{text}Z"
