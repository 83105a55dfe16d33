"""What is in a tape file: a header, then blocks of messages, each block with its length and checksum.

Pure: bytes in, values out. docs/tape.md draws the layout; whoever changes it raises `VERSION` and keeps reading what was.
A block is all or nothing: one that was cut off by a crash fails its length or its checksum and ends the tape there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Annotated, NamedTuple

import msgspec

from wsexample.errors import StorageError

__all__ = [
    "CODECS",
    "HEAD_BYTES",
    "HEAD_COLUMNS",
    "MARK",
    "MARK_BYTES",
    "VERSION",
    "BlockMark",
    "Entry",
    "Kind",
    "Meta",
    "Note",
    "Row",
    "Source",
    "encode_note",
    "heads_of",
    "is_whole",
    "note_of",
    "pack_block",
    "pack_head",
    "payload_ends",
    "rows_of",
    "unpack_block",
    "unpack_head",
    "unpack_mark",
    "unpack_meta",
]

VERSION = 1
MAGIC = b"WSTAPE\r\n"  # the line end shows when a program has "translated" the file
MARK = b"\xabBLK"
CODECS = ("none", "zlib")
"""Names of the ways to compress a block; the index stands in its mark."""
ZLIB_LEVEL = 1
"""The fastest; JSON becomes a sixth with it, and a ninth with the slowest."""

_HEAD = struct.Struct("<8sHHII")  # magic, version, reserved, bytes and CRC of the description
_MARK = struct.Struct("<4sBBHIIIIqqI")
HEAD_BYTES = _HEAD.size
MARK_BYTES = _MARK.size
HEAD_COLUMNS = (("at_ns", "q"), ("length", "I"), ("connection", "I"), ("source", "H"), ("kind", "B"))
"""What stands in a block before the payloads: one column after the other, each of one value an entry."""
_ROW_BYTES = struct.calcsize("<" + "".join(code for _, code in HEAD_COLUMNS))
_TIME_BYTES = 8
_CRC_BYTES = 4
_HAS_NOTES = 1
MAX_BLOCK_BYTES = 1 << 30
"""What a block may hold; a length beyond it is taken for damage."""

MAX_META_BYTES = 1 << 26
"""What a description may hold; a length beyond it is taken for damage."""
MAX_COMPRESSION = 1100
"""Into how many times its length zlib can turn a block at most; what claims more is damaged."""

Moment = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""UTC epoch nanoseconds that fit 64 bits, as those of entries do."""
Row = tuple[int, int, int, int, bytes]
"""Arrival or sending (UTC epoch nanoseconds), connection, source, kind, payload."""


class Kind(IntEnum):
    """What an entry is; bit 0 says binary, bit 1 says sent."""

    RECEIVED_TEXT = 0
    RECEIVED_BINARY = 1
    SENT_TEXT = 2
    SENT_BINARY = 3
    NOTE = 4


class Entry(NamedTuple):
    """One message or note on a tape."""

    at_ns: int
    """When it was received or sent or happened, UTC epoch nanoseconds."""
    connection: int
    """Which connection of its source carried it, from 1."""
    source: int
    """Position of its source in the tape's description, from 0."""
    kind: int
    """A `Kind`."""
    payload: bytes
    """The message as it was on the wire; secrets of sent messages are masked. A note is JSON."""


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session, or one bare connection, whose traffic is on the tape."""

    venue: str = ""
    """"kabu", "alpaca", "weex"; empty where it is nobody's."""
    dialect: str = ""
    """Name of the language, such as "alpaca.data"; empty for bare messages."""
    url: str = ""
    """Where it was connected to, credentials masked."""
    topics: tuple[str, ...] = ()
    """What was subscribed to when the recording began; notes on the tape tell what came later."""
    settings: dict[str, str] = {}
    """What else the dialect must be told to read the tape, such as {"feed": "iex"}."""


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The description at the beginning of a tape."""

    created_ns: Moment = 0
    """When the file was made, UTC epoch nanoseconds."""
    program: str = ""
    """What made it."""
    sources: tuple[Source, ...] = ()
    """Whose traffic it holds."""
    from_ns: Moment | None = None
    """What came before this is only there so that the rest can be understood; None for tapes that were not cut."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a connection, beside its messages."""

    event: str
    """"opened", "subscribed", "refused", "live", "failed", "closed", "waiting", "gap", "ended", "logged_in"."""
    url: str = ""
    """Of "opened": where to, masked."""
    topics: tuple[str, ...] = ()
    """Of "subscribed" and "refused"."""
    error: str = ""
    """Of "failed", "refused" and "ended": class of the error."""
    words: str = ""
    """Its sentence, or the reason of a close or a gap."""
    code: int | None = None
    """Close code, where a close is told or was the error."""
    was_clean: bool = False
    """Whether the closing handshake was completed."""
    by_peer: bool = False
    """Whether the peer began to close."""
    is_final: bool = False
    """Of "failed": whether trying again could not help."""
    from_ns: Moment | None = None
    """Of "gap"."""
    to_ns: Moment | None = None
    """Of "gap"."""
    filled: bool = False
    """Of "gap"."""


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_meta_decoder = msgspec.json.Decoder(Meta)
_note_decoder = msgspec.json.Decoder(Note)


def note_of(payload: bytes) -> Note:
    """Read a note; one that cannot be read becomes one of the event "unknown".

    Parameters:
        payload: payload of an entry of the kind `Kind.NOTE`, JSON.
    """
    try:
        return _note_decoder.decode(payload)
    except _UNREADABLE:
        return Note(event="unknown")


# -- the head ------------------------------------------------------------------------------------------------------------


def pack_head(meta: Meta) -> bytes:
    """Return the beginning of a file.

    Parameters:
        meta: the description that stands in it.
    """
    description = msgspec.json.encode(meta)
    return _HEAD.pack(MAGIC, VERSION, 0, len(description), zlib.crc32(description)) + description


def unpack_head(data: bytes) -> tuple[int, int]:
    """Read the first `HEAD_BYTES` of a file; returns bytes and checksum of the description that follows.

    Parameters:
        data: these bytes.

    Raises:
        StorageError: it is no tape, one of a later version, or its head is damaged.
    """
    if len(data) < HEAD_BYTES or not data.startswith(MAGIC):
        if data[:6] == MAGIC[:6]:
            raise StorageError("the head of this tape is damaged: it was cut off, or its line ends were translated")
        raise StorageError("this is not a tape")
    _, version, _, size, checksum = _HEAD.unpack(data)
    if version > VERSION:
        raise StorageError(f"this tape has format {version}; this program reads up to {VERSION}")
    if size > MAX_META_BYTES:
        raise StorageError(f"the head of this tape is damaged: its description would have {size} bytes")
    return size, checksum


def unpack_meta(data: bytes, checksum: int) -> Meta:
    """Read the description of a tape.

    Parameters:
        data: the bytes behind the head, as many as `unpack_head` says.
        checksum: their CRC-32, as `unpack_head` says.

    Raises:
        StorageError: it is damaged.
    """
    if zlib.crc32(data) != checksum:
        raise StorageError("the description of this tape is damaged")
    try:
        return _meta_decoder.decode(data)
    except _UNREADABLE as error:
        raise StorageError(f"the description of this tape cannot be read: {str(error)[:300]}") from None


# -- blocks --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlockMark:
    """What stands before a block."""

    codec: int
    """Position in `CODECS`."""
    has_notes: bool
    """Whether there are notes in it."""
    stored_bytes: int
    """Length of what follows."""
    raw_bytes: int
    """Its length before compression."""
    count: int
    """Entries in it."""
    last_connection: int
    """Highest number of a connection in it."""
    first_ns: int
    """Earliest moment in it."""
    last_ns: int
    """Latest moment in it."""
    checksum: int
    """CRC-32 of the mark without this field, and of what follows."""


def pack_block(rows: Sequence[Row], codec: int = 0) -> bytes:
    """Return a block of entries, with its mark.

    Parameters:
        rows: at least one entry.
        codec: position in `CODECS`.

    Raises:
        StorageError: they are more than a block may hold.
    """
    times, connections, sources, kinds, payloads = zip(*rows, strict=True)
    # All heads stand before all payloads, column by column, so that reading them is one call and counting needs no payload.
    heads = _columns(len(rows)).pack(*times, *map(len, payloads), *connections, *sources, *kinds)
    body = b"".join((heads, *payloads))
    if len(body) > MAX_BLOCK_BYTES:
        raise StorageError(f"{len(body)} bytes do not fit into a block of {MAX_BLOCK_BYTES}")
    stored = zlib.compress(body, ZLIB_LEVEL) if codec == CODECS.index("zlib") else body
    flags = _HAS_NOTES if max(kinds) >= Kind.NOTE else 0
    mark = _MARK.pack(
        MARK,
        codec,
        flags,
        0,
        len(stored),
        len(body),
        len(rows),
        max(connections),
        min(times),
        max(times),
        0,
    )[:-_CRC_BYTES]
    checksum = zlib.crc32(stored, zlib.crc32(mark))
    return b"".join((mark, checksum.to_bytes(_CRC_BYTES, "little"), stored))


def unpack_mark(data: bytes) -> BlockMark | None:
    """Read what stands before a block; None when it is no mark, or damaged beyond sense.

    Parameters:
        data: `MARK_BYTES` of the file, or more.
    """
    if len(data) < MARK_BYTES or not data.startswith(MARK):
        return None
    _, codec, flags, _, stored_bytes, raw_bytes, count, last_connection, first_ns, last_ns, checksum = _MARK.unpack(
        data[:MARK_BYTES]
    )
    if stored_bytes > MAX_BLOCK_BYTES or raw_bytes > MAX_BLOCK_BYTES or not 0 < count * _ROW_BYTES <= raw_bytes:
        return None
    if raw_bytes > stored_bytes * MAX_COMPRESSION and codec < len(CODECS):
        return None
    return BlockMark(
        codec, bool(flags & _HAS_NOTES), stored_bytes, raw_bytes, count, last_connection, first_ns, last_ns, checksum
    )


def is_whole(mark: bytes, stored: bytes, checksum: int) -> bool:
    """Tell whether a block is as it was written.

    Parameters:
        mark: its `MARK_BYTES`.
        stored: what follows them in the file.
        checksum: the CRC-32 of both that the mark tells.
    """
    return zlib.crc32(stored, zlib.crc32(mark[:-_CRC_BYTES])) == checksum


def unpack_block(mark: BlockMark, stored: bytes) -> bytes:
    """Return the body of a whole block, decompressed.

    Parameters:
        mark: what stands before it.
        stored: what follows the mark in the file.

    Raises:
        StorageError: it was compressed in a way that this version does not know, or it does not hold what its mark says,
            although its checksum fits.
    """
    if mark.codec >= len(CODECS):
        raise StorageError(f"a block of this tape is compressed with method {mark.codec}, which is not known here")
    body = stored if mark.codec == 0 else _decompressed(stored, mark.raw_bytes)
    if len(body) != mark.raw_bytes or sum(_lengths(body, mark.count)) + mark.count * _ROW_BYTES != len(body):
        raise StorageError("a block does not hold what stands before it")
    return body


def _decompressed(stored: bytes, raw_bytes: int) -> bytes:
    """Decompress as much as is said to be there, and one byte more, which tells that it is not so."""
    try:
        return zlib.decompressobj().decompress(stored, raw_bytes + 1)
    except zlib.error as error:
        raise StorageError(f"a block cannot be decompressed: {error}") from None


def _lengths(body: bytes, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}I", body, count * _TIME_BYTES)


def rows_of(body: bytes, count: int) -> Iterator[Entry]:
    """Return an iterator over the entries of a block, in the order in which they were written.

    Parameters:
        body: the block, decompressed.
        count: how many entries its mark tells.
    """
    times, lengths, connections, sources, kinds = heads_of(body, count)
    payloads = [body[begin:end] for begin, end in pairwise(payload_ends(lengths))]
    return map(Entry, times, connections, sources, kinds, payloads)


def heads_of(body: bytes, count: int) -> tuple[tuple[int, ...], ...]:
    """Return times, payload lengths, connections, sources and kinds of the entries of a block.

    Parameters:
        body: the block, decompressed.
        count: how many entries its mark tells.
    """
    values = _columns(count).unpack_from(body)
    return tuple(values[at : at + count] for at in range(0, len(values), count))


def payload_ends(lengths: Sequence[int]) -> list[int]:
    """Return where in the body of a block each payload ends, behind where the first one begins.

    Parameters:
        lengths: of the payloads, in their order, bytes.
    """
    return list(accumulate(lengths, initial=len(lengths) * _ROW_BYTES))


@lru_cache(maxsize=64)
def _columns(count: int) -> struct.Struct:
    return struct.Struct("<" + "".join(f"{count}{code}" for _, code in HEAD_COLUMNS))


def encode_note(note: Note) -> bytes:
    """Return a note as the payload of an entry."""
    return msgspec.json.encode(note)
