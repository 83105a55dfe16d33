"""Frames in the order in which they came, one by one and unanswered: the seam for a client that answers for itself.

Messages in one frame come by the lane, everything else through Autobahn's parser, which also finds what breaks the
protocol. Pings, pongs and close frames wait in the same row as the messages; whoever takes them answers them. Sending is
left to whoever owns the transport.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from wsexample.errors import ConnectionClosed
from wsexample.wire.dial import dial_as
from wsexample.wire.handshake import read_answer
from wsexample.wire.link import ClientLink
from wsexample.wire.options import ConnectOptions

__all__ = ["Frame", "FrameLink", "Frames", "Violation", "dial_frames"]


class Frame(NamedTuple):
    """A frame that is not a whole text message."""

    opcode: int
    """0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong (RFC 6455 section 5.2)."""
    is_last: bool
    """The FIN bit."""
    payload: bytes
    """Its data, unmasked and uncompressed."""


class Violation(NamedTuple):
    """The peer broke the protocol here; a close frame that says so was sent."""

    code: int
    """Close code that was sent: 1002, 1007 or 1009."""
    reason: str
    """What was wrong."""


class _Any(tuple[str, ...]):
    """Holds every name: which subprotocol may be chosen is decided by whoever dialled."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


class FrameLink(ClientLink):
    """A client's link that hands over frames."""

    lane_shares = frozenset({"onMessageFrameEnd", "onMessageEnd"})
    lane_takes_turns = False  # whoever dialled reads when it wants, and has no loop to wait in
    acceptMaskedServerFrames = True  # what a server may not do and some do; nothing is lost by reading it
    frames: Frames

    def onMessageFrameEnd(self) -> None:
        self._fragment_ended()

    def onMessageEnd(self) -> None:
        self._fragments_ended()

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool:
        self.frames.put_close(b"" if code is None else code.to_bytes(2, "big") + (reasonRaw or b""))
        return True

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        if self.failedByMe and self.frames.violation is None:
            self.frames.put_violation(Violation(code or 1002, (reasonUtf8 or b"").decode("utf-8", "replace")))
        super().sendCloseFrame(code, reasonUtf8, isReply)

    def processHandshake(self) -> Any:
        self.factory.protocols = _Any()
        data = bytes(self.data)
        head, end, _ = data.partition(b"\r\n\r\n")
        if end:
            answer = read_answer(head)
            if (answer.status or 0) >= 200 and not {"content-length", "transfer-encoding"} & answer.headers.keys():
                self.frames.response_head = head + end
                return self.failHandshake(
                    "refused"
                )  # its body has no end but that of the connection: do not wait for it
        return super().processHandshake()

    def failHandshake(self, reason: str) -> None:
        self.frames.note_answer(bytes(self.data))
        super().failHandshake(reason)

    def onConnect(self, response: Any) -> None:
        self.frames.response_head = bytes(self.http_response_data)
        super().onConnect(response)

    def onOpen(self) -> None:
        if self.frames.is_raw:
            self.frames.spare = bytes(self.data)
            self.data = b""
        self.transport.pause_reading()  # whoever dialled reads on
        super().onOpen()


class Frames:
    """What came on one connection and was not taken yet; stands where a `Connection` stands for other links.

    Parameters:
        link: the link whose frames these are.
        options: what was dialled.
        is_raw: leave everything after the handshake unparsed; the bytes that came with it are in ``spare``.
    """

    def __init__(self, link: FrameLink, options: ConnectOptions, *, is_raw: bool = False) -> None:
        self.link = link
        self.options = options
        self.is_raw = is_raw
        self.row: deque[Any] = deque()
        """What came, oldest first: whole text messages as bytes, everything else as `Frame` or `Violation`."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.peer = ""
        self.subprotocol: str | None = None
        self.response_headers: Mapping[str, str] = {}
        self.response_head = b""
        """Head of the server's answer as it came."""
        self.spare = b""
        self.violation: Violation | None = None
        self.is_writing_paused = False
        self._append = self.row.append
        link.frames = self
        link.connection = self  # type: ignore[assignment] # it has what a link tells a connection
        link.onMessage = self._put_message  # type: ignore[assignment, method-assign] # a call less for each message

    @property
    def request_head(self) -> bytes:
        """Head of the request as it was sent."""
        head: bytes = getattr(self.link, "http_request_data", b"")
        return head

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes from the peer; what they complete joins the row."""
        self.link.data_received(data)

    def deflate(self, payload: bytes) -> bytes | None:
        """Compress a message for one frame, None where compression was not agreed on."""
        return self.link.lane_deflate(payload) if self.link.lane_deflates else None

    # -- told by the link --------------------------------------------------------------------------------------------

    def _put_message(self, payload: bytes, is_binary: bool) -> None:
        self._append(Frame(2, True, payload) if is_binary else payload)

    def fragment_received(self, payload: bytes, is_binary: bool, opcode: int, is_last: bool) -> None:
        """A data frame came through Autobahn's parser."""
        self._append(payload if opcode == 1 and is_last else Frame(opcode, is_last, payload))

    def ping_received(self, payload: bytes) -> None:
        """A ping came; it is not answered."""
        self._append(Frame(9, True, payload))

    def pong_received(self, payload: bytes) -> None:
        """A pong came."""
        self._append(Frame(10, True, payload))

    def put_close(self, payload: bytes) -> None:
        """A close frame came; it is not answered, and nothing counts that comes after it (RFC 6455 section 1.4)."""
        self._append(Frame(8, True, payload))
        self._append = _forget

    def put_violation(self, violation: Violation) -> None:
        """The peer broke the protocol."""
        self.violation = violation
        self._append(violation)

    def handshake_done(self, headers: Mapping[str, str], subprotocol: str | None) -> None:
        """The opening handshake agreed on this."""
        self.response_headers = headers
        self.subprotocol = subprotocol

    def note_answer(self, data: bytes) -> None:
        """The handshake failed on this answer."""
        self.response_head = self.response_head or data.partition(b"\r\n\r\n")[0]

    def opened(self) -> None:
        """Frames come from here on."""

    def closing(self) -> None:
        """A close frame was sent."""

    def closed(self, error: ConnectionClosed) -> None:
        """The WebSocket is over."""

    def writing_paused(self) -> None:
        """The transport holds much back; whoever owns it knows."""

    def writing_resumed(self) -> None:
        """The transport holds little back."""

    def lost(self) -> None:
        """The socket is gone."""
        if not self.over.done():
            self.over.set_result(None)

    def abort(self) -> None:
        """Cut the connection."""
        transport = self.link.transport
        if transport is not None:
            transport.abort()


def _forget(item: object) -> None:
    """Throw away what came after the end."""


async def dial_frames(
    options: ConnectOptions, *, is_raw: bool = False, made: Callable[[Frames], None] | None = None
) -> Frames:
    """Open a WebSocket as `dial` does, but without following redirects; its frames wait to be taken.

    Parameters:
        options: how to reach the peer; ``answer_pings`` and the read-ahead have no meaning here.
        is_raw: leave everything after the handshake unparsed.
        made: called with the connection's frames before anything is sent, so that its heads can be seen if it fails.

    Raises:
        HandshakeError: the server refused or redirected; `wsexample.wire.redirect.next_hop` says where to.
    """

    def make(link: FrameLink, options: ConnectOptions) -> Frames:
        frames = Frames(link, options, is_raw=is_raw)
        if made is not None:
            made(frames)
        return frames

    return await dial_as(options.replace(answer_pings=False, max_redirects=0), FrameLink, make)
