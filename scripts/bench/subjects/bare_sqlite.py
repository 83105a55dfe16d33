"""A loop of ``executemany``, a thousand rows and a commit at a time, over sqlite3 or over aiosqlite."""

from __future__ import annotations

import tempfile
from operator import attrgetter
from pathlib import Path

from bench.feeds import quote_records
from bench.job import Job

COLUMNS = ("venue", "symbol", "exchange_ns", "received_ns", "bid_price", "bid_size", "ask_price", "ask_size",
           "bid_exchange", "ask_exchange", "tape")  # fmt: skip
TABLE = f"CREATE TABLE quotes (seq INTEGER PRIMARY KEY, {', '.join(COLUMNS)})"
INDEX = "CREATE INDEX quotes_received_ns ON quotes (received_ns)"
INSERT = f"INSERT INTO quotes ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
SET_UP = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")


def _set_up(job: Job) -> tuple[str, ...]:
    return (*SET_UP, TABLE, INDEX) if job.variant == "indexed" else (*SET_UP, TABLE)


def records_stored(job: Job) -> None:
    import sqlite3

    records = quote_records(20_000)
    row = attrgetter(*COLUMNS)
    meter, is_going = job.meter, True
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bench.db")
        for statement in _set_up(job):
            connection.execute(statement)
        meter.add(0)
        while is_going:
            for at in range(0, len(records), 1000):
                connection.executemany(INSERT, map(row, records[at : at + 1000]))
                connection.commit()
            is_going = meter.add(len(records))
        connection.close()
