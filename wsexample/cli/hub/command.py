"""``wsexample hub``: one upstream, any number of readers, and a page to look at."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.exposure import exposure
from wsexample.cli.help_text import epilog
from wsexample.cli.hub.log import FORMATS, show_log
from wsexample.cli.leash import environment_of_child
from wsexample.cli.options import ADDRESS, CONTEXT, Command, debug_option, option, quiet_option
from wsexample.cli.running import Stop, run_command, say, say_error
from wsexample.cli.tapes.options import pace_options
from wsexample.errors import OptionError, StateError

if TYPE_CHECKING:
    from wsexample.hub.access import Access
    from wsexample.hub.desk import Desk
    from wsexample.hub.server import Hub
    from wsexample.ports import Backplane
    from wsexample.records.market import Record
    from wsexample.wire.tls import TlsOptions

__all__ = ["main"]

COMMANDS = {
    "kclient": ("wsexample.cli.kclient",),
    "alpaca": ("wsexample.cli.main", "alpaca"),
    "weex": ("wsexample.cli.main", "weex"),
    "watch": ("wsexample.cli.main", "watch"),
}
"""Streaming commands that may stand where a file does."""
log = logging.getLogger("wsexample.hub")

_UPSTREAMS = {"kabu": ("kclient",), "alpaca": ("alpaca",), "weex": ("weex",), "tape": ()}
"""What ``--from`` puts before the words of a source."""
GOODBYE_S = 10.0
PATIENCE_S = 1.0
"""After how long somebody who waits is told for what."""
READABLE = click.Path(exists=True, dir_okay=False)
SERVING, READERS, OTHERS = "Serving", "Readers", "Other hubs"

NOTE = """A source is a streaming command with its arguments (behind --), a tape, a file of records, or
standard input. Readers connect to ws://HOST:PORT/v1/stream (docs/hub.md has the language), with
wsexample watch, or open http://HOST:PORT/ in a browser. A source that is a command and
fails ends the hub with its exit status. Hubs with the same --backplane and --lease share topics: one reads
its source, the others stand by with theirs and take over when it dies; without a SOURCE a hub never does.
Account records travel there too: let only hubs read wsxhub.> on those servers."""


@click.command(
    cls=Command,
    context_settings={**CONTEXT, "allow_interspersed_args": False},
    epilog=epilog(
        "wsexample hub -- alpaca quotes AAPL MSFT             or: hub --from alpaca quotes AAPL MSFT",
        "wsexample hub --listen 9100 -- kclient KEY 9433 7203",
        "wsexample weex tickers BTCUSDT | wsexample hub",
        "wsexample hub --speed 1 day.tape                     yesterday, as it came",
        "wsexample hub --backplane nats://a:4222,b:4222 --replicas 3 -- kclient KEY 9433    on each machine",
        "wsexample hub --backplane tls://nats.example --backplane-ca ca.pem",
        "wsexample hub --listen '*:9100' --tokens tokens.json --cert c.pem --key k.pem -- kclient KEY 9433",
        note=NOTE,
        statuses=(
            ExitCode.OK,
            ExitCode.USAGE,
            ExitCode.MISSING_EXTRA,
            ExitCode.HOST_NOT_RESOLVED,
            ExitCode.CONNECT,
            ExitCode.REFUSED,
            ExitCode.STORAGE,
            ExitCode.TLS,
            ExitCode.LISTEN,
            ExitCode.CLIENT_CERTIFICATE,
            ExitCode.SERVER_CERTIFICATE,
            ExitCode.LOGIN,
            ExitCode.INTERNAL,
            ExitCode.INTERRUPTED,
            ExitCode.TERMINATED,
        ),
    ),
)
@click.argument("source", nargs=-1, type=click.UNPROCESSED, metavar="[SOURCE]...")
@option(
    "--from",
    "upstream",
    type=click.Choice(["kabu", "alpaca", "weex", "tape"]),
    section=SERVING,
    help="Whose arguments SOURCE has: kclient's, those of alpaca or weex, or the paths of tapes.",
)
@option("--listen", type=ADDRESS, default="127.0.0.1:9100", show_default=True, section=SERVING, aliases=["-l", "--port"],
        help="Where to listen.")  # fmt: skip
@option("--name", default="hub", show_default=True, section=SERVING, help="Its name, in logs and for readers.")
@option("--cert", type=READABLE, section=SERVING, help="Certificate for wss and https (PEM).")
@option("--key", type=READABLE, section=SERVING, help="Its key, when in another file.")
@option("--no-page", is_flag=True, section=SERVING, help="Serve no page.")
@option("--log-format", type=click.Choice(FORMATS), default="text", show_default=True, section=SERVING,
        help="How what happens with readers is noted on stderr: for people, or as JSON lines.")  # fmt: skip
@option("--history", type=click.IntRange(min=1), default=1000, show_default=True, section=SERVING,
        help="Records of each topic that are kept for readers who resume.")  # fmt: skip
@option("--tokens", type=click.Path(dir_okay=False), section=READERS,
        help="File of tokens (wsexample hub-token makes them); without one everybody may read market data.")  # fmt: skip
@option("--account", is_flag=True, section=READERS, help="Without tokens: let everybody read orders and accounts too.")
@option("--max-readers", type=click.IntRange(min=1), default=10_000, show_default=True, section=READERS,
        help="Readers at once.")  # fmt: skip
@option(
    "--max-per-address", type=click.IntRange(min=0), default=0, section=READERS, help="Readers of one address at once."
)
@option(
    "--max-per-token", type=click.IntRange(min=0), default=0, section=READERS, help="Readers with one token at once."
)
@option("--min-interval", type=click.IntRange(min=0), default=0, metavar="MS", section=READERS,
        help="Shortest interval of a reader; 0 lets it have everything.")  # fmt: skip
@option("--origin", "origins", multiple=True, section=READERS, help="Let pages of this origin connect; repeat, or '*'.")
@option("--backplane", metavar="URL", envvar="WSEXAMPLE_HUB_BACKPLANE", section=OTHERS,
        help="NATS servers over which hubs share topics: nats://host:4222, several with commas between; with tls:// nothing"
        " is said without TLS. Also from WSEXAMPLE_HUB_BACKPLANE, where a password is seen by nobody.")  # fmt: skip
@option("--backplane-ca", type=READABLE, section=OTHERS, help="Trust these authorities for NATS (PEM).")
@option("--backplane-cert", type=READABLE, section=OTHERS, help="Client certificate for NATS (PEM).")
@option("--backplane-key", type=READABLE, section=OTHERS, help="Its private key, when it is in another file.")
@option("--lease", metavar="NAME", section=OTHERS,
        help="Hubs of the same name share topics and take turns at their source (default: hub).")  # fmt: skip
@option("--replicas", type=click.IntRange(1, 5), section=OTHERS,
        help="On how many NATS servers records are kept, where this hub is the first (default: 1).")  # fmt: skip
@pace_options("1")
@quiet_option
@debug_option
def main(source: tuple[str, ...], upstream: str | None, quiet: bool, debug: bool, **chosen: Any) -> None:
    """Publish what SOURCE streams to any number of readers, with a page to look at."""

    source = (*_UPSTREAMS.get(upstream, ()), *source) if upstream is not None else source

    async def program(stop: Stop) -> int:
        try:
            return await _run(source, chosen, stop, is_quiet=quiet)
        except _SourceError as failed:
            say_error(failed, debug=debug)
            return failed.status

    run_command(program, debug=debug)


async def _run(source: Sequence[str], chosen: dict[str, Any], stop: Stop, *, is_quiet: bool) -> int:
    from wsexample.hub.desk import Desk, DeskOptions
    from wsexample.hub.server import Hub, HubOptions
    from wsexample.hub.web import HubPages

    if not source and chosen["backplane"] is None and sys.stdin.isatty():
        raise OptionError("name a source, or pipe records in; --help has examples")
    if source and source[0] in COMMANDS and {"-q", "--quiet"} & set(source):
        raise OptionError("a source with --quiet prints no records; give --quiet to the hub")
    late = next((word for word in source if word.startswith("--")), None)
    if source and source[0] not in COMMANDS and late is not None:
        raise OptionError(f"{late} stands behind the source {source[0]}; options of the hub stand before it")
    if not is_quiet:
        show_log(chosen["log_format"])
    host, port = chosen["listen"]
    host = {None: "127.0.0.1", "*": "0.0.0.0"}.get(host, host)
    access = _access(chosen, host)
    pages = HubPages(has_page=not chosen["no_page"])
    origins: Sequence[str] | None = None if "*" in chosen["origins"] else chosen["origins"]
    options = HubOptions(
        name=chosen["name"],
        desk=DeskOptions(history=chosen["history"]),
        max_readers=chosen["max_readers"],
        max_readers_per_address=chosen["max_per_address"],
        max_readers_per_token=chosen["max_per_token"],
        min_interval_ms=chosen["min_interval"],
        allowed_origins=origins,
    )
    desk = Desk(options.desk)
    async with _backplane(chosen, desk, stop, is_quiet=is_quiet) as backplane:
        hub = Hub(
            host, port, access=access, tls=_tls(chosen), http=pages, options=options, desk=desk, epoch=backplane.epoch
        )
        pages.hub = hub
        pages.backplane = backplane if chosen["backplane"] is not None else None
        await _serve(hub, backplane, source, chosen, stop, is_quiet=is_quiet)
    return stop.exit_code


@contextlib.asynccontextmanager
async def _backplane(chosen: dict[str, Any], desk: Desk, stop: Stop, *, is_quiet: bool) -> AsyncIterator[Backplane]:
    """Join other hubs, if there are to be any."""
    from wsexample.hub.backplane import backplane_at

    if chosen["backplane"] is None:
        for name in ("lease", "replicas", "backplane_ca", "backplane_cert", "backplane_key"):
            if chosen[name] is not None:
                raise OptionError(f"--{name.replace('_', '-')} is for hubs with a --backplane", option="backplane")
        backplane = backplane_at(None, desk)
    else:
        from wsexample.hub.nats_options import NatsOptions

        tls = _backplane_tls(chosen)
        options = NatsOptions(lease=chosen["lease"] or "hub", replicas=chosen["replicas"] or 1, tls=tls)
        backplane = backplane_at(chosen["backplane"], desk, options)
    if not await stop.race(_reached(backplane, chosen["log_format"], is_quiet=is_quiet)):
        raise asyncio.CancelledError
    try:
        yield backplane
    finally:
        await backplane.close()


async def _reached(backplane: Backplane, form: str, *, is_quiet: bool) -> None:
    """Open a backplane, and say so when that takes long."""
    opening = asyncio.ensure_future(backplane.open())
    try:
        await asyncio.wait({opening}, timeout=PATIENCE_S)
        if not opening.done() and not is_quiet:
            _tell(form, "waiting for the NATS servers of the backplane; Ctrl-C stops", event="waiting")
        await opening
    finally:
        opening.cancel()


def _backplane_tls(chosen: dict[str, Any]) -> TlsOptions | None:
    """Return whom to trust and who we are towards NATS, where something was said about it."""
    ca, cert, key = (chosen[f"backplane_{name}"] for name in ("ca", "cert", "key"))
    if key is not None and cert is None:
        raise OptionError("--backplane-key needs --backplane-cert", option="backplane_key")
    if ca is None and cert is None:
        return None
    from wsexample.wire.tls import TlsOptions

    return TlsOptions(ca_file=ca, client_cert=cert, client_key=key)


async def _serve(
    hub: Hub, backplane: Backplane, source: Sequence[str], chosen: dict[str, Any], stop: Stop, *, is_quiet: bool
) -> None:
    """Publish the source while readers are served; serve them on when it has ended."""
    form, stats = chosen["log_format"], hub.desk.stats
    async with hub:
        if not is_quiet:
            page = "" if chosen["no_page"] else f", the page is {_page_of(hub.url)}"
            words = f"readers connect to {hub.url}{page}; Ctrl-C stops"
            _tell(form, words, event="listening", color="green", url=hub.url)
        ended = False
        if source or chosen["backplane"] is None:
            ended = await stop.race(backplane.publish_from(lambda: _batches(source, chosen)), grace_s=0.0)
        else:
            await stop.wait()
        if ended and not is_quiet:
            words = f"the source has ended after {stats.published:,} records; readers are still served"
            _tell(form, words, event="source_ended", published=stats.published)
        if ended:
            await stop.wait()
        if not is_quiet:
            words = f"{stats.published:,} records published, {stats.conflated:,} passed over for slow readers"
            _tell(form, words, event="stopped", published=stats.published, conflated=stats.conflated)


def _access(chosen: dict[str, Any], host: str) -> Access:
    """Say who may read; a hub that others can reach and that knows no tokens is warned about."""
    from wsexample.hub.access import EVERYTHING, MARKET_DATA, Access, TokenFile

    if chosen["tokens"] is not None:
        if chosen["account"]:
            raise OptionError("--account is for a hub without --tokens")
        path = Path(chosen["tokens"])
        if not path.is_file():
            raise OptionError(f"there is no {path}: wsexample hub-token add {path} NAME makes it")
        tokens = TokenFile(path)
        tokens.names()  # a file that holds none says so now, not to the first reader
        return Access(tokens, anybody=None)
    what = "orders and accounts" if chosen["account"] else "market data"
    words = exposure(host, f"read {what}", "--tokens")
    if words is not None:
        _tell(chosen["log_format"], words, event="note", color="yellow", level=logging.WARNING)
    return Access(anybody=EVERYTHING if chosen["account"] else MARKET_DATA)


def _tls(chosen: dict[str, Any]) -> Any:
    if chosen["cert"] is None:
        if chosen["key"] is not None:
            raise OptionError("--key needs --cert")
        return None
    from wsexample.wire.tls import server_context

    return server_context(chosen["cert"], chosen["key"])


def _page_of(url: str) -> str:
    return url.replace("ws", "http", 1).removesuffix("v1/stream")


def _tell(
    form: str, sentence: str, *, event: str, color: str | None = None, level: int = logging.INFO, **facts: Any
) -> None:
    """Say something to people, or note it where everything else is noted as JSON."""
    if form == "json":
        log.log(level, sentence, extra={"event": event, **facts})
    else:
        say(sentence, color=color)


# -- sources -----------------------------------------------------------------------------------------------------------


class _SourceError(StateError):
    """A source that is a command has failed; the hub ends with its exit status."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"{name} has ended with status {status}; what it said is above")
        self.status = status if status > 0 else 128 - status
        """That status; of one that a signal ended, what a shell makes of it."""


async def _batches(source: Sequence[str], chosen: dict[str, Any]) -> AsyncGenerator[Sequence[Record], None]:
    """Yield what a source streams."""
    from wsexample.cli.record_files import STDIN, records_from
    from wsexample.cli.tapes.play import Playing
    from wsexample.cli.tapes.speed import factor

    if source and source[0] in COMMANDS:
        async for printed in _from_command(source):
            yield printed
        return
    files = tuple(source) or (STDIN,)
    is_tape = all(Path(file).suffix == ".tape" for file in files)
    playing = Playing(speed=factor(chosen["speed"]), max_pause_s=chosen["max_pause"]) if is_tape else Playing()
    async for batch in records_from(files, playing):
        yield batch
        await asyncio.sleep(0)  # readers get theirs between two batches of a file


async def _from_command(words: Sequence[str]) -> AsyncIterator[list[Record]]:
    """Run a streaming command beside this one and yield the records that it prints."""
    from wsexample.records.fields import UnknownRecord, decode_json

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *COMMANDS[words[0]],
        *words[1:],
        stdin=asyncio.subprocess.PIPE,  # never written to: it ends with this process
        stdout=asyncio.subprocess.PIPE,
        env=environment_of_child({**os.environ, "PYTHONUNBUFFERED": "1"}),
    )
    assert process.stdout is not None
    rest = b""
    try:
        while block := await process.stdout.read(256 * 1024):
            *lines, rest = (rest + block).split(b"\n")
            found = [decode_json(line) for line in lines if line]
            if batch := [record for record in found if not isinstance(record, UnknownRecord)]:
                yield batch
        status = await process.wait()
        if status:
            raise _SourceError(words[0], status)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), GOODBYE_S)
            except TimeoutError:
                process.kill()
                await process.wait()


if __name__ == "__main__":
    main(prog_name="wsexample hub")
