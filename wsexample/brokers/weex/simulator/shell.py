"""`WeexSimulator`: the listening half: V3 sockets of contract and spot, REST, heartbeats, idle ends, and faults on command.

Contract sockets are at ``/v3/ws/...`` and ``/contract/v3/ws/...``, spot sockets at ``/spot/v3/ws/...``; the signed path is
the venue's own. What the streams carry is made in ``market`` and the desks, what REST answers in ``http``.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Self

import msgspec
from aiohttp import web

from wsexample.brokers.base.backlog import Backlog
from wsexample.brokers.base.control import CONTROL_PATH, answer_control
from wsexample.brokers.base.shell import LIMITS, OnePort, read_body
from wsexample.brokers.weex.codes import PRIVATE_PATH, PRIVATE_TOPICS, PUBLIC_PATH
from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.faults import Faults
from wsexample.brokers.weex.simulator.gate import Credentials, Window
from wsexample.brokers.weex.simulator.http import HttpSide
from wsexample.brokers.weex.simulator.market import STARTS, Market
from wsexample.brokers.weex.simulator.peer import Peer, encoded
from wsexample.brokers.weex.simulator.spot_desk import SpotDesk
from wsexample.brokers.weex.simulator.switches import Switches
from wsexample.clock import SystemClock
from wsexample.errors import ConnectionClosed, DeadlineError
from wsexample.ports import Clock
from wsexample.wire.server import Reject, Request, ServerConnection, serve

__all__ = ["WeexSimulator"]

log = logging.getLogger("wsexample.weex.simulator")

HOUR_S = 3600.0
SHOWN = 200
"""How many characters of a message that cannot be read its answer repeats."""


class WeexSimulator(OnePort, Faults):
    """``async with WeexSimulator() as venue: ... venue.public_url``.

    Parameters:
        seed: the same seed gives the same prices.
        port: TCP port; 0 lets the system choose.
        host: address to listen on.
        api_key, secret_key, passphrase: the one account's credentials.
        symbols: what is listed, on both markets.
        step_s: seconds between two frames of a stream (the venue's grid is 0.5).
        ping_interval_s: seconds between pings on sockets with streams (the venue's 60).
        idle_timeout_s: seconds after which a socket without streams is dropped, without a close frame (the venue's 60.4).
        needs_user_agent: whether a handshake without User-Agent gets 403, as documented and not seen (default False).
        control: whether ``/simulator/...`` takes faults by HTTP (default False).
        switches: limits, and behaviour that the sources leave open.
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
        symbols: Iterable[str] = tuple(STARTS),
        step_s: float = 0.5,
        ping_interval_s: float = 60.0,
        idle_timeout_s: float = 60.4,
        needs_user_agent: bool = False,
        control: bool = False,
        switches: Switches | None = None,
        clock: Clock | None = None,
    ) -> None:
        symbols = tuple(symbols)
        self.switches = switches or Switches()
        """Limits, and behaviour that the sources leave open."""
        begins = self.switches.begins_trades
        contract = Market(seed, symbols, begins_trades=begins)
        spot = Market(seed + 1, symbols, is_spot=True, begins_trades=begins)
        names = ("splits_fills", "kept_orders", "kept_fills")
        desk_options = {name: getattr(self.switches, name) for name in names}
        desk = Desk(contract, **desk_options)
        OnePort.__init__(self, log)
        Faults.__init__(self, contract, spot, desk, Credentials(api_key, secret_key, passphrase))
        self.spot_desk = SpotDesk(spot, **desk_options)
        """The account of the spot market."""
        self._handshakes = Window(self.switches.connects_per_5_minutes, 300.0)
        weight = Window(self.switches.rest_weight_per_10_s, 10.0)
        self._contract_http = HttpSide(contract, desk, self._credentials, weight)
        self._spot_http = HttpSide(spot, self.spot_desk, self._credentials, weight)
        self._needs_user_agent = needs_user_agent
        self._is_controlled = control
        self._step_s, self._ping_s, self._idle_s = step_s, ping_interval_s, idle_timeout_s
        self._clock: Clock = clock or SystemClock()
        self._backlog = Backlog(log, self._clock, self._connected)
        self._where = (host, port)

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        host, port = self._where
        self._server = await serve(
            self._handle, host=host, port=port, accept=self._accept, http=self._http, options=LIMITS
        )
        self._background.start(self._play())
        self._background.start(self._ping())
        return self

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
    def spot_public_url(self) -> str:
        """Address of the public spot socket."""
        return f"ws://127.0.0.1:{self.port}/spot{PUBLIC_PATH}"

    @property
    def spot_private_url(self) -> str:
        """Address of the private spot socket."""
        return f"ws://127.0.0.1:{self.port}/spot{PRIVATE_PATH}"

    def __repr__(self) -> str:
        return f"<WeexSimulator {self.connections} connected>"

    def now_ms(self) -> int:
        """Return the venue's time, UTC epoch milliseconds."""
        return self._clock.now_ns() // 1_000_000 + round(self.clock_skew_s * 1000)

    async def wait_for(self, fact: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something is so.

        Parameters:
            fact: returns whether it is so; asked every 5 ms.
            timeout_s: seconds of real time to wait.

        Raises:
            DeadlineError: it was not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not fact():  # noqa: ASYNC110 - a test's fact has no event of its own
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise DeadlineError("the fact did not come about", step="fact", timeout_s=timeout_s) from None

    # -- sockets -------------------------------------------------------------------------------------------------

    async def _accept(self, request: Request) -> Reject | None:
        refused = self._refused(request)
        self.refused_handshakes += refused is not None
        return refused

    def _refused(self, request: Request) -> Reject | None:
        path = request.path.removeprefix("/contract").removeprefix("/spot")
        if self.refuse_status:
            return Reject(status=self.refuse_status)
        if path not in (PUBLIC_PATH, PRIVATE_PATH):
            return Reject(status=404)
        if self._needs_user_agent and not request.headers.get("user-agent"):
            return Reject(status=403)
        has_room = not self.switches.connections or self.connections < self.switches.connections
        if not has_room or not self._handshakes.spend(self._clock.monotonic_s()):
            return Reject(status=429)
        if path == PRIVATE_PATH:
            code, words = self._credentials.judge(request.headers, self.now_ms(), "", PRIVATE_PATH)
            if code:
                body = encoded({"code": code, "msg": words})
                return Reject(status=401, body=body, headers={"Content-Type": "application/json"})
        return None

    async def _handle(self, ws: ServerConnection) -> None:
        peer = Peer(ws, Window(self.switches.operations_per_hour, HOUR_S), self._backlog)
        self._peers.add(peer)
        try:
            self.say(peer, {"cid": str(uuid.uuid4()), "event": "connected", "time": str(self.now_ms())}, "connected")
            while True:
                try:
                    message = await ws.receive(timeout_s=None if peer.topics else self._idle_s)
                except DeadlineError:
                    ws.abort()
                    return
                self._heard(peer, message)
        except ConnectionClosed:
            return
        finally:
            self._peers.discard(peer)

    def _answer(self, peer: Peer, number: Any, words: str = "") -> None:
        """Say yes, or no with words."""
        answer: dict[str, Any] = {"result": not words}
        if number is not None:
            answer["id"] = number
        self.say(peer, answer | ({"msg": words} if words else {}), "answer")

    def _heard(self, peer: Peer, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode(errors="replace")
        try:
            body = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            self._answer(peer, None, f"INVALID_ARGUMENT: unrecognized message : {text[:SHOWN]}")
            return
        self.hear(body, len(text))
        number = body.get("id")
        if isinstance(number, str) and _NUMBER.fullmatch(number):
            number = int(number)
        method, names = body.get("method"), body.get("params")
        topics = [_spelled(str(name)) for name in names] if isinstance(names, list) else []
        if method == "PONG":
            peer.unanswered = 0
            if self.switches.echoes_pong:
                self.say(peer, {"method": "PONG", "id": str(number)}, "answer")
        elif method == "PING":
            self._answer(peer, number)
        elif method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not peer.operations.spend(self._clock.monotonic_s()):
                self._answer(peer, number, "INVALID_ARGUMENT: too many requests")
            elif method == "SUBSCRIBE":
                self._subscribe(peer, topics, number)
            else:
                peer.topics.difference_update(topics)
                self._answer(peer, number)
        else:
            self._answer(peer, number, f"INVALID_ARGUMENT: invalid event : {method}")

    def _refusal(self, peer: Peer, topics: list[str]) -> str:
        """Return the venue's words when it does not take streams, "" when it does; one bad name refuses all."""
        for topic in topics:
            if peer.is_private:
                if topic not in PRIVATE_TOPICS or (peer.is_spot and topic == "positions"):
                    return f"INVALID_ARGUMENT: invalid event : {topic}"
            elif words := self.market_of(peer).refusal(topic):
                return words
        most = self.switches.streams_per_connection
        is_over = most and len(peer.topics.union(topics)) > most
        return "INVALID_ARGUMENT: too many subscriptions" if is_over else ""

    def _subscribe(self, peer: Peer, topics: list[str], number: Any) -> None:
        words = self._refusal(peer, topics)
        if words:
            self._answer(peer, number, words)
            return
        new = [topic for topic in dict.fromkeys(topics) if topic not in peer.topics]
        is_early = isinstance(number, int) and number % 2 == 0  # the venue may send the snapshot before the answer
        if not is_early:
            self._answer(peer, number)
        peer.topics.update(new)
        for topic in new:
            for frame in self._beginning(peer, topic):
                self.say(peer, frame, topic)
        if is_early:
            self._answer(peer, number)

    def _beginning(self, peer: Peer, topic: str) -> list[dict[str, Any]]:
        """Return what a stream begins with."""
        now_ms = self.now_ms()
        if not peer.is_private:
            frame = self.market_of(peer).snapshot(topic, now_ms)
            return [] if frame is None else [frame]
        if not self.switches.begins_account:
            return []
        desk = self.spot_desk if peer.is_spot else self.desk
        rows = desk.state(topic, now_ms)
        return [frame for row in rows for _, frame in desk.frame(topic, row, now_ms, "Snapshot")]

    async def _play(self) -> None:
        while True:
            await self._clock.sleep(self._step_s)
            await self.step()

    async def step(self) -> None:
        """Move the markets once and send what changed."""
        now_ms = self.now_ms()
        for market in (self.contract, self.spot):
            peers = [peer for peer in self._peers if peer.is_spot == market.is_spot and not peer.is_private]
            topics = {topic for peer in peers for topic in peer.topics}
            for topic, frame in market.step(now_ms, topics).items():
                if topic in self.muted:
                    continue
                if self._skips[topic]:
                    self._skips[topic] -= 1
                    continue
                text = encoded(frame)
                for peer in peers:
                    if topic in peer.topics and not self.is_stalled and peer.say(text):
                        self.sent[topic] += 1
        await self.tell(self.desk.step(now_ms))
        await self.tell(self.spot_desk.step(now_ms), is_spot=True)

    async def _ping(self) -> None:
        while True:
            await self._clock.sleep(self._ping_s)
            for peer in [one for one in self._peers if one.topics]:
                if peer.unanswered > self.switches.missed_pings:
                    peer.ws.abort()
                    continue
                peer.unanswered += 1
                self.say(peer, self.ping_of(peer), "ping")

    # -- REST ----------------------------------------------------------------------------------------------------

    async def _http(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await read_body(request)
        if raw is None:
            return web.json_response({"code": -1000, "msg": "request is too large"}, status=413)
        body, path = raw.decode(errors="replace"), request.path
        if self._is_controlled and path.startswith(CONTROL_PATH):
            return await answer_control(
                request,
                raw,
                faults=self.commands(),
                stats=self.counts,
                start=self._background.start,
            )
        side = self._spot_http if path.startswith("/api/") else self._contract_http
        self.calls[f"{request.method} {path}" if side.knows(request.method, path) else "unknown"] += 1
        if self.call_status:
            return web.json_response({"code": -1000, "msg": "unavailable"}, status=self.call_status)
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.rel_url.raw_query_string
        answer = side.answer(request.method, path, query, body, headers, self.now_ms(), self._clock.monotonic_s())
        await self.tell(answer.frames, is_spot=side is self._spot_http)
        return web.Response(
            body=msgspec.json.encode(answer.body),
            status=answer.status,
            headers=answer.headers,
            content_type="application/json",
        )


_NUMBER = re.compile(r"[0-9]{1,18}")


def _spelled(topic: str) -> str:
    """Return a stream as the venue has it: the symbol in upper case, which it was seen to take in lower case too."""
    symbol, at, event = topic.partition("@")
    return f"{symbol.upper()}@{event}" if at else topic
