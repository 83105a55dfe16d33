"""`WeexMessage`: what a stream hands over with the names of WEEX's client documentation, beside the typed record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsexample.records.market import Record

__all__ = ["WeexMessage"]


class WeexMessage(Record, frozen=True, kw_only=True, tag="weex_message"):
    """One message: ``data`` has the venue's own decimal texts under the documented keys, ``record`` the same typed."""

    topic: str
    """The stream, as the venue spells it: "BTCUSDT@ticker", "orders"."""
    data: Mapping[str, Any]
    """Documented keys; numbers are texts that ``float`` and ``Decimal`` take. What is not known is left out."""
    record: Record
    """The typed record."""
    derived: tuple[str, ...] = ()
    """Keys of ``data`` that the venue did not send: reckoned here, or joined from another source."""

    @property
    def timestamp(self) -> float:
        """The venue's time, or that of arrival where it sends none: seconds since the epoch."""
        return self.timestamp_ms / 1e3

    @property
    def timestamp_ms(self) -> int:
        """The same as a whole number of milliseconds, as on the wire."""
        return (self.received_ns if self.exchange_ns is None else self.exchange_ns) // 1_000_000
