"""What a run has left on the disk: notes of what was sent, tapes of what came, moments at which it was taken, and the store."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from soak.accounting import Connection, GapSpan
from soak.streams import TAKEN
from soak.venues import ROW
from wsexample.tape.format import Kind, note_of
from wsexample.tape.reader import Tape

__all__ = ["Taped", "doubled_rows", "lags_of", "read_sent", "read_taped", "stored_fills", "stored_rows"]

PATHS = {
    "/kabusapi/websocket": "kabu",
    "/v2/iex": "alpaca.data",
    "/stream": "alpaca.trading",
    "/v3/ws/public": "weex.public",
    "/v3/ws/private": "weex.private",
}
GENERATION = 1_000_000
"""Connections are counted from 1 in each generation of a client."""
ROWS_AT_ONCE = 65536


def read_sent(folder: Path) -> dict[str, list[Connection]]:
    """Return the simulators' connections by stream, in order."""
    by_number: dict[int, Connection] = {}
    found: dict[str, list[Connection]] = {name: [] for name in PATHS.values()}
    with open(folder / "sent.jsonl", "rb") as lines:
        for line in lines:
            facts = msgspec.json.decode(line)
            connection = by_number[facts["number"]] = Connection(facts["opened_ns"])
            found[PATHS[facts["path"]]].append(connection)
    for number, at_ns, checksum in rows_of(folder / "sent.bin", ROW):
        by_number[number].add(at_ns, checksum)
    return {name: connections for name, connections in found.items() if connections}


def rows_of(path: Path, row: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a file."""
    with open(path, "rb") as file:
        while data := file.read(row.size * ROWS_AT_ONCE):
            yield from row.iter_unpack(data[: len(data) - len(data) % row.size])


@dataclass
class Taped:
    """What the tapes of a stream hold."""

    connections: list[Connection] = field(default_factory=list)
    gaps: list[GapSpan] = field(default_factory=list)
    live_ns: int | None = None
    """When it was live for the first time."""
    messages: int = 0


def read_taped(folder: Path, name: str) -> Taped:
    """Read the tapes of a stream, one for each generation of its client."""
    taped = Taped()
    for generation, path in enumerate(sorted(folder.glob(f"{name}-*.tape")), 1):
        _read_tape(taped, path, generation * GENERATION)
    return taped


def _read_tape(taped: Taped, path: Path, base: int) -> None:
    found: dict[int, Connection] = {}
    is_new = bool(taped.connections)
    with Tape(path) as tape:
        for entry in tape.entries():
            number = base + entry.connection
            if entry.kind in (Kind.RECEIVED_TEXT, Kind.RECEIVED_BINARY):
                connection = found.setdefault(number, Connection(entry.at_ns, number))
                connection.add(entry.at_ns, zlib.crc32(entry.payload))
                taped.messages += 1
            elif entry.kind == Kind.NOTE:
                note = note_of(entry.payload)
                if note.event == "gap":
                    taped.gaps.append(GapSpan(entry.at_ns, note.from_ns or 0, number))
                elif note.event == "live":
                    taped.live_ns = taped.live_ns or entry.at_ns
                    if is_new:  # the client before has raised its end, which says the same as a gap
                        taped.gaps.append(GapSpan(entry.at_ns, 0, number))
                        is_new = False
    taped.connections += found.values()


def lags_of(folder: Path, name: str, pairs: Iterable[tuple[Connection, Connection]]) -> Iterator[tuple[int, int]]:
    """Yield of each record taken when that was (UTC epoch nanoseconds) and how long after its message was sent, nanoseconds."""
    sent: dict[int, int] = {}
    for server, client in pairs:
        for came_ns, sent_ns in zip(client.stamps, server.stamps, strict=False):
            sent.setdefault(came_ns, sent_ns)
    for came_ns, taken_ns in rows_of(folder / f"{name}.taken", TAKEN):
        if came_ns in sent:
            yield taken_ns, taken_ns - sent[came_ns]


# -- the store ---------------------------------------------------------------------------------------------------------


def stored_rows(folder: Path) -> dict[str, int]:
    """Return the rows of each table of records."""
    with closing(sqlite3.connect(folder / "records.db")) as store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kinds = [name for name in tables if "received_ns" in _columns(store, name)]
        return {name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in kinds}


def stored_fills(folder: Path, venue: str) -> list[str]:
    """Return the identifiers of a venue's executions, in the order in which they were stored."""
    with closing(sqlite3.connect(folder / "records.db")) as store:
        if "fill_id" not in _columns(store, "fills"):
            return []
        return [fill_id for (fill_id,) in store.execute("SELECT fill_id FROM fills WHERE venue = ?", (venue,))]


def doubled_rows(folder: Path, venue: str) -> int:
    """Return how many trades of a venue were stored more than once."""
    with closing(sqlite3.connect(folder / "records.db")) as store:
        if "trade_id" not in _columns(store, "trades"):
            return 0
        query = "SELECT count(*), count(DISTINCT symbol || ' ' || trade_id) FROM trades WHERE venue = ? AND trade_id IS NOT NULL"
        rows, different = store.execute(query, (venue,)).fetchone()
        return int(rows - different)


def _columns(store: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in store.execute(f'PRAGMA table_info("{table}")')}
