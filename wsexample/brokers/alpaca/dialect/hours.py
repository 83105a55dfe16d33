"""When US equities trade: the regular session, so that silence outside it does not count as a fault.

Holidays are not known here; on one, a stream that is expected to speak is looked after for nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

__all__ = ["NEW_YORK", "is_regular_session"]

NEW_YORK = ZoneInfo("America/New_York")
_OPEN, _CLOSE = time(9, 30), time(16, 0)


def is_regular_session(now_ns: int) -> bool:
    """Return whether it is a weekday between 9:30 and 16:00 in New York."""
    moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).astimezone(NEW_YORK)
    return moment.weekday() < 5 and _OPEN <= moment.time() < _CLOSE
