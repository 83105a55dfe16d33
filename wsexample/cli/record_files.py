"""Records from files of every kind that we write, and from a pipe: tapes, SQLite files, Parquet directories, JSON lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from wsexample.cli.stdin import StdinReader
from wsexample.cli.tapes.play import Playing, play
from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import UnknownRecord, decode_json
from wsexample.records.market import Record
from wsexample.tape.format import MAGIC

__all__ = ["records_from"]

BATCH = 1000
STDIN = "-"
_SQLITE_HEAD = b"SQLite format 3\x00"


async def records_from(
    sources: Sequence[str], playing: Playing, progress: Callable[[int, int], None] | None = None
) -> AsyncGenerator[Sequence[Record], None]:
    """Yield records of files in batches: all tapes together, or one source of another kind.

    Parameters:
        sources: paths of tapes, of one SQLite file, one Parquet directory or one file of JSON lines; "-" is standard input.
        playing: how tapes are played.
        progress: told how far tapes are.

    Raises:
        OptionError: several sources that are not all tapes, or times asked of what is no tape.
        StorageError: a file cannot be read, or is of no such kind.
    """
    kinds = {_kind(source) for source in sources}
    if kinds == {"tape"}:
        async for batch in play(sources, playing, progress):
            yield batch
        return
    if len(sources) > 1:
        raise OptionError("several sources must all be tapes; others are read one at a time", option="files")
    if playing != Playing():
        raise OptionError("--speed, --from, --to, --source and --max-pause are for tapes", option="speed")
    (source,), (kind,) = sources, kinds
    if kind == "stdin":
        async for batch in _lines():
            yield batch
        return
    async for batch in _read_beside(_rows(Path(source), kind)):
        yield batch


async def _read_beside(rows: Generator[Record, None, None]) -> AsyncIterator[list[Record]]:
    """Yield batches that one thread reads from the first to the last: an open SQLite file belongs to its thread."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "wsexample records") as thread:
        try:
            while batch := await loop.run_in_executor(thread, lambda: list(islice(rows, BATCH))):
                yield batch
        finally:
            thread.submit(rows.close)


def _kind(source: str) -> str:
    if source == STDIN:
        return "stdin"
    path = Path(source)
    if path.is_dir():
        return "parquet"
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_HEAD))
    except OSError as error:
        raise StorageError(f"{source} cannot be read: {error.strerror}") from error
    if head == _SQLITE_HEAD:
        return "sqlite"
    if (
        not head.strip()
    ):  # no line yet, as what was redirected before the first record; a tape has a head from the start
        return "tape" if path.suffix == ".tape" else "lines"
    if head.lstrip()[:1] == b"{":
        return "lines"
    if path.suffix != ".tape" and not head.startswith(MAGIC[:6]):  # whose end a program may have changed
        raise StorageError(f"{source} is neither a tape, an SQLite file, a Parquet directory nor JSON lines")
    return "tape"


def _rows(path: Path, kind: str) -> Generator[Record, None, None]:
    if kind == "sqlite":
        from wsexample.sinks.sqlite import read_records

        yield from read_records(path)
    elif kind == "parquet":
        from wsexample.sinks.parquet_archive import read_archive

        yield from read_archive(path)
    else:
        yield from _records_of(path)


def _records_of(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = _read(line, f"{path}:{number}")
            if record is not None:
                yield record


async def _lines() -> AsyncIterator[list[Record]]:
    """Yield what comes on standard input, as soon as it comes."""
    reader = StdinReader()
    rest, number = b"", 0
    while block := await reader.read():
        *lines, rest = (rest + block).split(b"\n")
        batch = []
        for line in lines:
            number += 1
            record = _read(line, f"line {number} of standard input")
            if record is not None:
                batch.append(record)
        if batch:
            yield batch
    last = _read(rest, "the last line of standard input")
    if last is not None:
        yield [last]


def _read(line: bytes, where: str) -> Record | None:
    """Read a line; None for an empty one and for a kind that this version does not know."""
    if not line.strip():
        return None
    try:
        record = decode_json(line)
    except StorageError as error:
        raise StorageError(f"{where}: {error}") from error
    return None if isinstance(record, UnknownRecord) else record
