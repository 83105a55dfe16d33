"""Pings and pongs: answered in order, with their payload, also where they are least welcome."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import Await, Case, Fail, Frame, Message, Pong, Send, cont, echo, ping, pong, text

TITLE = "pings and pongs"


def cases() -> Iterator[Case]:
    for size in (0, 1, 2, 8, 124, 125):
        payload = bytes(range(size))
        yield Case(f"ping with {size} octets", "6455 5.5.2", (Send(ping(payload)), Await(Pong(payload))))
    yield Case(
        "ping with octets that are not UTF-8",
        "6455 5.5.2",
        (Send(ping(b"\x00\xff\xfe\xfd\xfc")), Await(Pong(b"\x00\xff\xfe\xfd\xfc"))),
    )
    for size in (126, 127, 200, 65535, 65536):
        yield Case(f"ping with {size:,} octets", "6455 5.5", (Send(ping(b"\xfe" * size)), Fail(1002)))
    yield Case("pong with 126 octets", "6455 5.5", (Send(pong(b"\xfe" * 126)), Fail(1002)))
    for form in (16, 64):
        yield Case(
            f"ping of 5 octets with a length of {form} bits", "6455 5.5", (Send(ping(b"hello", form=form)), Fail(1002))
        )
    for count in (2, 10, 100, 1000):
        payloads = [b"ping %d" % i for i in range(count)]
        yield Case(
            f"{count} pings in one write",
            "6455 5.5.2",
            (Send(*map(ping, payloads)), Await(*map(Pong, payloads))),
            cuts=count <= 100,
        )
    for size in (0, 1, 125):
        yield Case(
            f"a pong with {size} octets that nobody asked for",
            "6455 5.5.3",
            (Send(pong(b"p" * size), ping(b"after")), Await(Pong(b"after"))),
        )
    yield Case(
        "pong, ping, pong, message",
        "6455 5.5.3",
        (Send(pong(b"1"), ping(b"2"), pong(b"3"), text("4")), Await(Pong(b"2"), Message(1, b"4"))),
    )
    yield Case(
        "messages and pings in turn keep their order",
        "6455 5.5",
        (
            Send(*(frame for i in range(20) for frame in (text(f"m{i}"), ping(b"p%d" % i)))),
            Await(*(item for i in range(20) for item in (Message(1, b"m%d" % i), Pong(b"p%d" % i)))),
        ),
    )
    yield Case(
        "a ping between the fragments of a message is answered before the message",
        "6455 5.5",
        (Send(text("frag", fin=False), ping(b"now"), cont("ment")), Await(Pong(b"now"), Message(1, b"fragment"))),
    )
    yield Case("a fragmented ping", "6455 5.5", (Send(ping(b"pi", fin=False), cont(b"ng")), Fail(1002)))
    yield Case("a fragmented pong", "6455 5.5", (Send(pong(b"po", fin=False), cont(b"ng")), Fail(1002)))
    yield Case("an empty fragmented ping", "6455 5.5", (Send(ping(b"", fin=False)), Fail(1002)))
    yield Case(
        "a ping whose payload comes late",
        "6455 5.5.2",
        (*echo(text("before")), Send(Frame(9, b"in two", claim=None)), Await(Pong(b"in two")), *echo(text("after"))),
    )
