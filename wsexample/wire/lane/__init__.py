"""Which lane runs: the compiled one where it was built, its pure-Python twin otherwise.

``WSEXAMPLE_LANE=require`` refuses to run without the compiled lane, ``WSEXAMPLE_LANE=skip`` runs the twin.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

__all__ = ["LANE", "LaneCore", "LaneCounters", "build_frame", "is_utf8", "send_to_all"]

_wish = os.environ.get("WSEXAMPLE_LANE", "")

if TYPE_CHECKING:
    from wsexample.wire.lane._lane_py import LaneCore, LaneCounters, build_frame, is_utf8, send_to_all

    LANE: str
elif _wish == "skip":
    from wsexample.wire.lane._lane_py import LaneCore, LaneCounters, build_frame, is_utf8, send_to_all

    LANE = "python"
else:
    try:
        from wsexample.wire.lane._lane_c import LaneCore, LaneCounters, build_frame, is_utf8, send_to_all

        LANE = "compiled"
    except ImportError:
        if _wish == "require":
            raise
        from wsexample.wire.lane._lane_py import LaneCore, LaneCounters, build_frame, is_utf8, send_to_all

        LANE = "python"
