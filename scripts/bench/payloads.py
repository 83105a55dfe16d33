"""Payloads and prebuilt frames: what the load process sends and what the process under test must have received.

All payloads of a kind have the same number of bytes and of characters, so a sum of lengths counts messages.
"""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import dataclass
from functools import cache

__all__ = ["KINDS", "Payloads", "client_frame", "client_frame_bytes", "deflated_server_frames", "mask", "server_frame"]

TEXT, BINARY = 1, 2


@dataclass(frozen=True)
class Payloads:
    """A cycle of messages of one size."""

    raw: tuple[bytes, ...]
    is_binary: bool

    @property
    def size_bytes(self) -> int:
        return len(self.raw[0])

    @property
    def size_chars(self) -> int:
        return len(self.raw[0].decode())

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(payload.decode() for payload in self.raw)

    @property
    def opcode(self) -> int:
        return BINARY if self.is_binary else TEXT


def _padded(document: dict[str, object], size_bytes: int) -> bytes:
    """Return compact JSON of exactly this size; the last member takes up the slack."""
    bare = json.dumps({**document, "n": ""}, ensure_ascii=False, separators=(",", ":")).encode()
    slack = size_bytes - len(bare)
    if slack < 0:
        raise ValueError(f"the document has {len(bare)} bytes, more than {size_bytes}")
    return json.dumps({**document, "n": "x" * slack}, ensure_ascii=False, separators=(",", ":")).encode()


def _quote(i: int) -> dict[str, object]:
    return {
        "T": "q",
        "S": f"SYM{i % 100:02d}",
        "bp": 10000 + i * 7 % 90000,
        "bs": 100 + i % 900,
        "ap": 10001 + i * 7 % 89999,
        "as": 100 + i * 3 % 900,
        "t": f"2025-01-06T14:30:{i % 60:02d}.{i * 7919 % 1000000:06d}Z",
    }


def _board(i: int) -> dict[str, object]:
    """A Japanese board: names of shares and words as a broker's push message has them."""
    names = ("トヨタ自動車", "ソニーグル－", "日本電信電話", "任天堂株式会", "三菱商事会社", "東京海上保険")
    side = [{"価格": 2408 + i % 7 + level, "数量": 100 + (i * 37 + level * 11) % 900} for level in range(10)]
    return {
        "銘柄コード": f"{5000 + i:04d}",
        "銘柄名": names[i % len(names)],
        "市場名称": "東証プライム市場",
        "現在値の変化": "直近の約定値より上がった後の気配値",
        "配信時刻": f"2025-01-06T14:30:{i % 60:02d}+09:00",
        "売気配": side,
        "買気配": side,
        "備考": "特別気配の表示中。連続約定気配ではありません。制限値幅の上限に達していません。" * 3,
    }


@cache
def payloads(kind: str) -> Payloads:
    """Return the payloads of a kind."""
    return KINDS[kind]()


KINDS = {
    "json140": lambda: Payloads(tuple(_padded(_quote(i), 140) for i in range(61)), False),
    "json140x10": lambda: Payloads(tuple(_padded(_quote(i), 140) for i in range(10)), False),
    "ja2k": lambda: Payloads(tuple(_padded(_board(i), 2000) for i in range(31)), False),
    "json16k": lambda: Payloads(
        tuple(_padded({"quotes": [_quote(i * 113 + j) for j in range(134)]}, 16384) for i in range(7)), False
    ),
    "bin16k": lambda: Payloads(tuple(random.Random(i).randbytes(16384) for i in range(7)), True),
}


def _head(first: int, size: int, mask_bit: int) -> bytes:
    if size < 126:
        return bytes((first, mask_bit | size))
    if size < 65536:
        return bytes((first, mask_bit | 126)) + size.to_bytes(2, "big")
    return bytes((first, mask_bit | 127)) + size.to_bytes(8, "big")


def server_frame(payload: bytes, opcode: int, rsv1: bool = False) -> bytes:
    """Return a whole unmasked message as one frame."""
    return _head(0x80 | (0x40 if rsv1 else 0) | opcode, len(payload), 0) + payload


def mask(payload: bytes, key: bytes) -> bytes:
    """Apply a masking key (RFC 6455 section 5.3); the same call takes it off."""
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def client_frame(payload: bytes, opcode: int, key: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """Return a whole masked message as one frame."""
    return _head(0x80 | opcode, len(payload), 0x80) + key + mask(payload, key)


def client_frame_bytes(size: int) -> int:
    """Return how long a masked frame with a payload of this size is."""
    return size + 4 + (2 if size < 126 else 4 if size < 65536 else 10)


def deflated_server_frames(raw: tuple[bytes, ...], opcode: int) -> bytes:
    """Return compressed messages that can be sent again and again in one permessage-deflate context.

    They share a window as a real server's do; only the last is ended with a full flush, so that the first of the next
    round refers to nothing before it (RFC 7692 section 7.2.1 asks for an empty stored block at the end, which is cut off).
    """
    squeeze = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -15)
    frames = []
    for i, payload in enumerate(raw):
        flush = zlib.Z_FULL_FLUSH if i == len(raw) - 1 else zlib.Z_SYNC_FLUSH
        data = squeeze.compress(payload) + squeeze.flush(flush)
        assert data.endswith(b"\x00\x00\xff\xff")
        frames.append(server_frame(data[:-4], opcode, rsv1=True))
    return b"".join(frames)
