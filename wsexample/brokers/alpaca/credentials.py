"""Alpaca's credentials: a key pair or a token, where they are looked for, and the forms in which they are sent.

Nothing here can be printed; who sends what a method returns keeps it out of logs and errors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from wsexample.brokers.alpaca.codes import VENUE
from wsexample.brokers.base import Secret
from wsexample.errors import CredentialsError, OptionError

__all__ = ["AlpacaCredentials"]

_KEYS = ("APCA_API_KEY_ID", "ALPACA_API_KEY")
_SECRETS = ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
_TOKENS = ("APCA_API_OAUTH_TOKEN", "APCA_API_OAUTH")


class AlpacaCredentials:
    """A key pair, or an OAuth token.

    Parameters:
        key_id: the key's identifier.
        secret_key: its secret.
        oauth_token: a token in place of both.

    Raises:
        OptionError: neither a pair nor a token, or a character that no credential has.
    """

    def __init__(
        self, key_id: str | Secret = "", secret_key: str | Secret = "", *, oauth_token: str | Secret = ""
    ) -> None:
        self._key_id = _checked(key_id, "key_id")
        self._secret_key = _checked(secret_key, "secret_key")
        self._token = _checked(oauth_token, "oauth_token")
        if bool(self._token) == bool(self._key_id or self._secret_key):
            raise OptionError("give a key_id with its secret_key, or an oauth_token", option="key_id")
        if not self._token and not (self._key_id and self._secret_key):
            missing = "secret_key" if self._key_id else "key_id"
            raise OptionError(f"the {missing} is missing", option=missing)

    @classmethod
    def found(
        cls,
        key_id: str | Secret | None = None,
        secret_key: str | Secret | None = None,
        *,
        oauth_token: str | Secret | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AlpacaCredentials:
        """Return credentials given, else those of the environment: ``APCA_*`` before ``ALPACA_*``.

        Parameters:
            key_id, secret_key, oauth_token: what the caller gave.
            environment: variables (default those of the process).

        Raises:
            CredentialsError: there are none; names the variables.
            OptionError: half of a pair.
        """
        if key_id or secret_key or oauth_token:
            return cls(key_id or "", secret_key or "", oauth_token=oauth_token or "")
        variables = os.environ if environment is None else environment
        token = _first(variables, _TOKENS)
        key, secret = _first(variables, _KEYS), _first(variables, _SECRETS)
        if key or secret:
            return cls(key, secret)
        if token:
            return cls(oauth_token=token)
        raise CredentialsError(
            f"there are no credentials: give a key and its secret, or set {_KEYS[0]} and {_SECRETS[0]}", venue=VENUE
        )

    # -- forms ---------------------------------------------------------------------------------------------------

    def headers(self) -> dict[str, str]:
        """Return the headers that log in, for REST and for handshakes."""
        if self._token:
            return {"Authorization": f"Bearer {self._token.reveal()}"}
        return {"APCA-API-KEY-ID": self._key_id.reveal(), "APCA-API-SECRET-KEY": self._secret_key.reveal()}

    def message_pair(self) -> dict[str, str]:
        """Return ``key`` and ``secret`` of a login message of the market data streams."""
        if self._token:
            return {"key": "oauth", "secret": self._token.reveal()}
        return {"key": self._key_id.reveal(), "secret": self._secret_key.reveal()}

    def trading_login(self, *, nested: bool) -> dict[str, object]:
        """Return the login message of the trading stream, in the flat or the nested form."""
        if self._token:
            return {"action": "authenticate", "data": {"oauth_token": self._token.reveal()}}
        if nested:
            data = {"key_id": self._key_id.reveal(), "secret_key": self._secret_key.reveal()}
            return {"action": "authenticate", "data": data}
        return {"action": "auth", "key": self._key_id.reveal(), "secret": self._secret_key.reveal()}

    def __repr__(self) -> str:
        return f"AlpacaCredentials({'a token' if self._token else 'a key pair'})"


def _first(variables: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((variables[name] for name in names if variables.get(name)), "")


def _checked(value: str | Secret, option: str) -> Secret:
    secret = Secret(value)
    text = secret.reveal()
    if text and not (text.isascii() and text.isprintable() and " " not in text):
        raise OptionError(f"the {option} holds characters that no {option} of Alpaca has", option=option)
    return secret
