"""`WebSocket` and `create_connection`: one blocking connection with websocket-client's names.

A connection is dialled on a private event loop in the caller's own thread. From then on there is no loop: `recv` takes what
waits at once, and reads the socket, a whole burst at a time, only when nothing does. Any thread may send, receive, ping and
close; one receives at a time, and one sends.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from wsexample.sync._exceptions import WebSocketConnectionClosedException, WebSocketException
from wsexample.sync._handshake import CLOSED_MEANWHILE, Opened, open_connection
from wsexample.sync._socket import getdefaulttimeout
from wsexample.sync.closing import Closing
from wsexample.sync.known_options import warn_of_unknown_options, warn_of_unknown_sslopt
from wsexample.sync.paths import RECEIVE_HOOKS, SEND_HOOKS
from wsexample.sync.tls_socket import TlsSocket

if TYPE_CHECKING:
    from wsexample.sync.option_fields import ConnectFields, CreateFields

__all__ = ["WebSocket", "create_connection"]


Made = TypeVar("Made")


class WebSocket(Closing):
    """A blocking WebSocket connection.

    Parameters:
        get_mask_key: called with 4, returns the four bytes (or characters) that mask a frame; None takes unpredictable ones.
        sockopt: arguments of ``setsockopt``, applied after `DEFAULT_SOCKET_OPTION` and before connecting.
        sslopt: TLS settings, see ``docs/sync.md``.
        fire_cont_frame: hand over each fragment of a message by itself.
        enable_multithread: whether threads share the connection; False saves their locks.
        skip_utf8_validation: do not check that texts are UTF-8; `recv` then raises UnicodeDecodeError for those that are not.
        dispatcher: object whose ``send(sock, data)`` writes; used by `WebSocketApp`.
        options: whatever `connect` takes; accepted for ``create_connection``'s sake. Unknown names are warned of.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._overrides_receive = any(getattr(cls, name) is not getattr(WebSocket, name) for name in RECEIVE_HOOKS)
        cls._overrides_send = any(getattr(cls, name) is not getattr(WebSocket, name) for name in SEND_HOOKS)

    def __init__(
        self,
        get_mask_key: Callable[[int], str | bytes] | None = None,
        sockopt: Sequence[Any] | None = None,
        sslopt: dict[str, Any] | None = None,
        fire_cont_frame: bool = False,
        enable_multithread: bool = True,
        skip_utf8_validation: bool = False,
        dispatcher: Any = None,
        **options: Unpack[ConnectFields],
    ) -> None:
        super().__init__(
            get_mask_key=get_mask_key,
            sockopt=sockopt,
            sslopt=sslopt,
            fire_cont_frame=fire_cont_frame,
            enable_multithread=enable_multithread,
            skip_utf8_validation=skip_utf8_validation,
            dispatcher=dispatcher,
        )
        self._warned = frozenset(options)
        warn_of_unknown_options(options)
        warn_of_unknown_sslopt(sslopt or ())

    # -- connecting --------------------------------------------------------------------------------------------------

    def connect(self, url: str, **options: Unpack[ConnectFields]) -> None:
        """Connect and shake hands; whatever fails, nothing is left open.

        Parameters:
            url: ``ws://HOST[:PORT]/…``, ``wss://…``, or ``ws+unix:PATH[:RESOURCE]``.
            header: request headers as mapping, list of "Name: value", or a callable that returns either; they replace
                built-in ones.
            cookie: value of the Cookie header.
            cookie_jar: `CookieJar` in which cookies are kept between connections.
            origin, suppress_origin: value of the Origin header, or none at all.
            host, suppress_host: value of the Host header, or none at all.
            connection: whole Connection header line.
            subprotocols: names offered; the server must choose one of them.
            timeout: seconds for each step and for each later call, None for ever; given here it replaces `settimeout`'s.
            redirect_limit: redirects followed, 3.
            socket: connected socket to use; TLS is put on it for wss unless it has it.
            http_proxy_host, http_proxy_port, http_proxy_auth, http_no_proxy, http_proxy_timeout, proxy_type: the proxy.
            compression: offer permessage-deflate (RFC 7692), False.
            max_message_bytes: largest message accepted, 0 for any; a larger one closes the connection with 1009. None, as
                without it, accepts any, but at most 64 MiB with ``compression``.

        Raises:
            ValueError: the URL or an option cannot work.
            WebSocketBadStatusException: the server answered with another status.
            WebSocketTimeoutException: it took the connection and did not answer.
            OSError: the way to it failed: ConnectionRefusedError, TimeoutError, ssl.SSLError and others.
            WebSocketException: everything else.
        """
        warn_of_unknown_options(options.keys() - self._warned)
        self.sock_opt.timeout = options.get("timeout", self.sock_opt.timeout)
        self.shutdown()
        shutdowns = self._shutdowns
        try:
            opened = self._open(url, options)
        finally:
            self._cancel_dial = None
        self._adopt(opened, is_given=options.get("socket") is not None)
        if self._shutdowns != shutdowns:  # too late to cancel the dial
            self._drop()
            raise WebSocketConnectionClosedException(CLOSED_MEANWHILE)

    def _open(self, url: str, options: Mapping[str, Any]) -> Opened:
        skips = self.cont_frame.skip_utf8_validation or self.cont_frame.fire_cont_frame
        return open_connection(
            url,
            self.sock_opt,
            options,
            is_raw=type(self)._recv is not WebSocket._recv or "_recv" in self.__dict__,
            validate_utf8=not skips,
            begun=lambda cancel: setattr(self, "_cancel_dial", cancel),
        )

    def _adopt(self, opened: Opened, *, is_given: bool) -> None:
        pipe, frames = opened.pipe, opened.frames
        pipe.sock.settimeout(self.sock_opt.timeout)
        self._frames, self._pipe, self._row = frames, pipe, deque(frames.row)
        frames.row.clear()
        self._owns_socket = not is_given
        self._peer_close = self.close_frame = None
        self._has_sent_close = False
        self.frame_buffer.clear()
        self.frame_buffer.recv_buffer = []
        self.cont_frame.cont_data = self.cont_frame.recving_frames = None
        self.handshake_response = opened.response
        self.sock = TlsSocket(pipe, self._row, self._send_formed) if pipe.layers else pipe.sock
        self.connected = True

    @property
    def status(self) -> int | None:
        """HTTP status of the handshake, None before it."""
        return self.handshake_response.status if self.handshake_response else None

    @property
    def headers(self) -> dict[str, str] | None:
        """Headers of the handshake's answer with lower-case names, None before it."""
        return self.handshake_response.headers if self.handshake_response else None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol agreed on, in lower case; None before the handshake or without one."""
        return self.handshake_response.subprotocol if self.handshake_response else None

    def getstatus(self) -> int | None:
        """Return `status`."""
        return self.status

    def getheaders(self) -> dict[str, str] | None:
        """Return `headers`."""
        return self.headers

    def getsubprotocol(self) -> str | None:
        """Return `subprotocol`."""
        return self.subprotocol

    def is_ssl(self) -> bool:
        """Tell whether the connection speaks TLS."""
        return isinstance(self.sock, ssl.SSLSocket)

    def fileno(self) -> int:
        """Return the socket's number, for ``select``; while messages wait the socket is readable."""
        if self.sock is None:
            raise WebSocketException("not connected")
        return int(self.sock.fileno())

    def set_mask_key(self, func: Callable[[int], str | bytes] | None) -> None:
        """Take masking keys from this function, which gets 4 and returns four bytes; None takes unpredictable ones."""
        self.get_mask_key = func

    def gettimeout(self) -> float | None:
        """Return the timeout of each call in seconds, None for ever."""
        return self.sock_opt.timeout

    def settimeout(self, timeout: float | None) -> None:
        """Let each call from now on take at most so many seconds; None blocks, 0 raises BlockingIOError instead of waiting."""
        self.sock_opt.timeout = timeout
        if self.sock is not None:
            self.sock.settimeout(timeout)

    timeout = property(gettimeout, settimeout, doc="Seconds that each call may take, None for ever.")

    # -- with ----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        pipe = self.__dict__.get("_pipe")
        if pipe is not None and self._owns_socket:
            pipe.sock.close()

    def __repr__(self) -> str:
        pipe = self._pipe
        peer = pipe.get_extra_info("peername") if pipe is not None else None
        where = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) and len(peer) > 1 else peer or "?"
        state = "open" if self.connected else "closed"
        return f"<{type(self).__name__} {where} {state}, {len(self._row)} waiting>"


@overload
def create_connection(url: str, timeout: float | None = None, **options: Unpack[CreateFields]) -> WebSocket: ...
@overload
def create_connection(
    url: str, timeout: float | None = None, *, class_: type[Made], **options: Unpack[CreateFields]
) -> Made: ...
@overload
def create_connection(url: str, timeout: float | None, class_: type[Made], **options: Unpack[CreateFields]) -> Made: ...
def create_connection(url: str, timeout: float | None = None, class_: type[Any] = WebSocket, **options: Any) -> Any:
    """Make a `WebSocket`, connect it and return it.

    Parameters:
        url: see `WebSocket.connect`.
        timeout: seconds for each step and for each later call; None takes `getdefaulttimeout`.
        class_: what to make; it takes `WebSocket`'s keywords and has ``settimeout`` and ``connect``.
        options: those of `WebSocket` and of `WebSocket.connect`.
    """
    own = {
        "sockopt": options.pop("sockopt", []),
        "sslopt": options.pop("sslopt", {}),
        "fire_cont_frame": options.pop("fire_cont_frame", False),
        "enable_multithread": options.pop("enable_multithread", True),
        "skip_utf8_validation": options.pop("skip_utf8_validation", False),
    }
    ws = class_(**own, **options)
    ws.settimeout(timeout if timeout is not None else getdefaulttimeout())
    ws.connect(url, **options)
    return ws
