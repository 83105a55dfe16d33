"""One run of a `WebSocketApp`: connect, hand over what comes, notice the end, perhaps connect again, say goodbye once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wsexample.sync._abnf import ABNF
from wsexample.sync._core import WebSocket
from wsexample.sync._exceptions import WebSocketConnectionClosedException, WebSocketTimeoutException
from wsexample.sync._logging import _Trace, debug, error, info
from wsexample.sync._socket import getdefaulttimeout
from wsexample.sync.close_frame import parse_close
from wsexample.sync.pipe import Last
from wsexample.sync.receiving import is_whole_binary
from wsexample.sync.reconnect import Reconnect
from wsexample.wire.trace import printable

if TYPE_CHECKING:
    from wsexample.sync._app import WebSocketApp

__all__ = ["CallbackFailed", "Run"]


class CallbackFailed(BaseException):
    """Carries the exception of a callback out of the run, past everything that treats failures of the connection."""

    def __init__(self, inner: Exception) -> None:
        super().__init__(inner)
        self.inner = inner


class Run:
    """What happens between ``run_forever`` and ``on_close``.

    Parameters:
        app: whose run it is.
        reconnect: seconds, a policy, or 0.
        socket_settings: keywords of each `WebSocket`.
        connect_options: keywords of each connect.
    """

    def __init__(
        self,
        app: WebSocketApp,
        *,
        reconnect: float | Reconnect,
        socket_settings: Mapping[str, Any],
        connect_options: Mapping[str, Any],
    ) -> None:
        self._app = app
        self._policy = reconnect if isinstance(reconnect, Reconnect) else None
        if not isinstance(reconnect, Reconnect) and reconnect:
            self._policy = Reconnect(interval_s=reconnect)
        self._socket_settings = socket_settings
        self._connect_options = connect_options
        self._dispatcher: Any = None
        self._is_custom = False
        self._is_closed_loop = threading.Lock()
        self._failures = 0
        self._was_open = False
        self._is_close_told = False
        self._ping_sent_s: float | None = None
        self._pong_came_s = 0.0

    # -- the two ways to run -----------------------------------------------------------------------------------------

    def to_the_end(self, dispatcher: Any) -> bool:
        """Run in this thread until it is over; returns whether something went wrong."""
        app = self._app
        self._dispatcher = dispatcher
        try:
            self._connect_and_serve(reconnecting=False)
            while app.keep_running and self._policy is not None:
                wait_s = self._policy.wait_s(max(1, self._failures))
                if wait_s is None:
                    break
                dispatcher.timeout(wait_s, lambda: None)
                if app.keep_running:
                    self._connect_and_serve(reconnecting=True)
        except KeyboardInterrupt as failure:
            self._interrupted(failure)
        except SystemExit as failure:
            self._interrupted(failure)
            raise
        except CallbackFailed as failure:
            raise failure.inner from None
        finally:
            self._end()
        return app.has_errored

    def start(self, dispatcher: Any) -> bool:
        """Connect and leave the rest to the program's own event loop; returns whether that failed."""
        self._dispatcher = dispatcher
        self._is_custom = True
        try:
            self._connect_and_serve(reconnecting=False)
        except KeyboardInterrupt as failure:
            self._interrupted(failure)
        except SystemExit as failure:
            self._interrupted(failure)
            raise
        except CallbackFailed as failure:
            self._end()
            raise failure.inner from None
        return self._app.has_errored

    def _connect_and_serve(self, reconnecting: bool) -> None:
        app = self._app
        try:
            self._connect(reconnecting)
            if app.keep_running and app.sock is not None:
                self._dispatcher.read(app.sock.sock, self.read, self.check)
        except Exception as failure:  # noqa: BLE001 - every way in which a connection may fail or end
            self.lost(failure)

    def _interrupted(self, failure: BaseException) -> None:
        """Ctrl-C was typed, or a callback wants the program to exit."""
        app = self._app
        app.has_errored = True
        self._stop_pings()
        app._callback(app.on_error, failure)
        self._end()

    def _reconnect(self, reconnecting: bool = True) -> bool:
        """Connect again; called by the program's event loop, which is not to call again."""
        if not self._app.keep_running:
            self._end()
            return False
        try:
            self._connect_and_serve(reconnecting)
        except (KeyboardInterrupt, SystemExit) as failure:
            self._interrupted(failure)
            raise
        return False

    # -- a connection ------------------------------------------------------------------------------------------------

    def _connect(self, reconnecting: bool) -> None:
        app = self._app
        before = app.sock
        if before is not None:
            before.shutdown()
        app.last_close_frame = None
        ws = WebSocket(
            app.get_mask_key,
            fire_cont_frame=app.on_cont_message is not None,
            enable_multithread=True,
            dispatcher=self._dispatcher if self._is_custom else None,
            **self._socket_settings,
        )
        ws.settimeout(getdefaulttimeout())
        app.sock = ws
        self._was_open = self._is_close_told = False
        header = app.header() if callable(app.header) else app.header  # which may take its time
        if not app.keep_running:
            return
        ws.connect(
            app.url,
            header=header,
            cookie=app.cookie,
            cookie_jar=app.cookie_jar,
            subprotocols=app.subprotocols,
            socket=app.prepared_socket,
            compression=app.compression,
            max_message_bytes=app.max_message_bytes,
            **self._connect_options,
        )
        if not app.keep_running:  # it was closed meanwhile
            ws.close()
            return
        self._was_open = True
        self._failures = 0
        info("Websocket connected")
        self._start_pings(ws)
        app._callback(app.on_reconnect if reconnecting and app.on_reconnect else app.on_open)

    def read(self) -> bool:
        """Hand over what came; returns whether there is more to wait for. Called when the socket is readable."""
        app = self._app
        ws = app.sock
        if not app.keep_running or ws is None:
            if self._is_custom:
                self._end()
            return False
        if not self._is_custom:
            return self._read_all(ws)
        try:
            return self._read_all(ws)
        except Exception as failure:  # noqa: BLE001 - the program's event loop has no use for it
            return self.lost(failure)

    def _read_all(self, ws: WebSocket) -> bool:
        app = self._app
        if not ws._is_fast:  # a program has put something of its own into the app's WebSocket
            return self._hand_over(*ws.recv_data_frame(True))
        if not ws._row:
            ws._pump()
        row, joining = ws._row, ws.cont_frame
        while row and app._keep_running and app.sock is ws:
            try:
                item = row.popleft()
            except IndexError:  # another thread closes the connection, and throws away what comes
                break
            if type(item) is Last:
                item = ws._opened(item)
            if joining.cont_data is None and not _Trace.is_on:
                if type(item) is bytes:
                    self._message(ABNF.OPCODE_TEXT, item)
                    continue
                if is_whole_binary(item):
                    self._message(ABNF.OPCODE_BINARY, item.payload)
                    continue
            found = ws._digest(ws._frame(item), True)
            if found is not None and not self._hand_over(*found):
                return False
        return app._keep_running and app.sock is ws

    def _hand_over(self, opcode: int, frame: ABNF) -> bool:
        app = self._app
        if opcode == ABNF.OPCODE_CLOSE:
            self._closed_by(frame)
            return False
        if opcode == ABNF.OPCODE_PING:
            app._callback(app.on_ping, frame.data)
        elif opcode == ABNF.OPCODE_PONG:
            app.last_pong_tm = time.time()
            self._pong_came_s = time.monotonic()
            app._callback(app.on_pong, frame.data)
        elif opcode == ABNF.OPCODE_CONT and app.on_cont_message is not None:
            app._callback(app.on_data, frame.data, opcode, frame.fin)
            app._callback(app.on_cont_message, frame.data, frame.fin)
        else:
            self._message(opcode, frame.data)
        return True

    def _message(self, opcode: int, data: Any) -> None:
        app = self._app
        if opcode == ABNF.OPCODE_TEXT:
            # without validation it may be anything; and a fragment may end inside a character
            data = data.decode(errors="replace")
        callback = app.on_data
        if callback is not None:
            app._callback(callback, data, opcode, True)
        callback = app.on_message
        if callback is not None:
            try:
                callback(app, data)
            except Exception as failure:  # noqa: BLE001 - whatever a program's callback raises
                app._callback_failed(callback, failure)

    # -- keeping alive -----------------------------------------------------------------------------------------------

    def _start_pings(self, ws: WebSocket) -> None:
        app = self._app
        app.last_ping_tm = app.last_pong_tm = 0.0
        self._ping_sent_s = None
        if app.ping_interval:
            stop = app.stop_ping = threading.Event()
            app.ping_thread = threading.Thread(target=self._send_pings, args=(ws, stop), name="ping", daemon=True)
            app.ping_thread.start()

    def _send_pings(self, ws: WebSocket, stop: threading.Event) -> None:
        app = self._app
        while not stop.wait(app.ping_interval) and app.keep_running:
            app.last_ping_tm = time.time()
            self._ping_sent_s = time.monotonic()
            app._wake()  # the wait has a deadline from now on
            try:
                ws.ping(app.ping_payload)
            except Exception as failure:  # noqa: BLE001 - whether the connection is over is found out by reading
                debug(f"Failed to send ping: {failure}")

    def _stop_pings(self) -> None:
        app = self._app
        stop, app.stop_ping = app.stop_ping, None
        app.ping_thread = None
        app.last_ping_tm = app.last_pong_tm = 0.0
        self._ping_sent_s = None
        if stop is not None:
            stop.set()

    def wait_s(self, limit_s: float) -> float:
        """Return how long to wait for the socket at most."""
        due_s = self._pong_due_s()
        return limit_s if due_s is None else max(0.0, min(limit_s, due_s - time.monotonic()))

    def _pong_due_s(self) -> float | None:
        sent_s, timeout_s = self._ping_sent_s, self._app.ping_timeout
        if sent_s is None or not timeout_s or self._pong_came_s >= sent_s:
            return None
        return sent_s + timeout_s

    def check(self) -> bool:
        """Raise when a pong is overdue and nothing that came is left to be looked at; True to be called again."""
        due_s = self._pong_due_s()
        ws = self._app.sock
        if due_s is not None and time.monotonic() >= due_s and ws is not None and ws.connected:
            pipe = ws._pipe
            if not ws._row and (pipe is None or not pipe.wait(0)):
                late = WebSocketTimeoutException("ping/pong timed out")
                if self._is_custom:
                    return self.lost(late)
                raise late
        return self._app.keep_running

    # -- the end -----------------------------------------------------------------------------------------------------

    def _closed_by(self, frame: ABNF) -> None:
        """The server's close frame came."""
        app = self._app
        if not app.keep_running or app.sock is None or app.sock._is_closing:
            app.last_close_frame = frame  # the answer to ours
            return
        code, reason = parse_close(frame)
        message = "Connection closed"
        if code is not None:
            message += " normally (code 1000)" if code == 1000 else f" (code {code})"
        if reason:
            message += f": {printable(reason)}"
        self.lost(WebSocketConnectionClosedException(message, status_code=code, reason=reason), frame)

    def lost(self, failure: Any = "closed unexpectedly", frame: ABNF | None = None) -> bool:
        """The connection is over and not by the program; returns False, for whoever watched the socket."""
        app = self._app
        if isinstance(failure, str):
            failure = WebSocketConnectionClosedException(failure)
        if not app.keep_running:  # the program closed it, which is how it ended
            if self._is_custom:
                self._end()
            return False
        if frame is None:
            app.has_errored = True
        self._failures += 1
        self._stop_pings()
        if frame is not None:
            app.last_close_frame = frame
        is_dead = isinstance(failure, WebSocketTimeoutException)
        app._callback(app.on_error, failure)
        ws = app.sock
        if ws is not None and (is_dead or self._policy is not None):
            ws.shutdown()  # nobody is there to say goodbye to
        if self._policy is None:
            error(f"{failure} - goodbye")
            if self._is_custom:
                self._end()
            else:
                app._keep_running = False
            return False
        info(f"{failure} - reconnect")
        if self._policy.close_each and self._was_open:
            self._is_close_told = True
            app._callback(app.on_close, *parse_close(frame))
        if self._is_custom:
            wait_s = self._policy.wait_s(self._failures)
            if wait_s is None:
                self._end()
            else:
                self._dispatcher.reconnect(wait_s, self._reconnect)
        return False

    def closed_by_program(self) -> None:
        """The program has closed the app; one that its own event loop drives has nobody else to notice."""
        if self._is_custom:
            self._dispatcher.timeout(0, self._end_once)

    def _end_once(self) -> bool:
        self._end()
        return False

    def _end(self) -> None:
        """Release everything and call ``on_close``; only the first call counts."""
        app = self._app
        with self._is_closed_loop:
            if app.has_done_teardown:
                return
            app.has_done_teardown = True
        self._stop_pings()
        app._keep_running = False
        with app._closing:  # another thread may be in close(), and the peer's answer is for on_close
            ws, app.sock = app.sock, None
        try:
            if ws is not None:
                ws.close()
        finally:
            waker, app._waker = app._waker, None
            if waker is not None:
                waker.close()
            app._run = None
        if not self._is_close_told:
            app._callback(app.on_close, *parse_close(app.last_close_frame))
