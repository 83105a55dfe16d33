"""Records of several played tapes as one stream, in the order of time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

__all__ = ["as_they_come", "in_time_order"]

T = TypeVar("T")


async def in_time_order(
    streams: Sequence[AsyncIterator[Sequence[T]]], at_ns: Callable[[T], int]
) -> AsyncIterator[Sequence[T]]:
    """Merge streams of batches by the time of their items; what is equally old comes in the order of the streams.

    It waits for each stream, so that it is for tapes that are played as fast as possible.

    Parameters:
        streams: each in the order of time by itself, such as ``session.batches()``.
        at_ns: returns the time of an item.
    """
    if len(streams) == 1:
        async for batch in streams[0]:
            yield batch
        return
    heads: list[tuple[int, int, int, Sequence[T]]] = []
    for number, stream in enumerate(streams):
        first = await _next_of(stream)
        if first is not None:
            heapq.heappush(heads, (at_ns(first[0]), number, 0, first))
    while heads:
        _, number, position, batch = heapq.heappop(heads)
        until = heads[0][:2] if heads else None
        begin = position
        while position < len(batch) and (until is None or (at_ns(batch[position]), number) <= until):
            position += 1
        yield batch[begin:position]
        if position == len(batch):
            following = await _next_of(streams[number])
            if following is None:
                continue
            position, batch = 0, following
        heapq.heappush(heads, (at_ns(batch[position]), number, position, batch))


async def _next_of(stream: AsyncIterator[Sequence[T]]) -> Sequence[T] | None:
    """Return the next batch that holds something; None at the end."""
    async for batch in stream:
        if batch:
            return batch
    return None


async def as_they_come(streams: Sequence[AsyncIterator[Sequence[T]]]) -> AsyncIterator[Sequence[T]]:
    """Join streams of batches as they come, for tapes that are played at a pace; raises the first error of one of them."""
    arrived: asyncio.Queue[Sequence[T] | BaseException | None] = asyncio.Queue(maxsize=len(streams))

    async def carry(stream: AsyncIterator[Sequence[T]]) -> None:
        try:
            async for batch in stream:
                await arrived.put(batch)
        except Exception as error:  # noqa: BLE001 - raised by the joined stream
            await arrived.put(error)
        else:
            await arrived.put(None)

    tasks = [asyncio.ensure_future(carry(stream)) for stream in streams]
    try:
        left = len(tasks)
        while left:
            item = await arrived.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
