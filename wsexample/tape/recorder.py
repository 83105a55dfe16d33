"""`Recorder`: a tap that keeps a session's traffic on a tape, before it is decoded, without holding the session up.

In the session's thread a message costs one append to a queue; packing, masking and writing is done in a thread of the
recorder. What `flush` returned for survives SIGKILL and the end of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Literal, Self

from msgspec.structs import replace

from wsexample.errors import ConnectionClosed, OptionError, StateError, StorageError
from wsexample.session import events
from wsexample.session.events import Event, Received, Sent, Tap, Traffic
from wsexample.tape.format import Kind, Meta, Note, Row, Source, encode_note
from wsexample.tape.writer import TapeWriter
from wsexample.wire.masking import MASK, holds_secret, mask_text, mask_url

__all__ = ["Recorder", "RecorderStats", "mask_sent"]

PROGRAM = "wsexample"


@dataclass(frozen=True, slots=True)
class RecorderStats:
    """How far a recorder is, at one moment."""

    taken: int
    """Messages and notes taken."""
    stored: int
    """Those that are on the tape, durably."""
    size_bytes: int
    """Length of the file."""
    torn_bytes: int
    """Bytes of an earlier crash that were cut when the tape was gone on with."""


class Recorder:
    """Records sessions on a tape: ``async with Recorder("day.tape", Source(venue="kabu")) as tape: Session(..., tap=tape)``.

    Parameters:
        path: the file.
        sources: whose traffic it will hold; one that says nothing by default.
        codec: "none" (default) or "zlib", which makes the file several times smaller and costs more time.
        mode: "new" (default) refuses a file that is there, "append" goes on with it, "replace" begins anew.
        flush_s: seconds after which everything taken is on the tape even when nobody asks (default 1).
        block_bytes: bytes that wait before a block is written earlier than that (default 256 KiB).
        limit_bytes: bytes that may wait for a slow disk (default 64 MiB); beyond it the tap raises, which ends its session.

    Raises:
        OptionError: an option has a value that cannot work.
        StorageError: the file cannot be made or gone on with.
    """

    def __init__(
        self,
        path: str | Path,
        *sources: Source,
        codec: str = "none",
        mode: Literal["new", "append", "replace"] = "new",
        flush_s: float = 1.0,
        block_bytes: int = 256 * 1024,
        limit_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        for name, value in (("flush_s", flush_s), ("block_bytes", block_bytes), ("limit_bytes", limit_bytes)):
            if not value > 0:
                raise OptionError(f"{name} must be more than zero, not {value!r}", option=name)
        sources = tuple(_masked(source) for source in sources) or (Source(),)
        self.path = Path(path)
        self._writer = TapeWriter(
            path, Meta(created_ns=time_ns(), program=PROGRAM, sources=sources), codec=codec, mode=mode
        )
        self._taps: list[Tap] = [self._tap(number) for number in range(len(sources))]
        self._flush_s = flush_s
        self._block_bytes = block_bytes
        self._limit_bytes = limit_bytes
        self._waiting: deque[tuple[int, Event | Traffic]] = deque()
        self._tickets: deque[Future[None]] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self._taken = self._taken_bytes = 0
        self._stored = self._stored_bytes = 0
        self._nudge_at = block_bytes
        self._error: Exception | None = None
        self._is_behind = False
        self._torn_bytes = self._writer.torn_bytes
        self._thread = threading.Thread(target=self._work, name="wsexample tape", daemon=True)
        self._thread.start()

    # -- taking --------------------------------------------------------------------------------------------------

    def __call__(self, item: Event | Traffic) -> None:
        """Take what happened to the first source: a recorder is a tap."""
        self._taps[0](item)

    def tap(self, source: int = 0) -> Tap:
        """Return the tap of a source.

        Parameters:
            source: its position, from 0 (default the first).

        Raises:
            OptionError: the tape has no such source.
        """
        if not 0 <= source < len(self._taps):
            raise OptionError(f"this tape has no source {source}; it has {len(self._taps)}", option="source")
        return self._taps[source]

    def _tap(self, source: int) -> Tap:
        def take(item: Event | Traffic) -> None:
            if self._error is not None:
                raise self._error
            if self._is_closing:
                return
            self._waiting.append((source, item))
            self._taken += 1
            if isinstance(item, Received):
                self._taken_bytes = taken_bytes = self._taken_bytes + len(item.payload)
                if taken_bytes >= self._nudge_at:
                    self._nudge(taken_bytes)

        return take

    def _nudge(self, taken_bytes: int) -> None:
        """Have a block written; at the limit, give up."""
        if taken_bytes - self._stored_bytes > self._limit_bytes:
            self._is_behind = True  # what waits is still written
            self._error = StorageError(
                f"{self.path} is not written as fast as messages come: {self._limit_bytes} bytes wait, and no more is recorded",
                url=str(self.path),
            )
            raise self._error
        self._nudge_at = taken_bytes + self._block_bytes
        self._wake.set()

    # -- keeping -------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Return when everything taken so far is on the tape, durably.

        Raises:
            StorageError: it could not be written.
            StateError: the recorder is closed.
        """
        if self._error is not None:
            raise self._error
        if self._is_closing:
            raise StateError(f"the tape {self.path} is closed")
        ticket: Future[None] = Future()
        self._tickets.append(ticket)
        if self._error is not None:  # the thread may have ended meanwhile, without having seen the ticket
            raise self._error
        self._wake.set()
        await asyncio.wrap_future(ticket)

    async def close(self) -> None:
        """Write what waits and close; twice is harmless. Raises `StorageError` when it could not be written."""
        self._is_closing = True
        self._wake.set()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        if self._error is not None:
            raise self._error

    @property
    def stats(self) -> RecorderStats:
        """How far it is."""
        return RecorderStats(
            taken=self._taken,
            stored=self._stored,
            size_bytes=self._writer.size_bytes,
            torn_bytes=self._torn_bytes,
        )

    @property
    def error(self) -> Exception | None:
        """What keeps it from writing; None while it writes."""
        return self._error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        stats = self.stats
        return f"<Recorder {self.path}, {stats.stored} of {stats.taken} stored>"

    # -- the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._wake.wait(self._flush_s)
            self._wake.clear()
            is_last = self._is_closing
            tickets = [self._tickets.popleft() for _ in range(len(self._tickets))]
            try:
                if self._error is None or self._is_behind:
                    self._write_waiting()
                    if is_last:
                        self._writer.close()
            except Exception as error:  # noqa: BLE001 - a tap raises it, and with it the session ends
                self._error = error  # nothing more is taken from here on
                self._error = self._with_loss(error)
            for ticket in tickets:
                if ticket.set_running_or_notify_cancel():
                    if self._error is not None:
                        ticket.set_exception(self._error)
                    else:
                        ticket.set_result(None)
            if is_last or self._error is not None:
                break
        with contextlib.suppress(StorageError):  # told already, or nothing left to do
            self._writer.close()
        for ticket in self._tickets:
            if ticket.set_running_or_notify_cancel():
                ticket.set_exception(self._error or StateError(f"the tape {self.path} is closed"))

    def _with_loss(self, error: Exception) -> Exception:
        """Return an error with what is lost by it."""
        lost = self._taken - self._stored
        if not lost or not isinstance(error, StorageError):
            return error
        told = StorageError(f"{error}; {lost:,} messages and notes that were taken are not on it", url=error.url)
        told.__cause__ = error
        return told

    def _write_waiting(self) -> None:
        """Write everything that waits, in blocks, and sync."""
        waiting = self._waiting
        first = self._writer.first_connection - 1
        is_new = False
        while waiting:
            rows: list[Row] = []
            size = received_bytes = 0
            while waiting and size < self._block_bytes:
                source, item = waiting.popleft()
                if isinstance(item, Received):
                    rows.append((item.at_ns, item.connection + first, source, int(item.is_binary), item.payload))
                    received_bytes += len(item.payload)
                else:
                    rows.append(_row_of(item, source, first))
                size += len(rows[-1][4])
            self._writer.write(rows)
            self._stored_bytes += received_bytes
            self._stored += len(rows)
            is_new = True
        if is_new:
            self._writer.sync()


def _masked(source: Source) -> Source:
    return replace(source, url=mask_url(source.url))


def _row_of(item: Event | Traffic, source: int, first: int) -> Row:
    if isinstance(item, Sent):
        kind = Kind.SENT_BINARY if item.is_binary else Kind.SENT_TEXT
        payload = mask_sent(item.payload, is_binary=item.is_binary, is_login=item.is_login)
        return item.at_ns, item.connection + first, source, kind, payload
    assert isinstance(item, Event)
    return item.at_ns, max(item.connection, 0) + first, source, Kind.NOTE, encode_note(_note_of(item))


def mask_sent(payload: bytes, *, is_binary: bool, is_login: bool) -> bytes:
    """Return a message that was sent with its secrets replaced; one that cannot be taken apart is replaced as a whole.

    Parameters:
        payload: the message.
        is_binary: whether it was a binary message.
        is_login: whether it may be a login, so that what is not understood counts as secret.
    """
    if is_binary:
        return MASK.encode() if is_login or holds_secret(payload) else payload
    text = payload.decode("utf-8", "replace")
    masked = mask_text(text)
    if is_login and masked == text:
        return MASK.encode()
    return masked.encode()


def _note_of(event: Event) -> Note:
    match event:
        case events.Opened(url=url):
            return Note(event="opened", url=url)
        case events.LoggedIn():
            return Note(event="logged_in")
        case events.Subscribed(topics=topics):
            return Note(event="subscribed", topics=topics)
        case events.Refused(topic=topic, error=error):
            return _with_error(Note(event="refused", topics=(topic,)), error)
        case events.Failed(error=error, is_final=is_final):
            return _with_error(Note(event="failed", is_final=is_final), error)
        case events.Ended(error=error):
            return _with_error(Note(event="ended"), error) if error is not None else Note(event="ended")
        case events.Closed(code=code, reason=reason, was_clean=was_clean, by_peer=by_peer):
            return Note(event="closed", code=code, words=reason, was_clean=was_clean, by_peer=by_peer)
        case events.Gap(from_ns=from_ns, to_ns=to_ns, reason=reason, filled=filled):
            return Note(event="gap", from_ns=from_ns, to_ns=to_ns, words=reason, filled=filled)
    return Note(event=type(event).__name__.lower())


def _with_error(note: Note, error: Exception) -> Note:
    facts: dict[str, object] = {"error": type(error).__name__, "words": str(error)}
    if isinstance(error, ConnectionClosed):  # its facts make the same error again
        facts |= {"words": error.reason, "code": error.code, "was_clean": error.was_clean, "by_peer": error.by_peer}
    return replace(note, **facts)
