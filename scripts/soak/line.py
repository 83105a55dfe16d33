"""How the processes of a soak run speak with each other: JSON objects, one a line, over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec

__all__ = ["Orders", "tell"]


def tell(event: str, **facts: Any) -> None:
    """Say something to the process that has started this one."""
    sys.stdout.write(msgspec.json.encode({"event": event, **facts}).decode() + "\n")
    sys.stdout.flush()


class Orders:
    """What the starting process says: ``async with Orders() as orders: await orders.next()``."""

    async def __aenter__(self) -> Orders:
        loop = asyncio.get_running_loop()
        self._reader = asyncio.StreamReader()
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), sys.stdin.buffer
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()
        await asyncio.sleep(0)

    async def next(self) -> dict[str, Any]:
        """Wait for the next one; {"do": "stop"} when the starting process is gone."""
        text = await self._reader.readline()
        found: dict[str, Any] = msgspec.json.decode(text) if text else {"do": "stop"}
        return found
