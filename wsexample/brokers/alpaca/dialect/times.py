"""Alpaca's times: RFC 3339 text and MessagePack's timestamp extension, to nanoseconds and back; every digit kept.

Pure; the text of a second is understood once and remembered, because a busy second brings thousands of messages.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.msgpack import Ext

__all__ = ["SECOND_NS", "TextTimes", "packed_ns", "packed_time", "rfc3339"]

SECOND_NS = 1_000_000_000
TIMESTAMP = -1
"""Type number of the timestamp extension (MessagePack specification)."""

_SCALES: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))
_MAX_SECONDS = 4096
_LOW_34_BITS = (1 << 34) - 1


class TextTimes:
    """Reads RFC 3339 texts with up to nine decimals; further decimals are cut off."""

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
                if text[19] == "." and length <= 30:
                    return second_ns + int(text[20:-1]) * _SCALES[length - 21]
            return self._slowly(text)
        except (ValueError, OverflowError):
            self.unreadable += 1
            return None

    def _learn(self, second: str) -> int:
        moment = datetime.fromisoformat(second).replace(tzinfo=UTC)
        if len(self.seconds) >= _MAX_SECONDS:
            self.seconds.clear()
        second_ns = self.seconds[second] = round(moment.timestamp()) * SECOND_NS
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
        return round(moment.timestamp()) * SECOND_NS + fraction_ns


def packed_ns(time: Ext | None) -> int | None:
    """Return the UTC epoch nanoseconds of a timestamp extension; None for None and for another extension."""
    if time is None or time.code != TIMESTAMP:
        return None
    data = bytes(time.data)
    match len(data):
        case 8:
            value = int.from_bytes(data, "big")
            return (value & _LOW_34_BITS) * SECOND_NS + (value >> 34)
        case 4:
            return int.from_bytes(data, "big") * SECOND_NS
        case 12:
            return int.from_bytes(data[4:], "big", signed=True) * SECOND_NS + int.from_bytes(data[:4], "big")
    return None


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
