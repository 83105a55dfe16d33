"""Records into MongoDB: pymongo's own client on one side, a test double of the protocol on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from typing import Any

import pymongo
import pytest
from bson import Decimal128

from tests.sinks.mongo_double import MongoDouble
from tests.sinks.test_parquet import mixed, quote
from wsexample.errors import OptionError, StorageError
from wsexample.records.orders import Balance
from wsexample.sinks.base import open_sink
from wsexample.sinks.mongo import MongoOptions, MongoSink

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def double() -> Iterator[MongoDouble]:
    """A server for one test."""
    with MongoDouble() as made:
        yield made


def sink_for(double: MongoDouble, **more: Any) -> MongoSink:
    return MongoSink(f"127.0.0.1:{double.port}", "ticks", MongoOptions(timeout_s=3.0, retry_s=0.05, **more))


def test_a_record_becomes_a_document_of_its_kind(double: MongoDouble, run: Run) -> None:
    """Collections by kind, fields by name, decimals as Decimal128, levels as arrays; the journal of a majority is asked for."""

    async def main() -> None:
        async with sink_for(double) as sink:
            await sink.write(mixed())
            await sink.flush()

    run(main())
    tables = double.tables("ticks")
    assert {name: len(rows) for name, rows in tables.items()} == {
        "quotes": 2,
        "boards": 1,
        "gaps": 1,
        "fills": 1,
        "orders": 1,
        "books": 1,
    }
    assert tables["fills"][0]["size"] == Decimal128("0.10")
    assert tables["boards"][0]["bids"] == [[1.0, 2.0]]
    assert all(command["writeConcern"] == {"w": "majority", "j": True} for command in double.commands)


def test_an_opening_that_is_given_up_leaves_no_connection(
    double: MongoDouble, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops waiting for the server's first answer is not connected any more."""
    closed = []
    close = pymongo.AsyncMongoClient.close

    async def noted(client: Any) -> None:
        closed.append(client)
        await close(client)

    async def never(database: Any, command: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(pymongo.AsyncMongoClient, "close", noted)
    monkeypatch.setattr("pymongo.asynchronous.database.AsyncDatabase.command", never)

    async def main() -> None:
        sink = sink_for(double)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sink.open()
        assert closed == [sink._client]

    run(main())


def test_an_answer_that_is_lost_doubles_nothing(double: MongoDouble, run: Run) -> None:
    """The batch is sent again with the same identifiers, more behind it, and the server keeps each record once."""
    double.lose_answers = 1

    async def main() -> None:
        async with sink_for(double, batch_delay_s=0.01) as sink:
            same = quote(0)
            await sink.write([same, same, *(quote(number) for number in range(1, 30))])
            with pytest.raises(StorageError, match="does not take records"):
                await sink.flush()
            while sink.failure is not None:
                await asyncio.sleep(0.02)
            await sink.write([quote(30)])
        assert sink.stats.stored == 32

    run(main())
    kept = [row["bid_price"] for row in double.tables("ticks")["quotes"]]
    assert kept == [0.0, *(number / 2 for number in range(31))]


def test_a_server_that_refuses_is_quoted_and_nothing_is_lost(double: MongoDouble, run: Run) -> None:
    """Its words are in the error; once it takes records again, those that waited are kept."""
    double.refuse = "disk is full"

    async def main() -> None:
        async with sink_for(double) as sink:
            await sink.write([quote(1)])
            with pytest.raises(StorageError, match=r"ticks on 127\.0\.0\.1:.*disk is full"):
                await sink.flush()
            double.refuse = ""
            while sink.failure is not None:
                await asyncio.sleep(0.02)
            await sink.flush()
        assert sink.stats.stored == 1

    run(main())


def test_one_record_that_cannot_be_kept_takes_no_other_along(double: MongoDouble, run: Run) -> None:
    """An integer beyond 64 bits is refused by name; a decimal of more than 34 digits is kept as text."""
    long = Decimal("1." + "1" * 40)

    async def main() -> None:
        async with sink_for(double) as sink:
            await sink.write([quote(1), quote(2**70), Balance(venue="v", symbol="USD", received_ns=1, total=long)])
            with pytest.raises(StorageError, match="refused a record: Quote s"):
                await sink.flush()

    run(main())
    assert len(double.tables("ticks")["quotes"]) == 1
    assert double.tables("ticks")["balances"][0]["total"] == str(long)


def test_a_server_that_is_not_there_is_named_without_its_password(run: Run) -> None:
    """The error names the address; user and password stay secret, in the repr too."""

    async def main() -> None:
        sink = open_sink("mongodb://anna:hunter2@127.0.0.1:1/ticks?authSource=admin", timeout_s=0.2)
        with pytest.raises(StorageError, match=r"ticks on 127\.0\.0\.1:1 cannot be opened") as caught:
            await sink.open()
        assert "hunter2" not in str(caught.value) + repr(sink)

    run(main())


@pytest.mark.parametrize(
    ("url", "words"), [("mongodb:///ticks", "names no server"), ("mongodb://h/t?timeout_s=0", "timeout_s must be")]
)
def test_an_address_that_cannot_work_is_refused(url: str, words: str) -> None:
    """The error says what would work."""
    with pytest.raises(OptionError, match=words):
        open_sink(url)
