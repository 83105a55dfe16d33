"""Our dialects over messages in memory: what playing a tape is measured by."""

from __future__ import annotations

from bench.feeds import RECEIVED_NS, kabu_boards
from bench.job import Job
from bench.subjects.our_tape import dialect_of, packed


def tape_replayed(job: Job) -> None:
    """Decode the same messages from memory: what a replay is measured by."""
    feed, count = job.detail["feed"], job.detail["count"]
    frames = kabu_boards() if feed == "kabu" else packed(feed)
    messages = [frames[i % len(frames)] for i in range(count)]
    dialect, is_binary = dialect_of(feed), feed != "kabu"
    receive, meter = dialect.receive, job.meter
    while meter.add(count * job.detail["records"]):
        for message in messages:
            for _ in receive(message, is_binary, RECEIVED_NS).records:
                pass
