"""A program that stores and flushes until it is killed; the test that kills it is in ``test_sqlite_killed.py``.

Arguments: file, first number, seed. After each flush it prints the last number that was flushed.
"""

from __future__ import annotations

import asyncio
import random
import sys

from wsexample.records.market import Quote, Record, Trade
from wsexample.sinks.sqlite import SqliteOptions, SqliteSink


def record(number: int) -> Record:
    if number % 3:
        return Quote(venue="v", symbol="s", received_ns=number)
    return Trade(venue="v", symbol="s", received_ns=number, price=1.0, size=float(number))


async def main(path: str, first: int, seed: int) -> None:
    chance = random.Random(seed)
    options = SqliteOptions(batch_records=chance.choice([7, 100, 2000]), batch_delay_s=0.002)
    async with SqliteSink(path, options) as sink:
        number = first
        while True:
            for _ in range(chance.randrange(1, 6)):
                count = chance.randrange(1, 300)
                await sink.write([record(one) for one in range(number, number + count)])
                number += count
            await sink.flush()
            print(number - 1, flush=True)  # noqa: T201 - what the killer reads


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
