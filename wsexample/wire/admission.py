"""Who may come in and how much they may send: origins, connection counts, message rates. Pure; a server asks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

__all__ = ["Census", "RateLimit", "host_may_be_anybodys", "is_own_page", "origin_is_allowed"]

_PORTS = {"http": 80, "https": 443}


def host_may_be_anybodys(host: str | None) -> bool:
    """Tell whether a Host header is a name that anybody could have registered, and let lead to this machine.

    A page of such a name reaches a server on the loopback as its own origin ("DNS rebinding"); one that came by an address, by
    ``localhost``, by a name without a dot or by a ``.local`` name was not led here by a stranger.

    Parameters:
        host: the header's value, with or without a port; None when there was none.
    """
    name = (host or "").strip().lower()
    if name.startswith("["):
        return False  # an IPv6 address
    name = name.partition(":")[0].rstrip(".")
    is_address = name.replace(".", "").isdigit()
    return "." in name and not is_address and not name.endswith((".local", ".localhost"))


def is_own_page(origin: str, host: str | None) -> bool:
    """Tell whether a page is the server's own, and nobody's name has led it there.

    Parameters:
        origin: value of the Origin header; some clients that are no browsers send that of the server itself.
        host: value of the Host header.
    """
    return origin.partition("://")[2] == host and not host_may_be_anybodys(host)


def origin_is_allowed(origin: str, allowed: Sequence[str]) -> bool:
    """Tell whether a browser's Origin is among the allowed ones.

    Parameters:
        origin: the header's value, such as ``https://app.example:8443`` or ``null``.
        allowed: origins; a host may begin with ``*.`` for its subdomains, and ``*`` allows all.
    """
    return any(_origin_matches(origin.strip().lower(), pattern.strip().lower()) for pattern in allowed)


def _origin_matches(origin: str, pattern: str) -> bool:
    if pattern in ("*", origin):
        return True
    try:
        came, wanted = urlsplit(origin), urlsplit(pattern)
        came_port = came.port or _PORTS.get(came.scheme)
        wanted_port = wanted.port or _PORTS.get(wanted.scheme)
    except ValueError:
        return False
    if not came.hostname or not wanted.hostname or (came.scheme, came_port) != (wanted.scheme, wanted_port):
        return False
    if wanted.hostname.startswith("*."):
        return came.hostname.endswith(wanted.hostname[1:])
    return came.hostname == wanted.hostname


class Census:
    """Counts connections, in all and by address.

    Parameters:
        most: connections at once, 0 for no limit.
        most_per_address: connections at once from one address, 0 for no limit.
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._guests: dict[object, str] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._guests)

    def admit(self, guest: object, address: str) -> int:
        """Count a guest in and return 0, or return the HTTP status that refuses it."""
        if self._most and len(self._guests) >= self._most:
            return 503
        if self._most_per_address and self._by_address[address] >= self._most_per_address:
            return 429
        self._guests[guest] = address
        self._by_address[address] += 1
        return 0

    def leave(self, guest: object) -> None:
        """Count a guest out; unknown ones are ignored."""
        address = self._guests.pop(guest, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


class RateLimit:
    """A bucket of messages that refills with time.

    Parameters:
        per_s: messages a second in the long run.
        burst: messages at once on top of that.
    """

    __slots__ = ("_burst", "_fill", "_per_s", "_seen_s")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = self._fill = float(max(burst, 1))
        self._seen_s: float | None = None

    def allows(self, now_s: float) -> bool:
        """Tell whether one more message is within the limit at this time."""
        if self._seen_s is not None:
            self._fill = min(self._burst, self._fill + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        if self._fill < 1:
            return False
        self._fill -= 1
        return True
