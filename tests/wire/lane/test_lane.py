"""What the lane promises beyond being Autobahn: bytes, order, pauses, memory, and when it steps aside."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tracemalloc
import types
import weakref
import zlib
from typing import Any
from unittest.mock import Mock

import pytest
from autobahn.websocket.compress import PerMessageDeflateOfferAccept
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Runner
from tests.wire.lane.twins import ListTransport, arrive, frames_of, play, turns
from wsexample.wire.autobahn import WebSocketClientProtocol, WebSocketServerProtocol
from wsexample.wire.lane import _lane_py
from wsexample.wire.scratch import ReadsIntoScratch

LANES = [_lane_py]
try:
    from wsexample.wire.lane import _lane_c

    LANES.append(_lane_c)
except ImportError:
    pass


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
@given(payload=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_the_payload_back(lane: Any, payload: bytes, key: bytes) -> None:
    """Masking is its own inverse, and each byte meets the key's byte of its place."""
    masked = lane.xor_mask(payload, key)
    assert masked == bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    assert lane.xor_mask(masked, key) == payload


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
@given(
    payload=st.one_of(
        st.binary(max_size=80), st.text(max_size=60).map(str.encode), st.text(alphabet="板気ｱé😀a").map(str.encode)
    )
)
def test_utf8_is_what_python_takes_for_utf8(lane: Any, payload: bytes) -> None:
    """Validation agrees with Python's strict decoder, whole and while it is still arriving."""
    try:
        payload.decode()
        good, bad = True, False
    except UnicodeDecodeError as error:
        good, bad = False, error.reason != "unexpected end of data"
    assert lane.is_utf8(payload) is good
    prefix = lane.checked_prefix(payload, 0)
    assert (prefix < 0) is bad
    if prefix >= 0:
        payload[:prefix].decode()
        assert len(payload) - prefix < 4


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200000])
@pytest.mark.parametrize("key", [None, b"\x01\x02\x03\x04"])
def test_a_built_frame_can_be_read_back(lane: Any, size: int, key: bytes | None) -> None:
    """Frames of every length form are minimal and carry their payload."""
    payload = os.urandom(size)
    frame = lane.build_frame(2, payload, key)
    assert frames_of(frame) == [(0x82, payload)]
    head = 2 if size < 126 else 4 if size < 65536 else 10
    assert len(frame) == head + (4 if key else 0) + size


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.__name__)
def test_transports_of_a_thread_read_into_one_place(lane: Any) -> None:
    """No read makes an object of its own size: an idle connection owns no buffer, and the heap stays whole."""
    reading = asyncio.BufferedProtocol if lane.LaneCore.is_buffered else ReadsIntoScratch
    core = type("Core", (lane.LaneCore, reading), {})
    first, second = core().get_buffer(-1), core().get_buffer(-1)
    first[:3] = b"abc"
    assert bytes(second[:3]) == b"abc"
    assert len(first) >= 64 * 1024


OPENING = (
    b"GET / HTTP/1.1\r\nHost: localhost:9000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


class Opened:
    """A server's protocol, opened in memory."""

    def __init__(self, module: types.ModuleType, on_message: Any = None, **options: Any) -> None:
        self.got: list[bytes] = []

        def keep(protocol: Any, payload: bytes, is_binary: bool) -> None:
            self.got.append(payload)
            if on_message is not None:
                on_message(protocol, payload)

        self.factory = module.WebSocketServerFactory("ws://localhost:9000")
        self.factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0, **options)
        self.factory.protocol = type("Protocol", (module.WebSocketServerProtocol,), {"onMessage": keep})
        self.protocol = self.factory()
        self.transport = ListTransport()
        self.transport.protocol = self.protocol

    async def __aenter__(self) -> Opened:
        self.protocol.connection_made(self.transport)
        self.protocol.data_received(OPENING)
        await turns()
        self.transport.written.clear()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.transport.abort()
        await turns()


def text(payload: bytes) -> bytes:
    """Build a client's text frame."""
    return _lane_py.build_frame(1, payload, b"\x01\x02\x03\x04")


def test_a_pause_stops_delivery_in_the_middle_of_what_was_read(module: Any, run: Runner[None]) -> None:
    """After pauseReading no further message comes, though it was read already; after resumeReading all come in order."""

    async def main() -> None:
        def pause_at_two(protocol: Any, payload: bytes) -> None:
            if payload == b"2":
                protocol.pauseReading()

        async with Opened(module, pause_at_two) as end:
            arrive(end.protocol, b"".join(text(b"%d" % i) for i in range(6)), through_buffer=True)
            assert end.got == [b"0", b"1", b"2"]
            assert end.transport.is_reading_paused
            arrive(end.protocol, text(b"6"), through_buffer=True)  # was on its way when the pause came
            assert end.got == [b"0", b"1", b"2"]
            end.protocol.resumeReading()
            await turns()
            assert end.got == [b"%d" % i for i in range(7)]
            assert not end.transport.is_reading_paused

    run(main())


def test_what_was_read_before_the_peer_left_is_delivered(module: Any, run: Runner[None]) -> None:
    """A connection lost during a pause gives up nothing that had arrived."""

    async def main() -> None:
        async with Opened(module, lambda protocol, payload: protocol.pauseReading()) as end:
            arrive(end.protocol, text(b"a") + text(b"b"), through_buffer=True)
            assert end.got == [b"a"]
            end.protocol.connection_lost(None)
            end.transport.is_gone = True
            assert end.got == [b"a", b"b"]

    run(main())


def test_answers_to_one_read_leave_in_one_write(module: Any, run: Runner[None]) -> None:
    """Sends out of onMessage share a write, in order, and a ping between them keeps its place."""

    async def main() -> None:
        def answer(protocol: Any, payload: bytes) -> None:
            protocol.sendMessage(payload)
            if payload == b"1":
                protocol.sendPing(b"here")

        async with Opened(module, answer) as end:
            arrive(end.protocol, text(b"0") + text(b"1") + text(b"2") + text(b"3"), through_buffer=True)
            sent = frames_of(b"".join(end.transport.written))
            assert sent == [(0x81, b"0"), (0x81, b"1"), (0x89, b"here"), (0x81, b"2"), (0x81, b"3")]
            assert len(end.transport.written) == 3

    run(main())


def test_sends_of_one_turn_share_a_write(module: Any, run: Runner[None]) -> None:
    """The first send of a turn leaves at once, the others together before the next turn is over."""

    async def main() -> None:
        async with Opened(module) as end:
            for i in range(5):
                end.protocol.sendMessage(b"%d" % i)
            assert frames_of(end.transport.written[0]) == [(0x81, b"0")]
            await turns(2)
            assert len(end.transport.written) == 2
            assert frames_of(b"".join(end.transport.written)) == [(0x81, b"%d" % i) for i in range(5)]

    run(main())


def test_whoever_asks_for_the_transport_finds_everything_written(module: Any, run: Runner[None]) -> None:
    """Held-back frames are written before anybody writes to, asks or closes the transport."""

    async def main() -> None:
        async with Opened(module) as end:
            end.protocol.sendMessage(b"a")
            end.protocol.sendMessage(b"b")
            end.protocol.transport.write(b"raw")
            assert b"".join(end.transport.written).endswith(b"\x81\x01braw")
            end.protocol.sendMessage(b"c")
            end.protocol.sendClose(1000)
            assert [first for first, _ in frames_of(b"".join(end.transport.written).replace(b"raw", b""))] == [
                0x81, 0x81, 0x81, 0x88,
            ]  # fmt: skip

    run(main())


def test_memory_is_claimed_only_as_data_arrives(module: Any, run: Runner[None]) -> None:
    """A header that announces a terabyte costs no more than what came after it."""

    async def main() -> None:
        async with Opened(module) as end:
            tracemalloc.start()
            try:
                head = b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0"
                arrive(end.protocol, head + b"x" * 1000, through_buffer=True)
                for _ in range(10):
                    arrive(end.protocol, b"y" * 1000, through_buffer=True)
                assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
            finally:
                tracemalloc.stop()

    run(main())


@pytest.mark.parametrize("step", [1000, 65536, 262144])
def test_a_large_message_in_pieces_is_the_message(module: Any, run: Runner[None], step: int) -> None:
    """Pieces of any size add up to the payload, masked and checked on the way, and what follows is not lost."""

    async def main() -> None:
        async with Opened(module) as end:
            payload = "日経平均 ".encode() * 60_000
            stream = text(payload) + text(b"next")
            while stream:
                n = arrive(end.protocol, stream[:step], through_buffer=True)
                stream = stream[n:]
            assert end.got == [payload, b"next"]

    run(main())


def test_an_exception_in_a_callback_ends_only_this_connection(module: Any, run: Runner[None]) -> None:
    """It is logged, the transport is aborted, and what was read behind it is not delivered."""

    async def main() -> None:
        def fail(protocol: Any, payload: bytes) -> None:
            raise ValueError("planted")

        said: list[str] = []
        async with Opened(module, fail) as end:
            end.protocol.log = types.SimpleNamespace(
                error=lambda line, **facts: said.append(line.format(**facts)),
                debug=lambda *a, **k: None,
                warn=lambda *a, **k: None,
            )
            arrive(end.protocol, text(b"a") + text(b"b"), through_buffer=True)
            assert end.got == [b"a"]
            assert end.transport.ended == "abort"
            assert "ValueError: planted" in said[0]

    run(main())


def test_options_changed_on_an_open_connection_hold_at_once(module: Any, run: Runner[None]) -> None:
    """logFrames, limits and listeners set after onOpen move the connection to Autobahn's parser, and back."""

    async def main() -> None:
        async with Opened(module) as end:
            protocol = end.protocol
            assert protocol.lane_receives
            logged: list[Any] = []
            protocol.logRxFrame = lambda header, payload: logged.append(payload)
            protocol.logFrames = True
            assert not protocol.lane_receives
            arrive(protocol, text(b"seen"), through_buffer=True)
            assert logged == [[b"seen"]]
            protocol.logFrames = False
            assert protocol.lane_receives
            protocol.maxMessagePayloadSize = 3
            arrive(protocol, text(b"four"), through_buffer=True)
            assert end.got == [b"seen"]
            assert protocol.wasMaxMessagePayloadSizeExceeded

    run(main())


@pytest.mark.parametrize("hook", ["onMessageBegin", "onMessageFrameData", "onMessageEnd", "onFrameEnd", "processData"])
def test_a_streaming_hook_brings_autobahn_back(module: Any, hook: str) -> None:
    """Whoever overrides a hook of the parser gets the parser."""
    base = module.WebSocketServerProtocol

    def wrapped(self: Any, *args: Any) -> Any:
        return getattr(base, hook)(self, *args)

    with_hook = type("Hooked", (base,), {hook: wrapped})
    assert module._class_facts(base)[0]
    assert not module._class_facts(with_hook)[0]


def test_both_directions_count_as_autobahn_does(module: Any, run: Runner[None]) -> None:
    """Traffic statistics are Autobahn's, attribute for attribute."""
    from autobahn.asyncio import websocket as plain

    async def main() -> None:
        chunks = [text(b"!echo a"), text(b"b" * 3000)[:1500], text(b"b" * 3000)[1500:]]
        ours = await play(module, "server", chunks, {})
        theirs = await play(plain, "server", chunks, {})
        assert ours.stats == theirs.stats
        assert ours.stats["incomingWebSocketMessages"] == 2

    run(main())


def test_bombs_of_one_read_take_turns(module: Any, run: Runner[None]) -> None:
    """A megabyte is a kilobyte on the wire: what inflates to more than that waits for the next turn, and comes all the same."""

    async def main() -> None:
        stream = zlib.compressobj(wbits=-15)
        packed = (stream.compress(bytes(400_000)) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
        async with Opened(
            module, perMessageCompressionAccept=lambda offers: PerMessageDeflateOfferAccept(offers[0])
        ) as end:
            arrive(end.protocol, deflated(packed) * 9, through_buffer=True)
            assert len(end.got) == 3
            await turns()
            assert [len(message) for message in end.got] == [400_000] * 9

    run(main())


def deflated(packed: bytes) -> bytes:
    """Build a client's compressed frame, masked with zeros."""
    return b"\xc2" + _lane_py.build_frame(2, packed, b"\0\0\0\0")[1:]


def test_what_was_read_and_not_looked_at_ends_with_the_connection(module: Any, run: Runner[None]) -> None:
    """A protocol lives on with its future `is_closed`; what came after a refusal, or during a pause, does not."""

    async def main() -> None:
        async with Opened(module, failByDrop=True) as refused, Opened(module) as paused:
            arrive(refused.protocol, b"\xff" * 100_000, through_buffer=False)
            paused.protocol.pauseReading()
            arrive(paused.protocol, text(b"a") * 10_000, through_buffer=False)
            paused.protocol.sendClose(1000)
        for end in (refused, paused):
            assert (len(end.protocol.data), end.protocol.lane_held, len(end.protocol._waiting)) == (0, 0, 0)

    run(main())


def test_a_class_made_for_one_connection_is_let_go(module: Any) -> None:
    """Programs define a class inside a function, for each call; what is known of it goes with it."""
    made = weakref.ref(type("Own", (module.WebSocketClientProtocol,), {}))
    owned = made()
    module._class_facts(owned)
    assert owned in module._facts_of
    del owned
    gc.collect()
    assert made() is None


def test_a_flood_of_close_frames_leaves_one_timer(
    module: Any, monkeypatch: pytest.MonkeyPatch, run: Runner[None]
) -> None:
    """A client waits for its server to end the connection once, from the first answer on, however many follow."""
    begun: list[asyncio.TimerHandle] = []
    waiting: list[int] = []

    def begin(delay_s: float, call: Any) -> asyncio.TimerHandle:
        begun.append(asyncio.get_running_loop().call_later(delay_s, call))
        return begun[-1]

    class Flooded(module.WebSocketClientProtocol):  # type: ignore[misc, name-defined]
        def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> None:
            super().onCloseFrame(code, reasonRaw)
            waiting.append(sum(not handle.cancelled() for handle in begun))

    monkeypatch.setattr("txaio.call_later", begin)
    flood = [b"\x88\x02\x03\xe8" * 5]
    run(play(module, "client", flood, {"serverConnectionDropTimeout": 60}, protocol_class=Flooded))
    assert waiting == [0, 1, 1, 1, 1]
    assert all(handle.cancelled() for handle in begun)


def test_keys_are_never_used_twice(module: Any) -> None:
    """Masking keys come from the system's generator and are spent once (RFC 6455 section 10.3)."""
    sent = []

    class Sender(module.WebSocketClientProtocol):  # type: ignore[misc, name-defined]
        pass

    async def main() -> None:
        factory = module.WebSocketClientFactory("ws://localhost:9000")
        factory.setProtocolOptions(openHandshakeTimeout=0)
        factory.protocol = Sender
        protocol = factory()
        transport = ListTransport()
        transport.protocol = protocol
        protocol.connection_made(transport)
        await turns()
        protocol.state = 3
        protocol.lane_is_open = True
        protocol.lane_refresh()
        transport.written.clear()
        for _ in range(3000):
            protocol.sendMessage(b"")
        await turns()
        stream = b"".join(transport.written)
        sent.extend(stream[i + 2 : i + 6] for i in range(0, len(stream), 6))
        transport.abort()
        await turns()

    asyncio.run(main())
    assert len(sent) == 3000
    assert len(set(sent)) > 2990


@pytest.mark.parametrize(("wish", "lane"), [("skip", "python"), ("require", "compiled"), ("", "compiled")])
def test_the_environment_chooses_the_lane(wish: str, lane: str) -> None:
    """WSEXAMPLE_LANE=skip and =require are obeyed at run time; a lane says its name."""
    if len(LANES) == 1 and lane == "compiled":
        wish, lane = "", "python"
    result = subprocess.run(
        [sys.executable, "-c", "from wsexample.wire.lane import LANE; print(LANE)"],
        env={**os.environ, "WSEXAMPLE_LANE": wish}, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert result.stdout.strip() == lane


def test_a_protocol_knows_its_role_from_us() -> None:
    """Autobahn's classes say since 26.10.2 only which end they are; who masks depends on it, so ours say so themselves."""
    said = [role.__dict__["is_server"] for role in (WebSocketClientProtocol, WebSocketServerProtocol)]
    assert said == [False, True]


class Bare:
    """A transport that a program's own test makes up: it keeps what is written and can nothing else."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.mark.parametrize("role", ["Client", "Server"])
def test_a_transport_that_a_test_made_up_is_written_to_and_read_from(
    module: types.ModuleType, role: str, run: Runner[None]
) -> None:
    """A state set by hand and a transport that cannot say whether it is closing are as good as they are to Autobahn."""

    async def main() -> None:
        factory = getattr(module, f"WebSocket{role}Factory")("ws://localhost:9000")
        factory.setProtocolOptions(openHandshakeTimeout=0)
        got: list[bytes] = []
        protocol = factory()
        protocol.onMessage = lambda payload, is_binary: got.append(payload)
        protocol.transport = Bare()
        protocol._connectionMade()
        protocol.state, protocol.websocket_version = protocol.STATE_OPEN, 13
        protocol.inside_message, protocol.current_frame = False, None
        key = b"\x01\x02\x03\x04" if role == "Server" else None
        protocol.data_received(_lane_py.build_frame(1, b"hello", key) + _lane_py.build_frame(9, b"?", key))
        assert got == [b"hello"]
        assert frames_of(protocol.transport.written) == [(0x8A, b"?")]

    run(main())


def test_a_mock_for_a_transport_is_not_one_that_is_closing(module: types.ModuleType, run: Runner[None]) -> None:
    """Whatever a Mock answers to `is_closing`, what the protocol has to say is written to it."""

    async def main() -> None:
        opened = Opened(module)
        opened.protocol.connection_made(transport := Mock())
        opened.protocol.state = opened.protocol.STATE_OPEN
        opened.protocol.sendPing(b"?")
        assert transport.write.call_args.args == (b"\x89\x01?",)
        opened.protocol.connection_lost(None)

    run(main())


def test_a_test_may_call_outside_of_its_loop(module: types.ModuleType) -> None:
    """What a program's own test hands over between two runs of its loop opens, sends and receives as with Autobahn."""
    loop, got = asyncio.new_event_loop(), []
    asyncio.set_event_loop(loop)

    async def on_message(payload: bytes, is_binary: bool) -> None:
        assert asyncio.get_running_loop() is loop
        got.append(payload)

    protocol, transport = Opened(module).protocol, Mock()
    protocol.onMessage = on_message
    protocol.connection_made(transport)
    protocol.data_received(OPENING)
    loop.run_until_complete(turns())
    protocol.sendMessage(b"a")
    protocol.sendMessage(b"b")
    protocol.data_received(text(b"c") * 100)
    loop.run_until_complete(turns())
    written = b"".join(call.args[0] for call in transport.write.call_args_list[1:])
    assert (got, frames_of(written)) == ([b"c"] * 100, [(0x81, b"a"), (0x81, b"b")])
    protocol.connection_lost(None)
    asyncio.set_event_loop(None)
    loop.close()


def test_a_flood_of_pongs_is_two_lines(module: types.ModuleType, run: Runner[None]) -> None:
    """Of pongs that answer no ping, each one is handed over, the first one is told, and at the end how many there were."""

    async def main() -> None:
        async with Opened(module) as opened:
            protocol, got = opened.protocol, []
            protocol.log = log = Mock()
            protocol.onPong = got.append
            protocol._sendAutoPing()
            pending = protocol.autoPingPending
            protocol.data_received(_lane_py.build_frame(10, b"x", b"\x01\x02\x03\x04") * 100)
            await turns(20)
            assert (got, protocol.autoPingPending) == ([b"x"] * 100, pending)
            assert log.warn.call_count == 1
            protocol.data_received(_lane_py.build_frame(10, pending, b"\x01\x02\x03\x04"))
            await turns()
            assert (got[-1], protocol.autoPingPending) == (pending, None)
        assert [call.kwargs for call in log.warn.call_args_list] == [{}, {"count": 100}]

    run(main())
