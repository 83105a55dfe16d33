"""However long a simulated Alpaca runs it keeps so much and no more, and what it answers agrees with what it has told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec
import pytest

from tests.brokers.alpaca.simulator_calls import START_NS, caller_of
from tests.conftest import Runner
from wsexample.brokers.alpaca.simulator import AlpacaSimulator, Market, Point, Switches
from wsexample.brokers.alpaca.simulator.assets import ASSETS
from wsexample.brokers.alpaca.simulator.data_desk import DataDesk, point_of
from wsexample.brokers.alpaca.simulator.desk import Answer, Call, TradingDesk
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.flow import FillFlow
from wsexample.errors import OptionError

S = 10**9
FIRST, LAST = "2020-01-01", "2030-01-01"


def moved(market: Market, seconds: float) -> list[Point]:
    """Let time pass; returns what was told."""
    return list(market.advance(market.now_ns + round(seconds * S)))


def told(points: list[Point], channel: str) -> dict[str, list[Any]]:
    """The messages of a channel by symbol."""
    found: dict[str, list[Any]] = {}
    for point in points:
        if point.channel == channel:
            found.setdefault(point.symbols[0], []).append(point.message)
    return found


def asked(market: Market, path: str, **query: str) -> Answer:
    """Ask for history of all time."""
    call = Call("GET", path, {"start": FIRST, "end": LAST, **query}, b"")
    answer = DataDesk(market, Switches()).answer(call, market.now_ns)
    assert answer is not None
    return answer


def test_a_symbol_keeps_the_newest_of_what_it_has_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trades, quotes and bars of every kind of asset, to the last field, late trades included; and no more of them."""
    monkeypatch.setattr("wsexample.brokers.alpaca.simulator.past.KEPT_BARS", 3)
    market = Market(seed=5, start_ns=START_NS, quotes_per_s=2, trades_per_s=1, kept_points=40)
    points = moved(market, 400)
    for channel, name, most in (("trades", "trades", 40), ("quotes", "quotes", 40), ("bars", "bars", 3)):
        everything = told(points, channel)
        assert {ASSETS[symbol].kind for symbol in everything} >= {"stock", "crypto", "option", "perps"}
        for symbol, messages in everything.items():
            kept = getattr(market.listings[symbol], name)
            assert list(kept) == messages[-most:]
            assert [msgspec.json.encode(one) for one in kept] == [msgspec.json.encode(one) for one in messages[-most:]]
            assert (kept.latest, kept.total) == (messages[-1], len(messages))


def paged(market: Market, path: str, seconds: float, **query: str) -> Iterator[list[Any]]:
    """Ask for page after page, while the market goes on between them."""
    token: str | None = ""
    while token is not None:
        answer = asked(market, path, **query, **({"page_token": token} if token else {})).body
        yield answer["trades"].get("AAPL", [])
        token = answer["next_page_token"]
        moved(market, seconds)


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_go_together_while_the_oldest_is_forgotten(sort: str) -> None:
    """Each trade once and in order, from the oldest that was kept at first, or back to the oldest that is kept at last."""
    market = Market(seed=2, start_ns=START_NS, quotes_per_s=0.1, trades_per_s=5, kept_points=300)
    trades = told(moved(market, 200), "trades")["AAPL"]
    trades.sort(key=lambda trade: trade.t)
    pages = paged(market, "/v2/stocks/trades", 1, symbols="AAPL", limit="50", sort=sort, end="2026-03-02T14:33:20Z")
    found = [trade for page in pages for trade in page]
    expected = [point_of(trade) for trade in trades]
    if sort == "asc":
        assert len(found) == 300
        assert found == expected[-300:]
    else:
        assert 200 < len(found) < 300
        assert found == expected[: -len(found) - 1 : -1]


def test_a_page_that_would_have_a_hole_before_it_is_refused() -> None:
    """What it should begin with was forgotten since the page before: the client must begin anew, and is told so."""
    market = Market(seed=2, start_ns=START_NS, quotes_per_s=0.1, trades_per_s=5, kept_points=100)
    moved(market, 100)
    token = asked(market, "/v2/stocks/trades", symbols="AAPL", limit="10").body["next_page_token"]
    moved(market, 60)
    answer = asked(market, "/v2/stocks/trades", symbols="AAPL", limit="10", page_token=token)
    assert (answer.http_status, answer.body["message"]) == (400, "page token has expired")


def test_longer_bars_are_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars of five minutes of which the first minutes are forgotten are not told; all others are of all their minutes."""
    monkeypatch.setattr("wsexample.brokers.alpaca.simulator.past.KEPT_BARS", 17)
    market = Market(seed=2, start_ns=START_NS, quotes_per_s=0.1, trades_per_s=1)
    minutes = told(moved(market, 40 * 60 + 1), "bars")["AAPL"]
    found = asked(market, "/v2/stocks/bars", symbols="AAPL", timeframe="5Min").body["bars"]["AAPL"]
    groups = [list(group) for _, group in groupby(minutes, key=lambda bar: bar.t // (300 * S))]
    expected = [
        (bars[0].o, max(bar.h for bar in bars), min(bar.l for bar in bars), bars[-1].c, sum(bar.v for bar in bars))
        for bars in groups
    ]
    assert [tuple(bar[key] for key in "ohlcv") for bar in found] == expected[-3:]


def test_the_day_is_of_all_its_trades_however_few_are_kept() -> None:
    """Volume and count of the daily bar in a snapshot."""
    market = Market(seed=2, start_ns=START_NS, quotes_per_s=0.1, trades_per_s=5, kept_points=10)
    trades = told(moved(market, 100), "trades")["AAPL"]
    bar = asked(market, "/v2/stocks/AAPL/snapshot").body["dailyBar"]
    assert (bar["n"], bar["v"]) == (len(trades), sum(trade.s for trade in trades))


class Venue:
    """An exchange without a socket, whose account keeps little."""

    def __init__(self) -> None:
        self.market = Market(seed=1, start_ns=START_NS)
        switches = Switches(kept_orders=40, kept_events=60, partial_fill_chance=0.0)
        self.exchange = Exchange(self.market, switches)
        self.account = self.exchange.add_account("key", "secret")
        self.desk = TradingDesk(self.exchange, self.market)

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        data = json.dumps(body).encode() if body is not None else b""
        answer = self.desk.answer(self.account, Call(method, path, query, data), self.exchange.now_ns)
        assert answer is not None
        return answer

    def order(self, name: str, **fields: Any) -> Any:
        body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "gtc", **fields}
        answer = self.call("POST", "/v2/orders", {**body, "client_order_id": name})
        assert answer.http_status == 200, answer.body
        self.exchange.advance(self.exchange.now_ns + S)
        return answer.body

    def fill(self, count: int) -> FillFlow:
        """Let so many executions happen."""
        flow = FillFlow(self.exchange, self.account, ("AAPL",), count, 1000, 1)
        while not flow.is_over:
            flow.advance(self.exchange.now_ns + 10**6 * S)
        self.exchange.take_events()
        return flow


def test_an_account_keeps_so_many_orders_events_and_executions() -> None:
    """The newest of those that are closed, all of those that are open; counters count on."""
    venue = Venue()
    waiting = venue.order("waits", type="limit", limit_price="1.00")
    flow = venue.fill(4000)
    account = venue.account
    assert (len(account.updates), len(account.activities)) == (60, 60)
    assert 40 <= len(account.orders) <= 52
    assert set(account.by_client_id.values()) == set(account.orders.values())
    assert waiting.id in account.orders
    assert account.activities.total == len(flow.execution_ids) == 4000
    assert account.orders_taken > 300
    assert [one.id.partition("::")[2] for one in account.activities] == flow.execution_ids[-60:]


def test_a_flow_names_its_newest_executions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are let go, some at a time; how many there were is what was asked for."""
    monkeypatch.setattr("wsexample.brokers.alpaca.simulator.flow.MOST_IDS", 50)
    venue = Venue()
    flow = venue.fill(1000)
    assert 40 <= len(flow.execution_ids) <= 50
    newest = [one.id.partition("::")[2] for one in venue.account.activities]
    assert flow.execution_ids == newest[-len(flow.execution_ids) :]


def test_legs_are_forgotten_with_their_parent_and_not_before() -> None:
    """A bracket whose legs still work is kept whole; once it is over it is forgotten whole."""
    venue = Venue()
    legs = {"take_profit": {"limit_price": "999.00"}, "stop_loss": {"stop_price": "1.00"}}
    parent = venue.order("bracket", order_class="bracket", **legs)
    ids = {parent.id, *(leg.id for leg in parent.legs)}
    venue.fill(1500)
    assert ids <= set(venue.account.orders)
    for leg in parent.legs:
        venue.call("DELETE", f"/v2/orders/{leg.id}")
        venue.exchange.advance(venue.exchange.now_ns + S)
    venue.fill(1500)
    assert not ids & set(venue.account.orders)


def test_what_is_forgotten_is_answered_as_what_never_was() -> None:
    """404 for the order, 422 for a page behind a forgotten execution, an error for a fault that is to act on one."""
    venue = Venue()
    first = venue.order("first")
    (execution,) = venue.account.activities
    venue.fill(1500)
    assert venue.call("GET", f"/v2/orders/{first.id}").http_status == 404
    assert venue.call("GET", "/v2/orders:by_client_order_id", client_order_id="first").http_status == 404
    assert venue.call("GET", "/v2/account/activities/FILL", page_token=str(execution.id)).http_status == 422
    from wsexample.brokers.alpaca.simulator.interventions import Interventions

    with pytest.raises(OptionError, match="no execution"):
        Interventions(venue.exchange).bust(str(execution.id).partition("::")[2])
    assert venue.order("first").client_order_id == "first"


def test_orders_that_end_before_the_open_are_not_waited_for() -> None:
    """Placed and canceled while the market is closed."""
    venue = Venue()
    venue.market.close_stocks()
    for number in range(30):
        order = venue.order(f"{number}")
        venue.call("DELETE", f"/v2/orders/{order.id}")
        venue.exchange.advance(venue.exchange.now_ns + S)
    assert not venue.exchange._waiting
    assert venue.account.held("AAPL") == Decimal(0)


def test_whoever_asks_for_forgotten_events_is_told_that_some_are_missing(run: Runner[None]) -> None:
    """The comment of slow readers comes before the oldest event that is kept; after an event that is kept there is none."""

    async def main() -> None:
        switches = Switches(kept_events=30, partial_fill_chance=0.0)
        async with AlpacaSimulator(seed=1, start_ns=START_NS, switches=switches) as sim, caller_of(sim) as caller:
            flow = FillFlow(sim.exchange, sim.account, ("AAPL",), 100, 1000, 1)
            flow.advance(sim.exchange.now_ns + 10**6 * S)
            ids = [str(update.event_id) for update in sim.account.updates]

            async def events(**query: str) -> tuple[list[str], list[str]]:
                answer = await caller.call("GET", "/v2/events/trades", params={**query, "until_id": ids[-1]})
                lines = answer.body.decode().splitlines()
                found = [json.loads(line[6:])["event_id"] for line in lines if line.startswith("data: ")]
                return found, [line for line in lines if "dropped" in line]

            missing = sim.account.updates.first
            assert await events(since_id="0") == (ids, [f": you are reading too slowly, dropped {missing} messages"])
            assert await events(since_id=ids[0]) == (ids[1:], [])
            assert await events(since_id=ids[9]) == (ids[10:], [])

    run(main())


def test_a_market_that_has_not_traded_has_no_trade_to_take_back() -> None:
    """An error in words."""
    market = Market(seed=1, start_ns=START_NS)
    for command in (lambda: market.cancel_trade("AAPL"), lambda: market.correct_trade("AAPL", 1.0)):
        with pytest.raises(OptionError, match="AAPL has not traded yet"):
            command()
