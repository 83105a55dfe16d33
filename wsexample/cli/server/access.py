"""Who is let in: the path asked for, basic authorization, tokens.

Origins and numbers of connections are limited by the wire's own options.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wsexample.cli.server.status import Traffic
from wsexample.errors import OptionError
from wsexample.wire.server import Reject, Request

__all__ = ["Access", "Gate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a client must show."""

    paths: Sequence[str] = ()
    """Paths that are served; none serves all."""
    users: Sequence[tuple[str, str]] = field(default=(), repr=False)
    """User names and passwords for basic authorization."""
    tokens: Sequence[str] = field(default=(), repr=False)
    """Tokens: as ``Authorization: Bearer``, or as ``?token=`` where a browser can send no header."""

    def __post_init__(self) -> None:
        for path in self.paths:
            if not path.startswith("/"):
                raise OptionError(f"--path {path}: a path begins with /", option="path")

    @property
    def is_open(self) -> bool:
        """Whether anybody is let in."""
        return not self.users and not self.tokens

    def knows(self, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> bool:
        """Tell whether a request shows what it must.

        Parameters:
            headers: request headers, lower-case names.
            query: query parameters.
        """
        if self.is_open:
            return True
        scheme, _, value = headers.get("authorization", "").partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and _is_one_of(value, self.tokens):
            return True
        if scheme.lower() == "basic" and _is_one_of(_unpacked(value), [":".join(user) for user in self.users]):
            return True
        return any(_is_one_of(token, self.tokens) for token in query.get("token", ()))


def _is_one_of(shown: str, known: Sequence[str]) -> bool:
    """Compare in constant time, so that nobody can feel their way to a secret."""
    return any([hmac.compare_digest(_octets(shown), _octets(secret)) for secret in known])  # noqa: C419 - all of them


def _octets(text: str) -> bytes:
    """Return what was written; octets of headers and command lines that are no UTF-8 come as half surrogate pairs."""
    return text.encode("utf-8", "surrogateescape")


def _unpacked(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:  # no base64, or what it stands for is no text
        return ""


class Gate:
    """Decides about each opening handshake.

    Parameters:
        access: what a client must show.
        traffic: counts who is turned away.
        note: told of each refusal: who, why, and the HTTP status.
        is_oneshot: whether only the first client is let in.
    """

    def __init__(
        self, access: Access, traffic: Traffic, note: Callable[[str, str, int], None], *, is_oneshot: bool = False
    ) -> None:
        self._access = access
        self._traffic = traffic
        self._note = note
        self._is_oneshot = is_oneshot

    async def accept(self, request: Request) -> Reject | None:
        """Return None to let a client in."""
        if self._access.paths and request.path not in self._access.paths:
            return self._refuse(request, "path", Reject(404, "nothing is served here\n"))
        if not self._access.knows(request.headers, request.query):
            schemes = (["Basic"] if self._access.users else []) + (["Bearer"] if self._access.tokens else [])
            headers = {"WWW-Authenticate": ", ".join(f'{scheme} realm="wseserver"' for scheme in schemes)}
            return self._refuse(request, "credentials", Reject(401, "credentials are wanted\n", headers))
        if self._is_oneshot and self._traffic.accepted:
            return self._refuse(request, "oneshot", Reject(503, "this server was there for one client\n"))
        return None

    def _refuse(self, request: Request, why: str, answer: Reject) -> Reject:
        self._traffic.refused[why] += 1
        self._note(request.remote, why, answer.status)
        return answer
