"""What waits for the socket of a `WebSocketApp`: a loop of our own that can be woken, or the program's event loop."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsexample.sync._socket import send

if TYPE_CHECKING:
    from wsexample.sync._app import WebSocketApp

__all__ = ["Dispatcher", "DispatcherBase", "SSLDispatcher", "Waker", "WrappedDispatcher"]

MAX_WAIT_S = 10.0 if hasattr(select, "poll") else 0.25  # without poll we are on Windows, where Ctrl-C waits for us
SIGINT = 2


class Waker:
    """Lets other threads end a wait for a socket at once."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def wake(self) -> None:
        """End the wait that is going on, or the next one."""
        with contextlib.suppress(OSError):  # it is awake already, or gone
            self._far.send(b"\0")

    def wait(self, sock: Any, timeout_s: float | None) -> bool:
        """Wait for a socket to be readable, for `wake`, or for so long; tells whether the socket is readable."""
        socks = [self._near] if sock is None else [self._near, sock]
        try:
            if hasattr(select, "poll"):
                poll = select.poll()
                for each in socks:
                    poll.register(each, select.POLLIN)
                found = {number for number, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)}
                is_woken, is_readable = self._near.fileno() in found, len(found - {self._near.fileno()}) > 0
            else:
                ready = select.select(socks, [], [], timeout_s)[0]
                is_woken, is_readable = self._near in ready, sock in ready
        except ValueError:  # another thread has closed it: reading says what happened
            return True
        if is_woken:
            with contextlib.suppress(OSError):
                self._near.recv(4096)
        return is_readable

    def rest(self, seconds: float, goes_on: Callable[[], bool]) -> None:
        """Wait so many seconds, less when it no longer goes on."""
        deadline = time.monotonic() + seconds
        while goes_on() and (left_s := deadline - time.monotonic()) > 0:
            self.wait(None, min(left_s, MAX_WAIT_S))

    def close(self) -> None:
        """Release its sockets."""
        self._near.close()
        self._far.close()


class DispatcherBase:
    """What every dispatcher of this module has.

    Parameters:
        app: whose socket it waits for.
        ping_timeout: seconds that a pong may take.
    """

    def __init__(self, app: WebSocketApp, ping_timeout: float | None) -> None:
        self.app = app
        self.ping_timeout = ping_timeout

    def timeout(self, seconds: float | None, callback: Callable[..., Any], *args: Any) -> None:
        """Wait so many seconds, less when the app is told to stop, and call back."""
        if seconds is not None:
            self.app._rest(seconds)
        callback(*args)

    def reconnect(self, seconds: float, reconnector: Callable[..., Any]) -> None:
        """Wait so many seconds, less when the app is told to stop, and connect again."""
        self.timeout(seconds, lambda: reconnector(reconnecting=True))

    def send(self, sock: Any, data: bytes) -> int:
        """Write to the socket."""
        return send(sock, data)


class Dispatcher(DispatcherBase):
    """The loop of ``run_forever``: runs in the thread that called it, and wakes for whatever any thread does to the app."""

    def read(self, sock: Any, read_callback: Callable[[], bool], check_callback: Callable[[], object]) -> None:
        """Call back whenever the socket is readable, until that returns False or the app is told to stop."""
        app = self.app
        while app.keep_running and app.sock is not None:
            if (app.sock._row or app._wait_readable(MAX_WAIT_S)) and not read_callback():
                break
            check_callback()


class SSLDispatcher(Dispatcher):
    """The same: what TLS has read already is handed over before anything waits."""


class WrappedDispatcher:
    """Drives an app by an event loop of the program's, such as the module ``rel``.

    Parameters:
        app: whose socket it waits for.
        ping_timeout: seconds that a pong may take.
        dispatcher: object with ``signal``, ``abort``, ``read``, ``timeout`` and ``buffwrite``.
        handleDisconnect: called with the exception when writing fails.
    """

    def __init__(
        self,
        app: WebSocketApp,
        ping_timeout: float | None,
        dispatcher: Any,
        handleDisconnect: Callable[..., Any] | None,
    ) -> None:
        self.app = app
        self.ping_timeout = ping_timeout
        self.dispatcher = dispatcher
        self.handleDisconnect = handleDisconnect
        if threading.current_thread() is threading.main_thread():  # Python lets no other thread handle signals
            dispatcher.signal(SIGINT, dispatcher.abort)

    def read(self, sock: Any, read_callback: Callable[[], bool], check_callback: Callable[[], object]) -> None:
        """Have the socket watched, and the pong now and again."""
        self.dispatcher.read(sock, read_callback)
        if self.ping_timeout:
            self.timeout(self.ping_timeout, check_callback)

    def send(self, sock: Any, data: bytes) -> int:
        """Have data written when the socket takes it."""
        self.dispatcher.buffwrite(sock, data, send, self.handleDisconnect)
        return len(data)

    def timeout(self, seconds: float, callback: Callable[..., Any], *args: Any) -> None:
        """Have something called after so many seconds."""
        self.dispatcher.timeout(seconds, callback, *args)

    def reconnect(self, seconds: float, reconnector: Callable[..., Any]) -> None:
        """Have the app connect again after so many seconds."""
        self.timeout(seconds, reconnector, True)
