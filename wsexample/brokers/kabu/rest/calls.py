"""How a call is made: credentials, pace, deadlines, and trying again where the error table says that it helps.

kabu Station stalls when calls overlap and counts them over all programs on the PC, so they go out one at a time. Which
calls there are is in the files beside this one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self, TypeVar
from urllib.parse import quote

import msgspec

from wsexample.brokers.base import HttpCaller, Pace, Pacer, Reply, Secret
from wsexample.brokers.kabu.codes import PRODUCTION_PORT, REGISTER_LIMIT, VERIFICATION_PORT, Advice
from wsexample.brokers.kabu.dialect import BoardDecoder
from wsexample.brokers.kabu.messages import TokenReply, TokenRequest
from wsexample.brokers.kabu.rest.replies import VENUE, error_from, even_new
from wsexample.brokers.kabu.slots import Slots
from wsexample.clock import SystemClock
from wsexample.errors import ConnectError, CredentialsError, DeadlineError, DialectError, OptionError, RateLimitError
from wsexample.ports import Clock

__all__ = ["Calls", "Http", "encode", "quoted"]

log = logging.getLogger("wsexample.kabu.rest")

LOOPBACK = ("127.0.0.1", "::1")
"""Where "localhost" is looked for; kabu Station was seen on ::1, and a resolver may know only one of them."""
ATTEMPTS = 4
"""Times that a call is made at most when the error table says that trying again helps."""
PENALTY_MARGIN_S = 0.1
"""Added to the vendor's second of quiet after a 429: a call too early begins it anew."""
RETRY_WAIT_S = 1.0
"""Wait before a call is repeated after an internal error of kabu Station."""

GROUPS = {
    "info": (10, 1.0),  # reads and registration: whether they share one counter is not documented, so they do here
    "order": (5, 1.0),
    "wallet": (10, 1.0),
    "tape": (2, 1.0),  # time and sales
}
"""Calls allowed in a stretch of seconds, for each group of calls."""

_T = TypeVar("_T")
encode = msgspec.json.Encoder(decimal_format="number").encode
"""Bodies as kabu Station reads them: prices are numbers."""


class Http(Protocol):
    """What makes the HTTP calls; `wsexample.brokers.base.HttpCaller` is one, a test may bring its own."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Make one call and return the answer, whatever its status."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class Calls:
    """A way to a kabu Station; `wsexample.brokers.kabu.rest.KabuRest` has the calls.

    Parameters:
        host: name or address of the PC (default "localhost": both loopback addresses are tried). kabu Station itself
            answers this PC only; another host is a proxy in front of it.
        port: 18080 for production (the default), 18081 for verification.
        token: value for X-API-KEY.
        password: the API password of that environment.
        timeout_s: seconds for a call, the waiting for its turn not counted (default 10; the first read of a board may
            take kabu Station 5).
        register_limit: places on the registration list (default 50).
        clock: what paces and waits (default the machine's).
        http: makes the calls in place of `HttpCaller`.

    Raises:
        OptionError: the host or the port cannot be one.
    """

    def __init__(
        self,
        *,
        host: str = "localhost",
        port: int = PRODUCTION_PORT,
        token: str | Secret | None = None,
        password: str | Secret | None = None,
        timeout_s: float = 10.0,
        register_limit: int = REGISTER_LIMIT,
        clock: Clock | None = None,
        http: Http | None = None,
    ) -> None:
        if not 0 < port < 65536:
            raise OptionError(
                f"{port} is not a port; kabu Station listens on {PRODUCTION_PORT}, and on {VERIFICATION_PORT} for"
                " verification",
                option="port",
            )
        if not host or any(character in host for character in "/@?# \t\r\n"):
            raise OptionError(f"{host!r} is not a host name or an address", option="host")
        self.host = host.lower()
        self.port = port
        self.slots = Slots(register_limit)
        """Who fills the registration list, as far as the answers so far tell."""
        self._token = _credential(token, "token")
        self._password = _credential(password, "password")
        self._clock: Clock = clock or SystemClock()
        self._pacer = Pacer({name: Pace(*limit) for name, limit in GROUPS.items()}, clock=self._clock)
        self._decoder = BoardDecoder()
        self._http: Http = http or HttpCaller(
            f"http://{_in_url(host)}:{port}/kabusapi",
            timeout_s=timeout_s,
            addresses=LOOPBACK if self.host == "localhost" else (),
        )
        self._token_fetches = 0
        self._placed: set[str] = set()  # orders that are accounted for

    # -- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections to kabu Station; what is registered stays registered."""
        await self._http.close()

    @property
    def address(self) -> str:
        """``host:port`` for people."""
        return f"{_in_url(self.host)}:{self.port}"

    @property
    def push_url(self) -> str:
        """Address of the push stream."""
        return f"ws://{self.address}/kabusapi/websocket"

    @property
    def host_header(self) -> str | None:
        """The Host that must be said; None where the address already says it.

        Windows hands a request to kabu Station only when it is for "localhost" (vendor issues 34 and 169).
        """
        return None if self.host == "localhost" else "localhost"

    @property
    def can_renew(self) -> bool:
        """Whether a token that died can be replaced without a human: there is a password."""
        return bool(self._password)

    def __repr__(self) -> str:
        known = [name for name, value in (("token", self._token), ("password", self._password)) if value]
        return f"<{type(self).__name__} {self.address}, {' and '.join(known) or 'no credentials'}>"

    # -- the token -------------------------------------------------------------------------------------------

    async def fetch_token(self) -> Secret:
        """Fetch a new token with the password and use it from now on; the old one dies.

        Raises:
            CredentialsError: there is no password, or it is wrong.
            NotLoggedInError: kabu Station is not logged in.
        """
        if not self._password:
            raise CredentialsError(
                "a new token needs the API password, which was not given", venue=VENUE, http_status=None
            )
        body = encode(TokenRequest(APIPassword=self._password.reveal()))
        reply = await self._call("POST", "/token", TokenReply, body=body, needs_token=False)
        if reply.ResultCode != 0 or not reply.Token:
            raise CredentialsError(
                f"kabu Station gave no token (result {reply.ResultCode})", venue=VENUE, code=reply.ResultCode
            )
        self._token = Secret(reply.Token)
        self._token_fetches += 1
        return self._token

    # -- how a call is made ----------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        path: str,
        answer: type[_T],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        group: str = "info",
        needs_token: bool = True,
        is_repeatable: bool = True,
        timeout_s: float | None = None,
    ) -> _T:
        """Make a call and read its answer.

        Parameters:
            method: HTTP method.
            path: what follows ``/kabusapi``, quoted.
            answer: what the body is.
            query: parameters of the URL.
            body: request body.
            group: whose pace it keeps.
            needs_token: whether it carries a token.
            is_repeatable: whether it may be made again after an internal error, which an order may not.
            timeout_s: seconds in place of the usual.
        """
        reply = await self._answered(
            method,
            path,
            query,
            body,
            group,
            needs_token=needs_token,
            is_repeatable=is_repeatable,
            timeout_s=timeout_s,
        )
        try:
            return msgspec.json.decode(reply.body, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise DialectError(
                f"kabu Station at {self.address} answered {method} {path} with what this version cannot read; is it"
                " kabu Station that listens there?",
                venue=VENUE,
                http_status=reply.status,
            ) from None

    async def _answered(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        group: str,
        *,
        needs_token: bool = True,
        is_repeatable: bool = True,
        timeout_s: float | None = None,
    ) -> Reply:
        """Make a call until it is answered with 200, as often and as slowly as the error table advises."""
        may_renew = needs_token and self.can_renew
        for attempt in range(1, ATTEMPTS + 1):
            fetches = self._token_fetches
            if needs_token and not self._token:
                await self.fetch_token()
                fetches = self._token_fetches
            async with self._pacer.turn(group):
                reply = await self._once(method, path, query, body, needs_token=needs_token, timeout_s=timeout_s)
                if reply.status == 200:
                    return reply
                error, row = error_from(reply, self.address)
                if isinstance(error, RateLimitError):
                    self._pacer.hold_off(error.wait_s + PENALTY_MARGIN_S)
            advice = (
                row.advice if row is not None else Advice.WAIT if isinstance(error, RateLimitError) else Advice.FINAL
            )
            if advice is Advice.NEW_TOKEN and may_renew:
                may_renew = False
                if fetches == self._token_fetches:  # else a call beside this one has fetched it already
                    await self.fetch_token()
            elif advice is Advice.NEW_TOKEN and needs_token and self.can_renew:
                raise even_new(error)
            elif advice not in (Advice.RETRY, Advice.WAIT) or attempt == ATTEMPTS:
                raise error
            elif advice is Advice.RETRY:
                if not is_repeatable:
                    raise error
                await self._clock.sleep(RETRY_WAIT_S)
            log.info("%s %s: %s; trying again", method, path, error)
        raise error

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        *,
        needs_token: bool,
        timeout_s: float | None,
    ) -> Reply:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.host_header is not None:
            headers["Host"] = self.host_header
        if needs_token and self._token is not None:
            headers["X-API-KEY"] = self._token.reveal()
        try:
            return await self._http.call(method, path, query=query, headers=headers, body=body, timeout_s=timeout_s)
        except ConnectError as error:
            if not error.refused:
                raise
            raise ConnectError(
                f"nobody listens on {self.address}: start kabu Station, log in, and wait until its API mark </> is green",
                address=error.address,
                refused=True,
            ) from None
        except DeadlineError as error:
            raise DeadlineError(
                f"kabu Station at {self.address} did not answer {method} {path} within {error.timeout_s:g} s; it may be"
                " starting, busy, or waiting for a dialog to be closed",
                step=error.step,
                timeout_s=error.timeout_s,
            ) from None


def quoted(text: str) -> str:
    """Return a part of a path as it stands in a URL."""
    return quote(text, safe="@")


def _credential(value: str | Secret | None, option: str) -> Secret | None:
    """Return a secret that can stand in a header, None for nothing; an error never quotes it."""
    secret = Secret(value) if value is not None else None
    if not secret:
        return None
    if not (secret.reveal().isascii() and secret.reveal().isprintable()):
        raise OptionError(f"the {option} holds characters that no {option} of kabu Station has", option=option)
    return secret


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
