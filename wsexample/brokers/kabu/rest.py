"""kabu Station's REST calls: token, registration list, boards. Each is paced, has a deadline, and fails in plain words.

kabu Station stalls when calls overlap and counts them over all programs on the PC, so they go out one at a time.
What arrives on the WebSocket is the client's matter.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from wsexample.brokers.base import HttpCaller, Pace, Pacer, Reply, Secret, one_line
from wsexample.brokers.kabu.codes import PRODUCTION_PORT, VERIFICATION_PORT, Advice, ErrorCode, error_of
from wsexample.brokers.kabu.dialect import BoardDecoder, entry_of, parse_symbols, spell
from wsexample.brokers.kabu.messages import (
    ErrorReply,
    RegisterRequest,
    RegistryReply,
    SymbolEntry,
    TokenReply,
    TokenRequest,
)
from wsexample.clock import SystemClock
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    ConnectError,
    CredentialsError,
    DeadlineError,
    DialectError,
    NetworkError,
    OptionError,
    PlanError,
    RateLimitError,
    RequestError,
    SubscriptionLimitError,
    UnknownSymbolError,
)
from wsexample.ports import Clock
from wsexample.records.market import Board

__all__ = ["KabuRest", "error_from"]

log = logging.getLogger("wsexample.kabu.rest")

VENUE = "kabu"
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
}
"""Calls allowed in a stretch of seconds, for each group of calls."""

_OF_STATUS: dict[int, tuple[type[BrokerError], str]] = {
    400: (RequestError, "the request was refused as malformed"),
    401: (CredentialsError, "the credentials were refused; fetch a new token"),
    403: (PlanError, "access was refused; is the API enabled for this account?"),
    404: (RequestError, "there is no such call; is another program listening on this port?"),
    405: (RequestError, "there is no such call with this method"),
    413: (RequestError, "the request was too long"),
    415: (RequestError, "the media type was refused"),
    429: (RateLimitError, "too many calls; make none for one second"),
}

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(ErrorReply).decode


class KabuRest:
    """REST calls to a kabu Station: ``async with KabuRest(password="...") as rest: await rest.register(["9433"])``.

    Give a token that somebody has fetched, or the API password: then a token is fetched when the first call needs one,
    and again when kabu Station says that it is stale. Every fetch makes the tokens of other programs worthless.

    Parameters:
        host: name or address of the PC (default "localhost": both loopback addresses are tried). kabu Station itself
            answers this PC only; another host is a proxy in front of it.
        port: 18080 for production (the default), 18081 for verification.
        token: value for X-API-KEY.
        password: the API password of that environment.
        timeout_s: seconds for a call, the waiting for its turn not counted (default 10; the first read of a board may
            take kabu Station 5).
        clock: what paces and waits (default the machine's).
    """

    def __init__(
        self,
        *,
        host: str = "localhost",
        port: int = PRODUCTION_PORT,
        token: str | Secret | None = None,
        password: str | Secret | None = None,
        timeout_s: float = 10.0,
        clock: Clock | None = None,
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
        self._token = _credential(token, "token")
        self._password = _credential(password, "password")
        self._clock: Clock = clock or SystemClock()
        self._pacer = Pacer({name: Pace(*limit) for name, limit in GROUPS.items()}, clock=self._clock)
        self._decoder = BoardDecoder()
        self._http = HttpCaller(
            f"http://{_in_url(host)}:{port}/kabusapi",
            timeout_s=timeout_s,
            addresses=LOOPBACK if self.host == "localhost" else (),
        )
        self._token_fetches = 0

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

    def __repr__(self) -> str:
        known = [name for name, value in (("token", self._token), ("password", self._password)) if value]
        return f"<KabuRest {self.address}, {' and '.join(known) or 'no credentials'}>"

    # -- calls -----------------------------------------------------------------------------------------------

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
        body = _encode(TokenRequest(APIPassword=self._password.reveal()))
        reply = await self._call("POST", "/token", TokenReply, body=body, needs_token=False)
        if reply.ResultCode != 0 or not reply.Token:
            raise CredentialsError(
                f"kabu Station gave no token (result {reply.ResultCode})", venue=VENUE, code=reply.ResultCode
            )
        self._token = Secret(reply.Token)
        self._token_fetches += 1
        return self._token

    async def register(self, symbols: Iterable[str | SymbolEntry]) -> list[SymbolEntry]:
        """Register symbols for push and return the whole list; what was registered before stays.

        An empty list changes nothing and returns the present list.

        Parameters:
            symbols: "9433", "9433@1", entries, or one string with blanks between them.

        Raises:
            SubscriptionLimitError: the list is full; names how many are on it.
            UnknownSymbolError: names the symbols that kabu Station did not take, where that can be found out. Good ones
                of the same call may be registered by then.
        """
        entries = parse_symbols(symbols)
        try:
            return await self._registration("/register", entries)
        except SubscriptionLimitError as error:
            raise await self._with_numbers(error, entries) from None
        except UnknownSymbolError as error:
            raise await self._with_names(error, entries) from None

    async def unregister(self, symbols: Iterable[str | SymbolEntry]) -> list[SymbolEntry]:
        """Take symbols off the list and return what is left; raises `UnknownSymbolError` for what was not on it."""
        return await self._registration("/unregister", parse_symbols(symbols))

    async def unregister_all(self) -> list[SymbolEntry]:
        """Empty the list, the entries of other programs included."""
        reply = await self._call("PUT", "/unregister/all", RegistryReply, body=b"")
        return reply.RegistList

    async def fetch_registry(self) -> list[SymbolEntry]:
        """Return the present registration list, the entries of other programs and of reads included."""
        return await self._registration("/register", [])

    async def fetch_board(self, symbol: str | SymbolEntry) -> Board:
        """Read one board; takes a place on the registration list when it is not there yet, without starting push.

        Raises:
            UnknownSymbolError, SubscriptionLimitError: not known, or no place left.
            DialectError: the answer is no board.
        """
        entry = entry_of(symbol)
        path = f"/board/{quote(spell(entry), safe='@')}"
        reply = await self._answered("GET", path, None, "info", needs_token=True)
        return self._decoder.decode_reply(reply.body, self._clock.now_ns(), entry.Symbol, entry.Exchange)

    # -- how a call is made ----------------------------------------------------------------------------------

    async def _registration(self, path: str, entries: list[SymbolEntry]) -> list[SymbolEntry]:
        reply = await self._call("PUT", path, RegistryReply, body=_encode(RegisterRequest(Symbols=entries)))
        return reply.RegistList

    async def _with_numbers(self, error: SubscriptionLimitError, entries: list[SymbolEntry]) -> BrokerError:
        """Say how full the list is and who is not on it: other programs and reads fill it too."""
        try:
            listed = await self.fetch_registry()
        except (BrokerError, NetworkError):
            return error
        left_out = [spell(entry) for entry in entries if entry not in listed]
        return SubscriptionLimitError(
            f"{error}; {len(listed)} are on the list now, not {', '.join(left_out)}",
            venue=VENUE,
            code=error.code,
            words=error.words,
            http_status=error.http_status,
        )

    async def _with_names(self, error: UnknownSymbolError, entries: list[SymbolEntry]) -> BrokerError:
        """Find out which symbols of a batch were at fault; kabu Station does not say (vendor issue 277)."""
        if len(entries) == 1:
            return _naming(error, entries)
        try:
            listed = set(await self.fetch_registry())
            unlisted = [entry for entry in entries if entry not in listed]
            refused = []
            for entry in unlisted:  # where the good ones were rolled back, each is asked for itself
                try:
                    await self._registration("/register", [entry])
                except UnknownSymbolError:
                    refused.append(entry)
        except SubscriptionLimitError as other:
            return other
        except (BrokerError, NetworkError):
            return error
        return _naming(error, refused)

    async def _call(
        self, method: str, path: str, answer: type[_T], *, body: bytes | None = None, needs_token: bool = True
    ) -> _T:
        reply = await self._answered(method, path, body, "info", needs_token=needs_token)
        try:
            return msgspec.json.decode(reply.body, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise DialectError(
                f"kabu Station at {self.address} answered {method} {path} with what this version cannot read; is it"
                " kabu Station that listens there?",
                venue=VENUE,
                http_status=reply.status,
            ) from None

    async def _answered(self, method: str, path: str, body: bytes | None, group: str, *, needs_token: bool) -> Reply:
        """Make a call until it is answered with 200, as often and as slowly as the error table advises."""
        may_renew = needs_token and bool(self._password)
        for attempt in range(1, ATTEMPTS + 1):
            fetches = self._token_fetches
            if needs_token and not self._token:
                await self.fetch_token()
                fetches = self._token_fetches
            async with self._pacer.turn(group):
                reply = await self._once(method, path, body, needs_token=needs_token)
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
            elif advice not in (Advice.RETRY, Advice.WAIT) or attempt == ATTEMPTS:
                raise error
            elif advice is Advice.RETRY:
                await self._clock.sleep(RETRY_WAIT_S)
            log.info("%s %s: %s; trying again", method, path, error)
        raise error

    async def _once(self, method: str, path: str, body: bytes | None, *, needs_token: bool) -> Reply:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.host_header is not None:
            headers["Host"] = self.host_header
        if needs_token and self._token is not None:
            headers["X-API-KEY"] = self._token.reveal()
        try:
            return await self._http.call(method, path, headers=headers, body=body)
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


# --- errors -------------------------------------------------------------------------------------------------------------


def error_from(reply: Reply, address: str) -> tuple[BrokerError, ErrorCode | None]:
    """Return the error that a reply tells of, and its row of the table where the vendor named a code.

    Parameters:
        reply: an answer that is not 200.
        address: ``host:port`` that gave it.
    """
    said = _said(reply)
    row = error_of(said.Code) if said is not None else None
    if said is not None and row is not None:
        words = one_line(said.Message)
        quoted = f", {words}" if words else ""
        sentence = f"kabu Station: {row.meaning} ({said.Code}{quoted}); {row.what_to_do}"
        facts: dict[str, Any] = {"venue": VENUE, "code": said.Code, "words": words, "http_status": reply.status}
        if row.error is RateLimitError:
            return RateLimitError(sentence, wait_s=row.wait_s, **facts), row
        is_final = row.advice not in (Advice.RETRY, Advice.WAIT)
        return row.error(sentence, is_final=is_final, **facts), row
    return _of_status(reply, said, address), None


def _of_status(reply: Reply, said: ErrorReply | None, address: str) -> BrokerError:
    """Return the error for a reply without a code of the table: Windows' own pages, proxies, and codes not documented."""
    kind, meaning = _OF_STATUS.get(reply.status, (BrokerUnavailableError, "the service is not available; try again"))
    if reply.status == 400 and said is None:
        # HTTP.sys answers this itself, in HTML, before kabu Station sees the request (vendor issues 169 and 645)
        meaning = (
            "Windows refused the host name of the request: kabu Station answers requests for localhost only; behind a"
            " proxy, have it set the header 'Host: localhost'"
        )
    elif 200 < reply.status < 400:
        kind, meaning = RequestError, "that is no answer of kabu Station; another program listens on this port"
    code = said.Code if said is not None else None
    words = one_line(said.Message) if said is not None else ""
    quoted = f" ({', '.join(part for part in (f'{code}' if code is not None else '', words) if part)})" if said else ""
    return kind(
        f"{address} answered with HTTP {reply.status}{quoted}: {meaning}",
        venue=VENUE,
        code=code,
        words=words,
        http_status=reply.status,
    )


def _said(reply: Reply) -> ErrorReply | None:
    try:
        return _decode_error(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _naming(error: UnknownSymbolError, entries: list[SymbolEntry]) -> UnknownSymbolError:
    names = tuple(spell(entry) for entry in entries)
    if not names:
        return error
    listed = f"{', '.join(names)}: {error}"
    return UnknownSymbolError(
        listed, symbols=names, venue=VENUE, code=error.code, words=error.words, http_status=error.http_status
    )


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
