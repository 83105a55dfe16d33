"""What is measured, and where each figure has to stand. A new row is one entry here and one function per subject."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.blocking import blocking_rows
from bench.hub_rows import hub_rows
from bench.local import local_rows

__all__ = ["TRANSPORT_WORKLOADS", "WORKLOADS", "Target", "Workload"]


@dataclass(frozen=True)
class Target:
    """Ours has to need at most ``peer / factor``."""

    peer: str
    factor: float


@dataclass(frozen=True)
class Workload:
    """One table of the report.

    Attributes:
        title: what is done, for the report.
        operation: function of the subjects' modules.
        kind: payloads, a key of `bench.payloads.KINDS`.
        act: what the load process does, "" when nothing but the subject is needed.
        under_test: the side of the socket under test, "client" or "server".
        unit: what is counted.
        family: workloads of one family are also shown as one table, a column each.
        ours: the subject that the ratios refer to.
    """

    title: str
    operation: str
    kind: str = ""
    act: str = ""
    under_test: str = "client"
    tls: bool = False
    deflate: bool = False
    unit: str = "message"
    family: str = ""
    ours: str = "ours"
    targets: tuple[Target, ...] = ()
    job: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()

    @property
    def is_memory(self) -> bool:
        """Whether what many idle connections cost is measured, not what messages do."""
        return self.act in {"idle", "subscribed"}


SMALL = {"chunk": 997}
LARGE = {"chunk": 101, "min_messages": 1000, "warm_messages": 500}
ONE_BY_ONE = {"chunk": 101, "min_messages": 2000, "warm_messages": 500}
AT_MOST_PICOWS = (Target("picows", 1.0),)


def _bursts(operation: str, act: str, what: str) -> dict[str, Workload]:
    found = {}
    for burst in (1, 10, 100, 1000, 10_000):
        found[f"{operation if act == 'silence' else 'burst'}-{burst}"] = Workload(
            f"{what}, {burst:,} frames of 140 B",
            operation,
            "json140x10",
            act,
            family=what,
            job={"chunk": burst if act == "bursts" else max(burst, 1000), "burst": burst, "min_messages": 2000},
            load={"burst": burst},
        )
    return found


WORKLOADS: dict[str, Workload] = {
    "receive-140": Workload(
        "receive 140 B of JSON in bursts",
        "receive",
        "json140",
        "stream",
        job=SMALL,
        targets=(
            Target("picows-frame", 2.0),
            Target("picows", 2.0),
            Target("websockets", 15.0),
            Target("autobahn", 60.0),
        ),
    ),
    "receive-140-tls": Workload(
        "the same over TLS", "receive", "json140", "stream", tls=True, job=SMALL, targets=AT_MOST_PICOWS
    ),
    "receive-140-deflate": Workload(
        "the same with permessage-deflate", "receive", "json140", "stream", deflate=True, job=SMALL
    ),
    "receive-ja": Workload("receive 2 kB of Japanese JSON in bursts", "receive", "ja2k", "stream", job=LARGE),
    "receive-ja-tls": Workload("the same over TLS", "receive", "ja2k", "stream", tls=True, job=LARGE),
    "receive-ja-deflate": Workload(
        "the same with permessage-deflate", "receive", "ja2k", "stream", deflate=True, job=LARGE
    ),
    "receive-16k": Workload(
        "receive 16 kB of JSON in bursts", "receive", "json16k", "stream", job=LARGE, targets=AT_MOST_PICOWS
    ),
    "receive-16k-binary": Workload(
        "receive 16 kB binary in bursts", "receive", "bin16k", "stream", job=LARGE, targets=AT_MOST_PICOWS
    ),
    "receive-16k-tls": Workload(
        "receive 16 kB of JSON over TLS", "receive", "json16k", "stream", tls=True, job=LARGE, targets=AT_MOST_PICOWS
    ),
    "receive-16k-binary-tls": Workload(
        "receive 16 kB binary over TLS", "receive", "bin16k", "stream", tls=True, job=LARGE, targets=AT_MOST_PICOWS
    ),
    "request-reply": Workload(
        "request and reply of 140 B, one at a time",
        "request_reply",
        "json140",
        "reply",
        unit="round trip",
        job=ONE_BY_ONE,
        targets=AT_MOST_PICOWS,
    ),
    "request-reply-tls": Workload(
        "the same over TLS", "request_reply", "json140", "reply", tls=True, unit="round trip", job=ONE_BY_ONE
    ),
    "send-140": Workload(
        "send 140 B, 256 in a turn of the loop", "send", "json140", "sink", job={"group": 256}, load={"group": 256}
    ),
    "send-16k": Workload(
        "send 16 kB binary, 64 in a turn of the loop",
        "send",
        "bin16k",
        "sink",
        job={**LARGE, "group": 64},
        load={"group": 64},
        targets=AT_MOST_PICOWS,
    ),
    "send-16k-tls": Workload(
        "the same over TLS", "send", "bin16k", "sink", tls=True, job={**LARGE, "group": 64}, load={"group": 64}
    ),
    "echo-server": Workload(
        "echo server, 140 B in bursts",
        "echo_server",
        "json140",
        "blast",
        under_test="server",
        load={"in_flight": 400},
        targets=AT_MOST_PICOWS,
    ),
    "echo-server-tls": Workload(
        "the same over TLS",
        "echo_server",
        "json140",
        "blast",
        under_test="server",
        tls=True,
        load={"in_flight": 400},
    ),
    "echo-server-16k": Workload(
        "echo server, 16 kB of JSON in bursts",
        "echo_server",
        "json16k",
        "blast",
        under_test="server",
        load={"in_flight": 14, "warm_messages": 500, "min_messages": 1000},
        targets=AT_MOST_PICOWS,
    ),
    "broadcast": Workload(
        "broadcast 140 B to 1,000 readers",
        "broadcast",
        "json140",
        "readers",
        under_test="server",
        unit="delivery",
        job={"readers": 1000, "warm_messages": 20_000, "min_messages": 20_000},
        load={"readers": 1000},
        ours="ours-connection",
        targets=(Target("picows", 1.0), Target("websockets", 3.0)),
    ),
    "memory": Workload(
        "memory of an idle connection at 10,000",
        "idle_server",
        "json140",
        "idle",
        under_test="server",
        unit="connection",
        load={"connections": 10_000},
        targets=(Target("websockets", 1.0),),
    ),
    **_bursts("receive", "bursts", "bursts over a socket"),
    **_bursts("feed", "silence", "reads handed to the protocol"),
    **{
        name: Workload(**{**row, "targets": tuple(Target(*pair) for pair in row.get("targets", ()))})
        for name, row in {**hub_rows(), **blocking_rows(SMALL, ONE_BY_ONE), **local_rows()}.items()
    },
}

TRANSPORT_WORKLOADS = (
    "receive-140",
    "receive-140-tls",
    "receive-16k",
    "receive-16k-tls",
    "request-reply",
    "request-reply-tls",
    "send-140",
    "send-16k",
    "send-16k-tls",
    "echo-server",
    "echo-server-tls",
    "echo-server-16k",
    "broadcast",
)
"""Where the choice of a transport can be seen; both roles, plain and TLS."""
