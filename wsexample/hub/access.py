"""Who may read what: tokens, which are kept as hashes, and the rights that each gives.

A token is 32 random octets (behind a prefix, by which scanners of repositories find one that got lost), so a plain SHA-256 of it
can be kept: there is nothing to guess. The file is read again when it changes, so a revoked token ends at the next look; one that
is not as it was written gives no rights at all. What became of a decision is said by ``server``.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from wsexample.errors import CredentialsError, OptionError, StorageError
from wsexample.hub.masking import TOKEN_PREFIX
from wsexample.hub.topics import check_pattern, matcher
from wsexample.records.kinds import record_kinds
from wsexample.records.orders import Order

__all__ = ["EVERYTHING", "MARKET_DATA", "Access", "Rights", "TokenFile"]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a reader may have."""

    name: str
    """Who it is, for logs."""
    topics: tuple[str, ...] = (">",)
    """Patterns of topics."""
    account: bool = False
    """Whether orders, fills, positions and accounts are among them."""
    personal: bool = False
    """Whether account numbers stand in them; they are left out otherwise."""
    expires_ns: int | None = None
    """When they end, UTC epoch nanoseconds; None for never."""
    token_hash: str = field(default="", repr=False)
    """Of the token that gives them: a new token for the same name does not keep a revoked one's connections."""

    def allow(self, topic: str) -> bool:
        """Whether a topic may be had."""
        kind = topic.rpartition(".")[2]
        if kind in _ACCOUNT_KINDS and not self.account:
            return False
        return _matcher(self.topics)(topic)

    def is_over(self, now_ns: int) -> bool:
        """Whether they have ended.

        Parameters:
            now_ns: the present, UTC epoch nanoseconds.
        """
        return self.expires_ns is not None and now_ns >= self.expires_ns


_matcher = lru_cache(maxsize=1000)(matcher)
_ACCOUNT_KINDS = frozenset(
    kind for kind, record_type in record_kinds().items() if record_type.__module__ == Order.__module__
)
"""None of a program's own, whether it has registered them before this was imported or not."""

EVERYTHING = Rights("owner", account=True, personal=True)
"""Rights of whoever runs the hub."""
MARKET_DATA = Rights("anybody")
"""Rights to market data and connection events alone."""


class Access:
    """Decides about tokens.

    Parameters:
        tokens: where they are; None needs none, and everybody has the rights of ``anybody``.
        anybody: rights without a token; None wants one.

    Raises:
        OptionError: both are None, and nobody could read.
    """

    def __init__(self, tokens: TokenFile | None = None, *, anybody: Rights | None = MARKET_DATA) -> None:
        if tokens is None and anybody is None:
            raise OptionError(
                "without tokens nobody could read: give a token file, or rights for anybody", option="tokens"
            )
        self._tokens = tokens
        self.anybody = anybody

    def rights_of(self, token: str | None, now_ns: int) -> Rights:
        """Return the rights that a token gives, or those of anybody without one.

        Parameters:
            token: what the reader has shown.
            now_ns: the present, UTC epoch nanoseconds.

        Raises:
            CredentialsError: the token is wrong, has expired or was revoked; or one is needed.
        """
        if token is None:
            if self.anybody is None:
                raise CredentialsError("this hub wants a token", venue="hub", code="token")
            return self.anybody
        found = self._tokens.find(token) if self._tokens is not None else None
        if found is None:
            raise CredentialsError("the token is unknown or was revoked", venue="hub", code="token")
        if found.is_over(now_ns):
            raise CredentialsError(f"the token of {found.name} has expired", venue="hub", code="token")
        return found

    def still_allows(self, rights: Rights, now_ns: int) -> bool:
        """Whether rights that were given still hold.

        Parameters:
            rights: as `rights_of` has returned them.
            now_ns: the present, UTC epoch nanoseconds.
        """
        if rights.is_over(now_ns):
            return False
        return rights is self.anybody or self._tokens is None or self._tokens.has(rights)


class TokenFile:
    """Tokens in a JSON file that only its owner can read; the tokens themselves are not in it.

    Parameters:
        path: the file; made by `add`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Rights] = {}

    def find(self, token: str) -> Rights | None:
        """Return the rights of a token; None when it is not known."""
        self._look()
        return self._known.get(_hash(token))

    def has(self, rights: Rights) -> bool:
        """Whether somebody still has these rights."""
        self._look()
        return rights in self._known.values()

    def names(self) -> list[Rights]:
        """Return everybody's rights."""
        self._look()
        return list(self._known.values())

    def add(
        self,
        name: str,
        *,
        topics: Iterable[str] = (">",),
        account: bool = False,
        personal: bool = False,
        expires_ns: int | None = None,
    ) -> str:
        """Make a token and return it; it cannot be had again.

        Parameters:
            name: who it is for; one token each.
            topics: patterns of what may be read (default: everything).
            account: whether orders, fills, positions and accounts are among that.
            personal: whether account numbers stand in them.
            expires_ns: when it ends, UTC epoch nanoseconds; None for never.

        Raises:
            OptionError: the name is taken, or a pattern makes no sense.
            StorageError: the file cannot be written.
        """
        self._look()
        if not name or any(rights.name == name for rights in self._known.values()):
            raise OptionError(f"there is a token of {name!r} already, or no name: choose another one", option="name")
        rights = Rights(name, tuple(map(check_pattern, topics)), account, personal, expires_ns)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._write({**self._known, _hash(token): rights})
        return token

    def revoke(self, name: str) -> None:
        """Forget somebody's token; open connections end at the next look.

        Raises:
            OptionError: there is no token of that name.
        """
        self._look()
        left = {key: rights for key, rights in self._known.items() if rights.name != name}
        if len(left) == len(self._known):
            raise OptionError(f"there is no token of {name!r}", option="name")
        self._write(left)

    def _look(self) -> None:
        """Read the file again if it has changed."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._known = None, {}
            return
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read: {error.strerror}") from error
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))["tokens"]
            self._known = {rights.token_hash: rights for rights in map(_rights, rows)}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise StorageError(f"{self.path} is not a file of tokens: {type(error).__name__} {error}") from error
        self._stamp = stamp

    def _write(self, known: dict[str, Rights]) -> None:
        rows = [
            {
                "name": rights.name,
                "sha256": key,
                "topics": list(rights.topics),
                "account": rights.account,
                "personal": rights.personal,
                "expires": _iso(rights.expires_ns),
            }
            for key, rights in known.items()
        ]
        aside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                json.dump({"tokens": rows, "written": _iso(time.time_ns())}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())  # a loss of power leaves the old file or the new one, never half of one
            aside.replace(self.path)
        except OSError as error:
            with suppress(OSError):  # where nothing can be written there may be nothing to remove either
                aside.unlink(missing_ok=True)
            raise StorageError(f"{self.path} cannot be written: {error.strerror}") from error
        self._stamp = None
        self._look()


def _rights(row: dict[str, Any]) -> Rights:
    """Read the rights of a row; what is not as it is written is an error, so that no slip gives more than was meant."""
    expires, topics = row.get("expires"), row["topics"]
    if not isinstance(topics, list):
        raise ValueError("topics is no list")
    return Rights(
        _text(row, "name"),
        tuple(map(check_pattern, topics)),
        _flag(row, "account"),
        _flag(row, "personal"),
        None if expires is None else round(datetime.fromisoformat(expires).timestamp() * 1e9),
        _text(row, "sha256"),
    )


def _text(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    return value


def _flag(row: dict[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key} is neither true nor false")
    return value


def _iso(at_ns: int | None) -> str | None:
    return None if at_ns is None else datetime.fromtimestamp(at_ns // 10**9, UTC).isoformat()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
