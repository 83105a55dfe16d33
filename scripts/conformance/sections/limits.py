"""Limits on frames and messages: held to the octet, enforced before the payload has come, also on what inflates."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import (
    Await,
    Case,
    Fail,
    Message,
    Opens,
    Packed,
    Pong,
    Request,
    Response,
    Send,
    binary,
    cont,
    echo,
    ping,
    text,
)

TITLE = "limits"

MIB = 1 << 20


def cases() -> Iterator[Case]:
    for limit in (100, 125, 126, 1000, 65535, 65536):
        for option, words in (("maxMessagePayloadSize", "message"), ("maxFramePayloadSize", "frame")):
            options = {"autobahn": {option: limit}}
            quick = limit in (100, 1000)
            for size in (limit - 1, limit):
                yield Case(
                    f"{words} limit {limit:,}: {size:,} octets pass",
                    "6455 10.4",
                    echo(text("l" * size), binary(b"l" * size)),
                    options=options,
                    quick=quick,
                )
            yield Case(
                f"{words} limit {limit:,}: {limit + 1:,} octets fail",
                "6455 10.4",
                (Send(binary(b"l" * (limit + 1))), Fail(1009)),
                options=options,
                quick=quick,
            )
            yield Case(
                f"{words} limit {limit:,}: {limit + 1:,} octets fail after good ones",
                "6455 10.4",
                (*echo(text("ok"), text("l" * limit)), Send(text("l" * (limit + 1))), Fail(1009)),
                options=options,
                quick=quick,
            )
            yield Case(
                f"{words} limit {limit:,}: failed with words",
                "6455 7.4.1",
                (Send(binary(b"l" * (limit + 1))), Fail(1009)),
                options={"autobahn": {option: limit, "failByDrop": False, "closeHandshakeTimeout": 10}},
                quick=quick,
            )
    message, frame = {"autobahn": {"maxMessagePayloadSize": 1000}}, {"autobahn": {"maxFramePayloadSize": 1000}}
    yield Case(
        "message limit: the head alone is enough to refuse",
        "6455 10.4",
        (Send(binary(b"", claim=1001)), Fail(1009)),
        options=message,
    )
    yield Case(
        "message limit: a head that claims 2^62 octets",
        "6455 10.4",
        (Send(binary(b"", claim=1 << 62)), Fail(1009)),
        options=message,
    )
    yield Case(
        "frame limit: the head alone is enough to refuse",
        "6455 10.4",
        (Send(binary(b"", claim=1001)), Fail(1009)),
        options=frame,
    )
    yield Case(
        "message limit: fragments within it pass",
        "6455 10.4",
        (
            Send(text("a" * 500, fin=False), ping(), cont("b" * 499)),
            Await(Pong(b""), Message(1, b"a" * 500 + b"b" * 499)),
        ),
        options=message,
    )
    yield Case(
        "message limit: fragments that sum up to it pass",
        "6455 10.4",
        (Send(text("a" * 500, fin=False), cont("b" * 500)), Await(Message(1, b"a" * 500 + b"b" * 500))),
        options=message,
    )
    yield Case(
        "message limit: fragments that sum up to one more fail",
        "6455 10.4",
        (Send(text("a" * 500, fin=False), cont("b" * 501)), Fail(1009)),
        options=message,
    )
    yield Case(
        "message limit: fragments fail before the message ends",
        "6455 10.4",
        (Send(text("a" * 500, fin=False), *(cont("b" * 100, fin=False) for _ in range(6))), Fail(1009)),
        options=message,
    )
    yield Case(
        "frame limit: a long message of short frames passes",
        "6455 10.4",
        (
            Send(text("a" * 1000, fin=False), cont("b" * 1000, fin=False), cont("c" * 1000)),
            Await(Message(1, b"a" * 1000 + b"b" * 1000 + b"c" * 1000)),
        ),
        options=frame,
    )
    yield Case(
        "frame limit: a long second frame fails",
        "6455 10.4",
        (Send(text("a", fin=False), cont("b" * 1001)), Fail(1009)),
        options=frame,
    )
    yield Case(
        "a ping is not measured by the message limit",
        "6455 10.4",
        (*echo(text("x")), Send(ping(b"p" * 125)), Await(Pong(b"p" * 125))),
        options={"autobahn": {"maxMessagePayloadSize": 100}},
    )
    header = "permessage-deflate"
    agreed = {
        "request": Request(extra=(f"Sec-WebSocket-Extensions: {header}",)),
        "response": Response(extra=(f"Sec-WebSocket-Extensions: {header}",)),
        "opening": Opens(deflate=True),
    }
    limited = {"deflate": {}, "autobahn": {"maxMessagePayloadSize": 100_000}}
    yield Case(
        "compressed message that inflates to the limit passes",
        "7692 8",
        (Send(Packed(1, b"a" * 100_000)), Await(Message(1, b"a" * 100_000))),
        options=limited,
        **agreed,
    )
    yield Case(
        "compressed message that inflates to one more fails",
        "7692 8",
        (Send(Packed(1, b"a" * 100_001)), Fail(1009)),
        options=limited,
        **agreed,
    )
    yield Case(
        "64 MiB of zeros in a few kilobytes against a limit of 100,000: fails, and is not inflated",
        "7692 8",
        (Send(Packed(2, bytes(64 * MIB))), Fail(1009)),
        options=limited,
        max_memory_bytes=24 * MIB,
        **agreed,
    )
    yield Case(
        "the same in fragments",
        "7692 8",
        (Send(Packed(2, bytes(64 * MIB), frames=10)), Fail(1009)),
        options=limited,
        max_memory_bytes=24 * MIB,
        **agreed,
    )
    yield Case(
        "the same, failed with words",
        "7692 8",
        (Send(Packed(2, bytes(64 * MIB))), Fail(1009)),
        options={"deflate": {}, "autobahn": {"maxMessagePayloadSize": 100_000, "failByDrop": False}},
        max_memory_bytes=24 * MIB,
        quick=False,
        **agreed,
    )
