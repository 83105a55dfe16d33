"""``wsexample tape``: look at tapes, cut and merge them, export what is on them."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.feed.numbers import count_of, span_text
from wsexample.cli.help_text import epilog
from wsexample.cli.options import CONTEXT, Command, debug_option, option, quiet_option
from wsexample.cli.output import Output
from wsexample.cli.progress import bytes_text, progress_bar
from wsexample.cli.running import Stop, run_command, say
from wsexample.cli.tapes.aside import aside
from wsexample.cli.tapes.options import span_ns, time_options
from wsexample.cli.usage import Group
from wsexample.tape.editing import cut as cut_tape
from wsexample.tape.editing import merge as merge_tapes
from wsexample.tape.format import CODECS, Entry, Kind
from wsexample.tape.reader import SourceInfo, Tape, TapeInfo

__all__ = ["main"]

STATUSES = (ExitCode.OK, ExitCode.USAGE, ExitCode.STORAGE, ExitCode.INTERNAL, ExitCode.INTERRUPTED)
TAPE = click.Path(exists=True, dir_okay=False)
CHUNK_BYTES = 64 * 1024

source_option = option("--source", type=click.IntRange(min=0), section="Tape", help="Only this source, by its number.")
force_option = option("--force", is_flag=True, section="Output", help="Replace the new file if it exists.")
codec_option = option(
    "--codec",
    type=click.Choice(CODECS),
    default="zlib",
    show_default=True,
    section="Output",
    help="How to compress it.",
)


@click.group(cls=Group, context_settings=CONTEXT)
def main() -> None:
    """Look at tapes of raw messages, cut, merge and export them; wsexample record makes them, replay plays them."""


@main.command(
    cls=Command,
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample tape info day.tape", "wsexample tape info *.tape --json | jq .messages", statuses=STATUSES
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=TAPE)
@option("--json", "as_json", is_flag=True, section="Output", help="Print one JSON object for each tape.")
@quiet_option
@debug_option
def info(files: tuple[str, ...], as_json: bool, quiet: bool, debug: bool) -> None:
    """Say what is on tapes: times, sources, messages, breaks, damage."""

    async def program(stop: Stop) -> int:
        for path in files:
            with Tape(path) as tape, progress_bar(f"reading {path}", is_quiet=quiet) as progress:
                found = await aside(tape.info, stop, progress)
            if found is None:
                break
            text = _as_json(found) if as_json else "\n".join(_lines(found))
            click.echo(text)
        return stop.exit_code

    run_command(program, debug=debug)


@main.command(
    cls=Command,
    short_help="Write a part of a tape to a new one, or mend one.",
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample tape cut day.tape morning.tape --from 09:00 --to 11:30",
        "wsexample tape cut torn.tape whole.tape   without times: what can be read of it",
        statuses=STATUSES,
    ),
)
@click.argument("file", type=TAPE)
@click.argument("target", type=click.Path(dir_okay=False))
@time_options
@source_option
@codec_option
@force_option
@quiet_option
@debug_option
def cut(
    file: str,
    target: str,
    since: str | None,
    until: str | None,
    source: int | None,
    codec: str,
    force: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Write a part of a tape to a new one; without times it mends a torn tape, or compresses one."""

    async def program(stop: Stop) -> int:
        with Tape(file) as tape:
            from_ns, to_ns = span_ns(tape, since, until)
        with progress_bar("cutting", is_quiet=quiet) as progress:
            work = partial(
                cut_tape, file, target, from_ns=from_ns, to_ns=to_ns, source=source, codec=codec, replace=force
            )
            count = await aside(lambda told: work(progress=told), stop, progress)
        _tell(count, target, is_quiet=quiet)
        return stop.exit_code

    run_command(program, debug=debug)


@main.command(
    cls=Command,
    context_settings=CONTEXT,
    epilog=epilog("wsexample tape merge monday.tape tuesday.tape -o week.tape", statuses=STATUSES),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=TAPE)
@option("-o", "--output", required=True, metavar="FILE", section="Output", help="The new tape.")
@codec_option
@force_option
@quiet_option
@debug_option
def merge(files: tuple[str, ...], output: str, codec: str, force: bool, quiet: bool, debug: bool) -> None:
    """Write several tapes to a new one, in the order of time."""

    async def program(stop: Stop) -> int:
        with progress_bar("merging", is_quiet=quiet) as progress:
            work = partial(merge_tapes, files, output, codec=codec, replace=force)
            count = await aside(lambda told: work(progress=told), stop, progress)
        _tell(count, output, is_quiet=quiet)
        return stop.exit_code

    run_command(program, debug=debug)


@main.command(
    cls=Command,
    short_help="Write what is on a tape as JSON lines.",
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample tape export day.tape | jq -c .symbol",
        "wsexample tape export day.tape --raw --sent -o day.jsonl",
        statuses=STATUSES,
    ),
)
@click.argument("file", type=TAPE)
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    section="Output",
    help="Write to a file in place of standard output.",
)
@option("--raw", is_flag=True, section="Output", help="The messages as they came, in place of records.")
@option("--sent", is_flag=True, section="Output", help="With --raw, what was sent as well.")
@option("--notes", is_flag=True, section="Output", help="With --raw, what happened to the connections as well.")
@time_options
@source_option
@quiet_option
@debug_option
def export(
    file: str,
    output: Path | None,
    raw: bool,
    sent: bool,
    notes: bool,
    since: str | None,
    until: str | None,
    source: int | None,
    quiet: bool,
    debug: bool,
) -> None:
    """Write what is on a tape as JSON lines: records where the dialect is known, otherwise the messages.

    A raw line has at_ns, source, connection, direction, and payload, or payload_base64 for binary messages.
    """

    async def program(stop: Stop) -> int:
        with Output(output) as out:
            with Tape(file) as tape:
                numbers = range(len(tape.sources)) if source is None else [source]
                is_raw = raw or sent or notes or not any(tape.source(number).dialect for number in numbers)
            if is_raw:
                return await _export_raw(file, out, stop, since, until, set(numbers), sent, notes, quiet)
            return await _export_records(file, out, stop, since, until, source, quiet)

    run_command(program, debug=debug)


async def _export_records(
    file: str, out: Output, stop: Stop, since: str | None, until: str | None, source: int | None, is_quiet: bool
) -> int:
    from wsexample.cli.tapes.play import Playing, play
    from wsexample.records.fields import encode_json

    with progress_bar("exporting", is_quiet=is_quiet) as progress:
        async for batch in play([file], Playing(since=since, until=until, source=source), progress):
            await out.send(b"".join(encode_json(record) + b"\n" for record in batch))
            if stop.is_asked:
                break
    return stop.exit_code


async def _export_raw(
    file: str,
    out: Output,
    stop: Stop,
    since: str | None,
    until: str | None,
    sources: set[int],
    sent: bool,
    notes: bool,
    is_quiet: bool,
) -> int:
    with Tape(file) as tape, progress_bar("exporting", is_quiet=is_quiet) as progress:
        from_ns, to_ns = span_ns(tape, since, until)
        lines: list[bytes] = []
        size = 0
        for entry in tape.entries(from_ns=from_ns, to_ns=to_ns, progress=progress):
            if entry.source in sources and _is_wanted(entry, sent=sent, notes=notes):
                lines.append(msgspec.json.encode(_raw(entry)))
                size += len(lines[-1])
            if size >= CHUNK_BYTES:
                await out.send(b"\n".join(lines) + b"\n")
                lines, size = [], 0
                await asyncio.sleep(0)  # a file is written without waiting; this is when Ctrl-C is heard
                if stop.is_asked:
                    break
        if lines:
            await out.send(b"\n".join(lines) + b"\n")
    return stop.exit_code


def _is_wanted(entry: Entry, *, sent: bool, notes: bool) -> bool:
    if entry.kind >= Kind.NOTE:
        return notes
    return sent or entry.kind < Kind.SENT_TEXT


def _raw(entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = {"at_ns": entry.at_ns, "source": entry.source, "connection": entry.connection}
    if entry.kind >= Kind.NOTE:
        line |= {"direction": "note", "note": msgspec.Raw(entry.payload)}
    else:
        line["direction"] = "received" if entry.kind < Kind.SENT_TEXT else "sent"
        if entry.kind in (Kind.RECEIVED_BINARY, Kind.SENT_BINARY):
            line["payload_base64"] = base64.b64encode(entry.payload).decode()
        else:
            line["payload"] = entry.payload.decode("utf-8", "replace")
    return line


# -- info ----------------------------------------------------------------------------------------------------------------


def _as_json(found: TapeInfo) -> str:
    plain = msgspec.to_builtins(found)
    for source, info in zip(plain["sources"], found.sources, strict=True):
        source["connections"] = len(info.connections)
        source["topics"] = sorted(info.topics)
    return msgspec.json.encode(plain).decode()


def _lines(found: TapeInfo) -> Iterator[str]:
    yield f"{found.path}: {bytes_text(found.size_bytes)}, {count_of(found.entries, 'message')} and notes"
    if found.first_ns is not None and found.last_ns is not None:
        length = span_text((found.last_ns - found.first_ns) / 1e9)
        yield f"  from {_time(found.first_ns)} to {_time(found.last_ns)} UTC, {length}"
    if found.raw_bytes > found.size_bytes:
        yield f"  compressed to {100 * found.size_bytes / found.raw_bytes:.0f} %"
    for number, info in enumerate(found.sources):
        yield from _source_lines(number, info)
    if found.damaged_bytes:
        yield f"  damaged: {bytes_text(found.damaged_bytes)} could not be read and are passed over"
    if found.torn_bytes:
        yield f"  torn: the last {bytes_text(found.torn_bytes)} are no whole block; tape cut leaves them out"
    for stretch in found.damage:
        yield f"    at byte {stretch.offset}: {bytes_text(stretch.size_bytes)}, {stretch.what}"


def _source_lines(number: int, info: SourceInfo) -> Iterator[str]:
    source = info.source
    name = source.dialect or source.venue or "raw messages"
    yield f"  source {number}: {name}{f' {source.url}' if source.url else ''}"
    yield (
        f"    received {count_of(info.received, 'message')} ({bytes_text(info.received_bytes)}),"
        f" sent {count_of(info.sent, 'message')} ({bytes_text(info.sent_bytes)})"
    )
    yield (
        f"    {count_of(len(info.connections), 'connection')}, {count_of(info.breaks, 'break')},"
        f" {count_of(info.gaps, 'gap')}"
    )
    topics = sorted(info.topics or source.topics)
    if topics:
        more = f" and {len(topics) - 8} more" if len(topics) > 8 else ""
        yield f"    topics {' '.join(topics[:8])}{more}"


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _tell(count: int | None, target: str, *, is_quiet: bool) -> None:
    if count is None:
        say(f"interrupted; {target} is not whole" if Path(target).exists() else "interrupted", color="yellow")
    elif not is_quiet:
        size = bytes_text(Path(target).stat().st_size)
        say(f"{count_of(count, 'message')} and notes written to {target}, {size}")


if __name__ == "__main__":
    sys.exit(main())
