"""What hubs say to each other over NATS, in MessagePack; several records to a message. No I/O.

`Batch` goes over a core subject at once; `Kept` holds the same octets again, several batches to a message, for the stream.
Orders, fills and accounts are among the records, with account numbers in them: whoever may read these subjects may read those.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Union

import msgspec

from wsexample.records.kinds import record_kinds
from wsexample.records.market import Record

__all__ = [
    "UNREADABLE",
    "Again",
    "Batch",
    "Kept",
    "Takeover",
    "decode_record",
    "encode",
    "read_again",
    "read_batch",
    "read_kept",
    "read_takeover",
]


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """Records in the order of their numbers; without any it is a sign of life that tells the newest number."""

    number: int
    """Counts the batches of all owners without a break."""
    term: int
    """Of its owner; a later owner has a higher one."""
    kept_number: int
    """Batches up to this one are in the stream."""
    kept_at: int
    """Place in the stream up to which they are."""
    rows: list[tuple[str, int, msgspec.Raw]] = []
    """Topic, number within the topic, record."""


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """One message of the stream."""

    number: int
    """Number of the newest batch up to here."""
    term: int
    """Of the owner who wrote it."""
    batches: list[bytes] = []
    """Encoded batches."""
    counts: dict[str, int] = {}
    """Topics with the numbers that they had reached; said now and then, so that quiet topics keep theirs."""


class Takeover(msgspec.Struct, array_like=True, frozen=True):
    """A new owner asks everybody for batches that may not be in the stream; batches of former owners are void from now on."""

    term: int


class Again(msgspec.Struct, array_like=True, frozen=True):
    """A hub that misses batches which the stream has not got either asks the owner to say them again."""

    first: int
    last: int


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the readers here raise for what they cannot read."""
_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
read_again = msgspec.msgpack.Decoder(Again).decode
read_batch = msgspec.msgpack.Decoder(Batch).decode
read_kept = msgspec.msgpack.Decoder(Kept).decode
read_takeover = msgspec.msgpack.Decoder(Takeover).decode


def decode_record(data: msgspec.Raw) -> Record:
    """Read a record.

    Raises:
        msgspec.DecodeError: it is of a kind that this version does not know.
    """
    record: Record = _decoder(len(record_kinds())).decode(data)
    return record


@cache
def _decoder(kinds: int) -> msgspec.msgpack.Decoder[Any]:
    known = tuple(record_kinds().values())
    return msgspec.msgpack.Decoder(Union[known])  # noqa: UP007 - built at run time
