"""The other end of the blocking twin's tests: a server of sockets and threads that does exactly what a test says."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from wsexample import sync

DEADLINE_S = 20.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame_bytes(opcode: int, payload: bytes = b"", fin: int = 1, *, rsv: int = 0, key: bytes | None = None) -> bytes:
    """A frame as a server sends it; masked only when there is a key."""
    first = fin << 7 | rsv << 4 | opcode
    bit = 0x80 if key else 0
    if len(payload) < 126:
        head = bytes((first, bit | len(payload)))
    elif len(payload) < 65536:
        head = bytes((first, bit | 126)) + struct.pack("!H", len(payload))
    else:
        head = bytes((first, bit | 127)) + struct.pack("!Q", len(payload))
    if key:
        return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))
    return head + payload


class Conn:
    """One connection of a client."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.data = b""
        self.head = b""
        self.headers: list[tuple[str, str]] = []

    # -- the handshake

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self.data:
            self._more()
        self.head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        self.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return self.head

    @property
    def target(self) -> str:
        return self.head.split(b" ")[1].decode("latin-1")

    def header(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each.lower() == name.lower()]
        return found[-1] if found else None

    def answer(self, *more: str, status: str = "101 Switching Protocols", extra: bytes = b"") -> None:
        key = (self.header("Sec-WebSocket-Key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        lines = [f"HTTP/1.1 {status}"]
        if status.startswith("101"):
            lines += ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
        lines += more
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode() + extra)

    def shake_hands(self, *more: str, extra: bytes = b"") -> None:
        self.read_head()
        self.answer(*more, extra=extra)

    # -- frames

    def send(self, opcode: int, payload: bytes | str = b"", fin: int = 1, **more: Any) -> None:
        self.sock.sendall(frame_bytes(opcode, payload.encode() if isinstance(payload, str) else payload, fin, **more))

    def close_frame(self, code: int | None = 1000, reason: str = "") -> None:
        self.send(8, b"" if code is None else struct.pack("!H", code) + reason.encode())

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> tuple[int, bytes]:
        """The next frame of the client as (opcode, payload); raises EOFError at the end."""
        opcode, payload, _ = self.read_whole()
        return opcode, payload

    def read_whole(self) -> tuple[int, bytes, bytes]:
        """The next frame as (opcode with FIN bit taken off, payload, the bytes as they came)."""
        self._need(2)
        size, at = self.data[1] & 0x7F, 2
        if size == 126:
            self._need(4)
            size, at = struct.unpack("!H", self.data[2:4])[0], 4
        elif size == 127:
            self._need(10)
            size, at = struct.unpack("!Q", self.data[2:10])[0], 10
        assert self.data[1] & 0x80, "a client masks its frames"
        self._need(at + 4 + size)
        key, body = self.data[at : at + 4], self.data[at + 4 : at + 4 + size]
        whole, self.data = self.data[: at + 4 + size], self.data[at + 4 + size :]
        mask = (key * (size // 4 + 1))[:size]
        payload = (int.from_bytes(body, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
        return whole[0] & 0x0F, payload, whole

    def until_end(self) -> list[tuple[int, bytes]]:
        """Every frame until the client says goodbye or is gone."""
        found: list[tuple[int, bytes]] = []
        with contextlib.suppress(EOFError, ConnectionError):
            while not found or found[-1][0] != 8:
                found.append(self.read())
        return found

    def _need(self, size: int) -> None:
        while len(self.data) < size:
            self._more()

    def _more(self) -> None:
        data = self.sock.recv(1 << 20)
        if not data:
            raise EOFError
        self.data += data

    # -- the end

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end(self) -> None:
        """Close TCP without a close frame."""
        self.sock.close()

    def linger(self) -> None:
        """Stay until the client is gone."""
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass


Script = Callable[[Conn], object]


class Peer:
    """Listens on a port of the system; plays a script for each connection in a thread of its own.

    What a script returns is in ``results``, what it raises fails the test when the peer is left.
    """

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None, path: str | None = None) -> None:
        self.script = script
        self.tls = tls
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen()
            self.port = 0
        self.results: queue.Queue[Any] = queue.Queue()
        self.conns: list[Conn] = []
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._main = threading.Thread(target=self._accept, daemon=True)
        self._main.start()

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}"

    def result(self) -> Any:
        """What a script returned, waiting for it."""
        return self.results.get(timeout=DEADLINE_S)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._play, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, sock: socket.socket) -> None:
        sock.settimeout(DEADLINE_S)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            conn = Conn(sock)
            self.conns.append(conn)
            self.results.put(self.script(conn))
        except (EOFError, ConnectionError, ssl.SSLError):
            pass  # the client went away, which is its right
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.errors.append(error)
        finally:
            with contextlib.suppress(OSError):
                sock.close()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in self.conns:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RDWR)
        self._main.join(DEADLINE_S)
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive(), "a script of the test's peer goes on"
        if self.errors:
            raise self.errors[0]


def echo(conn: Conn) -> None:
    """Shake hands and send everything back; a close frame too, and then close TCP."""
    conn.shake_hands()
    while True:
        opcode, payload, whole = conn.read_whole()
        if opcode == 9:
            conn.send(10, payload)
        elif opcode != 10:
            conn.raw(frame_bytes(opcode, payload, whole[0] >> 7))
        if opcode == 8:
            return


@contextlib.contextmanager
def peer(script: Script = echo, **how: Any) -> Iterator[Peer]:
    """Serve a script until the block is left."""
    serving = Peer(script, **how)
    try:
        yield serving
    finally:
        serving.stop()


def saying(*frames: bytes, more: tuple[str, ...] = ()) -> Script:
    """A script that shakes hands, sends these bytes at once with the answer, and returns what the client then says."""

    def script(conn: Conn) -> list[tuple[int, bytes]]:
        conn.shake_hands(*more, extra=b"".join(frames))
        return conn.until_end()

    return script


def run_in_thread(work: Callable[[], Any]) -> Callable[[], Any]:
    """Start work in a thread; returns what waits for its result."""
    box: queue.Queue[tuple[bool, Any]] = queue.Queue()

    def run() -> None:
        try:
            box.put((True, work()))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            box.put((False, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait() -> Any:
        is_good, value = box.get(timeout=DEADLINE_S)
        thread.join(DEADLINE_S)
        if is_good:
            return value
        raise value

    return wait


def staying(conn: Conn) -> None:
    """A server that opens the WebSocket, and then says nothing."""
    conn.shake_hands()
    conn.linger()


def connected(server: Any, **options: Any) -> Any:
    """A connection of ours to a server."""
    return sync.create_connection(server.url, timeout=10, **options)
