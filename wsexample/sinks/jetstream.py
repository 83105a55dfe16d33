"""Records into a NATS JetStream stream: several to a message, acknowledged, without duplicates.

A message holds up to ``message_records`` records of one venue as JSON lines, in order, on the subject ``PREFIX.VENUE``. Each
carries a ``Nats-Msg-Id``; a message whose acknowledgement was lost is sent again with the same one, and the server keeps it
once. Messages are in the order of their records but for those that had to be sent again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import is_not
from typing import Any
from uuid import uuid4

from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import UnknownRecord, decode_json, encode_json
from wsexample.records.market import Record
from wsexample.sinks.base import SinkAddress
from wsexample.sinks.batching import BatchingSink, Refusal, SinkOptions
from wsexample.sinks.extras import need

__all__ = ["JetStreamOptions", "JetStreamSink", "read_stream", "sink_at"]

FEATURE = "a JetStream sink"
DEFAULT_STREAM = "RECORDS"
DUPLICATE_WINDOW_S = 120
_MESSAGE_BYTES = 512 * 1024
"""Largest message made of several records; NATS takes 1 MiB by default."""
_HEADER_BYTES = 256
"""Room for subject and headers, which a server counts as parts of a message."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class JetStreamOptions(SinkOptions):
    """What the JetStream sink lets you choose besides the queue.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    message_records: int = 100
    """Most records in one message: packing fifty is twenty times as fast as sending them one by one."""
    replicas: int = 1
    """On how many servers the stream is kept, where the sink makes it."""
    max_bytes: int = -1
    """Size at which a stream made by the sink takes no more, bytes; -1 for no limit."""
    prefix: str = "records"
    """First word of the subjects."""
    timeout_s: float = 10.0
    """How long a message may stay without acknowledgement, seconds: longer than the election of a new leader takes."""

    def __post_init__(self) -> None:
        SinkOptions.__post_init__(self)
        for name in ("message_records", "replicas", "timeout_s"):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} must be more than 0, not {getattr(self, name)}", option=name)
        if not all(map(_NAME.fullmatch, self.prefix.split("."))):
            raise OptionError(
                f"prefix must be words of letters and digits with dots between, not {self.prefix!r}", option="prefix"
            )


def sink_at(address: SinkAddress) -> JetStreamSink:
    """Return the sink for a ``nats://`` address; see `wsexample.sinks.base.open_sink`."""
    server, _, stream = address.location.partition("/")
    return JetStreamSink(f"nats://{server}", stream or DEFAULT_STREAM, address.options_as(JetStreamOptions))


@dataclass(slots=True)
class _Message:
    """Some records that go as one message, and whether the server has them."""

    records: list[Record]
    subject: str
    payload: bytes
    message_id: str
    is_kept: bool = False
    refusal: Refusal | None = None
    """Why it is never sent: it holds one record that no message can."""


class JetStreamSink(BatchingSink):
    """Keeps records in a stream; what `flush` returned for was acknowledged by the server, which keeps it in files.

    Parameters:
        url: ``nats://user:password@host:port``; several with commas between.
        stream: name of the stream; made with file storage when it does not exist.
        options: queue, packing, replicas.

    Raises:
        OptionError: the stream has a name that cannot be one.
        MissingExtraError: nats-py is not installed.
    """

    def __init__(self, url: str, stream: str = DEFAULT_STREAM, options: JetStreamOptions | None = None) -> None:
        need("nats", "nats", FEATURE)
        self._chosen = options or JetStreamOptions()
        super().__init__(self._chosen)
        if not _NAME.fullmatch(stream):
            raise OptionError(f"a stream is named by letters, digits, _ and -, not {stream!r}", option="stream")
        self.stats.extra["duplicates"] = 0
        self.stream = stream
        self._url = url
        self._writer_id = uuid4().hex
        self._made = 0
        self._cut: list[_Message] = []
        self._client: Any = None
        self._stream: Any = None
        self._most_bytes = 0

    def __repr__(self) -> str:
        return f"<JetStreamSink {_shown(self._url)} {self.stream}, {self.stats.stored} stored, {self.waiting} waiting>"

    async def _open(self) -> None:
        self._client = await _connect(self._url, self._chosen.timeout_s)
        api = need("nats.js.api", "nats", FEATURE)
        try:
            self._stream = self._client.jetstream(timeout=self._chosen.timeout_s)
            await self._prepare(api)
        except BaseException as error:  # nats-py's, a cancellation: whatever it was, the connection is given back
            await self._client.close()
            if isinstance(error, StorageError) or not isinstance(error, Exception):
                raise
            raise self._failed("cannot be prepared", error) from error

    async def _prepare(self, api: Any) -> None:
        """Find the stream or make it."""
        errors = need("nats.js.errors", "nats", FEATURE)
        subjects = f"{self._chosen.prefix}.>"
        self._most_bytes = self._client.max_payload - _HEADER_BYTES
        try:
            config = (await self._stream.stream_info(self.stream)).config
        except errors.NotFoundError:
            await self._stream.add_stream(
                api.StreamConfig(
                    name=self.stream,
                    subjects=[subjects],
                    storage=api.StorageType.FILE,
                    num_replicas=self._chosen.replicas,
                    max_bytes=self._chosen.max_bytes,
                    discard=api.DiscardPolicy.NEW,  # a full stream refuses; it does not lose what it has
                    duplicate_window=DUPLICATE_WINDOW_S,
                )
            )
            return
        found = config.subjects
        if config.max_msg_size is not None and config.max_msg_size > 0:
            self._most_bytes = min(self._most_bytes, config.max_msg_size - _HEADER_BYTES)
        if subjects not in found and ">" not in found:
            raise StorageError(
                f"the stream {self.stream} on {_shown(self._url)} does not keep {subjects} (it has {', '.join(found)}): "
                "choose another stream, or another prefix"
            )

    async def _store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        # Every message is acknowledged, so every batch is durable.
        messages = self._messages(batch)
        unsent = [one for one in messages if not one.is_kept and one.refusal is None]
        answers = await asyncio.gather(*map(self._send, unsent), return_exceptions=True)
        failed = next((one for one in answers if isinstance(one, BaseException)), None)
        if failed is not None:
            raise self._failed("did not keep a message", failed) from failed
        self._cut = []
        return [one.refusal for one in messages if one.refusal is not None]

    async def _send(self, message: _Message) -> None:
        """Publish a message and wait until the server has it; what it has is not sent again."""
        # publish_async would be cheaper, but nats-py 2.16 leaves its future waiting when the server answers with an error.
        answer = await self._stream.publish(
            message.subject,
            message.payload,
            timeout=self._chosen.timeout_s,
            headers={"Nats-Msg-Id": message.message_id},
        )
        message.is_kept = True
        self.stats.extra["duplicates"] += bool(answer.duplicate)

    def _messages(self, batch: Sequence[Record]) -> list[_Message]:
        """Cut a batch into messages; what was cut before, for a batch that failed, keeps its cuts and its identifiers."""
        done = 0
        for number, message in enumerate(self._cut):
            following = batch[done : done + len(message.records)]
            if len(following) < len(message.records) or any(map(is_not, following, message.records)):
                del self._cut[number:]  # the queue has dropped some of them meanwhile
                break
            done += len(message.records)
        self._cut += self._cut_up(batch[done:])
        return self._cut

    def _cut_up(self, records: Sequence[Record]) -> list[_Message]:
        made = []
        for venue, run in groupby(records, key=lambda record: record.venue):
            lines: list[bytes] = []
            held: list[Record] = []
            size = 0
            for record in run:
                line = encode_json(record)
                if len(line) > self._most_bytes:
                    if lines:
                        made.append(self._message(venue, held, lines))
                        lines, held, size = [], [], 0
                    why = f"its {len(line):,} bytes are more than the {self._most_bytes:,} that a message may have"
                    made.append(_Message([record], "", b"", "", refusal=Refusal(record, why)))
                    continue
                if lines and (len(lines) >= self._chosen.message_records or size + len(line) >= _MESSAGE_BYTES):
                    made.append(self._message(venue, held, lines))
                    lines, held, size = [], [], 0
                lines.append(line)
                held.append(record)
                size += len(line) + 1
            if lines:
                made.append(self._message(venue, held, lines))
        return made

    def _message(self, venue: str, records: list[Record], lines: list[bytes]) -> _Message:
        self._made += 1
        subject = f"{self._chosen.prefix}.{re.sub(r'[^A-Za-z0-9_-]', '_', venue) or '_'}"
        return _Message(records, subject, b"\n".join(lines), f"{self._writer_id}-{self._made}")

    async def _release(self) -> None:
        if self._client is not None:
            with suppress(Exception):  # what was taken is settled by now: an ugly goodbye loses nothing
                async with asyncio.timeout(self._chosen.timeout_s):
                    await self._client.close()

    def _failed(self, what: str, error: BaseException) -> StorageError:
        words = str(error) or type(error).__name__
        return StorageError(f"the stream {self.stream} on {_shown(self._url)} {what}: {words}")


async def read_stream(url: str, stream: str = DEFAULT_STREAM, *, timeout_s: float = 10.0) -> AsyncIterator[Record]:
    """Iterate over the records that a stream holds now, in the order in which they were written.

    Parameters:
        url: the server.
        stream: name of the stream.
        timeout_s: how long a part of it may take to come, seconds.

    Raises:
        StorageError: the server or the stream cannot be reached, or a message cannot be read.
    """
    need("nats", "nats", FEATURE)
    api = need("nats.js.api", "nats", FEATURE)
    client = await _connect(url, timeout_s)
    try:
        context = client.jetstream(timeout=timeout_s)
        last = (await context.stream_info(stream)).state.last_seq
        config = api.ConsumerConfig(ack_policy=api.AckPolicy.NONE, deliver_policy=api.DeliverPolicy.ALL)
        source = await context.pull_subscribe("", durable=None, stream=stream, config=config)
        seen = 0
        while seen < last:
            for message in await source.fetch(500, timeout=timeout_s):
                seen = message.metadata.sequence.stream
                for line in message.data.split(b"\n"):
                    record = decode_json(line)
                    if not isinstance(record, UnknownRecord):
                        yield record
    except StorageError:
        raise
    except Exception as error:  # whatever it was, what was read is not all, and must not look as if it were
        raise StorageError(
            f"the stream {stream} on {_shown(url)} cannot be read: {error or type(error).__name__}"
        ) from error
    finally:
        await client.close()


async def _connect(url: str, timeout_s: float) -> Any:
    client = need("nats.aio.client", "nats", FEATURE).Client()
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(
                [one if "://" in one else f"nats://{one}" for one in url.split(",")],
                connect_timeout=timeout_s,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.5,
                allow_reconnect=True,
                error_cb=_quiet,
            )
    except BaseException as error:  # nats-py's, the system's, ValueError for what a server says, a cancellation
        with suppress(Exception):  # the client keeps the socket of an attempt that is given up
            async with asyncio.timeout(timeout_s):
                await client.close()
        if not isinstance(error, Exception):
            raise
        words = str(error) or type(error).__name__
        raise StorageError(f"no NATS server answers at {_shown(url)}: {words}") from error
    return client


async def _quiet(error: Exception) -> None:
    """Take note of what the client reports on its way; what matters fails a message, and that is told."""


def _shown(url: str) -> str:
    """Return a server's address without user, password or token."""
    return ",".join(re.sub(r"^(\w+://)?.*@", r"\1", one) for one in url.split(","))
