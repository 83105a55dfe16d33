"""Which boards are due to be pushed: changes are gathered per symbol and let through at a measured pace. Pure."""

from __future__ import annotations

from wsexample.brokers.kabu.simulator.listing import Key

__all__ = ["Thinner"]

MS = 1_000_000


class Thinner:
    """Changes that wait to be pushed.

    Parameters:
        quotes_ms: least milliseconds between two boards of a symbol when only quotes changed.
        trades_ms: the same when something traded.
    """

    def __init__(self, quotes_ms: int, trades_ms: int) -> None:
        self._quotes_ns = quotes_ms * MS
        self._trades_ns = trades_ms * MS
        self._waiting: dict[Key, int] = {}
        self._sent_ns: dict[Key, int] = {}

    def change(self, key: Key, *, traded: bool, is_urgent: bool = False) -> None:
        """Note that a board is no longer what it was.

        Parameters:
            key: whose board.
            traded: whether something traded.
            is_urgent: whether it goes out at once, as closing prices do.
        """
        gap_ns = 0 if is_urgent else self._trades_ns if traded else self._quotes_ns
        self._waiting[key] = min(gap_ns, self._waiting.get(key, gap_ns))

    def take_due(self, now_ns: int) -> list[Key]:
        """Return the boards that are due, each once, and count them as pushed now."""
        due = [
            key for key, gap_ns in self._waiting.items() if now_ns >= self._sent_ns.get(key, now_ns - gap_ns) + gap_ns
        ]
        for key in due:
            del self._waiting[key]
            self._sent_ns[key] = now_ns
        return due

    def clear(self) -> None:
        """Drop everything that waits."""
        self._waiting.clear()
