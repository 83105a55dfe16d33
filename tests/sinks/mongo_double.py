"""A small stand-in for a MongoDB server: it speaks OP_MSG (MongoDB wire protocol) well enough for inserts, and keeps documents.

Real servers do far more; what this one proves is that our sink and pymongo agree with each other on the wire, and what the sink
does when answers fail to come. Faults are asked for by name.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Any, Self

import bson

__all__ = ["MongoDouble"]

_OP_MSG, _OP_QUERY, _OP_REPLY = 2013, 2004, 1


class MongoDouble:
    """Serves on a port of its own in a thread; use as a context manager."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._kept: dict[tuple[str, str], dict[Any, dict[str, Any]]] = {}
        self.commands: list[dict[str, Any]] = []
        """Every insert as it came, without its documents."""
        self.lose_answers = 0
        """How many inserts are kept but not answered: the connection ends in place of the answer."""
        self.refuse: str = ""
        """Words with which inserts are refused as a whole; "" to take them."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def settle(self, timeout_s: float = 10.0) -> None:
        """Wait until every client has gone and what it sent is kept: a killed one leaves things on their way."""
        ends_s = time.monotonic() + timeout_s
        while self._open:
            assert time.monotonic() < ends_s, "somebody is still connected"
            time.sleep(0.01)

    def tables(self, database: str) -> dict[str, list[dict[str, Any]]]:
        """Return what is kept: documents by collection, in the order in which they came."""
        with self._lock:
            return {table: list(rows.values()) for (name, table), rows in self._kept.items() if name == database}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening and end every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        self.settle()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            while True:
                head = _exactly(sock, 16)
                length, request, _, code = struct.unpack("<iiii", head)
                body = _exactly(sock, length - 16)
                command = _op_query(body) if code == _OP_QUERY else _op_msg(body)
                answer = self._answer(command)
                if answer is None:
                    return
                document = bson.encode(answer)
                if code == _OP_QUERY:
                    payload, code = struct.pack("<iqii", 8, 0, 0, 1) + document, _OP_REPLY
                else:
                    payload = struct.pack("<iB", 0, 0) + document
                sock.sendall(struct.pack("<iiii", 16 + len(payload), 1, request, code) + payload)
        except OSError:
            return
        finally:
            sock.close()
            self._open.discard(sock)

    def _answer(self, command: dict[str, Any]) -> dict[str, Any] | None:
        name = next(iter(command)).lower()
        if name in ("hello", "ismaster"):
            return {
                "ok": 1.0,
                "helloOk": True,
                "isWritablePrimary": True,
                "ismaster": True,
                "maxBsonObjectSize": 16 * 1024 * 1024,
                "maxMessageSizeBytes": 48_000_000,
                "maxWriteBatchSize": 100_000,
                "minWireVersion": 0,
                "maxWireVersion": 25,
                "readOnly": False,
            }
        if name != "insert":
            return {"ok": 1.0}
        return self._insert(command)

    def _insert(self, command: dict[str, Any]) -> dict[str, Any] | None:
        with self._lock:
            documents = command.pop("documents")
            self.commands.append(command)
            if self.refuse:
                return {"ok": 0.0, "errmsg": self.refuse, "code": 14031, "codeName": "OutOfDiskSpace"}
            rows = self._kept.setdefault((command["$db"], command["insert"]), {})
            wrong = []
            for index, document in enumerate(documents):
                if document["_id"] in rows:
                    wrong.append({"index": index, "code": 11000, "errmsg": "E11000 duplicate key error"})
                else:
                    rows[document["_id"]] = document
            if self.lose_answers:
                self.lose_answers -= 1
                return None
            answer: dict[str, Any] = {"ok": 1.0, "n": len(documents) - len(wrong)}
            return {**answer, "writeErrors": wrong} if wrong else answer


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def _op_query(body: bytes) -> dict[str, Any]:
    end = body.index(b"\0", 4)
    return bson.decode(body[end + 9 :])


def _op_msg(body: bytes) -> dict[str, Any]:
    """Read the sections of an OP_MSG: the command, and documents beside it (kind 1)."""
    command: dict[str, Any] = {}
    place = 4
    while place < len(body):
        kind = body[place]
        place += 1
        (size,) = struct.unpack_from("<i", body, place)
        part = body[place : place + size]
        if kind == 0:
            command = {**bson.decode(part), **command}
        else:
            end = part.index(b"\0", 4)
            documents, at = [], end + 1
            while at < len(part):
                (length,) = struct.unpack_from("<i", part, at)
                documents.append(bson.decode(part[at : at + length]))
                at += length
            command[part[4:end].decode()] = documents
        place += size
    if "documents" in command and next(iter(command)) == "documents":
        command["documents"] = command.pop("documents")
    return command
