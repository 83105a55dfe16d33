"""A connection sends, receives, pings, closes and says how it ended; over both loops, plain and with TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.wire.conftest import Security, answering, echo, hold, pair, raw_peer, until
from wsexample.errors import ConnectionClosed, DeadlineError, OptionError, StateError
from wsexample.wire.connection import Connection, connect
from wsexample.wire.fragments import Fragment
from wsexample.wire.options import ServeOptions
from wsexample.wire.scripted import Drop, Expect, Script, accept, binary, close, ping, pong, text
from wsexample.wire.server import ServerConnection, serve

RunGrid = Callable[[Any], Any]


# -- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    ["", "hello", "日本語", "x" * 200_000, b"", b"\x00\xff", bytes(70_000)],
    ids=lambda m: f"{type(m).__name__}{len(m)}",
)
def test_messages_return_as_they_were(run_grid: RunGrid, security: Security, message: str | bytes) -> None:
    """Text comes back as str and binary as bytes, of every size."""

    async def scenario() -> str | bytes:
        async with pair(echo, security=security) as (_, ws):
            await ws.send(message)
            return await ws.receive(5)

    answer = run_grid(scenario())
    assert (type(answer), answer) == (type(message), message)


@pytest.mark.parametrize("message", [bytearray(b"ab"), memoryview(b"ab")])
def test_any_buffer_is_sent_as_binary(run: RunGrid, message: Any) -> None:
    """What is like bytes is sent like bytes."""

    async def scenario() -> str | bytes:
        async with pair(echo) as (_, ws):
            await ws.send(message)
            return await ws.receive(5)

    assert run(scenario()) == b"ab"


@pytest.mark.parametrize("message", [{"op": "subscribe"}, [1, 2], 3], ids=lambda m: type(m).__name__)
def test_what_is_no_message_is_refused_by_its_name(run: RunGrid, message: Any) -> None:
    """A dict is not JSON by itself and a number is not so many zeros: nothing is sent, and the connection goes on."""

    async def scenario() -> str | bytes:
        async with pair(echo) as (_, ws):
            for send in (ws.send, ws.send_text, lambda part: ws.send_fragments([part])):
                with pytest.raises(TypeError, match=f"str, or like bytes, not {type(message).__name__}"):
                    await send(message)
            await ws.send("hello")
            return await ws.receive(5)

    assert run(scenario()) == "hello"


@pytest.mark.parametrize(
    ("made", "name", "words"),
    [
        (lambda: connect("ws://127.0.0.1:1"), "send", "; write ws = await connect"),
        (lambda: serve(echo), "url", "; write server = await serve"),
        (lambda: connect("ws://127.0.0.1:1"), "sned", "$"),
    ],
)
def test_who_forgets_to_await_is_told_so(made: Callable[[], object], name: str, words: str) -> None:
    """What a connection or a server has, what leads to it has not; the sentence says how to get there."""
    with pytest.raises(AttributeError, match=f"has no '{name}' before it is awaited{words}"):
        getattr(made(), name)


def test_encoded_text_is_sent_as_text(run: RunGrid) -> None:
    """JSON that an encoder made as bytes needs no detour over str."""

    async def scenario() -> tuple[bytes, bool]:
        async with pair(echo) as (_, ws):
            await ws.send_text(b'{"a":1}')
            return await ws.receive_payload(5)

    assert run(scenario()) == (b'{"a":1}', False)


def test_order_is_kept(run_grid: RunGrid, security: Security) -> None:
    """Many messages of mixed size arrive in the order in which they were sent."""

    async def scenario() -> list[int]:
        async with pair(echo, security=security) as (_, ws):
            sizes = [(n * 7919) % 5000 for n in range(300)]
            sending = asyncio.ensure_future(_send_all(ws, sizes))
            received = [len(await ws.receive(5)) for _ in sizes]
            await sending
            return [a - b for a, b in zip(received, sizes, strict=True)]

    assert set(run_grid(scenario())) == {0}


async def _send_all(ws: Connection, sizes: list[int]) -> None:
    for size in sizes:
        await ws.send(bytes(size))


def test_a_message_beyond_the_own_limit_can_be_sent(run: RunGrid) -> None:
    """The limit is for what comes in; what goes out is the peer's to judge, compressed or not."""

    async def scenario(compression: bool) -> int:
        sizes: asyncio.Queue[int] = asyncio.Queue()

        async def count(ws: ServerConnection) -> None:
            sizes.put_nowait(len(await ws.receive()))

        server = {"options": ServeOptions(compression=compression)}
        async with pair(count, server=server, max_message_bytes=10, compression=compression) as (_, ws):
            await ws.send(bytes(5000))
            return await sizes.get()

    assert run(scenario(False)) == 5000
    assert run(scenario(True)) == 5000


def test_waiting_messages_can_be_taken_at_once(run: RunGrid) -> None:
    """What is there already is taken without waiting, with its times."""

    async def scenario() -> list[bytes]:
        script = Script([accept(), text("a") + binary(b"b") + text("c")])
        async with connect("ws://scripted/", opener=script) as ws:
            first = await ws.receive_stamped(5)
            assert ws.waiting == 2
            return [first[0], *(payload for payload, _, _ in ws.take_waiting())]

    assert run(scenario()) == [b"a", b"b", b"c"]


# -- receiving -------------------------------------------------------------------------------------------------------


def test_a_receive_that_takes_too_long_leaves_the_connection_usable(run_grid: RunGrid) -> None:
    """The deadline is the caller's matter, not the connection's."""

    async def scenario() -> str | bytes:
        async with pair(echo) as (_, ws):
            with pytest.raises(DeadlineError) as caught:
                await ws.receive(0.01)
            assert (caught.value.step, caught.value.timeout_s) == ("receive", 0.01)
            await ws.send("still here")
            return await ws.receive(5)

    assert run_grid(scenario()) == "still here"


def test_two_receivers_are_a_mistake(run: RunGrid) -> None:
    """The second one is told; the first still gets its message."""

    async def scenario() -> str | bytes:
        async with pair(echo) as (_, ws):
            first = asyncio.ensure_future(ws.receive(5))
            await asyncio.sleep(0)
            with pytest.raises(StateError, match="already waiting"):
                await ws.receive(5)
            await ws.send("for the first")
            return await first

    assert run(scenario()) == "for the first"


@pytest.mark.parametrize("code", [1000, 1001])
def test_iterating_ends_with_a_normal_close(run: RunGrid, code: int) -> None:
    """A loop over messages just ends when the peer is done."""

    async def scenario() -> list[str | bytes]:
        async with connect("ws://x/", opener=Script([accept(), text("a"), text("b"), close(code)])) as ws:
            return [message async for message in ws]

    assert run(scenario()) == ["a", "b"]


async def _take_all(ws: Connection, into: list[str | bytes]) -> None:
    async for message in ws:
        into.append(message)  # noqa: PERF401 - the iteration is what raises


@pytest.mark.parametrize("end", [close(1011, "oops"), close(4001, "oops"), Drop()])
def test_iterating_raises_on_any_other_end(run: RunGrid, end: Any) -> None:
    """An end that may have lost something is an error, after what came before it."""

    async def scenario() -> list[str | bytes]:
        received: list[str | bytes] = []
        async with connect("ws://x/", opener=Script([accept(), text("a"), end])) as ws:
            with pytest.raises(ConnectionClosed):
                await _take_all(ws, received)
        return received

    assert run(scenario()) == ["a"]


def test_a_slow_consumer_stops_the_sender(run_grid: RunGrid, security: Security) -> None:
    """Reading pauses at the bound, TCP fills up, and the sender's send() waits until the consumer goes on."""

    async def scenario() -> tuple[int, int]:
        sent = 0
        stuck = asyncio.Event()

        async def flood(ws: ServerConnection) -> None:
            nonlocal sent
            for _ in range(400):
                sending = asyncio.ensure_future(ws.send(bytes(100_000)))
                done, _ = await asyncio.wait({sending}, timeout=0.3)
                if not done:
                    stuck.set()
                    await sending
                sent += 1

        async with pair(flood, security=security, read_ahead_messages=5, ping_interval_s=0) as (_, ws):
            await stuck.wait()
            sent_when_stuck = sent
            assert ws.waiting < 100
            received = 0
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await ws.receive(10)
                    received += 1
            return sent_when_stuck, received

    stuck_at, received = run_grid(scenario())
    assert received == 400
    assert stuck_at < 400


# -- keeping alive ---------------------------------------------------------------------------------------------------


def test_a_ping_gives_the_round_trip_time(run_grid: RunGrid, security: Security) -> None:
    """The peer's pong ends the wait."""

    async def scenario() -> float:
        async with pair(hold, security=security) as (_, ws):
            rtt_s = await ws.ping(timeout_s=5)
            assert ws.latency_s == rtt_s
            assert ws.last_received_ns == ws.last_control_ns > 0
            return rtt_s

    assert 0 < run_grid(scenario()) < 5


def test_a_ping_without_an_answer_has_its_deadline(run: RunGrid) -> None:
    """No pong in time is an error that names the step; the connection stays."""

    async def scenario() -> str | bytes:
        server = {"options": ServeOptions(answer_pings=False)}
        async with pair(echo, server=server) as (_, ws):
            with pytest.raises(DeadlineError) as caught:
                await ws.ping(timeout_s=0.01)
            assert caught.value.step == "pong"
            await ws.send("x")
            return await ws.receive(5)

    assert run(scenario()) == "x"


def test_a_ping_ends_with_the_connection(run: RunGrid) -> None:
    """Whoever waits for a pong is told when the connection is lost."""

    async def scenario() -> ConnectionClosed:
        async with pair(hold, server={"options": ServeOptions(answer_pings=False)}) as (server, ws):
            pinging = asyncio.ensure_future(ws.ping(b"same", timeout_s=10))
            await asyncio.sleep(0)
            with pytest.raises(StateError, match="already on its way"):
                await ws.ping(b"same")
            next(iter(server.connections)).abort()
            with pytest.raises(ConnectionClosed) as caught:
                await pinging
            return caught.value

    assert run(scenario()).code == 1006


def test_a_peer_that_pings_and_does_not_read_is_answered_once(run: RunGrid) -> None:
    """While the write buffer is full answers are not piled up; the last ping's follows when there is room."""

    async def scenario() -> list[bytes]:
        pongs: asyncio.Queue[bytes] = asyncio.Queue()
        pings: asyncio.Queue[bytes] = asyncio.Queue()
        async with pair(hold, on_control=lambda _, payload: pongs.put_nowait(payload)) as (server, ws):
            other = next(iter(server.connections))
            other.on_control = lambda _, payload: pings.put_nowait(payload)
            other._link.pause_writing()
            for payload in (b"1", b"2", b"3"):
                await ws.send_frame(9, payload)
                await pings.get()
            other._link.resume_writing()
            await ws.send_frame(9, b"4")
            return [await pongs.get(), await pongs.get()]

    assert run(scenario()) == [b"3", b"4"]


def test_control_frames_can_be_watched(run: RunGrid) -> None:
    """Pings are answered and, like pongs, shown to who asks."""

    async def scenario() -> tuple[list[Any], list[Any]]:
        script = Script([accept(), Expect("ready"), ping(b"hi"), pong(b"p"), text("end")])
        seen: list[Any] = []
        async with connect("ws://x/", opener=script) as ws:
            ws.on_control = lambda opcode, payload: seen.append((opcode, payload))
            await ws.send("ready")
            await ws.receive(5)
            ws.pong(b"unasked")
            return seen, [(frame.opcode, frame.payload) for frame in script.frames if frame.opcode > 8]

    seen, sent = run(scenario())
    assert seen == [(9, b"hi"), (10, b"p")]
    assert sent == [(10, b"hi"), (10, b"unasked")]


def test_a_peer_that_falls_silent_is_given_up(run_grid: RunGrid) -> None:
    """Without a sign of life after a keep-alive ping the connection is lost, and says why."""

    async def scenario() -> ConnectionClosed:
        async with pair(
            hold, server={"options": ServeOptions(answer_pings=False)}, ping_interval_s=0.02, ping_timeout_s=0.02
        ) as (
            _,
            ws,
        ):
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(5)
            return caught.value

    error = run_grid(scenario())
    assert (error.code, error.by_peer) == (1006, False)
    assert "no pong within 0.02 s" in str(error)
    assert isinstance(error.__cause__, DeadlineError)


def test_keep_alive_pings_carry_what_was_asked(run: RunGrid) -> None:
    """The payload of keep-alive pings can be chosen, and their answers measure the latency."""

    async def scenario() -> tuple[bytes, float | None]:
        pinged: asyncio.Queue[bytes] = asyncio.Queue()

        async def watch(ws: ServerConnection) -> None:
            ws.on_control = lambda _, payload: pinged.put_nowait(payload)
            await ws.wait_closed()

        async with pair(watch, ping_interval_s=0.01, ping_payload=b"alive?") as (_, ws):
            payload = await pinged.get()
            await pinged.get()
            return payload, ws.latency_s

    payload, latency_s = run(scenario())
    assert payload == b"alive?"
    assert latency_s is not None


# -- fragments and frames --------------------------------------------------------------------------------------------


async def _slow_parts() -> AsyncIterator[str]:
    for part in ("日", "本", "語"):
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize(
    ("parts", "whole"),
    [(["a", "b", "c"], "abc"), ([b"a", b"b"], b"ab"), ([], b""), (["only"], "only"), (_slow_parts, "日本語")],
)
def test_fragments_arrive_as_one_message(run: RunGrid, parts: Any, whole: str | bytes) -> None:
    """Whatever the parts, the peer gets one message of the first part's kind."""

    async def scenario() -> str | bytes:
        async with pair(echo) as (_, ws):
            await ws.send_fragments(parts() if callable(parts) else parts)
            return await ws.receive(5)

    assert run(scenario()) == whole


def test_other_messages_wait_for_the_last_fragment(run: RunGrid) -> None:
    """RFC 6455 section 5.4 forbids a message inside a message; send() waits and send_nowait() says so."""

    async def scenario() -> list[str | bytes]:
        go_on = asyncio.Event()

        async def parts() -> AsyncIterator[str]:
            yield "first, "
            yield "second, "
            await go_on.wait()
            yield "last"

        async with pair(echo) as (_, ws):
            fragments = asyncio.ensure_future(ws.send_fragments(parts()))
            await until(lambda: ws._fragmenting is not None)
            with pytest.raises(StateError, match="in fragments"):
                ws.send_nowait("too early")
            other = asyncio.ensure_future(ws.send("after"))
            go_on.set()
            await asyncio.gather(fragments, other)
            return [await ws.receive(5), await ws.receive(5)]

    assert run(scenario()) == ["first, second, last", "after"]


def test_a_message_that_cannot_be_finished_ends_the_connection(run: RunGrid) -> None:
    """Parts that fail in the middle leave nothing that the peer could take for a message."""

    async def scenario() -> int | None:
        async def parts() -> AsyncIterator[str]:
            yield "a"
            yield "b"
            raise ZeroDivisionError

        async with pair(echo) as (_, ws):
            with pytest.raises(ZeroDivisionError):
                await ws.send_fragments(parts())
            await ws.wait_closed()
            return ws.close_code

    assert run(scenario()) == 1011


@pytest.mark.parametrize(("parts", "codes"), [(["a", "b"], [1011]), (["a"], [])])
def test_a_cancelled_wait_leaves_no_half_message(run: RunGrid, parts: list[str], codes: list[int]) -> None:
    """Who is cancelled while the write buffer is full leaves a whole message behind, or the end of the connection."""

    async def scenario() -> list[int]:
        script = Script([accept()])
        ws = await connect("ws://x/", opener=script, ping_interval_s=0)
        ws.writing_paused()
        sending = asyncio.ensure_future(ws.send_fragments(parts))
        await until(lambda: script.frames)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        told = [int.from_bytes(frame.payload[:2], "big") for frame in script.frames if frame.opcode == 8]
        ws.abort()
        await ws.wait_closed()
        return told

    assert run(scenario()) == codes


def test_nobody_waits_for_fragments_of_a_connection_that_is_over(run: RunGrid) -> None:
    """Other messages wait for the end of one in fragments no longer than the connection lasts."""

    async def scenario() -> int:
        go_on = asyncio.Event()

        async def parts() -> AsyncIterator[str]:
            yield "a"
            yield "b"
            await go_on.wait()

        script = Script([accept()])
        ws = await connect("ws://x/", opener=script, ping_interval_s=0)
        fragments = asyncio.ensure_future(ws.send_fragments(parts()))
        await until(lambda: script.frames)
        waiting = [asyncio.ensure_future(ws.send("x")), asyncio.ensure_future(ws.send_fragments(["x"]))]
        await asyncio.sleep(0)
        ws.abort()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        go_on.set()
        await asyncio.gather(fragments, return_exceptions=True)
        return sum(isinstance(outcome, ConnectionClosed) for outcome in outcomes)

    assert run(scenario()) == 2


def test_a_callback_that_fails_costs_neither_connection_nor_pong(
    run: RunGrid, caplog: pytest.LogCaptureFixture
) -> None:
    """What ``on_control`` raises is logged; the ping is answered and the connection goes on."""

    def fail(opcode: int, payload: bytes) -> None:
        raise ZeroDivisionError

    async def scenario() -> list[int]:
        script = Script([accept(), ping(b"a"), pong(b"b"), text("after")])
        async with connect("ws://x/", opener=script, ping_interval_s=0, on_control=fail) as ws:
            await ws.receive(5)
            return [frame.opcode for frame in script.frames]

    assert run(scenario()) == [10]
    assert caplog.text.count("on_control failed") == 2


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_every_registered_close_code_is_taken_and_answered(run: RunGrid, code: int) -> None:
    """What may be sent may also come (RFC 6455 section 7.4, with IANA's registry), and is sent back."""

    async def scenario() -> tuple[int | None, bool, bytes]:
        script = Script([accept(), close(code)])
        ws = await connect("ws://x/", opener=script, ping_interval_s=0, close_timeout_s=0.01)
        await ws.wait_closed()
        return ws.close_code, ws.was_clean, script.frames[-1].payload

    assert run(scenario()) == (code, True, code.to_bytes(2, "big"))


def test_fragments_are_delivered_one_by_one_if_asked(run_grid: RunGrid) -> None:
    """Each with its opcode and whether it is the last; whole messages are fragments too."""

    async def scenario() -> list[Fragment]:
        async def send(ws: ServerConnection) -> None:
            await ws.send_fragments(["a", "b", "c"])
            await ws.send(b"whole")

        async with pair(send, deliver_fragments=True) as (_, ws):
            return [await ws.receive_fragment(5) for _ in range(4)]

    fragments = run_grid(scenario())
    assert fragments == [b"a", b"b", b"c", b"whole"]
    assert [(f.opcode, f.is_last) for f in fragments] == [(1, False), (0, False), (0, True), (2, True)]


def test_who_did_not_ask_for_fragments_gets_none(run: RunGrid) -> None:
    """receive_fragment() without the option says which option is missing."""

    async def scenario() -> None:
        async with connect("ws://x/", opener=Script([accept(), text("a")])) as ws:
            with pytest.raises(StateError, match="deliver_fragments"):
                await ws.receive_fragment(5)

    run(scenario())


@pytest.mark.parametrize(
    ("opcode", "fin", "rsv"), [(1, True, 0), (2, False, 0), (3, True, 0), (9, True, 0), (1, True, 4)]
)
def test_any_frame_can_be_sent(run: RunGrid, opcode: int, fin: bool, rsv: int) -> None:
    """Opcode, FIN and the reserved bits go on the wire as they were given."""

    async def scenario() -> tuple[int, bytes]:
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accept().response(head))
            first.set_result(await reader.readexactly(8))

        async with raw_peer(play) as url, connect(url) as ws:
            await ws.send_frame(opcode, b"ab", fin=fin, rsv=rsv)
            frame = await first
            ws.abort()
            return frame[0], bytes(a ^ b for a, b in zip(frame[6:8], frame[2:4], strict=True))

    assert run(scenario()) == ((0x80 if fin else 0) | rsv << 4 | opcode, b"ab")


def test_a_frame_that_does_not_exist_is_refused(run: RunGrid) -> None:
    """An opcode has four bits."""

    async def scenario() -> None:
        async with pair(hold) as (_, ws):
            with pytest.raises(OptionError):
                await ws.send_frame(16)

    run(scenario())


def test_the_masking_key_can_be_chosen(run: RunGrid) -> None:
    """A key of zeros leaves the payload readable on the wire, for every kind of frame."""

    async def scenario() -> bytes:
        seen: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accept().response(head))
            seen.set_result(await reader.readexactly(8 + 8))

        async with raw_peer(play) as url, connect(url, mask_key=lambda: bytes(4)) as ws:
            await ws.send("hi")
            ws.pong(b"yo")
            data = await seen
            ws.abort()
            return data

    assert run(scenario()) == b"\x81\x82\0\0\0\0hi" + b"\x8a\x82\0\0\0\0yo"


# -- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1000, "done"), (3000, "日本"), (4999, "x" * 123), (1011, "oops")]
)
def test_our_close_reaches_the_peer(run_grid: RunGrid, security: Security, code: int, reason: str) -> None:
    """Code and reason arrive, and both sides know that it was clean and who began."""

    async def scenario() -> tuple[Connection, ServerConnection]:
        async with pair(hold, security=security) as (server, ws):
            other = next(iter(server.connections))
            await ws.close(code, reason)
            await other.wait_closed()
            return ws, other

    ours, theirs = run_grid(scenario())
    assert (theirs.close_code, theirs.close_reason, theirs.was_clean, theirs.closed_by_peer) == (
        code,
        reason,
        True,
        True,
    )
    assert (ours.close_code, ours.close_reason, ours.was_clean, ours.closed_by_peer) == (code, reason, True, False)


@pytest.mark.parametrize(("frame", "code", "reason"), [(close(4001, "why"), 4001, "why"), (close(None), 1005, "")])
def test_the_peers_close_is_told(run: RunGrid, frame: bytes, code: int, reason: str) -> None:
    """Who waits for a message learns code and reason, and that the peer began."""

    async def scenario() -> ConnectionClosed:
        async with connect("ws://x/", opener=Script([accept(), frame])) as ws:
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(5)
            return caught.value

    error = run(scenario())
    assert (error.code, error.reason, error.was_clean, error.by_peer) == (code, reason, True, True)


def test_sending_after_the_end_says_how_it_ended(run_grid: RunGrid) -> None:
    """From the peer's close frame on, sending raises what receiving raises, never something else."""

    async def scenario() -> list[int]:
        async def leave(ws: ServerConnection) -> None:
            await ws.close(4002, "bye")

        async with pair(leave) as (_, ws):
            codes = []
            while True:
                try:
                    await ws.send("x")
                    await asyncio.sleep(0)
                except ConnectionClosed as error:
                    codes.append(error.code)
                    break
            for call in (ws.send("x"), ws.ping(), ws.receive(), ws.send_frame(1), ws.send_fragments(["x"])):
                with pytest.raises(ConnectionClosed) as caught:
                    await call
                codes.append(caught.value.code)
            with pytest.raises(ConnectionClosed):
                ws.pong()
            return codes

    assert run_grid(scenario()) == [4002] * 6


@pytest.mark.parametrize("drop", [Drop(), Drop(ConnectionResetError("reset"))])
def test_a_lost_connection_has_1006(run: RunGrid, drop: Drop) -> None:
    """Without a close frame the code is 1006, not clean, and the socket's error is the cause."""

    async def scenario() -> tuple[ConnectionClosed, Connection]:
        async with connect("ws://x/", opener=Script([accept(), drop])) as ws:
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(5)
            return caught.value, ws

    error, ws = run(scenario())
    assert (error.code, error.was_clean, error.by_peer, ws.was_clean) == (1006, False, True, False)
    assert error.__cause__ is drop.error


def test_a_message_that_is_too_large_ends_the_connection(run_grid: RunGrid) -> None:
    """The peer is told 1009, and so is the consumer, with the limit in words."""

    async def scenario() -> tuple[ConnectionClosed, int | None]:
        peers: list[ServerConnection] = []

        async def send(ws: ServerConnection) -> None:
            peers.append(ws)
            await ws.send(bytes(2000))
            await ws.wait_closed()

        async with pair(send, max_message_bytes=1000) as (_, ws):
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(5)
            await peers[0].wait_closed()
            return caught.value, peers[0].close_code

    error, code = run_grid(scenario())
    assert (error.code, code) == (1009, 1009)
    assert "1000" in error.reason


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x81\x02\xff\xff", 1007),
        (b"\xc1\x01a", 1002),
        (b"\x83\x01a", 1002),
        (b"\x00\x01a", 1002),
        (b"\x01\x01a\x01\x01b", 1002),
        (b"\x89\x7e\x00\x7e" + bytes(126), 1002),
        (b"\x09\x00", 1002),
        (b"\x81\x81abcde", 1002),
        (b"\x88\x01\x03", 1002),
        (b"\x88\x02\x03\xed", 1002),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_told_so(run: RunGrid, frames: bytes, code: int) -> None:
    """Bad text, reserved bits and opcodes, wrong fragments, long control frames, masks and close codes (RFC 6455)."""

    async def scenario() -> tuple[int, int]:
        script = Script([accept(), frames])
        async with connect("ws://x/", opener=script, close_timeout_s=0.1) as ws:
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(5)
            sent = next(frame.payload for frame in script.frames if frame.opcode == 8)
            return caught.value.code, int.from_bytes(sent[:2], "big")

    assert run(scenario()) == (code, code)


def test_text_need_not_be_utf8_if_so_wished(run: RunGrid) -> None:
    """Without validation what is not UTF-8 is replaced in a str and kept in the payload."""

    async def scenario() -> tuple[str | bytes, bytes]:
        script = Script([accept(), b"\x81\x02a\xff", b"\x81\x02a\xff"])
        async with connect("ws://x/", opener=script, validate_utf8=False) as ws:
            return await ws.receive(5), (await ws.receive_payload(5))[0]

    assert run(scenario()) == ("a\ufffd", b"a\xff")


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_a_code_that_may_not_be_sent_is_refused(run: RunGrid, code: int) -> None:
    """Reserved codes stay reserved; the connection stays open."""

    async def scenario() -> bool:
        async with pair(hold) as (_, ws):
            with pytest.raises(OptionError):
                await ws.close(code)
            with pytest.raises(OptionError, match="123 bytes"):
                await ws.close(1000, "x" * 124)
            return ws.is_open

    assert run(scenario()) is True


def test_closing_twice_is_harmless(run: RunGrid) -> None:
    """The second close waits for the first and changes nothing."""

    async def scenario() -> int | None:
        async with pair(hold) as (_, ws):
            await asyncio.gather(ws.close(4000), ws.close(4001), ws.wait_closed())
            await ws.close(4002)
            return ws.close_code

    assert run(scenario()) == 4000


def _mute(answer: bytes) -> Any:
    """Open the WebSocket, send some bytes, then neither answer nor end."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(accept().response(head) + answer)
        while await reader.read(65536):
            pass

    return raw_peer(play)


def test_a_peer_that_does_not_answer_a_close_is_cut_off(run_grid: RunGrid) -> None:
    """Closing ends within its deadline, and says that it was not clean."""

    async def scenario() -> Connection:
        async with _mute(b"") as url:
            ws = await connect(url, close_timeout_s=0.05)
            await ws.close(4000, "bye")
            return ws

    ws = run_grid(scenario())
    assert (ws.was_clean, ws.closed_by_peer) == (False, False)


def test_a_peer_that_closes_but_keeps_the_socket_is_cut_off(run_grid: RunGrid) -> None:
    """A close frame without an end of TCP does not hold a consumer for ever, and keeps its code."""

    async def scenario() -> ConnectionClosed:
        async with _mute(close(4003, "going")) as url:
            ws = await connect(url, close_timeout_s=0.05)
            with pytest.raises(ConnectionClosed) as caught:
                await ws.receive(10)
            return caught.value

    error = run_grid(scenario())
    assert (error.code, error.reason, error.by_peer) == (4003, "going", True)


def test_closing_gets_through_to_a_peer_that_floods(run_grid: RunGrid) -> None:
    """A consumer that is behind can still close: what it will not take does not stand in the way."""

    async def scenario() -> tuple[bool, int]:
        async def flood(ws: ServerConnection) -> None:
            while True:
                await ws.send(bytes(1000))

        async with pair(flood, read_ahead_messages=3) as (_, ws):
            await until(lambda: ws.waiting >= 3)
            await ws.close()
            return ws.was_clean, ws.waiting

    was_clean, waiting = run_grid(scenario())
    assert was_clean
    assert waiting <= 6


def test_messages_before_the_end_can_still_be_received(run: RunGrid) -> None:
    """What came before the close frame is not lost by being slow."""

    async def scenario() -> list[str | bytes]:
        async with connect("ws://x/", opener=Script([accept(), text("a") + text("b") + close(1000)])) as ws:
            await ws.wait_closed()
            return [message async for message in ws]

    assert run(scenario()) == ["a", "b"]


@pytest.mark.parametrize(("error", "code"), [(None, 1000), (ValueError, 1011)])
def test_leaving_the_block_closes(run: RunGrid, error: type[Exception] | None, code: int) -> None:
    """Normally with 1000; with 1011 when the block failed, whose error is the caller's own."""

    async def scenario() -> int | None:
        with contextlib.suppress(ValueError):
            async with pair(hold) as (_, ws):
                if error is not None:
                    raise error
        return ws.close_code

    assert run(scenario()) == code


@pytest.mark.parametrize("cut", ["abort", "reset"])
def test_cutting_needs_no_handshake(run_grid: RunGrid, cut: str) -> None:
    """abort() and reset() end the connection at once."""

    async def scenario() -> tuple[int | None, int | None]:
        async with pair(hold) as (server, ws):
            other = next(iter(server.connections))
            getattr(ws, cut)()
            await ws.wait_closed()
            await other.wait_closed()
            return ws.close_code, other.close_code

    assert run_grid(scenario()) == (1006, 1006)


def test_a_lost_connection_wakes_a_blocked_sender(run_grid: RunGrid) -> None:
    """send() that waits for a peer who does not read ends when the connection does."""

    async def scenario() -> ConnectionClosed:
        async with _mute(b"") as url:
            ws = await connect(url)
            sending = asyncio.ensure_future(_send_for_ever(ws))
            await until(lambda: ws.write_buffer_bytes)
            ws.abort()
            with pytest.raises(ConnectionClosed) as caught:
                await sending
            return caught.value

    assert run_grid(scenario()).code == 1006


async def _send_for_ever(ws: Connection) -> None:
    while True:
        await ws.send(bytes(1_000_000))


def test_the_state_can_be_printed(run: RunGrid) -> None:
    """The repr tells peer, state and how much came."""

    async def scenario() -> list[str]:
        async with connect("ws://x:5/", opener=Script([accept(), text("a")])) as ws:
            await ws.receive(5)
            before = repr(ws)
        return [before, repr(ws)]

    assert run(scenario()) == [
        "<Connection x:5 open, 1 received, 0 waiting>",
        "<Connection x:5 closed 1000, 1 received, 0 waiting>",
    ]


def test_an_unanswered_upgrade_is_an_error_of_connect(run: RunGrid) -> None:
    """connect() as a block raises before the block begins."""

    async def scenario() -> None:
        async with answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as url:
            with pytest.raises(Exception, match="403"):
                async with connect(url):
                    pytest.fail("the block must not begin")

    run(scenario())
