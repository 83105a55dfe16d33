"""Pings that were sent and what came of them: those that a task waits for, and the latest of the keep-alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from wsexample.errors import DeadlineError, StateError

__all__ = ["Pings"]


class Pings:
    """The pings of one connection that are on their way."""

    __slots__ = ("_beat", "_waiting", "latency_s")

    def __init__(self) -> None:
        self._waiting: dict[bytes, tuple[asyncio.Future[float], float]] = {}
        self._beat: tuple[bytes, float] | None = None
        self.latency_s: float | None = None
        """Round-trip time of the latest that was answered; None before the first."""

    async def round_trip_s(self, payload: bytes, send: Callable[[bytes], None], timeout_s: float) -> float:
        """Send a ping and return how long its pong took, seconds.

        Parameters:
            payload: what it carries, and what the pong is known by.
            send: sends it.
            timeout_s: seconds to wait for the pong.

        Raises:
            DeadlineError: no pong came in time.
            StateError: a ping with this payload is on its way already.
        """
        if payload in self._waiting:
            raise StateError("a ping with this payload is already on its way")
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[payload] = (future, time.monotonic())
        try:
            send(payload)
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise DeadlineError(f"no pong within {timeout_s:g} s", step="pong", timeout_s=timeout_s) from None
        finally:
            self._waiting.pop(payload, None)

    def keep_alive_sent(self, payload: bytes) -> None:
        """Take note of a ping of the keep-alive."""
        self._beat = (payload, time.monotonic())

    def pong_came(self, payload: bytes) -> bool:
        """Wake whoever waits for this pong; returns whether it answers the keep-alive."""
        now_s = time.monotonic()
        if payload in self._waiting:
            future, sent_s = self._waiting[payload]
            self.latency_s = now_s - sent_s
            if not future.done():
                future.set_result(self.latency_s)
            return False
        if self._beat is None or self._beat[0] != payload:
            return False
        self.latency_s = now_s - self._beat[1]
        self._beat = None
        return True

    def finish(self, error: Callable[[], Exception]) -> None:
        """Tell everybody who waits that no pong will come.

        Parameters:
            error: makes an error of its own for each.
        """
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(error())
