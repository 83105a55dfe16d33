"""A dialect of one's own, a session over it, and two consumers."""

from collections.abc import Iterable
from typing import assert_type

import msgspec

from wsexample import Session
from wsexample.ports import ConnectionEvent, Dialect, Gap, Record, Silence, Step
from wsexample.records.market import Trade
from wsexample.session.machine import Phase
from wsexample.session.options import Retry, SessionOptions
from wsexample.session.session import SessionStats


class Tick(msgspec.Struct):
    symbol: str
    price: float


class Ticks(Dialect):
    venue = "mine"

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Tick)

    def start(self) -> Step:
        return Step(phase="subscribing")

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        tick = self._decoder.decode(payload)
        trade = Trade(venue="mine", symbol=tick.symbol, received_ns=received_ns, price=tick.price, size=1.0)
        return Step(records=[trade])

    def subscribe(self, topics: Iterable[str]) -> Step:
        names = list(topics)
        return Step(replies=[f"subscribe {name}" for name in names], confirmed=names)

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        return Step(replies=[f"unsubscribe {name}" for name in topics])

    def heartbeat(self, now_ns: int) -> Step:
        return Step()

    def silence(self, now_ns: int) -> Silence:
        return Silence(message_s=30)


async def main() -> None:
    session = Session(
        Ticks(), ["A", "B"], url="ws://127.0.0.1:9000", policy="conflate", limit=100, retry=Retry(max_attempts=3)
    )
    async with session:
        assert_type(session.phase, Phase)
        assert_type(session.stats, SessionStats)
        assert_type(await session.receive(), Record)
        async for record in session:
            assert_type(record, Record)
            if isinstance(record, Trade):
                assert_type(record.price, float)
            elif isinstance(record, Gap):
                assert_type(record.reason, str)
            elif isinstance(record, ConnectionEvent):
                break
    assert_type(SessionOptions().replace(policy="fail"), SessionOptions)
