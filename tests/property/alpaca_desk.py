"""Alpaca in memory: exchange, trading desk and stream of the simulator behind a client's own seams, with faults on both ways."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random

import msgspec

from tests.brokers.alpaca.simulator_calls import START_NS, WHOLE
from tests.property.bad_way import BadWayVenue
from wsexample.brokers.alpaca import AlpacaTradingStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, Market
from wsexample.brokers.alpaca.simulator.desk import Call, TradingDesk
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.interventions import Interventions
from wsexample.brokers.alpaca.simulator.update_faults import UpdateFaults
from wsexample.brokers.base import Reply
from wsexample.clock import ManualClock

__all__ = ["AlpacaVenue"]


class AlpacaVenue(BadWayVenue):
    """One account at Alpaca."""

    OVERLOADED = Reply(502, {}, b"bad gateway")

    def __init__(self) -> None:
        super().__init__(ManualClock(START_NS))
        self.market = Market(seed=1, start_ns=START_NS)
        self.exchange = Exchange(self.market, WHOLE.replace(requests_per_minute=0), 1)
        self.account = self.exchange.add_account(DEFAULT_KEY, DEFAULT_SECRET)
        self.desk = TradingDesk(self.exchange, self.market)
        self.commands = Interventions(self.exchange)
        self.faults = UpdateFaults()
        self.is_listening = False
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

    def connection_begins(self) -> None:
        self.is_listening = False

    def answer(self, message: str | bytes) -> list[bytes]:
        if msgspec.json.decode(message)["action"] == "listen":
            self.is_listening = True
            return [b'{"stream":"listening","data":{"streams":["trade_updates"]}}']
        return [b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}']

    def step(self) -> None:
        now_ns = self.clock.now_ns()
        told = self.exchange.advance(now_ns)
        for _, update in self.faults.passed(told, now_ns / 1e9):
            payload = self.faults.written(update, with_ids=True)
            if self.connection is not None and not self.connection.is_over and self.is_listening and not self.is_mute:
                self.connection.say(payload)

    def quote(self, price: Decimal) -> None:
        """Move the market."""
        listing = self.market.listings["AAPL"]
        listing.bid, listing.ask, listing.last_price = float(price) - 0.01, float(price) + 0.01, float(price)

    def reply(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Reply:
        answer = self.desk.answer(self.account, Call(method, path, dict(query), body), self.clock.now_ns())
        self.step()
        assert answer is not None, path
        return Reply(answer.http_status, {}, b"" if answer.body is None else msgspec.json.encode(answer.body))

    def order_ids(self) -> list[str]:
        return list(self.account.orders)

    def executions(self) -> set[str]:
        return {activity.id.partition("::")[2] for activity in self.account.activities}

    def mend(self) -> None:
        super().mend()
        faults = self.faults
        faults.drop_next = faults.double_next = faults.reorder_next = 0
        faults.delay_s = 0.0
        faults._odd.clear()
        faults._behind = None
