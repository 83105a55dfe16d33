"""The flags that every streaming command has, read into a `FeedPlan`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.options import SECONDS, color_options, debug_option, option, quiet_option

__all__ = ["feed_flags"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_FLAGS = (
    option(
        "--store",
        metavar="URL",
        section="Output",
        help="Store every record: a path such as ticks.db, or the URL of a sink, such as sqlite:///ticks.db.",
    ),
    option(
        "--journal",
        metavar="FILE-or-URL",
        section="Output",
        help="Keep what happened to the connection, and every gap: JSON lines in a file, or a sink as with --store.",
    ),
    option(
        "--record",
        metavar="FILE",
        section="Output",
        help="Keep every message as it came on a tape, for wsexample replay; one that exists is gone on with.",
    ),
    option(
        "--alert",
        "alerts",
        multiple=True,
        metavar="CONDITION",
        section="Output",
        help='Say when a price gets somewhere: "SYMBOL bid > 3000", "SYMBOL crosses 3000", "SYMBOL moves 2% in 5m"; repeat.',
    ),
    option("--count", type=click.IntRange(min=1), section="Output", help="End after so many records."),
    option("--duration", type=SECONDS, section="Output", help="End after so long, such as 15s, 10m or 6h."),
    option(
        "--newest",
        is_flag=True,
        section="Output",
        help="Give a slow reader of the pipe only the newest record of each symbol.",
    ),
    option("--no-table", is_flag=True, section="Output", help="Print JSON lines on a terminal too."),
    option("--no-reconnect", is_flag=True, section="Connection", help="End when the stream is lost."),
    color_options,
    quiet_option,
    debug_option,
)


def feed_flags(command: Decorated) -> Callable[..., Any]:
    """Add the flags; the command gets ``feed``, a `FeedPlan`, in place of their values."""

    @wraps(command)
    def with_plan(
        *args: Any,
        store: str | None,
        journal: str | None,
        record: str | None,
        alerts: tuple[str, ...],
        count: int | None,
        duration: float | None,
        newest: bool,
        no_table: bool,
        no_reconnect: bool,
        color: str,
        quiet: bool,
        debug: bool,
        **others: Any,
    ) -> Any:
        plan = FeedPlan(
            store=store,
            journal=journal,
            record=record,
            alerts=alerts,
            count=count,
            duration_s=duration,
            reconnects=not no_reconnect,
            newest=newest,
            wants_table=not no_table,
            color=color,
            is_quiet=quiet,
            is_debug=debug,
        )
        return command(*args, feed=plan, **others)

    decorated: Callable[..., Any] = with_plan
    for flag in reversed(_FLAGS):
        decorated = flag(decorated)
    return decorated
