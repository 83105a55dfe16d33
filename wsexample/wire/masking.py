"""Which parts of URLs and headers are secrets, and how they look in logs, traces, errors and reprs.

One table for the whole project; ``wire/trace.py`` and every options object print through it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit, urlunsplit

__all__ = ["MASK", "is_secret_header", "is_secret_key", "mask_headers", "mask_url"]

MASK = "***"

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "api-key"}
)
_SECRET_HEADER_PREFIXES = ("apca-", "access-")
_HARMLESS_HEADER_PREFIXES = ("access-control-",)
# Names under which brokers and login frames carry what must not be seen; compared without case, "-" and "_".
_SECRET_KEYS = frozenset(
    {
        "accesskey", "accesspassphrase", "accesssign", "accesstoken", "apikey", "apipassword", "apisecret", "auth",
        "authorization", "key", "keyid", "listenkey", "passphrase", "passwd", "password", "privatekey", "secret",
        "secretkey", "sessionkey", "sign", "signature", "token", "xapikey",
    }
)  # fmt: skip


def _normal(name: str) -> str:
    return re.sub(r"[-_]", "", name.lower())


def is_secret_header(name: str) -> bool:
    """Tell whether the value of this HTTP header must not be shown."""
    name = name.strip().lower()
    if name.startswith(_HARMLESS_HEADER_PREFIXES):
        return False
    return name in _SECRET_HEADERS or name.startswith(_SECRET_HEADER_PREFIXES)


def is_secret_key(name: str) -> bool:
    """Tell whether the value of this query parameter or JSON member must not be shown."""
    return _normal(name) in _SECRET_KEYS


def mask_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers in order with secret values replaced."""
    items = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, MASK if is_secret_header(name) else value) for name, value in items]


def mask_url(url: str) -> str:
    """Return the URL without user info and with the values of secret query parameters replaced."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//[^/@]*@", f"//{MASK}@", url)
    netloc = parts.netloc
    if "@" in netloc:
        netloc = f"{MASK}@{netloc.rpartition('@')[2]}"
    query = "&".join(
        f"{name}{equals}{MASK if equals and is_secret_key(name) else value}"
        for name, equals, value in (pair.partition("=") for pair in parts.query.split("&"))
    )
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))
