"""Which WEEX a command talks to, and as whom: the venue, the simulator or another address; contract or spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from wsexample.cli.broker_access import (
    access_flags,
    base_url,
    check_place,
    patience_flag,
    retry_of,
    run_at,
    simulator_url,
)
from wsexample.cli.feed.flags import feed_flags
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.options import option
from wsexample.cli.running import Program
from wsexample.cli.sim.weex import KEY, PASSPHRASE, SECRET
from wsexample.errors import CredentialsError, OptionError

if TYPE_CHECKING:
    from wsexample.brokers.weex.config import WeexConfig

__all__ = ["SECTION", "WeexAccess", "stream_flags", "weex_access"]

SECTION = "WEEX"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeexAccess:
    """What the command line says about whom to talk to."""

    is_spot: bool = False
    """Whether it is the spot market; else contracts."""
    sim: str | None = None
    """Port of a simulator; None for none."""
    url: str | None = None
    """Another address."""
    env_file: Path | None = None
    """File of credentials."""
    config_file: Path | None = None
    """Config file."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        market = "spot" if self.is_spot else "contract"
        if self.sim is not None:
            return f"simulated WEEX {market} on port {self.sim}"
        return f"WEEX {market}" if self.url is None else f"WEEX {market} at {base_url(self.url)}"

    def run(self, program: Program, *, debug: bool) -> NoReturn:
        """Run a command's coroutine to its end and leave with its exit status."""
        run_at(program, broker="weex", sim=self.sim, debug=debug)

    def config(self, *, is_private: bool = False) -> WeexConfig:
        """Return addresses and credentials.

        Parameters:
            is_private: whether credentials are needed.

        Raises:
            CredentialsError: there are none; says where they were looked for, and what to do without an account.
            OptionError: the variable for the market says another one than the command line.
        """
        from wsexample.brokers.credentials import find_settings
        from wsexample.brokers.weex.config import WeexConfig

        if self.sim is not None:
            return WeexConfig(KEY, SECRET, PASSPHRASE, **self._addresses(simulator_url(self.sim)))
        settings = find_settings(env_file=self.env_file, config_file=self.config_file)
        if is_private:
            try:
                settings.require("weex", "key", "secret", "passphrase")
            except CredentialsError as error:
                words = f'{error}; without an account, run "wsexample sim weex" and add --sim'
                raise CredentialsError(words, venue="weex") from None
        if self.url is None:
            market = "spot" if self.is_spot else "contract"
            if settings.get("WEEX_MARKET", market) == "spot" != market:
                place = settings.source("WEEX_MARKET")
                words = (
                    f"WEEX_MARKET says spot (in {place}) and the command line says contracts: add --spot, or unset it"
                )
                raise OptionError(words, option="WEEX_MARKET")
            return WeexConfig.from_env({**settings, **({"WEEX_MARKET": "spot"} if self.is_spot else {})})
        key, secret, passphrase = (settings.credential("weex", name) or "" for name in ("key", "secret", "passphrase"))
        return WeexConfig(key, secret, passphrase, **self._addresses(base_url(self.url)))

    def _addresses(self, base: str) -> Mapping[str, Any]:
        """Return the addresses of a simulator, which has both markets' sockets on one port."""
        from wsexample.brokers.weex.codes import PRIVATE_PATH, PUBLIC_PATH

        socket = "ws" + base.removeprefix("http") + ("/spot" if self.is_spot else "")
        return {
            "market": "spot" if self.is_spot else "contract",
            "public_url": f"{socket}{PUBLIC_PATH}",
            "private_url": f"{socket}{PRIVATE_PATH}",
            "rest_url": base,
        }


def weex_access(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags; the command gets ``access`` in place of their values."""

    @wraps(command)
    def with_access(
        *args: Any,
        is_spot: bool,
        sim: str | None,
        url: str | None,
        env_file: Path | None,
        config_file: Path | None,
        **others: Any,
    ) -> Any:
        check_place(sim, url)
        access = WeexAccess(is_spot=is_spot, sim=sim, url=url, env_file=env_file, config_file=config_file)
        return command(*args, access=access, **others)

    spot = option("--spot", "is_spot", is_flag=True, section=SECTION, help="The spot market; else contracts.")
    return spot(access_flags("weex", SECTION)(with_access))


def stream_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every stream has; the command gets ``access``, ``feed`` and ``retry`` in place of the flags' values."""

    @wraps(command)
    def with_retry(*args: Any, feed: FeedPlan, is_patient: bool, **others: Any) -> Any:
        # The venue allows 300 connection attempts in 5 minutes.
        retry = retry_of(feed, is_patient=is_patient, first_s=1.0, window_attempts=300, window_s=300.0)
        return command(*args, feed=feed, retry=retry, **others)

    return weex_access(patience_flag(SECTION)(feed_flags(with_retry)))
