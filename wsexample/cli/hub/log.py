"""What a hub notes about its readers, on standard error: a line for people, or a JSON object for whoever collects logs.

What is noted, and that no token is in it, is the hub's business.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

from wsexample.cli.terminal import escape_controls

__all__ = ["FORMATS", "show_log"]

FORMATS = ("text", "json")
LOGGERS = ("wsexample.hub.audit", "wsexample.hub")
FACTS = ("event", "reader", "remote", "rights", "reason", "code", "url", "published", "conflated", "count")
"""What a JSON line has besides time, level and message, where it is known."""


def show_log(form: str) -> None:
    """Print what the hub notes from now on, one line each, in one of `FORMATS`."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Objects() if form == "json" else _Lines("%(asctime)s %(message)s", "%H:%M:%S"))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)


class _Lines(logging.Formatter):
    """For people; words of a reader begin no line of their own and cannot command the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        """Return the line."""
        record.message = escape_controls(record.message).replace("\n", "\\n")
        return super().formatMessage(record)


class _Objects(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": "note",
            **{name: record.__dict__[name] for name in FACTS if record.__dict__.get(name) is not None},
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
