"""Who may come in: credentials in headers and messages, and how many calls a minute an account may make."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Iterable, Mapping

from wsexample.brokers.alpaca.simulator.accounts import SimAccount

__all__ = ["RateWindow", "account_by_headers", "account_by_pair", "account_by_token"]


def account_by_pair(accounts: Iterable[SimAccount], key_id: str | None, secret_key: str | None) -> SimAccount | None:
    """Return the account of a key pair; None when there is none, or when its credentials are refused at present."""
    for account in accounts:
        if account.key_id == key_id and account.secret_key == secret_key and not account.is_revoked:
            return account
    return None


def account_by_token(accounts: Iterable[SimAccount], token: str | None) -> SimAccount | None:
    """Return the account of an OAuth token."""
    for account in accounts:
        if token and account.oauth_token == token and not account.is_revoked:
            return account
    return None


def account_by_headers(accounts: Iterable[SimAccount], headers: Mapping[str, str]) -> tuple[SimAccount | None, bool]:
    """Return the account that request headers name, and whether they name any credentials at all.

    Parameters:
        accounts: every account.
        headers: request headers, lower-case names.
    """
    key_id = headers.get("apca-api-key-id")
    if key_id is not None:
        return account_by_pair(accounts, key_id, headers.get("apca-api-secret-key")), True
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return account_by_token(accounts, value), True
    if scheme.lower() == "basic":
        try:
            key_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, True
        return account_by_pair(accounts, key_id, secret), True
    return None, False


class RateWindow:
    """Calls of the last minute.

    Parameters:
        limit: calls allowed in it; 0 for no limit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._calls: deque[float] = deque()

    def take(self, now_s: float) -> bool:
        """Count a call; returns whether it is allowed."""
        if not self.limit:
            return True
        while self._calls and self._calls[0] <= now_s - 60.0:
            self._calls.popleft()
        if len(self._calls) >= self.limit:
            return False
        self._calls.append(now_s)
        return True

    @property
    def remaining(self) -> int:
        """Calls that are left at present."""
        return max(self.limit - len(self._calls), 0) if self.limit else 1_000_000

    def reset_after_s(self, now_s: float) -> float:
        """Return seconds until a call is allowed again (0 when one is)."""
        if not self.limit or len(self._calls) < self.limit:
            return 0.0
        return max(self._calls[0] + 60.0 - now_s, 0.0)
