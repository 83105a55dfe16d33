"""The lines above and below a view tell where the feed stands."""

from __future__ import annotations

from wsexample.cli.feed.view import FeedState, counters_line, header_line


def test_the_header_tells_phase_rate_and_lag() -> None:
    """The first line has the phase, messages per second, the lag behind the venue's clock, and the time."""
    state = FeedState("kabu Station localhost:18080", phase="live")
    header = header_line(state, rate=10.21, lag_s=0.4, running_s=83.0)
    assert header.plain == " ● live  kabu Station localhost:18080   10.2 msg/s   lag 0.4 s   00:01:23"


def test_waiting_says_until_when() -> None:
    """Between two connections the header says when the next attempt is due, and no lag is made up."""
    state = FeedState("here", phase="backing_off", detail="next attempt in 3.0 s")
    header = header_line(state, rate=0.0, lag_s=None, running_s=3700.0)
    assert header.plain == " ○ backing off  here  next attempt in 3.0 s   0.0 msg/s   lag –   01:01:40"


def test_the_last_line_counts() -> None:
    """Received, stored and lost stand below, what waits and reconnects only when there are some, and the file."""
    state = FeedState("kabu", received=1200, stored=1190, waiting=10, reconnects=2, file="day.db")
    assert counters_line(state).plain == " received 1,200   stored 1,190   lost 0   waiting 10   2 reconnects   day.db"
    assert counters_line(FeedState("kabu")).plain == " received 0   lost 0"
