"""Alpaca in memory: exchange, trading desk and stream of the simulator behind a client's own seams, with faults on both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from random import Random

import msgspec

from tests.brokers.alpaca.simulator_calls import START_NS, WHOLE
from wsexample.brokers.alpaca import AlpacaTradingStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, Market
from wsexample.brokers.alpaca.simulator.desk import Call, TradingDesk
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.interventions import Interventions
from wsexample.brokers.alpaca.simulator.update_faults import UpdateFaults
from wsexample.brokers.base import Reply
from wsexample.clock import ManualClock
from wsexample.errors import NetworkError
from wsexample.session.testing import ScriptedConnection
from wsexample.wire.options import ConnectOptions

__all__ = ["AlpacaVenue"]


class AlpacaVenue:
    """One account at Alpaca; time is that of a clock moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock(START_NS)
        self.market = Market(seed=1, start_ns=START_NS)
        self.exchange = Exchange(self.market, WHOLE.replace(requests_per_minute=0), 1)
        self.account = self.exchange.add_account(DEFAULT_KEY, DEFAULT_SECRET)
        self.desk = TradingDesk(self.exchange, self.market)
        self.commands = Interventions(self.exchange)
        self.faults = UpdateFaults()
        self.connection: ScriptedConnection | None = None
        self.is_listening = False
        self.is_mute = False
        self.call_faults: list[str] = []
        """What the next calls meet: "502", "lost" (done, and the answer lost) or "hangs"."""
        self.quote(Decimal(100))

    def stream(self) -> AlpacaTradingStream:
        """A client, whose socket and calls end here."""
        made = AlpacaTradingStream(
            DEFAULT_KEY,
            DEFAULT_SECRET,
            backfill="rest",
            overlap_s=2.0,
            check_every_s=20.0,
            clock=self.clock,
            dial=self.dial,
            random=Random(1),
            limit=100_000,
        )
        made.rest.calls._http = self  # type: ignore[assignment]
        return made

    # -- the socket ----------------------------------------------------------------------------------------------

    async def dial(self, options: ConnectOptions) -> ScriptedConnection:
        self.is_listening = self.is_mute = False
        self.connection = ScriptedConnection(self.clock, self.answer)
        return self.connection

    def answer(self, message: str | bytes) -> list[bytes]:
        """Answer what the client says on its socket."""
        if msgspec.json.decode(message)["action"] == "listen":
            self.is_listening = True
            return [b'{"stream":"listening","data":{"streams":["trade_updates"]}}']
        return [b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}']

    def tell(self) -> None:
        """Let happen what is due, and send what is told of it."""
        now_ns = self.clock.now_ns()
        told = self.exchange.advance(now_ns)
        for _, update in self.faults.passed(told, now_ns / 1e9):
            payload = self.faults.written(update, with_ids=True)
            if self.connection is not None and not self.connection.is_over and self.is_listening and not self.is_mute:
                self.connection.say(payload)

    def cut(self) -> None:
        """Lose the connection."""
        if self.connection is not None:
            self.connection.drop()

    def quote(self, price: Decimal) -> None:
        """Move the market."""
        listing = self.market.listings["AAPL"]
        listing.bid, listing.ask, listing.last_price = float(price) - 0.01, float(price) + 0.01, float(price)

    # -- the calls -----------------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Answer an HTTP request, or do not."""
        how = self.call_faults.pop(0) if self.call_faults else ""
        if how == "hangs":
            await self.clock.sleep(10.0)
            raise NetworkError("no answer within 10 s")
        if how == "502":
            return Reply(502, {}, b"bad gateway")
        await asyncio.sleep(0)
        call = Call(method, path, dict(query or {}), body or b"")
        answer = self.desk.answer(self.account, call, self.clock.now_ns())
        self.tell()
        if how == "lost":
            raise NetworkError("the connection was lost")
        assert answer is not None, path
        return Reply(answer.http_status, {}, b"" if answer.body is None else msgspec.json.encode(answer.body))

    async def close(self) -> None:
        """Nothing is open."""
