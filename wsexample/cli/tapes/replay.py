"""``wsexample replay``: play tapes, as records for a pipe and a store, or as a server for anybody's client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.exposure import exposure
from wsexample.cli.feed.numbers import count_of
from wsexample.cli.options import ADDRESS, CONTEXT, Command, debug_option, option, quiet_option
from wsexample.cli.output import Output
from wsexample.cli.progress import progress_bar
from wsexample.cli.running import Stop, run_command, say
from wsexample.cli.tapes.options import pace_options, span_ns, time_options
from wsexample.cli.tapes.play import Playing, play
from wsexample.cli.tapes.speed import factor
from wsexample.tape.reader import Tape

__all__ = ["main"]

SERVING = "Serving"

EPILOG = """\b
Examples:
  wsexample replay day.tape | jq .last_price         records, as fast as they are read
  wsexample replay day.tape --speed 10 --from 09:00 --to 10:30
  wsexample replay kabu.tape alpaca.tape --store both.db
  wsexample replay day.tape --serve 9000             the recorded venue, at the recorded pace
  wsexample replay day.tape --serve 9000 --speed max --breaks

\b
Records are the same to the byte each time a tape is played, whatever the speed: their
received_ns are those of the recording. Tapes of one command are merged in the order of time.

""" + exit_status_help(
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.MISSING_EXTRA,
    ExitCode.STORAGE,
    ExitCode.LISTEN,
    ExitCode.INTERNAL,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)


@click.command(cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@pace_options("max")
@time_options
@option("--source", type=click.IntRange(min=0), section="Tape", help="Only this source, by its number.")
@option(
    "--store", metavar="URL", section="Output", help="Store every record: a path such as ticks.db, or a sink's URL."
)
@option("--count", type=click.IntRange(min=1), section="Output", help="End after so many records.")
@option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    section="Output",
    help="Write the JSON lines to a file.",
)
@option(
    "--serve",
    type=ADDRESS,
    metavar="[HOST:]PORT",
    section=SERVING,
    help="Be a server that sends what was received; the speed is then 1 unless given.",
)
@option("--breaks", is_flag=True, section=SERVING, help="Break connections where they broke.")
@option(
    "--no-wait", is_flag=True, section=SERVING, help="Answer logins and subscriptions before the client has sent them."
)
@option("--repeat", is_flag=True, section=SERVING, help="Begin anew at the end, in place of closing.")
@quiet_option
@debug_option
@click.pass_context
def main(
    context: click.Context,
    files: tuple[str, ...],
    speed: float,
    max_pause: float | None,
    since: str | None,
    until: str | None,
    source: int | None,
    store: str | None,
    count: int | None,
    output: Path | None,
    serve: tuple[str | None, int] | None,
    breaks: bool,
    no_wait: bool,
    repeat: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Play tapes: records as JSON lines and into a store, or a server that other people's clients connect to."""
    if serve is None:
        for given, name in ((breaks, "breaks"), (no_wait, "no-wait"), (repeat, "repeat")):
            if given:
                raise click.UsageError(f"--{name} is for --serve")
    elif len(files) > 1:
        raise click.UsageError("one tape can be served; wsexample tape merge makes one of several")

    async def program(stop: Stop) -> int:
        if serve is not None:
            has_speed = context.get_parameter_source("speed") is not click.core.ParameterSource.DEFAULT
            facts = {"breaks": breaks, "waits": not no_wait, "repeats": repeat, "max_pause_s": max_pause}
            facts["speed"] = factor(speed) if has_speed else 1.0
            return await _serve(files[0], serve, source, (since, until), facts, stop, is_quiet=quiet)
        playing = Playing(speed=factor(speed), max_pause_s=max_pause, since=since, until=until, source=source)
        return await _replay(files, playing, stop, store=store, count=count, output=output, is_quiet=quiet)

    run_command(program, debug=debug)


async def _replay(
    files: Sequence[str],
    playing: Playing,
    stop: Stop,
    *,
    store: str | None,
    count: int | None,
    output: Path | None,
    is_quiet: bool,
) -> int:
    """Play records to a store, or to a pipe where there is none."""
    from wsexample.cli.feed.store import Store
    from wsexample.records.fields import encode_json

    place = Store(store) if store is not None else None
    prints = place is None or output is not None
    played = 0
    if place is not None:
        await place.open()
    try:
        with Output(output) as out, progress_bar("playing", is_quiet=is_quiet) as progress:

            async def carry() -> None:
                nonlocal played
                async for batch in play(files, playing, None if prints and out.is_terminal else progress):
                    wanted = batch if count is None else batch[: count - played]
                    if place is not None:
                        await place.write(wanted)
                    if prints:
                        await out.send(b"".join(encode_json(record) + b"\n" for record in wanted))
                    played += len(wanted)
                    if played == count:
                        break

            await stop.race(carry())
    finally:
        if place is not None:
            await place.close()
    if not is_quiet:
        kept = f", stored in {place.place}" if place is not None else ""
        say(f"{count_of(played, 'record')} played{kept}")
    return stop.exit_code


async def _serve(
    file: str,
    address: tuple[str | None, int],
    source: int | None,
    times: tuple[str | None, str | None],
    facts: dict[str, Any],
    stop: Stop,
    *,
    is_quiet: bool,
) -> int:
    """Serve a tape until the user ends it."""
    from wsexample.tape.server import TapePlan, TapeStats, serve_tape

    with Tape(file) as tape:
        from_ns, to_ns = span_ns(tape, *times)
    stats = TapeStats()
    host, port = address
    host = {None: "127.0.0.1", "*": "0.0.0.0"}.get(host, host)
    plan = TapePlan(from_ns=from_ns, to_ns=to_ns, **facts)
    warning = exposure(str(host), f"read {file}, account data included", "another address")
    if warning is not None:
        say(warning, color="yellow")
    async with serve_tape(file, plan, source=source, host=str(host), port=port, stats=stats) as server:
        if not is_quiet:
            say(f"{file} is played to whoever connects to {server.url}", color="green")
        await stop.wait()
    if not is_quiet:
        say(f"{count_of(stats.sent, 'message')} sent to {count_of(stats.clients, 'client')}")
    return stop.exit_code
