"""A simulator and clients of it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from wsexample.brokers.weex.client import WeexConfig
from wsexample.brokers.weex.simulator import WeexSimulator

T = TypeVar("T")

BUY = {
    "symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.0500",
    "newClientOrderId": "demo-0001",
}  # fmt: skip


def config(venue: WeexSimulator, **changes: Any) -> WeexConfig:
    """What leads to a simulator, with its credentials."""
    is_spot = changes.get("market") == "spot"
    facts: dict[str, Any] = {
        "api_key": KEY, "secret_key": SECRET, "passphrase": PASSPHRASE,
        "public_url": venue.spot_public_url if is_spot else venue.public_url,
        "private_url": venue.spot_private_url if is_spot else venue.private_url,
        "rest_url": venue.rest_url,
    }  # fmt: skip
    return WeexConfig(**{**facts, **changes})


async def take(stream: AsyncIterator[T], count: int) -> list[T]:
    """The first items of a stream, which is closed then."""
    found = []
    async for message in stream:
        found.append(message)
        if len(found) == count:
            break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


def streams(venue: WeexSimulator, method: str = "SUBSCRIBE") -> list[str]:
    """Streams that were asked for, or given up, in order."""
    return [name for body in venue.received if body.get("method") == method for name in body.get("params", ())]


async def subscribed(venue: WeexSimulator, *names: str) -> None:
    """Wait until streams were asked for."""
    await venue.wait_for(lambda: set(names) <= set(streams(venue)))
