"""Our hub."""

from __future__ import annotations

from bench.hub_feed import feed_hub
from bench.job import Job


async def hub(job: Job) -> None:
    from wsexample.hub.desk import DeskOptions
    from wsexample.hub.server import Hub, HubOptions

    async with Hub(options=HubOptions(desk=DeskOptions(history=100), max_readers=100_000)) as ours:
        job.listening(ours.port)
        await feed_hub(job, ours.publish)
