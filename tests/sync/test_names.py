"""Names, constants, frames and helpers of the contract, beside websocket-client's own."""

from __future__ import annotations

import errno
import importlib
import inspect
import logging
import socket
from typing import Any
from unittest.mock import Mock

import pytest

from wsexample import sync
from wsexample.errors import OptionError
from wsexample.sync.cookies import CookieJar
from wsexample.sync.reconnect import Reconnect

NOT_OURS = {"Any", "Optional"}  # typing names that leak from theirs


def test_every_public_name_is_there() -> None:
    """Whatever can be imported from websocket-client can be imported from here."""
    theirs = importlib.import_module("websocket")
    names = {name for name in dir(theirs) if not name.startswith("_")} - NOT_OURS
    assert names - set(dir(sync)) == set()
    assert {name for name in sync.__all__ if not hasattr(sync, name)} == set()
    assert isinstance(sync.__version__, str)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("_exceptions", ["WebSocketException", "WebSocketBadStatusException", "WebSocketTimeoutException"]),
        ("_abnf", ["ABNF", "frame_buffer", "continuous_frame", "VALID_CLOSE_STATUS"]),
        ("_app", ["WebSocketApp"]),
        ("_dispatcher", ["SSLDispatcher", "Dispatcher", "WrappedDispatcher"]),
        ("_core", ["WebSocket", "create_connection"]),
        ("_logging", ["enableTrace", "_logger"]),
        ("_http", ["proxy_info", "read_headers"]),
    ],
)
def test_submodules_that_programs_import(module: str, names: list[str]) -> None:
    """They have the names that programs take from them."""
    ours = importlib.import_module(f"wsexample.sync.{module}")
    assert [name for name in names if not hasattr(ours, name)] == []


def test_constants_are_the_same() -> None:
    """Close codes, socket options, opcodes and lengths."""
    theirs = importlib.import_module("websocket")
    for name in dir(theirs):
        if name.startswith("STATUS_") or name == "DEFAULT_SOCKET_OPTION":
            assert getattr(sync, name) == getattr(theirs, name), name
    for name in ("OPCODES", "OPCODE_MAP", "LENGTH_7", "LENGTH_16", "LENGTH_63"):
        assert getattr(sync.ABNF, name) == getattr(theirs.ABNF, name)
    abnf = importlib.import_module("websocket._abnf")
    assert set(importlib.import_module("wsexample.sync._abnf").VALID_CLOSE_STATUS) == set(abnf.VALID_CLOSE_STATUS)


@pytest.mark.parametrize(
    "path",
    [
        "WebSocketApp",
        "WebSocketApp.run_forever",
        "WebSocketApp.send",
        "WebSocket",
        "WebSocket.send",
        "WebSocket.send_close",
        "WebSocket.close",
        "WebSocket.recv_data",
        "create_connection",
        "enableTrace",
        "ABNF",
        "ABNF.create_frame",
        "WebSocketBadStatusException",
    ],
)
def test_parameters_keep_their_order_and_defaults(path: str) -> None:
    """Every parameter of theirs has its place, name and default in ours; ours has further ones behind them."""
    ours: Any = sync
    theirs: Any = importlib.import_module("websocket")
    for part in path.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)

    def listed(function: Any) -> list[tuple[str, Any]]:
        return [
            (name, None if inspect.isclass(each.default) and name == "class_" else each.default)
            for name, each in inspect.signature(function).parameters.items()
            if each.kind is each.POSITIONAL_OR_KEYWORD
        ]

    wanted = listed(theirs)
    assert listed(ours)[: len(wanted)] == wanted


# -- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_have_the_same_bytes(size: int) -> None:
    """With the same key both sides format the same."""
    theirs = importlib.import_module("websocket")
    formatted = []
    for module in (sync, theirs):
        frame = module.ABNF.create_frame(b"x" * size, module.ABNF.OPCODE_BINARY, 0)
        frame.get_mask_key = lambda length: "abcd"
        formatted.append(frame.format())
    assert formatted[0] == formatted[1]


def test_formatting_refuses_what_is_no_frame(websocket: Any) -> None:
    """Flags other than 0 and 1, and opcodes that do not exist."""
    for arguments in ((2,), (0, 2), (0, 0, 0, 0, 5)):
        with pytest.raises(ValueError):  # noqa: PT011 - the words are each side's own
            websocket.ABNF(*arguments).format()


def test_masking_is_its_own_inverse(websocket: Any) -> None:
    """Keys and data may be str or bytes."""
    mask = websocket.ABNF.mask
    assert mask("abcd", mask(b"abcd", "hello")) == b"hello"
    assert mask(b"abcd", b"") == b""


def test_reading_frames_from_a_function(websocket: Any) -> None:
    """frame_buffer reads from whatever returns bytes, a few at a time, and picks up after a failure."""
    data = bytearray(websocket.ABNF.create_frame("x" * 300, 1).format() + b"\x81\x02hi")
    fails = [True]

    def few(size: int) -> bytes:
        if len(data) < 200 and fails:
            fails.clear()
            raise TimeoutError
        piece = bytes(data[: min(size, 7)])
        del data[: len(piece)]
        return piece

    buffer = websocket.frame_buffer(few, False)
    with pytest.raises(TimeoutError):
        buffer.recv_frame()
    assert buffer.recv_frame().data == b"x" * 300
    assert buffer.recv_frame().data == b"hi"


# -- helpers ---------------------------------------------------------------------------------------------------------


def test_helpers_for_a_socket(websocket: Any) -> None:
    """recv, recv_line and send with the socket's own timeout, and the end as an exception."""
    near, far = socket.socketpair()
    try:
        assert websocket.send(near, "one\ntwo") == 7
        assert websocket.recv_line(far) == b"one\n"
        assert websocket.recv(far, 10) == b"two"
        far.settimeout(0.01)
        with pytest.raises(websocket.WebSocketTimeoutException):
            websocket.recv(far, 1)
        near.close()
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            websocket.recv(far, 1)
    finally:
        near.close()
        far.close()
    for call in (lambda: websocket.recv(None, 1), lambda: websocket.send(None, b"x")):
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            call()
    settings = websocket.sock_opt(None, None)
    assert (settings.sockopt, settings.sslopt, settings.timeout) == ([], {}, None)


def test_helpers_wait_for_a_socket_that_does_not_take_it(websocket: Any) -> None:
    """A full socket times out; one with a timeout of zero raises BlockingIOError from recv."""
    near, far = socket.socketpair()
    try:
        near.settimeout(0.01)
        with pytest.raises(websocket.WebSocketTimeoutException):
            for _ in iter(lambda: websocket.send(near, bytes(1_000_000)), 0):
                pass
        near.settimeout(0)
        with pytest.raises(BlockingIOError):
            websocket.recv(near, 1)
    finally:
        near.close()
        far.close()


class Hesitant:
    """Stands for a socket, as programs' tests make them up: says at first that it is not ready, by a number only."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._errors = [OSError("not yet")]
        self._errors[0].args = (errno.EAGAIN, "not yet")
        self._errors[0].errno = errno.EAGAIN

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def recv(self, size: int) -> bytes:
        if self._errors:
            raise self._errors.pop()
        return self._sock.recv(size)

    def send(self, data: bytes) -> int:
        if self._errors:
            raise self._errors.pop()
        return self._sock.send(data)


def test_helpers_take_what_stands_for_a_socket(websocket: Any) -> None:
    """One that is not ready is waited for, and asked once more, when it says so without a class of its own."""
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(10)
        assert websocket.send(Hesitant(near), b"one") == 3
        assert websocket.recv(far, 10) == b"one"
        far.send(b"two")
        assert websocket.recv(Hesitant(near), 10) == b"two"


def test_a_socket_that_is_closed_already_ends_a_connection(websocket: Any) -> None:
    """A given socket is shut down by abort(), and shutdown() lets it go, whatever its close() says."""
    ws = websocket.WebSocket()
    given = ws.sock = Mock(_closed=False)
    ws.connected = True
    given.close.side_effect = OSError("Bad file descriptor")
    ws.abort()
    given.shutdown.assert_called_once_with(socket.SHUT_RDWR)
    ws.shutdown()
    given.close.assert_called_once_with()
    assert (ws.sock, ws.connected) == (None, False)


def test_a_mock_for_a_socket_can_be_closed(websocket: Any) -> None:
    """close() raises nothing, whatever comes from what a test gives for a socket."""
    ws = websocket.WebSocket()
    ws.sock, ws.connected = Mock(), True
    ws.close()
    assert (ws.sock, ws.connected) == (None, False)


def test_a_dispatcher_knows_how_long_a_pong_may_take(websocket: Any) -> None:
    """Ten seconds where nothing was said."""
    app = websocket.WebSocketApp("ws://127.0.0.1")
    assert [app.create_dispatcher(said).ping_timeout for said in (None, 5)] == [10, 5]


def test_the_trace_can_be_turned_off_again(websocket: Any) -> None:
    """Handler and level are put back, and a later handler takes the place of an earlier one."""
    logger = logging.getLogger("websocket")
    before = (list(logger.handlers), logger.level)
    first, second = logging.NullHandler(), logging.NullHandler()
    websocket.enableTrace(True, first)
    websocket.enableTrace(True, second, "INFO")
    assert (first in logger.handlers, second in logger.handlers, logger.level) == (False, True, logging.INFO)
    assert websocket.isEnabledForTrace()
    assert not websocket.isEnabledForDebug()
    assert websocket.isEnabledForError()
    websocket.enableTrace(False)
    assert not websocket.isEnabledForTrace()
    assert list(logger.handlers) == before[0]


def test_read_headers(websocket: Any) -> None:
    """Status, headers with lower-case names, and the reason."""
    http = importlib.import_module("wsexample.sync._http" if websocket is sync else "websocket._http")
    near, far = socket.socketpair()
    with near, far:
        near.sendall(b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n")
        assert http.read_headers(far) == (404, {"x-a": "1", "set-cookie": "a; b"}, "Not Found")
        info = http.proxy_info(http_proxy_host="p", http_proxy_port=1, http_proxy_auth=("u", "p"))
        assert (info.proxy_host, info.proxy_port, info.auth, info.proxy_protocol) == ("p", 1, ("u", "p"), "http")


# -- policies --------------------------------------------------------------------------------------------------------


def test_the_wait_doubles_up_to_its_bound() -> None:
    """And stays where it is without one."""
    policy = Reconnect(interval_s=1, backoff_max_s=5)
    assert [policy.wait_s(n) for n in (1, 2, 3, 4, 400)] == [1, 2, 4, 5, 5]
    assert Reconnect(interval_s=3).wait_s(9) == 3


def test_chance_takes_its_part_of_the_wait() -> None:
    """Jitter is a part from 0 to 1."""
    policy = Reconnect(interval_s=10, jitter=0.5)
    assert [policy.wait_s(1, lambda: 0.0), policy.wait_s(1, lambda: 1.0)] == [10, 5]


def test_attempts_are_counted() -> None:
    """After max_attempts failures in a row there is no wait any more."""
    policy = Reconnect(interval_s=1, max_attempts=2)
    assert [policy.wait_s(n) for n in (1, 2, 3)] == [1, 1, None]


@pytest.mark.parametrize("settings", [{"interval_s": 0}, {"interval_s": 1, "jitter": 2}])
def test_a_policy_that_cannot_work_is_refused(settings: dict[str, Any]) -> None:
    """It says which setting."""
    with pytest.raises(OptionError):
        Reconnect(**settings)


def test_a_jar_keeps_cookies_by_domain() -> None:
    """For the domain and its subdomains, the newest value of each name."""
    jar = CookieJar()
    jar.add("a=1; Domain=.example.test; Path=/", "www.example.test")
    jar.add("a=2; Domain=example.test", "example.test")
    jar.add("none=1", "example.test")
    assert [jar.get(host) for host in ("example.test", "x.EXAMPLE.test", "badexample.test")] == ["a=2", "a=2", ""]
