"""Frames as websocket-client's programs see them: `ABNF`, reading them from a function, joining their fragments; close codes.

The fast path of receiving does not come through here: it reads bursts through the wire and makes an `ABNF` only for who asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
from typing import Any

from wsexample.sync._exceptions import WebSocketPayloadException, WebSocketProtocolException
from wsexample.wire.lane import build_frame, is_utf8

__all__ = [
    "ABNF",
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
    "continuous_frame",
    "frame_buffer",
]

STATUS_NORMAL = 1000
STATUS_GOING_AWAY = 1001
STATUS_PROTOCOL_ERROR = 1002
STATUS_UNSUPPORTED_DATA_TYPE = 1003
STATUS_STATUS_NOT_AVAILABLE = 1005
STATUS_ABNORMAL_CLOSED = 1006
STATUS_INVALID_PAYLOAD = 1007
STATUS_POLICY_VIOLATION = 1008
STATUS_MESSAGE_TOO_BIG = 1009
STATUS_INVALID_EXTENSION = 1010
STATUS_UNEXPECTED_CONDITION = 1011
STATUS_SERVICE_RESTART = 1012
STATUS_TRY_AGAIN_LATER = 1013
STATUS_BAD_GATEWAY = 1014
STATUS_TLS_HANDSHAKE_ERROR = 1015

VALID_CLOSE_STATUS = (*range(1000, 1004), *range(1007, 1015))
"""Codes below 3000 that a close frame may carry."""

MAX_CONTROL_BYTES = 125


class ABNF:
    """One frame (RFC 6455 section 5.2).

    Parameters:
        fin: 1 when the message ends with it.
        rsv1, rsv2, rsv3: the reserved bits.
        opcode: one of the ``OPCODE_…`` constants.
        mask_value: 1 to mask it when it is formatted.
        data: its payload; str is sent as UTF-8.
    """

    OPCODE_CONT = 0x0
    OPCODE_TEXT = 0x1
    OPCODE_BINARY = 0x2
    OPCODE_CLOSE = 0x8
    OPCODE_PING = 0x9
    OPCODE_PONG = 0xA
    OPCODES = (OPCODE_CONT, OPCODE_TEXT, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG)
    OPCODE_MAP = {  # noqa: RUF012 - the contract has a plain dict
        OPCODE_CONT: "cont",
        OPCODE_TEXT: "text",
        OPCODE_BINARY: "binary",
        OPCODE_CLOSE: "close",
        OPCODE_PING: "ping",
        OPCODE_PONG: "pong",
    }
    LENGTH_7 = 0x7E
    LENGTH_16 = 1 << 16
    LENGTH_63 = 1 << 63

    def __init__(
        self,
        fin: int = 0,
        rsv1: int = 0,
        rsv2: int = 0,
        rsv3: int = 0,
        opcode: int = OPCODE_TEXT,
        mask_value: int = 1,
        data: str | bytes | bytearray | memoryview | None = "",
    ) -> None:
        self.fin = fin
        self.rsv1 = rsv1
        self.rsv2 = rsv2
        self.rsv3 = rsv3
        self.opcode = opcode
        self.mask_value = mask_value
        self.data: Any = "" if data is None else data
        self.get_mask_key: Callable[[int], str | bytes] = os.urandom

    def validate(self, skip_utf8_validation: bool = False) -> None:
        """Check a received frame; raises `WebSocketProtocolException` that says what is wrong.

        Parameters:
            skip_utf8_validation: do not look at the words of a close frame.
        """
        if self.rsv1 or self.rsv2 or self.rsv3:
            raise WebSocketProtocolException("a reserved bit is set and no extension was negotiated")
        if self.opcode not in ABNF.OPCODES:
            raise WebSocketProtocolException(f"Invalid opcode {self.opcode!r}")
        if self.opcode >= ABNF.OPCODE_CLOSE:
            if not self.fin:
                raise WebSocketProtocolException(f"a {ABNF.OPCODE_MAP[self.opcode]} frame may not be fragmented")
            if len(self.data) > MAX_CONTROL_BYTES:
                raise WebSocketProtocolException(
                    f"a {ABNF.OPCODE_MAP[self.opcode]} frame of {len(self.data)} bytes; at most 125 are allowed"
                )
        if self.opcode == ABNF.OPCODE_CLOSE and self.data:
            data = _octets(self.data)
            if len(data) == 1:
                raise WebSocketProtocolException("a close frame of one byte has no code")
            if not skip_utf8_validation and not is_utf8(data[2:]):
                raise WebSocketProtocolException("the words of a close frame are not UTF-8")
            code = int.from_bytes(data[:2], "big")
            if not self._is_valid_close_status(code):
                raise WebSocketProtocolException(f"Invalid close code {code}")

    @staticmethod
    def _is_valid_close_status(code: int) -> bool:
        return code in VALID_CLOSE_STATUS or 3000 <= code < 5000

    def __str__(self) -> str:
        shown = self.data if isinstance(self.data, str) else repr(self.data)
        return f"fin={self.fin} opcode={self.opcode} data={shown}"

    @staticmethod
    def create_frame(data: str | bytes | bytearray | memoryview, opcode: int, fin: int = 1) -> ABNF:
        """Return a frame to send; str becomes UTF-8.

        Parameters:
            data: the payload.
            opcode: one of the ``OPCODE_…`` constants.
            fin: 0 when more fragments follow.
        """
        return ABNF(fin, 0, 0, 0, opcode, 1, data.encode() if isinstance(data, str) else data)

    def format(self) -> bytes:
        """Return the frame as it goes on the wire, with a fresh mask; raises ValueError for what no frame can carry."""
        if any(bit not in (0, 1) for bit in (self.fin, self.rsv1, self.rsv2, self.rsv3)):
            raise ValueError("fin and the reserved bits are 0 or 1")
        if self.opcode not in ABNF.OPCODES:
            raise ValueError(f"{self.opcode!r} is no opcode")
        if len(self.data) >= ABNF.LENGTH_63:
            raise ValueError("the payload is too long for a frame")
        data = _octets(self.data)
        frame = build_frame(self.opcode, data, _octets(self.get_mask_key(4), "latin-1") if self.mask_value else None)
        first = self.fin << 7 | self.rsv1 << 6 | self.rsv2 << 5 | self.rsv3 << 4 | self.opcode
        return frame if frame[0] == first else bytes((first,)) + frame[1:]

    @staticmethod
    def mask(mask_key: str | bytes, data: str | bytes | None) -> bytes:
        """Return data masked, or unmasked, with a key of four bytes; str stands for Latin-1."""
        octets = _octets(data or b"", "latin-1")
        masked = build_frame(ABNF.OPCODE_BINARY, octets, _octets(mask_key, "latin-1"))
        return masked[len(masked) - len(octets) :]


def _octets(data: str | bytes | bytearray | memoryview, encoding: str = "utf-8") -> bytes:
    return data.encode(encoding) if isinstance(data, str) else bytes(data)


class frame_buffer:  # noqa: N801 - the contract's name
    """Reads frames one after another from a function that returns bytes; picks up where a failed read left off.

    Parameters:
        recv_fn: called with a number of bytes; returns at most so many.
        skip_utf8_validation: do not look at the words of close frames.
    """

    MAX_READ_BYTES = 16384

    def __init__(self, recv_fn: Callable[[int], bytes], skip_utf8_validation: bool) -> None:
        self.recv = recv_fn
        self.skip_utf8_validation = skip_utf8_validation
        self.recv_buffer: list[bytes] = []
        self.lock = Lock()
        self._head = b""

    def clear(self) -> None:
        """Forget the header of a frame that has begun."""
        self._head = b""

    def recv_strict(self, bufsize: int) -> bytes:
        """Return exactly so many bytes."""
        have = sum(map(len, self.recv_buffer))
        while have < bufsize:
            data = self.recv(min(self.MAX_READ_BYTES, bufsize - have))
            self.recv_buffer.append(data)
            have += len(data)
        joined = b"".join(self.recv_buffer)
        self.recv_buffer = [joined[bufsize:]] if have > bufsize else []
        return joined[:bufsize]

    def _grow_head(self, size: int) -> None:
        if len(self._head) < size:
            self._head += self.recv_strict(size - len(self._head))

    def recv_frame(self) -> ABNF:
        """Return the next frame, unmasked and checked."""
        with self.lock:
            self._grow_head(2)
            first, second = self._head[:2]
            size = second & 0x7F
            wide = {126: 2, 127: 8}.get(size, 0)
            key_at = 2 + wide
            start = key_at + (4 if second & 0x80 else 0)
            self._grow_head(start)
            if wide:
                size = int.from_bytes(self._head[2:key_at], "big")
            payload = self.recv_strict(size)
            if second & 0x80:
                payload = ABNF.mask(self._head[key_at:start], payload)
            self.clear()
        frame = ABNF(first >> 7, first >> 6 & 1, first >> 5 & 1, first >> 4 & 1, first & 0xF, second >> 7, payload)
        frame.validate(self.skip_utf8_validation)
        return frame


class continuous_frame:  # noqa: N801 - the contract's name
    """Joins the fragments of a message.

    Parameters:
        fire_cont_frame: hand over each fragment instead.
        skip_utf8_validation: do not check that texts are UTF-8.
    """

    def __init__(self, fire_cont_frame: bool, skip_utf8_validation: bool) -> None:
        self.fire_cont_frame = fire_cont_frame
        self.skip_utf8_validation = skip_utf8_validation
        self.cont_data: list[Any] | None = None
        self.recving_frames: int | None = None

    def validate(self, frame: ABNF) -> None:
        """Check that a data frame may come now."""
        if not self.recving_frames and frame.opcode == ABNF.OPCODE_CONT:
            raise WebSocketProtocolException("a continuation without a beginning")
        if self.recving_frames and frame.opcode != ABNF.OPCODE_CONT:
            raise WebSocketProtocolException("a new message inside a fragmented one")

    def add(self, frame: ABNF) -> None:
        """Take a data frame."""
        if frame.opcode != ABNF.OPCODE_CONT:
            self.recving_frames = frame.opcode
        if self.cont_data is None:
            self.cont_data = [frame.opcode, [frame.data]]
        else:
            self.cont_data[1].append(frame.data)
        if frame.fin:
            self.recving_frames = None

    def is_fire(self, frame: ABNF) -> bool:
        """Tell whether there is something to hand over after this frame."""
        return bool(frame.fin or self.fire_cont_frame)

    def extract(self, frame: ABNF) -> tuple[int, ABNF]:
        """Return the opcode of what was begun and the last frame, which now carries all of its data."""
        if self.cont_data is None:
            raise WebSocketProtocolException("there is no message to hand over")
        opcode, parts = self.cont_data
        self.cont_data = None
        frame.data = parts[0] if len(parts) == 1 else b"".join(map(_octets, parts))
        is_checked = opcode == ABNF.OPCODE_TEXT and not (self.fire_cont_frame or self.skip_utf8_validation)
        if is_checked and not is_utf8(_octets(frame.data)):
            raise WebSocketPayloadException("a text message is not UTF-8")
        return opcode, frame
