"""``wsexample hub-token``: who may read a hub."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.help_text import epilog
from wsexample.cli.listing import Column, list_flags, show, when
from wsexample.cli.options import CONTEXT, SECONDS, Command, debug_option, option
from wsexample.cli.running import Stop, run_command, say
from wsexample.cli.usage import Group

if TYPE_CHECKING:
    from wsexample.hub.access import Rights

__all__ = ["main"]

STATUSES = (ExitCode.OK, ExitCode.USAGE, ExitCode.STORAGE, ExitCode.INTERNAL)
FILE = click.argument("file", type=click.Path(dir_okay=False))
FILE_THAT_IS = click.argument("file", type=click.Path(exists=True, dir_okay=False))


@click.group(cls=Group, context_settings=CONTEXT)
def main() -> None:
    """Give readers of a hub tokens, and take them away; FILE holds hashes, never the tokens themselves."""


@main.command(
    cls=Command,
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample hub-token add tokens.json alice --topic 'alpaca.>' --expires 30d",
        "wsexample hub-token add tokens.json desk --account",
        statuses=STATUSES,
    ),
)
@FILE
@click.argument("name")
@option("--topic", "topics", multiple=True, default=(">",), section="Rights", help="Topics that may be read; repeat.")
@option("--account", is_flag=True, section="Rights", help="Orders, fills, positions and accounts too.")
@option("--personal", is_flag=True, section="Rights", help="With account numbers in them.")
@option("--expires", type=SECONDS, section="Rights", help="After how long it ends, such as 30d.")
@debug_option
def add(
    file: str, name: str, topics: tuple[str, ...], account: bool, personal: bool, expires: float | None, debug: bool
) -> None:
    """Make a token for NAME and print it, once: it cannot be had again."""

    async def program(stop: Stop) -> int:
        from wsexample.hub.access import TokenFile

        expires_ns = None if expires is None else time.time_ns() + round(expires * 1e9)
        token = TokenFile(file).add(name, topics=topics, account=account, personal=personal, expires_ns=expires_ns)
        click.echo(token)
        say(f"{name} may connect with it; keep it, {file} has only its hash", color="green")
        return ExitCode.OK

    run_command(program, debug=debug)


@main.command(
    cls=Command,
    short_help="Take a token away; its connections end.",
    context_settings=CONTEXT,
    epilog=epilog("wsexample hub-token revoke tokens.json alice", statuses=STATUSES),
)
@FILE_THAT_IS
@click.argument("name")
@debug_option
def revoke(file: str, name: str, debug: bool) -> None:
    """Take NAME's token away; connections that it opened end within seconds."""

    async def program(stop: Stop) -> int:
        from wsexample.hub.access import TokenFile

        TokenFile(file).revoke(name)
        say(f"the token of {name} does not hold any more", color="green")
        return ExitCode.OK

    run_command(program, debug=debug)


@main.command(
    "list",
    cls=Command,
    context_settings=CONTEXT,
    epilog=epilog(
        "wsexample hub-token list tokens.json",
        "wsexample hub-token list tokens.json --json | jq .name",
        statuses=STATUSES,
    ),
)
@FILE_THAT_IS
@list_flags
@debug_option
def list_tokens(file: str, wants_json: bool, color: str, debug: bool) -> None:
    """Show who has a token, and for what."""

    async def program(stop: Stop) -> int:
        from wsexample.hub.access import TokenFile

        columns = [
            Column("name", lambda one: one.name, is_text=True),
            Column("topics", lambda one: " ".join(one.topics), is_text=True),
            Column("account", _account, is_text=True),
            Column("expires", _expires, is_text=True),
        ]
        show(TokenFile(file).names(), columns, wants_json=wants_json, color=color, empty="no tokens")
        return ExitCode.OK

    run_command(program, debug=debug)


def _account(rights: Rights) -> str:
    return "no" if not rights.account else "with numbers" if rights.personal else "yes"


def _expires(rights: Rights) -> str:
    if rights.expires_ns is None:
        return "never"
    return f"{when(rights.expires_ns)}{' (over)' if rights.is_over(time.time_ns()) else ''}"


if __name__ == "__main__":
    main(prog_name="wsexample hub-token")
