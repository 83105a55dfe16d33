"""`WebSocketApp`: a connection as callbacks, with websocket-client's names; `set_reconnect`.

What the app is and what programs do to it is here; one run of it, from ``run_forever`` to its end, is in ``running.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wsexample.sync._abnf import ABNF
from wsexample.sync._core import WebSocket
from wsexample.sync._dispatcher import Dispatcher, SSLDispatcher, Waker, WrappedDispatcher
from wsexample.sync._exceptions import WebSocketConnectionClosedException, WebSocketException
from wsexample.sync._logging import error
from wsexample.sync.close_frame import parse_close
from wsexample.sync.reconnect import Reconnect
from wsexample.sync.running import CallbackFailed, Run
from wsexample.wire.target import Target

if TYPE_CHECKING:
    import socket as _socket

    from wsexample.sync.cookies import CookieJar
    from wsexample.wire.deflate import DeflateOptions

__all__ = ["WebSocketApp", "set_reconnect"]

RECONNECT: float | Reconnect = 0

Header = Sequence[str] | Mapping[str, Any]
Callback = Callable[..., Any]


def set_reconnect(reconnectInterval: float | Reconnect) -> None:
    """Set what every ``run_forever`` without a ``reconnect`` of its own uses: seconds, a `Reconnect`, or 0 for none."""
    global RECONNECT
    RECONNECT = reconnectInterval


class WebSocketApp:
    """A WebSocket connection that calls back; make it, then `run_forever`.

    Every callback gets the app first. They run in the thread of `run_forever`, one at a time, and may be replaced at any time.
    An exception in one is logged with its traceback and given to ``on_error``, and the run goes on.

    Parameters:
        url: see `WebSocket.connect`.
        header: request headers, or a callable that returns them, called before each connection.
        on_open: (app) after the handshake.
        on_reconnect: (app) after the handshake of a later connection of the run, in place of ``on_open``.
        on_message: (app, message) for each message: str for text, bytes for binary.
        on_error: (app, exception) for whatever goes wrong, and for a close frame of the server.
        on_close: (app, code, reason) once, at the end of the run; None for what there was not.
        on_ping, on_pong: (app, payload); a ping has been answered.
        on_cont_message: (app, data, fin) for each later fragment of a message; set it before connecting.
        keep_running: has no meaning; it was given here once.
        get_mask_key: see `WebSocket`.
        cookie: value of the Cookie header.
        subprotocols: names offered.
        on_data: (app, data, opcode, flag) before ``on_message`` or ``on_cont_message``; the flag is True for a whole message.
        socket: connected socket to use.
        raise_from_callbacks: let an exception of a callback end the run and come out of `run_forever`.
        cookie_jar: `CookieJar` in which cookies are kept from one connection of the app to the next.
        compression: offer permessage-deflate (RFC 7692).
        max_message_bytes: largest message accepted, 0 for any; None, any but at most 64 MiB with ``compression``.
    """

    def __init__(
        self,
        url: str,
        header: Header | Callable[[], Header] | None = None,
        on_open: Callback | None = None,
        on_reconnect: Callback | None = None,
        on_message: Callback | None = None,
        on_error: Callback | None = None,
        on_close: Callback | None = None,
        on_ping: Callback | None = None,
        on_pong: Callback | None = None,
        on_cont_message: Callback | None = None,
        keep_running: bool = True,
        get_mask_key: Callable[[int], str | bytes] | None = None,
        cookie: str | None = None,
        subprotocols: Sequence[str] | None = None,
        on_data: Callback | None = None,
        socket: _socket.socket | None = None,
        *,
        raise_from_callbacks: bool = False,
        cookie_jar: CookieJar | None = None,
        compression: bool | DeflateOptions = False,
        max_message_bytes: int | None = None,
    ) -> None:
        self._keep_running = False
        self._closing = threading.RLock()
        self._waker: Waker | None = None
        self._run: Run | None = None
        self.url = url
        self.header: Any = [] if header is None else header
        self.cookie = cookie
        self.on_open = on_open
        self.on_reconnect = on_reconnect
        self.on_message = on_message
        self.on_data = on_data
        self.on_error = on_error
        self.on_close = on_close
        self.on_ping = on_ping
        self.on_pong = on_pong
        self.on_cont_message = on_cont_message
        self.get_mask_key = get_mask_key
        self.sock: WebSocket | None = None
        self.last_ping_tm = 0.0
        self.last_pong_tm = 0.0
        self.ping_thread: threading.Thread | None = None
        self.stop_ping: threading.Event | None = None
        self.ping_interval: float = 0.0
        self.ping_timeout: float | None = None
        self.ping_payload: str | bytes = ""
        self.subprotocols = subprotocols
        self.prepared_socket = socket
        self.has_errored = False
        self.has_done_teardown = False
        self.last_close_frame: ABNF | None = None
        self.raise_from_callbacks = raise_from_callbacks
        self.cookie_jar = cookie_jar
        self.compression = compression
        self.max_message_bytes = max_message_bytes

    @property
    def keep_running(self) -> bool:
        """Whether a run is going on; set it to False, from any thread, to end it at once."""
        return self._keep_running

    @keep_running.setter
    def keep_running(self, value: bool) -> None:
        self._keep_running = bool(value)
        if not value:
            self._wake()

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            waker.wake()

    def _rest(self, seconds: float) -> None:
        """Wait, less when the app is told to stop."""
        waker = self._waker
        if waker is not None:
            waker.rest(seconds, lambda: self._keep_running)

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(self, data: str | bytes | bytearray | memoryview, opcode: int = ABNF.OPCODE_TEXT) -> None:
        """Send a message from any thread; raises `WebSocketConnectionClosedException` when there is no connection."""
        sock = self.sock
        if sock is None or sock.send(data, opcode) == 0:
            raise WebSocketConnectionClosedException("Connection is already closed.")

    def send_text(self, text_data: str) -> None:
        """Send a text message; see `send`."""
        self.send(text_data, ABNF.OPCODE_TEXT)

    def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Send a binary message; see `send`."""
        self.send(data, ABNF.OPCODE_BINARY)

    def ready(self) -> bool:
        """Tell whether the app is connected."""
        return self.sock is not None and self.sock.connected

    def close(self, **kwargs: Any) -> None:
        """End the run, from any thread or callback; the arguments are those of `WebSocket.close`."""
        with self._closing:
            self.keep_running = False
            sock = self.sock
            if sock is not None:
                sock.close(**kwargs)
                if sock.close_frame is not None:
                    self.last_close_frame = sock.close_frame
                self.sock = None
        run = self._run
        if run is not None:
            run.closed_by_program()

    # -- running -----------------------------------------------------------------------------------------------------

    def run_forever(
        self,
        sockopt: Sequence[Any] | None = None,
        sslopt: dict[str, Any] | None = None,
        ping_interval: float = 0,
        ping_timeout: float | None = None,
        ping_payload: str | bytes = "",
        http_proxy_host: str | None = None,
        http_proxy_port: int | str | None = None,
        http_no_proxy: Sequence[str] | None = None,
        http_proxy_auth: tuple[str, str] | None = None,
        http_proxy_timeout: float | None = None,
        skip_utf8_validation: bool = False,
        host: str | None = None,
        origin: str | None = None,
        dispatcher: Any = None,
        suppress_origin: bool = False,
        suppress_host: bool = False,
        proxy_type: str | None = None,
        reconnect: float | Reconnect | None = None,
    ) -> bool:
        """Connect, call back for whatever comes, and return when the connection is over.

        Parameters:
            sockopt, sslopt, skip_utf8_validation: see `WebSocket`. Text that is not UTF-8 then reaches ``on_message`` with
                replacement characters.
            ping_interval: seconds between pings, 0 for none.
            ping_timeout: seconds that a pong may take before the connection counts as lost; None for ever.
            ping_payload: what pings carry.
            http_proxy_host, http_proxy_port, http_proxy_auth, http_no_proxy, http_proxy_timeout, proxy_type, host, origin,
                suppress_origin, suppress_host: see `WebSocket.connect`.
            dispatcher: event loop of the program's, such as the module ``rel``, which does the waiting; this returns at once.
            reconnect: seconds until the next attempt after any disconnect, or a `Reconnect`; None takes `set_reconnect`'s.
                The run then ends only by `close`, ``keep_running = False`` and Ctrl-C.

        Returns:
            False when the server closed or the program did; True when something went wrong.

        Raises:
            ValueError: the URL cannot work.
            WebSocketException: an argument cannot work, or the app is running.
        """
        if ping_timeout is not None and ping_timeout <= 0:
            raise WebSocketException("Ensure ping_timeout > 0")
        if ping_interval is not None and ping_interval < 0:
            raise WebSocketException("Ensure ping_interval >= 0")
        if ping_timeout and ping_interval and ping_interval <= ping_timeout:
            raise WebSocketException("Ensure ping_interval > ping_timeout")
        if self.sock is not None:
            raise WebSocketException("socket is already opened")
        target = Target.parse(self.url)
        self.ping_interval, self.ping_timeout, self.ping_payload = ping_interval or 0, ping_timeout, ping_payload
        self.has_done_teardown = self.has_errored = False
        self.last_close_frame = None
        run = Run(
            self,
            reconnect=RECONNECT if reconnect is None else reconnect,
            socket_settings={
                "sockopt": sockopt or [],
                "sslopt": sslopt or {},
                "skip_utf8_validation": skip_utf8_validation,
            },
            connect_options={
                "http_proxy_host": http_proxy_host,
                "http_proxy_port": http_proxy_port,
                "http_no_proxy": http_no_proxy,
                "http_proxy_auth": http_proxy_auth,
                "http_proxy_timeout": http_proxy_timeout,
                "host": host,
                "origin": origin,
                "suppress_origin": suppress_origin,
                "suppress_host": suppress_host,
                "proxy_type": proxy_type,
            },
        )
        chosen = self.create_dispatcher(ping_timeout, dispatcher, target.is_secure, run.lost)
        self._run = run
        self._keep_running = True
        if dispatcher:
            return run.start(chosen)
        self._waker = Waker()
        return run.to_the_end(chosen)

    def create_dispatcher(
        self,
        ping_timeout: float | None,
        dispatcher: Any = None,
        is_ssl: bool = False,
        handleDisconnect: Callback | None = None,
    ) -> Dispatcher | WrappedDispatcher:
        """Return what waits for the socket; a subclass may replace this."""
        if dispatcher:
            return WrappedDispatcher(self, ping_timeout, dispatcher, handleDisconnect)
        return (SSLDispatcher if is_ssl else Dispatcher)(self, ping_timeout or 10)

    def _wait_readable(self, limit_s: float) -> bool:
        """Wait until the socket is readable, a pong is due, or something else is to be looked at."""
        waker, sock, run = self._waker, self.sock, self._run
        pipe = None if sock is None else sock._pipe
        if waker is None or run is None or sock is None:
            return False
        if pipe is None:
            return True  # reading says what happened
        return waker.wait(pipe.sock, run.wait_s(limit_s))

    # -- calling back ------------------------------------------------------------------------------------------------

    def _callback(self, callback: Callback | None, *args: Any) -> None:
        if callback:
            try:
                callback(self, *args)
            except Exception as failure:  # noqa: BLE001 - whatever a program's callback raises
                self._callback_failed(callback, failure)

    def _callback_failed(self, callback: Callback, failure: Exception) -> None:
        if self.raise_from_callbacks:
            raise CallbackFailed(failure)
        error(f"error from callback {callback}: {failure}", exc_info=failure)
        if self.on_error is not None and callback is not self.on_error:
            self._callback(self.on_error, failure)

    def _parse_close_frame(self, frame: ABNF | None) -> tuple[int | None, str | None]:
        return parse_close(frame)
