"""The opening handshake: what a server must refuse, what a client must refuse, and what both must let pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.case import (
    CLIENT,
    SERVER,
    Await,
    Case,
    Message,
    Opens,
    Refuses,
    Request,
    Response,
    echo,
    text,
)

TITLE = "opening handshake"

HELLO = echo(text("hello"))


def cases() -> Iterator[Case]:
    yield from _server()
    yield from _client()


def _opens(title: str, rfc: str, request: Request, **more: Any) -> Case:
    opening = Opens(subprotocol=more.pop("subprotocol", ""))
    return Case(title, rfc, more.pop("steps", HELLO), roles=(SERVER,), request=request, opening=opening, **more)


def _refused(title: str, rfc: str, request: Request, *statuses: int, **more: Any) -> Case:
    return Case(title, rfc, roles=(SERVER,), request=request, opening=Refuses(statuses), **more)


def _server() -> Iterator[Case]:
    yield _opens("plain request", "6455 4.2.1", Request())
    yield _opens("path and query", "6455 4.2.1", Request(target="/a/b%20c?x=1&y=%E6%9D%BF"))
    yield _opens("Upgrade in other letters", "6455 4.2.1", Request(changes={"Upgrade": "WebSocket"}))
    yield _opens("Connection with keep-alive", "6455 4.2.1", Request(changes={"Connection": "keep-alive, Upgrade"}))
    yield _opens("Connection in other letters", "6455 4.2.1", Request(changes={"Connection": "UPGRADE"}))
    yield _opens(
        "two Connection headers",
        "9110 5.3",
        Request(changes={"Connection": "keep-alive"}, extra=("Connection: Upgrade",)),
    )
    yield _opens("Upgrade with another protocol in front", "6455 4.2.1", Request(changes={"Upgrade": "h2c, websocket"}))
    yield _opens(
        "header names in other letters",
        "9110 5.1",
        Request(
            raw=_head(
                "HOST: {host}",
                "upgrade: websocket",
                "CONNECTION: Upgrade",
                "sec-websocket-KEY: {key}",
                "Sec-Websocket-version: 13",
            )
        ),
    )
    yield _opens(
        "no spaces behind the colons",
        "9110 5.5",
        Request(
            raw=_head(
                "Host:{host}",
                "Upgrade:websocket",
                "Connection:Upgrade",
                "Sec-WebSocket-Key:{key}",
                "Sec-WebSocket-Version:13",
            )
        ),
    )
    yield _opens(
        "spaces around the values",
        "9110 5.5",
        Request(changes={"Upgrade": "  websocket  ", "Sec-WebSocket-Version": " 13 "}),
    )
    yield _opens(
        "other headers and cookies",
        "6455 4.2.1",
        Request(extra=("Cookie: a=b; c=d", "X-Test: 1", "User-Agent: tester")),
    )
    yield _opens("Origin", "6455 4.2.1", Request(extra=("Origin: http://example.com",)))
    yield _opens(
        "frames behind the request in the same write", "6455 4.1", Request(follow=(text("early"),)), steps=_early()
    )
    yield _opens("an empty extension header", "6455 9.1", Request(extra=("Sec-WebSocket-Extensions: ",)))
    yield _opens("no subprotocol offered", "6455 4.2.2", Request(), options={"protocols": ["wamp", "chat"]})
    for offered, chosen in (
        ("chat", "chat"),
        ("other, chat", "chat"),
        ("wamp, chat", "wamp"),
        ("chat, wamp", "chat"),
        ("other", ""),
    ):
        yield _opens(
            f"subprotocols {offered}",
            "6455 4.2.2",
            Request(extra=(f"Sec-WebSocket-Protocol: {offered}",)),
            options={"protocols": ["wamp", "chat"]},
            subprotocol=chosen,
        )
    yield _opens(
        "subprotocols in two headers",
        "6455 11.3.4",
        Request(extra=("Sec-WebSocket-Protocol: other", "Sec-WebSocket-Protocol: chat")),
        options={"protocols": ["wamp", "chat"]},
        subprotocol="chat",
    )
    yield _opens(
        "a subprotocol that the server does not know", "6455 4.2.2", Request(extra=("Sec-WebSocket-Protocol: x",))
    )
    yield _refused(
        "a subprotocol twice",
        "6455 4.1",
        Request(extra=("Sec-WebSocket-Protocol: chat, chat",)),
        400,
        options={"protocols": ["chat"]},
    )
    for method in ("POST", "PUT", "HEAD", "OPTIONS", "get"):
        yield _refused(f"method {method}", "6455 4.2.1", Request(method=method), 405, 400, 501)
    for version in ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTX/1.1"):
        yield _refused(f"version {version}", "6455 4.2.1", Request(version=version), 505, 400, 426)
    for name in ("Host", "Connection", "Sec-WebSocket-Key"):
        yield _refused(f"no {name}", "6455 4.2.1", Request(changes={name: None}), 400, 426)
    yield _refused("no Upgrade", "6455 4.2.1", Request(changes={"Upgrade": None}), 426, 400, 200)
    yield _refused("no Sec-WebSocket-Version", "6455 4.2.1", Request(changes={"Sec-WebSocket-Version": None}), 400, 426)
    for value in ("foo", "websockets", ""):
        yield _refused(f"Upgrade {value!r}", "6455 4.2.1", Request(changes={"Upgrade": value}), 400, 426)
    for value in ("close", "keep-alive", ""):
        yield _refused(f"Connection {value!r}", "6455 4.2.1", Request(changes={"Connection": value}), 400, 426)
    for value in ("0", "7", "8", "12", "14", "255", "abc", "", "13, 8"):
        passes_old = value == "8"  # hybi-10 is spoken with the same frames, and Autobahn accepts it
        if passes_old:
            yield _opens(
                "version 8, which Autobahn speaks as well", "6455 4.4", Request(changes={"Sec-WebSocket-Version": "8"})
            )
        else:
            yield _refused(
                f"Sec-WebSocket-Version {value!r}",
                "6455 4.4",
                Request(changes={"Sec-WebSocket-Version": value}),
                400,
                426,
            )
    for title, value in (
        ("empty", ""),
        ("too short", "c2hvcnQ="),
        ("15 octets", "AAAAAAAAAAAAAAAAAAAA"),
        ("17 octets", "AAAAAAAAAAAAAAAAAAAAAAA="),
        ("letters that are not base64", "!!!!!!!!!!!!!!!!!!!!!!=="),
        ("no padding", "AAAAAAAAAAAAAAAAAAAAAA"),
    ):
        yield _refused(f"Sec-WebSocket-Key: {title}", "6455 4.2.1", Request(changes={"Sec-WebSocket-Key": value}), 400)
    for name, value in (
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Host", "example.com"),
    ):
        yield _refused(f"{name} twice", "6455 11.3", Request(extra=(f"{name}: {value}",)), 400)
    yield _refused("fragment in the target", "6455 3", Request(target="/x#part"), 400)
    yield _refused("target with a space", "9112 3", Request(target="/a b"), 400)
    yield _refused("request line with two words", "9112 3", Request(raw="GET /\r\nHost: {host}\r\n\r\n"), 400)
    yield _refused("header without a colon", "9112 5", Request(extra=("nonsense",)), 400)
    yield _refused("not HTTP at all", "9112 3", Request(raw="hello\r\n\r\n"), 400)
    yield _refused("TLS hello to a plain port", "9112 3", Request(raw="\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), 400)
    yield _refused("bad port in Host", "6455 4.2.1", Request(changes={"Host": "localhost:abc"}), 400)
    yield _refused(
        "Origin that is not allowed",
        "6455 10.2",
        Request(extra=("Origin: http://evil.example",)),
        403,
        400,
        options={"autobahn": {"allowedOrigins": ["https://good.example:443"]}},
    )
    yield _opens(
        "Origin that is allowed",
        "6455 10.2",
        Request(extra=("Origin: https://good.example",)),
        options={"autobahn": {"allowedOrigins": ["https://good.example:443"]}},
    )
    yield Case(
        "a request that never ends is cut off in time",
        "6455 4.2",
        roles=(SERVER,),
        request=Request(raw="GET / HTTP/1.1\r\nHost: {host}\r\n"),
        opening=Refuses(()),
        options={"autobahn": {"openHandshakeTimeout": 0.2}},
    )


def _head(*lines: str) -> str:
    return "\r\n".join(["GET / HTTP/1.1", *lines, "", ""])


def _early() -> tuple[Any, ...]:
    return (Await(Message(1, b"early")), *HELLO)


def _accepted(title: str, rfc: str, response: Response, **more: Any) -> Case:
    return Case(title, rfc, more.pop("steps", HELLO), roles=(CLIENT,), response=response, opening=Opens(), **more)


def _not_accepted(title: str, rfc: str, response: Response, **more: Any) -> Case:
    return Case(title, rfc, roles=(CLIENT,), response=response, opening=Refuses(), **more)


def _client() -> Iterator[Case]:
    yield _accepted("plain answer", "6455 4.1", Response())
    yield _accepted("Upgrade in other letters", "6455 4.1", Response(changes={"Upgrade": "WebSocket"}))
    yield _accepted("Connection in other letters", "6455 4.1", Response(changes={"Connection": "upgrade"}))
    yield _accepted("Connection with keep-alive", "6455 4.1", Response(changes={"Connection": "keep-alive, Upgrade"}))
    yield _accepted("another reason phrase", "6455 4.1", Response(status="101 WebSocket Protocol Handshake"))
    yield _accepted("an empty reason phrase", "9112 4", Response(status="101 "))
    yield _accepted("other headers", "6455 4.1", Response(extra=("Server: tester", "Date: today", "Set-Cookie: a=b")))
    yield _accepted("spaces around the values", "9110 5.5", Response(changes={"Sec-WebSocket-Accept": "  {accept}  "}))
    yield _accepted("a header of 8 kB", "6455 4.1", Response(extra=("X-Long: " + "x" * 8000,)))
    yield _accepted(
        "frames behind the answer in the same write", "6455 4.2.2", Response(follow=(text("early"),)), steps=_early()
    )
    yield _accepted(
        "a thousand frames behind the answer in the same write",
        "6455 4.2.2",
        Response(follow=tuple(text(f"early {i}") for i in range(1000))),
        steps=(Await(*(Message(1, b"early %d" % i) for i in range(1000))), *HELLO),
        cuts=False,
    )
    yield _accepted(
        "a subprotocol that was offered",
        "6455 4.1",
        Response(extra=("Sec-WebSocket-Protocol: chat",)),
        options={"protocols": ["wamp", "chat"]},
    )
    yield _accepted("none of the subprotocols offered", "6455 4.1", Response(), options={"protocols": ["chat"]})
    for status in (
        "200 OK",
        "204 No Content",
        "301 Moved",
        "400 Bad Request",
        "401 Unauthorized",
        "404 Not Found",
        "500 Oops",
        "503 Busy",
    ):
        yield _not_accepted(f"status {status}", "6455 4.1", Response(status=status, extra=("Content-Length: 0",)))
    yield _not_accepted("status that is not a number", "9112 4", Response(status="abc Switching"))
    yield _not_accepted("version HTTP/1.0", "6455 4.1", Response(version="HTTP/1.0"))
    yield _not_accepted("version HTTP/2", "6455 4.1", Response(version="HTTP/2"))
    for name in ("Upgrade", "Connection", "Sec-WebSocket-Accept"):
        yield _not_accepted(f"no {name}", "6455 4.1", Response(changes={name: None}))
    yield _not_accepted("Upgrade h2c", "6455 4.1", Response(changes={"Upgrade": "h2c"}))
    yield _not_accepted("Connection close", "6455 4.1", Response(changes={"Connection": "close"}))
    for title, value in (
        ("of another key", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("empty", ""),
        ("with a letter too much", "{accept}x"),
        ("with a letter in front", "x{accept}"),
    ):
        yield _not_accepted(
            f"Sec-WebSocket-Accept {title}", "6455 4.1", Response(changes={"Sec-WebSocket-Accept": value})
        )
    yield _not_accepted(
        "Sec-WebSocket-Accept twice", "6455 11.3.3", Response(extra=("Sec-WebSocket-Accept: {accept}",))
    )
    yield _not_accepted(
        "a subprotocol that was not offered",
        "6455 4.1",
        Response(extra=("Sec-WebSocket-Protocol: other",)),
        options={"protocols": ["chat"]},
    )
    yield _not_accepted(
        "a subprotocol where none was offered", "6455 4.1", Response(extra=("Sec-WebSocket-Protocol: x",))
    )
    yield _not_accepted(
        "two subprotocols",
        "6455 4.1",
        Response(extra=("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: wamp")),
        options={"protocols": ["chat", "wamp"]},
    )
    yield _not_accepted(
        "an extension that was not offered", "6455 4.1", Response(extra=("Sec-WebSocket-Extensions: x-unknown",))
    )
    yield _not_accepted("not HTTP at all", "9112 4", Response(raw="hello\r\n\r\n"))
    yield _not_accepted("an empty answer", "9112 4", Response(raw="\r\n\r\n"))
    yield _not_accepted("TCP ends before the answer", "6455 4.1", Response(ends=0))
    yield _not_accepted("TCP ends inside the answer", "6455 4.1", Response(ends=40))
    yield _not_accepted(
        "an answer that never ends is given up in time",
        "6455 4.1",
        Response(raw="HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"),
        options={"autobahn": {"openHandshakeTimeout": 0.2}},
    )
