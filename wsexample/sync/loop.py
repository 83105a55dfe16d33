"""The private event loop on which a connection is dialled: asyncio's own, with `DialledPipe` for its transports.

It runs in the thread of whoever calls, only until the handshake is over. In a thread whose own loop is running, as in a
notebook, a helper thread runs it meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from wsexample.sync.dialled import DialledPipe
from wsexample.sync.tls_layer import TlsLayer

__all__ = ["Cancelled", "DialLoop", "GivenSocket", "run_dial"]

T = TypeVar("T")


class GivenSocket:
    """A caller's TLS socket on its way through the dial, which would put TLS on a plain one.

    Parameters:
        sock: connected, with TLS on it already.
    """

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.inner = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _Waiting(selectors.BaseSelector):
    """A selector that hides its loop from asyncio while it waits.

    Under gevent other greenlets of the same thread run meanwhile and may dial as well; for them no loop is running then.

    Parameters:
        loop: whose selector it is.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._inner = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as the inner selector does."""
        is_running = self._loop.is_running()
        asyncio._set_running_loop(None)
        try:
            return self._inner.select(timeout)
        finally:
            if is_running:
                asyncio._set_running_loop(self._loop)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a socket."""
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch a socket no longer."""
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a socket for something else."""
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Any:
        """Return what is watched."""
        return self._inner.get_map()

    def close(self) -> None:
        """Release what the inner selector holds."""
        self._inner.close()


class DialLoop(asyncio.SelectorEventLoop):
    """A loop whose connections can leave it."""

    suppress_ragged_eofs = True

    def __init__(self) -> None:
        super().__init__(_Waiting(self))

    async def create_connection(self, protocol_factory: Any, *_: Any, sock: Any = None, **tls: Any) -> Any:
        """Put a pipe on a connected socket, TLS if asked, and a protocol."""
        is_given = isinstance(sock, GivenSocket)
        pipe = DialledPipe(sock.inner if is_given else sock, self)
        if tls.get("ssl") is not None and not is_given:
            await self._secure(pipe, **tls)
        protocol = protocol_factory()
        pipe.begin(protocol)
        return pipe, protocol

    create_unix_connection = create_connection

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **tls: Any) -> Any:
        """Put TLS on a pipe, above what is on it already."""
        await self._secure(transport, ssl=sslcontext, **tls)
        transport.set_protocol(protocol)
        self.call_soon(transport.resume_reading)
        return transport

    async def _secure(self, pipe: DialledPipe, **tls: Any) -> None:
        layer = TlsLayer(tls["ssl"], tls.get("server_hostname"), suppress_ragged_eofs=self.suppress_ragged_eofs)
        async with asyncio.timeout(tls.get("ssl_handshake_timeout")):
            await pipe.start_tls(layer)

    async def getaddrinfo(self, host: Any, port: Any, **how: Any) -> Any:
        """Resolve a name in a thread that nobody has to wait for; an address is its own answer."""
        for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
            with contextlib.suppress(OSError, TypeError, ValueError):
                socket.inet_pton(family, host)
                if how.get("family", 0) in (0, family):
                    kind = how.get("type") or socket.SOCK_STREAM
                    return [(family, kind, how.get("proto") or socket.IPPROTO_TCP, "", (host, port, *rest))]
        future: asyncio.Future[Any] = self.create_future()

        def tell(settle: Callable[[Any], None], value: Any) -> None:
            if not future.done():
                settle(value)

        def look_up() -> None:
            found: tuple[Callable[[Any], None], Any]
            try:
                found = (future.set_result, socket.getaddrinfo(host, port, **how))
            except Exception as error:  # noqa: BLE001 - whatever the resolver says is for who asked
                found = (future.set_exception, error)
            with contextlib.suppress(RuntimeError):  # nobody waits any more, and the loop is closed
                self.call_soon_threadsafe(tell, *found)

        threading.Thread(target=look_up, name="resolver", daemon=True).start()
        return await future


class Cancelled(Exception):
    """Another thread gave the dial up."""


def run_dial(
    work: Callable[[], Coroutine[Any, Any, T]],
    *,
    suppress_ragged_eofs: bool = True,
    begun: Callable[[Callable[[], None]], None] | None = None,
) -> T:
    """Run a coroutine to its end on a loop of its own and return what it returns; Ctrl-C ends it at once.

    Parameters:
        work: makes the coroutine.
        suppress_ragged_eofs: for the TLS of connections that it makes.
        begun: called with a function by which another thread can give it up.

    Raises:
        Cancelled: another thread did.
    """
    run = _Run(work, suppress_ragged_eofs)
    if begun is not None:
        begun(run.cancel)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run.here()  # type: ignore[no-any-return] # the result is the work's own
    return run.elsewhere()  # type: ignore[no-any-return] # the result is the work's own


class _Run:
    """One dial on its loop."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]], suppress_ragged_eofs: bool) -> None:
        self._loop = DialLoop()
        self._loop.suppress_ragged_eofs = suppress_ragged_eofs
        self._work = work
        self._task: asyncio.Task[Any] | None = None

    def cancel(self) -> None:
        """Give it up; from any thread."""
        with contextlib.suppress(RuntimeError):  # it is over, and the loop is closed
            self._loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def here(self) -> Any:
        """Run it in this thread."""
        task = self._task = self._loop.create_task(self._work())
        try:
            return self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            self._finish(task)
            raise Cancelled from None
        except BaseException:  # Ctrl-C too: what it has opened is closed first
            self._finish(task)
            raise
        finally:
            self._loop.close()

    def _finish(self, task: asyncio.Task[Any]) -> None:
        """Let what was interrupted close what it has opened."""
        loop = self._loop
        for left in asyncio.all_tasks(loop):
            left.cancel()
        with contextlib.suppress(BaseException):
            loop.run_until_complete(asyncio.wait({task, *asyncio.all_tasks(loop)}, timeout=5))
        with contextlib.suppress(BaseException):
            loop.run_until_complete(asyncio.sleep(0))  # sockets are closed in the turn after
        if task.done() and not task.cancelled():
            task.exception()

    def elsewhere(self) -> Any:
        """Run it in a helper thread, because a loop is running in this one."""
        outcome: list[tuple[bool, Any]] = []
        is_over = threading.Event()

        def help_out() -> None:
            try:
                outcome.append((True, self.here()))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                outcome.append((False, error))
            finally:
                is_over.set()

        threading.Thread(target=help_out, name="dial", daemon=True).start()
        try:
            is_over.wait()
        except BaseException:  # Ctrl-C: the helper must not go on for nobody
            self.cancel()
            raise
        is_good, value = outcome[0]
        if is_good:
            return value
        raise value
