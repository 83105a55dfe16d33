"""Our SQLite sink, handed lists of a hundred records, as a feed does; what counts is stored, not only taken."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.feeds import quote_records
from bench.job import Job


async def records_stored(job: Job) -> None:
    from wsexample.sinks.base import open_sink

    records = quote_records(20_000)
    lists = [records[at : at + 100] for at in range(0, len(records), 100)]
    meter, stored, is_going = job.meter, 0, True
    with tempfile.TemporaryDirectory() as folder:
        async with open_sink(str(Path(folder) / "bench.db")) as sink:
            meter.add(0)
            while is_going:
                for some in lists:
                    await sink.write(some)
                is_going = meter.add(sink.stats.stored - stored)
                stored = sink.stats.stored
