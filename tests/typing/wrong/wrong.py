# mypy: allow-any-expr
"""Mistakes that a type checker has to find; behind each stands the code of the error, and no other line may have one."""

from collections.abc import Sequence
from typing import Any

import wsexample
from wsexample import AlpacaWebsocketClient, ConnectOptions, ServeOptions, Session, connect_hub, open_sink
from wsexample import sync as websocket
from wsexample.brokers.alpaca import AlpacaStream, AlpacaTradingRest, AlpacaTradingStream
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.weex.client import WeexConfig, WeexWebSocketClient
from wsexample.brokers.weex.dialect import WeexDialect
from wsexample.errors import HandshakeError
from wsexample.paper import Limits, PaperTradingEngine
from wsexample.ports import OrderGateway, Record, RecordSink
from wsexample.records.market import Quote
from wsexample.records.orders import OrderRequest
from wsexample.wire.autobahn import WebSocketClientFactory, WebSocketClientProtocol
from wsexample.wire.server import Request, ServerConnection


class Wrong(WebSocketClientProtocol):
    def onMessage(self, payload: str, isBinary: bool) -> None:  # E: override
        self.sendMessage("text")  # E: arg-type
        self.sendClose("1000")  # E: arg-type
        self.sendMesage(b"x")  # E: attr-defined


def autobahn() -> None:
    factory = WebSocketClientFactory("ws://127.0.0.1:9000")
    factory.protocol = int  # E: assignment
    factory.setProtocolOptions(autoPingIntervall=3)  # E: call-arg


async def wire() -> None:
    async with wsexample.connect("ws://127.0.0.1:9000", compression="yes") as ws:  # E: arg-type
        await ws.send({"op": "subscribe"})  # E: arg-type
        await ws.send(None)  # E: arg-type
        await ws.receive(timeout="5")  # E: call-arg
        (await ws.receive()).decode()  # E: union-attr
        ws.close_code + 1  # E: operator
    wsexample.connect("ws://127.0.0.1:9000", ping_intervall_s=3)  # E: call-arg
    wsexample.connect(9000)  # E: arg-type
    ConnectOptions("ws://127.0.0.1:9000")  # E: call-arg
    ConnectOptions(url="ws://127.0.0.1:9000", connect_timeout_s="10")  # E: arg-type
    ConnectOptions(url="ws://127.0.0.1:9000").url = "ws://127.0.0.1:9001"  # E: misc
    ConnectOptions(url="ws://127.0.0.1:9000").replace(origin=5)  # E: arg-type
    ServeOptions(max_connections="many")  # E: arg-type
    wsexample.conect("ws://127.0.0.1:9000")  # E: attr-defined


def plain_handler(ws: ServerConnection) -> None: ...


async def wrong_accept(request: Request) -> int:
    return 403


async def handler(ws: ServerConnection) -> None:
    ws.request.path = "/"  # E: misc


def server() -> None:
    wsexample.serve(plain_handler)  # E: arg-type
    wsexample.serve(handler, accept=wrong_accept)  # E: arg-type
    wsexample.serve(handler, port="9000")  # E: arg-type


def blocking() -> None:
    websocket.create_connection("ws://127.0.0.1:9000", timeout="5")  # E: call-overload
    websocket.create_connection("ws://127.0.0.1:9000", headers=["X: 1"])  # E: call-overload
    websocket.WebSocket().send(5)  # E: arg-type
    websocket.WebSocket().connect("ws://127.0.0.1:9000", redirect_limit="3")  # E: arg-type
    websocket.WebSocketApp("ws://127.0.0.1:9000", on_mesage=print)  # E: call-arg


class Nothing:
    async def write(self, records: Sequence[Record]) -> None: ...


async def sessions(records: Any) -> None:
    Session(WeexDialect(), limit="many")  # E: arg-type
    Session(WeexDialect(), polcy="fail")  # E: call-arg
    Session("weex")  # E: arg-type
    session = Session(WeexDialect(), url="ws://127.0.0.1:9000")
    for _ in session:  # E: attr-defined
        pass
    async for record in session:
        record.bid_price  # E: attr-defined
        if isinstance(record, Quote):
            record.bid_price > 1.0  # E: operator
    connect_hub("localhost:9100", retry=3)  # E: arg-type
    sink: RecordSink = Nothing()  # E: assignment
    open_sink("ticks.db", batch_delay=0.5)  # E: call-arg
    open_sink("ticks.db", queue_records="many")  # E: arg-type
    await sink.write(Quote(venue="a", symbol="b", received_ns=1))  # E: arg-type


async def brokers() -> None:
    KabuClient(["9433"], pasword="x")  # E: call-arg
    KabuClient(["9433"], rotate_s="20")  # E: arg-type
    KabuClient(["9433"], read_ahead_messages="10")  # E: arg-type
    AlpacaStream("key", "secret", quotes=5)  # E: arg-type
    AlpacaStream("key", "secret", codec="xml")  # E: arg-type
    AlpacaStream("key", "secret", connect={"ping_interval": 5})  # E: arg-type
    AlpacaTradingStream("key", "secret", backfill="never")  # E: arg-type
    AlpacaWebsocketClient("key", "secret", "sqlite:///x.db", since_ns="today")  # E: arg-type
    await AlpacaTradingRest("key", "secret").submit_order("AAPL")  # E: arg-type
    async for message in WeexWebSocketClient(WeexConfig()).stream_trades("BTCUSDT"):
        message.record.bid_price  # E: attr-defined
    async for _ in WeexWebSocketClient(WeexConfig()).stream_trades(["BTCUSDT"]):  # E: arg-type
        pass


def papers() -> None:
    PaperTradingEngine("ten thousand dollars", limits=5)  # E: arg-type
    Limits(max_position="10")  # E: arg-type
    OrderRequest(symbol="AAPL", side="buy", size="1")  # E: arg-type
    Quote(venue="a", symbol="b")  # E: call-arg
    Quote(venue="a", symbol="b", received_ns=1).bid_price = 2.0  # E: misc
    gateway: OrderGateway = Nothing()  # E: assignment
    HandshakeError("refused", status="403")  # E: arg-type
    print(gateway)
