"""What no client sends to a simulator: it is answered, nothing is logged as a failure of its own, and others go on.

The full fire, with floods and the commands as processes of their own, is ``scripts/hostile_simulators.py``.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Any, cast

import aiohttp
import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.conftest import Runner
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator
from wsexample.brokers.alpaca.simulator import Switches as AlpacaSwitches
from wsexample.brokers.base import Secret
from wsexample.brokers.base.backlog import MOST_BYTES, Backlog
from wsexample.brokers.base.control import LARGEST
from wsexample.brokers.base.shell import MAX_MESSAGE_BYTES, read_body
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.kabu.simulator import Switches as KabuSwitches
from wsexample.brokers.weex.dialect import sign
from wsexample.brokers.weex.simulator import Switches as WeexSwitches
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.brokers.weex.simulator.gate import Window
from wsexample.clock import ManualClock, SystemClock
from wsexample.wire.connection import connect

Simulator = AlpacaSimulator | KabuSimulator | WeexSimulator
MAKERS: dict[str, Callable[[], Simulator]] = {
    "alpaca": lambda: AlpacaSimulator(control=True, switches=AlpacaSwitches(requests_per_minute=0)),
    "kabu": lambda: KabuSimulator(control=True, switches=KabuSwitches(info_per_s=1_000_000)),
    "weex": lambda: WeexSimulator(control=True, step_s=0.01, api_key=KEY, secret_key=SECRET, passphrase=PASSPHRASE),
}
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
LONG = "9" * 5000
ODD = (LONG, "²", "nan", "1e400", "x", "-1", "0Min")


@pytest.fixture(autouse=True)
def _no_failure_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def weex_headers(method: str, path: str, query: str = "", body: str = "") -> dict[str, str]:
    """Headers of a signed call."""
    now_ms = SystemClock().now_ns() // 1_000_000
    signature = sign(Secret(SECRET), now_ms, method, path, query, body)
    return {
        "ACCESS-KEY": KEY,
        "ACCESS-PASSPHRASE": PASSPHRASE,
        "ACCESS-TIMESTAMP": str(now_ms),
        "ACCESS-SIGN": signature,
    }


ALPACA_CALLS = (
    "/v2/orders?limit=", "/v2/account/activities?page_size=", "/v1beta1/news?limit=", "/v2/calendar?end=9999-12-31&start=",
    "/v2/stocks/bars?symbols=AAPL&timeframe=", "/v2/stocks/bars?symbols=AAPL&limit=",
)  # fmt: skip
KABU_CALLS = ("orders?product=", "positions?product=", "ranking?Type=", "symbolname/future?FutureCode=NK225&DerivMonth=",
              "board/9433@", "wallet/cash/9433@")  # fmt: skip


def test_alpaca_refuses_numbers_that_are_none(run: Runner[None]) -> None:
    """Parameters with thousands of digits, other digits and no digits are answered, never with 500."""

    async def main() -> None:
        headers = {"APCA-API-KEY-ID": DEFAULT_KEY, "APCA-API-SECRET-KEY": DEFAULT_SECRET}
        async with MAKERS["alpaca"]() as sim, aiohttp.ClientSession(headers=headers) as http:
            assert isinstance(sim, AlpacaSimulator)
            for path, odd in itertools.product(ALPACA_CALLS, (*ODD, "9999-12-31")):
                async with http.get(f"{sim.url}{path}{odd}") as reply:
                    assert reply.status in (200, 400, 403, 422), (path, odd)

    run(main())


def test_kabu_refuses_numbers_that_are_none(run: Runner[None]) -> None:
    """Parameters with thousands of digits, other digits and no digits are answered, never with 500."""

    async def main() -> None:
        async with MAKERS["kabu"]() as sim:
            assert isinstance(sim, KabuSimulator)
            async with aiohttp.ClientSession(headers={"X-API-KEY": sim.station.issue_token()}) as http:
                for path, odd in itertools.product(KABU_CALLS, ODD):
                    async with http.get(f"{sim.rest_url}/{path}{odd}") as reply:
                        assert reply.status in (200, 400), (path, odd)

    run(main())


def test_kabu_refuses_prices_that_are_none(run: Runner[None]) -> None:
    """A price that is not finite, or further than anybody means, is answered as one that breaks the rules."""

    async def main() -> None:
        async with MAKERS["kabu"]() as sim:
            assert isinstance(sim, KabuSimulator)
            order = {"Symbol": "167060019", "Exchange": 23, "TradeType": 1, "TimeInForce": 1, "Side": "2", "Qty": 1,
                     "FrontOrderType": 20, "ExpireDay": 0}  # fmt: skip
            async with aiohttp.ClientSession(headers={"X-API-KEY": sim.station.issue_token()}) as http:
                for price in ("nan", "-inf", "1e999999", "1e-999999"):
                    async with http.post(f"{sim.rest_url}/sendorder/future", json={**order, "Price": price}) as reply:
                        assert (await reply.json())["Code"] == 4002017

    run(main())


@pytest.mark.parametrize("name", ["symbol", "side", "type", "quantity", "price", "timeInForce", "newClientOrderId"])
def test_weex_refuses_fields_of_other_types(run: Runner[None], name: str) -> None:
    """An order with a list, an object or a number of thousands of digits in a field is refused, and nothing is executed."""

    async def main() -> None:
        right: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "10",
                                 "timeInForce": "GTC", "positionSide": "LONG"}  # fmt: skip
        async with MAKERS["weex"]() as sim, aiohttp.ClientSession() as http:
            assert isinstance(sim, WeexSimulator)
            for odd in ("[1]", '{"a": 1}', LONG, f'"{LONG}"', "true"):
                rest = {key: value for key, value in right.items() if key != name}
                body = json.dumps(rest)[:-1] + f', "{name}": {odd}}}'
                for path in ("/capi/v3/order", "/api/v3/order"):
                    headers = weex_headers("POST", path, "", body)
                    async with http.post(f"{sim.rest_url}{path}", data=body.encode(), headers=headers) as reply:
                        assert reply.status == 400
            assert (sim.desk.orders, sim.spot_desk.orders) == ({}, {})

    run(main())


def test_weex_takes_bodies_that_are_no_text(run: Runner[None]) -> None:
    """Bytes that are no UTF-8, and a character set that nobody knows, are answered as a body that is no JSON."""

    async def main() -> None:
        async with MAKERS["weex"]() as sim, aiohttp.ClientSession() as http:
            assert isinstance(sim, WeexSimulator)
            for body, kind in ((b"\xff\xfe\x00", "application/json"), (b"x", "text/plain; charset=nonsense")):
                headers = weex_headers("POST", "/capi/v3/order", "", body.decode(errors="replace"))
                url = f"{sim.rest_url}/capi/v3/order"
                async with http.post(url, data=body, headers={**headers, "Content-Type": kind}) as reply:
                    assert (reply.status, (await reply.json())["code"]) == (400, -1135)

    run(main())


@pytest.mark.parametrize("field", ["ACCESS-TIMESTAMP", "ACCESS-SIGN"])
def test_weex_judges_any_credentials(run: Runner[None], field: str) -> None:
    """A time of thousands of digits and a signature that is no text are wrong credentials, for calls and for handshakes."""

    async def main() -> None:
        async with MAKERS["weex"]() as sim:
            for path, more in (("/capi/v3/order?orderId=1", ""), ("/v3/ws/private", UPGRADE)):
                headers = weex_headers("GET", path) | {field: LONG if field.endswith("STAMP") else "\udcff"}
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
                with closing(writer):
                    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}{more}\r\n"
                    writer.write(head.encode(errors="surrogateescape"))
                    assert (await reader.readline()).split()[1] in (b"400", b"401")

    run(main())


def test_weex_answers_any_number_of_a_message(run: Runner[None]) -> None:
    """An ``id`` that is no number, or one of thousands of digits, does not end the connection."""

    async def main() -> None:
        async with MAKERS["weex"]() as sim:
            assert isinstance(sim, WeexSimulator)
            async with connect(sim.public_url) as ws:
                for odd in ('"²"', f'"{LONG}"', LONG, "-1", '{"a": [1]}', "1e300", "null", '""'):
                    await ws.send(f'{{"method": "PING", "id": {odd}}}')
                await ws.send("x" * 100_000)
                await ws.send('{"method": "PING", "id": 77}')
                answer: dict[str, Any] = {}
                while answer.get("id") != 77:
                    text = str(await ws.receive(5))
                    assert len(text) < 10_000
                    answer = json.loads(text)

    run(main())


def test_weex_keeps_only_so_much_of_what_it_heard(run: Runner[None]) -> None:
    """Messages are counted for ever and kept up to a bound; calls that nobody knows are counted as one."""

    async def main() -> None:
        async with MAKERS["weex"]() as sim, aiohttp.ClientSession() as http:
            assert isinstance(sim, WeexSimulator)
            async with connect(sim.public_url) as ws:
                for number in range(6):
                    await ws.send(json.dumps({"method": "PONG", "id": number, "x": "x" * 1_000_000}))
                await sim.wait_for(lambda: sim.heard == 6)
            assert [message["id"] for message in sim.received] == [2, 3, 4, 5]
            for number in range(3):
                async with http.get(f"{sim.rest_url}/nobody/{number}") as reply:
                    assert reply.status == 404
            assert sim.calls == {"unknown": 3}

    run(main())


def test_a_window_without_a_limit_keeps_nothing() -> None:
    """What is not limited is not written down either."""
    window = Window(0, 3600.0)
    assert all(window.spend(float(number)) for number in range(10))
    assert (window.used(10.0), len(window._spent)) == (0, 0)


@pytest.mark.parametrize("broker", MAKERS)
def test_a_message_that_is_too_large_ends_its_sender_alone(run: Runner[None], broker: str) -> None:
    """A message beyond a mebibyte is answered 1009, as servers do."""

    async def main() -> None:
        async with MAKERS[broker]() as sim:
            path = {"alpaca": "/stream", "kabu": "/kabusapi/websocket", "weex": "/v3/ws/public"}[broker]
            ws = await connect(f"ws://localhost:{sim.port}{path}")
            await ws.send("x" * (1024 * 1024 + 1))
            await ws.wait_closed()
            assert ws.close_code == 1009

    run(main())


class Laggard:
    """A connection whose client reads as little as it is told to."""

    is_open = True

    def __init__(self, number: int) -> None:
        self.peer = f"127.0.0.1:{number}"
        self.write_buffer_bytes = 0
        self.is_aborted = False

    def send_nowait(self, message: str | bytes) -> None:
        self.write_buffer_bytes += len(message)

    def abort(self) -> None:
        self.is_aborted, self.is_open, self.write_buffer_bytes = True, False, 0


LOG = logging.getLogger("wsexample.simulator")
PIECE = "x" * 100_000


def backlog_of(*clients: Laggard, clock: ManualClock | None = None) -> Any:
    """What sends to some clients."""
    return Backlog(LOG, clock or ManualClock(), lambda: cast(Any, clients))


def test_who_never_reads_answers_is_dropped_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """A client that asks and does not read is cut before much waits for it, and the simulator says so."""
    deaf, waited = Laggard(9), 0
    backlog = backlog_of(deaf)
    while backlog.send(deaf, PIECE):
        waited = deaf.write_buffer_bytes
    assert (deaf.is_aborted, waited) == (True, (MOST_BYTES // 100_000 + 1) * 100_000)
    assert caplog.text.count("127.0.0.1:9 does not read: dropped") == 1


def test_of_many_who_do_not_read_some_are_dropped_before_all_of_them_have_much() -> None:
    """What waits for everybody together is bounded too, however little waits for each; nobody more is dropped than need be."""
    deaf = [Laggard(number) for number in range(20)]
    backlog, most = backlog_of(*deaf), 0
    for _ in range(50):
        for one in deaf:
            backlog.send(one, PIECE)
        most = max(most, sum(one.write_buffer_bytes for one in deaf))
    assert most < MOST_BYTES + 2_000_000
    assert 0 < sum(one.is_aborted for one in deaf) < 20


def test_who_reads_slowly_stays_while_others_read_nothing() -> None:
    """To make room those go first who have taken nothing for a while, though more waits for one who takes a little."""
    clock = ManualClock()
    deaf = [Laggard(number) for number in range(20)]
    slow = Laggard(99)
    backlog = backlog_of(slow, *deaf, clock=clock)
    for _ in range(100):
        for one in (*deaf, slow, slow):
            backlog.send(one, PIECE)
        clock.advance(0.3)
        slow.write_buffer_bytes -= 50_000
    assert any(one.is_aborted for one in deaf)
    assert not slow.is_aborted


def test_one_client_alone_has_as_much_as_its_own_bound() -> None:
    """The bound for all is no less than what one may have; who has caught up is forgotten."""
    slow, quick = Laggard(1), Laggard(2)
    backlog = backlog_of(slow, quick)
    for _ in range(160):
        assert backlog.send(slow, PIECE)
        assert backlog.send(quick, PIECE)
        quick.write_buffer_bytes = 0
    slow.write_buffer_bytes = 0
    assert backlog.send(slow, PIECE)


SLIPS: dict[str, dict[str, Any]] = {
    "alpaca": {
        "shock": {"symbol": "AAPL"},
        "correct_trade": {"symbol": "AAPL"},
        "start_fills": {"count": 1, "per_s": 1},
    },
    "kabu": {
        "shock": {"symbol": "9433", "fraction": 0.0},
        "storm_429": {},
        "slow_start": {"duration_s": 0},
        "close_push": {},
    },
    "weex": {"skew_clock": {}, "send_oversized": {}, "refuse_handshakes": {}, "trade": {}, "close_all": {}},
}
SLIPPED = {"shock": "fraction", "correct_trade": "price", "start_fills": "per_s", "storm_429": "duration_s", "close_push": "code",
           "slow_start": "delay_s", "skew_clock": "seconds", "send_oversized": "size", "refuse_handshakes": "status",
           "trade": "size", "close_all": "code"}  # fmt: skip


@pytest.mark.parametrize("broker", SLIPS)
def test_a_fault_refuses_arguments_that_cannot_be(run: Runner[None], broker: str) -> None:
    """Numbers that are none, or larger than anybody means, are answered 400, and the simulator goes on."""

    async def main() -> None:
        async with MAKERS[broker]() as sim, aiohttp.ClientSession() as http:
            path = {"alpaca": "/stream", "kabu": "/kabusapi/websocket", "weex": "/v3/ws/public"}[broker]
            async with connect(f"ws://localhost:{sim.port}{path}") as ws:
                slips = ("nan", "inf", "1e300", 10 * LARGEST, -10 * LARGEST, "x")
                for fault, odd in itertools.product(SLIPS[broker], slips):
                    body = {**SLIPS[broker][fault], SLIPPED[fault]: odd}
                    async with http.post(f"http://localhost:{sim.port}/simulator/{fault}", json=body) as reply:
                        assert reply.status == 400, (fault, odd)
                assert ws.is_open

    run(main())


def test_prices_stay_prices_however_often_they_are_shocked(run: Runner[None]) -> None:
    """Shocks without end leave every market with prices above zero, and going on."""

    async def main() -> None:
        async with MAKERS["alpaca"]() as alpaca, MAKERS["kabu"]() as kabu:
            assert isinstance(alpaca, AlpacaSimulator)
            assert isinstance(kabu, KabuSimulator)
            for fraction in (1e9, -1e9):
                for _ in range(100):
                    alpaca.shock("AAPL", fraction)
                    kabu.shock("9433", min(max(fraction, -0.99), 1e9))
                await alpaca.step()
                assert alpaca.market.listings["AAPL"].bid > 0

    run(main())


def test_two_restarts_at_once_are_done_one_after_the_other(run: Runner[None]) -> None:
    """The second waits for the first, for both need the port."""

    async def main() -> None:
        async with MAKERS["kabu"]() as sim:
            assert isinstance(sim, KabuSimulator)
            port = sim.port
            await asyncio.gather(sim.restart(), sim.restart(down_s=0.01))
            assert (sim.port, sim.stats.restarts) == (port, 2)

    run(main())


def test_a_control_body_that_is_too_long_does_nothing(run: Runner[None]) -> None:
    """It is answered 413; the fault is not done with its defaults."""

    async def main() -> None:
        async with MAKERS["kabu"]() as sim, aiohttp.ClientSession() as http:
            assert isinstance(sim, KabuSimulator)
            async with http.post(f"http://localhost:{sim.port}/simulator/log_out", data=b" " * 100_000) as reply:
                assert reply.status == 413
            assert sim.station.issue_token()

    run(main())


def test_weex_takes_as_many_symbols_as_it_lists(run: Runner[None]) -> None:
    """Thousands of unknown symbols in a message are refused with one answer."""

    async def main() -> None:
        async with WeexSimulator(switches=WeexSwitches(operations_per_hour=0)) as sim, connect(sim.public_url) as ws:
            names = [f"S{number}USDT@trade" for number in range(20_000)]
            await ws.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 5}))
            answer: dict[str, Any] = {}
            while answer.get("id") != 5:
                answer = json.loads(str(await ws.receive(5)))
            assert answer["result"] is False

    run(main())


async def _too_long() -> AsyncIterator[bytes]:
    """A body in chunks that says nowhere how long it will be."""
    for _ in range(17):
        yield b" " * 65536


@pytest.mark.parametrize("place", ["venue", "control"])
@pytest.mark.parametrize("broker", MAKERS)
def test_a_body_without_end_is_refused(run: Runner[None], broker: str, place: str) -> None:
    """413 from the venue's calls and from the control endpoint, whether its length was said before or not."""
    paths = {"alpaca": "/v2/orders", "kabu": "/kabusapi/sendorder", "weex": "/capi/v3/order"}

    async def main() -> None:
        async with MAKERS[broker]() as sim, aiohttp.ClientSession() as http:
            path = paths[broker] if place == "venue" else "/simulator/mute"
            for body in (_too_long(), io.BytesIO(b" " * (MAX_MESSAGE_BYTES + 1))):
                async with http.post(f"http://localhost:{sim.port}{path}", data=body) as reply:
                    assert reply.status == 413

    run(main())


class _Failing:
    """A request whose client leaves in the middle of its body."""

    content_length = None

    def __init__(self) -> None:
        self.content = self
        self._parts = [b"x" * 65536, b"y" * 65536]

    async def readany(self) -> bytes:
        if not self._parts:
            raise ConnectionResetError("it has left")
        return self._parts.pop()


def test_what_is_raised_while_a_body_is_read_does_not_hold_it(run: Runner[None]) -> None:
    """Its traceback leads to an empty buffer, so that nothing waits for the garbage collector."""

    async def main() -> None:
        with pytest.raises(ConnectionResetError) as caught:
            await read_body(cast("Any", _Failing()))
        frames = [entry.frame.f_locals for entry in caught.traceback]
        assert [names["body"] for names in frames if "body" in names] == [bytearray()]

    run(main())
