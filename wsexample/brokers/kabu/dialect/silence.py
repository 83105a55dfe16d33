"""When silence means something: only while a market trades continuously, and only after it has been heard to speak.

Nothing is pushed outside the sessions, during the lunch break and on holidays, and a quiet stock may say nothing for
minutes (vendor issues 955 and 1032). So silence counts within a stretch of continuous trading alone, once enough was heard
in that same stretch to know how often something comes. Pure; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable

from wsexample.brokers.kabu.codes import DERIVATIVE_EXCHANGES, STOCK_EXCHANGES
from wsexample.brokers.kabu.dialect.hours import DERIVATIVES, STOCKS, Phase, Timetable
from wsexample.brokers.kabu.messages.registry import SymbolEntry

__all__ = ["Listener", "PongWatch"]

LEAST_S = 60.0
"""Silence shorter than this never counts; trading halts and thin minutes are."""
_GAPS = 25
"""How many usual distances between two messages a silence must last: by chance that never happens."""
_HEARD = 20
"""Messages after which a usual distance can be told."""
_PONGS_MISSED = 3.2
_CONNECTIONS_DOUBTED = 2
"""Connections in a row without a single Pong after which this kabu Station is taken for one that sends none."""

_TURN_S = 2.0
"""How far apart two looks may be: the last one comes before the connection is given up."""


class PongWatch:
    """Whether this kabu Station shows life by itself, and so how long a connection may say nothing at all.

    Nobody has documented the Pongs, and a release may end them. So they are believed in from the first one on, over
    reconnects too, until connections have shown again and again that there are none.

    Parameters:
        interval_s: how often a Pong comes; 0 takes none for missing.
    """

    def __init__(self, interval_s: float) -> None:
        self._patience_s = interval_s * _PONGS_MISSED
        self._is_believed = False
        self._is_open_question = True
        self._opened_ns: int | None = None
        self._doubts = 0

    def begin(self) -> None:
        """Begin anew: another connection."""
        self._opened_ns, self._is_open_question = None, True
        if self._doubts >= _CONNECTIONS_DOUBTED:
            self._is_believed = False

    def heard(self) -> None:
        """A Pong came."""
        self._is_believed = self._patience_s > 0
        self._is_open_question, self._doubts = False, 0

    def turn(self, now_ns: int) -> None:
        """Say that time has passed."""
        if self._opened_ns is None:
            self._opened_ns = now_ns
        if self._is_open_question and (now_ns - self._opened_ns) / 1e9 >= self._patience_s - _TURN_S:
            self._is_open_question = False
            self._doubts += 1

    @property
    def limit_s(self) -> float | None:
        """How long nothing may come, seconds; None when silence says nothing."""
        return self._patience_s if self._is_believed else None


class Listener:
    """How long the stream of some symbols may say nothing.

    Parameters:
        least_s: shortest silence that counts, seconds (default 60).
    """

    def __init__(self, least_s: float = LEAST_S) -> None:
        self._least_s = least_s
        self._timetables: tuple[Timetable, ...] = ()
        self._is_open = False
        self._until_ns = 0
        self._first_ns = 0
        self._last_ns = 0
        self._count = 0

    def watch(self, entries: Iterable[SymbolEntry]) -> None:
        """Say which symbols are streamed; the hours of their markets count."""
        markets = {entry.Exchange for entry in entries}
        tables = [(STOCKS, STOCK_EXCHANGES), (DERIVATIVES, DERIVATIVE_EXCHANGES)]
        self._timetables = tuple(table for table, codes in tables if markets & codes)
        self.begin()

    def begin(self) -> None:
        """Begin anew: another connection, or other symbols."""
        self._until_ns = self._count = 0
        self._is_open = False

    def heard(self, received_ns: int) -> None:
        """A message came."""
        if received_ns >= self._until_ns:
            self._enter(received_ns)
        if not self._count:
            self._first_ns = received_ns
        self._count += 1
        self._last_ns = received_ns

    def _enter(self, now_ns: int) -> None:
        """Begin the stretch that holds now: until it ends no market opens or closes."""
        spans = [table.span_at(now_ns) for table in self._timetables]
        self._is_open = any(span.phase is Phase.OPEN for span in spans)
        self._until_ns = min((span.end_ns for span in spans), default=2**63)
        self._count = 0

    def limit_s(self, now_ns: int) -> float | None:
        """Return how long nothing may come at this moment, seconds; None when silence says nothing."""
        if now_ns >= self._until_ns or not self._is_open or self._count < _HEARD:
            return None
        usual_s = (self._last_ns - self._first_ns) / 1e9 / (self._count - 1)
        return max(self._least_s, _GAPS * usual_s)
