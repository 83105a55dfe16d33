"""What somebody wants to see of kabu Station: symbols from the command line, a watch list, a ladder and alerts, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wsexample.cli.feed.alerts import Condition, parse_condition
from wsexample.cli.watch_list import WatchList, read_symbol, read_watch_list

__all__ = ["Wishes", "wishes_of"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to stream and what to show of it."""

    symbols: tuple[str, ...] = ()
    """Symbols with their markets, each once; none takes what is registered already."""
    pinned: tuple[str, ...] = ()
    """Symbols that never rotate out."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names to show in place of the venue's."""
    ladder: str | None = None
    """Symbol whose order book a terminal shows."""
    alerts: tuple[Condition, ...] = ()
    """Conditions to tell of."""


def wishes_of(
    words: Sequence[str],
    *,
    watch_list: Path | None = None,
    pins: Sequence[str] = (),
    ladder: str | None = None,
    alerts: Sequence[str] = (),
) -> Wishes:
    """Read what the command line says; a symbol that is only named by a pin, the ladder or an alert is streamed too.

    Raises:
        OptionError: a symbol, a line of the watch list or an alert cannot be read.
    """
    listed = read_watch_list(watch_list) if watch_list is not None else WatchList()
    pinned = list(dict.fromkeys([*map(read_symbol, pins), *listed.pinned]))
    shown = read_symbol(ladder) if ladder is not None else None
    conditions = tuple(_spelled(parse_condition(text)) for text in alerts)
    symbols = [*map(read_symbol, words), *listed.symbols, *pinned]
    symbols += [shown] if shown is not None else []
    symbols += [condition.symbol for condition in conditions if condition.symbol != "*"]
    return Wishes(tuple(dict.fromkeys(symbols)), tuple(pinned), listed.names, shown, conditions)


def _spelled(condition: Condition) -> Condition:
    if condition.symbol == "*":
        return condition
    return replace(condition, symbol=read_symbol(condition.symbol))
