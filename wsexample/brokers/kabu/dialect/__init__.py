"""kabu Station's language without any I/O: bytes in, boards out; symbols, times and error codes understood.

Registration is done by REST and no login happens on the socket, so nothing is ever sent here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wsexample.brokers.kabu.dialect.boards import VENUE, BoardDecoder
from wsexample.brokers.kabu.dialect.lag import LagWatch
from wsexample.brokers.kabu.dialect.layouts import does_not_apply
from wsexample.brokers.kabu.dialect.silence import LEAST_S, Listener, PongWatch
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
_KEPT_BYTES = 4096
_MOST_SYMBOLS = 20_000
"""Symbols whose newest board is kept; nobody registers as many, not even in turns."""


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
        pong_interval_s: how often kabu Station shows life by a Pong (default 30); 0 takes no missing Pong for an end.
        quiet_s: shortest silence of boards that is taken for an end while a market trades (default 60); 0 takes none.
        on_lag: told in one sentence when boards have become late, early, or well again.
    """

    venue = VENUE
    heartbeat_interval_s = 1.0

    def __init__(
        self,
        *,
        mend_midnight: bool = True,
        keep: int = 32,
        pong_interval_s: float = PONG_INTERVAL_S,
        quiet_s: float = LEAST_S,
        on_lag: Callable[[str], None] | None = None,
    ) -> None:
        self._decoder = BoardDecoder(mend_midnight=mend_midnight)
        self._pongs = PongWatch(pong_interval_s)
        self._hears_silence = quiet_s > 0
        self._listener = Listener(quiet_s)
        self._on_lag = on_lag
        self.lag = LagWatch()
        """How far boards are behind the exchange's clock."""
        self.newest: dict[str, Board] = {}
        """Symbol -> the newest board that was pushed."""
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
        self._pongs.begin()
        self._listener.begin()
        return Step(phase="subscribing")

    def decode(self, payload: bytes, is_binary: bool, received_ns: int) -> Board | None:
        """Read one message; None when it cannot be read, which is counted and kept.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        try:
            if is_binary:
                raise DialectError("kabu Station sent a binary message; it speaks text only", venue=VENUE)
            board = self._decoder.decode(payload, received_ns)
        except DialectError as error:
            self.unreadable += 1
            self.kept.append(Unreadable(received_ns, payload[:_KEPT_BYTES], str(error)))
            return None
        self.boards += 1
        newest = self.newest
        newest[board.symbol] = board
        if len(newest) > _MOST_SYMBOLS:
            del newest[next(iter(newest))]
        self._listener.heard(received_ns)
        exchange_ns = board.exchange_ns
        if exchange_ns is not None and received_ns - exchange_ns < self.lag.least_ns:
            self.lag.least_ns = received_ns - exchange_ns
        return board

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one message.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        board = self.decode(payload, is_binary, received_ns)
        return NOTHING if board is None else Step((board,))

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Take note of symbols, which REST has registered; each is confirmed at once.

        Parameters:
            topics: which ones, by their names.

        Raises:
            OptionError: a text cannot be a symbol.
        """
        entries = parse_symbols(topics)
        for entry in entries:
            self._decoder.remember_market(entry.Symbol, entry.Exchange)
        names = [spell(entry) for entry in entries]
        self.topics.update(dict.fromkeys(names))
        self._listener.watch(parse_symbols(self.topics))
        return Step(confirmed=names)

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Forget symbols, which REST has unregistered.

        Parameters:
            topics: which ones, by their names.
        """
        for entry in parse_symbols(topics):
            self.topics.pop(spell(entry), None)
        self._listener.watch(parse_symbols(self.topics))
        return NOTHING

    def heartbeat(self, now_ns: int) -> Step:
        """Look at the lag and for Pongs; nothing is ever sent, for kabu Station does not answer pings.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        self._pongs.turn(now_ns)
        sentence = self.lag.turn(now_ns)
        if sentence is not None and self._on_lag is not None:
            self._on_lag(sentence)
        return NOTHING

    def frame_heard(self, at_ns: int) -> None:
        """Take note that a Pong came: from then on silence of the socket means something.

        Parameters:
            at_ns: when it was, UTC epoch nanoseconds.
        """
        self._pongs.heard()

    def silence(self, now_ns: int) -> Silence:
        """Say how long nothing may come: boards only while a market trades, frames only where Pongs have been seen.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        message_s = self._listener.limit_s(now_ns) if self._hears_silence else None
        return Silence(message_s, self._pongs.limit_s)
