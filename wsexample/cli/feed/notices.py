"""One line for a person for each thing that happens to a stream: lost, live again, a gap, a topic refused. Pure."""

from __future__ import annotations

from collections.abc import Callable

from wsexample.cli.feed.numbers import count_of, span_text, time_of_day
from wsexample.session.events import Event, Failed, Gap, Live, Refused, Waiting

__all__ = ["Notice", "Notices"]

Notice = tuple[str, str]
"""A sentence and the colour of its beginning."""

REPEAT_S = 60.0
"""After how long the same trouble is told again."""


class Notices:
    """What to tell of one stream.

    Parameters:
        explain: a broker's words for an error (default: its own sentence).
        offset_s: seconds east of UTC for times of day; None for this machine's time zone.
        is_told: tells whether a sentence was said already by somebody else.
    """

    def __init__(
        self,
        *,
        explain: Callable[[Exception], str] = str,
        offset_s: int | None = None,
        is_told: Callable[[str], bool] = lambda sentence: False,
    ) -> None:
        self._explain = explain
        self._is_told = is_told
        self._offset_s = offset_s
        self._failed: Failed | None = None
        self._refused: Refused | None = None
        self._is_live = False
        self._lost_ns: int | None = None
        self._failures = 0
        self._told = ""
        self._told_ns = 0
        self.gap_ns = 0
        """Time covered by gaps so far, nanoseconds."""
        self.filled = 0
        """Gaps that could be filled."""

    def take(self, event: Event) -> list[Notice]:
        """Return what is to be said about an event and before it; a refusal that ends the feed is left to whoever ends it."""
        refused, self._refused = self._refused, None
        notices = []
        if refused is not None and not (isinstance(event, Failed) and event.is_final and event.error is refused.error):
            notices.append(self._refusal(refused))
        notice = self._about(event)
        return notices if notice is None else [*notices, notice]

    def _about(self, event: Event) -> Notice | None:
        match event:
            case Failed():
                self._is_live = False
                self._failed = event  # told once it is known whether there will be another attempt
                self._failures += 1
                if self._lost_ns is None:
                    self._lost_ns = event.at_ns
            case Waiting(delay_s=delay_s):
                return self._trouble(event, delay_s)
            case Live():
                self._is_live = True
                return self._live(event)
            case Gap():
                return self._gap(event)
            case Refused():
                if self._is_live:
                    return self._refusal(event)
                self._refused = event  # told once it is known whether the feed goes on without it
        return None

    def _refusal(self, refused: Refused) -> Notice:
        topic = refused.topic
        return f"{topic} is not delivered: {self._explain(refused.error).removeprefix(f'{topic}: ')}", "red"

    def _trouble(self, event: Event, delay_s: float) -> Notice | None:
        if self._failed is None:
            return None
        sentence = self._explain(self._failed.error).rstrip(".")
        if sentence == self._told and event.at_ns - self._told_ns < REPEAT_S * 1e9:
            return None
        self._told, self._told_ns = sentence, event.at_ns
        if self._is_told(sentence):
            return None
        if self._failed.phase == "live":
            return f"lost: {sentence}; next attempt in {span_text(delay_s)}", "yellow"
        return f"not connected: {sentence}; attempt {self._failures + 1} in {span_text(delay_s)}", "yellow"

    def _live(self, event: Live) -> Notice | None:
        lost_ns, failures = self._lost_ns, self._failures
        self._failed, self._lost_ns, self._failures, self._told = None, None, 0, ""
        if lost_ns is None:
            return None
        how = f"after {span_text((event.at_ns - lost_ns) / 1e9)}, {count_of(failures, 'attempt')}"
        return f"{'live again' if event.is_again else 'live'} {how}", "green"

    def _gap(self, gap: Gap) -> Notice:
        self.gap_ns += gap.to_ns - gap.from_ns
        self.filled += gap.filled
        begin, end = (time_of_day(at_ns, self._offset_s, decimals=1) for at_ns in (gap.from_ns, gap.to_ns))
        what = "was missed and has been filled" if gap.filled else "may be missing"
        return f"gap: what came from {begin} to {end} ({span_text((gap.to_ns - gap.from_ns) / 1e9)}) {what}", "yellow"
