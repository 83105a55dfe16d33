"""Whatever a server may send is received as websocket-client receives it, however the network cuts it."""

from __future__ import annotations

import importlib
import random
import struct
from typing import Any

import pytest

from tests.sync.peer import Conn, frame_bytes, peer


def _stream(dice: random.Random) -> bytes:
    """Some messages, whole and in fragments, control frames between them, and a close frame."""
    found: list[bytes] = []
    for _ in range(dice.randint(1, 12)):
        text = ("日本é"[: dice.randint(0, 3)] + "x" * dice.choice([0, 1, 50, 125, 126, 300, 70_000])).encode()
        kind = dice.choice(["text", "binary", "fragments", "ping", "pong"])
        if kind == "fragments":
            opcode, count = dice.choice([1, 2]), dice.randint(2, 4)
            for number in range(count):
                part = text[len(text) * number // count : len(text) * (number + 1) // count]
                found.append(frame_bytes(opcode if number == 0 else 0, part, int(number == count - 1)))
                found += [frame_bytes(9, b"between")] * dice.randint(0, 1)
        else:
            opcode = {"text": 1, "binary": 2, "ping": 9, "pong": 10}[kind]
            found.append(frame_bytes(opcode, text[:60] if opcode > 2 else text))
    found.append(frame_bytes(8, struct.pack("!H", dice.choice([1000, 1001, 4000])) + "é".encode() * dice.randint(0, 3)))
    return b"".join(found)


def _received(module: Any, pieces: list[bytes], method: str, options: dict[str, Any]) -> list[Any]:
    def script(conn: Conn) -> None:
        conn.shake_hands()
        for piece in pieces:
            conn.raw(piece)
        conn.until_end()

    with peer(script) as server:
        ws = module.create_connection(server.url, timeout=20, **options)
        found: list[Any] = []
        while ws.connected:
            got = getattr(ws, method)(*([True] if method != "recv" else []))
            if method == "recv_data_frame":
                got = (got[0], got[1].fin, got[1].opcode, got[1].data)
            found.append(got)
        ws.shutdown()
    return found


@pytest.mark.parametrize("seed", range(40))
def test_streams_are_received_alike(seed: int) -> None:
    """The same messages, frames and answers in the same order."""
    dice = random.Random(seed)
    data = _stream(dice)
    cuts = sorted(dice.sample(range(len(data) + 1), min(len(data), dice.randint(0, 4))))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    method = dice.choice(["recv", "recv_data", "recv_data_frame"])
    options: dict[str, Any] = dice.choice(
        [{}, {"fire_cont_frame": True}, {"skip_utf8_validation": True}, {"enable_multithread": False}]
    )
    ours, theirs = (
        _received(importlib.import_module(name), pieces, method, options) for name in ("wsexample.sync", "websocket")
    )
    assert ours == theirs
