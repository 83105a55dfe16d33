"""permessage-deflate: every combination of parameters, every legal form of a compressed message, and damaged ones."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from itertools import product
from typing import Any

from conformance.case import (
    CLIENT,
    SERVER,
    Await,
    Case,
    Fail,
    Frame,
    Message,
    Opens,
    Packed,
    Pong,
    Raw,
    Refuses,
    Request,
    Response,
    Send,
    Step,
    cont,
    ping,
    text,
)

TITLE = "permessage-deflate"

PLAIN = "permessage-deflate"
BITS = (None, 8, 9, 10, 11, 12, 13, 14, 15)
JSON = b'{"symbol":"7203","price":2408.5,"size":100}'
JAPANESE = "トヨタ自動車の気配値、".encode() * 60
NOISE = random.Random(7692).randbytes(3000)


def _header(**params: Any) -> str:
    """Return the extension with its parameters; True is a parameter without a value, None none."""
    parts = [PLAIN]
    for name, value in params.items():
        if value is True:
            parts.append(name)
        elif value not in (None, False):
            parts.append(f"{name}={value}")
    return "; ".join(parts)


def _agreed(header: str = PLAIN, **more: Any) -> dict[str, Any]:
    """Return what a case needs in order to have compression agreed on with this header, in either role."""
    return {
        "request": Request(extra=(f"Sec-WebSocket-Extensions: {header}",)),
        "response": Response(extra=(f"Sec-WebSocket-Extensions: {header}",)),
        "opening": Opens(deflate=True),
        "options": {"deflate": {}, **more},
    }


def _talk(*payloads: bytes, opcode: int = 1) -> tuple[Step, ...]:
    """Send each compressed and await it back."""
    steps: list[Step] = []
    for payload in payloads:
        steps += [Send(Packed(opcode, payload)), Await(Message(opcode, payload))]
    return tuple(steps)


CONVERSATION = _talk(JSON, JSON, JSON * 50, JAPANESE, b"", JAPANESE, b"x" * 40_000, JSON)


def cases() -> Iterator[Case]:
    yield from _offers()
    yield from _answers()
    yield from _messages()
    yield from _damage()


def _offers() -> Iterator[Case]:
    """A client offers, the server under test answers; whatever it agrees to must be legal and kept."""
    for forgets_s, forgets_c, bits_s, bits_c in product((False, True), (False, True), BITS, (*BITS, True)):
        header = _header(
            server_no_context_takeover=forgets_s,
            client_no_context_takeover=forgets_c,
            server_max_window_bits=bits_s,
            client_max_window_bits=bits_c,
        )
        yield Case(
            f"offer {header}",
            "7692 7.1",
            CONVERSATION,
            options={"deflate": {}},
            roles=(SERVER,),
            request=Request(extra=(f"Sec-WebSocket-Extensions: {header}",)),
            opening=Opens(deflate=None),
            quick=(bits_s in (None, 9, 15) and bits_c in (None, 9, True)) or bits_s == bits_c == 8,
            cuts=False,
        )
    for wish in (
        {"request_no_context_takeover": True},
        {"request_max_window_bits": 9},
        {"no_context_takeover": True},
        {"window_bits": 9},
        {"request_no_context_takeover": True, "request_max_window_bits": 12, "no_context_takeover": True},
        {"mem_level": 1},
    ):
        yield Case(
            f"server's own wishes: {wish}",
            "7692 7.1",
            CONVERSATION,
            options={"deflate": wish},
            roles=(SERVER,),
            request=Request(extra=("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)),
            opening=Opens(deflate=True),
        )
    for params in (
        "unknown_parameter",
        "unknown_parameter=1",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=0",
        "server_max_window_bits=-9",
        "server_max_window_bits=abc",
        "server_max_window_bits=09",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=1e1",
        "server_no_context_takeover; server_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
    ):
        yield Case(
            f"offer with {params}: declined, and the connection goes on without",
            "7692 7.1",
            _plain_talk(),
            options={"deflate": {}},
            roles=(SERVER,),
            request=Request(extra=(f"Sec-WebSocket-Extensions: permessage-deflate; {params}",)),
            opening=Opens(deflate=False),
            cuts=False,
        )
    for title, extra, deflate in (
        (
            "two offers in one header: the first fits",
            ("permessage-deflate; client_max_window_bits, permessage-deflate",),
            True,
        ),
        ("two offers in two headers", ("permessage-deflate; server_max_window_bits=10", "permessage-deflate"), True),
        ("a bad offer before a good one", ("permessage-deflate; nonsense, permessage-deflate",), True),
        ("an unknown extension before it", ("x-unknown; a=1, permessage-deflate",), True),
        ("an unknown extension alone", ("x-unknown",), False),
        ("quoted value", ('permessage-deflate; server_max_window_bits="10"',), True),
        ("spaces around everything", ("  permessage-deflate ;  server_max_window_bits = 10 ",), None),
        ("no offer", (), False),
    ):
        yield Case(
            f"{title}",
            "6455 9.1",
            CONVERSATION if deflate else _plain_talk(),
            options={"deflate": {}},
            roles=(SERVER,),
            request=Request(extra=tuple(f"Sec-WebSocket-Extensions: {value}" for value in extra)),
            opening=Opens(deflate=deflate),
            cuts=False,
        )
    yield Case(
        "a server without compression declines",
        "7692 5",
        _plain_talk(),
        roles=(SERVER,),
        request=Request(extra=("Sec-WebSocket-Extensions: permessage-deflate",)),
    )


def _answers() -> Iterator[Case]:
    """A server answers the offer of the client under test; legal answers must be kept, others refused."""
    for forgets_s, forgets_c, bits_s, bits_c in product((False, True), (False, True), BITS, BITS):
        header = _header(
            server_no_context_takeover=forgets_s,
            client_no_context_takeover=forgets_c,
            server_max_window_bits=bits_s,
            client_max_window_bits=bits_c,
        )
        yield Case(
            f"answer {header}",
            "7692 7.1",
            CONVERSATION,
            options={"deflate": {}},
            roles=(CLIENT,),
            response=Response(extra=(f"Sec-WebSocket-Extensions: {header}",)),
            opening=Opens(deflate=True),
            quick=bits_s in (None, 9, 15) and bits_c in (None, 9),
            cuts=False,
        )
    for offer in (
        {"request_no_context_takeover": True},
        {"request_max_window_bits": 9},
        {"accept_max_window_bits": False},
        {"accept_no_context_takeover": False},
    ):
        header = _header(
            server_no_context_takeover=offer.get("request_no_context_takeover"),
            server_max_window_bits=offer.get("request_max_window_bits"),
        )
        yield Case(
            f"client's own wishes: {offer}",
            "7692 7.1",
            CONVERSATION,
            options={"deflate": offer},
            roles=(CLIENT,),
            response=Response(extra=(f"Sec-WebSocket-Extensions: {header}",)),
            opening=Opens(deflate=True),
        )
    for params in (
        "unknown_parameter",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=abc",
        "client_max_window_bits",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "server_no_context_takeover; server_no_context_takeover",
    ):
        yield _refused(f"answer with {params}", (f"permessage-deflate; {params}",))
    yield _refused("an extension that was not offered", ("x-unknown",))
    yield _refused("permessage-deflate twice", ("permessage-deflate, permessage-deflate",))
    yield Case(
        "permessage-deflate that was not offered",
        "6455 9.1",
        roles=(CLIENT,),
        response=Response(extra=("Sec-WebSocket-Extensions: permessage-deflate",)),
        opening=Refuses(),
    )
    for params, offer in (
        ("client_max_window_bits=10", {"accept_max_window_bits": False}),
        ("server_max_window_bits=12", {"request_max_window_bits": 9}),
        ("", {"request_max_window_bits": 9}),
        ("", {"request_no_context_takeover": True}),
    ):
        header = f"permessage-deflate; {params}" if params else PLAIN
        yield Case(
            f"answer {header} to an offer with {offer}",
            "7692 7.1",
            options={"deflate": offer},
            roles=(CLIENT,),
            response=Response(extra=(f"Sec-WebSocket-Extensions: {header}",)),
            opening=Refuses(),
        )
    yield Case(
        "the server declines: the connection goes on without",
        "7692 5",
        _plain_talk(),
        options={"deflate": {}},
        roles=(CLIENT,),
    )


def _refused(title: str, values: tuple[str, ...]) -> Case:
    return Case(
        title,
        "7692 7.1",
        options={"deflate": {}},
        roles=(CLIENT,),
        response=Response(extra=tuple(f"Sec-WebSocket-Extensions: {value}" for value in values)),
        opening=Refuses(),
    )


def _plain_talk() -> tuple[Step, ...]:
    return (Send(text(JSON), text(JAPANESE)), Await(Message(1, JSON), Message(1, JAPANESE)))


def _messages() -> Iterator[Case]:
    for title, payload, opcode in (
        ("empty text", b"", 1),
        ("empty binary", b"", 2),
        ("one octet", b"1", 1),
        ("JSON", JSON, 1),
        ("Japanese", JAPANESE, 1),
        ("binary that does not shrink", NOISE, 2),
        ("1 MiB", JSON * 24_385, 1),
        ("16 MiB of zeros", bytes(16 << 20), 2),
    ):
        large = len(payload) > 2 << 20
        yield Case(
            f"{title}", "7692 7.2", _talk(payload, payload, opcode=opcode), **_agreed(), cuts=not large, quick=not large
        )
        yield Case(
            f"{title} in three frames",
            "7692 7.2.1",
            (Send(Packed(opcode, payload, frames=3)), Await(Message(opcode, payload))),
            **_agreed(),
            cuts=not large,
            quick=not large,
        )
        for blocks in ("stored", "final", "two"):
            yield Case(
                f"{title}, deflated with blocks: {blocks}",
                "7692 7.2.3",
                (Send(Packed(opcode, payload, blocks=blocks)), Await(Message(opcode, payload)), *_talk(JSON)),
                **_agreed(),
                cuts=not large,
                quick=not large,
            )
    yield Case("twenty messages in one write", "7692 7.2", _together(20), **_agreed())
    yield Case("five hundred messages in one write", "7692 7.2", _together(500), **_agreed(), cuts=False)
    yield Case(
        "one octet in a frame, pings between",
        "7692 6.1",
        (
            Send(*(item for i in range(3) for item in (Packed(1, JSON * (i + 1), frames=30), ping(b"%d" % i)))),
            Await(*(item for i in range(3) for item in (Message(1, JSON * (i + 1)), Pong(b"%d" % i)))),
        ),
        **_agreed(),
    )
    yield Case(
        "messages without compression in between",
        "7692 6",
        (
            Send(Packed(1, JSON), text("plain"), Packed(1, JSON), text("pl", fin=False), cont("ain"), Packed(1, JSON)),
            Await(Message(1, JSON), Message(1, b"plain"), Message(1, JSON), Message(1, b"plain"), Message(1, JSON)),
        ),
        **_agreed(),
    )
    yield Case(
        "a code point cut between compressed frames",
        "7692 6.1",
        (Send(Packed(1, "値".encode() * 7, frames=9)), Await(Message(1, "値".encode() * 7))),
        **_agreed(),
    )
    yield Case("answers are compressed", "7692 6.1", _compressed_answers(), **_agreed())
    yield Case(
        "answers in frames of 100 octets are compressed as one message",
        "7692 6.1",
        (Send(Packed(2, NOISE)), Await(Message(2, NOISE, deflated=True)), *_talk(JSON)),
        **_agreed(autobahn={"autoFragmentSize": 100}),
    )


def _compressed_answers() -> tuple[Step, ...]:
    return tuple(
        step
        for payload in (JSON, JAPANESE, JSON)
        for step in (Send(Packed(1, payload)), Await(Message(1, payload, deflated=True)))
    )


def _together(count: int) -> tuple[Step, ...]:
    payloads = [JSON + b"%d" % i for i in range(count)]
    return (Send(*(Packed(1, payload) for payload in payloads)), Await(*(Message(1, payload) for payload in payloads)))


def _damage() -> Iterator[Case]:
    good = zlib.compressobj(wbits=-15)
    whole = good.compress(JSON) + good.flush(zlib.Z_SYNC_FLUSH)
    for title, frames, codes in (
        ("octets that are no deflate stream", (Frame(1, b"\xff\xff\xff\xff", rsv=4),), (1007, 1002)),
        ("a reserved block type", (Frame(2, b"\x07\x00", rsv=4),), (1007, 1002)),
        ("a distance behind the beginning", (Frame(2, b"\x02\x41\x00\x00", rsv=4),), (1007, 1002)),
        ("a stored block whose length does not match", (Frame(2, b"\x00\x05\x00\x00\x00hello", rsv=4),), (1007, 1002)),
        ("compressed text that is not UTF-8", (Packed(1, b"\xff\xfe"),), (1007,)),
        ("compressed text that ends inside a code point", (Packed(1, "値".encode()[:2]),), (1007,)),
        (
            "reserved bit 1 on a continuation",
            (Frame(1, whole[:5], fin=False, rsv=4), cont(whole[5:-4], rsv=4)),
            (1002,),
        ),
        ("reserved bits 110", (Frame(1, whole[:-4], rsv=6),), (1002,)),
        ("reserved bits 001", (Frame(1, whole[:-4], rsv=1),), (1002,)),
        ("a compressed ping", (Frame(9, b"ping", rsv=4),), (1002,)),
        ("a compressed close", (Frame(8, b"\x03\xe8", rsv=4),), (1002,)),
    ):
        yield Case(f"{title}", "7692 6", (Send(*frames), Fail(*codes)), **_agreed())
        if title != "a distance behind the beginning":  # behind a message there is something to refer to
            yield Case(
                f"{title}, after a good message",
                "7692 6",
                (*_talk(JSON), Send(*frames), Fail(*codes)),
                **_agreed(),
                quick=False,
            )
        # Autobahn does not read on behind octets that it cannot inflate, so that its timeout ends the connection
        is_stuck = codes == (1007, 1002)
        yield Case(
            f"{title}, failed with words",
            "7692 6",
            (Send(*frames), Fail(*codes)),
            **_agreed(autobahn={"failByDrop": False, "closeHandshakeTimeout": 0.5 if is_stuck else 10}),
            is_timed=is_stuck,
        )
    yield Case(
        "a compressed frame where nothing was agreed on",
        "6455 5.2",
        (Send(Raw(b""), Frame(1, whole[:-4], rsv=4)), Fail(1002)),
    )
