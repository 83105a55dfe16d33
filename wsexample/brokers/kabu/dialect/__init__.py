"""kabu Station's language without any I/O: bytes in, boards out; symbols, times and error codes understood.

Registration is done by REST and no login happens on the socket, so nothing is ever sent here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wsexample.brokers.kabu.dialect.boards import VENUE, BoardDecoder
from wsexample.brokers.kabu.dialect.layouts import does_not_apply
from wsexample.brokers.kabu.dialect.symbols import entry_of, parse_symbol, parse_symbols, spell
from wsexample.errors import DialectError
from wsexample.ports import NOTHING, Dialect, Silence, Step
from wsexample.records.market import Board

__all__ = [
    "PONG_INTERVAL_S",
    "BoardDecoder",
    "KabuDialect",
    "Unreadable",
    "does_not_apply",
    "entry_of",
    "parse_symbol",
    "parse_symbols",
    "spell",
]

PONG_INTERVAL_S = 30.0
"""kabu Station sends an empty Pong about this often, without being asked (vendor issue 653)."""
_PONGS_MISSED = 3.2
_KEPT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that could not be read, kept for whoever mends the decoder."""

    received_ns: int
    """When it was received, UTC epoch nanoseconds."""
    payload: bytes
    """Its first 4096 bytes."""
    reason: str
    """Why."""


class KabuDialect(Dialect):
    """The push stream of kabu Station.

    Parameters:
        mend_midnight: undo the vendor's date defect on derivatives after midnight (default True).
        keep: unreadable messages kept, the newest (default 32).
        pong_interval_s: how often kabu Station shows life by a Pong (default 30); 0 takes no silence for an end.
    """

    venue = VENUE

    def __init__(self, *, mend_midnight: bool = True, keep: int = 32, pong_interval_s: float = PONG_INTERVAL_S) -> None:
        self._decoder = BoardDecoder(mend_midnight=mend_midnight)
        self._silence = Silence(frame_s=pong_interval_s * _PONGS_MISSED if pong_interval_s else None)
        self._shows_life = False
        self.topics: dict[str, None] = {}
        """Symbols wanted, "9433@1", in the order asked for."""
        self.boards = 0
        """Messages that became a board."""
        self.unreadable = 0
        """Messages that could not be read."""
        self.kept: deque[Unreadable] = deque(maxlen=keep)
        """The newest of those."""

    @property
    def mended(self) -> int:
        """Boards whose times after midnight were put right."""
        return self._decoder.mended

    @property
    def unreadable_times(self) -> int:
        """Timestamps that were no time; their fields are None."""
        return self._decoder.unreadable_times

    def start(self) -> Step:
        """Begin on a fresh connection; kabu Station wants no login there."""
        self._shows_life = False
        return Step(phase="subscribing")

    def decode(self, payload: bytes, is_binary: bool, received_ns: int) -> Board | None:
        """Read one message; None when it cannot be read, which is counted and kept."""
        try:
            if is_binary:
                raise DialectError("kabu Station sent a binary message; it speaks text only", venue=VENUE)
            board = self._decoder.decode(payload, received_ns)
        except DialectError as error:
            self.unreadable += 1
            self.kept.append(Unreadable(received_ns, payload[:_KEPT_BYTES], str(error)))
            return None
        self.boards += 1
        return board

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message."""
        board = self.decode(payload, is_binary, received_ns)
        return NOTHING if board is None else Step((board,))

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Take note of symbols, which REST has registered; each is confirmed at once.

        Raises:
            OptionError: a text cannot be a symbol.
        """
        entries = parse_symbols(topics)
        for entry in entries:
            self._decoder.remember_market(entry.Symbol, entry.Exchange)
        names = [spell(entry) for entry in entries]
        self.topics.update(dict.fromkeys(names))
        return Step(confirmed=names)

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Forget symbols, which REST has unregistered."""
        for entry in parse_symbols(topics):
            self.topics.pop(spell(entry), None)
        return NOTHING

    def heartbeat(self, now_ns: int) -> Step:
        """Nothing is ever sent: kabu Station does not answer pings."""
        return NOTHING

    def frame_heard(self, at_ns: int) -> None:
        """Take note that a Pong came: from then on silence of the socket means something."""
        self._shows_life = True

    def silence(self, now_ns: int) -> Silence:
        """Messages may stay away for ever (nights, lunch breaks); frames only where Pongs have been seen to come."""
        return self._silence if self._shows_life else Silence()
