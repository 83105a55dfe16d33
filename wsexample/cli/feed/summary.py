"""What became of what came, as sentences that add up: received = delivered + conflated + dropped + waiting. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wsexample.cli.feed.numbers import count_of, span_text
from wsexample.session.inbox import InboxStats

__all__ = ["Outcome", "sum_of"]

_COUNTS = ("received", "delivered", "conflated", "dropped", "waiting")


def sum_of(stats: Iterable[InboxStats]) -> InboxStats:
    """Return the counts of several inboxes together."""
    stats = list(stats)
    return InboxStats(**{name: sum(getattr(one, name) for one in stats) for name in _COUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The counts of a feed at one moment."""

    messages: int
    """Messages that came on the wire."""
    taken: int
    """Records of the market or the account that were taken, those of the stream itself left out."""
    kept: InboxStats
    """Counts of the consumers that store, watch and show."""
    printed: InboxStats | None = None
    """Counts of the consumers that print; None where nothing is printed."""
    unread: int = 0
    """Records that were on their way into the pipe when nobody read it any more."""
    stored: int | None = None
    """Records that are durable; None when nothing is stored."""
    unreadable: int = 0
    """Messages that no record could be made of."""
    reconnects: int = 0
    """How often a stream became live again."""
    gaps: int = 0
    """Gaps of whole streams."""
    filled: int = 0
    """Gaps that could be filled."""
    gap_ns: int = 0
    """Time covered by gaps, nanoseconds."""

    def lost(self, *, is_over: bool) -> int:
        """Return how many records came and are not where they belong; what is on its way is not lost while it goes on."""
        if self.stored is not None:
            return self.kept.dropped + (self.taken - self.stored if is_over else 0)
        last = self.printed or self.kept
        return last.dropped + (last.waiting + self.unread if is_over else 0)

    def sentences(self, lasted_s: float, extras: Sequence[str] = ()) -> list[str]:
        """Return the summary.

        Parameters:
            lasted_s: how long the feed ran, seconds.
            extras: what a command has to add to the first sentence.
        """
        parts = [f"{count_of(self.messages, 'message')} received in {lasted_s:.1f} s", *extras]
        if self.unreadable:
            parts.append(f"{self.unreadable:,} unreadable")
        parts.append(f"{self.taken:,} delivered" if self.stored is None else f"{self.stored:,} stored")
        parts.append(f"{self.lost(is_over=True):,} lost")
        said = [", ".join(parts), f"records: {_account(self.kept)}"]
        if self.printed is not None and (self.printed != self.kept or self.unread):
            unread = f"; {self.unread:,} of them were not read any more" if self.unread else ""
            said.append(f"printed: {_account(self.printed)}{unread}")
        if self.reconnects or self.gaps:
            said.append(f"{count_of(self.reconnects, 'reconnect')}, {count_of(self.gaps, 'gap')}{self._missing()}")
        return said

    def _missing(self) -> str:
        if not self.gaps:
            return ""
        filled = f", {self.filled:,} filled" if self.filled else ""
        return f" ({span_text(self.gap_ns / 1e9)} in all{filled})"


def _account(stats: InboxStats) -> str:
    parts = [f"{getattr(stats, name):,} {name}" for name in _COUNTS]
    return f"{parts[0]} = {' + '.join(parts[1:])}"
