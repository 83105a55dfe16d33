"""The blocking twin of the wire, with websocket-client's names: ``from wsexample import sync as websocket``.

What travels through here are messages that a program waits for in its own thread. Reaching the server, framing and what
breaks the protocol are left to the wire. Differences from websocket-client are listed in ``docs/sync.md``.

Other programs' ``import websocket`` finds this module after `install_as_websocket`.
"""

from wsexample.sync._abnf import (
    ABNF,
    STATUS_ABNORMAL_CLOSED,
    STATUS_BAD_GATEWAY,
    STATUS_GOING_AWAY,
    STATUS_INVALID_EXTENSION,
    STATUS_INVALID_PAYLOAD,
    STATUS_MESSAGE_TOO_BIG,
    STATUS_NORMAL,
    STATUS_POLICY_VIOLATION,
    STATUS_PROTOCOL_ERROR,
    STATUS_SERVICE_RESTART,
    STATUS_STATUS_NOT_AVAILABLE,
    STATUS_TLS_HANDSHAKE_ERROR,
    STATUS_TRY_AGAIN_LATER,
    STATUS_UNEXPECTED_CONDITION,
    STATUS_UNSUPPORTED_DATA_TYPE,
    continuous_frame,
    frame_buffer,
)
from wsexample.sync._app import WebSocketApp, set_reconnect
from wsexample.sync._core import WebSocket, create_connection
from wsexample.sync._exceptions import (
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketPayloadException,
    WebSocketProtocolException,
    WebSocketProxyException,
    WebSocketTimeoutException,
)
from wsexample.sync._logging import (
    debug,
    dump,
    enableTrace,
    error,
    isEnabledForDebug,
    isEnabledForError,
    isEnabledForTrace,
    trace,
    warning,
)
from wsexample.sync._socket import (
    DEFAULT_SOCKET_OPTION,
    getdefaulttimeout,
    recv,
    recv_line,
    send,
    setdefaulttimeout,
    sock_opt,
)
from wsexample.sync.alias import install_as_websocket
from wsexample.sync.cookies import CookieJar
from wsexample.sync.reconnect import Reconnect

__version__ = "1.9.2"
"""Version of websocket-client whose contract this is; programs compare it."""

__all__ = [
    "ABNF",
    "DEFAULT_SOCKET_OPTION",
    "STATUS_ABNORMAL_CLOSED",
    "STATUS_BAD_GATEWAY",
    "STATUS_GOING_AWAY",
    "STATUS_INVALID_EXTENSION",
    "STATUS_INVALID_PAYLOAD",
    "STATUS_MESSAGE_TOO_BIG",
    "STATUS_NORMAL",
    "STATUS_POLICY_VIOLATION",
    "STATUS_PROTOCOL_ERROR",
    "STATUS_SERVICE_RESTART",
    "STATUS_STATUS_NOT_AVAILABLE",
    "STATUS_TLS_HANDSHAKE_ERROR",
    "STATUS_TRY_AGAIN_LATER",
    "STATUS_UNEXPECTED_CONDITION",
    "STATUS_UNSUPPORTED_DATA_TYPE",
    "CookieJar",
    "Reconnect",
    "WebSocket",
    "WebSocketAddressException",
    "WebSocketApp",
    "WebSocketBadStatusException",
    "WebSocketConnectionClosedException",
    "WebSocketException",
    "WebSocketPayloadException",
    "WebSocketProtocolException",
    "WebSocketProxyException",
    "WebSocketTimeoutException",
    "__version__",
    "continuous_frame",
    "create_connection",
    "debug",
    "dump",
    "enableTrace",
    "error",
    "frame_buffer",
    "getdefaulttimeout",
    "install_as_websocket",
    "isEnabledForDebug",
    "isEnabledForError",
    "isEnabledForTrace",
    "recv",
    "recv_line",
    "send",
    "set_reconnect",
    "setdefaulttimeout",
    "sock_opt",
    "trace",
    "warning",
]
