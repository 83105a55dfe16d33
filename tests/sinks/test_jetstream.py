"""Records into a JetStream stream and back, on a real NATS server."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import StreamConfig

from scripts.sink_kills import nats_server
from tests.conftest import missing
from tests.sinks.test_parquet import mixed, quote
from wsexample.errors import OptionError, StorageError
from wsexample.records.market import News, Record
from wsexample.sinks.base import open_sink
from wsexample.sinks.jetstream import JetStreamOptions, JetStreamSink, read_stream

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for the tests of this file; each has a stream of its own."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if program is None:
        missing("nats-server is not installed")
        raise AssertionError("unreachable")
    with nats_server(tmp_path_factory.mktemp("nats"), program) as url:
        yield url


async def records_of(server: str, stream: str) -> list[Record]:
    return [record async for record in read_stream(server, stream)]


def options(prefix: str, **more: Any) -> JetStreamOptions:
    return JetStreamOptions(prefix=prefix, timeout_s=5.0, **more)


def test_records_come_back_as_they_were(server: str, run: Run) -> None:
    """What was flushed is in the stream, every kind, in order."""

    async def main() -> None:
        async with JetStreamSink(server, "BACK", options("back")) as sink:
            await sink.write(mixed()[:6])
            await sink.flush()
            assert await records_of(server, "BACK") == mixed()[:6]

    run(main())


def test_an_opening_that_is_given_up_leaves_no_connection(server: str, run: Run) -> None:
    """Whoever stops waiting for the stream is not connected any more."""

    async def main() -> None:
        sink, is_asked = JetStreamSink(server, "LEFT", options("left")), asyncio.Event()

        async def never(api: Any) -> None:
            is_asked.set()
            await asyncio.Event().wait()

        sink._prepare = never  # type: ignore[method-assign]
        opening = asyncio.create_task(sink.open())
        await is_asked.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert sink._client.is_closed

    run(main())


def test_a_connecting_that_is_given_up_leaves_no_socket(run: Run) -> None:
    """Also where the server is in the middle of the login, and says nothing more."""

    async def main() -> None:
        is_asked, is_gone = asyncio.Event(), asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576}\r\n')
            await reader.readline()
            is_asked.set()
            await reader.read()
            is_gone.set()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            opening = asyncio.create_task(JetStreamSink(f"nats://127.0.0.1:{port}").open())
            await is_asked.wait()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await is_gone.wait()

    run(main())


def test_a_record_that_no_message_can_hold_takes_no_other_along(server: str, run: Run) -> None:
    """It is refused by name, and those before and behind it are kept."""

    async def main() -> None:
        large = News(venue="v", symbol="s", received_ns=2, news_id="n", content="x" * 1_200_000)
        async with JetStreamSink(server, "LARGE", options("large")) as sink:
            await sink.write([quote(1), large, quote(3)])
            with pytest.raises(StorageError, match=r"refused a record: News s: its 1,200,\d+ bytes are more than"):
                await sink.flush()
            assert (sink.stats.stored, sink.stats.extra["refused"], sink.waiting) == (2, 1, 0)
        assert await records_of(server, "LARGE") == [quote(1), quote(3)]

    run(main())


def test_messages_hold_many_records(server: str, run: Run) -> None:
    """Records are packed, a message never mixes venues, and subjects name the venue."""

    async def main() -> None:
        async with open_sink(f"{server}/PACKED?prefix=packed&message_records=50", timeout_s=5) as sink:
            await sink.write([quote(number) for number in range(120)])
        client = await nats.connect(server)
        info = await client.jetstream().stream_info("PACKED", subjects_filter=">")
        assert info.state.messages == 3
        assert info.state.subjects == {"packed.v": 3}
        await client.close()
        assert len(await records_of(server, "PACKED")) == 120

    run(main())


def test_a_message_whose_answer_was_lost_is_kept_once(server: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is sent again, with more behind it; the server knows the messages that it has."""

    async def main() -> None:
        sink = JetStreamSink(server, "ONCE", options("once", retry_s=0.05, batch_delay_s=0.01, message_records=10))
        await sink.open()
        honest, lost = sink._send, set()

        async def forgetful(message: Any) -> None:
            await honest(message)
            if message.message_id not in lost:
                lost.add(message.message_id)
                message.is_kept = False
                raise TimeoutError("the answer was lost")

        monkeypatch.setattr(sink, "_send", forgetful)
        await sink.write([quote(number) for number in range(35)])
        with pytest.raises(StorageError, match="the answer was lost"):
            await sink.flush()
        while sink.failure is not None:
            await asyncio.sleep(0.02)
        await sink.write([quote(number) for number in range(35, 40)])
        monkeypatch.setattr(sink, "_send", honest)
        await sink.close()
        assert sink.stats.extra["duplicates"] == 4
        assert await records_of(server, "ONCE") == [quote(number) for number in range(40)]

    run(main())


def test_a_full_stream_refuses_and_loses_nothing(server: str, run: Run) -> None:
    """The error names stream and reason; what was kept before is still there, what was not waits."""

    async def main() -> None:
        sink = JetStreamSink(server, "FULL", options("full", max_bytes=4000, retry_s=5, message_records=5))
        await sink.write([quote(1)])
        await sink.flush()
        await sink.write([quote(number) for number in range(2, 200)])
        with pytest.raises(StorageError, match=r"FULL on nats://127\.0\.0\.1:.*maximum bytes"):
            await sink.flush()
        assert sink.waiting == 198
        kept = [record.received_ns for record in await records_of(server, "FULL")]
        assert kept[:11] == [quote(number).received_ns for number in range(1, 12)]
        assert len(kept) == len(set(kept)) < 199
        with pytest.raises(StorageError, match="198 records that were taken are lost"):
            await sink.close()

    run(main())


def test_a_foreign_stream_is_not_written_to(server: str, run: Run) -> None:
    """A stream of that name that keeps other subjects is somebody else's."""

    async def main() -> None:
        client = await nats.connect(server)
        await client.jetstream().add_stream(StreamConfig(name="FOREIGN", subjects=["weather"]))
        await client.close()
        with pytest.raises(StorageError, match=r"FOREIGN on .* does not keep records\.> \(it has weather\)"):
            await JetStreamSink(server, "FOREIGN", JetStreamOptions(timeout_s=5.0)).open()

    run(main())


def test_a_server_that_is_not_there_is_named_without_its_password(run: Run) -> None:
    """The error names the address; user and password stay secret, in the repr too."""

    async def main() -> None:
        sink = open_sink("nats://anna:hunter2@127.0.0.1:1/RECORDS", timeout_s=1)
        with pytest.raises(StorageError, match=r"no NATS server answers at nats://127\.0\.0\.1:1") as caught:
            await sink.open()
        assert "hunter2" not in str(caught.value) + repr(sink)

    run(main())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nats://h/a.b", "a stream is named by"),
        ("nats://h/R?prefix=a b", "prefix must be words"),
        ("nats://h/R?message_records=0", "message_records must be more than 0"),
    ],
)
def test_an_address_that_cannot_work_is_refused(url: str, words: str) -> None:
    """The error says what would work."""
    with pytest.raises(OptionError, match=words):
        open_sink(url)
