"""kabu Station's timestamps as UTC epoch nanoseconds: ``2026-03-04T10:15:32+09:00``, whole seconds, offset of the PC.

A day has few seconds and a board eleven times, so every text is parsed once and looked up afterwards.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

__all__ = ["DAY_NS", "JST", "TimeTable", "midnight_mended"]

JST = timezone(timedelta(hours=9), "JST")
"""Japan's time: no daylight saving, ever since 1952."""
DAY_NS = 86_400 * 10**9

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_JST_NS = 9 * 3600 * 10**9
_MIDNIGHT_NS = 660 * 10**9  # users saw yesterday's date until 00:10:39
_SLACK_NS = 60 * 10**9  # the PC's clock may be wrong by this much
_MAX_KEPT = 8192
_LONGEST = 64
_MAX_NS = 2**63 - 1


class TimeTable(dict[str | None, int | None]):
    """Timestamp text -> nanoseconds, filled as texts come: ``times[text]``.

    None gives None. A text that is no time, or that nanoseconds in 64 bits cannot hold (.NET's empty date is year 1),
    gives None and is counted.
    """

    def __init__(self) -> None:
        super().__init__({None: None})
        self.unreadable = 0
        """Texts that were no time."""

    def __missing__(self, text: str | None) -> int | None:
        if text is not None and len(text) > _LONGEST:  # what is kept is kept as it came
            self.unreadable += 1
            return None
        try:
            when = datetime.fromisoformat(text or "")
            if when.tzinfo is None:
                when = when.replace(tzinfo=JST)
            ns = (when - _EPOCH) // _MICROSECOND * 1000
        except (ValueError, OverflowError):
            ns = -1
        if not 0 <= ns <= _MAX_NS:
            self.unreadable += 1
            return None
        if len(self) >= _MAX_KEPT:
            self.clear()
            self[None] = None
        self[text] = ns
        return ns


def midnight_mended(time_ns: int, received_ns: int) -> int:
    """Return the time with the vendor's midnight defect undone, or as it is where the defect does not fit.

    On derivatives, between 00:00:00 and about 00:10:39, the date of ``CurrentPriceTime`` and ``TradingVolumeTime`` is that
    of the day before (vendor issues 537 and 869): the time then lies a day in the past. A last trade that really is a day
    old looks the same; with that contract the mended time is wrong for those minutes, so a switch turns this off.

    Parameters:
        time_ns: time as sent, UTC epoch nanoseconds.
        received_ns: when it was received, UTC epoch nanoseconds.
    """
    is_after_midnight = (time_ns + _JST_NS) % DAY_NS < _MIDNIGHT_NS
    age_ns = received_ns - time_ns
    if is_after_midnight and DAY_NS - _SLACK_NS <= age_ns < DAY_NS + _MIDNIGHT_NS:
        return time_ns + DAY_NS
    return time_ns
