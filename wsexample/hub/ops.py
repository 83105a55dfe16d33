"""The language between a hub and its readers: what may be said, in JSON text or in MessagePack; `docs/hub.md` describes it.

Pure. A reader chooses by subprotocol: ``wsexample.hub.v1+json`` (text frames, also without any subprotocol) or
``wsexample.hub.v1+msgpack`` (binary frames). Several messages of the hub may come as one array.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from wsexample.errors import RequestError
from wsexample.hub.masking import without_tokens
from wsexample.records.market import Record

__all__ = [
    "JSON",
    "MSGPACK",
    "SUBPROTOCOLS",
    "Ack",
    "Auth",
    "Codec",
    "Conflated",
    "Data",
    "Epoch",
    "Failed",
    "Missed",
    "Op",
    "Ping",
    "Pong",
    "Since",
    "Subscribe",
    "Unsubscribe",
    "Welcome",
    "codec_for",
    "epoch_of",
    "life_and_term",
]

MOST_TOPICS = 1000
"""Topics and patterns in one op."""
_LONGEST_WORDS = 300
_LONGEST_TERM = 18

Id = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[str, Meta(max_length=200)] | None
"""What a reader calls an op; MessagePack cannot write longer numbers."""
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Interval = Annotated[int, Meta(le=86_400_000)]
"""Milliseconds, a day at most."""


# -- what readers say --------------------------------------------------------------------------------------------------


class Auth(msgspec.Struct, tag_field="op", tag="auth", forbid_unknown_fields=True):
    """Say who you are; only needed where the token was not in the header ``Authorization``."""

    token: str = ""
    id: Id = None

    def __repr__(self) -> str:
        return "Auth(token=***)"


class Since(msgspec.Struct, tag_field="op", tag="since", forbid_unknown_fields=True):
    """Say numbers of topics that the next ``subscribe`` counts too: for more of them than one op can hold. No answer comes."""

    numbers: dict[str, Seq]
    """The last sequence number that was seen, by topic; the ``since`` of the ``subscribe`` comes before it."""
    id: Id = None


class Subscribe(msgspec.Struct, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    """Ask for topics."""

    topics: list[str]
    """Topics and patterns."""
    id: Id = None
    """Comes back in the answer."""
    since: dict[str, Seq] | Seq | None = None
    """The last sequence number that was seen, by topic: what is newer comes first. A number counts for every topic; that of
    a pattern which is asked for counts for its topics that are not named, such as those that had not spoken yet."""
    epoch: str | None = None
    """The hub's life that those numbers are of, and the owner who gave the last of them, from its welcome or an ``epoch`` since.
    With another life they say nothing, and a gap is reported; numbers that a former owner gave when he was one no more are
    reported too."""
    snapshot: bool = True
    """Whether the newest message of each topic comes first, where ``since`` does not say otherwise."""
    interval_ms: Interval | None = None
    """How often at most something comes for a topic of this reader: the newest then. None or 0 for everything."""


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsubscribe", forbid_unknown_fields=True):
    """Give topics up, spelled as they were asked for."""

    topics: list[str]
    id: Id = None


class Ping(msgspec.Struct, tag_field="op", tag="ping", forbid_unknown_fields=True):
    """Ask for an answer; for programs that cannot send WebSocket pings, such as pages."""

    id: Id = None


Op = Auth | Since | Subscribe | Unsubscribe | Ping


# -- what the hub says -------------------------------------------------------------------------------------------------


class Welcome(msgspec.Struct, tag_field="op", tag="welcome", omit_defaults=False):
    """The first message."""

    hub: str
    """Name of the hub."""
    epoch: str
    """Sequence numbers belong to it; a hub that has forgotten them has another one. Where hubs share topics there is a slash in
    it, and behind that a number that counts their owners."""
    reader: str
    """Name of this connection, as the hub's log has it."""
    version: str
    limits: dict[str, int]
    """What this reader may ask for: "topics", "min_interval_ms", "history"."""
    needs_token: bool = False
    """Whether nothing is to be had before an ``auth``."""


class Epoch(msgspec.Struct, tag_field="op", tag="epoch"):
    """What to say as ``epoch`` with the numbers that have come up to here, and with later ones."""

    epoch: str


class Ack(msgspec.Struct, tag_field="op", tag="ack", omit_defaults=True):
    """An op was done."""

    id: Id = None
    topics: list[str] = []
    """What is subscribed or given up with it."""


class Pong(msgspec.Struct, tag_field="op", tag="pong", omit_defaults=True):
    """The answer to a ping."""

    id: Id = None
    at_ns: int = 0


class Failed(msgspec.Struct, tag_field="op", tag="error", omit_defaults=True):
    """An op was not done."""

    code: str
    """"malformed", "token", "rights", "topics", "limit"."""
    message: str
    id: Id = None


class Data(msgspec.Struct, tag_field="op", tag="data"):
    """A record; ``seq`` counts the records of its topic from 1 without a break."""

    topic: str
    seq: Seq
    record: Any


class Missed(msgspec.Struct, tag_field="op", tag="missed"):
    """Records of a topic that this reader has not got and will not get."""

    topic: str
    from_seq: Seq
    to_seq: Seq
    """The last one of them."""
    reason: str
    """"history": the hub does not have them any more; "epoch": it has begun anew; "fork": this reader has got them, from a
    hub that was cut off from the others, and they count no more: the records that count come next, under the same numbers."""


class Conflated(msgspec.Struct, tag_field="op", tag="conflated"):
    """This reader was too slow for a while: of some topics only the newest came; ``seq`` shows how many were passed over."""

    count: Seq
    """How many records were passed over."""


def epoch_of(life: str, term: int) -> str:
    """Return what a reader is told: a hub's life and how many owners there have been; 0 is left out."""
    return f"{life}/{term}" if term else life


def life_and_term(epoch: str) -> tuple[str, int]:
    """Return the two parts of an epoch."""
    life, slash, term = epoch.rpartition("/")
    if slash and len(term) <= _LONGEST_TERM and term.isascii() and term.isdigit():
        return life, int(term)
    return epoch, 0


# -- codecs ------------------------------------------------------------------------------------------------------------


class Codec(ABC):
    """One way to write the language; holds its coders, which are dear to make."""

    name: ClassVar[str]
    subprotocol: ClassVar[str]
    is_binary: ClassVar[bool]

    def __init__(self, encoder: Any, decoder: Any) -> None:
        self._encode = encoder.encode
        self._decode = decoder.decode

    def encode(self, message: msgspec.Struct) -> bytes:
        """Write a message."""
        encoded: bytes = self._encode(message)
        return encoded

    def decode(self, payload: bytes) -> Op:
        """Read an op.

        Raises:
            RequestError: it is none; says why.
        """
        try:
            op: Op = self._decode(payload)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise RequestError(f"not an op of this hub: {_words(error)}", code="malformed") from None
        if isinstance(op, (Subscribe, Unsubscribe)) and not 0 < len(op.topics) <= MOST_TOPICS:
            raise RequestError(f"an op has 1 to {MOST_TOPICS} topics, not {len(op.topics)}", code="topics")
        return op

    def data(self, topic: str, seq: int, record: Record) -> bytes:
        """Write a record; the same octets go to every reader."""
        encoded: bytes = self._encode(Data(topic, seq, record))
        return encoded

    @abstractmethod
    def join(self, messages: Sequence[bytes]) -> bytes:
        """Return several encoded messages as one."""


def _words(error: Exception) -> str:
    """Return what is wrong, fit for one line of a log: it may quote what was sent."""
    words = without_tokens(str(error))[:_LONGEST_WORDS]
    return "".join(one if one.isprintable() else " " for one in words)


class _Json(Codec):
    name = "json"
    subprotocol = "wsexample.hub.v1+json"
    is_binary = False

    def join(self, messages: Sequence[bytes]) -> bytes:
        return messages[0] if len(messages) == 1 else b"[" + b",".join(messages) + b"]"


class _MessagePack(Codec):
    name = "msgpack"
    subprotocol = "wsexample.hub.v1+msgpack"
    is_binary = True

    def join(self, messages: Sequence[bytes]) -> bytes:
        count = len(messages)
        if count == 1:
            return messages[0]
        # MessagePack specification, array format family
        if count < 16:
            head = bytes([0x90 | count])
        elif count < 1 << 16:
            head = b"\xdc" + count.to_bytes(2, "big")
        else:
            head = b"\xdd" + count.to_bytes(4, "big")
        return head + b"".join(messages)


JSON: Codec = _Json(msgspec.json.Encoder(), msgspec.json.Decoder(Op))
MSGPACK: Codec = _MessagePack(msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Op))
SUBPROTOCOLS = (JSON.subprotocol, MSGPACK.subprotocol)


def codec_for(subprotocol: str | None) -> Codec:
    """Return the codec of a subprotocol; JSON where none was chosen."""
    return MSGPACK if subprotocol == MSGPACK.subprotocol else JSON
