"""`KabuClient`: boards of some symbols, for months: ``dial`` opens the stream, ``errands`` register by REST, ``upkeep`` reads
snapshots and watches the registration list, ``turning`` rotates. What a message means is the dialect's matter.
"""

from __future__ import annotations

from wsexample.brokers.kabu.client.client import KabuClient

__all__ = ["KabuClient"]
