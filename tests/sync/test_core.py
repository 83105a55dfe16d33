"""`WebSocket` and `create_connection` keep websocket-client's contract; the same tests hold for websocket-client itself."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from typing import Any

import pytest

from tests.sync.peer import Conn, echo, frame_bytes, peer, run_in_thread, saying


def connected(module: Any, server: Any, **options: Any) -> Any:
    return module.create_connection(server.url, timeout=10, **options)


# -- sending and receiving -------------------------------------------------------------------------------------------


def test_a_message_comes_back(websocket: Any) -> None:
    """connect, send, recv and close as in the first example of its documentation; send returns the frame's length."""
    with peer() as server:
        ws = websocket.WebSocket()
        assert ws.connect(server.url) is None
        assert ws.send("Hello") == 11
        assert ws.recv() == "Hello"
        assert ws.connected
        ws.close()
        assert not ws.connected
        assert ws.sock is None


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 1_000_000])
def test_messages_of_every_length_class(websocket: Any, size: int) -> None:
    """Text comes back as str, binary as bytes, whatever the header's length field."""
    with peer() as server, contextlib.closing(connected(websocket, server)) as ws:
        ws.send("x" * size)
        assert ws.recv() == "x" * size
        ws.send_binary(bytes(size))
        assert ws.recv() == bytes(size)


@pytest.mark.parametrize(
    ("method", "argument", "opcode", "payload"),
    [
        ("send", "hé", 1, "hé".encode()),
        ("send", b"text as bytes", 1, b"text as bytes"),
        ("send_text", "hé", 1, "hé".encode()),
        ("send_bytes", b"\0", 2, b"\0"),
        ("send_bytes", bytearray(b"\1"), 2, b"\1"),
        ("send_binary", memoryview(b"\2"), 2, b"\2"),
        ("ping", "p", 9, b"p"),
        ("ping", b"q", 9, b"q"),
        ("pong", "", 10, b""),
    ],
)
def test_each_way_to_send(websocket: Any, method: str, argument: Any, opcode: int, payload: bytes) -> None:
    """Every sending method uses its opcode and encoding."""

    def script(conn: Conn) -> tuple[int, bytes]:
        conn.shake_hands()
        return conn.read()

    with peer(script) as server, contextlib.closing(connected(websocket, server)) as ws:
        getattr(ws, method)(argument)
        assert server.result() == (opcode, payload)


def test_fragments_are_sent_frame_by_frame(websocket: Any) -> None:
    """send_frame sends TEXT without FIN, CONT without FIN and CONT with FIN as they are."""
    abnf = websocket.ABNF
    frames = [
        abnf.create_frame("a", abnf.OPCODE_TEXT, 0),
        abnf.create_frame("b", abnf.OPCODE_CONT, 0),
        abnf.create_frame("c", abnf.OPCODE_CONT, 1),
    ]

    def script(conn: Conn) -> list[tuple[int, bytes]]:
        conn.shake_hands()
        wholes = [conn.read_whole() for _ in range(3)]
        return [(whole[0], payload) for _, payload, whole in wholes]

    with peer(script) as server, contextlib.closing(connected(websocket, server)) as ws:
        assert [ws.send_frame(frame) for frame in frames] == [7, 7, 7]
        assert server.result() == [(0x01, b"a"), (0x00, b"b"), (0x80, b"c")]


def test_unsendable_payloads_are_refused(websocket: Any) -> None:
    """A number is no message."""
    with peer() as server, contextlib.closing(connected(websocket, server)) as ws:
        for wrong in (7, 1.5):
            with pytest.raises(TypeError):
                ws.send(wrong)


FRAMES = (
    frame_bytes(9, b"ping"),
    frame_bytes(1, b"one"),
    frame_bytes(10, b"pong"),
    frame_bytes(1, b"a", 0),
    frame_bytes(9, b"between"),
    frame_bytes(0, b"b", 0),
    frame_bytes(0, b"c"),
    frame_bytes(2, b"\0\1"),
    frame_bytes(8, struct.pack("!H", 1000) + b"bye"),
)
CLOSE = struct.pack("!H", 1000) + b"bye"


def test_recv_skips_control_frames_and_joins_fragments(websocket: Any) -> None:
    """recv returns messages, and "" for the close frame; pings and the close are answered on the way."""
    with peer(saying(*FRAMES)) as server:
        ws = connected(websocket, server)
        assert [ws.recv() for _ in range(4)] == ["one", "abc", b"\0\1", ""]
        assert not ws.connected
        ws.shutdown()
        assert server.result() == [(10, b"ping"), (10, b"between"), (8, struct.pack("!H", 1000))]


def test_recv_data_returns_opcodes_and_bytes(websocket: Any) -> None:
    """recv_data returns bytes always, and the close frame's payload."""
    with peer(saying(*FRAMES)) as server:
        ws = connected(websocket, server)
        assert [ws.recv_data() for _ in range(4)] == [(1, b"one"), (1, b"abc"), (2, b"\0\1"), (8, CLOSE)]
        ws.shutdown()


def test_recv_data_with_control_frames(websocket: Any) -> None:
    """With control_frame=True pings and pongs are returned in their places, and pings are answered all the same."""
    with peer(saying(*FRAMES)) as server:
        ws = connected(websocket, server)
        assert [ws.recv_data(True) for _ in range(7)] == [
            (9, b"ping"),
            (1, b"one"),
            (10, b"pong"),
            (9, b"between"),
            (1, b"abc"),
            (2, b"\0\1"),
            (8, CLOSE),
        ]
        ws.shutdown()
        assert [opcode for opcode, _ in server.result()] == [10, 10, 8]


def test_recv_frame_is_raw(websocket: Any) -> None:
    """recv_frame returns every frame by itself and answers none."""
    with peer(saying(*FRAMES)) as server:
        ws = connected(websocket, server)
        frames = [ws.recv_frame() for _ in FRAMES]
        assert [(f.fin, f.opcode, f.data) for f in frames] == [
            (1, 9, b"ping"),
            (1, 1, b"one"),
            (1, 10, b"pong"),
            (0, 1, b"a"),
            (1, 9, b"between"),
            (0, 0, b"b"),
            (1, 0, b"c"),
            (1, 2, b"\0\1"),
            (1, 8, CLOSE),
        ]
        assert str(frames[1]) == "fin=1 opcode=1 data=b'one'"
        ws.shutdown()
        assert server.result() == []


def test_recv_data_frame_returns_the_frame(websocket: Any) -> None:
    """recv_data_frame returns an ABNF with the whole message's data."""
    with peer(saying(*FRAMES)) as server:
        ws = connected(websocket, server)
        ws.recv()
        opcode, frame = ws.recv_data_frame()
        assert isinstance(frame, websocket.ABNF)
        assert (opcode, frame.data) == (1, b"abc")
        ws.shutdown()


def test_fire_cont_frame_delivers_each_fragment(websocket: Any) -> None:
    """The first fragment has the message's opcode, the others 0; recv returns "" for those."""
    with peer(saying(*FRAMES[3:])) as server:
        ws = connected(websocket, server, fire_cont_frame=True)
        assert [ws.recv_data() for _ in range(3)] == [(1, b"a"), (0, b"b"), (0, b"c")]
        ws.shutdown()
    with peer(saying(*FRAMES[3:])) as server:
        ws = connected(websocket, server, fire_cont_frame=True)
        assert [ws.recv() for _ in range(4)] == ["a", "", "", b"\0\1"]
        ws.shutdown()


def test_masked_frames_of_a_server_are_read(websocket: Any) -> None:
    """Received frames may be masked or not."""
    with peer(saying(frame_bytes(1, b"masked", key=b"abcd"), frame_bytes(1, b"plain"))) as server:
        ws = connected(websocket, server)
        assert [ws.recv(), ws.recv()] == ["masked", "plain"]
        ws.shutdown()


def test_messages_that_came_with_the_handshake_are_received(websocket: Any) -> None:
    """A server may speak in the same packet as its answer."""
    with peer(saying(frame_bytes(1, b"x" * 70_000), frame_bytes(1, b"y"))) as server:
        ws = connected(websocket, server)
        assert [len(ws.recv()), ws.recv()] == [70_000, "y"]
        ws.shutdown()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (frame_bytes(1, b"x", rsv=4), "WebSocketProtocolException"),
        (frame_bytes(3), "WebSocketProtocolException"),
        (frame_bytes(9, b"", 0), "WebSocketProtocolException"),
        (frame_bytes(8, b"x"), "WebSocketProtocolException"),
        (frame_bytes(8, struct.pack("!H", 1005)), "WebSocketProtocolException"),
        (frame_bytes(8, struct.pack("!H", 1000) + b"\xff"), "WebSocketProtocolException"),
        (frame_bytes(0, b"x"), "WebSocketProtocolException"),
        (frame_bytes(1, b"x", 0) + frame_bytes(1, b"y"), "WebSocketProtocolException"),
        (frame_bytes(9, b"x" * 126), "WebSocketProtocolException"),
        (frame_bytes(1, b"\xff"), "WebSocketPayloadException"),
        (frame_bytes(1, b"\xe2\x82", 0) + frame_bytes(0, b"x"), "WebSocketPayloadException"),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_an_exception(websocket: Any, data: bytes, name: str) -> None:
    """Each violation raises its class; what came before it is delivered."""
    with peer(saying(frame_bytes(1, b"before"), data)) as server:
        ws = connected(websocket, server)
        assert ws.recv() == "before"
        with pytest.raises(getattr(websocket, name)):
            ws.recv()
        ws.shutdown()


def test_text_is_not_checked_when_that_is_not_wanted(websocket: Any) -> None:
    """With skip_utf8_validation recv_data hands over any bytes, and recv raises UnicodeDecodeError for bad ones."""
    with peer(saying(frame_bytes(1, b"\xff"), frame_bytes(1, b"\xfe"))) as server:
        ws = connected(websocket, server, skip_utf8_validation=True)
        assert ws.recv_data() == (1, b"\xff")
        with pytest.raises(UnicodeDecodeError):
            ws.recv()
        ws.shutdown()


# -- timeouts --------------------------------------------------------------------------------------------------------


def test_a_timeout_leaves_the_connection_usable_and_keeps_a_partial_frame(websocket: Any) -> None:
    """After a timeout in the middle of a frame the next call goes on where it was."""
    whole = frame_bytes(1, b"in two parts")

    def script(conn: Conn) -> None:
        conn.shake_hands(extra=whole[:5])
        conn.read()
        conn.raw(whole[5:])
        conn.linger()

    with peer(script) as server:
        ws = connected(websocket, server)
        ws.settimeout(0.05)
        assert (ws.gettimeout(), ws.timeout, ws.sock.gettimeout()) == (0.05, 0.05, 0.05)
        with pytest.raises(websocket.WebSocketTimeoutException, match="timed out"):
            ws.recv()
        ws.settimeout(10)
        ws.send("go on")
        assert ws.recv() == "in two parts"
        ws.shutdown()


def test_a_timeout_of_zero_does_not_wait(websocket: Any) -> None:
    """With timeout 0 a recv that would wait raises BlockingIOError."""
    with peer() as server:
        ws = connected(websocket, server)
        ws.settimeout(0)
        with pytest.raises(BlockingIOError):
            ws.recv()
        ws.settimeout(10)
        ws.send("x")
        assert ws.recv() == "x"
        ws.shutdown()


def test_the_default_timeout_is_used_by_create_connection_only(websocket: Any) -> None:
    """setdefaulttimeout counts for create_connection without a timeout, not for WebSocket().connect."""
    assert websocket.getdefaulttimeout() is None
    websocket.setdefaulttimeout(7)
    with peer() as server:
        ws = websocket.create_connection(server.url)
        assert ws.gettimeout() == 7
        ws.close()
        ws = websocket.WebSocket()
        ws.connect(server.url)
        assert ws.gettimeout() is None
        ws.close()


def test_no_answer_to_the_handshake_is_a_timeout(websocket: Any) -> None:
    """A server that takes the connection and says nothing makes connect raise WebSocketTimeoutException."""
    with peer(lambda conn: conn.linger()) as server:
        ws = websocket.WebSocket()
        with pytest.raises(websocket.WebSocketTimeoutException, match="timed out"):
            ws.connect(server.url, timeout=0.1)
        assert ws.sock is None
        assert not ws.connected


# -- closing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "payload"),
    [
        ({}, struct.pack("!H", 1000)),
        ({"status": 1002}, struct.pack("!H", 1002)),
        ({"status": 4001, "reason": b"why"}, struct.pack("!H", 4001) + b"why"),
        ({"status": 4001, "reason": "warum – 日"}, struct.pack("!H", 4001) + "warum – 日".encode()),
    ],
)
def test_close_says_why(websocket: Any, arguments: dict[str, Any], payload: bytes) -> None:
    """The close frame carries code and reason, and the peer's answer is kept in close_frame."""

    def script(conn: Conn) -> tuple[int, bytes]:
        conn.shake_hands()
        found = conn.read()
        conn.close_frame(4002, "answer")
        return found

    with peer(script) as server:
        ws = connected(websocket, server)
        assert ws.close(**arguments) is None
        assert server.result() == (8, payload)
        assert ws.close_frame.data == struct.pack("!H", 4002) + b"answer"
        ws.close()  # once more does nothing


@pytest.mark.parametrize("status", [-1, 65536])
def test_close_codes_that_do_not_fit_are_refused(websocket: Any, status: int) -> None:
    """A code is a number of two bytes."""
    with peer() as server, contextlib.closing(connected(websocket, server)) as ws:
        with pytest.raises(ValueError, match="range"):
            ws.close(status=status)
        with pytest.raises(ValueError, match="range"):
            ws.send_close(status=status)


def test_close_discards_what_comes_before_the_answer(websocket: Any) -> None:
    """Messages on their way are read and dropped until the close frame is there."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.read()
        for _ in range(50):
            conn.send(1, b"too late")
        conn.close_frame(1000)
        conn.linger()

    with peer(script) as server:
        ws = connected(websocket, server)
        ws.close(timeout=10)
        assert ws.close_frame is not None


def test_close_gives_up_a_peer_that_does_not_answer(websocket: Any) -> None:
    """After its timeout close returns and the socket is gone."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.linger()

    with peer(script) as server:
        ws = connected(websocket, server)
        ws.close(timeout=0.1)
        assert ws.sock is None
        assert ws.close_frame is None


def test_send_close_does_not_wait(websocket: Any) -> None:
    """send_close sends, and the connection counts as not connected; what the peer answers can be received."""

    def script(conn: Conn) -> tuple[int, bytes]:
        conn.shake_hands()
        found = conn.read()
        conn.send(1, b"last words")
        conn.close_frame(1001)
        conn.linger()
        return found

    with peer(script) as server:
        ws = connected(websocket, server)
        ws.send_close(1001, b"leaving")
        assert not ws.connected
        assert ws.recv() == "last words"
        assert ws.recv_data() == (8, struct.pack("!H", 1001))
        ws.shutdown()
        assert server.result() == (8, struct.pack("!H", 1001) + b"leaving")


def test_a_lost_connection_is_an_exception(websocket: Any) -> None:
    """EOF raises WebSocketConnectionClosedException, and the next call again."""

    def script(conn: Conn) -> None:
        conn.shake_hands(extra=frame_bytes(1, b"last"))

    with peer(script) as server:
        ws = connected(websocket, server)
        assert ws.recv() == "last"
        for _ in range(2):
            with pytest.raises(websocket.WebSocketConnectionClosedException):
                ws.recv()
        assert not ws.connected
        assert ws.sock is None
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            ws.send("x")


def test_a_reset_is_an_exception_that_is_a_connection_reset(websocket: Any) -> None:
    """A TCP reset can be caught as ConnectionResetError."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.read()
        conn.reset()

    with peer(script) as server:
        ws = connected(websocket, server)
        ws.send("x")
        with pytest.raises(ConnectionResetError):
            ws.recv()
        ws.shutdown()


def test_a_never_connected_object_is_closed(websocket: Any) -> None:
    """Every call on it says so, and closing it is harmless."""
    ws = websocket.WebSocket()
    for call in (lambda: ws.send("x"), ws.recv, ws.recv_frame, ws.ping):
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            call()
    with pytest.raises(websocket.WebSocketException):
        ws.fileno()
    ws.close()
    ws.shutdown()
    ws.abort()
    assert (ws.getstatus(), ws.getheaders(), ws.getsubprotocol(), ws.is_ssl()) == (None, None, None, False)


def test_abort_wakes_a_thread_that_receives(websocket: Any) -> None:
    """A receiving thread raises WebSocketConnectionClosedException at once."""

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.linger()

    with peer(script) as server:
        ws = websocket.create_connection(server.url)
        wait = run_in_thread(ws.recv)
        ws.ping()  # the thread may or may not wait by now; both must end
        ws.abort()
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            wait()
        ws.shutdown()


# -- what the connection says of itself ------------------------------------------------------------------------------


def test_the_handshake_can_be_read(websocket: Any) -> None:
    """Status, headers with lower-case names (the last of repeated ones, all cookies) and subprotocol in lower case."""
    more = ("Sec-WebSocket-Protocol: Chat", "X-A: 1", "X-A: 2", "Set-Cookie: a=1", "Set-Cookie: b=2")
    with peer(saying(more=more)) as server:
        ws = connected(websocket, server, subprotocols=["other", "CHAT"])
        assert (ws.getstatus(), ws.status) == (101, 101)
        assert (ws.getsubprotocol(), ws.subprotocol) == ("chat", "chat")
        assert ws.getheaders() is ws.headers
        assert ws.headers["x-a"] == "2"
        assert ws.headers["set-cookie"] == "a=1; b=2"
        assert ws.handshake_response.status == 101
        assert isinstance(ws.sock, socket.socket)
        assert ws.fileno() == ws.sock.fileno()
        ws.shutdown()


def test_the_socket_is_readable_while_messages_wait(websocket: Any) -> None:
    """A program that sleeps in select before each recv gets every message of a burst, and sleeps when there is none."""

    def script(conn: Conn) -> None:
        conn.shake_hands(extra=b"".join(frame_bytes(1, b"%d" % i) for i in range(5)))
        conn.read()
        conn.raw(b"".join(frame_bytes(1, b"%d" % i) for i in range(5, 10)))
        conn.linger()

    with peer(script) as server:
        ws = connected(websocket, server)
        for expected in range(5):
            assert select.select([ws], [], [], 10)[0]
            assert ws.recv() == str(expected)
        assert not select.select([ws], [], [], 0)[0]
        ws.send("more")
        for expected in range(5, 10):
            assert select.select([ws.sock], [], [], 10)[0]
            assert ws.recv_data_frame(True)[1].data == b"%d" % expected
        assert not select.select([ws.fileno()], [], [], 0)[0]
        ws.shutdown()


def test_the_mask_key_is_the_programs(websocket: Any) -> None:
    """A key of zeros, given as str or bytes, makes payloads readable on the wire."""

    def script(conn: Conn) -> bytes:
        conn.shake_hands()
        return conn.read_whole()[2] + conn.read_whole()[2]

    with peer(script) as server:
        ws = websocket.WebSocket()
        ws.set_mask_key(lambda length: "\x00" * length)
        ws.connect(server.url)
        ws.send("Hello")
        ws.set_mask_key(lambda length: b"\x00" * length)
        ws.send("World")
        assert server.result() == b"\x81\x85\0\0\0\0Hello\x81\x85\0\0\0\0World"
        ws.shutdown()


# -- programs that replace parts -------------------------------------------------------------------------------------


def test_an_overridden_recv_frame_is_used_by_every_receive(websocket: Any) -> None:
    """recv, recv_data, recv_data_frame and close get their frames from the subclass."""

    class Counting(websocket.WebSocket):  # type: ignore[misc,name-defined]
        seen = 0

        def recv_frame(self) -> Any:
            frame = super().recv_frame()
            self.seen += 1
            return frame

    with peer() as server:
        ws = websocket.create_connection(server.url, timeout=10, class_=Counting)
        for receive in (ws.recv, ws.recv_data, ws.recv_data_frame):
            ws.send("x")
            receive()
        assert ws.seen == 3
        ws.close()
        assert ws.seen == 4


def test_a_method_replaced_on_the_object_is_used(websocket: Any) -> None:
    """Replacing recv_frame on one connection counts from then on."""
    with peer() as server:
        ws = connected(websocket, server)
        ws.send("x")
        assert ws.recv() == "x"
        frame = websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_TEXT, 0, b"mine")
        ws.recv_frame = lambda: frame
        assert ws.recv() == "mine"
        ws.shutdown()


def test_overridden_send_and_recv_see_the_bytes(websocket: Any) -> None:
    """All bytes of frames go through _send and _recv of a subclass."""

    class Watching(websocket.WebSocket):  # type: ignore[misc,name-defined]
        sent = received = b""

        def _send(self, data: Any) -> int:
            count: int = super()._send(data[:3])  # it may take less than it is given
            self.sent += data[:count]
            return count

        def _recv(self, bufsize: int) -> bytes:
            data: bytes = super()._recv(bufsize)
            self.received += data
            return data

    with peer(echo) as server:
        ws = websocket.create_connection(server.url, timeout=10, class_=Watching)
        assert ws.send("Hello") == 11
        assert ws.recv() == "Hello"
        assert len(ws.sent) == 11
        assert ws.received == b"\x81\x05Hello"
        ws.close()


def test_any_class_with_settimeout_and_connect_will_do(websocket: Any) -> None:
    """create_connection makes what class_ says, with every keyword, then sets the timeout and connects."""

    class Mine:
        def __init__(self, **keywords: Any) -> None:
            self.keywords = keywords

        def settimeout(self, timeout: Any) -> None:
            self.timeout = timeout

        def connect(self, url: str, **options: Any) -> None:
            self.url, self.options = url, options

    ws = websocket.create_connection("ws://x", timeout=3, class_=Mine, header=["A: b"], fire_cont_frame=True)
    assert (ws.url, ws.timeout, ws.options) == ("ws://x", 3, {"header": ["A: b"]})
    assert ws.keywords == {
        "sockopt": [],
        "sslopt": {},
        "fire_cont_frame": True,
        "enable_multithread": True,
        "skip_utf8_validation": False,
        "header": ["A: b"],
    }


# -- TLS -------------------------------------------------------------------------------------------------------------


def test_a_tls_connection_does_all_of_it(websocket: Any, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Messages, facts about the certificate, and the end are the same over TLS."""
    server_context, client_context = tls_contexts
    with peer(tls=server_context) as server:
        ws = connected(websocket, server, sslopt={"context": client_context})
        assert ws.is_ssl()
        assert isinstance(ws.sock, ssl.SSLSocket)
        assert ("DNS", "localhost") in ws.sock.getpeercert()["subjectAltName"]
        assert ws.sock.version().startswith("TLS")
        assert ws.sock.pending() == 0
        for size in (1, 100_000, 1_000_000):
            ws.send_binary(bytes(size))
            assert ws.recv() == bytes(size)
        ws.close()
        assert ws.close_frame is not None


def test_a_tls_connection_that_ends_raggedly_is_lost(
    websocket: Any, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """TCP's end without TLS's own is the end all the same."""
    server_context, client_context = tls_contexts

    def script(conn: Conn) -> None:
        conn.shake_hands()
        conn.read()

    with peer(script, tls=server_context) as server:
        ws = connected(websocket, server, sslopt={"context": client_context})
        ws.send("x")
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            ws.recv()


@pytest.mark.parametrize("frames", [[], [frame_bytes(8, b"\x03\xe8")]], ids=["close", "answer"])
def test_an_overridden_send_sees_the_close_frame(websocket: Any, frames: list[bytes]) -> None:
    """The goodbye of `close`, and the answer to the peer's, go through a subclass's ``send`` like all that is sent."""

    class Watching(websocket.WebSocket):  # type: ignore[misc,name-defined]
        opcodes: tuple[int, ...] = ()

        def send(self, payload: Any, opcode: int = 1) -> int:
            self.opcodes += (opcode,)
            return int(super().send(payload, opcode))

    with peer(saying(*frames)) as server:
        ws = connected(websocket, server, class_=Watching)
        if frames:
            ws.recv_data()
        else:
            ws.close(timeout=0)
        assert ws.opcodes == (8,)
        ws.shutdown()


def test_overridden_send_and_recv_see_the_bytes_over_tls(
    websocket: Any, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """What a subclass sees is what TLS carries, and a message may be longer than a read."""
    server_context, client_context = tls_contexts

    class Watching(websocket.WebSocket):  # type: ignore[misc,name-defined]
        received = 0

        def _recv(self, bufsize: int) -> bytes:
            data: bytes = super()._recv(bufsize)
            self.received += len(data)
            return data

    with peer(tls=server_context) as server:
        ws = connected(websocket, server, class_=Watching, sslopt={"context": client_context})
        ws.send("x" * 70_000)
        assert ws.recv() == "x" * 70_000
        assert ws.received == 70_010
        ws.close()


# -- a socket of the program's in place of the connection's ----------------------------------------------------------


class Fake:
    """What tests of other programs put where the socket is."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent: list[bytes] = []
        self.is_closed = False

    def gettimeout(self) -> float:
        return 1.0

    def settimeout(self, timeout: float | None) -> None: ...

    def shutdown(self, how: int) -> None: ...

    def recv(self, size: int) -> bytes:
        piece = self.pieces.pop(0)
        self.pieces[:0] = [piece[size:]] if piece[size:] else []
        return piece[:size]

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def fileno(self) -> int:
        return 10_000

    def close(self) -> None:
        self.is_closed = True


def test_a_socket_may_be_put_in_its_place(websocket: Any) -> None:
    """Frames are then read from it and written to it, with its own recv and send."""
    ws = websocket.WebSocket()
    ws.sock = fake = Fake(frame_bytes(1, b"hel")[:3], frame_bytes(1, b"hel")[3:], frame_bytes(2, b"x"), b"")
    ws.connected = True
    ws.set_mask_key(lambda length: b"\0\0\0\0")
    assert ws.recv() == "hel"
    assert ws.recv() == b"x"
    assert ws.send("Hi") == 8
    assert fake.sent == [b"\x81\x82\0\0\0\0Hi"]
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        ws.recv()
    ws.sock = fake
    ws.shutdown()
    assert fake.is_closed
    assert ws.sock is None


# -- small promises --------------------------------------------------------------------------------------------------


def test_next_receives(websocket: Any) -> None:
    """So does the built-in next()."""
    with peer(saying(frame_bytes(1, b"a"), frame_bytes(2, b"b"))) as server:
        ws = connected(websocket, server)
        assert ws.next() == "a"
        assert next(ws) == b"b"
        ws.shutdown()


def test_connecting_takes_time(websocket: Any) -> None:
    """With a timeout of zero it raises BlockingIOError."""
    with peer(saying()) as server, pytest.raises(BlockingIOError):
        websocket.create_connection(server.url, timeout=0)


def test_the_number_of_a_socket_that_is_not_there(websocket: Any) -> None:
    """fileno() raises before connecting."""
    with pytest.raises(websocket.WebSocketException):
        websocket.WebSocket().fileno()


def test_a_ping_of_the_programs_making_is_checked(websocket: Any) -> None:
    """One that recv_frame() of a subclass made too long cannot be answered."""

    class Mine(websocket.WebSocket):  # type: ignore[misc,name-defined]
        def recv_frame(self) -> Any:
            return websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_PING, 0, b"x" * 126)

    with peer(saying()) as server:
        ws = connected(websocket, server, class_=Mine)
        with pytest.raises(websocket.WebSocketProtocolException):
            ws.recv()
        ws.shutdown()
