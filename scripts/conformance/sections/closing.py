"""The closing handshake: codes, reasons, order, and what happens when one side does not keep to it."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import (
    CLIENT,
    SERVER,
    Await,
    Case,
    Close,
    Fail,
    Frame,
    Gone,
    Message,
    Pong,
    Raw,
    Send,
    binary,
    close,
    cont,
    echo,
    ping,
    pong,
    text,
)

TITLE = "closing"

VALID = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
REGISTERED_LATER = (1012, 1013, 1014)
INVALID = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32768, 65535)
ENDS = (Await(Close()), Gone())


def cases() -> Iterator[Case]:
    yield Case("close without a code", "6455 5.5.1", (Send(close()), *ENDS))
    for code in VALID:
        yield Case(f"close with code {code}", "6455 7.4.1", (Send(close(code)), *ENDS))
        yield Case(
            f"close with code {code} and a reason", "6455 7.4.1", (Send(close(code, "終わり")), *ENDS), quick=False
        )
    for code in REGISTERED_LATER:
        yield Case(f"close with code {code}, registered after the RFC", "IANA registry", (Send(close(code)), *ENDS))
    for code in INVALID:
        yield Case(f"close with code {code}", "6455 7.4", (Send(close(code)), Fail(1002)))
        yield Case(
            f"close with code {code} and a reason", "6455 7.4", (Send(close(code, "why")), Fail(1002)), quick=False
        )
    yield Case("close with one octet", "6455 5.5.1", (Send(Frame(8, b"\x03")), Fail(1002)))
    for size in (1, 122, 123):
        yield Case(f"reason of {size} octets", "6455 5.5.1", (Send(close(1000, "r" * size)), *ENDS))
    yield Case("reason of 123 octets of Japanese", "6455 5.5.1", (Send(close(1000, "終" * 41)), *ENDS))
    for size in (124, 200, 65535):
        yield Case(f"reason of {size:,} octets", "6455 5.5", (Send(close(1000, "r" * size)), Fail(1002)))
    for title, raw in (
        ("a bad octet", b"bad \xff"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("half a code point", "終".encode()[:2]),
        ("an overlong form", b"\xc0\xaf"),
    ):
        yield Case(f"reason with {title}", "6455 5.5.1", (Send(close(1000, raw)), Fail(1007, 1002)))
    yield Case(
        "the answer repeats code and reason with echoCloseCodeReason",
        "6455 5.5.1",
        (Send(close(3123, "same")), Await(Close(3123, reason=b"same")), Gone()),
        options={"autobahn": {"echoCloseCodeReason": True}},
    )
    yield Case(
        "a message before the close is answered first",
        "6455 5.5.1",
        (Send(text("last"), close(1000)), Await(Message(1, b"last"), Close(1000)), Gone()),
    )
    yield Case(
        "a ping before the close is answered first",
        "6455 5.5.1",
        (Send(ping(b"p"), close(1000)), Await(Pong(b"p"), Close(1000)), Gone()),
    )
    for title, frames in (
        ("a message", (text("late"),)),
        ("a ping", (ping(b"late"),)),
        ("a pong", (pong(b"late"),)),
        ("a second close", (close(1001),)),
        ("a bad frame", (text("late", rsv=7),)),
        ("a thousand messages", tuple(binary(b"late") for _ in range(1000))),
    ):
        yield Case(
            f"{title} behind the close is not answered",
            "6455 1.4",
            (Send(close(1000), *frames), Await(Close(1000)), Gone()),
        )
    yield Case(
        "close inside a fragmented message",
        "6455 5.4",
        (Send(text("a", fin=False), close(1000), cont("b")), Await(Close(1000)), Gone()),
    )
    yield Case(
        "256 kB of messages, then the close: all are answered",
        "6455 5.5.1",
        (
            Send(*(binary(bytes([i]) * 4096) for i in range(64)), close(1000)),
            Await(*(Message(2, bytes([i]) * 4096) for i in range(64)), Close(1000)),
            Gone(),
        ),
        cuts=False,
    )
    for code, reason in ((1000, None), (1000, "done"), (3000, "終わり"), (4999, "x" * 123)):
        raw = (reason or "").encode()
        yield Case(
            f"begun by the stack under test: {code} {f'with {len(raw)} octets of reason' if raw else 'without a reason'}",
            "6455 7.1.2",
            (Await(Close(code, reason=raw)), Send(close(code)), Gone()),
            options={"close": [code, reason]},
        )
    yield Case(
        "begun by the stack under test: what still comes is not answered",
        "6455 5.5.1",
        (Await(Close(1000)), Send(text("late"), ping(b"late"), close(1000)), Gone()),
        options={"close": [1000, None]},
    )
    yield Case(
        "both sides begin at once",
        "6455 5.5.1",
        (Send(close(1001)), Await(Close(1000)), Gone()),
        options={"close": [1000, None]},
    )
    yield Case(
        "begun by the stack under test and never answered: TCP is ended in time",
        "6455 7.1.1",
        (Await(Close(1000)), Gone(after_server=False)),
        options={"close": [1000, None], "autobahn": {"closeHandshakeTimeout": 0.2}},
        cuts=False,
    )
    yield Case(
        "a server that does not end TCP: the client may",
        "6455 7.1.1",
        (Send(close(1000)), Await(Close(1000)), Gone(after_server=False)),
        options={"autobahn": {"serverConnectionDropTimeout": 0.2, "closeHandshakeTimeout": 0.2}},
        roles=(CLIENT,),
        cuts=False,
        longest_s=1.5,
    )
    yield Case("TCP ends without a close", "6455 7.1.5", (*echo(text("then gone")),), finish=False)
    yield Case("TCP ends inside a frame", "6455 7.1.5", (Send(text("unfinished", claim=100)),), finish=False)
    yield Case("TCP ends inside a head", "6455 7.1.5", (Send(Raw(b"\x81")),), finish=False)
    # a timeout that octet by octet cannot reach
    polite = {"autobahn": {"failByDrop": False, "closeHandshakeTimeout": 10}}
    for title, frames, codes in (
        ("a reserved bit", (text("x", rsv=1),), (1002,)),
        ("a reserved opcode", (Frame(11, b""),), (1002,)),
        ("an orphan continuation", (cont("x"),), (1002,)),
        ("a new message inside another", (text("a", fin=False), text("b")), (1002,)),
        ("a fragmented ping", (ping(b"x", fin=False),), (1002,)),
        ("a ping of 126 octets", (ping(b"x" * 126),), (1002,)),
        ("a length that is not minimal", (binary(b"x", form=16),), (1002,)),
        ("a close with one octet", (Frame(8, b"\x03"),), (1002,)),
        ("a close with code 1005", (close(1005),), (1002,)),
        ("text that is not UTF-8", (text(b"\xff"),), (1007,)),
        ("a fragment that is not UTF-8", (text("a", fin=False), cont(b"\xff")), (1007,)),
        ("a text that ends inside a code point", (text(b"\xe3\x81"),), (1007,)),
        ("a reason that is not UTF-8", (close(1000, b"\xff"),), (1007, 1002)),
    ):
        yield Case(f"failed with words: {title}", "6455 7.1.7", (Send(*frames), Fail(*codes)), options=polite)
        yield Case(
            f"failed with words after a good message: {title}",
            "6455 7.1.7",
            (*echo(text("good")), Send(*frames), Fail(*codes)),
            options=polite,
            quick=False,
        )
    for role, masked in ((CLIENT, True), (SERVER, False)):
        yield Case(
            f"failed with words: {'a masked frame from a server' if masked else 'an unmasked frame from a client'}",
            "6455 7.1.7",
            (Send(text("x", masked=masked)), Fail(1002)),
            options=polite,
            roles=(role,),
        )
