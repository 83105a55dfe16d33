"""Text is UTF-8: well-formed in every cut, refused in every malformed form, and as soon as that can be known."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.case import Await, Case, Fail, Message, Pong, Send, Step, binary, cont, echo, ping, text

TITLE = "UTF-8"

VALID = {
    "one octet, first and last": "\x00\x7f",
    "two octets, first and last": "\u0080\u07ff",
    "three octets, first and last": "\u0800\uffff",
    "before and behind the surrogates": "\ud7ff\ue000",
    "noncharacters": "\ufdd0\ufffe\uffff\U0001fffe\U0010ffff",
    "replacement character and byte order mark": "\ufffd\ufeff",
    "four octets, first and last": "\U00010000\U0010ffff",
    "Greek": "Κόσμε",
    "Japanese": "トヨタ自動車（株）の気配値は高い",
    "half-width and full-width": "ｶﾌﾞｺﾑ ＡＢＣ 終値¥２，４０８",
    "emoji with joiners": "👩\u200d🚀 🇯🇵",
    "combining marks": "e\u0301 が は\u3099",
}

INVALID = {
    "continuation octet alone, first": b"\x80",
    "continuation octet alone, last": b"\xbf",
    "two continuation octets": b"\x80\xbf",
    "six continuation octets": b"\x80\xbf\x80\xbf\x80\xbf",
    "overlong slash in two octets": b"\xc0\xaf",
    "overlong slash in three octets": b"\xe0\x80\xaf",
    "overlong slash in four octets": b"\xf0\x80\x80\xaf",
    "overlong NUL": b"\xc0\x80",
    "highest overlong of two octets": b"\xc1\xbf",
    "highest overlong of three octets": b"\xe0\x9f\xbf",
    "highest overlong of four octets": b"\xf0\x8f\xbf\xbf",
    "first surrogate": b"\xed\xa0\x80",
    "last high surrogate": b"\xed\xaf\xbf",
    "first low surrogate": b"\xed\xb0\x80",
    "last surrogate": b"\xed\xbf\xbf",
    "pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "above U+10FFFF": b"\xf4\x90\x80\x80",
    "five octets": b"\xf8\x88\x80\x80\x80",
    "six octets": b"\xfc\x84\x80\x80\x80\x80",
    "octet C0": b"\xc0",
    "octet C1": b"\xc1",
    "octet F5": b"\xf5",
    "octet FE": b"\xfe",
    "octet FF": b"\xff",
    "two octets cut short by a letter": b"\xc3a",
    "three octets cut short by a letter": b"\xe3\x81a",
    "four octets cut short by a letter": b"\xf0\x9f\x92a",
    "start octets one behind the other": b"\xe3\xe3\x81\x82",
}

CUT_SHORT = {
    "two octets": b"\xc3",
    "three octets after one": b"\xe3",
    "three octets after two": b"\xe3\x81",
    "four octets after one": b"\xf0",
    "four octets after two": b"\xf0\x9f",
    "four octets after three": b"\xf0\x9f\x92",
}


def cases() -> Iterator[Case]:
    for title, words in VALID.items():
        raw = words.encode()
        yield Case(f"{title}", "6455 5.6", echo(text(raw)))
        yield Case(f"{title}, one octet in a frame", "6455 8.1", _in_frames([raw[i : i + 1] for i in range(len(raw))]))
    long = ("日本語の板情報と約定。" * 40).encode()
    for step in (1, 2, 3, 4, 5, 7, 16):
        parts = [long[i : i + step] for i in range(0, len(long), step)]
        yield Case(f"{len(long)} octets of Japanese in frames of {step}", "6455 8.1", _in_frames(parts), cuts=step > 4)
    for at in range(1, 5):
        raw = "𠮷あé!".encode()
        yield Case(f"code points cut after {at} octets", "6455 8.1", _in_frames([raw[:at], raw[at:]]))
    for title, raw in INVALID.items():
        yield Case(f"{title}", "6455 8.1", (Send(text(raw)), Fail(1007)))
        yield Case(
            f"{title}, behind 64 letters", "6455 8.1", (Send(text(b"x" * 64 + raw + b"y" * 7)), Fail(1007)), quick=False
        )
        yield Case(
            f"{title}, behind Japanese",
            "6455 8.1",
            (Send(text("気配値が約定した。".encode() * 5 + raw)), Fail(1007)),
            quick=False,
        )
        yield Case(
            f"{title}, one octet in a frame",
            "6455 8.1",
            (Send(*_frames([b"ok", *(raw[i : i + 1] for i in range(len(raw))), b"ok"])), Fail(1007)),
        )
        yield Case(f"{title} is fine in a binary message", "6455 5.6", echo(binary(raw)), quick=False)
    for title, raw in CUT_SHORT.items():
        yield Case(f"message ends inside a code point: {title}", "6455 8.1", (Send(text(b"ends " + raw)), Fail(1007)))
        yield Case(
            f"fragmented message ends inside a code point: {title}",
            "6455 8.1",
            (Send(text(b"ends ", fin=False), cont(raw)), Fail(1007)),
        )
        yield Case(
            f"the rest of a code point is no part of the next message: {title}",
            "6455 8.1",
            (Send(text(raw), text(b"\x80")), Fail(1007)),
            quick=False,
        )
    for size in (15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 4095, 4096):
        yield Case(
            f"bad octet at place {size}", "6455 8.1", (Send(text(b"a" * size + b"\xff" + b"b" * 40)), Fail(1007))
        )
        yield Case(
            f"code point across place {size}", "6455 8.1", echo(text(b"a" * (size - 1) + "気".encode() + b"b" * 40))
        )
    yield Case(
        "refused before the frame is complete",
        "6455 8.1",
        (Send(text(b"good \xc0\xaf", claim=1000)), Fail(1007)),
        cuts=False,
    )
    yield Case(
        "refused before a large frame is complete",
        "6455 8.1",
        (Send(text("約定".encode() * 3000 + b"\xed\xa0\x80", claim=1 << 20)), Fail(1007)),
        cuts=False,
    )
    yield Case(
        "refused before the message is complete",
        "6455 8.1",
        (Send(text("good ", fin=False), cont(b"\xff", fin=False)), Fail(1007)),
    )
    yield Case(
        "a good message before a bad one is delivered",
        "6455 8.1",
        (*echo(text("good 良い")), Send(text(b"bad \xff")), Fail(1007)),
    )
    yield Case(
        "a ping between the halves of a code point",
        "6455 8.1",
        (
            *_halves(),
            *echo(text("次")),
        ),
    )
    yield Case(
        "with utf8validateIncoming off nothing is refused",
        "6455 8.1",
        echo(text(b"\xff\xfe")),
        options={"autobahn": {"utf8validateIncoming": False}},
    )


def _frames(parts: list[bytes]) -> list:
    last = len(parts) - 1
    return [text(part, fin=i == last) if i == 0 else cont(part, fin=i == last) for i, part in enumerate(parts)]


def _in_frames(parts: list[bytes]) -> tuple[Step, ...]:
    return (Send(*_frames(parts)), Await(Message(1, b"".join(parts))))


def _halves() -> tuple[Step, ...]:
    raw = "値".encode()
    return (
        Send(text(raw[:1], fin=False), ping(b"1"), cont(raw[1:2], fin=False), ping(b"2"), cont(raw[2:])),
        Await(Pong(b"1"), Pong(b"2"), Message(1, raw)),
    )
