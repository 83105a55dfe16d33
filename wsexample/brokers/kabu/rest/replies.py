"""Answers that are not what was hoped for, as errors: kabu Station's codes, Windows' own pages, and other programs' answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wsexample.brokers.base import Reply, one_line
from wsexample.brokers.kabu.codes import Advice, ErrorCode, error_of
from wsexample.brokers.kabu.dialect import spell
from wsexample.brokers.kabu.messages import ErrorReply, SymbolEntry
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    CredentialsError,
    PlanError,
    RateLimitError,
    RequestError,
    UnknownSymbolError,
)

__all__ = ["error_from", "even_new", "naming"]

VENUE = "kabu"

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

_decode_error = msgspec.json.Decoder(ErrorReply).decode


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


def even_new(error: BrokerError) -> CredentialsError:
    """Return the error for a token that was refused although it had just been fetched.

    Seen after a network outage, until kabu Station was restarted (vendor issue 1278).
    """
    return CredentialsError(
        f"kabu Station refuses even the token that it has just given ({error.code}); restart kabu Station, unless other"
        " programs fetch tokens all the time",
        venue=VENUE,
        code=error.code,
        words=error.words,
        http_status=error.http_status,
    )


def naming(error: UnknownSymbolError, entries: Iterable[SymbolEntry]) -> UnknownSymbolError:
    """Return the same error with the symbols at fault; as it is where none are known."""
    names = tuple(spell(entry) for entry in entries)
    if not names:
        return error
    listed = f"{', '.join(names)}: {error}"
    return UnknownSymbolError(
        listed, symbols=names, venue=VENUE, code=error.code, words=error.words, http_status=error.http_status
    )
