"""Options that the commands around tapes share: moments on a tape, and how fast it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from wsexample.cli.options import SECONDS, option
from wsexample.cli.tapes.speed import SPEED
from wsexample.errors import OptionError
from wsexample.tape.reader import Tape

__all__ = ["moment_ns", "pace_options", "span_ns", "time_options"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
SECTION = "Tape"
_OFFSET = re.compile(r"\+(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def time_options(command: Decorated) -> Decorated:
    """Add ``--from`` and ``--to``, as ``since`` and ``until``."""
    moment = "a date and time, a time of the tape's first day, or +1h30m from its beginning"
    command = option("--to", "until", metavar="TIME", section=SECTION, help="End before this moment.")(command)
    return option("--from", "since", metavar="TIME", section=SECTION, help=f"Begin at {moment}.")(command)


def pace_options(default: str) -> Callable[[Decorated], Decorated]:
    """Add ``--speed`` and ``--max-pause``."""

    def add(command: Decorated) -> Decorated:
        command = option(
            "--max-pause", type=SECONDS, section=SECTION, help="Shorten longer pauses, nights and breaks, to so long."
        )(command)
        return option(
            "--speed",
            type=SPEED,
            default=default,
            show_default=True,
            section=SECTION,
            help="1 for the recorded pace, 10 for ten times as fast, max for no waiting.",
        )(command)

    return add


def span_ns(tape: Tape, since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Return from when to when a tape is wanted, UTC epoch nanoseconds.

    Raises:
        OptionError: a text is no moment.
    """
    return (
        None if since is None else moment_ns(since, tape, option="from"),
        None if until is None else moment_ns(until, tape, option="to"),
    )


def moment_ns(text: str, tape: Tape, *, option: str) -> int:
    """Read a moment: ISO date and time, time of the day on which the tape begins, or an offset from its beginning.

    Without an offset from UTC it is meant in this machine's time zone.
    """
    begin_ns = tape.first_ns() or 0
    offset = _OFFSET.fullmatch(text)
    if offset is not None and any(offset.groups()):
        hours, minutes, seconds = (float(part or 0) for part in offset.groups())
        return begin_ns + round((hours * 3600 + minutes * 60 + seconds) * 1e9)
    begin = datetime.fromtimestamp(begin_ns // 10**9)  # noqa: DTZ006 - this machine's clock, on a day that may have two offsets
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text):
            clock = datetime.strptime(text if text.count(":") == 2 else f"{text}:00", _clock_format(text))  # noqa: DTZ007 - a time of day
            moment = begin.replace(
                hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=clock.microsecond
            )
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.astimezone()
    except ValueError:
        raise OptionError(
            f"{text!r} is not a moment; write 2026-01-05T09:00, 09:00, 09:00:30 or +1h30m", option=option
        ) from None
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch // timedelta(microseconds=1)) * 1000  # by parts, for a float of nanoseconds is not exact


def _clock_format(text: str) -> str:
    return "%H:%M:%S.%f" if "." in text else "%H:%M:%S"
