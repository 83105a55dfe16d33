"""REST calls against the simulator, and against answers that the simulator never gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from tests.brokers.alpaca.payloads import KEY, SECRET
from tests.brokers.alpaca.simulator_calls import START_NS, WHOLE
from tests.conftest import Runner
from wsexample.brokers.alpaca import AlpacaDataRest, AlpacaTradingRest
from wsexample.brokers.alpaca.client.data import market_key
from wsexample.brokers.alpaca.dialect import rfc3339
from wsexample.brokers.alpaca.rest.replies import error_from, limit_in, wait_in
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator
from wsexample.brokers.base import Reply
from wsexample.clock import ManualClock
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    ConnectError,
    CredentialsError,
    DialectError,
    OptionError,
    OrderRejectedError,
    OrderUnknownError,
    PlanError,
    RateLimitError,
    RequestError,
    UnknownSymbolError,
)
from wsexample.records.market import Bar, Quote, Trade
from wsexample.records.orders import Order, OrderRequest
from wsexample.wire.server import ServerConnection, serve

BEGINS_NS = START_NS + 35 * 10**9
"""Late trades come at half past a minute: not while a test compares."""
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HurriedClock(ManualClock):
    """A clock on which waiting takes no time."""

    async def sleep(self, delay_s: float) -> None:
        self.advance(delay_s)
        await asyncio.sleep(0)


@asynccontextmanager
async def trading(**options: Any) -> AsyncIterator[tuple[AlpacaSimulator, AlpacaTradingRest]]:
    """A simulator and calls to it."""
    switches = options.pop("switches", WHOLE)
    async with (
        AlpacaSimulator(switches=switches, **options) as sim,
        AlpacaTradingRest(DEFAULT_KEY, DEFAULT_SECRET, url=sim.url) as rest,
    ):
        yield sim, rest


@asynccontextmanager
async def answering(answer: Answer, **options: Any) -> AsyncIterator[AlpacaTradingRest]:
    """Calls to a server whose answers are written in the test."""

    async def nobody(ws: ServerConnection) -> None:
        await ws.close()

    async with serve(nobody, http=answer) as server:
        url = server.url.replace("ws://", "http://")
        async with AlpacaTradingRest(KEY, SECRET, url=url, **options) as rest:
            yield rest


def order_of(**changes: Any) -> OrderRequest:
    return OrderRequest(**({"symbol": "AAPL", "side": "buy", "size": Decimal(5)} | changes))


# --- calls ----------------------------------------------------------------------------------------------------------------


def test_an_order_lives_through_rest(run: Runner[None]) -> None:
    """Placed, found by both names, replaced, listed and canceled."""

    async def main() -> None:
        async with trading() as (sim, rest):
            placed = await rest.submit_order(
                order_of(order_type="limit", limit_price=Decimal("150.10"), client_order_id="mine")
            )
            assert (placed.status, placed.limit_price, placed.client_order_id) == ("pending", Decimal("150.1"), "mine")
            assert (await rest.fetch_order_by_client_id("mine")).order_id == placed.order_id
            while (await rest.fetch_order(placed.order_id)).status != "new":
                await sim.step()
            new = await rest.replace_order(placed.order_id, limit_price=Decimal("151"))
            assert (new.replaces, new.limit_price) == (placed.order_id, 151)
            while not await rest.fetch_orders(symbols=["AAPL"], side="buy"):
                await sim.step()
            await rest.cancel_order(new.order_id)
            while await rest.fetch_orders():
                await sim.step()
            orders = await rest.fetch_orders("all")
            assert [order.status for order in orders] == ["replaced", "canceled"]

    run(main())


def test_account_positions_and_executions(run: Runner[None]) -> None:
    """Money is exact, and positions are closed one by one and all at once."""

    async def main() -> None:
        async with trading() as (sim, rest):
            assert (await rest.fetch_account()).cash == 100_000
            await rest.submit_order(order_of(size=Decimal(10)))
            await rest.submit_order(order_of(symbol="BTC/USD", size=Decimal("0.01"), time_in_force="gtc"))
            await sim.wait_for("executions", 2)
            positions = {position.symbol: position.size for position in await rest.fetch_positions()}
            assert positions == {"AAPL": 10, "BTC/USD": Decimal("0.01")}
            assert (await rest.fetch_position("BTC/USD")).size == Decimal("0.01")
            fills = [fill async for page in rest.fetch_fills() for fill in page]
            assert {fill.symbol for fill in fills} == set(positions)
            half = await rest.close_position("AAPL", percentage=Decimal(50))
            assert (half.side, half.size) == ("sell", 5)
            await sim.wait_for("executions", 3)
            assert len(await rest.close_positions(cancel_orders=True)) == 2

    run(main())


def test_lists_are_read_to_their_end(run: Runner[None]) -> None:
    """More executions and orders than a page holds come whole, in order, once each."""

    async def main() -> None:
        async with trading() as (sim, rest):
            flow = sim.start_fills(6000, per_s=100_000)
            await sim.wait_for("executions", 6000, timeout_s=20)
            fills = [fill async for page in rest.fetch_fills() for fill in page]
            assert [fill.fill_id for fill in fills] == flow.execution_ids
            orders = await rest.fetch_orders("all")
            assert len(orders) == len(sim.account.orders) > 500
            assert [order.submitted_ns for order in orders] == sorted(order.submitted_ns or 0 for order in orders)
            assert len(await rest.fetch_orders("all", limit=7)) == 7

    run(main())


def test_clock_calendar_assets(run: Runner[None]) -> None:
    """What the vendor says, typed."""

    async def main() -> None:
        async with trading() as (sim, rest):
            assert abs(await rest.fetch_server_ns() - sim.market_ns) < 10**9
            assert (await rest.fetch_calendar("2026-03-02", "2026-03-02"))[0].open == "09:30"
            assert (await rest.fetch_asset("BTC/USD")).asset_class == "crypto"
            assert {asset.asset_class for asset in await rest.fetch_assets(asset_class="us_equity")} == {"us_equity"}
            with pytest.raises(UnknownSymbolError):
                await rest.fetch_asset("NOPE")

    run(main())


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (order_of(size=Decimal(100_000)), "insufficient buying power (buying power 200000, cost basis"),
        (order_of(symbol="NOPE"), 'asset "NOPE" not found'),
        (order_of(order_type="limit", limit_price=Decimal("1.23456")), "sub-penny"),
    ],
)
def test_refusals_say_what_and_what_to_do(run: Runner[None], request_: OrderRequest, words: str) -> None:
    """The vendor's words with their figures, its code, the HTTP status, and advice; never the secret."""

    async def main() -> None:
        async with trading() as (_, rest):
            with pytest.raises(OrderRejectedError) as caught:
                await rest.submit_order(request_)
            assert words in str(caught.value)
            assert caught.value.code in (40310000, 42210000)
            assert "; look at" in str(caught.value)
            assert DEFAULT_SECRET not in str(caught.value)

    run(main())


def test_an_order_needs_one_amount(run: Runner[None]) -> None:
    """Neither and both are refused before anything is sent."""

    async def main() -> None:
        async with trading() as (sim, rest):
            for wrong in (order_of(size=None), order_of(notional=Decimal(5))):
                with pytest.raises(OptionError, match="size or a notional"):
                    await rest.submit_order(wrong)
            with pytest.raises(OptionError, match="no reduce_only"):
                await rest.submit_order(order_of(reduce_only=True))
            assert sim.stats.requests.total() == 0

    run(main())


def test_brackets_bring_their_children(run: Runner[None]) -> None:
    """Two prices make a bracket, one an oto."""

    async def main() -> None:
        async with trading() as (_, rest):
            both = await rest.submit_order(order_of(take_profit_price=Decimal(300), stop_loss_price=Decimal(100)))
            assert (both.order_class, len(both.legs)) == ("bracket", 2)
            one = await rest.submit_order(order_of(symbol="MSFT", stop_loss_price=Decimal(100)))
            assert (one.order_class, len(one.legs)) == ("oto", 1)

    run(main())


# --- faults ---------------------------------------------------------------------------------------------------------------


def test_reads_are_tried_again(run: Runner[None]) -> None:
    """A fault of the server costs a moment, not the call."""

    async def main() -> None:
        async with trading() as (sim, rest):
            sim.rest_fault(502, 2)
            assert (await rest.fetch_account()).cash == 100_000

    run(main())


def test_an_order_whose_answer_was_lost_is_placed_once(run: Runner[None]) -> None:
    """It is looked for under its own identifier before it is sent again."""
    placed: list[Any] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            placed.append(await request.json())
            return web.Response(status=504)
        found = [body for body in placed if body["client_order_id"] == request.query["client_order_id"]]
        if not found:
            return web.json_response({"code": 40410000, "message": "order not found"}, status=404)
        return web.json_response({"id": "o-1", "status": "new", **found[0]})

    async def main() -> None:
        async with answering(answer) as rest:
            order = await rest.submit_order(order_of())
            assert (order.order_id, len(placed)) == ("o-1", 1)

    run(main())


def test_an_order_of_unknown_fate_says_so(run: Runner[None]) -> None:
    """When its answer is lost and Alpaca cannot be asked, the error names the identifier to look for."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=504)

    async def main() -> None:
        async with answering(answer, clock=HurriedClock()) as rest:
            with pytest.raises(OrderUnknownError, match="identifier mine-1 before sending it again"):
                await rest.submit_order(order_of(client_order_id="mine-1"))

    run(main())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (401, b'{"message":"unauthorized."}'),
        (403, b'{"code":40310000,"message":"insufficient buying power"}'),
        (422, b'{"code":40010001,"message":"client_order_id must be unique"}'),
    ],
)
def test_an_order_that_stands_is_never_called_refused(run: Runner[None], status: int, body: bytes) -> None:
    """After a lost answer the order itself may be what refuses its repetition; an answer that cannot be read loses it too."""
    posts = 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal posts
        if request.method == "POST":
            posts += 1
            if posts == 1 and status != 200:
                return web.Response(status=504)
            return web.Response(status=status, body=body, content_type="application/json")
        if posts == 1 and status != 200:  # the first one is slow to appear
            return web.json_response({"code": 40410000, "message": "order not found"}, status=404)
        return web.json_response({"id": "o-1", "status": "new"})

    async def main() -> None:
        async with answering(answer, clock=HurriedClock()) as rest:
            assert (await rest.submit_order(order_of())).order_id == "o-1"

    run(main())


@pytest.mark.parametrize(("status", "body"), [(401, b'{"message":"unauthorized."}'), (200, b"<html>"), (404, b"{}")])
def test_what_asking_brings_does_not_hide_that_an_order_was_sent(run: Runner[None], status: int, body: bytes) -> None:
    """Whatever keeps a lost order from being found, the error says that it may stand, and under which identifier."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(status=504)
        return web.Response(status=status, body=body, content_type="application/json")

    async def main() -> None:
        async with answering(answer, clock=HurriedClock()) as rest:
            with pytest.raises(OrderUnknownError, match="identifier mine-1"):
                await rest.submit_order(order_of(client_order_id="mine-1"))

    run(main())


@pytest.mark.parametrize("is_all", [False, True])
@pytest.mark.parametrize(("status", "body"), [(504, b""), (200, b"<html>")])
def test_a_position_that_may_be_closed_is_not_closed_again(
    run: Runner[None], status: int, body: bytes, is_all: bool
) -> None:
    """Its order has no identifier to find it by: a lost answer is told as an unknown fate, and the call made once."""
    calls = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(request.path_qs)
        return web.Response(status=status, body=body, content_type="application/json")

    async def main() -> None:
        async with answering(answer, clock=HurriedClock()) as rest:
            with pytest.raises(OrderUnknownError, match="before closing again"):
                await (rest.close_positions() if is_all else rest.close_position("AAPL", size=Decimal(5)))
            assert len(calls) == 1

    run(main())


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"symbol": "AAPL", "status": 200, "body": {}}, DialectError),
        ({"symbol": "AAPL", "status": 200}, DialectError),
        ({"symbol": "AAPL", "status": 403, "body": "no"}, RequestError),
    ],
)
def test_odd_answers_about_positions_are_told(run: Runner[None], row: dict[str, Any], kind: type[BrokerError]) -> None:
    """Whatever stands in a row, the error is one of this project's and names the symbol."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response([row], status=207)

    async def main() -> None:
        async with answering(answer) as rest:
            with pytest.raises(kind, match="AAPL"):
                await rest.close_positions()

    run(main())


def test_an_order_that_nobody_heard_is_no_riddle(run: Runner[None]) -> None:
    """A refused connection is raised as such: nothing was placed."""

    async def main() -> None:
        async with AlpacaTradingRest(KEY, SECRET, url="http://127.0.0.1:9", clock=HurriedClock()) as rest:
            with pytest.raises(ConnectError):
                await rest.submit_order(order_of())

    run(main())


def test_a_repeated_identifier_is_a_refused_order(run: Runner[None]) -> None:
    """Whatever is wrong with an order, one error says that it was not taken."""

    async def main() -> None:
        async with trading() as (_, rest):
            await rest.submit_order(order_of(client_order_id="once"))
            with pytest.raises(OrderRejectedError, match="client_order_id must be unique") as caught:
                await rest.submit_order(order_of(client_order_id="once"))
            assert (caught.value.http_status, caught.value.code) == (422, 40010001)

    run(main())


def test_an_order_that_was_not_heard_is_sent_again(run: Runner[None]) -> None:
    """Under the same identifier; the simulator has one order in the end."""

    async def main() -> None:
        async with trading() as (sim, rest):
            sim.rest_fault(503, 1)
            order = await rest.submit_order(order_of())
            assert isinstance(order, Order)
            assert len(sim.account.orders) == 1

    run(main())


def test_the_limit_is_waited_for(run: Runner[None]) -> None:
    """A 429 is waited out as long as the server says, and the pace follows the server's word."""
    calls: list[float] = []
    clock = ManualClock()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(clock.monotonic_s())
        headers = {"X-RateLimit-Limit": "50"}
        if len(calls) == 1:
            return web.json_response(
                {"message": "rate limit exceeded"}, status=429, headers={**headers, "Retry-After": "7"}
            )
        return web.json_response({"id": "a", "cash": "1"}, headers=headers)

    async def main() -> None:
        async with answering(answer, clock=clock) as rest:
            task = asyncio.ensure_future(rest.fetch_account())
            while not task.done():
                await asyncio.sleep(0)
                if clock.next_wake_ns is not None:
                    clock.advance(0.5)
            assert (await task).cash == 1
            assert calls[1] - calls[0] >= 7
            assert rest.calls.calls_per_minute == 50

    run(main())


def test_what_others_used_up_is_waited_for(run: Runner[None]) -> None:
    """With nothing left for this minute the next call begins when the headers say that it is counted anew."""
    calls: list[float] = []
    clock = ManualClock()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        calls.append(clock.monotonic_s())
        resets_s = clock.now_ns() / 1e9 + 20
        headers = {"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(resets_s)}
        return web.json_response({"id": "a", "cash": "1"}, headers=headers)

    async def main() -> None:
        async with answering(answer, clock=clock) as rest:
            await rest.fetch_account()
            task = asyncio.ensure_future(rest.fetch_account())
            while not task.done():
                await asyncio.sleep(0)
                if clock.next_wake_ns is not None:
                    clock.advance(0.5)
            assert calls[1] - calls[0] >= 20

    run(main())


def test_an_order_does_not_wait_for_a_long_answer(run: Runner[None]) -> None:
    """Calls run beside each other; only their beginnings are paced."""
    has_come, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/v2/account":
            has_come.set()
            await go_on.wait()
        go_on.set()
        return web.json_response({"id": "a", "cash": "1", "symbol": "AAPL", "qty": "5"})

    async def main() -> None:
        async with answering(answer) as rest:
            long = asyncio.ensure_future(rest.fetch_account())
            await has_come.wait()
            await rest.fetch_position("AAPL")
            await long

    run(main())


@pytest.mark.parametrize(
    ("status", "body", "kind", "is_final"),
    [
        (401, b'{"message":"unauthorized."}', CredentialsError, True),
        (403, b'{"code":40310000,"message":"account is not allowed to short"}', OrderRejectedError, True),
        (403, b'{"message":"forbidden."}', PlanError, True),
        (403, b'{"code":42210000,"message":"subscription does not permit querying recent SIP data"}', PlanError, True),
        (404, b'{"code":40410000,"message":"order not found"}', RequestError, True),
        (404, b'{"code":40410000,"message":"asset not found for X"}', UnknownSymbolError, True),
        (422, b'{"code":40010001,"message":"client_order_id must be unique"}', RequestError, True),
        (422, b'{"code":42210000,"message":"qty"}', OrderRejectedError, True),
        (429, b"", RateLimitError, False),
        (500, b"<html>oops</html>", BrokerUnavailableError, False),
        (599, b"", BrokerUnavailableError, False),
        (418, b"\xff", RequestError, True),
        (302, b"", RequestError, True),
    ],
)
def test_every_answer_has_its_error(status: int, body: bytes, kind: type[BrokerError], is_final: bool) -> None:
    """By HTTP status and code, whatever the body is."""
    error = error_from(Reply(status, {}, body), "GET /v2/x")
    assert (type(error), error.is_final, error.http_status) == (kind, is_final, status)
    assert "GET /v2/x" in str(error)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"x-ratelimit-reset": "1030"}, 30.0),
        ({"x-ratelimit-reset": "5"}, 0.5),
        ({"x-ratelimit-reset": "999999"}, 65.0),
        ({"x-ratelimit-reset": "soon"}, 3.0),
        ({}, 3.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait_s: float) -> None:
    """The server's word, bounded; three seconds where it says nothing."""
    assert wait_in(Reply(429, headers, b""), now_s=1000.0) == wait_s
    assert limit_in(Reply(200, {"x-ratelimit-limit": "1000"}, b"")) == 1000
    assert limit_in(Reply(200, {"x-ratelimit-limit": "0"}, b"")) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id":5}', b"<html>"])
def test_an_answer_that_cannot_be_read_is_said(run: Runner[None], body: bytes) -> None:
    """As a fault of the dialect, with the call."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    async def main() -> None:
        async with answering(answer) as rest:
            with pytest.raises(DialectError, match="GET /v2/account"):
                await rest.fetch_account()

    run(main())


# --- market data ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def data(feed: str = "iex", per_s: float = 3.0) -> AsyncIterator[tuple[AlpacaSimulator, AlpacaDataRest]]:
    rates = {"quotes_per_s": 2 * per_s, "trades_per_s": per_s}
    async with (
        AlpacaSimulator(switches=WHOLE, start_ns=BEGINS_NS, warm_up_s=130, **rates) as sim,
        AlpacaDataRest(DEFAULT_KEY, DEFAULT_SECRET, feed=feed, url=sim.url) as rest,
    ):
        yield sim, rest


@pytest.mark.parametrize(("feed", "symbols"), [("iex", ["AAPL", "MSFT"]), ("crypto", ["BTC/USD"])])
def test_history_is_what_was_streamed(run: Runner[None], feed: str, symbols: list[str]) -> None:
    """Every trade and quote between two moments, several pages long, as typed records."""

    async def main() -> None:
        async with data(feed, per_s=30.0) as (sim, rest):
            end_ns = sim.market.now_ns - 10**9  # until when everything has happened, on a busy machine too
            start_ns = end_ns - 100 * 10**9
            trades = [trade async for page in rest.fetch_trades(symbols, start_ns, end_ns) for trade in page]
            quotes = [quote async for page in rest.fetch_quotes(symbols, start_ns, end_ns) for quote in page]
            for symbol in symbols:
                listing = sim.market.listings[symbol]
                expected = [m for m in listing.trades if m.t is not None and start_ns <= m.t <= end_ns]
                found = [trade for trade in trades if trade.symbol == symbol]
                assert sorted(trade.trade_id or "" for trade in found) == sorted(str(m.i) for m in expected)
            assert len(quotes) > 10_000 or feed == "crypto"
            assert all(isinstance(trade, Trade) for trade in trades)
            assert all(isinstance(quote, Quote) for quote in quotes)

    run(main())


def test_bars_have_their_length(run: Runner[None]) -> None:
    """The interval follows the timeframe; a timeframe that is none is refused."""

    async def main() -> None:
        async with data() as (_sim, rest):
            async for page in rest.fetch_bars(["AAPL"], 0, timeframe="5Min"):
                assert page
                assert all(isinstance(bar, Bar) and bar.interval_s == 300 for bar in page)
            with pytest.raises(OptionError, match="no timeframe"):
                async for _ in rest.fetch_bars(["AAPL"], 0, timeframe="1Moon"):
                    pass

    run(main())


def test_a_bar_that_goes_on_is_not_called_final(run: Runner[None]) -> None:
    """What is read before its time is over takes nobody's place: the whole bar that comes later is no double of it."""
    clock = ManualClock()
    minute_ns = clock.now_ns() // (60 * 10**9) * 60 * 10**9
    clock.advance((minute_ns + 60 * 10**9 - clock.now_ns()) / 1e9 + 30)  # in the middle of the next minute

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        bars = [{"t": rfc3339(at), "o": 1, "h": 1, "l": 1, "c": 1} for at in (minute_ns, minute_ns + 60 * 10**9)]
        return web.json_response({"bars": {"AAPL": bars}, "next_page_token": None})

    async def nobody(ws: ServerConnection) -> None:
        await ws.close()

    async def main() -> None:
        async with serve(nobody, http=answer) as server:
            url = server.url.replace("ws://", "http://")
            async with AlpacaDataRest(KEY, SECRET, url=url, clock=clock) as rest:
                over, running = [bar async for page in rest.fetch_bars(["AAPL"], minute_ns) for bar in page]
        assert (over.state, running.state) == ("final", "running")
        assert (market_key(over) is None, market_key(running) is None) == (False, True)

    run(main())


def test_latest_and_snapshots(run: Runner[None]) -> None:
    """Typed, by symbol; what nobody knows is left out."""

    async def main() -> None:
        async with data() as (_, rest):
            latest = await rest.fetch_latest("quotes", ["AAPL", "ZZZ"])
            assert set(latest) == {"AAPL"}
            assert isinstance(latest["AAPL"], Quote)
            shot = (await rest.fetch_snapshots(["AAPL"]))["AAPL"]
            assert set(shot) == {"trade", "quote", "minute_bar", "daily_bar", "previous_daily_bar"}
            assert isinstance(shot["daily_bar"], Bar)
            assert shot["daily_bar"].interval_s == 86_400

    run(main())


def test_recent_full_tape_data_needs_its_plan(run: Runner[None]) -> None:
    """The refusal is one of the plan, not of the request."""

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=WHOLE) as sim,
            AlpacaDataRest(DEFAULT_KEY, DEFAULT_SECRET, feed="sip", url=sim.url) as rest,
        ):
            with pytest.raises(PlanError, match="recent SIP data"):
                async for _ in rest.fetch_trades(["AAPL"], sim.market_ns - 10**9):
                    pass

    run(main())


def test_crypto_needs_no_credentials(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """And stocks do."""
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=WHOLE, warm_up_s=5) as sim,
            AlpacaDataRest(feed="crypto", url=sim.url) as rest,
        ):
            assert "BTC/USD" in await rest.fetch_latest("trades", ["BTC/USD"])
        with pytest.raises(CredentialsError):
            AlpacaDataRest(feed="iex")

    run(main())


def test_events_are_read_whole_or_not_at_all(run: Runner[None]) -> None:
    """Updates in order, marked; a stream that has left some out is an error."""

    async def main() -> None:
        async with trading() as (sim, rest):
            await rest.submit_order(order_of())
            await sim.wait_for("executions")
            until_ns = await rest.fetch_server_ns()
            records = await rest.fetch_events(since_ns=0, until_ns=until_ns)
            assert [record.event for record in records if isinstance(record, Order)] == ["pending_new", "new", "fill"]
            assert all(record.is_backfilled for record in records)  # type: ignore[attr-defined]
            sim.drop_events(1)
            with pytest.raises(DialectError, match="left events out"):
                await rest.fetch_events(since_ns=0, until_ns=until_ns)
            assert rfc3339(until_ns).endswith("Z")

    run(main())


def test_nothing_shows_the_credentials() -> None:
    """Neither the calls nor what they stand on."""
    rest = AlpacaTradingRest(KEY, SECRET)
    assert SECRET not in repr(rest) + repr(vars(rest)) + repr(vars(rest.calls))
