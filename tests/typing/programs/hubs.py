"""A hub, what it publishes, and a reader."""

from collections.abc import Sequence
from typing import assert_type

from wsexample import Hub, Session, connect_hub
from wsexample.doors.hub import HubSession
from wsexample.ports import Record
from wsexample.records.market import Quote
from wsexample.session.options import Retry


async def publish(session: Session) -> None:
    async with Hub(port=0) as hub:
        assert_type(hub.port, int)
        hub.publish([Quote(venue="a", symbol="b", received_ns=1)])
        await hub.publish_from(session.batches())


async def read() -> None:
    async with connect_hub("localhost:9100", ["alpaca.*.quote"], token="t", retry=Retry(max_attempts=1)) as session:
        assert_type(session, HubSession)
        assert_type(session.dialect.positions, dict[str, int])
        assert_type(session.dialect.epoch, str | None)
        async for record in session:
            assert_type(record, Record)
        async for batch in session.batches():
            assert_type(batch, Sequence[Record])
