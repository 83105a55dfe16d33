"""aiosqlite with the same statements as the bare loop: the thread is its own."""

from __future__ import annotations

import tempfile
from operator import attrgetter
from pathlib import Path

from bench.feeds import quote_records
from bench.job import Job
from bench.subjects.bare_sqlite import COLUMNS, INDEX, INSERT, SET_UP, TABLE


async def records_stored(job: Job) -> None:
    import aiosqlite

    records = quote_records(20_000)
    row = attrgetter(*COLUMNS)
    size = int(job.variant)
    meter, is_going = job.meter, True
    with tempfile.TemporaryDirectory() as folder:
        async with aiosqlite.connect(Path(folder) / "bench.db") as connection:
            for statement in (*SET_UP, TABLE, INDEX):
                await connection.execute(statement)
            meter.add(0)
            while is_going:
                for at in range(0, len(records), size):
                    await connection.executemany(INSERT, map(row, records[at : at + size]))
                    await connection.commit()
                is_going = meter.add(len(records))
