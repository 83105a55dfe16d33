"""Which Alpaca a command talks to, and as whom: paper, live, the simulator or another address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from wsexample.cli.broker_access import access_flags, base_url, check_place, is_here, run_at, simulator_url
from wsexample.cli.options import option
from wsexample.cli.running import Program
from wsexample.errors import CredentialsError

if TYPE_CHECKING:
    from wsexample.brokers.alpaca import AlpacaCredentials, AlpacaDataRest, AlpacaTradingRest

__all__ = ["SECTION", "AlpacaAccess", "account_access", "market_access"]

SECTION = "Alpaca"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaAccess:
    """What the command line says about whom to talk to."""

    is_live: bool = False
    """Whether it is about real money."""
    sim: str | None = None
    """Port of a simulator; None for none."""
    url: str | None = None
    """Another address."""
    env_file: Path | None = None
    """File of credentials."""
    config_file: Path | None = None
    """Config file."""

    @property
    def may_be_real(self) -> bool:
        """Whether orders may cost real money: on the live account, and at an address that is neither here nor known."""
        from wsexample.brokers.alpaca.codes import PAPER_URL

        if self.is_live or self.url is None:
            return self.is_live
        return not is_here(self.url) and base_url(self.url) != PAPER_URL

    @property
    def rest_url(self) -> str | None:
        """Base address of REST calls; None for Alpaca's own."""
        if self.sim is not None:
            return simulator_url(self.sim)
        return None if self.url is None else base_url(self.url)

    @property
    def stream_url(self) -> str | None:
        """Base address of streams; None for Alpaca's own."""
        url = self.rest_url
        return None if url is None else "ws" + url.removeprefix("http")

    @property
    def place(self) -> str:
        """Where it is, for people."""
        if self.sim is not None:
            return f"simulated Alpaca on port {self.sim}"
        if self.url is not None:
            return f"Alpaca at {base_url(self.url)}"
        return "Alpaca"

    @property
    def account_place(self) -> str:
        """The same for what concerns an account."""
        if self.is_live:
            return f"{self.place}, LIVE account"
        return self.place if self.sim is not None or self.url is not None else f"{self.place}, paper account"

    def run(self, program: Program, *, debug: bool) -> NoReturn:
        """Run a command's coroutine to its end and leave with its exit status."""
        run_at(program, broker="alpaca", sim=self.sim, debug=debug)

    def credentials(self) -> AlpacaCredentials:
        """Return the credentials: the simulator's own, else those of environment, .env or config file.

        Raises:
            CredentialsError: there are none; says where they were looked for, and what to do without an account.
        """
        from wsexample.brokers.alpaca import AlpacaCredentials

        if self.sim is not None:
            from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET

            return AlpacaCredentials(DEFAULT_KEY, DEFAULT_SECRET)
        from wsexample.brokers.credentials import find_settings

        settings = find_settings(env_file=self.env_file, config_file=self.config_file)
        token = settings.credential("alpaca", "oauth_token")
        if token is not None and settings.credential("alpaca", "key") is None:
            return AlpacaCredentials(oauth_token=token)
        try:
            key, secret = settings.require("alpaca", "key", "secret")
        except CredentialsError as error:
            words = f'{error}; without an account, run "wsexample sim alpaca" and add --sim'
            raise CredentialsError(words, venue="alpaca") from None
        return AlpacaCredentials(key, secret)

    def trading(self) -> AlpacaTradingRest:
        """Return the calls about the account."""
        from wsexample.brokers.alpaca import AlpacaTradingRest

        return AlpacaTradingRest(credentials=self.credentials(), paper=not self.is_live, url=self.rest_url)

    def data(self, feed: str) -> AlpacaDataRest:
        """Return the calls about the market."""
        from wsexample.brokers.alpaca import AlpacaDataRest

        return AlpacaDataRest(credentials=self.credentials(), feed=feed, url=self.rest_url)


def market_access(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags; the command gets ``access`` in place of their values. Market data is the same for both accounts."""

    @wraps(command)
    def with_access(
        *args: Any,
        sim: str | None,
        url: str | None,
        env_file: Path | None,
        config_file: Path | None,
        is_live: bool = False,
        **others: Any,
    ) -> Any:
        check_place(sim, url)
        if sim is not None and is_live:
            raise click.UsageError("--sim does not go with --live")
        access = AlpacaAccess(sim=sim, url=url, env_file=env_file, config_file=config_file, is_live=is_live)
        return command(*args, access=access, **others)

    return access_flags("alpaca", SECTION)(with_access)


def account_access(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags, and ``--live``."""
    live = option(
        "--live",
        "is_live",
        is_flag=True,
        section=SECTION,
        help="The live account, with real money; else the paper one.",
    )
    return live(market_access(command))
