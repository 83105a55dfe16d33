"""The sorted sides of a book, and the reading of its changes: compiled where that was built, in Python otherwise.

Most frames are read by `read_change` straight into a book; where it was not built, or does not understand a frame, the dialect
reads it the long way. ``WSEXAMPLE_LANE`` chooses as it does in `wsexample.wire.lane`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

__all__ = ["SIDES", "Side", "WireSide", "read_change"]

_wish = os.environ.get("WSEXAMPLE_LANE", "")

if TYPE_CHECKING:
    from wsexample.brokers.weex.dialect.sides._sides_py import Side, WireSide, read_change

    SIDES: str
elif _wish == "skip":
    from wsexample.brokers.weex.dialect.sides._sides_py import Side, WireSide, read_change

    SIDES = "python"
else:
    try:
        from wsexample.brokers.weex.dialect.sides._sides_c import Side, WireSide, read_change

        SIDES = "compiled"
    except ImportError:
        if _wish == "require":
            raise
        from wsexample.brokers.weex.dialect.sides._sides_py import Side, WireSide, read_change

        SIDES = "python"
