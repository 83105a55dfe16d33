"""What `open_sink` takes by name, for type checkers.

Nothing runs here. What an option means and which default it has stands with its sink; one that a sink has not is refused when
it is opened.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["SinkFields"]


class SinkFields(TypedDict, total=False):
    """The options of all sinks; each may be left out."""

    queue_records: int
    batch_records: int
    batch_delay_s: float
    when_full: str
    retry_s: float
    busy_timeout_s: float
    max_bytes: int
    row_group_records: int
    compression_level: int
    message_records: int
    replicas: int
    prefix: str
    timeout_s: float
