"""Which attacks there are against whom, what the victim is told, and what must come of it.

Bounds come from the victim's options: what one connection may hold times the connections, and a fixed rest. How long
something took is shown and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CASES", "Case", "bound_mib", "limits_of"]

MIB = 1024 * 1024
SLACK_MIB = 48.0
"""For what the memory allocator keeps, buffers of the loop and modules that are loaded on first use."""
LINK_MIB = 0.06
"""What a connection costs that holds no message: objects, timers, a task; with TLS its buffers (more)."""
TLS_MIB = 0.35
SMALL = {"max_message_bytes": MIB, "read_ahead_bytes": MIB}
DEFLATE = {**SMALL, "compression": True}


@dataclass(frozen=True)
class Case:
    """One attack and what is expected."""

    attack: str
    ends: frozenset[str]
    """How connections of the attack may end."""
    connections: int = 4
    options: Mapping[str, Any] = field(default_factory=dict)
    """`ServeOptions` that differ from the defaults."""
    tls: bool = False
    http: bool = False
    messages: int = 0
    """Messages of the largest size that a connection may hold on top of what is read ahead."""
    servers: tuple[str, ...] = ("serve", "echo", "hub")
    full: int = 0
    """Connections of the full-size run when there are more."""
    seconds: float = 0.0
    """How long it needs at least, 0 for as long as was asked for."""


def _case(attack: str, ends: str, **more: Any) -> Case:
    return Case(attack, frozenset(word.strip() for word in ends.split(",")), **more)


CASES: dict[str, Case] = {
    # held: where the listener's queue ran over the client believes that it is connected, and the server knows nothing of it
    "silent": _case("silent", "cut, held", connections=500, full=10_000, seconds=20),
    "slow-head": _case("slow-head", "cut, HTTP 408", connections=500, full=10_000, seconds=20),
    "slow-tls": _case("slow-tls", "cut", connections=200, full=5_000, seconds=20, tls=True, servers=("serve",)),
    "no-tls": _case("no-tls", "cut", tls=True, servers=("serve",)),
    "slow-head-in-tls": _case(
        "slow-head", "cut", connections=200, full=1_000, seconds=20, tls=True, servers=("serve",)
    ),
    "endless-line": _case("endless-line", "cut, HTTP 400, HTTP 431"),
    "endless-headers": _case("endless-headers", "cut, HTTP 400, HTTP 431"),
    "endless-line-http": _case("endless-line", "cut, HTTP 400, HTTP 431", http=True, servers=("serve",)),
    "endless-headers-http": _case("endless-headers", "cut, HTTP 400, HTTP 431", http=True, servers=("serve",)),
    "endless-body": _case(
        "endless-body", "cut, HTTP 400, HTTP 404, HTTP 405, HTTP 413", http=True, servers=("serve", "hub")
    ),
    "hasty": _case("hasty", "held, 1000, 1008, cut", options=SMALL),
    "ping-flood": _case("ping-flood", "held, 1008"),
    "pong-flood": _case("pong-flood", "held, 1008"),
    "close-flood": _case("close-flood", "1000, cut, held"),
    "fragments-0": _case("fragments-0", "held, 1008, 1009", options=SMALL, messages=3),
    "fragments-1": _case("fragments-1", "1008, 1009, held", options=SMALL, messages=3),
    "fragments-3": _case("fragments-3", "1008, 1009, held", options=SMALL, messages=3),
    "largest-frames": _case("largest-frames", "held, 1008", connections=2, messages=6, servers=("serve", "echo")),
    "too-large": _case("too-large", "1009, cut"),
    "endless-frame": _case("endless-frame", "1009, cut"),
    "endless-fragment": _case("endless-fragment", "1009, cut"),
    "bombs": _case("bombs", "1009, cut", options=DEFLATE, messages=2, servers=("serve", "echo")),
    "bombs-many": _case("bombs", "1009, cut", connections=50, options=DEFLATE, messages=2, servers=("serve", "echo")),
    "bombs-in-pieces": _case("bombs-in-pieces", "1009, cut", options=DEFLATE, messages=2, servers=("serve", "echo")),
    "bombs-with-memory": _case("bombs-with-memory", "held", options=DEFLATE, messages=6, servers=("serve", "echo")),
    "idle": _case("idle", "held", connections=1_000, full=10_000, seconds=20),
    "churn": _case("churn", "1000", connections=20),
    "deaf": _case("deaf", "held, cut, 1008, 1013", options=SMALL, messages=3),
    "deaf-pings": _case("deaf-pings", "held, cut, 1008", options=SMALL),
    "half-closed": _case("half-closed", "cut, 1000, 1005, 1008, held", options=SMALL, messages=3),
}


def limits_of(case: Case, server: str) -> tuple[int, int]:
    """Return the largest message and the read-ahead of the victim, bytes."""
    if server == "hub":  # as wsexample.hub.server has it
        return 256 * 1024, MIB
    largest = int(case.options.get("max_message_bytes", 64 * MIB))
    ahead = int(case.options.get("read_ahead_bytes", 16 * MIB)) if server == "serve" else 0
    return largest, ahead


def bound_mib(case: Case, server: str, connections: int) -> float:
    """Return by how much the victim's memory may grow."""
    largest, ahead = limits_of(case, server)
    held = (case.messages * largest + (2 * ahead if case.messages else 0)) / MIB
    return SLACK_MIB + connections * (held + LINK_MIB + (TLS_MIB if case.tls else 0))
