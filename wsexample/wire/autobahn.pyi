"""What type checkers see of the four classes: Autobahn's contract written out, most of which Autobahn leaves without types.

Callbacks may be plain methods or coroutines. That the names and parameters are Autobahn's is checked by
tests/typing/test_stub.py; names that begin with an underscore or with ``lane_`` are nobody's contract.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from autobahn.wamp.types import TransportDetails
from autobahn.websocket.types import ConnectingRequest, ConnectionRequest, ConnectionResponse

__all__ = [
    "WebSocketClientFactory",
    "WebSocketClientProtocol",
    "WebSocketServerFactory",
    "WebSocketServerProtocol",
    "deflate_client_options",
    "deflate_server_options",
]

Done: TypeAlias = Awaitable[None] | None
"""What a callback returns: nothing, or a coroutine that is run."""
HeaderValue: TypeAlias = str | Sequence[str]
Accepted: TypeAlias = str | tuple[str | None, dict[str, HeaderValue]] | None
"""The subprotocol that a server chooses, with response headers if it likes."""

OPEN: int
RECEIVE_HOOKS: tuple[str, ...]
SEND_HOOKS: tuple[str, ...]
LANE_OPTIONS: tuple[str, ...]

class _Lane(asyncio.Protocol):
    """Both roles."""

    STATE_CLOSED: ClassVar[int]
    STATE_CONNECTING: ClassVar[int]
    STATE_CLOSING: ClassVar[int]
    STATE_OPEN: ClassVar[int]
    STATE_PROXY_CONNECTING: ClassVar[int]
    CLOSE_STATUS_CODE_NORMAL: ClassVar[int]
    CLOSE_STATUS_CODE_GOING_AWAY: ClassVar[int]
    CLOSE_STATUS_CODE_PROTOCOL_ERROR: ClassVar[int]
    CLOSE_STATUS_CODE_UNSUPPORTED_DATA: ClassVar[int]
    CLOSE_STATUS_CODE_NULL: ClassVar[int]
    CLOSE_STATUS_CODE_ABNORMAL_CLOSE: ClassVar[int]
    CLOSE_STATUS_CODE_INVALID_PAYLOAD: ClassVar[int]
    CLOSE_STATUS_CODE_POLICY_VIOLATION: ClassVar[int]
    CLOSE_STATUS_CODE_MESSAGE_TOO_BIG: ClassVar[int]
    CLOSE_STATUS_CODE_MANDATORY_EXTENSION: ClassVar[int]
    CLOSE_STATUS_CODE_INTERNAL_ERROR: ClassVar[int]
    CLOSE_STATUS_CODE_SERVICE_RESTART: ClassVar[int]
    CLOSE_STATUS_CODE_TRY_AGAIN_LATER: ClassVar[int]

    log: Any
    peer: str
    state: int
    transport: Any
    is_open: asyncio.Future[None]
    is_closed: asyncio.Future[object]
    wasClean: bool | None
    wasNotCleanReason: str | None
    closedByMe: bool
    droppedByMe: bool
    failedByMe: bool
    localCloseCode: int | None
    localCloseReason: bytes | None
    remoteCloseCode: int | None
    remoteCloseReason: str | None
    http_headers: dict[str, str]
    http_response_data: Any
    websocket_version: int
    websocket_protocol_in_use: str | None
    websocket_extensions_in_use: Sequence[Any]

    # the options of one connection, which begin as the factory's
    applyMask: bool
    autoFragmentSize: int
    autoPingInterval: float
    autoPingPending: bytes | None
    autoPingRestartOnAnyTraffic: bool
    autoPingSize: int
    autoPingTimeout: float
    closeHandshakeTimeout: float
    echoCloseCodeReason: bool
    failByDrop: bool
    logFrames: bool
    logOctets: bool
    maxFramePayloadSize: int
    maxMessagePayloadSize: int
    openHandshakeTimeout: float
    tcpNoDelay: bool
    trackedTimings: Any
    trafficStats: Any
    utf8validateIncoming: bool

    # the parser's
    data: Any
    current_frame: Any
    frame_data: Any
    message_data: Any
    message_is_binary: bool

    # of this package
    lane_is_open: bool
    lane_is_paused: bool
    lane_receives: bool
    lane_sends: bool
    lane_shares: frozenset[str]
    lane_deflates: bool
    lane_inflates: bool
    is_buffered: ClassVar[bool]
    def data_received(self, data: bytes | bytearray | memoryview) -> None: ...
    def lane_deflate(self, payload: bytes) -> bytes: ...
    def lane_refresh(self) -> None: ...
    def lane_use_socket(self, fd: int, is_volatile: bool) -> None: ...
    def _end(self, exc: BaseException | None) -> None: ...
    def _fail_connection(self, code: int = 1001, reason: str = "going away") -> None: ...
    def pauseReading(self) -> None:
        """Stop delivering messages at once, also in the middle of what was read; TCP tells the peer."""
    def resumeReading(self) -> None:
        """Go on delivering messages, first those that were read already."""

    # callbacks
    def onOpen(self) -> Done: ...
    def onMessage(self, payload: bytes, isBinary: bool) -> Done: ...
    def onPing(self, payload: bytes) -> Done: ...
    def onPong(self, payload: bytes) -> Done: ...
    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> Done: ...
    def onMessageBegin(self, isBinary: bool) -> Done: ...
    def onMessageFrameBegin(self, length: int) -> Done: ...
    def onMessageFrameData(self, payload: bytes) -> Done: ...
    def onMessageFrameEnd(self) -> Done: ...
    def onMessageFrame(self, payload: Sequence[bytes]) -> Done: ...
    def onMessageEnd(self) -> Done: ...
    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool | None: ...
    def onFrameBegin(self) -> None: ...
    def onFrameData(self, payload: bytes) -> bool | None: ...
    def onFrameEnd(self) -> bool | None: ...
    def onAutoPong(
        self, ping_sent: float, ping_seq: int, pong_received: float, pong_rtt: float, payload: bytes
    ) -> None: ...
    def onAutoPingTimeout(self) -> None: ...
    def onCloseHandshakeTimeout(self) -> None: ...
    def onOpenHandshakeTimeout(self) -> None: ...
    def onServerConnectionDropTimeout(self) -> None: ...

    # sending
    def sendMessage(
        self,
        payload: bytes,
        isBinary: bool = False,
        fragmentSize: int | None = None,
        sync: bool = False,
        doNotCompress: bool = False,
    ) -> None: ...
    def sendPreparedMessage(self, preparedMsg: Any) -> None: ...
    def beginMessage(self, isBinary: bool = False, doNotCompress: bool = False) -> None: ...
    def beginMessageFrame(self, length: int) -> None: ...
    def sendMessageFrameData(self, payload: bytes, sync: bool = False) -> int | None: ...
    def sendMessageFrame(self, payload: bytes, sync: bool = False) -> None: ...
    def endMessage(self) -> None: ...
    def sendPing(self, payload: bytes | None = None) -> None: ...
    def sendPong(self, payload: bytes | None = None) -> None: ...
    def sendClose(self, code: int | None = None, reason: str | None = None) -> None: ...
    def sendCloseFrame(
        self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False
    ) -> None: ...
    def sendFrame(
        self,
        opcode: int,
        payload: bytes = b"",
        fin: bool = True,
        rsv: int = 0,
        mask: bytes | None = None,
        payload_len: int | None = None,
        chopsize: int | None = None,
        sync: bool = False,
    ) -> None: ...
    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None: ...
    def dropConnection(self, abort: bool = False) -> None: ...

    # what subclasses may watch or replace
    def consumeData(self) -> None: ...
    def processData(self) -> bool: ...
    def processControlFrame(self) -> bool: ...
    def processProxyConnect(self) -> None: ...
    def logRxOctets(self, data: bytes) -> None: ...
    def logTxOctets(self, data: bytes, sync: bool) -> None: ...
    def logRxFrame(self, frameHeader: Any, payload: Any) -> None: ...
    def logTxFrame(self, frameHeader: Any, payload: bytes, repeatLength: int, chopsize: int, sync: bool) -> None: ...
    def setTrackTimings(self, enable: bool) -> None: ...
    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def on(self, event: str, handler: Callable[..., Any]) -> None: ...
    def off(self, event: str | None = None, handler: Callable[..., Any] | None = None) -> None: ...
    def fire(self, event: str, *args: Any, **kwargs: Any) -> Any: ...
    def set_valid_events(self, valid_events: Sequence[str] | None = None) -> None: ...
    def connection_made(self, transport: Any) -> None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...

class WebSocketClientProtocol(_Lane):
    """Client side of a WebSocket: override the callbacks of Autobahn's class of the same name."""

    factory: WebSocketClientFactory
    acceptMaskedServerFrames: bool
    maskClientFrames: bool
    perMessageCompressionOffers: Sequence[Any]
    serverConnectionDropTimeout: float
    version: int

    def onConnecting(
        self, transport_details: TransportDetails
    ) -> Awaitable[ConnectingRequest | None] | ConnectingRequest | None: ...
    def onConnect(self, response: ConnectionResponse) -> Done: ...
    def startHandshake(self) -> None: ...
    def processHandshake(self) -> None: ...
    def failHandshake(self, reason: str) -> None: ...
    def startTLS(self) -> None: ...
    def startProxyConnect(self) -> None: ...
    def failProxyConnect(self, reason: str) -> None: ...

class WebSocketServerProtocol(_Lane):
    """Server side of a WebSocket: override the callbacks of Autobahn's class of the same name."""

    factory: WebSocketServerFactory
    http_request_host: str
    http_request_params: dict[str, list[str]]
    http_request_path: str
    http_request_uri: str
    maskServerFrames: bool
    requireMaskedClientFrames: bool
    versions: Sequence[int]
    webStatus: bool
    websocket_extensions: Sequence[Any]
    websocket_origin: str | None
    websocket_protocols: Sequence[str]

    def onConnect(self, request: ConnectionRequest) -> Awaitable[Accepted] | Accepted: ...
    def processHandshake(self) -> None: ...
    def succeedHandshake(self, res: Any) -> None: ...
    def failHandshake(
        self, reason: str, code: int = 400, responseHeaders: Sequence[tuple[str, str]] | None = None
    ) -> None: ...
    def sendHtml(self, html: str) -> None: ...
    def sendHttpErrorResponse(
        self, code: int, reason: str, responseHeaders: Sequence[tuple[str, str]] | None = None
    ) -> None: ...
    def sendRedirect(self, url: str) -> None: ...
    def sendServerStatus(self, redirectUrl: str | None = None, redirectAfter: int = 0) -> None: ...

class _Factory:
    """Both roles."""

    log: Any
    loop: asyncio.AbstractEventLoop
    url: str | None
    isSecure: bool | None
    host: str | None
    port: int | None
    logFrames: bool
    logOctets: bool
    trackTimings: bool

    def prepareMessage(self, payload: bytes, isBinary: bool = False, doNotCompress: bool = False) -> Any: ...
    def resetProtocolOptions(self) -> None: ...

class WebSocketClientFactory(_Factory):
    """Makes one `WebSocketClientProtocol` for each connection that it is handed to."""

    protocol: Callable[[], WebSocketClientProtocol]
    protocols: Any
    headers: Any
    origin: str | None
    useragent: str | None

    def __init__(
        self,
        url: str | None = None,
        origin: str | None = None,
        protocols: Sequence[str] | None = None,
        useragent: str | None = ...,
        headers: Mapping[str, HeaderValue] | None = None,
        proxy: Mapping[str, Any] | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None: ...
    def __call__(self) -> WebSocketClientProtocol: ...
    def setSessionParameters(
        self,
        url: str | None = None,
        origin: str | None = None,
        protocols: Sequence[str] | None = None,
        useragent: str | None = None,
        headers: Mapping[str, HeaderValue] | None = None,
        proxy: Mapping[str, Any] | None = None,
    ) -> None: ...
    def setProtocolOptions(
        self,
        version: int | None = None,
        utf8validateIncoming: bool | None = None,
        acceptMaskedServerFrames: bool | None = None,
        maskClientFrames: bool | None = None,
        applyMask: bool | None = None,
        maxFramePayloadSize: int | None = None,
        maxMessagePayloadSize: int | None = None,
        autoFragmentSize: int | None = None,
        failByDrop: bool | None = None,
        echoCloseCodeReason: bool | None = None,
        serverConnectionDropTimeout: float | None = None,
        openHandshakeTimeout: float | None = None,
        closeHandshakeTimeout: float | None = None,
        tcpNoDelay: bool | None = None,
        perMessageCompressionOffers: Sequence[Any] | None = None,
        perMessageCompressionAccept: Callable[[Any], Any] | None = None,
        autoPingInterval: float | None = None,
        autoPingTimeout: float | None = None,
        autoPingSize: int | None = None,
        autoPingRestartOnAnyTraffic: bool | None = None,
    ) -> None: ...

class WebSocketServerFactory(_Factory):
    """Makes one `WebSocketServerProtocol` for each connection that it accepts."""

    protocol: Callable[[], WebSocketServerProtocol]
    protocols: Any
    headers: Any
    server: str | None
    externalPort: int | None

    def __init__(
        self,
        url: str | None = None,
        protocols: Sequence[str] | None = None,
        server: str | None = ...,
        headers: Mapping[str, HeaderValue] | None = None,
        externalPort: int | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None: ...
    def __call__(self) -> WebSocketServerProtocol: ...
    def getConnectionCount(self) -> int: ...
    def setSessionParameters(
        self,
        url: str | None = None,
        protocols: Sequence[str] | None = None,
        server: str | None = None,
        headers: Mapping[str, HeaderValue] | None = None,
        externalPort: int | None = None,
    ) -> None: ...
    def setProtocolOptions(
        self,
        versions: Sequence[int] | None = None,
        webStatus: bool | None = None,
        utf8validateIncoming: bool | None = None,
        maskServerFrames: bool | None = None,
        requireMaskedClientFrames: bool | None = None,
        applyMask: bool | None = None,
        maxFramePayloadSize: int | None = None,
        maxMessagePayloadSize: int | None = None,
        autoFragmentSize: int | None = None,
        failByDrop: bool | None = None,
        echoCloseCodeReason: bool | None = None,
        openHandshakeTimeout: float | None = None,
        closeHandshakeTimeout: float | None = None,
        tcpNoDelay: bool | None = None,
        perMessageCompressionAccept: Callable[[Any], Any] | None = None,
        autoPingInterval: float | None = None,
        autoPingTimeout: float | None = None,
        autoPingSize: int | None = None,
        autoPingRestartOnAnyTraffic: bool | None = None,
        serveFlashSocketPolicy: bool | None = None,
        flashSocketPolicy: str | None = None,
        allowedOrigins: Sequence[str] | None = None,
        allowNullOrigin: bool = False,
        maxConnections: int | None = None,
        trustXForwardedFor: int | None = None,
    ) -> None: ...

def deflate_client_options() -> dict[str, Any]:
    """Return the protocol options with which a client offers permessage-deflate (RFC 7692)."""

def deflate_server_options() -> dict[str, Any]:
    """Return the protocol options with which a server accepts permessage-deflate (RFC 7692)."""
