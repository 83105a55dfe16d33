"""Autobahn's log lines under our links: what it warns about reaches the caller as an error already, so it is said quietly.

Lines go to the standard logger ``wsexample.wire``; a program that configures logging sees them, with secrets masked.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from wsexample.wire.masking import mask_log

__all__ = ["WireLog"]

_logger = logging.getLogger("wsexample.wire")
_logger.addHandler(logging.NullHandler())
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""Autobahn puts some names in colour, whoever reads the log."""


class WireLog:
    """The part of txaio's logger that Autobahn calls; a line is formatted only when somebody listens."""

    @staticmethod
    def _say(level: int, text: str, facts: dict[str, Any]) -> None:
        if _logger.isEnabledFor(level):
            try:
                message = text.format(**facts)
            except (KeyError, IndexError, ValueError):
                message = text
            _logger.log(level, "%s", mask_log(_COLOUR.sub("", message)))

    def trace(self, text: str = "", **facts: Any) -> None:
        """Say the finest detail; never shown."""

    def debug(self, text: str = "", **facts: Any) -> None:
        """Say a detail."""
        self._say(logging.DEBUG, text, facts)

    info = debug

    def warn(self, text: str = "", **facts: Any) -> None:
        """Say what the caller also learns from an error."""
        self._say(logging.INFO, text, facts)

    def error(self, text: str = "", **facts: Any) -> None:
        """Say what nobody else will say: an exception in a callback."""
        self._say(logging.ERROR, text, facts)

    failure = error
    critical = error
