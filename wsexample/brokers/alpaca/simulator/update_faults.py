"""What may happen to trade updates on their way to a client: late, twice, lost, in the wrong order, or odd. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET

from wsexample.brokers.alpaca.messages.trading import TradeUpdateMessage
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.errors import OptionError

__all__ = ["ODDITIES", "UpdateFaults"]

Told = tuple[SimAccount, TradeUpdateMessage]

ODDITIES = ("unknown_event", "unknown_status", "unknown_field", "null_order", "bad_json", "one_byte")
"""What the next update may look like instead."""


class UpdateFaults:
    """Faults of the way, each for so many updates to come."""

    def __init__(self) -> None:
        self.drop_next = 0
        """Updates that will be lost."""
        self.double_next = 0
        """Updates that will be sent twice."""
        self.reorder_next = 0
        """Updates that will be sent behind the one after them."""
        self.delay_s = 0.0
        """How late updates are sent, seconds."""
        self._odd: deque[str] = deque()
        self._late: deque[tuple[float, Told]] = deque()
        self._behind: Told | None = None

    def odd_next(self, kind: str) -> None:
        """Let the next update look odd.

        Raises:
            OptionError: there is no such oddity.
        """
        if kind not in ODDITIES:
            raise OptionError(f"there is no oddity {kind!r}; there are {', '.join(ODDITIES)}", option="kind")
        self._odd.append(kind)

    def passed(self, events: Iterable[Told], now_s: float) -> Iterator[Told]:
        """Return what is to be sent now."""
        for event in events:
            if self.delay_s > 0:
                self._late.append((now_s + self.delay_s, event))
            else:
                yield from self._one(event)
        while self._late and self._late[0][0] <= now_s:
            yield from self._one(self._late.popleft()[1])

    def _one(self, event: Told) -> Iterator[Told]:
        if self.drop_next > 0:
            self.drop_next -= 1
            return
        if self.reorder_next > 0 and self._behind is None:
            self.reorder_next -= 1
            self._behind = event
            return
        yield event
        if self.double_next > 0:
            self.double_next -= 1
            yield event
        if self._behind is not None:
            behind, self._behind = self._behind, None
            yield behind

    def written(self, update: TradeUpdateMessage, *, with_ids: bool) -> bytes:
        """Return an update as it is sent."""
        if not with_ids:
            update = msgspec.structs.replace(update, event_id=UNSET, at=UNSET)
        message: dict[str, Any] = {"stream": "trade_updates", "data": update}
        if not self._odd:
            return msgspec.json.encode(message)
        kind = self._odd.popleft()
        values = msgspec.to_builtins(message)
        match kind:
            case "unknown_event":
                values["data"]["event"] = "pondered"
            case "unknown_status":
                values["data"]["order"]["status"] = "pondering"
            case "unknown_field":
                values["data"] |= {"moon_phase": 0.25, "nested": {"deep": [1, None]}}
                values["data"]["order"]["karma"] = "good"
            case "null_order":
                values["data"]["order"] = None
            case "bad_json":
                return msgspec.json.encode(values)[:-7]
            case "one_byte":
                return b"\x01"
        return msgspec.json.encode(values)
