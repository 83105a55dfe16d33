"""Which proxy a connection goes through: read from an option or from the environment, with exceptions. Pure.

The environment is an argument; dialling through the proxy is left to ``proxy.py``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from wsexample.errors import OptionError
from wsexample.wire.masking import MASK, mask_url, url_trouble
from wsexample.wire.target import Target

__all__ = ["Proxy", "ProxyOptions", "choose_proxy", "is_exempt"]

PROXY_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_REMOTE_NAMES = frozenset({"http", "https", "socks4a", "socks5h"})
_VARIABLES = {"ws": ("ws_proxy", "http_proxy", "all_proxy"), "wss": ("wss_proxy", "https_proxy", "all_proxy")}


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy."""

    scheme: str
    """"http", "https", "socks4", "socks4a", "socks5" or "socks5h"."""
    host: str
    """Name or address."""
    port: int
    """TCP port."""
    username: str | None = None
    """User name."""
    password: str | None = field(default=None, repr=False)
    """Password."""

    @classmethod
    def parse(cls, url: str, *, option: str = "proxy") -> Self:
        """Read ``[SCHEME://][USER:PASSWORD@]HOST[:PORT]``; without a scheme it is an HTTP proxy.

        Parameters:
            url: the address.
            option: the name under which an `OptionError` complains.
        """
        text = url.strip()
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            port = parts.port
        except ValueError as error:
            why = url_trouble(text, error)
            raise OptionError(f"{option}: {mask_url(text)!r} is not a proxy address: {why}", option=option) from None
        if parts.scheme not in PROXY_PORTS:
            known = ", ".join(PROXY_PORTS)
            raise OptionError(f"{option}: {parts.scheme!r} is not a kind of proxy; known are {known}", option=option)
        if not parts.hostname:
            raise OptionError(f"{option}: {mask_url(text)!r} names no host", option=option)
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or PROXY_PORTS[parts.scheme],
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )

    @property
    def address(self) -> str:
        """``host:port`` for people and logs."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_http(self) -> bool:
        """Whether it is asked with HTTP CONNECT rather than SOCKS."""
        return self.scheme in ("http", "https")

    @property
    def resolves_names(self) -> bool:
        """Whether the target's name is looked up by the proxy rather than here."""
        return self.scheme in _REMOTE_NAMES


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ProxyOptions:
    """Through which proxy to connect.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    url: str | None = None
    """``http``, ``https``, ``socks4``, ``socks4a``, ``socks5`` or ``socks5h`` address, with user info if needed; None
    looks into the environment: ``ws_proxy`` or ``http_proxy`` for ws, ``wss_proxy`` or ``https_proxy`` for wss, then
    ``all_proxy``, in lower case first."""
    username: str | None = None
    """User name for the proxy, in place of the URL's."""
    password: str | None = None
    """Password for the proxy, in place of the URL's."""
    no_proxy: Sequence[str] | None = None
    """Hosts that are reached directly: a name (with its subdomains), ``.suffix``, an address, a network such as
    ``10.0.0.0/8``, each with ``:PORT`` if wanted, or ``*``. None takes ``no_proxy`` when the proxy comes from the
    environment, and nothing otherwise."""
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    """Further headers of the CONNECT request."""
    tls: Any = None
    """`TlsOptions` or an ``ssl.SSLContext`` for an ``https`` proxy; None verifies against the system's store."""
    timeout_s: float | None = None
    """Seconds for the proxy's answer; None takes ``connect_timeout_s``."""

    def __post_init__(self) -> None:
        if self.url is not None:
            Proxy.parse(self.url)
        if isinstance(self.no_proxy, str):
            object.__setattr__(self, "no_proxy", split_rules(self.no_proxy))
        elif self.no_proxy is not None:
            object.__setattr__(self, "no_proxy", tuple(self.no_proxy))
        pairs = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        object.__setattr__(self, "headers", tuple((str(name), str(value)) for name, value in pairs))
        if self.timeout_s is not None and not (isinstance(self.timeout_s, int | float) and self.timeout_s > 0):
            raise OptionError(
                f"timeout_s of a proxy must be more than zero, not {self.timeout_s!r}", option="timeout_s"
            )
        if any(character in text for pair in pairs for text in pair for character in "\r\n\0"):
            raise OptionError("a proxy header holds a line break", option="proxy")

    def __repr__(self) -> str:
        shown = [f"url={mask_url(self.url)!r}"] if self.url is not None else []
        shown += [f"username={self.username!r}"] if self.username is not None else []
        shown += [f"password={MASK!r}"] if self.password is not None else []
        shown += [f"no_proxy={self.no_proxy!r}"] if self.no_proxy is not None else []
        return f"ProxyOptions({', '.join(shown)})"


def choose_proxy(target: Target, options: ProxyOptions | None, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for this target, None to connect directly.

    Parameters:
        target: where to; a unix socket has no proxy.
        options: the caller's wish; None connects directly.
        environ: the environment variables.
    """
    if options is None or target.unix_path is not None:
        return None
    if options.url is not None:
        proxy: Proxy | None = Proxy.parse(options.url)
        rules: Sequence[str] = options.no_proxy or ()
    else:
        proxy = _from_environment(target, environ)
        rules = options.no_proxy if options.no_proxy is not None else split_rules(_variable(environ, "no_proxy")[1])
        if _is_loopback(target.host):  # a proxy elsewhere cannot reach what listens here
            return None
    if proxy is None or is_exempt(target.host, target.port, rules):
        return None
    if options.username is not None or options.password is not None:
        proxy = Proxy(
            proxy.scheme,
            proxy.host,
            proxy.port,
            options.username if options.username is not None else proxy.username,
            options.password if options.password is not None else proxy.password,
        )
    return proxy


def split_rules(text: str) -> tuple[str, ...]:
    """Return the entries of a ``no_proxy`` value; commas and blanks separate them."""
    return tuple(entry for entry in re.split(r"[,\s]+", text) if entry)


def is_exempt(host: str, port: int, rules: Sequence[str]) -> bool:
    """Tell whether a host is reached directly by the rules of ``no_proxy``."""
    host = host.lower().rstrip(".")
    return any(_rule_matches(host, port, rule.strip().lower()) for rule in rules)


def _rule_matches(host: str, port: int, rule: str) -> bool:
    if rule == "*":
        return True
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(rule.strip("[]"), strict=False)
        except (ValueError, TypeError):
            pass  # not an address or network, perhaps one with a port
    name, rule_port = _split_port(rule)
    if rule_port is not None and rule_port != port:
        return False
    if address is not None:
        return _address(name) == address
    name = name.lstrip("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(rule: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d+)", rule)
    if match is None:
        return rule.strip("[]"), None
    return match[1].strip("[]"), int(match[2])


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    if environ.get(name):
        return name, environ[name]
    upper = name.upper()
    if upper == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        return upper, ""  # under CGI this is the client's "Proxy" header (CVE-2016-5385)
    return upper, environ.get(upper, "")


def _from_environment(target: Target, environ: Mapping[str, str]) -> Proxy | None:
    for name in _VARIABLES[target.scheme]:
        variable, value = _variable(environ, name)
        if value.strip():
            return Proxy.parse(value, option=variable)
    return None
