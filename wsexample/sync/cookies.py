"""Cookies that a program wants kept between the connections of one object; nothing is kept unless it is asked for."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

__all__ = ["CookieJar"]


class CookieJar:
    """Remembers cookies that servers set for a domain, and returns them for hosts of that domain.

    Give one as ``cookie_jar=`` to whatever shall share it; connections without one keep nothing.
    """

    def __init__(self) -> None:
        self._by_domain: dict[str, dict[str, str]] = {}

    def add(self, set_cookie: str | None, host: str = "") -> None:
        """Take the Set-Cookie headers of an answer.

        Parameters:
            set_cookie: their values, joined with "; ".
            host: who set them; a cookie for somebody else's domain is not taken.
        """
        try:
            found = SimpleCookie(set_cookie or "")
        except CookieError:
            return
        for name, morsel in found.items():
            domain = morsel["domain"].lower().lstrip(".")
            if domain and (not host or _belongs(host.lower(), domain)):
                self._by_domain.setdefault(domain, {})[name] = morsel.value

    def get(self, host: str) -> str:
        """Return the value of the Cookie header for a host, "" for none."""
        found: dict[str, str] = {}
        for domain, cookies in self._by_domain.items():
            if _belongs(host.lower(), domain):
                found |= cookies
        return "; ".join(f"{name}={value}" for name, value in sorted(found.items()))


def _belongs(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
