"""websocket-client's proxy options, or the environment, become the wire's `ProxyOptions`; its error classes too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from wsexample.errors import DeadlineError, OptionError, ProxyError
from wsexample.sync._exceptions import WebSocketProxyException
from wsexample.wire.options import ProxyOptions
from wsexample.wire.proxy_rules import split_rules
from wsexample.wire.target import Target

__all__ = ["ProxySettings", "proxy_failure", "proxy_kind_unknown"]

KINDS = ("http", "socks4", "socks4a", "socks5", "socks5h")
_VARIABLES = {
    "ws": ("ws_proxy", "http_proxy", "all_proxy"),
    "wss": ("wss_proxy", "https_proxy", "all_proxy"),
}


class ProxySettings:
    """What the ``http_proxy_…`` options say.

    Parameters:
        options: the options of a connection; names that are not about proxies are ignored.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.host: str | None = options.get("http_proxy_host") or None
        self.port: str | int = options.get("http_proxy_port") or 0
        self.auth: tuple[str, str] | None = options.get("http_proxy_auth")
        self.no_proxy: Sequence[str] | None = options.get("http_no_proxy")
        self.timeout_s: float | None = options.get("http_proxy_timeout") or None
        self.kind: str = options.get("proxy_type") or "http"
        if self.host and self.kind not in KINDS:
            raise proxy_kind_unknown(self.kind)

    def for_target(self, target: Target) -> ProxyOptions | None:
        """Return what the wire is told for this target, None to connect directly."""
        no_proxy = tuple(self.no_proxy) if self.no_proxy else split_rules(_variable("no_proxy") or "")
        if self.host:
            if not self.port:
                raise WebSocketProxyException("http_proxy_host needs http_proxy_port too")
            host = f"[{self.host}]" if ":" in self.host else self.host
            user, password = self.auth or (None, None)
            return ProxyOptions(
                url=f"{self.kind}://{host}:{int(self.port)}",
                username=user or None,
                password=password,
                no_proxy=no_proxy,
                timeout_s=self.timeout_s,
            )
        for name in _VARIABLES[target.scheme]:
            url = (_variable(name) or "").replace(" ", "")
            if url:
                try:
                    return ProxyOptions(url=url, no_proxy=no_proxy)
                except OptionError as error:
                    raise WebSocketProxyException(f"{name} in the environment: {error}") from error
        return None


def _variable(name: str) -> str | None:
    upper = name.upper()
    if upper == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
        return os.environ.get(name)  # under CGI the upper-case one is the client's "Proxy" header (CVE-2016-5385)
    return os.environ.get(name, os.environ.get(upper))


@cache
def _classes() -> dict[str, type[WebSocketProxyException]]:
    """Make the classes that are python-socks' own too; they load it, so they are made when they are needed."""
    import python_socks

    bases = {
        "refused": python_socks.ProxyError,
        "unreachable": python_socks.ProxyConnectionError,
        "late": python_socks.ProxyTimeoutError,
    }
    names = {"refused": "SocksRefused", "unreachable": "SocksUnreachable", "late": "SocksTimedOut"}
    return {what: type(names[what], (WebSocketProxyException, base), {}) for what, base in bases.items()}


def proxy_kind_unknown(kind: str) -> WebSocketProxyException:
    """Return the error for a ``proxy_type`` that does not exist."""
    return _classes()["refused"](f"proxy_type {quote(str(kind))!r} is none of {', '.join(KINDS)}")


def proxy_failure(error: ProxyError | DeadlineError, *, is_socks: bool) -> WebSocketProxyException:
    """Return the exception for a failure at the proxy.

    Parameters:
        error: the wire's.
        is_socks: whether it is a SOCKS proxy, whose failures programs catch by python-socks' names.
    """
    if not is_socks:
        status = getattr(error, "status", None)
        words = f"failed CONNECT via proxy status: {status}; " if status is not None else ""
        return WebSocketProxyException(f"{words}{error}")
    if isinstance(error, DeadlineError):
        return _classes()["late"](str(error))
    is_unreachable = isinstance(error.__cause__, OSError)
    return _classes()["unreachable" if is_unreachable else "refused"](str(error))
