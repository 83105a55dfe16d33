"""The tester's end of a socket: writes frames as told, right or wrong, and judges every frame that comes.

It knows RFC 6455 section 5 and RFC 7692 by itself and uses no WebSocket library, so that a mistake in one cannot hide here.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
import zlib
from typing import Any

from conformance.case import CLOSE, CONT, PING, PONG, Frame, Packed, Raw

__all__ = ["Deflate", "Peer", "mask", "show"]


def mask(payload: bytes, key: bytes) -> bytes:
    """Apply a masking key (RFC 6455 section 5.3)."""
    size = len(payload)
    if not size:
        return b""
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def show(payload: bytes) -> str:
    """Return a payload as it is written in observations: length, and a digest when it is not short."""
    if len(payload) <= 40:
        return f"{len(payload)} {payload!r}" if payload else "0"
    return f"{len(payload)} #{hashlib.sha1(payload).hexdigest()[:10]}"


class Deflate:
    """Both directions of permessage-deflate as they were agreed on (RFC 7692 section 7)."""

    def __init__(self, agreed: dict[str, str | bool], is_server: bool) -> None:
        mine, theirs = ("server", "client") if is_server else ("client", "server")
        self._bits_out = int(agreed.get(f"{mine}_max_window_bits", 15))
        self._bits_in = int(agreed.get(f"{theirs}_max_window_bits", 15))
        self._forgets_out = f"{mine}_no_context_takeover" in agreed
        self._forgets_in = f"{theirs}_no_context_takeover" in agreed
        self._squeeze: Any = None
        self._stretch: Any = None

    def pack(self, payload: bytes, blocks: str) -> bytes:
        """Compress one message."""
        if self._squeeze is None or self._forgets_out or blocks:
            level = 0 if blocks == "stored" else zlib.Z_DEFAULT_COMPRESSION
            # zlib does not write raw streams with a window of 256 bytes; stored blocks need no window at all
            if self._bits_out == 8:
                level = 0
            self._squeeze = zlib.compressobj(level, zlib.DEFLATED, -max(9, self._bits_out))
        squeeze = self._squeeze
        if blocks == "final":  # RFC 7692 section 7.2.3.4: a final block, then an empty one
            self._squeeze = None
            return bytes(squeeze.compress(payload) + squeeze.flush(zlib.Z_FINISH) + b"\x00")
        if blocks == "two":
            half = len(payload) // 2
            data = squeeze.compress(payload[:half]) + squeeze.flush(zlib.Z_SYNC_FLUSH)
            data += squeeze.compress(payload[half:]) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        else:
            data = squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        return bytes(data[:-4])

    def unpack(self, data: bytes) -> bytes:
        """Inflate one message; raises `zlib.error` for what cannot be inflated under the agreement."""
        if self._stretch is None or self._forgets_in:
            self._stretch = zlib.decompressobj(-self._bits_in)
        payload: bytes = self._stretch.decompress(data + b"\x00\x00\xff\xff")
        if self._stretch.eof:
            self._stretch = None  # a final block: the next message begins anew
        return payload


class Peer:
    """An open connection to the stack under test."""

    def __init__(self, sock: socket.socket, *, is_server: bool, octets: bool = False, rest: bytes = b"") -> None:
        self.sock = sock
        self.is_server = is_server
        self.octets = octets
        self.deflate: Deflate | None = None
        self.keys: list[bytes] = []
        self._have = bytearray(rest)

    # -- writing ------------------------------------------------------------------------------------------------------

    def encode(self, item: Frame | Packed | Raw) -> bytes:
        """Return what goes on the wire."""
        if isinstance(item, Raw):
            return item.data
        if isinstance(item, Packed):
            return self._encode_packed(item)
        masked = (not self.is_server) if item.masked is None else item.masked
        size = len(item.payload) if item.claim is None else item.claim
        form = item.form or (7 if size < 126 else 16 if size < 65536 else 64)
        bit = 0x80 if masked else 0
        head = bytes([(0x80 if item.fin else 0) | item.rsv << 4 | item.opcode])
        if form == 7:
            head += bytes([bit | size])
        elif form == 16:
            head += bytes([bit | 126]) + size.to_bytes(2, "big")
        else:
            head += bytes([bit | 127]) + size.to_bytes(8, "big")
        if not masked:
            return head + item.payload
        key = item.key if item.key is not None else os.urandom(4)
        return head + key + mask(item.payload, key)

    def _encode_packed(self, item: Packed) -> bytes:
        assert self.deflate is not None
        data = self.deflate.pack(item.payload, item.blocks)
        step = max(1, -(-len(data) // item.frames))
        parts = [data[i : i + step] for i in range(0, len(data), step)] or [b""]
        parts += [b""] * (item.frames - len(parts))
        return b"".join(
            self.encode(Frame(item.opcode if i == 0 else CONT, part, fin=i == len(parts) - 1, rsv=4 if i == 0 else 0))
            for i, part in enumerate(parts)
        )

    def send(self, data: bytes) -> None:
        """Write octets, one by one when told so (long ones in pieces); a peer that has gone is noticed when reading."""
        try:
            if not self.octets:
                self.sock.sendall(data)
                return
            step = 1 if len(data) <= 150 else -(-len(data) // 61)
            for i in range(0, len(data), step):
                self.sock.sendall(data[i : i + step])
                time.sleep(0.0003)  # lets the other end read in between; no outcome depends on it
        except (BrokenPipeError, ConnectionResetError):
            pass

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, longest_s: float) -> tuple[Any, ...]:
        """Return the next thing that comes.

        ``("message", opcode, payload, frames, deflated)``, ``("ping" | "pong" , payload)``, ``("close", code, reason)``,
        ``("end",)`` for TCP, ``("silent",)`` when nothing came in time, ``("bad", what)`` for a violation of the RFC.
        """
        deadline = time.monotonic() + longest_s
        opcode, parts, deflated = 0, [], False
        while True:
            frame = self._frame(deadline)
            if isinstance(frame, str):
                return ("bad", frame) if frame not in ("end", "silent") else (frame,)
            fin, rsv, kind, payload = frame
            if kind >= 8:
                if not fin or rsv or len(payload) > 125 or kind not in (CLOSE, PING, PONG):
                    return ("bad", f"control frame: fin {fin}, rsv {rsv}, opcode {kind}, {len(payload)} octets")
                if kind == CLOSE:
                    return self._close(payload)
                return ("ping" if kind == PING else "pong", payload)
            if kind > 2 or (kind == CONT) != bool(parts):
                return ("bad", f"data frame with opcode {kind} {'inside' if parts else 'outside'} a message")
            if rsv and not (rsv == 4 and self.deflate is not None and not parts):
                return ("bad", f"reserved bits {rsv}")
            if not parts:
                opcode, deflated = kind, rsv == 4
            parts.append(payload)
            if fin:
                return self._message(opcode, parts, deflated)

    def _message(self, opcode: int, parts: list[bytes], deflated: bool) -> tuple[Any, ...]:
        payload = b"".join(parts)
        if deflated:
            assert self.deflate is not None
            try:
                payload = self.deflate.unpack(payload)
            except zlib.error as error:
                return ("bad", f"a message cannot be inflated as agreed: {error}")
        return ("message", opcode, payload, len(parts), deflated)

    @staticmethod
    def _close(payload: bytes) -> tuple[Any, ...]:
        if not payload:
            return ("close", None, b"")
        if len(payload) == 1:
            return ("bad", "close frame with one octet")
        code = int.from_bytes(payload[:2], "big")
        if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
            return ("bad", f"close frame with code {code}")
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            return ("bad", "close frame whose reason is not UTF-8")
        return ("close", code, payload[2:])

    def _frame(self, deadline: float) -> tuple[bool, int, int, bytes] | str:
        if (problem := self._need(2, deadline)) is not None:
            return problem
        first, second = self._have[0], self._have[1]
        size, at = second & 0x7F, 2
        if size > 125:
            at = 4 if size == 126 else 10
            if (problem := self._need(at, deadline)) is not None:
                return problem
            size = int.from_bytes(self._have[2:at], "big")
            if size < (126 if at == 4 else 65536) or size >= 1 << 63:
                return f"length {size} in {at - 2} octets"
        masked = bool(second & 0x80)
        if masked != self.is_server:
            return "a masked frame from a server" if masked else "an unmasked frame from a client"
        if masked:
            at += 4
        if (problem := self._need(at + size, deadline)) is not None:
            return problem
        payload = bytes(self._have[at : at + size])
        if masked:
            key = bytes(self._have[at - 4 : at])
            self.keys.append(key)
            payload = mask(payload, key)
        del self._have[: at + size]
        return bool(first & 0x80), first >> 4 & 7, first & 0x0F, payload

    def _need(self, size: int, deadline: float) -> str | None:
        while len(self._have) < size:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return "silent"
            self.sock.settimeout(left_s)
            try:
                data = self.sock.recv(max(65536, min(size - len(self._have), 1 << 22)))
            except TimeoutError:
                return "silent"
            except ConnectionError:
                data = b""
            if not data:
                return "end"
            self._have += data
        return None
