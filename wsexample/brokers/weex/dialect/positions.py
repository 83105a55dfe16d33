"""What is held, joined from three sources: the venue's pushes, its REST answer, and the mark of the ticker.

The venue pushes positions on events alone and without their profit; who watches risk needs the profit of now.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from wsexample.brokers.weex.dialect.items import WeexMessage
from wsexample.brokers.weex.dialect.private import unrealized
from wsexample.records.orders import Position

__all__ = ["Holdings"]


class Holdings:
    """Open positions and their marks."""

    def __init__(self) -> None:
        self._held: dict[str, WeexMessage] = {}
        self._updated: dict[str, int] = {}
        self._marks: dict[str, str] = {}

    @property
    def symbols(self) -> list[str]:
        """Symbols of which something is held."""
        return list(dict.fromkeys(message.symbol for message in self._held.values()))

    def pushed(self, message: WeexMessage) -> WeexMessage:
        """Take a push in; returns it with its profit where a mark is known.

        Parameters:
            message: a position as it was pushed.
        """
        self._keep(message)
        return _valued(message, self._marks.get(message.symbol))

    def fetched(self, messages: list[WeexMessage]) -> list[WeexMessage]:
        """Take in a whole answer; returns what is news: not what a push has overtaken, but what closed unseen too.

        Parameters:
            messages: what was fetched.
        """
        news = []
        for message in messages:
            if _updated_ns(message) >= self._updated.get(_id(message), 0):
                self._keep(message)
                news.append(message)
        present = {_id(message) for message in messages}
        for position_id in [one for one in self._held if one not in present]:
            closed = _closed(self._held.pop(position_id))
            news.append(closed)
        return news

    def marked(self, ticker: WeexMessage) -> list[WeexMessage]:
        """Take a ticker in; returns positions whose profit has changed with it."""
        mark = ticker.data.get("mark")
        if mark is None or self._marks.get(ticker.symbol) == mark:
            return []
        self._marks[ticker.symbol] = mark
        return [_valued(one, mark, at=ticker) for one in self._held.values() if one.symbol == ticker.symbol]

    def _keep(self, message: WeexMessage) -> None:
        position_id = _id(message)
        self._updated[position_id] = _updated_ns(message)
        if _position(message).size == 0:
            self._held.pop(position_id, None)
        else:
            self._held[position_id] = message


def _id(message: WeexMessage) -> str:
    return str(message.data["position_id"])


def _position(message: WeexMessage) -> Position:
    record = message.record
    assert isinstance(record, Position)
    return record


def _updated_ns(message: WeexMessage) -> int:
    return _position(message).updated_ns or 0


def _closed(message: WeexMessage) -> WeexMessage:
    """Return what is left of a position that is not there any more."""
    record = msgspec.structs.replace(_position(message), size=Decimal(0), unrealized_pnl=Decimal(0))
    data = {**message.data, "size": "0", "unrealized_pnl": "0"}
    return msgspec.structs.replace(message, data=data, record=record, derived=("size", "unrealized_pnl"))


def _valued(message: WeexMessage, mark: str | None, at: WeexMessage | None = None) -> WeexMessage:
    """Return a position with its profit at a mark; as it is while no mark is known."""
    if mark is None:
        return message
    record = _position(message)
    profit = unrealized(abs(record.size), record.cost or Decimal(0), Decimal(mark), is_short=record.size < 0)
    data = {**message.data, "mark": mark, "unrealized_pnl": format(profit, "f")}
    times: dict[str, Any] = {} if at is None else {"exchange_ns": at.exchange_ns, "received_ns": at.received_ns}
    record = msgspec.structs.replace(record, mark_price=Decimal(mark), unrealized_pnl=profit, **times)
    derived = tuple(dict.fromkeys([*message.derived, "mark", "unrealized_pnl"]))
    return msgspec.structs.replace(message, data=data, record=record, derived=derived, **times)
