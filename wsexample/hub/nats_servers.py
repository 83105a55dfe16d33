"""Addresses of NATS servers as one option writes them: what to dial, who to be there, and what of it may be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from wsexample.errors import OptionError

__all__ = ["NatsServers"]

PORT = 4222
SCHEMES = ("nats", "tls")


@dataclass(frozen=True, slots=True, repr=False)
class NatsServers:
    """Where servers are, and with which user, password or token; made by `NatsServers.at`."""

    addresses: tuple[str, ...]
    """``nats://host:port`` or ``tls://host:port`` of each, without user, password and token."""
    urls: tuple[str, ...]
    """What the client dials; with user and password in it only where servers have different ones."""
    credentials: dict[str, str]
    """Keywords of the client: "user" and "password", or "token"; the same for every server, also for those it hears of."""

    def __str__(self) -> str:
        return ",".join(self.addresses)

    def __repr__(self) -> str:
        return f"NatsServers({self})"

    @property
    def has_credentials(self) -> bool:
        """Whether anybody is named."""
        return bool(self.credentials) or self.urls != self.addresses

    @property
    def want_tls(self) -> bool:
        """Whether one address says that nothing may be said without TLS."""
        return any(address.startswith("tls://") for address in self.addresses)

    @classmethod
    def at(cls, url: str) -> NatsServers:
        """Read addresses.

        Parameters:
            url: ``nats://user:password@host:port`` or ``nats://token@host``, ``tls://`` where nothing may be said without TLS;
                several with commas between, where the first's scheme counts for those without. Signs that mean something in
                an address are written as in URLs: ``%40`` for @, ``%2C`` for a comma.

        Raises:
            OptionError: it is no such address.
        """
        scheme = url.partition("://")[0]
        parts = [_parsed(one if "://" in one else f"{scheme}://{one}") for one in url.split(",")]
        addresses = tuple(_shown(part) for part in parts)
        named = {(part.username, part.password) for part in parts if part.username is not None}
        if len(named) > 1:
            return cls(addresses, tuple(part.geturl() for part in parts), {})
        credentials: dict[str, str] = {}
        for user, password in named:
            told = {"token": user} if password is None else {"user": user, "password": password}
            credentials = {name: unquote(value or "") for name, value in told.items()}
        return cls(addresses, addresses, credentials)


def _parsed(url: str) -> SplitResult:
    try:
        part = urlsplit(url)
        is_one = bool(part.scheme in SCHEMES and part.hostname and (part.port is None or part.port > 0))
    except ValueError:
        is_one = False
    if not is_one:  # not quoted: there may be a password in it
        words = "a backplane is nats://host:4222 (tls:// with TLS), several with commas between"
        raise OptionError(f"{words}; write %40, %2C and %2F for @ , / in a password", option="backplane")
    return part


def _shown(part: Any) -> str:
    host = f"[{part.hostname}]" if ":" in part.hostname else part.hostname
    return f"{part.scheme}://{host}:{part.port or PORT}"
