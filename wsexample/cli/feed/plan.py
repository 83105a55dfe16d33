"""What the command line says about a feed; `wsexample.cli.feed.flags` reads it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FeedPlan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlan:
    """How long a feed runs, and what becomes of its records."""

    store: str | None = None
    """URL of a sink for every record; None stores nothing."""
    journal: str | None = None
    """File or URL of a sink for connection events and gaps; None keeps no journal."""
    record: str | None = None
    """Tape for every message as it came; None records nothing."""
    alerts: tuple[str, ...] = ()
    """Conditions on prices to tell of, see `wsexample.cli.feed.alerts`."""
    count: int | None = None
    """Records of market data after which the feed ends; None for no end."""
    duration_s: float | None = None
    """Seconds after which the feed ends; None for no end."""
    reconnects: bool = True
    """Whether a lost stream is opened again; the broker's command passes it on to its session."""
    newest: bool = False
    """Whether a reader of the pipe that is behind gets only the newest record of each symbol."""
    wants_table: bool = True
    """Whether a terminal shows a table in place of JSON lines."""
    color: str = "auto"
    """When to use colours: "auto", "always" or "never"."""
    is_quiet: bool = False
    """Whether nothing but errors is shown."""
    is_debug: bool = False
    """Whether the library's log is shown."""
