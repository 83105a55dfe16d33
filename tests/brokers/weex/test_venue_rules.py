"""The simulator's limits, its error codes and its switches: what WEEX documents, and where it says nothing, what is written."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.brokers.weex.venues import BUY, config, take
from tests.conftest import Runner
from wsexample.brokers.base import Secret
from wsexample.brokers.weex.client import WeexRest, WeexWebSocketClient
from wsexample.brokers.weex.dialect import auth_headers, handshake_headers, sign
from wsexample.brokers.weex.simulator import Desk, Market, Switches, WeexSimulator
from wsexample.brokers.weex.simulator.gate import Credentials, Window
from wsexample.brokers.weex.simulator.http import HttpSide
from wsexample.brokers.weex.simulator.orders import Refused
from wsexample.brokers.weex.simulator.spot_desk import SpotDesk
from wsexample.errors import (
    ConnectionClosed,
    HandshakeError,
    OptionError,
    OrderRejectedError,
    StateError,
    SubscriptionLimitError,
    UnknownSymbolError,
)
from wsexample.wire.connection import Connection, connect

NOW_MS = 1_795_000_000_000


async def ask(ws: Connection, method: str, names: list[str], number: int) -> dict[str, Any]:
    """The answer to a message."""
    await ws.send(json.dumps({"method": method, "params": names, "id": number}))
    while True:
        message: dict[str, Any] = json.loads(await ws.receive(timeout_s=5))
        if message.get("id") == number:
            return message


# --- limits ------------------------------------------------------------------------------------------------------------


def test_streams_of_a_connection(run: Runner[None]) -> None:
    """One more than allowed is refused with an error answer, and the connection stays."""

    async def main() -> None:
        switches = Switches(streams_per_connection=2)
        async with WeexSimulator(switches=switches) as venue, connect(venue.public_url) as ws:
            assert (await ask(ws, "SUBSCRIBE", ["BTCUSDT@ticker", "ETHUSDT@ticker"], 1))["result"]
            assert "too many" in (await ask(ws, "SUBSCRIBE", ["SOLUSDT@ticker"], 3))["msg"]
            assert (await ask(ws, "PING", [], 5))["result"]

    run(main())


def test_operations_of_an_hour(run: Runner[None]) -> None:
    """Messages that subscribe or unsubscribe are counted, whatever number of streams they name."""

    async def main() -> None:
        switches = Switches(operations_per_hour=2)
        async with WeexSimulator(switches=switches) as venue, connect(venue.public_url) as ws:
            assert (await ask(ws, "SUBSCRIBE", ["BTCUSDT@ticker", "ETHUSDT@ticker"], 1))["result"]
            assert (await ask(ws, "UNSUBSCRIBE", ["BTCUSDT@ticker"], 3))["result"]
            assert not (await ask(ws, "SUBSCRIBE", ["BTCUSDT@ticker"], 5))["result"]

    run(main())


@pytest.mark.parametrize("switches", [Switches(connections=1), Switches(connects_per_5_minutes=1)])
def test_connections_of_an_address(run: Runner[None], switches: Switches) -> None:
    """One more than allowed gets 429, whether at once or in five minutes."""

    async def main() -> None:
        async with WeexSimulator(switches=switches) as venue, connect(venue.public_url) as ws:
            await ws.receive(timeout_s=5)
            with pytest.raises(HandshakeError) as caught:
                await connect(venue.public_url)
            assert caught.value.status == 429

    run(main())


def test_the_client_opens_another_socket_when_one_is_full(run: Runner[None]) -> None:
    """A hundred streams go over one, the next ones over another, which is closed when it carries nothing any more."""
    symbols = [f"X{number}USDT" for number in range(130)]

    async def main() -> None:
        async with WeexSimulator(symbols=symbols, step_s=0.05) as venue, WeexWebSocketClient(config(venue)) as client:
            few = client.stream_tickers(symbols[:90])
            await anext(few)
            many, found = client.stream_tickers(), set()
            while found != set(symbols):
                found.add((await anext(many)).symbol)
            await many.aclose()
            await venue.wait_for(lambda: venue.connections == 1)
            assert sorted(len(peer.topics) for peer in venue._peers) == [90]
            again = client.stream_tickers()
            await anext(again)
            assert sorted(len(peer.topics) for peer in venue._peers) == [30, 100]
            assert (client.stats.sockets, len(client.subscriptions)) == (2, 130)
            await client.reconnect()
            await anext(again)
            await again.aclose()
            await venue.wait_for(lambda: venue.connections == 1)
            await anext(few)
            await few.aclose()

    run(main())


def test_the_client_opens_another_socket_when_one_may_ask_no_more(
    run: Runner[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loops that come and go use up an hour's operations; the next stream goes over another connection."""
    monkeypatch.setattr("wsexample.brokers.weex.dialect.stream.MAX_OPERATIONS", 6)

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            stays = client.stream_tickers(["ETHUSDT"])
            await anext(stays)
            for _ in range(8):
                await take(client.stream_tickers(["BTCUSDT"]), 1)
            await anext(stays)
            assert client.stats.public is not None
            assert client.stats.public.attempts == 1
            await stays.aclose()

    run(main())


def test_an_address_has_room_for_so_many_streams(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """When every socket is full the next stream is refused with the reason, and the others go on."""
    monkeypatch.setattr("wsexample.brokers.weex.client.line.MAX_STREAMS", 2)
    monkeypatch.setattr("wsexample.brokers.weex.client.sockets.MAX_CONNECTIONS", 3)
    symbols = [f"X{number}USDT" for number in range(5)]

    async def main() -> None:
        async with WeexSimulator(symbols=symbols, step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            tickers = client.stream_tickers(symbols[:4])
            await anext(tickers)
            with pytest.raises(SubscriptionLimitError, match="connections"):
                await anext(client.stream_tickers([symbols[4]]))
            await take(tickers, 4)

    run(main())


def test_a_client_that_is_closed_while_a_socket_opens(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket that comes too late is closed again."""
    monkeypatch.setattr("wsexample.brokers.weex.client.line.MAX_STREAMS", 1)

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            both = asyncio.ensure_future(anext(client.stream_tickers(["BTCUSDT", "ETHUSDT"])))
            while not client.subscriptions:
                await asyncio.sleep(0)
            await client.disconnect()
            with pytest.raises((StateError, StopAsyncIteration)):
                await both
            await venue.wait_for(lambda: venue.connections == 0)

    run(main())


def test_a_window_forgets_what_is_old() -> None:
    """Units count for the stretch and no longer; no limit is no limit."""
    window = Window(2, 10.0)
    assert [window.spend(at_s) for at_s in (0.0, 1.0, 9.9, 10.0, 10.5, 11.0)] == [True, True, False, True, False, True]
    assert all(Window(0, 10.0).spend(0.0) for _ in range(1000))


def test_switches_refuse_what_cannot_be() -> None:
    """A limit is a number of zero or more."""
    with pytest.raises(OptionError, match="connections"):
        Switches(connections=-1)


# --- heartbeats --------------------------------------------------------------------------------------------------------


def test_ten_unanswered_pings_are_borne_and_no_more(run: Runner[None]) -> None:
    """Who never answers is dropped without a close frame after the eleventh."""

    async def main() -> None:
        async with WeexSimulator(ping_interval_s=0.005, step_s=5) as venue, connect(venue.public_url) as ws:
            await ask(ws, "SUBSCRIBE", ["BTCUSDT@ticker"], 1)
            with pytest.raises(ConnectionClosed) as caught:
                await _read_on(ws)
            assert caught.value.code == 1006
            assert venue.sent["ping"] == 11

    run(main())


async def _read_on(ws: Connection) -> None:
    while True:
        await ws.receive(timeout_s=5)


def test_a_pong_is_answered_when_switched_on(run: Runner[None]) -> None:
    """One client lists such an answer; by default there is none."""

    async def main() -> None:
        async with WeexSimulator(switches=Switches(echoes_pong=True)) as venue, connect(venue.public_url) as ws:
            await ws.receive(timeout_s=5)  # the greeting
            await ws.send('{"method":"PONG","id":7}')
            assert json.loads(await ws.receive(timeout_s=5)) == {"method": "PONG", "id": "7"}

    run(main())


def test_streams_can_begin_with_what_there_is(run: Runner[None]) -> None:
    """Switched on, trades begin with the latest ones and an account with its rows."""

    async def main() -> None:
        switches = Switches(begins_trades=True, begins_account=True)
        async with WeexSimulator(switches=switches, step_s=5) as venue:
            await venue.step()
            headers = handshake_headers(Secret(KEY), Secret(SECRET), Secret(PASSPHRASE), venue.now_ms())
            async with connect(venue.public_url) as ws:
                await ask(ws, "SUBSCRIBE", ["BTCUSDT@trade"], 1)
                assert json.loads(await ws.receive(timeout_s=5))["e"] == "tradeSnapshot"
            async with connect(venue.private_url, headers=headers) as ws:
                await ask(ws, "SUBSCRIBE", ["account"], 1)
                assert json.loads(await ws.receive(timeout_s=5))["e"] == "account"

    run(main())


# --- credentials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"access-key": ""}, -1040),
        ({"access-sign": ""}, -1041),
        ({"access-timestamp": ""}, -1042),
        ({"access-timestamp": "soon"}, -1043),
        ({"access-key": "weex_other"}, -1044),
        ({"access-timestamp": str(NOW_MS - 30_001)}, -1046),
        ({"access-sign": "AAAA"}, -1047),
        ({"access-passphrase": "other"}, -1049),
    ],
)
def test_each_fault_of_credentials_has_its_code(changes: dict[str, str], code: int) -> None:
    """What is missing, malformed, unknown, expired or wrong is told apart."""
    path = "/capi/v3/account/balance"
    signature = sign(Secret(SECRET), NOW_MS, "GET", path)
    headers = {
        name.lower(): value for name, value in auth_headers(Secret(KEY), Secret(PASSPHRASE), NOW_MS, signature).items()
    }
    judge = Credentials(KEY, SECRET, PASSPHRASE).judge
    assert judge(headers | changes, NOW_MS, "GET", path)[0] == code


# --- orders ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"side": "HOLD"}, -1117),
        ({"type": "STOP"}, -1116),
        ({"quantity": ""}, -1141),
        ({"quantity": "-1"}, -1142),
        ({"quantity": "NaN"}, -1142),
        ({"quantity": "0.000000001"}, -1160),
        ({"quantity": "0.00000001"}, -1160),
        ({"quantity": "0.01001"}, -1160),
        ({"quantity": "1e-5"}, -1160),
        ({"quantity": "0.0500000000"}, -1160),
        ({"quantity": "100000.0001"}, -3007),
        ({"type": "LIMIT", "price": "64250.55", "timeInForce": "GTC"}, -1160),
        ({"type": "LIMIT", "price": "1", "timeInForce": "NOW"}, -1115),
        ({"type": "LIMIT", "timeInForce": "GTC"}, -1141),
        ({"newClientOrderId": "a b"}, -1180),
        ({"positionSide": "BOTH"}, -1142),
        ({"quantity": "1000"}, -1054),
        ({"side": "SELL"}, -1054),
    ],
)
def test_each_fault_of_an_order_has_its_code(changes: dict[str, str], code: int) -> None:
    """The documented code for each; what is in order is taken."""
    desk = Desk(Market())
    desk.check(BUY)
    with pytest.raises(Refused) as caught:
        desk.check({**BUY, **changes})
    assert caught.value.code == code


@pytest.mark.parametrize(("quantity", "code"), [("0.000001", -1160), ("0.00009", -1142), ("100000", -1142)])
def test_each_fault_of_a_spot_size_has_its_code(quantity: str, code: int) -> None:
    """Its steps are finer than its smallest order, so that what a fee leaves of a coin can be sold."""
    desk = SpotDesk(Market(is_spot=True))
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET"}
    desk.check({**order, "quantity": "0.00999"})
    with pytest.raises(Refused) as caught:
        desk.check({**order, "quantity": quantity})
    assert caught.value.code == code


@pytest.mark.parametrize("is_spot", [False, True])
def test_what_the_venue_says_of_sizes_and_prices_is_what_it_takes(is_spot: bool) -> None:
    """Of every symbol the smallest and the largest order, at the smallest step of a price; finer or further is refused."""
    market = Market(is_spot=is_spot)
    desk = SpotDesk(market) if is_spot else Desk(market)
    side = HttpSide(market, desk, Credentials(KEY, SECRET, PASSPHRASE), Window(0, 1.0))
    path = "/api/v3/exchangeInfo" if is_spot else "/capi/v3/market/exchangeInfo"
    for row in side.answer("GET", path, "", "", {}, NOW_MS, 0.0).body["symbols"]:
        least, most = (row[f"{end}{'TradeAmount' if is_spot else 'OrderSize'}"] for end in ("min", "max"))
        zeros = "0" * (row["pricePrecision"] - 1)
        order = {**BUY, "symbol": row["symbol"], "type": "LIMIT", "timeInForce": "GTC", "price": f"0.{zeros}1"}
        for size in (least, most):
            desk.check_shape({**order, "quantity": size})
        for changes in ({"quantity": f"{least}01"}, {"quantity": f"{most}.1"}, {"price": f"0.{zeros}01"}):
            with pytest.raises(Refused):
                desk.check_shape({**order, "quantity": least, **changes})


def test_codes_become_errors(run: Runner[None]) -> None:
    """A refused order, an unknown symbol and an unknown path are raised as what they mean."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexRest(config(venue)) as rest:
            with pytest.raises(OrderRejectedError) as refused:
                await rest.submit_order({**BUY, "quantity": "1000"})
            assert refused.value.code == -1054
            with pytest.raises(UnknownSymbolError):
                await rest.submit_order({**BUY, "symbol": "NOPEUSDT"})
            assert await rest.fetch_open_orders() == []

    run(main())


@pytest.mark.parametrize(("in_force", "price", "status"), [
    ("IOC", "1000.0", "CANCELED"), ("FOK", "1000.0", "CANCELED"), ("GTC", "1000.0", "NEW"),
    ("POST_ONLY", "99999.0", "CANCELED"), ("IOC", "99999.0", "FILLED"), ("POST_ONLY", "1000.0", "NEW"),
])  # fmt: skip
def test_time_in_force(in_force: str, price: str, status: str) -> None:
    """What may not wait is canceled, what may not take either."""
    row, _ = Desk(Market()).place({**BUY, "type": "LIMIT", "timeInForce": in_force, "price": price}, 1)
    assert row["status"] == status


def test_a_waiting_order_is_filled_when_the_market_comes() -> None:
    """As a maker, at its own price, once."""
    market = Market(seed=3)
    desk = Desk(market)
    price = market.instruments["BTCUSDT"].text(market.instruments["BTCUSDT"].best_ask - 3)
    row, _ = desk.place({**BUY, "type": "LIMIT", "timeInForce": "GTC", "price": price}, 1)
    assert row["status"] == "NEW"
    assert float(desk.balance()[0]["frozen"]) > 0
    for now_ms in range(500, 200_000, 500):
        market.step(now_ms, [])
        desk.step(now_ms)
    assert (row["status"], row["latestFillPrice"], desk.fills[-1]["direction"]) == ("FILLED", price, "MAKER")
    assert float(desk.balance()[0]["frozen"]) == 0


def test_the_same_seed_gives_the_same_market() -> None:
    """Frame by frame; another seed gives another."""

    def frames(seed: int) -> list[Any]:
        market = Market(seed)
        return [market.step(now_ms, ["BTCUSDT@depth15", "ADAUSDT@trade"]) for now_ms in range(500, 5000, 500)]

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)
