"""Frames of quotes, which are most of what a market data stream brings: read by compiled code where that was built.

``read_text`` and ``read_packed`` give the quotes of a frame that holds nothing else and stands as the vendor writes it.
Everything else, and all where they were not built, is read by `wsexample.brokers.alpaca.dialect.market`. ``WSEXAMPLE_LANE``
chooses as it does in `wsexample.wire.lane`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

__all__ = ["QUOTES", "read_packed", "read_text"]

_wish = os.environ.get("WSEXAMPLE_LANE", "")

if TYPE_CHECKING:
    from wsexample.brokers.alpaca.dialect.quotes._quotes_py import read_packed, read_text

    QUOTES: str
elif _wish == "skip":
    from wsexample.brokers.alpaca.dialect.quotes._quotes_py import read_packed, read_text

    QUOTES = "python"
else:
    try:
        from wsexample.brokers.alpaca.dialect.quotes._quotes_c import read_packed, read_text

        QUOTES = "compiled"
    except ImportError:
        if _wish == "require":
            raise
        from wsexample.brokers.alpaca.dialect.quotes._quotes_py import read_packed, read_text

        QUOTES = "python"
