"""Where a WebSocket URL leads: scheme, host, port, resource, user info, or the path of a unix socket. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, quote, unquote, urlsplit

from wsexample.errors import OptionError
from wsexample.wire.masking import mask_url, url_trouble

__all__ = ["DEFAULT_PORTS", "Target", "is_broken"]

DEFAULT_PORTS = {"ws": 80, "wss": 443}
_UNIX_SCHEMES = {"ws+unix": "ws", "wss+unix": "wss"}
_NOT_IN_NAMES = re.compile(r"""[^!-~]|["#%/<>?@\[\\\]^`{|}]""")
_RESOURCE_SAFE = "/?&=%:@!$'()*+,;~-._[]"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a WebSocket URL leads (RFC 6455 section 3)."""

    scheme: str
    """"ws" or "wss"."""
    host: str
    """Name or address, without the brackets of an IPv6 address; "localhost" for a unix socket."""
    port: int
    """TCP port."""
    resource: str
    """Path and query of the request line."""
    username: str | None = None
    """User name given in the URL, decoded."""
    password: str | None = field(default=None, repr=False)
    """Password given in the URL, decoded."""
    unix_path: str | None = None
    """Path of the unix socket of a ``ws+unix:`` URL; a leading "@" stands for Linux's abstract names."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL; raises `OptionError` that says what is wrong with it.

        Parameters:
            url: ``ws://HOST[:PORT]/RESOURCE``, the same with ``wss``, or ``ws+unix:PATH[:RESOURCE]``. A fragment is
                dropped (RFC 6455 section 3 has none).
        """
        if not isinstance(url, str):
            raise OptionError(f"the URL must be a string, not {type(url).__name__}", option="url")
        url = url.strip()
        if any(character <= " " or character == "\x7f" for character in url):
            raise OptionError("the URL holds a blank or a control character", option="url")
        if is_broken(url):
            raise OptionError("the URL holds half a character (a lone surrogate)", option="url")
        scheme, _, rest = url.partition(":")
        if scheme.lower() in _UNIX_SCHEMES:
            return cls._parse_unix(_UNIX_SCHEMES[scheme.lower()], rest)
        try:
            parts: SplitResult = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise OptionError(f"{mask_url(url)!r} is not a URL: {url_trouble(url, error)}", option="url") from None
        if parts.scheme not in DEFAULT_PORTS:
            raise OptionError(
                f"{mask_url(url)!r} does not begin with ws:// or wss://; write for example ws://127.0.0.1:9000",
                option="url",
            )
        if not parts.hostname:
            raise OptionError(f"{mask_url(url)!r} names no host", option="url")
        if port == 0:
            raise OptionError(f"{mask_url(url)!r} names port 0, where nobody can listen", option="url")
        return cls(
            scheme=parts.scheme,
            host=_ascii_host(parts.hostname),
            port=port or DEFAULT_PORTS[parts.scheme],
            resource=_resource(parts.path, parts.query),
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )

    @classmethod
    def _parse_unix(cls, scheme: str, rest: str) -> Self:
        quoted, _, resource = rest.removeprefix("//").partition(":")
        unix_path = unquote(quoted)
        if not unix_path or "\0" in unix_path:
            raise OptionError(
                "the URL names no unix socket; write for example ws+unix:/run/app.sock:/path", option="url"
            )
        path, _, query = resource.partition("#")[0].partition("?")
        return cls(
            scheme=scheme,
            host="localhost",
            port=DEFAULT_PORTS[scheme],
            resource=_resource(path, query),
            unix_path=unix_path,
        )

    @property
    def is_secure(self) -> bool:
        """Whether the URL asks for TLS."""
        return self.scheme == "wss"

    @property
    def address(self) -> str:
        """``host:port`` (or the socket's path) for people and logs."""
        return self.unix_path or f"{self._bracketed}:{self.port}"

    @property
    def host_header(self) -> str:
        """Value of the Host header: the port is left out where it is the scheme's own."""
        host = self._bracketed.partition("%")[0] + ("]" if "%" in self.host else "")  # a zone is nobody else's business
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, without user info."""
        if self.unix_path is not None:
            path = quote(self.unix_path)
            return f"{self.scheme}+unix:{'//' if path.startswith('//') else ''}{path}:{self.resource}"
        host = self._bracketed.replace("%", "%25")  # of the zone of an IPv6 address (RFC 6874)
        return f"{self.scheme}://{host}:{self.port}{self.resource}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def is_broken(text: str) -> bool:
    """Tell whether a text holds half a character, which no encoding has, as arguments that are not UTF-8 do in Python."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _ascii_host(host: str) -> str:
    try:
        # A zone of an IPv6 address is written %25 in a URL (RFC 6874).
        name = unquote(host) if host.isascii() else host.encode("idna").decode("ascii")
        address, percent, zone = name.partition("%")
        if ":" in address:
            ipaddress.IPv6Address(address)
        # What was escaped may not begin another line of the request, nor another part of the URL.
        if _NOT_IN_NAMES.search(address + zone) or (percent and ":" not in address):
            raise ValueError("it holds a character that no name has")
    except ValueError as error:
        words = f"{host!r} is not a name that the network can look up: {error}"
        raise OptionError(words, option="url") from None
    return address.lower() + percent + zone  # names of interfaces tell capitals apart, names of hosts do not


def _resource(path: str, query: str) -> str:
    resource = (path or "/") + (f"?{query}" if query else "")
    if not resource.startswith("/"):
        resource = f"/{resource}"
    return resource if resource.isascii() else quote(resource, safe=_RESOURCE_SAFE)
