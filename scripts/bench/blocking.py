"""Rows of the blocking twin: receiving, one request at a time, and callbacks, beside the libraries that block too.

A row is what `bench.workloads.Workload` is told; its targets are pairs of peer and factor.
"""

from __future__ import annotations

from typing import Any

__all__ = ["blocking_rows"]

SUBJECTS = ("ours-blocking", "websocket-client", "websockets-sync", "floor")


def blocking_rows(small: dict[str, Any], one_by_one: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows by name.

    Parameters:
        small: settings of a job that receives small messages.
        one_by_one: settings of a job that waits for each answer.
    """
    both: dict[str, Any] = {"kind": "json140", "ours": "ours-blocking", "subjects": SUBJECTS}
    receive = {**both, "operation": "receive", "act": "stream", "job": small}
    echo = {**both, "operation": "request_reply", "act": "reply", "job": one_by_one, "unit": "round trip"}
    return {
        "blocking-receive": {
            **receive,
            "title": "blocking receive, 140 B of JSON in bursts",
            "targets": (("websocket-client", 20.0), ("websockets-sync", 3.0)),
        },
        "blocking-receive-tls": {**receive, "title": "the same over TLS", "tls": True},
        "blocking-echo": {
            **echo,
            "title": "blocking request and reply of 140 B",
            "targets": (("websocket-client", 1.0), ("websockets-sync", 1.0)),
        },
        "blocking-echo-tls": {**echo, "title": "the same over TLS", "tls": True},
        "run-forever": {
            **receive,
            "operation": "run_forever",
            "title": "run_forever callbacks, 140 B of JSON in bursts",
            "targets": (("websocket-client", 20.0),),
        },
    }
