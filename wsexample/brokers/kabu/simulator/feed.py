"""The feed: plays the market as time passes and pushes what changed, at kabu Station's pace, to whoever listens.

It joins the pure market and thinner to a clock and the push socket; what happens on the market is not decided here.
"""

from __future__ import annotations

import asyncio

from wsexample.brokers.kabu.dialect.hours import Phase, S
from wsexample.brokers.kabu.messages import PushMessage
from wsexample.brokers.kabu.simulator.image import draw
from wsexample.brokers.kabu.simulator.listing import Key
from wsexample.brokers.kabu.simulator.market import Change, Market
from wsexample.brokers.kabu.simulator.push import PushSocket
from wsexample.brokers.kabu.simulator.station import Station
from wsexample.brokers.kabu.simulator.thinning import Thinner
from wsexample.ports import Clock

__all__ = ["Feed"]

STEP_S = 0.01
CHANGES_AT_A_TIME = 200  # then others get their turn on the loop


class Feed:
    """What stands between the market and the push socket.

    Parameters:
        market: what is played.
        station: who wants what; its switches say when it is pushed.
        push: where it goes.
        clock: what paces it.
        speed: seconds of market time in a second.
    """

    def __init__(self, market: Market, station: Station, push: PushSocket, clock: Clock, speed: float) -> None:
        self._market = market
        self._station = station
        self._switches = station.switches
        self._push = push
        self._clock = clock
        self._speed = speed
        self._market_start_ns = market.now_ns
        self._started_s: float | None = None
        self._thinner = Thinner(self._switches.thinning_ms, self._switches.trade_thinning_ms)

    @property
    def market_ns(self) -> int:
        """The time on the market, UTC epoch nanoseconds; it stands still before `begin`."""
        if self._started_s is None:
            return self._market_start_ns
        return self._market_start_ns + round((self._clock.monotonic_s() - self._started_s) * self._speed * S)

    def begin(self) -> None:
        """Let market time run from now on."""
        self._started_s = self._clock.monotonic_s()

    async def play(self) -> None:
        """Play the market until cancelled."""
        while True:
            await self._clock.sleep(STEP_S)
            for played, change in enumerate(self._market.advance(self.market_ns), start=1):
                self._note(change)
                if played % CHANGES_AT_A_TIME == 0:
                    self._push_due()
                    await asyncio.sleep(0)
            self._push_due()

    def board(self, key: Key) -> PushMessage:
        """Return a board as it would be pushed now; raises KeyError when it is not listed."""
        return draw(self._market, self._market.views[key], self._switches)

    def send(self, key: Key) -> None:
        """Push a board now."""
        if self._push.has_listener:
            self._push.send(f"{key[0]}@{key[1]}", self.board(key))

    def forget(self) -> None:
        """Drop what waits to be pushed."""
        self._thinner.clear()

    def _note(self, change: Change) -> None:
        """Decide whether a change is worth a board, now or soon."""
        if not self._push.has_listener or not self._station.entries.get(change.key):
            return
        if self._switches.env == "verification":
            return
        if change.phase is Phase.BREAK_ORDERS and self._switches.lunch_and_after_hours_push == "off":
            return
        if self._switches.thinning_ms == 0:
            self.send(change.key)
        else:
            is_close = change.traded and change.phase is Phase.PRE_CLOSE
            self._thinner.change(change.key, traded=change.traded, is_urgent=is_close)

    def _push_due(self) -> None:
        for key in self._thinner.take_due(round(self._clock.monotonic_s() * S)):
            if self._station.entries.get(key):
                self.send(key)
