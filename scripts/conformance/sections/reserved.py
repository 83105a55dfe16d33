"""Reserved bits without an extension, and reserved opcodes: always a protocol error."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import Case, Fail, Frame, Send, cont, echo, ping, text

TITLE = "reserved bits and opcodes"

NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
DATA, CONTROL = (3, 4, 5, 6, 7), (11, 12, 13, 14, 15)


def cases() -> Iterator[Case]:
    for rsv in range(1, 8):
        for opcode in (1, 2, 8, 9, 10):
            payload = b"\x03\xe8" if opcode == 8 else b"hello"
            yield Case(
                f"{NAMES[opcode]} frame with reserved bits {rsv:03b}",
                "6455 5.2",
                (Send(Frame(opcode, payload, rsv=rsv)), Fail(1002)),
                quick=opcode in (1, 9) or rsv in (1, 4),
            )
        yield Case(
            f"continuation frame with reserved bits {rsv:03b}",
            "6455 5.2",
            (Send(text("a", fin=False), cont("b", rsv=rsv)), Fail(1002)),
        )
    yield Case(
        "reserved bit on the second of two messages",
        "6455 5.2",
        (*echo(text("good")), Send(text("bad", rsv=2)), Fail(1002)),
    )
    yield Case("reserved bit on an empty message", "6455 5.2", (Send(text("", rsv=4)), Fail(1002)))
    yield Case("reserved bit on 65,536 octets", "6455 5.2", (Send(text("x" * 65536, rsv=4)), Fail(1002)))
    for opcode in DATA + CONTROL:
        kind = "data" if opcode in DATA else "control"
        yield Case(f"{kind} opcode {opcode}, empty", "6455 5.2", (Send(Frame(opcode)), Fail(1002)))
        yield Case(f"{kind} opcode {opcode} with a payload", "6455 5.2", (Send(Frame(opcode, b"payload")), Fail(1002)))
        yield Case(
            f"{kind} opcode {opcode} after a message",
            "6455 5.2",
            (*echo(text("good")), Send(Frame(opcode, b"bad"), ping()), Fail(1002)),
            quick=opcode in (3, 7, 11, 15),
        )
        yield Case(
            f"{kind} opcode {opcode} between two fragments",
            "6455 5.2",
            (Send(text("a", fin=False), Frame(opcode, b"bad"), cont("b")), Fail(1002)),
            quick=opcode in (3, 11),
        )
