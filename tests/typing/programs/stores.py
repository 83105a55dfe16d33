"""Records into a store and out of it, onto a tape and off it, and a row, a column and a line of JSON of each."""

from collections.abc import Sequence
from typing import assert_type

from wsexample import Session, open_sink
from wsexample.brokers.weex.dialect import WeexDialect
from wsexample.ports import Record, RecordSink, SinkStats
from wsexample.records.market import Level, Quote
from wsexample.sinks.batching import BatchingSink
from wsexample.sinks.sqlite import read_records
from wsexample.tape.decoding import decode
from wsexample.tape.format import Source
from wsexample.tape.player import Player
from wsexample.tape.recorder import Recorder
from wsexample.tape.server import TapePlan, serve_tape


class Kept:
    """A sink of one's own satisfies the port by its methods alone."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def write(self, records: Sequence[Record]) -> None:
        self.records += records

    async def flush(self) -> None: ...

    async def close(self) -> None: ...


async def store(sink: RecordSink, records: Sequence[Record]) -> None:
    await sink.write(records)
    await sink.flush()


async def main() -> None:
    quote = Quote(venue="alpaca", symbol="AAPL", received_ns=1, bid_price=1.5, ask_price=None)
    await store(Kept(), [quote])
    async with open_sink("ticks.db", batch_delay_s=0.1, when_full="drop_oldest") as sink:
        assert_type(sink, BatchingSink)
        await store(sink, [quote])
        assert_type(sink.stats, SinkStats)
    for record in read_records("ticks.db", kind="quote"):
        assert_type(record, Record)
    assert_type(Level(1.0, 2.0).price, float)

    async with Recorder("day.tape", Source(venue="weex", dialect="weex", url="ws://x")) as tape:
        session = Session(WeexDialect(), ["BTCUSDT@trade"], url="ws://127.0.0.1:9000", tap=tape)
        await session.close()
    with Player("day.tape", speed=10) as player:
        played = Session(WeexDialect(), player.topics, dial=player.dial, clock=player.clock)
        await played.close()
    for batch in decode("day.tape", WeexDialect()):
        assert_type(batch, Sequence[Record])
    async with serve_tape("day.tape", TapePlan(speed=None)) as server:
        assert_type(server.url, str)
