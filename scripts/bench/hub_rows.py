"""Rows of the hub: the same updates to many readers, by our hub and by relays that anybody would write.

A row is what `bench.workloads.Workload` is told; its targets are pairs of peer and factor.
"""

from __future__ import annotations

from typing import Any

__all__ = ["hub_rows"]

READERS = 200
CONFLATED_READERS = 1000


def hub_rows() -> dict[str, dict[str, Any]]:
    """Return the rows by name; each publishes 500 updates a second, in bursts of so many in a turn of the loop."""
    rows = {
        "hub-alone": _row("500 updates/s one at a time", READERS, burst=1),
        "hub": _row("500 updates/s in bursts of 3", READERS, burst=3),
        "hub-20": _row("500 updates/s in bursts of 20", READERS, burst=20),
        "hub-conflated": _row("the newest of 50 symbols every 100 ms", CONFLATED_READERS, burst=3, interval_ms=100),
        "hub-memory": _row("a reader that has subscribed and hears nothing", 0, burst=1),
    }
    for name in ("hub-alone", "hub", "hub-20", "hub-conflated"):
        rows[name]["targets"] = (("websockets-relay", 5.0), ("node-ws", 1.0))
    rows["hub-memory"] |= {"act": "subscribed", "unit": "reader", "targets": (("websockets-relay", 1.0),)}
    return rows


def _row(what: str, readers: int, *, burst: int, interval_ms: int = 0) -> dict[str, Any]:
    return {
        "title": f"{what}, to {readers:,} readers" if readers else what,
        "operation": "hub",
        "act": "subscribers",
        "under_test": "server",
        "unit": "record",
        "ours": "ours-hub",
        "subjects": ("ours-hub", "websockets-relay", "websockets-joined", "node-ws"),
        "job": {"burst": burst, "detail": {"interval_ms": interval_ms, "rate": 500}},
        "load": {"path": "/v1/stream", "readers": readers, "is_whole": not interval_ms},
    }
