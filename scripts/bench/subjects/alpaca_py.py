"""alpaca-py: its stream's own path from a frame to the handler, without its socket. It speaks MessagePack alone."""

from __future__ import annotations

from typing import Any

from bench.feeds import alpaca_quotes
from bench.job import Job
from bench.work import import_cost, same_quotes


async def alpaca_quotes_decoded(job: Job) -> None:
    import msgpack
    from alpaca.data.live import StockDataStream

    per_frame = job.detail["per_frame"]
    frames = alpaca_quotes("msgpack", per_frame)
    stream: Any = StockDataStream("key", "secret")
    total = 0.0
    seen: list[Any] = []

    async def handle(quote: Any) -> None:
        nonlocal total
        total += quote.bid_price

    async def look(quote: Any) -> None:
        seen.append((quote.symbol, quote.bid_price, round(quote.timestamp.timestamp() * 1e6) * 1000))

    async def take(frame: bytes) -> None:
        for message in msgpack.unpackb(frame):
            await stream._dispatch(message)

    stream.subscribe_quotes(look, "*")
    await take(frames[0])
    same_quotes(per_frame, seen, precision_ns=1000)  # a datetime ends at the microsecond
    stream.subscribe_quotes(handle, "*")
    meter = job.meter
    while meter.add(len(frames) * per_frame):
        for frame in frames:
            await take(frame)


async def alpaca_quotes_streamed(job: Job) -> None:
    import asyncio

    from alpaca.data.live import StockDataStream

    stream: Any = StockDataStream("key", "secret", url_override=job.url.rstrip("/"))
    meter, total, count = job.meter, 0.0, 0
    over = asyncio.Event()

    async def handle(quote: Any) -> None:
        nonlocal total, count
        total += quote.bid_price
        count += 1
        if count == job.chunk:
            count = 0
            if not meter.add(job.chunk):
                over.set()
                await asyncio.sleep(60)

    stream.subscribe_quotes(handle, "*")
    running = asyncio.ensure_future(stream._run_forever())
    await over.wait()
    running.cancel()


def alpaca_import(job: Job) -> None:
    import_cost(job, "from alpaca.data.live import StockDataStream; from alpaca.trading.stream import TradingStream")
