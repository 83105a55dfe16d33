"""The orders of a paper account by their numbers: all that are open, and of those that have ended the newest.

What is forgotten is forgotten in the order in which it ended. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from wsexample.errors import OptionError, RequestError
from wsexample.paper.lifecycle import WorkingOrder

__all__ = ["HISTORY", "VENUE", "OrderRegister"]

VENUE = "paper"
HISTORY = 10_000
"""Ended orders that are kept where nobody says otherwise."""


class OrderRegister(Mapping[str, WorkingOrder]):
    """Orders by their numbers, oldest first.

    Parameters:
        history: orders that have ended and are kept (default 10,000).

    Raises:
        OptionError: ``history`` is below 1.
    """

    def __init__(self, history: int = HISTORY) -> None:
        if history < 1:
            raise OptionError(f"history must be at least 1, not {history}", option="history")
        self.history = history
        self.open: dict[str, WorkingOrder] = {}
        """Those that may still be filled."""
        self.forgotten = 0
        """How many that have ended are not kept any more."""
        self._kept: dict[str, WorkingOrder] = {}
        self._ended: deque[WorkingOrder] = deque()
        self._client_ids: dict[str, str] = {}
        self._newest = 0

    def next_number(self) -> int:
        """Return a number that was not given before."""
        self._newest += 1
        return self._newest

    def enter(self, order: WorkingOrder) -> None:
        """Take a new order in."""
        self._kept[order.order_id] = self.open[order.order_id] = order

    def claim(self, order: WorkingOrder) -> None:
        """Keep its owner's identifier for an order that was sent, for as long as the order is kept."""
        if order.request.client_order_id is not None:
            self._client_ids[order.request.client_order_id] = order.order_id

    def is_claimed(self, client_order_id: str | None) -> bool:
        """Whether an order that is kept was sent under this identifier."""
        return client_order_id in self._client_ids

    def end(self, order: WorkingOrder) -> None:
        """Note that an order has ended; the one that ended first is forgotten when there are too many."""
        del self.open[order.order_id]
        self._ended.append(order)
        if len(self._ended) > self.history:
            self._forget(self._ended.popleft())

    def _forget(self, order: WorkingOrder) -> None:
        del self._kept[order.order_id]
        client_order_id = order.request.client_order_id
        if client_order_id is not None and self._client_ids.get(client_order_id) == order.order_id:
            del self._client_ids[client_order_id]
        self.forgotten += 1

    def find(self, order_id: str) -> WorkingOrder:
        """Return an order.

        Raises:
            RequestError: there is no such order, or it was forgotten.
        """
        found = self._kept.get(order_id)
        if found is not None:
            return found
        if self._was_given(order_id):
            raise RequestError(
                f"the paper venue has forgotten order {order_id!r}: it keeps the last {self.history:,} that have ended"
                " (history)",
                venue=VENUE,
            )
        raise RequestError(f"the paper venue knows no order {order_id!r}", venue=VENUE)

    def _was_given(self, order_id: str) -> bool:
        venue, _, digits = order_id.rpartition("-")
        is_number = digits.isdecimal() and digits.isascii() and digits[0] != "0"
        return self.forgotten > 0 and venue == VENUE and is_number and int(digits) <= self._newest

    def __getitem__(self, order_id: str) -> WorkingOrder:
        return self._kept[order_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<OrderRegister {len(self.open)} open, {len(self._ended)} ended, {self.forgotten} forgotten>"
