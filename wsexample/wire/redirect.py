"""Where a redirect leads, and what may go with it: the options of the next attempt. Pure.

Credentials, cookies and client certificates are for the host that they were given for, and nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from wsexample.errors import HandshakeError, OptionError
from wsexample.wire.masking import is_secret_header, mask_url, url_trouble
from wsexample.wire.options import ConnectOptions
from wsexample.wire.target import Target
from wsexample.wire.tls import TlsOptions
from wsexample.wire.trace import printable

__all__ = ["next_hop"]

STATUSES = frozenset({301, 302, 303, 307, 308})
LONGEST_PLACE = 200
"""Characters of a place that are shown."""
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def next_hop(options: ConnectOptions, refusal: HandshakeError, followed: int) -> ConnectOptions:
    """Return the options of the attempt to which a refusal points.

    Parameters:
        options: those of the attempt that was answered with the refusal.
        refusal: the answer.
        followed: redirects followed before.

    Raises:
        HandshakeError: it is no redirect, or not one to follow; the message says why.
    """
    location = refusal.headers.get("location", "")
    if refusal.status not in STATUSES or not location or options.max_redirects == 0:
        raise refusal
    if followed >= options.max_redirects:
        raise _refused(
            refusal, f"more than {options.max_redirects} redirects; the last one leads to {_shown(location)}"
        )
    here = options.target
    base = here.url if here.unix_path is None else f"ws://localhost{here.resource}"
    try:
        joined = urlsplit(urljoin(base, location))
    except ValueError as error:
        why = url_trouble(location, error)
        raise _refused(refusal, f"redirected to {_shown(location)}, which is no address: {why}") from None
    scheme = _SCHEMES.get(joined.scheme)
    if scheme is None:
        raise _refused(refusal, f"redirected to {_shown(location)}, which is no WebSocket address")
    if here.is_secure and scheme == "ws":
        raise _refused(refusal, f"redirected from wss to {_shown(location)}; TLS is not given up on the way")
    is_local = (here.unix_path or options.unix_path) and not urlsplit(location).netloc
    stays_on_socket = is_local and here.unix_path is not None
    if stays_on_socket:
        query = f"?{joined.query}" if joined.query else ""
        url = replace(here, resource=f"{joined.path}{query}").url
    else:
        url = joined._replace(scheme=scheme, fragment="").geturl()
    try:
        there = Target.parse(url)
    except OptionError as error:
        raise _refused(refusal, f"redirected to a place that cannot be dialled: {_short(str(error))}") from None
    if stays_on_socket:
        return options.replace(url=url)
    if is_local or _is_same_place(here, there):
        return _with_user(options, here, there).replace(url=url, sock=None)
    return _for_strangers(options, url)


def _shown(location: str) -> str:
    return _short(mask_url(location))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_PLACE else text[: LONGEST_PLACE - 1] + "…"


def _is_same_place(here: Target, there: Target) -> bool:
    if here.unix_path is not None or here.host != there.host:
        return False
    # The same host asking for TLS on the usual port is still the same host.
    return here.port == there.port or (here.port, there.port) == (80, 443)


def _with_user(options: ConnectOptions, here: Target, there: Target) -> ConnectOptions:
    if here.username is None or there.username is not None or options.auth is not None or options.bearer is not None:
        return options
    return options.replace(auth=(here.username, here.password or ""))


def _for_strangers(options: ConnectOptions, url: str) -> ConnectOptions:
    tls = options.tls
    if isinstance(tls, TlsOptions):
        tls = TlsOptions(
            ca_file=tls.ca_file,
            ca_dir=tls.ca_dir,
            ca_pem=tls.ca_pem,
            verify=tls.verify,
            check_hostname=tls.check_hostname,
            minimum_version=tls.minimum_version,
            ciphers=tls.ciphers,
        )
    headers: Any = options.headers
    headers = _Harmless(headers) if callable(headers) else _harmless(headers)
    return options.replace(
        url=url,
        headers=headers,
        auth=None,
        bearer=None,
        cookie=None,
        host=None,
        tls=tls,
        server_hostname=None,
        sock=None,
        unix_path=None,
    )


def _harmless(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if not is_secret_header(name)]


class _Harmless:
    """A callable that gives headers, without the secret ones."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask

    def __call__(self) -> Any:
        answer = self._ask()
        if isinstance(answer, Awaitable):
            return self._later(answer)
        return self._filtered(answer)

    async def _later(self, answer: Awaitable[Any]) -> Any:
        return self._filtered(await answer)

    @staticmethod
    def _filtered(headers: Any) -> Any:
        from wsexample.wire.options import checked_headers

        return _harmless(checked_headers(headers))


def _refused(refusal: HandshakeError, words: str) -> HandshakeError:
    return HandshakeError(
        f"HTTP {refusal.status}: {printable(words)}",
        status=refusal.status,
        reason=refusal.reason,
        headers=refusal.headers,
        body=refusal.body,
    )
