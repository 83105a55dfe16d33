"""Messages of one frame: every form of the length field at its boundaries, masking, and many frames at once."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import (
    CLIENT,
    SERVER,
    Await,
    Case,
    Fail,
    Frame,
    Message,
    Send,
    binary,
    echo,
    text,
)

TITLE = "framing and masking"

MIB = 1 << 20
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 65600)
LARGE = (MIB - 1, MIB, 4 * MIB, 16 * MIB, 64 * MIB)


def _pattern(size: int) -> bytes:
    """Octets that repeat only after 251 places, so that a shifted mask or copy shows."""
    cycle = bytes(range(251))
    return (cycle * (size // 251 + 1))[:size]


def cases() -> Iterator[Case]:
    for size in SIZES:
        yield Case(f"text of {size:,} octets", "6455 5.2", echo(text("x" * size)))
        yield Case(f"binary of {size:,} octets", "6455 5.2", echo(binary(_pattern(size))))
    for size in LARGE:
        quick, slow = size <= 4 * MIB, {"longest_s": 60.0, "cuts": size <= 4 * MIB}
        yield Case(f"text of {size:,} octets", "6455 5.2", echo(text("y" * size)), quick=quick, **slow)
        yield Case(f"binary of {size:,} octets", "6455 5.2", echo(binary(_pattern(size))), quick=quick, **slow)
    yield Case("one megabyte of Japanese text", "6455 5.6", echo(text("板情報" * (MIB // 9))))
    for count in (2, 10, 100, 1000, 10_000):
        frames = [text(f"message {i}") for i in range(count)]
        yield Case(
            f"{count:,} messages in one write", "6455 5.2", echo(*frames), quick=count <= 1000, cuts=count <= 100
        )
    yield Case(
        "text and binary of all lengths in one write",
        "6455 5.2",
        echo(
            *(frame for size in (0, 125, 126, 65535, 65536, 1) for frame in (text("z" * size), binary(_pattern(size))))
        ),
    )
    for size in (0, 1, 2, 125):
        yield from _not_minimal(size, 16)
        yield from _not_minimal(size, 64)
    for size in (126, 127, 65534, 65535):
        yield from _not_minimal(size, 64)
    for bits in (1 << 63, (1 << 64) - 1):
        yield Case(
            f"length {bits:#x}: the most significant bit must be 0",
            "6455 5.2",
            (Send(binary(b"", form=64, claim=bits)), Fail(1002, 1009)),
        )
    yield Case(
        "a masked frame from a server",
        "6455 5.1",
        (Send(text("hello", masked=True)), Fail(1002)),
        roles=(CLIENT,),
    )
    yield Case(
        "an unmasked frame from a client", "6455 5.1", (Send(text("hello", masked=False)), Fail(1002)), roles=(SERVER,)
    )
    yield Case(
        "an unmasked frame after a good one",
        "6455 5.1",
        (*echo(text("good")), Send(text("bad", masked=False)), Fail(1002)),
        roles=(SERVER,),
    )
    yield Case(
        "an unmasked empty frame from a client", "6455 5.1", (Send(text("", masked=False)), Fail(1002)), roles=(SERVER,)
    )
    yield Case(
        "an unmasked ping from a client", "6455 5.1", (Send(Frame(9, b"p", masked=False)), Fail(1002)), roles=(SERVER,)
    )
    yield Case(
        "a masked ping from a server", "6455 5.1", (Send(Frame(9, b"p", masked=True)), Fail(1002)), roles=(CLIENT,)
    )
    for key in (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01", b"\x80\x00\x00\x00"):
        steps = (
            Send(text("マスク key", key=key), binary(_pattern(1003), key=key)),
            Await(Message(1, "マスク key".encode()), Message(2, _pattern(1003))),
        )
        yield Case(f"masking key {key.hex()}", "6455 5.3", steps, roles=(SERVER,))
    for size in range(1, 20):
        yield Case(
            f"binary of {size} octets at every alignment in one write",
            "6455 5.3",
            echo(*(binary(_pattern(size + pad % 3)) for pad in range(9))),
            roles=(SERVER,),
            cuts=size < 4,
        )
    yield Case(
        "masking keys of 300 answers are all different",
        "6455 10.3",
        echo(*(binary(bytes([i % 256])) for i in range(300))),
        roles=(CLIENT,),
        cuts=False,
    )
    yield Case(
        "a head that promises 4 GiB claims no memory for it",
        "6455 10.4",
        (Send(binary(_pattern(1000), claim=1 << 32)),),
        finish=False,
        max_memory_bytes=64 * MIB,
        cuts=False,
    )


def _not_minimal(size: int, form: int) -> Iterator[Case]:
    yield Case(
        f"{size} octets with a length of {form} bits: not the shortest form",
        "6455 5.2",
        (Send(binary(_pattern(size), form=form)), Fail(1002)),
    )
