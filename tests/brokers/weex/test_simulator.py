"""The simulator speaks as the venue was seen to speak."""

from __future__ import annotations

import json
import time
from typing import Any

import aiohttp
import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.conftest import Runner
from wsexample.brokers.base import Secret
from wsexample.brokers.weex.dialect import WireBook, handshake_headers
from wsexample.brokers.weex.simulator import Desk, Market, WeexSimulator
from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.wire.connection import Connection, connect

TIMEOUT_S = 5.0


async def say(ws: Connection, method: str, params: list[str], number: int = 1) -> None:
    await ws.send(json.dumps({"method": method, "params": params, "id": number}))


async def hear(ws: Connection, key: str, value: Any) -> dict[str, Any]:
    """The next message in which a key has a value."""
    while True:
        message: dict[str, Any] = json.loads(await ws.receive(timeout_s=TIMEOUT_S))
        if message.get(key) == value:
            return message


def signed() -> dict[str, str]:
    return handshake_headers(Secret(KEY), Secret(SECRET), Secret(PASSPHRASE), time.time_ns() // 1_000_000)


def test_changes_continue_the_snapshot() -> None:
    """Each change begins where the frame before it ended, and together they are the venue's book."""
    market = Market(seed=7)
    first = market.snapshot("BTCUSDT@depth15", 0)
    assert first is not None
    book = WireBook([tuple(p) for p in first["b"]], [tuple(p) for p in first["a"]], first["u"])
    for now_ms in range(500, 50_000, 500):
        frame = market.step(now_ms, ["BTCUSDT@depth15"]).get("BTCUSDT@depth15")
        if frame is not None:
            assert book.change([tuple(p) for p in frame["b"]], [tuple(p) for p in frame["a"]], frame["U"], frame["u"])
    last = market.snapshot("BTCUSDT@depth15", 0)
    assert last is not None
    assert [list(pair) for pair in book.bids.pairs] == last["b"]
    assert [list(pair) for pair in book.asks.pairs] == last["a"]


def test_orders_fill_in_parts_and_move_the_account() -> None:
    """A crossing order is seen new, partially and wholly filled; every frame has its own rising number."""
    desk = Desk(Market(seed=1))
    order = {"symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.0500"}
    row, frames = desk.place(order, 1)
    assert desk.placed(row)["success"]
    versions = [frame["v"] for _, frame in frames]
    assert versions == sorted(set(versions))
    filled = [frame["d"][0]["cumFillSize"] for channel, frame in frames if channel == "orders"]
    assert filled == ["0", "0.0200", "0.0500"]
    assert desk.open_positions()[0]["size"] == "0.0500"
    closing = {**order, "side": "SELL"}
    desk.place(closing, 2)
    assert not desk.open_positions()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (["NOPEUSDT@depth200"], "INVALID_ARGUMENT: invalid symbol : cmt_nopeusdt"),
        (["BTCUSDT@depth50"], "INVALID_ARGUMENT: invalid depth level : 50"),
        (["BTCUSDT@nope"], "INVALID_ARGUMENT: invalid event : nope"),
        (["account"], "INVALID_ARGUMENT: invalid symbol : cmt_account"),
    ],
)
def test_refusals_have_the_venues_words(run: Runner[None], params: list[str], words: str) -> None:
    """A stream that does not exist is refused and the socket stays open."""

    async def main() -> None:
        async with WeexSimulator() as venue, connect(venue.public_url) as ws:
            assert "cid" in await hear(ws, "event", "connected")
            await say(ws, "SUBSCRIBE", params)
            assert (await hear(ws, "result", False))["msg"] == words
            await ws.send("hello")
            assert (await hear(ws, "result", False))["msg"].endswith("unrecognized message : hello")

    run(main())


def test_pings_are_sent_and_silence_ends_the_socket(run: Runner[None]) -> None:
    """More than ten unanswered pings end a connection without a close frame."""

    async def main() -> None:
        async with WeexSimulator(ping_interval_s=0.01) as venue, connect(venue.public_url) as ws:
            await say(ws, "SUBSCRIBE", ["BTCUSDT@ticker"])
            await hear(ws, "event", "ping")
            with pytest.raises(ConnectionClosed) as caught:
                await hear(ws, "event", "never")
            assert caught.value.code == 1006

    run(main())


def test_a_socket_without_streams_is_dropped(run: Runner[None]) -> None:
    """Nothing subscribed, nothing kept."""

    async def main() -> None:
        async with WeexSimulator(idle_timeout_s=0.02) as venue, connect(venue.public_url) as ws:
            with pytest.raises(ConnectionClosed) as caught:
                await hear(ws, "event", "never")
            assert caught.value.code == 1006

    run(main())


def test_a_skipped_frame_leaves_a_gap(run: Runner[None]) -> None:
    """The fault on command is seen in the numbers."""

    async def main() -> None:
        async with WeexSimulator(step_s=60) as venue, connect(venue.public_url) as ws:
            await say(ws, "SUBSCRIBE", ["BTCUSDT@depth15"])
            snapshot = await hear(ws, "e", "depthSnapshot")
            venue.skip_frame("BTCUSDT@depth15")
            await venue.step()
            await venue.step()
            change = await hear(ws, "e", "depth")
            assert change["U"] > snapshot["u"]

    run(main())


@pytest.mark.parametrize("fault", ["signature", "skew"])
def test_bad_credentials_are_refused_at_the_door(run: Runner[None], fault: str) -> None:
    """A wrong signature and a clock that is half a minute off get 401 with the venue's code."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            headers = signed()
            if fault == "signature":
                headers["ACCESS-SIGN"] = "AAAA"
            else:
                venue.clock_skew_s = 31.0
            with pytest.raises(HandshakeError) as caught:
                await connect(venue.private_url, headers=headers)
            assert caught.value.status == 401
            assert json.loads(caught.value.body)["code"] == (-1047 if fault == "signature" else -1046)

    run(main())


def test_the_private_socket_takes_private_streams(run: Runner[None]) -> None:
    """With good credentials the four channels are confirmed and a ping has the private key."""

    async def main() -> None:
        async with WeexSimulator(ping_interval_s=0.01) as venue, connect(venue.private_url, headers=signed()) as ws:
            await say(ws, "SUBSCRIBE", ["account", "positions", "orders", "fill"])
            assert (await hear(ws, "result", True))["id"] == 1
            await hear(ws, "type", "ping")

    run(main())


def test_faults_can_be_had_by_http(run: Runner[None]) -> None:
    """With control on, a fault that is posted is done; without it the path is as unknown as any other."""

    async def main() -> None:
        async with WeexSimulator(control=True) as venue, aiohttp.ClientSession() as http:
            async with http.post(f"{venue.rest_url}/simulator/skew_clock", json={"seconds": "31"}) as reply:
                assert await reply.json() == {"done": "skew_clock"}
            assert venue.clock_skew_s == 31.0
        async with (
            WeexSimulator() as venue,
            aiohttp.ClientSession() as http,
            http.post(f"{venue.rest_url}/simulator/skew_clock", json={}) as reply,
        ):
            assert reply.status == 404

    run(main())


def test_signatures_can_be_refused_on_command(run: Runner[None]) -> None:
    """While they are, even a right one gets 401; afterwards it is taken again."""

    async def main() -> None:
        async with WeexSimulator() as venue:
            venue.refuse_signatures()
            with pytest.raises(HandshakeError) as caught:
                await connect(venue.private_url, headers=signed())
            assert json.loads(caught.value.body)["code"] == -1047
            venue.refuse_signatures(False)
            async with connect(venue.private_url, headers=signed()) as ws:
                assert ws.is_open

    run(main())
