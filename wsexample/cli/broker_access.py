"""How the commands of a broker are told where it is and who asks: its simulator, another address, files with credentials."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import click

from wsexample.cli.options import option
from wsexample.cli.running import Program, Stop, run_command
from wsexample.cli.sim.simulating import PORTS
from wsexample.errors import ConnectError

if TYPE_CHECKING:
    from wsexample.cli.feed.plan import FeedPlan
    from wsexample.session.options import Retry

__all__ = ["access_flags", "base_url", "check_place", "is_here", "patience_flag", "retry_of", "run_at", "simulator_url"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def access_flags(broker: str, section: str) -> Callable[[Decorated], Decorated]:
    """Add ``--sim``, ``--url``, ``--env-file`` and ``--config``.

    Parameters:
        broker: whose simulator it is, as in `PORTS`.
        section: heading in the help.
    """
    flags = (
        option(
            "--sim",
            bare=str(PORTS[broker]),
            metavar="PORT",
            section=section,
            help=f'Talk to "wsexample sim {broker}" on this machine, with its credentials; port {PORTS[broker]}'
            " unless said.",
        ),
        option(
            "--url", metavar="URL", section=section, help="Base address of streams and REST in place of the broker's."
        ),
        option(
            "--env-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            section=section,
            help="File of NAME=value lines with credentials, in place of .env.",
        ),
        option(
            "--config",
            "config_file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            section=section,
            help="Config file with credentials.",
        ),
    )

    def decorate(command: Decorated) -> Decorated:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return decorate


def patience_flag(section: str) -> Callable[[Decorated], Decorated]:
    """Add ``--patient``."""
    return option(
        "--patient", "is_patient", is_flag=True, section=section, help="Keep trying although the first attempt fails."
    )


def retry_of(feed: FeedPlan, *, is_patient: bool, **limits: Any) -> Retry:
    """Return how often a session tries: a mistake in the beginning ends it, a lost connection is replaced.

    Parameters:
        feed: what the command line said.
        is_patient: whether the first attempt may fail too.
        limits: further fields of `Retry`.
    """
    from wsexample.session.options import Retry

    return Retry(max_attempts=None if feed.reconnects else 1, initial_attempts=None if is_patient else 1, **limits)


def check_place(sim: str | None, url: str | None) -> None:
    """Raise `click.UsageError` when ``--sim`` and ``--url`` are both given, or one of them is nonsense."""
    if sim is not None and url is not None:
        raise click.UsageError("--sim does not go with --url")
    if sim is not None:
        simulator_url(sim)
    if url is not None:
        base_url(url)


def is_here(url: str) -> bool:
    """Tell whether an address is this machine."""
    return urlsplit(base_url(url)).hostname in ("localhost", "127.0.0.1", "::1")


def run_at(program: Program, *, broker: str, sim: str | None, debug: bool) -> NoReturn:
    """Run a command's coroutine as `run_command` does; where a simulator is wanted that does not run, say how to run it.

    Parameters:
        program: gets the `Stop` to watch; returns the exit status.
        broker: whose simulator it is.
        sim: port of a simulator; None for none.
        debug: show the traceback of an error.
    """

    async def hinted(stop: Stop) -> int:
        try:
            return await program(stop)
        except ConnectError as error:
            if sim is None or not error.refused:
                raise
            port = "" if sim == str(PORTS[broker]) else f" --port {sim}"
            words = f'no simulator is on port {sim}; run "wsexample sim {broker}{port}" in another window'
            raise ConnectError(words, address=error.address, refused=True) from error

    run_command(hinted, debug=debug)


def simulator_url(value: str) -> str:
    """Return the base address of a simulator on this machine; raises `click.UsageError` for what is no port."""
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise click.UsageError(f"--sim={value}: write a port, such as --sim=18082")
    return f"http://127.0.0.1:{value}"


def base_url(value: str) -> str:
    """Return an address as REST calls need it: ``ws`` becomes ``http``; raises `click.UsageError` for what is no address."""
    found = re.fullmatch(r"(https?|wss?)://([^/\s?#@]+)(/[^\s?#]*)?", value)
    if found is None:
        from wsexample.wire.masking import mask_url

        raise click.UsageError(f"--url {mask_url(value)}: write an address such as http://127.0.0.1:8080")
    scheme = "https" if found[1] in ("https", "wss") else "http"
    return f"{scheme}://{found[2]}{(found[3] or '').rstrip('/')}"
