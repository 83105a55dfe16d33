"""`WeexConfig`: credentials and addresses, from arguments or the environment; secrets are never shown.

The groups (`ConnectionConfig`, `RetryConfig`, `RateLimitConfig`, `LoggingConfig`) are those of WEEX's client documentation.
What a client does with them is said at each field.
"""

from __future__ import annotations

import logging as _logging
import sys
from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field, replace
from typing import Any, Self

from wsexample.brokers.base import Secret
from wsexample.brokers.credentials import NAMES, find_settings
from wsexample.brokers.weex.codes import PRIVATE_PATH, PUBLIC_PATH, VENUE
from wsexample.errors import CredentialsError, OptionError

__all__ = ["ENVIRONMENTS", "ConnectionConfig", "LoggingConfig", "RateLimitConfig", "RetryConfig", "WeexConfig"]

_CONTRACT_WS, _SPOT_WS = "wss://ws-contract.weex.com", "wss://ws-spot.weex.com"
_CONTRACT_REST, _SPOT_REST = "https://api-contract.weex.com", "https://api-spot.weex.com"
ENVIRONMENTS = ("production", "staging", "development")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _check(group: object, *names: str, least: float = 0.0, whole: bool = False) -> None:
    """Refuse numbers that are none, too small, or broken where whole ones are wanted."""
    for name in names:
        value = getattr(group, name)
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not least <= value < float("inf"):
            kind = "a whole number" if whole else "a number"
            raise OptionError(f"{name} must be {kind} of at least {least:g}, not {value!r}", option=name)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """Where to connect, and how long a REST call may take.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    base_url: str = ""
    """Address of the REST calls; "" for the market's own."""
    websocket_url: str = ""
    """Address of the sockets, before ``/v3/ws/public`` and ``/v3/ws/private``; "" for the market's own."""
    timeout: float = 30.0
    """Seconds for a REST call."""
    max_connections: int = 20
    """Connections of REST calls at most; one is enough here, for calls wait for each other."""
    max_keepalive_connections: int = 10
    """Those of them that stay open."""

    def __post_init__(self) -> None:
        _check(self, "timeout", least=0.001)
        _check(self, "max_connections", "max_keepalive_connections", least=1, whole=True)


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """How often a REST call that only reads is made again when the venue cannot be reached or is busy.

    How often a socket is opened again is said by the keywords of `WeexWebSocketClient`. Orders are never sent twice.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    max_retries: int = 3
    """Further calls after the first."""
    backoff_base: float = 0.5
    """Wait before the first of them at most, seconds."""
    backoff_max: float = 8.0
    """Longest wait, seconds."""
    jitter: bool = True
    """Whether each wait is a random part of that bound."""
    _: KW_ONLY
    max_attempts: InitVar[int | None] = None
    """Another name for ``max_retries``."""
    backoff_factor: float = 2.0
    """By how much the bound grows with each failure."""

    def __post_init__(self, max_attempts: int | None) -> None:
        if max_attempts is not None:
            object.__setattr__(self, "max_retries", max_attempts)
        _check(self, "max_retries", whole=True)
        _check(self, "backoff_base", "backoff_max")
        _check(self, "backoff_factor", least=1)

    def bound_s(self, failures: int) -> float:
        """Return the longest wait after this many failures in a row, seconds."""
        try:
            return float(min(self.backoff_max, self.backoff_base * self.backoff_factor ** (failures - 1)))
        except OverflowError:
            return self.backoff_max


@dataclass(frozen=True, slots=True)
class RateLimitConfig:
    """How fast REST calls are made; the venue's own limit, 500 units of weight in 10 s, is kept besides.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    requests_per_second: int = 10
    """Calls in a second, on average."""
    requests_per_minute: int = 600
    """Calls in any minute."""
    burst_size: int = 20
    """Calls that may follow each other at once."""

    def __post_init__(self) -> None:
        _check(self, "requests_per_second", "requests_per_minute", "burst_size", least=1, whole=True)


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """What to log; nothing is set up until `configure` is called, for logging belongs to the program.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    level: str = "INFO"
    """Least level."""
    format: str = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
    """Format of a line."""
    structured: bool = False
    """Whether a line is a JSON object with ``time``, ``logger``, ``level`` and ``message``."""

    def __post_init__(self) -> None:
        level = self.level.upper()
        if level not in _LEVELS:
            raise OptionError(f"level must be one of {', '.join(_LEVELS)}, not {self.level!r}", option="level")
        object.__setattr__(self, "level", level)

    def configure(self, stream: Any = None) -> _logging.Handler:
        """Let the package's loggers write lines, to stderr or another stream; returns the handler, to be taken off again."""
        handler = _logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(_JsonLines() if self.structured else _logging.Formatter(self.format))
        logger = _logging.getLogger("wsexample")
        logger.addHandler(handler)
        logger.setLevel(self.level)
        return handler


class _JsonLines(_logging.Formatter):
    """One JSON object a line."""

    def format(self, record: _logging.LogRecord) -> str:
        import msgspec

        facts = {
            "time": self.formatTime(record),
            "logger": record.name,
            "level": record.levelname,
            "message": record.getMessage(),
        }
        return msgspec.json.encode(facts).decode()


@dataclass(frozen=True)
class WeexConfig:
    """Credentials and addresses of a client; public streams need no credentials.

    Parameters:
        api_key, secret_key, passphrase: the key's three parts (default none); kept as `Secret`.
        environment: "production" (default), "staging" or "development": a name of yours. It changes no address, for WEEX
            has one environment only.
        connection, retry, rate_limit, logging: the groups.
        version: what a program calls itself (default this package's version).
        market: "contract" (default) or "spot".
        public_url, private_url, rest_url: addresses in place of the venue's, such as a simulator's.
        timeout, max_retries: short for ``connection.timeout`` and ``retry.max_retries``, where they then stand.

    Raises:
        OptionError: a value cannot work; it is a ``ValueError`` too.
    """

    api_key: Secret | str = field(default="", repr=False)
    secret_key: Secret | str = field(default="", repr=False)
    passphrase: Secret | str = field(default="", repr=False)
    environment: str = "production"
    connection: ConnectionConfig = ConnectionConfig()
    retry: RetryConfig = RetryConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    logging: LoggingConfig = LoggingConfig()
    version: str = ""
    _: KW_ONLY
    market: str = "contract"
    public_url: str = ""
    private_url: str = ""
    rest_url: str = ""
    timeout: InitVar[float | None] = None
    max_retries: InitVar[int | None] = None

    def __post_init__(self, timeout: float | None, max_retries: int | None) -> None:
        if self.market not in ("contract", "spot"):
            raise OptionError(f"market must be 'contract' or 'spot', not {self.market!r}", option="market")
        if self.environment not in ENVIRONMENTS:
            names = ", ".join(ENVIRONMENTS)
            raise OptionError(f"environment must be one of {names}, not {self.environment!r}", option="environment")
        for name in ("api_key", "secret_key", "passphrase"):
            object.__setattr__(self, name, Secret(getattr(self, name)))
        if timeout is not None:
            object.__setattr__(self, "connection", replace(self.connection, timeout=timeout))
        if max_retries is not None:
            object.__setattr__(self, "retry", replace(self.retry, max_retries=max_retries))
        if not self.version:
            from wsexample import __version__

            object.__setattr__(self, "version", __version__)
        self._fill_in_addresses()

    def _fill_in_addresses(self) -> None:
        is_spot = self.market == "spot"
        ws = (self.connection.websocket_url or (_SPOT_WS if is_spot else _CONTRACT_WS)).rstrip("/")
        rest = self.connection.base_url or (_SPOT_REST if is_spot else _CONTRACT_REST)
        for name, default, scheme in (
            ("public_url", ws + PUBLIC_PATH, "ws"),
            ("private_url", ws + PRIVATE_PATH, "ws"),
            ("rest_url", rest, "http"),
        ):
            value = (getattr(self, name) or default).rstrip("/")
            if not value.startswith((f"{scheme}://", f"{scheme}s://")):
                raise OptionError(f"{name} must begin with {scheme}:// or {scheme}s://", option=name)
            object.__setattr__(self, name, value)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return what the environment, a ``.env`` file or the config file say; nothing is needed for public streams.

        Read are ``WEEX_API_KEY``, ``WEEX_SECRET_KEY``, ``WEEX_PASSPHRASE``, ``WEEX_ENVIRONMENT``, ``WEEX_MARKET``,
        ``WEEX_WS_PUBLIC_URL``, ``WEEX_WS_PRIVATE_URL``, ``WEEX_REST_URL``, ``WEEX_TIMEOUT`` (seconds), ``WEEX_MAX_RETRIES``
        and ``WEEX_LOG_LEVEL``. Where they are looked for, and in which order: `wsexample.brokers.credentials`.

        Parameters:
            environment: variables in place of the process's own.

        Raises:
            OptionError: a variable has a value that cannot work; names it.
        """
        found = find_settings(environment=environment)
        api_key, secret_key, passphrase = (found.credential(VENUE, part) or "" for part in _CREDENTIALS)
        return cls(
            api_key,
            secret_key,
            passphrase,
            environment=found.get("WEEX_ENVIRONMENT", ENVIRONMENTS[0]),
            logging=LoggingConfig(level=found.get("WEEX_LOG_LEVEL", "INFO")),
            market=found.get("WEEX_MARKET", "contract"),
            public_url=found.get("WEEX_WS_PUBLIC_URL", ""),
            private_url=found.get("WEEX_WS_PRIVATE_URL", ""),
            rest_url=found.get("WEEX_REST_URL", ""),
            timeout=_number(found, "WEEX_TIMEOUT"),
            max_retries=_whole(found, "WEEX_MAX_RETRIES"),
        )

    @property
    def credentials(self) -> tuple[Secret, Secret, Secret]:
        """Key, secret and passphrase.

        Raises:
            CredentialsError: one of them is missing; names it.
        """
        parts = (Secret(self.api_key), Secret(self.secret_key), Secret(self.passphrase))
        missing = [NAMES[VENUE][key][0] for key, part in zip(_CREDENTIALS, parts, strict=True) if not part]
        if missing:
            raise CredentialsError(f"private streams and calls need {' and '.join(missing)}", venue=VENUE)
        return parts

    def get_auth_headers(self) -> dict[str, str]:
        """Return the headers that say who calls, in clear; the signature belongs to each call."""
        return {"ACCESS-KEY": Secret(self.api_key).reveal(), "ACCESS-PASSPHRASE": Secret(self.passphrase).reveal()}

    def is_production(self) -> bool:
        """Return whether the environment is called "production"."""
        return self.environment == "production"

    def get_base_url(self) -> str:
        """Return the address of the REST calls."""
        return self.rest_url

    def get_websocket_url(self) -> str:
        """Return the address of the public socket."""
        return self.public_url


_CREDENTIALS = ("key", "secret", "passphrase")
"""What `wsexample.brokers.credentials` calls the parts of a key."""


def _number(found: Mapping[str, str], name: str) -> float | None:
    if name not in found:
        return None
    try:
        return float(found[name])
    except ValueError:
        raise OptionError(f"{name} must be a number, not {found[name]!r}", option=name) from None


def _whole(found: Mapping[str, str], name: str) -> int | None:
    number = _number(found, name)
    if number is not None and not number.is_integer():
        raise OptionError(f"{name} must be a whole number, not {found[name]!r}", option=name)
    return None if number is None else int(number)
