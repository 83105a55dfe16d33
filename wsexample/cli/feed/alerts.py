"""Alerts on prices: ``9433 bid > 3000`` read once, looked at with every record, told when it becomes true. Pure.

| condition | is told when |
|---|---|
| ``9433 last > 3000`` (also ``>=``, ``<``, ``<=``) | it becomes true, and again after it was false |
| ``9433 last > vwap`` | the same, with another figure in place of a number |
| ``9433 crosses 3000`` (``crosses above``, ``crosses below``) | the figure goes from one side to the other |
| ``9433 moves 2%`` (``rises``, ``falls``) | it has moved so far since it was first seen, or since the alert before |
| ``9433 moves 2% in 5m`` | it has moved so far within five minutes |

Without a figure ``last`` is meant. ``*`` stands for every symbol. Figures are those of `wsexample.cli.feed.facts`, and every
field of a record that is a number.
"""

from __future__ import annotations

import difflib
import logging
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import click

from wsexample.cli.feed.facts import NUMBERS, facts_of
from wsexample.cli.options import SECONDS
from wsexample.cli.terminal import escape_controls
from wsexample.errors import OptionError
from wsexample.records.fields import describe
from wsexample.records.kinds import is_market_data, record_kinds, register_record
from wsexample.records.market import Record

__all__ = ["Alert", "Alerts", "Condition", "parse_condition"]

log = logging.getLogger("wsexample.alerts")

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
}
MOVES = {"moves": 0, "rises": 1, "falls": -1}
UNHEARD = 50
"""Records of a symbol that do not say what a condition looks at, after which that is told."""
_HOW = "write SYMBOL FIGURE > NUMBER, SYMBOL crosses NUMBER, or SYMBOL moves 2% in 5m"


@register_record
class Alert(Record, frozen=True, kw_only=True, gc=False, tag="alert"):
    """A condition that somebody waits for has come true."""

    condition: str
    """The condition, as it was written."""
    figure: str
    """What was looked at: "bid"."""
    value: float
    """What it was."""
    reference: float
    """What it was compared with: the number, the other figure, or the price from which it moved."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, read."""

    text: str
    """As it was written."""
    symbol: str
    """Symbol, or "*" for all."""
    figure: str
    """What to look at."""
    operator: str
    """">", ">=", "<", "<=", "crosses", "crosses above", "crosses below", "moves", "rises" or "falls"."""
    bound: float | str
    """A number, or another figure."""
    is_percent: bool = False
    """Whether the number of a move is in percent."""
    window_s: float | None = None
    """Within how many seconds it must have moved; None for since it was first seen."""

    def concerns(self, symbol: str) -> bool:
        """Tell whether a record's symbol is meant; a market behind @ may be left out."""
        return self.symbol in ("*", symbol, symbol.partition("@")[0])


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        OptionError: it cannot be one; says which word is wrong, and how to write it.
    """
    words = re.findall(r">=|<=|[<>]|[^\s<>]+", text)
    if len(words) < 3:
        raise _wrong(text, _HOW)
    symbol, *rest = words
    figure = "last"
    if rest[0].lower() not in (*COMPARISONS, "crosses", *MOVES):
        figure = _figure(text, rest.pop(0))
    if not rest:
        raise _wrong(text, _HOW)
    operator = rest.pop(0).lower()
    if operator in COMPARISONS:
        return Condition(text, symbol, figure, operator, _bound(text, rest))
    if operator == "crosses":
        if rest and rest[0].lower() in ("above", "below"):
            operator = f"crosses {rest.pop(0).lower()}"
        return Condition(text, symbol, figure, operator, _bound(text, rest))
    if operator in MOVES:
        distance, is_percent, window_s = _distance(text, rest)
        return Condition(text, symbol, figure, operator, distance, is_percent, window_s)
    raise _wrong(text, f"{operator!r} is not a comparison; {_HOW}")


def _wrong(text: str, why: str) -> OptionError:
    return OptionError(f"the alert {text!r} cannot be read: {why}", option="alert")


@cache
def _known_figures() -> tuple[str, ...]:
    """Every figure that a condition may name: the words for all records, then the fields of records that are numbers."""
    fields = [
        column.name
        for record_type in record_kinds().values()
        if is_market_data(record_type)
        for column in describe(record_type).columns
        if column.sql_type in ("REAL", "INTEGER") and not column.name.endswith("_ns")
    ]
    return tuple(dict.fromkeys([*NUMBERS, *fields]))


def _figure(text: str, word: str) -> str:
    figure = {"%": "percent", "price": "last"}.get(word.lower(), word.lower())
    if figure in _known_figures():
        return figure
    near = difflib.get_close_matches(figure, _known_figures(), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(NUMBERS)}"
    raise _wrong(text, f"{word!r} is not a figure; {hint}")


def _number(word: str) -> float | None:
    try:
        number = float(word.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bound(text: str, words: list[str]) -> float | str:
    if len(words) != 1:
        raise _wrong(text, f"one number is to follow, not {' '.join(words)!r}" if words else "a number is missing")
    number = _number(words[0].removesuffix("%"))
    return number if number is not None else _figure(text, words[0])


def _distance(text: str, words: list[str]) -> tuple[float, bool, float | None]:
    window_s = None
    if len(words) == 3 and words[1].lower() == "in":
        try:
            window_s = SECONDS.convert(words[2], None, None)
        except click.BadParameter as error:
            raise _wrong(text, error.message) from None
        words = words[:1]
    if len(words) != 1:
        raise _wrong(text, "write moves 2%, moves 50, or moves 2% in 5m")
    number = _number(words[0].removesuffix("%"))
    if number is None or number <= 0:
        raise _wrong(text, f"{words[0]!r} is not a distance; write 2% or 50")
    return number, words[0].endswith("%"), window_s


class _Comparing:
    """Looks whether a comparison has become true."""

    def __init__(self, condition: Condition) -> None:
        self._compare = COMPARISONS[condition.operator]
        self._was_true = False

    def look(self, value: float, bound: float, at_s: float) -> float | None:
        """Return what the value was compared with, when that is to be told."""
        before, self._was_true = self._was_true, self._compare(value, bound)
        return bound if self._was_true and not before else None


class _Crossing:
    """Looks whether a figure has come to the other side."""

    def __init__(self, condition: Condition) -> None:
        self._wanted = {"crosses above": 1, "crosses below": -1}.get(condition.operator, 0)
        self._side = 0

    def look(self, value: float, bound: float, at_s: float) -> float | None:
        """Return the bound, when it was crossed; a value on the bound is on no side yet."""
        side = (value > bound) - (value < bound)
        if side == 0:
            return None
        before, self._side = self._side, side
        return bound if before and side != before and self._wanted in (0, side) else None


class _Moving:
    """Looks how far a figure has moved."""

    def __init__(self, condition: Condition) -> None:
        self._direction = MOVES[condition.operator]
        self._is_percent = condition.is_percent
        self._window_s = condition.window_s
        self._lowest: deque[tuple[float, float]] = deque()
        self._highest: deque[tuple[float, float]] = deque()

    def look(self, value: float, bound: float, at_s: float) -> float | None:
        """Return from where it moved, when it has moved far enough."""
        self._forget(at_s)
        if not self._lowest:
            self._begin(value, at_s)
            return None
        low, high = self._lowest[0][1], self._highest[0][1]
        far_up = value - low >= (abs(low) * bound / 100 if self._is_percent else bound)
        far_down = high - value >= (abs(high) * bound / 100 if self._is_percent else bound)
        reference = None
        if far_up and self._direction >= 0:
            reference = low
        elif far_down and self._direction <= 0:
            reference = high
        if reference is not None:
            self._begin(value, at_s)
        elif self._window_s is not None:
            self._note(value, at_s)
        return reference

    def _begin(self, value: float, at_s: float) -> None:
        self._lowest = deque([(at_s, value)])
        self._highest = deque([(at_s, value)])

    def _note(self, value: float, at_s: float) -> None:
        """Keep what may yet be the lowest or the highest of the window."""
        while self._lowest and self._lowest[-1][1] >= value:
            self._lowest.pop()
        while self._highest and self._highest[-1][1] <= value:
            self._highest.pop()
        self._lowest.append((at_s, value))
        self._highest.append((at_s, value))

    def _forget(self, at_s: float) -> None:
        if self._window_s is None:
            return
        for kept in (self._lowest, self._highest):
            while kept and at_s - kept[0][0] > self._window_s:
                kept.popleft()


def _looker(condition: Condition) -> _Comparing | _Crossing | _Moving:
    if condition.operator in COMPARISONS:
        return _Comparing(condition)
    return _Moving(condition) if condition.operator in MOVES else _Crossing(condition)


class Alerts:
    """Watches the records of a feed.

    Parameters:
        conditions: what to look for.
        names: symbol to the name to show in place of the venue's.
    """

    def __init__(self, conditions: Iterable[Condition], names: Mapping[str, str] | None = None) -> None:
        self._conditions = tuple(conditions)
        self._names = dict(names or {})
        self._rules: dict[str, list[tuple[Condition, _Comparing | _Crossing | _Moving]]] = {}
        self._unheard: Counter[tuple[str, str]] = Counter()
        self._facts: dict[str, dict[str, Any]] = {}

    def take(self, record: Record) -> Iterable[Record]:
        """Look at a record; returns an `Alert` for each condition that has come true with it."""
        rules = self._rules.get(record.symbol)
        if rules is None:
            meant = [one for one in self._conditions if record.symbol and one.concerns(record.symbol)]
            rules = self._rules[record.symbol] = [(one, _looker(one)) for one in meant]
        if not rules or not is_market_data(type(record)):
            return ()
        facts = self._facts.setdefault(record.symbol, {})
        facts.update(facts_of(record))
        alerts = []
        for condition, looker in rules:
            value = _value(condition.figure, record, facts)
            bound = condition.bound
            if isinstance(bound, str):
                bound = _value(bound, record, facts)  # type: ignore[assignment] # None is looked at next
            if value is None or bound is None:
                self._note_silence(condition, record.symbol)
                continue
            self._unheard[condition.text, record.symbol] = UNHEARD  # it does say it, some time at least
            reference = looker.look(value, float(bound), record.received_ns / 1e9)
            if reference is not None:
                alerts.append(_alert(condition, record, value, reference))
        return alerts

    def _note_silence(self, condition: Condition, symbol: str) -> None:
        """Tell once when records do not say what a condition looks at, for then it never comes true."""
        if condition.symbol == "*":
            return  # some of all symbols will not have it
        self._unheard[condition.text, symbol] += 1
        if self._unheard[condition.text, symbol] == UNHEARD:
            log.warning(
                "the alert %r waits for what %s does not say: of %d records none had it",
                condition.text,
                symbol,
                UNHEARD,
            )

    def words(self, answer: Record) -> str:
        """Return an alert as a sentence."""
        if not isinstance(answer, Alert):
            return ""
        name = self._names.get(answer.symbol) or self._facts.get(answer.symbol, {}).get("name") or ""
        who = f"{answer.symbol} {escape_controls(name)}".strip()
        return f"ALERT {who}: {answer.figure.replace('_', ' ')} is {answer.value:,.10g} ({answer.condition})"


def _value(figure: str, record: Record, facts: dict[str, Any]) -> float | None:
    value = facts.get(figure) if figure in NUMBERS else getattr(record, figure, None)
    return float(value) if isinstance(value, int | float) and value == value else None  # NaN is no value


def _alert(condition: Condition, record: Record, value: float, reference: float) -> Alert:
    return Alert(
        venue=record.venue,
        symbol=record.symbol,
        exchange_ns=record.exchange_ns,
        received_ns=record.received_ns,
        condition=condition.text,
        figure=condition.figure,
        value=value,
        reference=reference,
    )
