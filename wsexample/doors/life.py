"""`Life`: a trading stream and a store on a loop of their own in a thread of their own, from connect to disconnect.

Records go to the handlers one after the other on a second thread. What is done with them is the client's business
(`wsexample.doors.alpaca`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError as Cancelled
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from typing import Any

from wsexample.brokers.alpaca import AlpacaTradingStream
from wsexample.errors import DeadlineError, StateError, StorageError
from wsexample.ports import ConnectionEvent, Record
from wsexample.sinks.batching import BatchingSink

__all__ = ["Life"]

log = logging.getLogger("wsexample.alpaca.client")

RETRY_STORE_S = 1.0
"""Pause before a record that the store did not take is offered again."""
LOOK_S = 0.5
"""How often a blocked caller looks up, so that Ctrl-C is heard on every system."""
THREAD_NAME = "alpaca-handlers"


class Life:
    """One life of a client.

    Parameters:
        new_stream: makes the stream.
        new_sink: makes the store.
        take: takes each record, with this life.
    """

    def __init__(
        self,
        new_stream: Callable[[], AlpacaTradingStream],
        new_sink: Callable[[], BatchingSink],
        take: Callable[[Life, Record], Coroutine[Any, Any, None]],
    ) -> None:
        self._new_stream = new_stream
        self._new_sink = new_sink
        self._take = take
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="alpaca-stream", daemon=True)
        self._handlers = ThreadPoolExecutor(1, thread_name_prefix=THREAD_NAME)
        self._live: Future[None] = Future()
        self._over: Future[None] = Future()
        self._stop = threading.Event()
        self._wake: asyncio.Event | None = None
        self._drain_s = 10.0
        self._trouble = ""
        self._sink: BatchingSink | None = None
        self.stream: AlpacaTradingStream | None = None
        """The stream, once it has begun."""

    # -- from the caller's thread ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_live(self) -> bool:
        """Whether updates flow."""
        return self.stream is not None and self.stream.is_live

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._over.done()

    def wait_live(self, timeout_s: float) -> None:
        """Wait until updates flow; raises what prevented it."""
        if not _done(self._live, timeout_s):
            why = f": {self._trouble}" if self._trouble else ""
            raise DeadlineError(f"not connected within {timeout_s:g} s{why}", step="connect", timeout_s=timeout_s)
        self._live.result()

    def wait_over(self, timeout_s: float | None) -> bool:
        """Wait until it has ended; returns whether it has, raises what ended it."""
        if not _done(self._over, timeout_s):
            return False
        self._over.result()
        return True

    @property
    def is_ending(self) -> bool:
        """Whether it was asked to end."""
        return self._stop.is_set()

    def subscribe(self) -> None:
        """Ask for trade updates and wait for the answer, which has a deadline of its own.

        Raises:
            StateError: it has ended meanwhile.
            RequestError: Alpaca left the stream out.
        """
        stream, loop = self.stream, self._loop
        if stream is None or loop is None:
            return
        asking = stream.subscribe(stream.topics)
        try:
            answer = asyncio.run_coroutine_threadsafe(asking, loop)
            while not _done(answer, LOOK_S) and not self.is_over:
                pass
            if answer.done():
                answer.result()
                return
        except (RuntimeError, Cancelled):  # its loop is closed, or closing
            pass
        asking.close()
        raise StateError("the client was disconnected meanwhile")

    def end(self, timeout_s: float) -> BaseException | None:
        """Ask for the end and wait for it; from one of its own threads it is only asked for.

        Returns:
            What it ended with, where this call waited for the end.
        """
        self._drain_s = timeout_s
        self._stop.set()
        if self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it is over already
                self._loop.call_soon_threadsafe(self._wake.set)
        current = threading.current_thread()
        if self.is_over or current is self._thread or current.name.startswith(THREAD_NAME):
            return None
        _done(self._over, None)
        self._thread.join()
        return self._over.exception()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._main())
        except BaseException as unexpected:  # noqa: BLE001 - raised where somebody waits for it
            error = unexpected
        self._handlers.shutdown(wait=False)
        if not self._live.done():
            self._live.set_exception(error or StateError("the client was disconnected before it was connected"))
        if error is not None:
            self._over.set_exception(error)
        else:
            self._over.set_result(None)

    async def _main(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        async with self._new_sink() as self._sink:
            stream = self.stream = self._new_stream()
            stream.start()
            pumping = asyncio.ensure_future(self._pump(stream))
            watching = asyncio.ensure_future(self._watch(stream))
            ending = asyncio.ensure_future(self._wake.wait())
            if self._stop.is_set():
                self._wake.set()
            try:
                await asyncio.wait({pumping, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (watching, ending):
                    task.cancel()
                await asyncio.gather(watching, ending, return_exceptions=True)
                await stream.close()
                await self._drain(pumping, stream)

    async def _watch(self, stream: AlpacaTradingStream) -> None:
        with contextlib.suppress(Exception):  # what ended it is raised by the pump
            await stream.wait_live()
            self._live.set_result(None)

    async def _pump(self, stream: AlpacaTradingStream) -> None:
        async for record in stream:
            if isinstance(record, ConnectionEvent) and record.event == "failed":
                self._trouble = record.detail
            await self._take(self, record)

    async def _drain(self, pumping: asyncio.Future[None], stream: AlpacaTradingStream) -> None:
        """Let what came be handled, for so long as the end may take."""
        done, _ = await asyncio.wait({pumping}, timeout=self._drain_s)
        if not done:
            log.warning("%d records were left unhandled: the handlers took too long", stream.stats.waiting + 1)
            pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pumping

    async def called(self, handler: Callable[[Any], Awaitable[None] | None], record: Record) -> bool:
        """Call a handler on the handlers' thread and await what it returns; returns whether it did not raise."""
        assert self._loop is not None
        try:
            result = await self._loop.run_in_executor(self._handlers, handler, record)
            if inspect.isawaitable(result):
                await result
        except Exception:  # a handler is the user's and may raise anything; the stream goes on
            log.exception("%s failed", getattr(handler, "__name__", handler))
            return False
        return True

    async def store(self, record: Record) -> None:
        """Store a record; while the store fails it is offered again, and what follows waits behind it."""
        assert self._sink is not None
        while True:
            try:
                await self._sink.write([record])
                return
            except StorageError as error:
                log.error("%s; it is tried again", error)
                await asyncio.sleep(RETRY_STORE_S)


def _done(future: Future[None], timeout_s: float | None) -> bool:
    """Wait for a future in short steps; returns whether it is done."""
    ends_s = None if timeout_s is None else time.monotonic() + timeout_s
    while not future.done():
        left_s = LOOK_S if ends_s is None else min(LOOK_S, ends_s - time.monotonic())
        if left_s <= 0:
            return False
        with contextlib.suppress(NotInTime):
            future.exception(left_s)
    return True
