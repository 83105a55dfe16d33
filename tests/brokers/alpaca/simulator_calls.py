"""Plain callers for the simulator's tests: HTTP by aiohttp, streams by the wire, orders on a still market."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import msgpack

from wsexample.brokers.alpaca.messages.trading import OrderSubmission, TradeUpdateMessage
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Market, Switches
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.interventions import Interventions
from wsexample.brokers.alpaca.simulator.orders import SimOrder
from wsexample.wire.connection import Connection, connect

WHOLE = Switches(partial_fill_chance=0.0)
"""Switches for tests that count on whole fills."""
START_NS = 1_772_461_800 * 10**9
"""Monday 2026-03-02 14:30 UTC: the open in New York."""
HEADERS = {"APCA-API-KEY-ID": DEFAULT_KEY, "APCA-API-SECRET-KEY": DEFAULT_SECRET}


@dataclass
class Answered:
    """A reply, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls a simulator with its account's credentials."""

    def __init__(self, sim: AlpacaSimulator, http: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.http = http

    async def call(self, method: str, path: str, **details: Any) -> Answered:
        """Make one request; details are aiohttp's, headers are added to the credentials."""
        headers = {**HEADERS, **details.pop("headers", {})}
        async with self.http.request(method, f"{self.sim.url}{path}", headers=headers, **details) as reply:
            return Answered(reply.status, dict(reply.headers), await reply.read())

    async def order(self, **fields: Any) -> Any:
        """Place an order: five AAPL at the market unless said otherwise."""
        body = {"symbol": "AAPL", "qty": "5", "side": "buy", "type": "market", "time_in_force": "day"} | fields
        return (await self.call("POST", "/v2/orders", json={k: v for k, v in body.items() if v is not None})).json


@contextlib.asynccontextmanager
async def caller_of(sim: AlpacaSimulator) -> AsyncIterator[Caller]:
    """Yield a caller."""
    async with aiohttp.ClientSession() as http:
        yield Caller(sim, http)


class Talker:
    """A raw client of a stream, in either codec."""

    def __init__(self, ws: Connection, is_packed: bool) -> None:
        self.ws = ws
        self.is_packed = is_packed

    async def say(self, message: Any) -> None:
        """Send a message."""
        await self.ws.send(msgpack.packb(message) if self.is_packed else json.dumps(message))

    async def hear(self, timeout_s: float = 5.0) -> Any:
        """Return the next message."""
        payload, is_binary = await self.ws.receive_payload(timeout_s)
        if is_binary and self.is_packed:
            return msgpack.unpackb(payload, timestamp=0)
        return json.loads(payload)

    async def ask(self, message: Any) -> Any:
        """Send a message and return what comes next."""
        await self.say(message)
        return await self.hear()

    async def hear_until(self, kind: str) -> Any:
        """Return the first market data message of a type."""
        while True:
            for message in await self.hear():
                if message["T"] == kind:
                    return message


LOGIN = {"action": "auth", "key": DEFAULT_KEY, "secret": DEFAULT_SECRET}


@contextlib.asynccontextmanager
async def talker_of(url: str, *, is_packed: bool = False, login: bool = True, **options: Any) -> AsyncIterator[Talker]:
    """Yield a raw client; on a market data stream past its welcome, and logged in unless told otherwise."""
    headers = {"Content-Type": "application/msgpack" if is_packed else "application/json"} | options.pop("headers", {})
    async with connect(url, headers=headers, **options) as ws:
        talker = Talker(ws, is_packed)
        if "/stream" not in url.rpartition(":")[2]:
            assert await talker.hear() == [{"T": "success", "msg": "connected"}]
        if login:
            answer = await talker.ask(LOGIN)
            assert "authenticated" in str(answer) or "'authorized'" in str(answer), answer
        yield talker


@dataclass
class Floor:
    """An exchange on a market that stands still, moved by hand."""

    market: Market
    exchange: Exchange
    account: SimAccount
    commands: Interventions
    events: list[TradeUpdateMessage]

    def place(self, **fields: Any) -> SimOrder:
        """Place an order: ten AAPL at the market unless said otherwise."""
        body = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"} | fields
        order = self.exchange.submit(self.account, OrderSubmission(**body), self.exchange.now_ns)
        self._note(self.exchange.take_events())
        return order

    def pass_time(self, seconds: float = 0.1) -> None:
        """Let time pass, without a move of the market."""
        self._note(self.exchange.advance(self.exchange.now_ns + round(seconds * 1e9)))

    def quote(self, symbol: str, bid: float, ask: float, last: float | None = None) -> None:
        """Set a quote and let the exchange see it."""
        listing = self.market.listings[symbol]
        listing.bid, listing.ask = bid, ask
        listing.last_price = last if last is not None else listing.last_price
        self.pass_time(0.01)

    def _note(self, told: Any) -> None:
        self.events += [update for _, update in told]

    def names(self) -> list[str]:
        """The events since the last call."""
        found, self.events = [update.event for update in self.events], []
        return found


def floor(switches: Switches = WHOLE, **options: Any) -> Floor:
    """A still market with AAPL at 187.19 / 187.21."""
    market = Market(seed=1, start_ns=START_NS, **options)
    exchange = Exchange(market, switches, 1)
    account = exchange.add_account(DEFAULT_KEY, DEFAULT_SECRET)
    found = Floor(market, exchange, account, Interventions(exchange), [])
    found.quote("AAPL", 187.19, 187.21, 187.20)
    return found


def fills_of(updates: list[TradeUpdateMessage]) -> Iterator[tuple[Decimal, Decimal]]:
    """Quantity and price of each execution among some updates."""
    for update in updates:
        if update.event in ("fill", "partial_fill"):
            yield Decimal(str(update.qty)), Decimal(str(update.price))
