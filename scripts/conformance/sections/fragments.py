"""Messages of several frames: joined in order, with control frames between them, and never mixed."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import (
    Await,
    Case,
    Close,
    Fail,
    Gone,
    Message,
    Pong,
    Send,
    binary,
    close,
    cont,
    echo,
    ping,
    pong,
    text,
)

TITLE = "fragmentation"


def _split(payload: bytes, count: int) -> list[bytes]:
    step = -(-len(payload) // count)
    return [payload[i * step : (i + 1) * step] for i in range(count)]


def _fragmented(opcode: int, payload: bytes, count: int) -> list:
    first, *rest = _split(payload, count)
    head = text(first, fin=not rest) if opcode == 1 else binary(first, fin=not rest)
    return [head, *(cont(part, fin=i == len(rest) - 1) for i, part in enumerate(rest))]


def cases() -> Iterator[Case]:
    for count in (2, 3, 10, 100, 1000):
        payload = b"fragment " * 500
        for opcode, kind in ((1, "text"), (2, "binary")):
            yield Case(
                f"{kind} in {count} frames",
                "6455 5.4",
                (Send(*_fragmented(opcode, payload, count)), Await(Message(opcode, payload))),
                cuts=count <= 10,
            )
    yield Case(
        "binary of 1 MiB in 64 frames",
        "6455 5.4",
        (Send(*_fragmented(2, bytes(range(256)) * 4096, 64)), Await(Message(2, bytes(range(256)) * 4096))),
    )
    yield Case(
        "binary of 16 MiB in 4,096 frames",
        "6455 5.4",
        (Send(*_fragmented(2, bytes(range(256)) * 65536, 4096)), Await(Message(2, bytes(range(256)) * 65536))),
        quick=False,
        cuts=False,
        longest_s=60.0,
    )
    for title, parts in (
        ("first", ("", "b", "c")),
        ("middle", ("a", "", "c")),
        ("last", ("a", "b", "")),
        ("only", ("", "", "")),
    ):
        frames = [text(parts[0], fin=False), cont(parts[1], fin=False), cont(parts[2])]
        yield Case(
            f"{'all' if title == 'only' else title} of three frames empty",
            "6455 5.4",
            (Send(*frames), Await(Message(1, "".join(parts).encode()))),
        )
    yield Case(
        "frames in separate writes",
        "6455 5.4",
        (
            Send(text("one ", fin=False)),
            Send(ping(b"1")),
            Await(Pong(b"1")),
            Send(cont("two ", fin=False)),
            Send(ping(b"2")),
            Await(Pong(b"2")),
            Send(cont("three")),
            Await(Message(1, b"one two three")),
        ),
    )
    yield Case(
        "pings and pongs between all fragments",
        "6455 5.4",
        (
            Send(text("a", fin=False), ping(b"1"), pong(b"x"), cont("b", fin=False), ping(b"2"), ping(b"3"), cont("c")),
            Await(Pong(b"1"), Pong(b"2"), Pong(b"3"), Message(1, b"abc")),
        ),
    )
    yield Case(
        "a whole message right behind a fragmented one",
        "6455 5.4",
        (
            Send(text("a", fin=False), cont("b"), text("whole"), binary(b"x", fin=False), cont(b"y"), binary(b"z")),
            Await(Message(1, b"ab"), Message(1, b"whole"), Message(2, b"xy"), Message(2, b"z")),
        ),
    )
    yield Case("continuation with nothing to continue", "6455 5.4", (Send(cont("orphan")), Fail(1002)))
    yield Case(
        "continuation without FIN with nothing to continue", "6455 5.4", (Send(cont("o", fin=False)), Fail(1002))
    )
    yield Case("empty continuation with nothing to continue", "6455 5.4", (Send(cont("")), Fail(1002)))
    yield Case(
        "continuation after a whole message", "6455 5.4", (*echo(text("whole")), Send(cont("orphan")), Fail(1002))
    )
    yield Case(
        "continuation after a fragmented message was complete",
        "6455 5.4",
        (Send(text("a", fin=False), cont("b")), Await(Message(1, b"ab")), Send(cont("c")), Fail(1002)),
    )
    for title, frame in (
        ("whole text", text("x")),
        ("whole binary", binary(b"x")),
        ("text without FIN", text("x", fin=False)),
        ("binary without FIN", binary(b"x", fin=False)),
        ("empty text", text("")),
    ):
        yield Case(f"{title} inside a fragmented message", "6455 5.4", (Send(text("a", fin=False), frame), Fail(1002)))
    yield Case(
        "a close inside a fragmented message ends it",
        "6455 5.4",
        (Send(text("unfinished", fin=False), close(1000)), Await(Close(1000)), Gone()),
    )
    yield Case("a fragmented close", "6455 5.5", (Send(close(1000, fin=False)), Fail(1002)))
    for size, count in ((1000, None), (1001, 11), (100, 1), (99, 1), (0, 1)):
        yield Case(
            f"sent in frames of 100 octets: {size}",
            "6455 5.4",
            (Send(binary(b"f" * size)), Await(Message(2, b"f" * size, frames=count))),
            options={"autobahn": {"autoFragmentSize": 100}},
        )
