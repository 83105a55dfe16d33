"""A book in two ``SortedDict``, decoded by msgspec: how a careful program of one's own would keep it."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.feeds import weex_book
from bench.job import Job
from bench.work import same_book


def weex_book_kept(job: Job) -> None:
    from sortedcontainers import SortedDict

    from wsexample.brokers.weex.messages import DepthFrame
    from wsexample.records.market import Level

    feed = weex_book(job.detail["level"])
    decode = msgspec.json.Decoder(DepthFrame[Level], strict=False).decode
    bids, asks = SortedDict(lambda price: -price), SortedDict()

    def take(change: bytes) -> Any:
        frame = decode(change)
        for side, levels in ((bids, frame.b), (asks, frame.a)):
            for level in levels:
                if level.size > 0:
                    side[level.price] = level
                else:
                    side.pop(level.price, None)
        return tuple(bids.values()), tuple(asks.values())

    take(feed.snapshot.encode())
    changes = [text.encode() for text in feed.changes]
    same_book(feed, lambda number: [(side[0].price, side[0].size) for side in take(changes[number])])
    meter = job.meter
    while meter.add(len(changes)):
        for change in changes:
            take(change)[0][0]
