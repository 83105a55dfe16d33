"""What Alpaca's REST answers mean: errors with code, words and what to do, rate limits as the headers tell them.

No call is made here; calls are in `wsexample.brokers.alpaca.rest.calls`.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from wsexample.brokers.alpaca.codes import VENUE, rest_error_of
from wsexample.brokers.alpaca.messages.trading import ErrorReply
from wsexample.brokers.base import Reply, one_line
from wsexample.errors import BrokerError, RateLimitError, UnknownSymbolError

__all__ = ["error_from", "is_used_up", "limit_in", "wait_in"]

LONGEST_WAIT_S = 65.0
"""A limit counts the calls of a minute; a header that asks for more is wrong, or of another clock."""
MOST_CALLS = 100_000
"""A limit above it is none: the highest plan has 10,000 calls a minute."""

_decode = msgspec.json.Decoder(ErrorReply).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_SHOWN_EXTRAS = (
    "buying_power",
    "cost_basis",
    "available",
    "existing_qty",
    "held_for_orders",
    "balance",
    "market_price",
    "stop_price",
    "reject_reason",
    "existing_order_id",
)


def _number(text: str | None) -> float | None:
    """Return what a header says; None without it, and for what is no number to reckon with, such as "nan"."""
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def limit_in(reply: Reply) -> int | None:
    """Return the calls a minute that the headers allow; None when they do not say."""
    limit = _number(reply.headers.get("x-ratelimit-limit"))
    return int(min(limit, MOST_CALLS)) if limit is not None and limit >= 1 else None


def is_used_up(reply: Reply) -> bool:
    """Return whether the headers say that no call of this minute is left, and when there will be."""
    return _number(reply.headers.get("x-ratelimit-remaining")) == 0 and "x-ratelimit-reset" in reply.headers


def wait_in(reply: Reply, now_s: float) -> float:
    """Return for how many seconds a refused caller shall wait.

    Parameters:
        reply: the answer.
        now_s: UTC epoch seconds, to which ``X-RateLimit-Reset`` refers.
    """
    after = _number(reply.headers.get("retry-after"))
    if after is not None:
        return min(max(after, 0.0), LONGEST_WAIT_S)
    resets = _number(reply.headers.get("x-ratelimit-reset"))
    if resets is not None:
        return min(max(resets - now_s, 0.5), LONGEST_WAIT_S)
    return 3.0  # what the official SDK waits


def error_from(reply: Reply, what: str, *, now_s: float = 0.0) -> BrokerError:
    """Return the error that an answer tells of.

    Parameters:
        reply: an answer that is not 2xx.
        what: the call, such as "POST /v2/orders".
        now_s: UTC epoch seconds.
    """
    try:
        said = _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = ErrorReply()
    words = one_line(said.message)
    kind, what_to_do = rest_error_of(reply.status, said.code, words)
    code = f", {said.code}" if said.code is not None else ""
    sentence = f"Alpaca refused {what} (HTTP {reply.status}{code})"
    sentence = (
        f"{sentence}: {words.removesuffix('.')}{_extras(reply.body)}; {what_to_do}"
        if words
        else f"{sentence}; {what_to_do}"
    )
    facts: dict[str, Any] = {"venue": VENUE, "code": said.code, "words": words, "http_status": reply.status}
    if kind is RateLimitError:
        return RateLimitError(sentence, wait_s=wait_in(reply, now_s), **facts)
    if kind is UnknownSymbolError:
        return UnknownSymbolError(sentence, **facts)
    return kind(sentence, **facts)


def _extras(body: bytes) -> str:
    """Return the figures that come with a refusal, such as what can be bought and what it would cost."""
    try:
        values = _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    shown = [f"{name.replace('_', ' ')} {one_line(str(values[name]), 60)}" for name in _SHOWN_EXTRAS if name in values]
    return f" ({', '.join(shown)})" if shown else ""
