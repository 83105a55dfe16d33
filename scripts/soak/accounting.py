"""Do the books add up? What was sent against what came, numbers in a row, and the promises that a run must keep. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["Connection", "GapSpan", "Promise", "SequenceCount", "WireAccount", "account_for", "exactly_once"]


@dataclass(frozen=True)
class Promise:
    """Something that must hold, and whether it did."""

    name: str
    is_kept: bool
    words: str
    """The figures behind it."""

    def __str__(self) -> str:
        return f"{'kept  ' if self.is_kept else 'BROKEN'}  {self.name}: {self.words}"


@dataclass
class Connection:
    """The messages of one connection as one end has them: when each was sent or came, and its checksum."""

    opened_ns: int
    number: int = 0
    """The client's count of its connections."""
    stamps: array[int] = field(default_factory=lambda: array("q"))
    sums: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.sums)

    def add(self, at_ns: int, checksum: int) -> None:
        """Note one more message."""
        self.stamps.append(at_ns)
        self.sums.append(checksum)


@dataclass(frozen=True)
class GapSpan:
    """A gap as it was announced."""

    told_ns: int
    from_ns: int
    connection: int = 0
    """The connection with which the stream was live again."""


@dataclass
class WireAccount:
    """What became of the messages that one stream was sent."""

    sent: int = 0
    received: int = 0
    changed: int = 0
    """Of those received, how many were not what was sent."""
    announced: int = 0
    """Lost with a connection, and a gap says so."""
    before_live: int = 0
    """Lost before the stream was live for the first time."""
    unannounced: int = 0
    """Lost, and nothing says so."""
    unsent: int = 0
    """Received without having been sent."""
    early: int = 0
    """Of those announced, how many were sent before the moment from which the gap says that something may be missing."""
    connections: int = 0
    pairs: list[tuple[Connection, Connection]] = field(default_factory=list)
    """Connections as both ends have them."""

    @property
    def adds_up(self) -> bool:
        """Whether every message sent has come or was announced as lost, and none came of itself."""
        lost = self.announced + self.before_live + self.unannounced
        return self.sent == self.received - self.unsent + lost and not self.unannounced and not self.unsent


def account_for(
    sent: Sequence[Connection], got: Sequence[Connection], gaps: Sequence[GapSpan], live_ns: int | None
) -> WireAccount:
    """Find out what became of every message of one stream.

    TCP delivers the beginning of what was sent, whole and in order; so what came on a connection must be how the messages sent on
    one of the server's connections begin, and what is left of them is lost.

    Parameters:
        sent: the server's connections, in order.
        got: those of them that the client has got messages on, in order.
        gaps: what the client has announced.
        live_ns: when it was live for the first time.
    """
    account = WireAccount(sent=sum(map(len, sent)), received=sum(map(len, got)), connections=len(sent))
    came: dict[int, Connection] = {}
    first = 0
    for client in got:
        number = _partner(sent, client, first)
        if number is None:
            account.unsent += len(client)
            continue
        first = number + 1
        came[number] = client
        account.pairs.append((sent[number], client))
        account.unsent += max(0, len(client) - len(sent[number]))
        account.changed += sum(a != b for a, b in zip(sent[number].sums, client.sums, strict=False))
    for number, server in enumerate(sent):
        _judge(account, server, came.get(number), gaps, live_ns)
    return account


def _partner(sent: Sequence[Connection], client: Connection, first: int) -> int | None:
    """Return the server's connection that a client's is the other end of."""
    candidates = [number for number in range(first, len(sent)) if sent[number].opened_ns <= client.stamps[0]]
    best, most = None, -1
    for number in candidates:
        alike = sum(a == b for a, b in zip(sent[number].sums, client.sums, strict=False))
        if alike == len(client):
            return number
        if alike > most:
            best, most = number, alike
    return best


def _judge(
    account: WireAccount, server: Connection, client: Connection | None, gaps: Sequence[GapSpan], live_ns: int | None
) -> None:
    lost = server.stamps[len(client) if client is not None else 0 :]
    if not lost:
        return
    if client is not None:
        gap = next((one for one in gaps if one.connection > client.number), None)
    else:
        gap = next((one for one in gaps if one.told_ns >= server.opened_ns), None)
    if gap is not None:
        account.announced += len(lost)
        account.early += sum(stamp < gap.from_ns for stamp in lost)
    elif live_ns is None or server.opened_ns < live_ns:
        is_first = [stamp for stamp in lost if live_ns is None or stamp < live_ns]
        account.before_live += len(is_first)
        account.unannounced += len(lost) - len(is_first)
    else:
        account.unannounced += len(lost)


@dataclass
class SequenceCount:
    """What one reader has of topics that number their records from 1."""

    last: dict[str, int] = field(default_factory=dict)
    received: int = 0
    holes: int = 0
    """Numbers passed over."""
    announced: int = 0
    """Numbers that the hub said were passed over."""
    doubled: int = 0
    """Numbers that had come before."""

    def number(self, topic: str, seq: int) -> None:
        """A record came."""
        before = self.last.get(topic, 0)
        if seq <= before:
            self.doubled += 1
            return
        self.received += 1
        self.holes += seq - before - 1
        self.last[topic] = seq

    def passed_over(self, count: int) -> None:
        """The hub says that so many do not come."""
        self.announced += count

    def behind(self, numbers: dict[str, int]) -> int:
        """Return how many numbers have not come yet, by the last ones that the hub has given."""
        return sum(seq - self.last.get(topic, 0) for topic, seq in numbers.items())


def exactly_once(happened: Iterable[str], delivered: Iterable[str]) -> tuple[int, int, int]:
    """Return how many are missing, how many came again, and how many never happened."""
    should, found = set(happened), list(delivered)
    have = set(found)
    return len(should - have), len(found) - len(have), len(have - should)
