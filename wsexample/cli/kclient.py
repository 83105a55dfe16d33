"""``kclient``: live boards from kabu Station on the terminal, in a pipe and in a file.

This file reads the command line and finds the credentials. What is to be streamed is put together in
`wsexample.cli.kabu.wishes`, the stream itself is in `wsexample.cli.kabu.stream`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from wsexample.brokers.credentials import find_settings
from wsexample.brokers.kabu.codes import REGISTER_LIMIT
from wsexample.cli.completion import completion_flag
from wsexample.cli.exit_codes import ExitCode, exit_status_help
from wsexample.cli.feed.flags import feed_flags
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.options import CONTEXT, SECONDS, Command, option, version_option
from wsexample.cli.running import Stop, run_command
from wsexample.errors import OptionError

__all__ = ["Credentials", "find_credentials", "main"]

KEY_VARIABLE = "KABU_API_KEY"
PASSWORD_VARIABLE = "KABU_API_PASSWORD"

EPILOG = """\b
Examples:
  kclient KEY 9433 7203 101              a live table of two stocks and the Nikkei average
  kclient --password 9433                asks for the API password and fetches a token
  kclient KEY 9433 --ladder 9433         the order book: ten levels, market orders, OVER and UNDER
  kclient KEY 9433 167060019@2 --store boards.db --journal breaks.jsonl
  kclient KEY 9433 | jq .last_price      one JSON object a line
  kclient KEY --watch-list topix.txt --rotate=20s
                                         more than fifty symbols, each for 20 s at a time
  kclient KEY --alert "9433 bid > 3000" --alert "* moves 2% in 5m"
  kclient KEY                            whatever is registered already

\b
SYMBOL is a code as kabu Station has it, with its market where it has several: 9433,
9433@3 (Nagoya), 167060019@2 (derivatives, whole day), 101 (Nikkei average).
Without KEY it is taken from KABU_API_KEY, or a token is fetched with the password in
KABU_API_PASSWORD; a KEY of - is asked for. Both may stand in the file .env or in the
config file as well. A new token makes the one before worthless, for other programs too.

\b
A watch list has a symbol a line: "9433", "7203@1 Toyota", "6594.N", "*101" (never rotates
out); # begins a comment. An alert is "SYMBOL FIGURE > NUMBER" (>=, <, <=), "SYMBOL crosses
NUMBER" (crosses above, crosses below) or "SYMBOL moves 2% in 5m" (rises, falls). Figures are
last, bid, ask, change, percent, volume, vwap and every other number of a board.

\b
kabu Station logs out every early morning: the stream goes on once you have logged in again.
Without an account: run "wsexample sim kabu" in another window; it shows a KEY to use.

""" + exit_status_help(
    ExitCode.OK,
    ExitCode.USAGE,
    ExitCode.CLOSED,
    ExitCode.MISSING_EXTRA,
    ExitCode.HOST_NOT_RESOLVED,
    ExitCode.CONNECT,
    ExitCode.STRANGE_REPLY,
    ExitCode.REFUSED,
    ExitCode.STORAGE,
    ExitCode.TIMEOUT,
    ExitCode.LOST,
    ExitCode.LOGIN,
    ExitCode.INTERNAL,
    ExitCode.NOT_FOUND,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
)


@click.command("kclient", cls=Command, context_settings=CONTEXT, epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[KEY] [SYMBOL[@EXCHANGE] ...]")
@option("--host", default="localhost", show_default=True, section="kabu Station", help="Where kabu Station runs.")
@option(
    "--port",
    type=click.IntRange(1, 65535),
    default=18080,
    show_default=True,
    section="kabu Station",
    help="18080 for production, 18081 for verification.",
)
@option(
    "--password",
    "wants_password",
    is_flag=True,
    section="kabu Station",
    help=f"Fetch a token with the API password, from {PASSWORD_VARIABLE} or asked for; then no KEY is needed.",
)
@option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    section="kabu Station",
    help=f"File with {KEY_VARIABLE}=... or {PASSWORD_VARIABLE}=...",
)
@option("--patient", is_flag=True, section="kabu Station", help="Wait until kabu Station is started and logged in.")
@option("--unregister-on-exit", is_flag=True, section="kabu Station", help="Take off the list what was added to it.")
@option(
    "--snapshot",
    is_flag=True,
    section="kabu Station",
    help="Read each board once before the stream; outside the sessions nothing is pushed.",
)
@option(
    "--watch-list",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    section="Symbols",
    help="File with a symbol a line, beside those of the command line.",
)
@option(
    "--rotate",
    type=SECONDS,
    bare="10",
    metavar="SECONDS",
    section="Symbols",
    help="Stream a list that is too long in turn: each symbol for so long (10 s without a value).",
)
@option("--pin", "pins", multiple=True, metavar="SYMBOL", section="Symbols", help="Never rotate this one out; repeat.")
@option(
    "--places",
    type=click.IntRange(min=1),
    default=REGISTER_LIMIT,
    show_default=True,
    section="Symbols",
    help="Places on kabu Station's registration list, which other programs share.",
)
@option("--ladder", metavar="SYMBOL", section="Output", help="Show the order book of one symbol in place of the table.")
@option(
    "--up-color",
    type=click.Choice(["auto", "japan", "west"]),
    default="auto",
    show_default=True,
    section="Output",
    help="Rising prices in red as in Japan, or in green; auto asks the locale.",
)
@feed_flags
@completion_flag
@version_option
def main(
    words: tuple[str, ...],
    host: str,
    port: int,
    wants_password: bool,
    env_file: Path | None,
    patient: bool,
    unregister_on_exit: bool,
    snapshot: bool,
    watch_list: Path | None,
    rotate: float | None,
    pins: tuple[str, ...],
    places: int,
    ladder: str | None,
    up_color: str,
    feed: FeedPlan,
) -> None:
    """Stream live boards from kabu Station: register symbols, show them as a table, store every record.

    In a pipe it prints one JSON object a line.
    """

    async def program(stop: Stop) -> int:
        from wsexample.cli.kabu.stream import StreamPlan, run_stream
        from wsexample.cli.kabu.wishes import wishes_of

        wishes = wishes_of(credentials.symbols, watch_list=watch_list, pins=pins, ladder=ladder, alerts=feed.alerts)
        plan = StreamPlan(
            wishes=wishes,
            key=credentials.key,
            password=credentials.password,
            host=host,
            port=port,
            unregister_on_exit=unregister_on_exit,
            snapshot=snapshot,
            is_patient=patient,
            rotate_s=rotate,
            places=places,
            up_color=up_color,
        )
        return await run_stream(plan, feed, stop)

    if rotate is not None and rotate <= 0:
        raise click.UsageError("--rotate must be above zero")
    try:
        credentials = find_credentials(words, find_settings(env_file=env_file), wants_password=wants_password)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    run_command(program, debug=feed.is_debug)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the words of the command line and the environment say."""

    symbols: tuple[str, ...]
    """Symbols to register."""
    key: str | None = field(default=None, repr=False)
    """Value of X-API-KEY."""
    password: str | None = field(default=None, repr=False)
    """API password."""


def find_credentials(
    words: Sequence[str], environment: Mapping[str, str], *, wants_password: bool = False
) -> Credentials:
    """Tell which word is the key, which are symbols, and where the key comes from when none is.

    The first word is the key when it is as long as one, and when none comes from elsewhere unless it looks like a symbol.

    Parameters:
        words: arguments of the command line.
        environment: variables of all sources, see `wsexample.brokers.credentials`.
        wants_password: whether a token shall be fetched with the password.

    Raises:
        click.UsageError: there is neither key nor password.
    """
    key = environment.get(KEY_VARIABLE) or None
    password = environment.get(PASSWORD_VARIABLE) or None
    symbols = tuple(words)
    is_known = bool(wants_password or key or password)
    if symbols and (symbols[0] == "-" or _may_be_key(symbols[0]) or not (is_known or _may_be_symbol(symbols[0]))):
        key, symbols = symbols[0], symbols[1:]
        if key == "-":
            key = _ask("KEY")
    elif wants_password:
        key = None
        password = password or _ask("API password")
    if key is None and password is None:
        seen = f"{symbols[0]} looks like a symbol: " if symbols else ""
        raise click.UsageError(
            f"{seen}give the KEY first, or set {KEY_VARIABLE}, or use --password; "
            'without an account, "wsexample sim kabu" shows a KEY'
        )
    return Credentials(symbols, key, password)


def _may_be_key(word: str) -> bool:
    """Tell whether a word is too long for a symbol; a token of kabu Station has 32 characters."""
    return len(word) >= 16


def _may_be_symbol(word: str) -> bool:
    """Tell whether a word has the shape of a symbol."""
    return re.fullmatch(r"[^\W_]{3,9}([@.]\w+)?|[A-Za-z]{3}/[A-Za-z]{3}(@\d+)?", word) is not None


def _ask(what: str) -> str:
    from wsexample.cli.asking import ask_secret

    return ask_secret(what)


if __name__ == "__main__":
    main(prog_name="kclient")
