"""What the trading stream has told so far: which executions, how each order stood last, and until when nothing is missing.

Pure. From it a backfill knows where to begin and what is news; the session asks it which records have come before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal

from wsexample.ports import Record
from wsexample.records.orders import TERMINAL_STATUSES, Fill, Order, OrderStatus

__all__ = ["TradingMemory"]

Known = tuple[int, Decimal, str | None]


@dataclass(slots=True)
class _Same:
    """An execution, and what its sources call it."""

    name: str
    """By which the session knows it."""
    by_event: str | None = None
    """What an event called it."""
    by_list: str | None = None
    """What a list called it."""

    def called(self, fill_id: str, *, is_event: bool) -> None:
        """Take note of what a source calls it."""
        if is_event:
            self.by_event = fill_id
        else:
            self.by_list = fill_id


class TradingMemory:
    """Executions and orders seen.

    Parameters:
        keep: executions remembered.
    """

    def __init__(self, keep: int = 200_000) -> None:
        self._keep = keep
        self._fills: OrderedDict[tuple[str, Decimal], _Same] = OrderedDict()
        """Order and quantity filled -> the last execution that it was."""
        self._fill_ids: OrderedDict[str, str] = OrderedDict()
        """Identifier -> the name by which the session knows that execution."""
        self._lists_agree = False
        """Whether a list was seen to name an execution as its event does."""
        self._orders: OrderedDict[str, Known] = OrderedDict()
        self._open: dict[str, None] = {}
        self.complete_until_ns: int | None = None
        """The venue's time up to which nothing is missing; None before anything is known."""
        self.is_complete = True
        """Whether nothing is missing between that time and now."""
        self.on_hole: Callable[[int], None] | None = None
        """Called when an update shows that an execution before it did not come, with the time up to which its order is known."""

    # -- the session asks ------------------------------------------------------------------------------------------

    def key(self, record: Record) -> Hashable | None:
        """Return what tells that a record has come before, and take note of it.

        An execution is known by its identifier; should two sources name the same one differently, by its order and what
        of the order was filled with it.
        """
        if isinstance(record, Fill):
            return self._fill_key(record)
        if isinstance(record, Order):
            return self._order_key(record)
        return None

    def _fill_key(self, fill: Fill) -> Hashable:
        if fill.cumulative_size is not None and fill.correction is None and not fill.is_backfilled:
            self._check(fill.order_id, fill.cumulative_size - fill.size)
        self._advance(fill)
        name = self._fill_ids.get(fill.fill_id)
        if name is None:
            name = self._new_name(fill)
        else:
            self._known_again(fill)
        self._fill_ids[fill.fill_id] = name
        if len(self._fill_ids) > self._keep:
            self._fill_ids.popitem(last=False)
        if fill.correction is not None:
            self._forget_fills_of(fill.order_id)
            return ("correction", fill.fill_id)
        return ("fill", name)

    def _new_name(self, fill: Fill) -> str:
        """Return the name of an execution whose identifier is new: that of the same one by another source, or its own.

        Two that one source names differently are two, whatever quantity they name: one between them may have been taken back
        unseen.
        """
        if fill.cumulative_size is None or fill.correction is not None:
            return fill.fill_id
        key, is_event = (fill.order_id, fill.cumulative_size), _is_of_event(fill)
        same = self._fills.get(key)
        if same is None or self._lists_agree or (same.by_event if is_event else same.by_list) is not None:
            same = self._fills[key] = _Same(fill.fill_id)
        same.called(fill.fill_id, is_event=is_event)
        if len(self._fills) > self._keep:
            self._fills.popitem(last=False)
        return same.name

    def _known_again(self, fill: Fill) -> None:
        """Take note of who else names an execution as it is known."""
        if fill.cumulative_size is None:
            return
        same = self._fills.get((fill.order_id, fill.cumulative_size))
        if same is not None and fill.fill_id in (same.name, same.by_event, same.by_list):
            self._lists_agree = self._lists_agree or (same.by_event == fill.fill_id and not _is_of_event(fill))
            same.called(fill.fill_id, is_event=_is_of_event(fill))

    def _forget_fills_of(self, order_id: str) -> None:
        """An execution was taken back: the same quantity may be filled again, and that is another execution."""
        for key in [key for key in self._fills if key[0] == order_id]:
            del self._fills[key]

    def _order_key(self, order: Order) -> Hashable:
        if order.event is not None and order.fill_id is None and not order.legs and not order.is_backfilled:
            self._check(order.order_id, order.filled_size)
        self._advance(order)
        known = self._orders.pop(order.order_id, None)
        state = _state(order)
        self._orders[order.order_id] = state if known is None or state[0] >= known[0] else known
        if len(self._orders) > self._keep:
            self._open.pop(self._orders.popitem(last=False)[0], None)
        if order.status in TERMINAL_STATUSES:
            self._open.pop(order.order_id, None)
        else:  # one whose status is a word of tomorrow may still end, too
            self._open.setdefault(order.order_id)
        if order.event is None:
            return ("snapshot", order.order_id, *state)
        return ("event", order.order_id, order.event, order.fill_id, order.exchange_ns)

    def _check(self, order_id: str, filled_before: Decimal) -> None:
        """Compare what an update says was filled before it with what is known; executions of unknown orders are nobody's."""
        known = self._orders.get(order_id)
        if known is not None and filled_before > known[1] and self.is_complete and self.on_hole is not None:
            self.on_hole(known[0])

    def _advance(self, record: Fill | Order) -> None:
        if self.is_complete and not record.is_backfilled and record.exchange_ns is not None:
            self.complete_until_ns = max(self.complete_until_ns or 0, record.exchange_ns)

    # -- a backfill asks -------------------------------------------------------------------------------------------

    @property
    def open_orders(self) -> tuple[str, ...]:
        """Orders that were open when they were seen last."""
        return tuple(self._open)

    def has_missed(self, record: Record) -> bool:
        """Return whether a record is an execution that never came, or the end of an order of which no end was told.

        A replacement that was rejected, and the legs of a spread, have no updates of their own.
        """
        if isinstance(record, Fill):
            if record.fill_id in self._fill_ids or (record.order_id, record.cumulative_size) in self._fills:
                return False
            return record.cumulative_size is not None or record.correction is not None
        if not isinstance(record, Order) or record.status not in TERMINAL_STATUSES:
            return False
        if record.order_id in self._orders:
            return record.order_id in self._open
        has_updates = record.replaces is None or record.status != OrderStatus.REJECTED
        return has_updates and record.order_class != "mleg"

    def is_news(self, order: Order) -> bool:
        """Return whether a snapshot says more than what is known of its order."""
        known = self._orders.get(order.order_id)
        return known is None or (_state(order) != known and _state(order)[0] >= known[0])

    def completed(self, until_ns: int) -> None:
        """Everything up to a moment, in the venue's time, has been fetched."""
        self.complete_until_ns = max(self.complete_until_ns or 0, until_ns)
        self.is_complete = True

    def broke(self, since_ns: int | None = None) -> None:
        """Something may be missing from now on, or since a moment in the venue's time."""
        self.is_complete = False
        if since_ns is not None and self.complete_until_ns is not None:
            self.complete_until_ns = min(self.complete_until_ns, since_ns)


def _is_of_event(fill: Fill) -> bool:
    """Whether an event told of an execution, pushed or fetched; a list says neither its event nor the position after it."""
    return not fill.is_backfilled or fill.event_id is not None or fill.position_size is not None


def _state(order: Order) -> Known:
    return order.updated_ns or order.exchange_ns or 0, order.filled_size, order.venue_status
