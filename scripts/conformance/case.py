"""The words in which a case is written: frames to send, what must come back, and what the opening handshake says.

A case is data. It does not know which role or stack is under test; who masks, who ends TCP first and how compression was
agreed on is filled in when it is played.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "BOTH",
    "CLIENT",
    "SERVER",
    "Await",
    "Case",
    "Close",
    "Fail",
    "Frame",
    "Gone",
    "Message",
    "Opens",
    "Packed",
    "Pong",
    "Raw",
    "Refuses",
    "Request",
    "Response",
    "Section",
    "Send",
    "binary",
    "close",
    "cont",
    "echo",
    "ping",
    "pong",
    "text",
]

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SERVER, CLIENT = "server", "client"
BOTH = (SERVER, CLIENT)


# -- what the tester sends --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """One frame, correct unless a field says otherwise.

    Attributes:
        rsv: the three reserved bits; 4 is RSV1.
        masked: None does as the tester's role demands.
        key: masking key; None is a random one.
        form: bits of the length field, 7, 16 or 64; None is the shortest that fits.
        claim: the length that the head tells; None is the payload's.
    """

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    masked: bool | None = None
    key: bytes | None = None
    form: int | None = None
    claim: int | None = None


@dataclass(frozen=True)
class Packed:
    """A message compressed in the connection's own context.

    Attributes:
        frames: into how many frames it is cut.
        blocks: how it is deflated: "" as usual, "stored" without compression, "final" with BFINAL set, "two" in two blocks.
    """

    opcode: int
    payload: bytes
    frames: int = 1
    blocks: str = ""


@dataclass(frozen=True)
class Raw:
    """Octets as they are."""

    data: bytes


@dataclass(frozen=True)
class Send:
    """Send these; they may arrive together."""

    frames: tuple[Frame | Packed | Raw, ...]

    def __init__(self, *frames: Frame | Packed | Raw) -> None:
        object.__setattr__(self, "frames", frames)


def text(payload: str | bytes, **how: Any) -> Frame:
    return Frame(TEXT, payload.encode() if isinstance(payload, str) else payload, **how)


def binary(payload: bytes, **how: Any) -> Frame:
    return Frame(BINARY, payload, **how)


def cont(payload: str | bytes, **how: Any) -> Frame:
    return Frame(CONT, payload.encode() if isinstance(payload, str) else payload, **how)


def ping(payload: bytes = b"", **how: Any) -> Frame:
    return Frame(PING, payload, **how)


def pong(payload: bytes = b"", **how: Any) -> Frame:
    return Frame(PONG, payload, **how)


def close(code: int | None = None, reason: str | bytes = b"", **how: Any) -> Frame:
    raw = reason.encode() if isinstance(reason, str) else reason
    return Frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + raw, **how)


# -- what must come back ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """A whole message; ``frames`` is set where the number of frames matters, ``deflated`` where compression does."""

    opcode: int
    payload: bytes
    frames: int | None = None
    deflated: bool | None = None


@dataclass(frozen=True)
class Pong:
    payload: bytes


@dataclass(frozen=True)
class Close:
    """A close frame with one of these codes; none given is any valid code or no code."""

    codes: tuple[int, ...] = ()
    reason: bytes | None = None

    def __init__(self, *codes: int, reason: bytes | None = None) -> None:
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "reason", reason)


@dataclass(frozen=True)
class Await:
    """These come, in this order, and nothing else."""

    patterns: tuple[Message | Pong | Close, ...]

    def __init__(self, *patterns: Message | Pong | Close) -> None:
        object.__setattr__(self, "patterns", patterns)


@dataclass(frozen=True)
class Fail:
    """The connection is failed: a close frame with one of these codes, or TCP ends without one (RFC 6455 section 7.1.7).

    With Autobahn's option ``failByDrop`` off, only the close frame will do.
    """

    codes: tuple[int, ...]

    def __init__(self, *codes: int) -> None:
        object.__setattr__(self, "codes", codes)


@dataclass(frozen=True)
class Gone:
    """TCP ends; a client under test waits for the tester to end it first when ``after_server`` is set."""

    after_server: bool = True


Step = Send | Await | Fail | Gone


def echo(*frames: Frame) -> tuple[Step, ...]:
    """Send messages of one frame each and await each of them back."""
    return (Send(*frames), Await(*(Message(frame.opcode, frame.payload) for frame in frames)))


# -- the opening handshake --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What a tester that plays the client sends.

    Attributes:
        changes: header lines to replace, by name; None leaves the line out.
        extra: header lines to add.
        raw: the whole head, in place of everything else; ``{host}`` and ``{key}`` are filled in.
        follow: frames in the same write as the head.
    """

    method: str = "GET"
    target: str = "/"
    version: str = "HTTP/1.1"
    changes: Mapping[str, str | None] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    raw: str | None = None
    follow: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Response:
    """What a tester that plays the server answers; ``{accept}`` in a value is filled in.

    Attributes:
        ends: the octets after which TCP is ended by the tester; None answers all and stays.
    """

    status: str = "101 Switching Protocols"
    version: str = "HTTP/1.1"
    changes: Mapping[str, str | None] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    raw: str | None = None
    follow: tuple[Frame, ...] = ()
    ends: int | None = None


@dataclass(frozen=True)
class Opens:
    """The handshake succeeds.

    Attributes:
        subprotocol: what the stack under test must agree on; "" is none.
        deflate: whether permessage-deflate must be agreed on; None leaves it open, but what is agreed must be legal.
    """

    subprotocol: str = ""
    deflate: bool | None = False


@dataclass(frozen=True)
class Refuses:
    """The handshake fails: with one of these HTTP statuses on a server, by ending TCP on a client."""

    statuses: tuple[int, ...] = (400,)


# -- cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One case; its id is given by the section.

    Attributes:
        rfc: document and section that asks for it, such as "6455 5.2".
        options: Autobahn's protocol options and the echo's own (``deflate``, ``protocols``, ``close``).
        finish: after the steps, close the connection and see that it closes cleanly.
        quick: part of the quick set.
        cuts: also played octet by octet.
        longest_s: deadline for each thing awaited.
        is_timed: a timer of the stack under test decides how it ends, so that what onClose is told depends on the machine.
        max_memory_bytes: how much the process under test may grow; 0 does not look.
    """

    title: str
    rfc: str
    steps: tuple[Step, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = BOTH
    request: Request = Request()
    response: Response = Response()
    opening: Opens | Refuses = Opens()
    finish: bool = True
    quick: bool = True
    cuts: bool = True
    longest_s: float = 5.0
    is_timed: bool = False
    max_memory_bytes: int = 0
    id: str = ""


@dataclass(frozen=True)
class Section:
    """Cases about one subject."""

    number: int
    title: str
    cases: tuple[Case, ...]
