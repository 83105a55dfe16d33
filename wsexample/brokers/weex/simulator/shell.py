"""`WeexSimulator`: the listening half: V3 sockets of contract and spot, REST, heartbeats, idle ends, and faults on command.

Contract sockets are at ``/v3/ws/...`` and ``/contract/v3/ws/...``, spot sockets at ``/spot/v3/ws/...``; the signed path is
the venue's own. What the streams carry is made in ``market`` and ``desk``.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from wsexample.brokers.base import Secret
from wsexample.brokers.base.control import CONTROL_PATH, answer_control
from wsexample.brokers.weex.codes import MAX_STREAMS, PRIVATE_PATH, PRIVATE_TOPICS, PUBLIC_PATH
from wsexample.brokers.weex.dialect import sign
from wsexample.brokers.weex.simulator.desk import Desk, Frames
from wsexample.brokers.weex.simulator.market import Market
from wsexample.clock import SystemClock
from wsexample.errors import ConnectionClosed, DeadlineError
from wsexample.ports import Clock
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Reject, Request, Server, ServerConnection, serve

__all__ = ["WeexSimulator"]

log = logging.getLogger("wsexample.weex.simulator")

WINDOW_MS = 30_000
MISSED_PINGS = 10


def _text(message: Any) -> str:
    return msgspec.json.encode(message).decode()


class _Peer:
    """One socket and what it listens to."""

    def __init__(self, ws: ServerConnection, *, is_private: bool, is_spot: bool) -> None:
        self.ws = ws
        self.is_private = is_private
        self.is_spot = is_spot
        self.topics: set[str] = set()
        self.unanswered = 0


class WeexSimulator:
    """``async with WeexSimulator() as venue: ... venue.public_url``.

    Parameters:
        seed: the same seed gives the same prices.
        port: TCP port; 0 lets the system choose.
        api_key, secret_key, passphrase: the one account's credentials.
        symbols: what is listed, on both markets.
        step_s: seconds between two frames of a stream (the venue's grid is 0.5).
        ping_interval_s: seconds between pings on sockets with streams (the venue's 60).
        idle_timeout_s: seconds after which a socket without streams is dropped, without a close frame (the venue's 60.4).
        needs_user_agent: whether a handshake without User-Agent gets 403, as documented and not seen (default False).
        control: whether ``/simulator/...`` takes faults by HTTP (default False).
        clock: where times come from.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        port: int = 0,
        host: str = "127.0.0.1",
        api_key: str = "weex_demo_0001",
        secret_key: str = "demo-secret-0001",
        passphrase: str = "demoPass1",
        symbols: Iterable[str] = ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
        step_s: float = 0.5,
        ping_interval_s: float = 60.0,
        idle_timeout_s: float = 60.4,
        needs_user_agent: bool = False,
        control: bool = False,
        clock: Clock | None = None,
    ) -> None:
        symbols = tuple(symbols)
        self.contract = Market(seed, symbols)
        """Prices of the perpetual contracts."""
        self.spot = Market(seed + 1, symbols)
        """Prices of the spot market."""
        self.spot.is_spot = True
        self.desk = Desk(self.contract)
        """The account of the contract market."""
        self.clock_skew_s = 0.0
        """Fault: by how much the venue's clock is ahead of this machine's, seconds."""
        self.refuse_status = 0
        """Fault: HTTP status with which every handshake is refused; 0 for none."""
        self.muted: set[str] = set()
        """Fault: streams that say nothing."""
        self.refuses_signatures = False
        """Fault: every signature is wrong."""
        self.sent: dict[str, int] = {}
        """Frames sent by stream."""
        self.received: list[dict[str, Any]] = []
        """Messages that clients sent, in order."""
        self._skips: dict[str, int] = {}
        self._credentials = (api_key, Secret(secret_key), passphrase)
        self._needs_user_agent = needs_user_agent
        self._is_controlled = control
        self._step_s, self._ping_s, self._idle_s = step_s, ping_interval_s, idle_timeout_s
        self._clock: Clock = clock or SystemClock()
        self._where = (host, port)
        self._peers: set[_Peer] = set()
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[Any]] = []

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        host, port = self._where
        options = ServeOptions(answer_pings=True)
        self._server = await serve(
            self._handle, host=host, port=port, accept=self._accept, http=self._http, options=options
        )
        self._tasks = [asyncio.create_task(self._play()), asyncio.create_task(self._ping())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._server is not None
        await self._server.close()

    @property
    def port(self) -> int:
        """The TCP port."""
        assert self._server is not None
        return self._server.port

    @property
    def public_url(self) -> str:
        """Address of the public contract socket."""
        return f"ws://127.0.0.1:{self.port}{PUBLIC_PATH}"

    @property
    def private_url(self) -> str:
        """Address of the private contract socket."""
        return f"ws://127.0.0.1:{self.port}{PRIVATE_PATH}"

    @property
    def rest_url(self) -> str:
        """Base address of the REST calls."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """Sockets that are open now."""
        return len(self._peers)

    def __repr__(self) -> str:
        return f"<WeexSimulator {self.connections} connected>"

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000 + round(self.clock_skew_s * 1000)

    async def wait_for(self, fact: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something is so, seen after each turn of the loop.

        Raises:
            DeadlineError: it was not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not fact():  # noqa: ASYNC110 - a test's fact has no event of its own
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise DeadlineError("the fact did not come about", step="fact", timeout_s=timeout_s) from None

    # -- faults --------------------------------------------------------------------------------------------------

    def skip_frame(self, topic: str, frames: int = 1) -> None:
        """Do not send the next frames of a stream, so that its numbers have a gap."""
        self._skips[topic] = self._skips.get(topic, 0) + frames

    async def repeat_snapshot(self, topic: str) -> None:
        """Send the present book once more to everybody who listens."""
        for peer in [one for one in self._peers if topic in one.topics]:
            market = self.spot if peer.is_spot else self.contract
            await self._say(peer, market.snapshot(topic, self._now_ms()), topic)

    def drop_all(self) -> None:
        """End every connection without a close frame."""
        for peer in list(self._peers):
            peer.ws.abort()

    async def close_all(self, code: int = 1001, reason: str = "maintenance") -> None:
        """Close every connection with a close frame."""
        for peer in list(self._peers):
            await peer.ws.close(code, reason)

    def mute(self, topic: str) -> None:
        """Say nothing more on a stream, until `unmute`."""
        self.muted.add(topic)

    def unmute(self, topic: str = "") -> None:
        """Let a muted stream speak again; all of them for ""."""
        self.muted.difference_update({topic} if topic else set(self.muted))

    def skew_clock(self, seconds: float) -> None:
        """Put the venue's clock ahead of this machine's by so many seconds."""
        self.clock_skew_s = seconds

    def refuse_handshakes(self, status: int = 503) -> None:
        """Answer every handshake with an HTTP status from now on; 0 takes them again."""
        self.refuse_status = status

    def refuse_signatures(self, is_refused: bool = True) -> None:
        """Find every signature wrong from now on, or judge them again."""
        self.refuses_signatures = is_refused

    async def trade(self, symbol: str = "BTCUSDT", side: str = "BUY", size: str = "0.0500") -> None:
        """Let the account place a market order by itself; a SELL closes what a BUY has opened."""
        order = {"symbol": symbol, "side": side, "type": "MARKET", "quantity": size, "positionSide": "LONG"}
        _, frames = self.desk.place(order, self._now_ms())
        await self.tell(frames)

    def commands(self) -> dict[str, Callable[..., Any]]:
        """Return everything that can be done on command, by name."""
        calls: tuple[Callable[..., Any], ...] = (
            self.skip_frame, self.repeat_snapshot, self.mute, self.unmute, self.drop_all, self.close_all,
            self.skew_clock, self.refuse_handshakes, self.refuse_signatures, self.trade,
        )  # fmt: skip
        return {call.__name__: call for call in calls}

    def counts(self) -> dict[str, Any]:
        """Return what happened so far, for people: sockets open now, messages heard, frames sent by stream."""
        return {"connections": self.connections, "received": len(self.received), "sent": self.sent}

    # -- sockets -------------------------------------------------------------------------------------------------

    def _judge(self, headers: Mapping[str, str], method: str, path: str, query: str, body: str) -> tuple[int, str]:
        """Return the venue's code and words for credentials that are not right, (0, "") for those that are."""
        key, secret, passphrase = self._credentials
        values = {name: headers.get(f"access-{name}", "") for name in ("key", "sign", "timestamp", "passphrase")}
        for code, name in ((-1040, "key"), (-1041, "sign"), (-1042, "timestamp")):
            if not values[name]:
                return code, f"ACCESS-{name.upper()} is missing"
        if not values["timestamp"].isdigit():
            return -1043, "ACCESS-TIMESTAMP is malformed"
        stamp = int(values["timestamp"])
        if abs(self._now_ms() - stamp) > WINDOW_MS:
            return -1046, "timestamp expired"
        if values["key"] != key or values["passphrase"] != passphrase:
            return -1049, "key or passphrase is wrong"
        expected = "" if self.refuses_signatures else sign(secret, stamp, method, path, query, body)
        return (0, "") if hmac.compare_digest(expected, values["sign"]) else (-1047, "signature is wrong")

    async def _accept(self, request: Request) -> str | Reject | None:
        if self.refuse_status:
            return Reject(status=self.refuse_status)
        path = request.path.removeprefix("/contract").removeprefix("/spot")
        if path not in (PUBLIC_PATH, PRIVATE_PATH):
            return Reject(status=404)
        if self._needs_user_agent and not request.headers.get("user-agent"):
            return Reject(status=403)
        if path == PRIVATE_PATH:
            code, words = self._judge(request.headers, "", PRIVATE_PATH, "", "")
            if code:
                return Reject(
                    status=401,
                    body=_text({"code": code, "msg": words}),
                    headers={"Content-Type": "application/json"},
                )
        return None

    async def _handle(self, ws: ServerConnection) -> None:
        path = ws.request.path
        peer = _Peer(ws, is_private=path.endswith("/private"), is_spot=path.startswith("/spot"))
        self._peers.add(peer)
        try:
            await ws.send(_text({"cid": str(uuid.uuid4()), "event": "connected", "time": str(self._now_ms())}))
            while True:
                try:
                    message = await ws.receive(timeout_s=None if peer.topics else self._idle_s)
                except DeadlineError:
                    ws.abort()
                    return
                await self._heard(peer, message)
        except ConnectionClosed:
            return
        finally:
            self._peers.discard(peer)

    async def _heard(self, peer: _Peer, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode(errors="replace")
        try:
            body = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            words = f"INVALID_ARGUMENT: unrecognized message : {text}"
            await peer.ws.send(_text({"result": False, "msg": words}))
            return
        self.received.append(body)
        number = body.get("id")
        if isinstance(number, str) and number.isdigit():
            number = int(number)
        method = body.get("method")
        topics = [self._spelled(str(name)) for name in body.get("params") or ()]
        if method == "PONG":
            peer.unanswered = 0
        elif method == "PING":
            await peer.ws.send(_text({"result": True, "id": number}))
        elif method == "SUBSCRIBE":
            await self._subscribe(peer, topics, number)
        elif method == "UNSUBSCRIBE":
            peer.topics.difference_update(topics)
            await peer.ws.send(_text({"result": True, "id": number}))
        else:
            words = f"INVALID_ARGUMENT: invalid event : {method}"
            await peer.ws.send(_text({"result": False, "id": number, "msg": words}))

    @staticmethod
    def _spelled(topic: str) -> str:
        symbol, at, event = topic.partition("@")
        return f"{symbol.upper()}@{event}" if at else topic

    async def _subscribe(self, peer: _Peer, topics: list[str], number: Any) -> None:
        market = self.spot if peer.is_spot else self.contract
        words = ""
        for topic in topics:
            if peer.is_private:
                is_known = topic in PRIVATE_TOPICS and not (peer.is_spot and topic == "positions")
                words = words or ("" if is_known else f"INVALID_ARGUMENT: invalid event : {topic}")
            else:
                words = words or market.refusal(topic)
        if not words and len(peer.topics.union(topics)) > MAX_STREAMS:
            words = "INVALID_ARGUMENT: too many subscriptions"
        if words:
            await peer.ws.send(_text({"result": False, "id": number, "msg": words}))
            return
        new = [topic for topic in topics if topic not in peer.topics]
        is_early = isinstance(number, int) and number % 2 == 0  # the venue may send the snapshot before the answer
        if not is_early:
            await peer.ws.send(_text({"result": True, "id": number}))
        for topic in new:
            # Taken at the moment of sending, so that no change of the book overtakes it.
            snapshot = None if peer.is_private else market.snapshot(topic, self._now_ms())
            peer.topics.add(topic)
            await self._say(peer, snapshot, topic)
        if is_early:
            await peer.ws.send(_text({"result": True, "id": number}))

    async def _say(self, peer: _Peer, frame: dict[str, Any] | None, topic: str) -> None:
        if frame is None:
            return
        try:
            await peer.ws.send(_text(frame))
        except ConnectionClosed:
            return
        self.sent[topic] = self.sent.get(topic, 0) + 1

    async def _play(self) -> None:
        while True:
            await self._clock.sleep(self._step_s)
            await self.step()

    async def step(self) -> None:
        """Move the markets once and send what changed."""
        now_ms = self._now_ms()
        for market, is_spot in ((self.contract, False), (self.spot, True)):
            peers = [peer for peer in self._peers if peer.is_spot == is_spot and not peer.is_private]
            topics = {topic for peer in peers for topic in peer.topics}
            frames = market.step(now_ms, topics)
            for topic, frame in frames.items():
                if topic in self.muted:
                    continue
                if self._skips.get(topic, 0):
                    self._skips[topic] -= 1
                    continue
                for peer in [one for one in peers if topic in one.topics]:
                    await self._say(peer, frame, topic)
        await self.tell(self.desk.step(now_ms))

    async def tell(self, frames: Frames) -> None:
        """Send frames of the account to every private socket that listens to their channel."""
        for channel, frame in frames:
            for peer in [one for one in self._peers if one.is_private and not one.is_spot and channel in one.topics]:
                await self._say(peer, frame, channel)

    async def _ping(self) -> None:
        while True:
            await self._clock.sleep(self._ping_s)
            for peer in [one for one in self._peers if one.topics]:
                if peer.unanswered > MISSED_PINGS:
                    peer.ws.abort()
                    continue
                peer.unanswered += 1
                key = "type" if peer.is_private else "event"
                await self._say(peer, {key: "ping", "time": str(self._now_ms())}, "ping")

    # -- REST ----------------------------------------------------------------------------------------------------

    async def _http(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.text()
        path = request.path
        if self._is_controlled and path.startswith(CONTROL_PATH):
            return answer_control(
                request.method,
                path,
                body.encode(),
                faults=self.commands(),
                stats=self.counts,
                start=lambda work: self._tasks.append(asyncio.ensure_future(work)),
            )
        spelled = path.removeprefix("/capi/v3").removeprefix("/api/v3")
        market = self.spot if path.startswith("/api/v3") else self.contract
        is_private = spelled.startswith(("/account", "/order", "/openOrders", "/userTrades"))
        if is_private:
            headers = {name.lower(): value for name, value in request.headers.items()}
            code, words = self._judge(headers, request.method, path, request.rel_url.raw_query_string, body)
            if code:
                status = 401 if code in (-1047, -1049) else 400
                return _answer({"code": code, "msg": words}, status)
        try:
            answer, frames = self._called(request.method, spelled, dict(request.query), body, market)
        except KeyError as error:
            return _answer({"code": -1142, "msg": f"parameter invalid: {error.args[0]}"}, 400)
        except (ValueError, ArithmeticError):
            return _answer({"code": -1140, "msg": "parameter check failed"}, 400)
        if answer is None:
            return _answer({"timestamp": self._now_ms(), "status": 404, "error": "Not Found", "path": path}, 404)
        await self.tell(frames)
        return _answer(answer)

    def _called(self, method: str, path: str, query: dict[str, str], body: str, market: Market) -> tuple[Any, Frames]:
        now_ms, desk = self._now_ms(), self.desk
        match method, path:
            case "GET", "/market/time" | "/time":
                return {"serverTime": now_ms}, []
            case "GET", "/coins":
                return [], []
            case "GET", "/market/exchangeInfo" | "/exchangeInfo":
                return self._listing(market), []
            case "GET", "/market/apiTradingSymbols" | "/apiTradingSymbols":
                return list(market.instruments), []
            case "GET", "/market/depth":
                level = int(query.get("limit", "15"))
                frame = market.instruments[query["symbol"]].snapshot({15: 15, 200: 200}[level], now_ms)
                return {"bids": frame["b"], "asks": frame["a"], "lastUpdateId": frame["u"]}, []
            case "GET", "/market/ticker/24hr":
                symbols = [query["symbol"]] if "symbol" in query else list(market.instruments)
                return [_day(market.instruments[symbol].ticker(now_ms)) for symbol in symbols], []
            case "GET", "/market/trades":
                rows = list(market.instruments[query["symbol"]].trades)[-int(query.get("limit", "100")) :]
                return [_past(row) for row in rows], []
            case "GET", "/market/klines":
                one = market.instruments[query["symbol"]].kline(query["interval"], "LAST_PRICE", now_ms)["d"][0]
                keys = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")
                return [[one[key] for key in keys]], []
            case "GET", "/account/balance":
                return desk.balance(), []
            case "GET", "/account/":
                return {"balances": [{"asset": "USDT", "free": "10000", "locked": "0"}]}, []
            case "GET", "/account/position/allPosition":
                return desk.open_positions(), []
            case "GET", "/openOrders":
                return desk.open_orders(query.get("symbol", "")), []
            case "GET", "/order":
                return desk.order_answer(desk.orders[query["orderId"]]), []
            case "POST", "/order":
                asked = msgspec.json.decode(body, type=dict[str, Any])
                if asked.get("symbol") not in market.instruments:
                    raise KeyError("symbol")
                return desk.place(asked, now_ms)
            case "DELETE", "/order":
                return desk.cancel(query["orderId"], now_ms)
        return None, []

    def _listing(self, market: Market) -> dict[str, Any]:
        rows = []
        for symbol in market.instruments:
            row: dict[str, Any] = {"symbol": symbol, "baseAsset": symbol.removesuffix("USDT"), "quoteAsset": "USDT",
                                   "pricePrecision": 1, "quantityPrecision": 4, "makerFeeRate": "0.0002",
                                   "takerFeeRate": "0.0008"}  # fmt: skip
            if market.is_spot:
                row.update(enableTrade=True, tickSize="0.1", stepSize="0.0001")
            else:
                row.update(marginAsset="USDT", contractVal="1", minLeverage=1, maxLeverage=400, minOrderSize="0.0001")
            rows.append(row)
        return {"assets": [], "rateLimits": [], "symbols": rows}


def _answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _day(frame: dict[str, Any]) -> dict[str, Any]:
    row = frame["d"][0]
    return {"symbol": frame["s"], "priceChange": row["p"], "priceChangePercent": row["P"], "lastPrice": row["c"],
            "openPrice": row["o"], "highPrice": row["h"], "lowPrice": row["l"], "volume": row["v"],
            "quoteVolume": row["q"], "markPrice": row["m"], "indexPrice": row["i"], "openTime": row["O"],
            "closeTime": row["C"]}  # fmt: skip


def _past(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["t"], "time": row["T"], "price": row["p"], "qty": row["q"], "quoteQty": row["v"],
            "isBestMatch": True, "isBuyerMaker": row["m"]}  # fmt: skip
