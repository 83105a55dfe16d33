"""``wsexample top``: what a hub is doing, from what its ``/health`` says."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import msgspec

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.help_text import epilog
from wsexample.cli.listing import NONE, list_flags, number
from wsexample.cli.options import CONTEXT, SECONDS, Command, complete_url, debug_option, option
from wsexample.cli.running import Stop, run_command, say
from wsexample.cli.terminal import escape_controls
from wsexample.errors import BrokerError, DialectError, NetworkError, OptionError, RequestError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from wsexample.brokers.base import HttpCaller

__all__ = ["main"]

TIMEOUT_S = 5.0
LEAST_INTERVAL_S = 0.1
MOST_BYTES = 1024 * 1024
GAUGES = (("readers", "readers"), ("topics", "topics"))
COUNTERS = (
    ("published", "records published"),
    ("slow", "readers fell behind"),
    ("conflated", "records passed over for them"),
    ("closed_slow", "readers closed as too slow"),
    ("resumed", "subscriptions resumed"),
    ("missed", "records missed for good"),
)
"""Figures that only grow, and what the table calls them."""
TONES = {"ok": "green", "starting": "yellow"}


class Health(msgspec.Struct, kw_only=True):
    """What a hub says of itself; what a later version says besides is passed over."""

    hub: str
    status: str
    epoch: str
    readers: int
    topics: int
    published: int
    slow: int
    conflated: int
    closed_slow: int
    resumed: int
    missed: int
    refused: dict[str, int]
    silence_s: float | None
    uptime_s: float
    is_owner: bool | None = None


class Look(Health, kw_only=True):
    """One look: that, when it was, and what the counters have grown a second since the look before."""

    at_ns: int
    per_s: dict[str, float | None]


@click.command(
    cls=Command,
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample top localhost:9100",
        "wsexample top https://hub.example --ca ca.pem --interval 5",
        "wsexample top localhost:9100 --count 1 | jq .readers",
        "wsexample top localhost:9100 --interval 1m >> hub.jsonl",
        note="The first look has to succeed; a hub that goes away later is looked for until it is back.\n"
        "No token is needed: /health tells figures, never what is in records.",
        statuses=(
            ExitCode.OK,
            ExitCode.USAGE,
            ExitCode.HOST_NOT_RESOLVED,
            ExitCode.CONNECT,
            ExitCode.STRANGE_REPLY,
            ExitCode.REFUSED,
            ExitCode.TIMEOUT,
            ExitCode.TLS,
            ExitCode.SERVER_CERTIFICATE,
            ExitCode.INTERNAL,
            ExitCode.INTERRUPTED,
            ExitCode.TERMINATED,
        ),
    ),
)
@click.argument("url")
@option("--interval", type=SECONDS, default="1", show_default=True, metavar="TIME", section="Hub",
        help="How often to look.")  # fmt: skip
@option("--count", type=click.IntRange(min=1), section="Hub", help="End after so many looks.")
@option("--ca", type=click.Path(exists=True, dir_okay=False), section="Hub", help="Trust these authorities (PEM).")
@list_flags
@debug_option
def main(
    url: str, interval: float, count: int | None, ca: str | None, wants_json: bool, color: str, debug: bool
) -> None:
    """Show what a hub is doing: a live table on a terminal, JSON lines in a pipe."""

    async def program(stop: Stop) -> int:
        if interval < LEAST_INTERVAL_S:
            raise OptionError(f"--interval is at least {LEAST_INTERVAL_S:g} s", option="interval")
        base = _base_of(url)
        with _shown(base, wants_json=wants_json, color=color) as show:
            await stop.race(_look(base, show, interval_s=interval, count=count, tls=_tls(base, ca)))
        return stop.exit_code

    run_command(program, debug=debug)


def _base_of(url: str) -> str:
    """Return where the hub answers HTTP, from any address that readers use."""
    found = urlsplit(complete_url(url))
    if found.scheme not in ("ws", "wss") or not found.hostname:
        raise OptionError(f"{url!r} is no hub's address; write localhost:9100 or https://hub.example", option="url")
    return f"{'https' if found.scheme == 'wss' else 'http'}://{found.netloc.rpartition('@')[2]}"


def _tls(base: str, ca: str | None) -> Any:
    if not base.startswith("https"):
        if ca is not None:
            raise OptionError("--ca is for a hub with TLS: https://HOST:PORT", option="ca")
        return None
    from wsexample.wire.options import TlsOptions
    from wsexample.wire.tls import client_context

    return client_context(TlsOptions(ca_file=ca))


# -- looking -----------------------------------------------------------------------------------------------------------


async def _look(base: str, show: Callable[[Look], None], *, interval_s: float, count: int | None, tls: Any) -> None:
    """Look again and again; a look that fails is told once, and ends it when it is the first or the last."""
    from wsexample.brokers.base import HttpCaller

    http = HttpCaller(base, timeout_s=TIMEOUT_S, max_body_bytes=MOST_BYTES, tls=tls)
    before: Look | None = None
    looks, is_away = 0, False
    try:
        while True:
            begun_s = time.monotonic()
            looks += 1
            try:
                health = await _health(http, base)
            except (NetworkError, BrokerError) as error:
                if before is None or looks == count:
                    raise
                if not is_away:
                    say(f"{error}; looking on", color="yellow")
                is_away = True
            else:
                if is_away:
                    say("the hub is back", color="green")
                is_away = False
                before = _compared(before, health)
                show(before)
            if looks == count:
                return
            await asyncio.sleep(max(begun_s + interval_s - time.monotonic(), 0.0))
    finally:
        await http.close()


async def _health(http: HttpCaller, base: str) -> Health:
    reply = await http.call("GET", "/health")
    if reply.status not in (200, 503):  # 503 is a hub to which nothing comes
        raise RequestError(f"{base} is no hub: its /health is answered {reply.status}", http_status=reply.status)
    try:
        return msgspec.json.decode(reply.body, type=Health)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise DialectError(f"{base} is no hub that this version knows: its /health says something else") from None


def _compared(before: Look | None, health: Health) -> Look:
    """Return the look with its rates: None at first, and where the hub has begun anew."""
    per_s: dict[str, float | None] = dict.fromkeys(name for name, _ in COUNTERS)
    passed_s = 0.0 if before is None else health.uptime_s - before.uptime_s  # by the hub's own clock
    if before is not None and passed_s > 0:
        per_s = {name: max(getattr(health, name) - getattr(before, name), 0) / passed_s for name in per_s}
    return Look(**msgspec.structs.asdict(health), at_ns=time.time_ns(), per_s=per_s)


# -- showing -----------------------------------------------------------------------------------------------------------


def _shown(base: str, *, wants_json: bool, color: str) -> AbstractContextManager[Callable[[Look], None]]:
    """Return what shows a look: a table that stays, a line for people where it cannot be drawn, or JSON."""
    if wants_json or not sys.stdout.isatty():
        return nullcontext(lambda look: click.echo(msgspec.json.encode(look).decode()))
    if os.environ.get("TERM", "").lower() == "dumb":
        return nullcontext(lambda look: click.echo(_line(look)))
    return _Screen(base, color)


def _line(look: Look) -> str:
    """Say it in one line."""
    parts = [
        f"{time.strftime('%H:%M:%S')} {look.status}",
        f"{look.published:,} published ({_rate(look.per_s['published'])}/s)",
        *(f"{getattr(look, name):,} {name}" for name in ("readers", "topics", "conflated", "slow", "missed")),
        f"{sum(look.refused.values()):,} refused",
        f"silent {_silence(look)}",
    ]
    return escape_controls(", ".join(parts))


class _Screen(AbstractContextManager[Callable[[Look], None]]):
    """Draws looks over one another as long as the block lasts.

    Parameters:
        base: the hub's address.
        color: "auto", "always" or "never".
    """

    def __init__(self, base: str, color: str) -> None:
        from rich.console import Console
        from rich.live import Live

        from wsexample.cli.feed.keys import keys_unseen

        console = Console(highlight=False, no_color=True if color == "never" else None, force_terminal=True)
        self._base = base
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop", redirect_stderr=True)
        self._keys = keys_unseen()

    def __enter__(self) -> Callable[[Look], None]:
        self._keys.__enter__()
        self._live.__enter__()
        return lambda look: self._live.update(_table(look, self._base), refresh=True)

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)
        self._keys.__exit__(*error)


def _table(look: Look, base: str) -> RenderableType:
    """Draw a look: how the hub is, then its figures, then what it refused and why."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    status = escape_controls(look.status)
    role = {None: "", True: "   reads the upstream", False: "   stands by"}[look.is_owner]
    head = Text.assemble(
        (f" ● {status}", f"bold {TONES.get(status, 'red')}"), "  ", (escape_controls(look.hub), "bold")
    )
    head.append(f"  {escape_controls(base)}   up {_span(look.uptime_s)}   silent {_silence(look)}{role}", style="dim")
    head.no_wrap, head.overflow = True, "ellipsis"
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), header_style="bold")
    table.add_column("")
    table.add_column("now", justify="right")
    table.add_column("a second", justify="right")
    for name, words in GAUGES:
        table.add_row(words, number(getattr(look, name)), "")
    for name, words in COUNTERS:
        table.add_row(words, number(getattr(look, name)), _rate(look.per_s[name]))
    for reason, count in sorted(look.refused.items()):
        table.add_row(Text(escape_controls(f"refused: {reason}"), style="yellow"), number(count), "")
    return Group(head, table)


def _rate(per_s: float | None) -> str:
    return NONE if per_s is None else f"{per_s:,.1f}"


def _silence(look: Look) -> str:
    return NONE if look.silence_s is None else f"{look.silence_s:.1f} s"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    days, minutes = divmod(minutes, 24 * 60)
    return f"{f'{days} d ' if days else ''}{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


if __name__ == "__main__":
    main(prog_name="wsexample top")
