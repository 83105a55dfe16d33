"""Which attacks of servers there are on which of our clients, what the client is told, and what must come of it.

Ends are written in the words of `wsexample.errors`; what they are called by the blocking twin and the protocol classes is in
`ends_of`. Bounds of memory come from the client's options, as in ``cases.py``; those of the CPU hold where nothing is to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hostile.cases import MIB, SLACK_MIB

__all__ = ["CLIENTS", "CLIENT_CASES", "ClientCase", "client_bound_mib", "ends_of"]

WIRE = ("connect", "session")
OWN = (*WIRE, "protocol", "sync", "app")
CLIENTS = (*OWN, "hub-reader", "rest")
SMALL = {"max_message_bytes": MIB, "read_ahead_bytes": MIB}
DEFLATE = {**SMALL, "compression": True}
QUIET = 0.25
"""Most of a core that a client may use which has nothing to do but wait, and now and then dial."""
PACKED_MIB = 17.0
"""What the blocking twin reads at once of a compressed connection, inflated a thousandfold."""
INTERIM_MIB = 160.0
"""What uvloop reads in one turn, 8 MB, as interim answers: 330,000 objects of aiohttp's, and no deadline passes meanwhile."""
SHREDS_MIB = 16.0
"""What it reads at once, 256 KiB, taken apart into 52,000 fragments of three bytes, which are 136 bytes each in Python; twice,
because the heap gives back in pieces."""
REST_MIB = 40.0
"""A whole answer: `wsexample.brokers.base.HttpCaller` reads 32 MiB, in pieces that are joined at the end."""


@dataclass(frozen=True)
class ClientCase:
    """One attack and what is expected."""

    attack: str
    ends: frozenset[str]
    """How tries may end."""
    clients: tuple[str, ...] = OWN
    connections: int = 4
    options: Mapping[str, Any] = field(default_factory=dict)
    """`ConnectOptions` that differ from the defaults."""
    does: str = ""
    """What the client does once it is connected: "send", "both", "nothing" or, otherwise, read."""
    proxy: str = ""
    """Kind of the proxy that the hostile server stands for."""
    tls: bool = False
    messages: int = 0
    """Messages of the largest size that a connection may hold on top of what is read ahead."""
    mib: float = 0.0
    """What a connection may hold beside that, MiB."""
    blocking_mib: float = 0.0
    """What a connection of the blocking twin may hold beside all that, MiB."""
    cpu: float = 0.0
    """Most of a core, 0 where there is work to do."""
    longest_s: float = 0.0
    """Longest that a try may take, seconds; 0 where it may be held."""
    tries_per_s: float = 0.0
    """Most tries of a connection a second, where the client waits between them by itself; 0 where it does not."""
    seconds: float = 0.0
    """How long it needs at least, 0 for as long as was asked for."""


def _case(attack: str, ends: str, **more: Any) -> ClientCase:
    return ClientCase(attack, frozenset(word.strip() for word in ends.split(",")), **more)


def _quiet(attack: str, ends: str, **more: Any) -> ClientCase:
    return _case(attack, ends, cpu=QUIET, seconds=6, **more)


def _http(attack: str, ends: str = "DialectError, NetworkError", **more: Any) -> ClientCase:
    more = {"clients": ("rest",), "mib": REST_MIB, **more}
    return _case(attack, ends, longest_s=20, seconds=15, **more)


REFUSED, LATE, CUT = "HandshakeError", "DeadlineError", "closed 1006"
CLIENT_CASES: dict[str, ClientCase] = {
    "silent": _quiet("silent", LATE, longest_s=8),
    "cut": _case("cut", f"{REFUSED}, closed 1006", longest_s=8, tries_per_s=12),
    "slow-answer": _quiet("slow-answer", f"{REFUSED}, {LATE}", longest_s=8),
    "slow-body": _quiet("slow-body", f"{REFUSED}, {LATE}", longest_s=8),
    "endless-line": _case("endless-line", REFUSED, longest_s=8),
    "endless-headers": _case("endless-headers", REFUSED, longest_s=8),
    "endless-interim": _case("endless-interim", REFUSED, longest_s=8),
    "garbage": _case("garbage", REFUSED, longest_s=8),
    "huge-refusal": _case("huge-refusal", REFUSED, longest_s=8),
    "tiny-chunks": _case("tiny-chunks", f"{REFUSED}, {LATE}", longest_s=8, clients=(*WIRE, "sync")),
    "long-words": _case("long-words", REFUSED, longest_s=8),
    "long-status": _case("long-status", REFUSED, longest_s=8),
    "long-place": _case("long-place", REFUSED, longest_s=8),
    "redirects": _case("redirects", REFUSED, longest_s=8),
    "patience": _quiet("patience", REFUSED, clients=("session", "hub-reader"), tries_per_s=5),
    "slow-tls": _quiet("slow-tls", f"{LATE}, TlsError", tls=True, longest_s=8, clients=(*WIRE, "sync", "app")),
    "no-tls": _case("no-tls", "TlsError", tls=True, longest_s=8, clients=(*WIRE, "sync", "app")),
    "proxy-silent": _quiet("silent", LATE, proxy="http", longest_s=8, clients=(*WIRE, "sync", "app")),
    "proxy-slow": _quiet("slow-answer", LATE, proxy="http", longest_s=8, clients=(*WIRE, "sync", "app")),
    "proxy-garbage": _case("garbage", "ProxyError", proxy="http", longest_s=8, clients=(*WIRE, "sync", "app")),
    "proxy-endless": _case("endless-headers", "ProxyError", proxy="http", longest_s=8, clients=(*WIRE, "sync", "app")),
    "proxy-refusal": _case("huge-refusal", "ProxyError", proxy="http", longest_s=8, clients=(*WIRE, "sync", "app")),
    "socks5-silent": _quiet("silent", LATE, proxy="socks5h", longest_s=8, clients=(*WIRE, "sync", "app")),
    "socks5-garbage": _case("no-tls", "ProxyError", proxy="socks5h", longest_s=8, clients=(*WIRE, "sync", "app")),
    "socks4-garbage": _case("no-tls", "ProxyError", proxy="socks4a", longest_s=8, clients=(*WIRE, "sync", "app")),
    "open-and-cut": _case("open-and-cut", CUT, longest_s=8, tries_per_s=12),
    "open-and-close": _case("open-and-close", "closed 1000", longest_s=8, tries_per_s=12),
    "close-words": _case("close-words", "closed 1011", longest_s=8),
    "mute": _quiet("mute", f"{CUT}, {LATE}", longest_s=8),
    "half-closed": _case("half-closed", CUT, longest_s=8),
    "deaf": _case(
        "deaf", f"{CUT}, {LATE}", does="send", longest_s=12, seconds=8, clients=("connect", "protocol", "sync", "app")
    ),
    "deaf-talker": _case(
        "deaf-talker", f"{CUT}, {LATE}, held", does="both", longest_s=12, seconds=8, clients=("connect", "sync", "app")
    ),  # who talks lives: a ping need not be answered
    "ping-flood": _case("ping-flood", "held"),
    "deaf-pings": _case("deaf-pings", f"{CUT}, held"),
    "pong-flood": _case("pong-flood", "held"),
    "drip-pings": _quiet("drip-pings", f"held, {LATE}"),
    "close-flood": _case("close-flood", "closed 1000, closed 1006"),
    "fragments-0": _case("fragments-0", f"held, {LATE}", options=SMALL, messages=3),
    "fragments-1": _case("fragments-1", f"closed 1009, held, {LATE}", options=SMALL, messages=3),
    "fragments-3": _case(
        "fragments-3", f"closed 1009, held, {LATE}", options=SMALL, messages=3, blocking_mib=SHREDS_MIB
    ),
    "tiny-messages": _case("tiny-messages", "held"),
    "tiny-untaken": _case("tiny-messages", "held, closed 1006", does="nothing", clients=("connect",)),
    "largest-frames": _case("largest-frames", f"held, {LATE}", connections=2, messages=6),  # the server needs its time
    "largest-untaken": _case(
        "largest-frames", f"held, closed 1006, {LATE}", connections=2, messages=6, does="nothing", clients=("connect",)
    ),
    "too-large": _case("too-large", "closed 1009", options=SMALL),
    "too-large-64": _case("too-large", f"closed 1009, {LATE}"),  # the server needs its time to make them
    "endless-frame": _case("endless-frame", "closed 1009"),
    "endless-fragment": _case("endless-fragment", "closed 1009"),
    "masked": _case("masked", "closed 1002", clients=(*WIRE, "protocol")),
    "masked-borne": _case("masked", "held", clients=("sync", "app")),  # as websocket-client does
    "bombs": _case("bombs", "closed 1009", options=DEFLATE, messages=2),
    "bombs-many": _case("bombs", "closed 1009", options=DEFLATE, messages=2, connections=20),
    "bombs-in-pieces": _case("bombs-in-pieces", "closed 1009", options=DEFLATE, messages=2),
    "bombs-with-memory": _case("bombs-with-memory", "held", options=DEFLATE, messages=6),
    "unanswered": _quiet("mute", f"{LATE}, {CUT}, held", does="unanswered", clients=("session",), tries_per_s=5),
    "hub-silent": _quiet("mute", f"{LATE}, closed 1006", clients=("hub-reader",), tries_per_s=5),
    "hub-no-answer": _quiet("hub-no-answer", f"{LATE}, closed 1006", clients=("hub-reader",), tries_per_s=5),
    "hub-words": _case("hub-words", "RequestError", clients=("hub-reader",), tries_per_s=5),
    "hub-numbers": _case("hub-numbers", "held, closed 1009, closed 1006", clients=("hub-reader",), mib=64),
    "hub-topics": _case("hub-topics", "held, DialectError", clients=("hub-reader",), mib=100, connections=2),
    "hub-welcomes": _case(
        "hub-welcomes", f"held, closed 1006, NetworkError, {LATE}", clients=("hub-reader",), mib=32, tries_per_s=5
    ),
    "http-silent": _http("silent", LATE, cpu=QUIET),
    "http-slow": _http("slow-answer", LATE, cpu=QUIET),
    "http-cut": _http("cut", "NetworkError"),
    "http-endless-line": _http("endless-line", "NetworkError"),
    "http-endless-headers": _http("endless-headers", "NetworkError"),
    "http-endless-interim": _http("endless-interim", f"NetworkError, {LATE}, held", mib=INTERIM_MIB),
    "http-garbage": _http("garbage", "NetworkError"),
    "http-huge-refusal": _http("huge-refusal", f"NetworkError, CredentialsError, {LATE}"),
    "http-tiny-refusal": _http("tiny-chunks", f"NetworkError, {LATE}"),
    "http-long-words": _http("long-words", "NetworkError, CredentialsError, PlanError, RequestError"),
    "http-redirects": _http(
        "redirects", "BrokerError, DialectError, RequestError, BrokerUnavailableError, NetworkError"
    ),
    "http-deep": _http("http-deep"),
    "http-deep-inside": _http("http-deep-inside"),
    "http-digits": _http("http-digits", "DialectError, whole"),
    "http-long-digits": _http("http-long-digits", "DialectError, whole"),
    "http-text": _http("http-text"),
    "http-bomb": _http("http-bomb", f"NetworkError, {LATE}"),
    "http-deflate-bomb": _http("http-deflate-bomb", f"NetworkError, {LATE}"),
    "http-endless-body": _http("http-endless-body", f"NetworkError, {LATE}"),
    "http-endless-chunks": _http("http-endless-chunks", f"NetworkError, {LATE}"),
    "http-tiny-chunks": _http("http-tiny-chunks", f"NetworkError, {LATE}"),
    "http-chunk-words": _http("http-chunk-words", f"NetworkError, {LATE}"),
    "http-trailers": _http("http-trailers", f"NetworkError, {LATE}"),
    "http-short": _http("http-short", "NetworkError"),
    "http-long": _http("http-long", LATE, cpu=QUIET),
    "http-two-lengths": _http("http-two-lengths", "NetworkError, DialectError"),
    "http-rate-limit": _http("http-rate-limit", "RateLimitError, held", cpu=QUIET),
}

_LOST = frozenset({"WebSocketConnectionClosedException", "ConnectionResetByPeer", "BrokenPipe"})
_BLOCKING: dict[str, frozenset[str]] = {
    "HandshakeError": frozenset({"WebSocketHandshakeException", "WebSocketBadStatusException"}) | _LOST,
    "DeadlineError": frozenset(
        {"WebSocketTimeoutException", "DeadlineError", "WebSocketProxyException", "SocksTimedOut"}
    ),
    "ProxyError": frozenset({"WebSocketProxyException", "SocksFailed", "SocksRefused"}),
    "TlsError": frozenset({"TlsFailed"}),
    "closed 1000": frozenset({"closed 1000", "WebSocketConnectionClosedException"}),
    "closed 1002": frozenset({"WebSocketProtocolException"}),
    "closed 1006": frozenset({"held", "WebSocketTimeoutException"}) | _LOST,
    "closed 1011": frozenset({"closed 1000", "WebSocketConnectionClosedException"}),
    "closed 1009": frozenset({"WebSocketPayloadException", "WebSocketConnectionClosedException"}),
    "held": frozenset({"held", "WebSocketTimeoutException"}),
}


def ends_of(case: ClientCase, client: str) -> frozenset[str]:
    """Return how tries of a kind of client may end, in the words of its own; the last of each is cut short, and so held."""
    if client in ("sync", "app"):
        return frozenset({"held"}).union(*(_BLOCKING.get(word, frozenset({word})) for word in case.ends))
    if client == "protocol":  # it has close codes only
        return case.ends | {"closed 1006", "held"}
    if client in ("session", "hub-reader"):  # time is over at some moment, and sessions do not end by themselves
        return case.ends | {"held"} | {f"gave up: {word}" for word in case.ends}
    return case.ends | {"held"}


def client_bound_mib(case: ClientCase, client: str, connections: int) -> float:
    """Return by how much the client's memory may grow."""
    largest = int(case.options.get("max_message_bytes", 64 * MIB))
    ahead = int(case.options.get("read_ahead_bytes", 16 * MIB)) if client in (*WIRE, "hub-reader") else 0
    held = (case.messages * largest + (2 * ahead if case.messages else 0)) / MIB
    if client in ("sync", "app"):
        held += case.blocking_mib + (PACKED_MIB if case.options.get("compression") else 0)
    return SLACK_MIB + connections * (held + case.mib)
