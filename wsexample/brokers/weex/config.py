"""`WeexConfig`: credentials and addresses, from arguments or the environment; secrets are never shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from wsexample.brokers.base import Secret
from wsexample.brokers.weex.codes import PRIVATE_PATH, PUBLIC_PATH, VENUE
from wsexample.errors import CredentialsError, OptionError

__all__ = ["WeexConfig"]

_CONTRACT_WS, _SPOT_WS = "wss://ws-contract.weex.com", "wss://ws-spot.weex.com"
_CONTRACT_REST, _SPOT_REST = "https://api-contract.weex.com", "https://api-spot.weex.com"


@dataclass(frozen=True, kw_only=True)
class WeexConfig:
    """Credentials and addresses of a client; public streams need no credentials.

    Parameters:
        api_key, secret_key, passphrase: the key's three parts (default none).
        market: "contract" (default) or "spot".
        public_url, private_url, rest_url: addresses in place of the venue's, such as a simulator's.
        timeout_s: seconds for a REST call (default 30).

    Raises:
        OptionError: a value cannot work.
    """

    api_key: Secret | str = field(default="", repr=False)
    secret_key: Secret | str = field(default="", repr=False)
    passphrase: Secret | str = field(default="", repr=False)
    market: str = "contract"
    public_url: str = ""
    private_url: str = ""
    rest_url: str = ""
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if self.market not in ("contract", "spot"):
            raise OptionError(f"market must be 'contract' or 'spot', not {self.market!r}", option="market")
        if isinstance(self.timeout_s, bool) or not 0 < self.timeout_s < float("inf"):
            raise OptionError(f"timeout_s must be more than zero, not {self.timeout_s!r}", option="timeout_s")
        for name in ("api_key", "secret_key", "passphrase"):
            object.__setattr__(self, name, Secret(getattr(self, name)))
        is_spot = self.market == "spot"
        ws, rest = (_SPOT_WS, _SPOT_REST) if is_spot else (_CONTRACT_WS, _CONTRACT_REST)
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
        """Return what ``WEEX_API_KEY``, ``WEEX_SECRET_KEY``, ``WEEX_PASSPHRASE`` and the addresses say; none is needed.

        ``WEEX_MARKET``, ``WEEX_WS_PUBLIC_URL``, ``WEEX_WS_PRIVATE_URL``, ``WEEX_REST_URL`` and ``WEEX_TIMEOUT`` (seconds)
        are read too.

        Raises:
            OptionError: a variable has a value that cannot work; names it.
        """
        variables = os.environ if environment is None else environment
        timeout = variables.get("WEEX_TIMEOUT") or "30"
        try:
            timeout_s = float(timeout)
        except ValueError:
            raise OptionError(
                f"WEEX_TIMEOUT must be a number of seconds, not {timeout!r}", option="timeout_s"
            ) from None
        return cls(
            api_key=variables.get("WEEX_API_KEY", ""),
            secret_key=variables.get("WEEX_SECRET_KEY", ""),
            passphrase=variables.get("WEEX_PASSPHRASE", ""),
            market=variables.get("WEEX_MARKET") or "contract",
            public_url=variables.get("WEEX_WS_PUBLIC_URL", ""),
            private_url=variables.get("WEEX_WS_PRIVATE_URL", ""),
            rest_url=variables.get("WEEX_REST_URL", ""),
            timeout_s=timeout_s,
        )

    @property
    def credentials(self) -> tuple[Secret, Secret, Secret]:
        """Key, secret and passphrase.

        Raises:
            CredentialsError: one of them is missing; names it.
        """
        named = {"api_key": self.api_key, "secret_key": self.secret_key, "passphrase": self.passphrase}
        missing = [f"WEEX_{name.upper()}" for name, value in named.items() if not value]
        if missing:
            raise CredentialsError(f"private streams and calls need {' and '.join(missing)}", venue=VENUE)
        return Secret(self.api_key), Secret(self.secret_key), Secret(self.passphrase)
