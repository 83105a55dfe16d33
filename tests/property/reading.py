"""Readers of a hub without sockets: a connection that can be stuck, and a client that checks every message it gets.

What the client expects is reckoned from a plain list of everything published, not from anything that the hub remembers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec

from wsexample.errors import ConnectionClosed
from wsexample.hub.access import Rights
from wsexample.hub.ops import MSGPACK
from wsexample.records.market import Record
from wsexample.session.waiting import Wakeup
from wsexample.wire.lane import LaneCore

HIGH_WATER = 400
"""Bytes that wait for a stuck socket before whoever sends has to wait."""


class Link(LaneCore):
    """What a broadcaster sends through; it takes no frames itself, so that everything comes to the connection."""

    connection: Any = None


class FakeConnection:
    """A reader's end: what the hub sends goes to a client, or waits while that is stuck."""

    def __init__(self, client: Client, *, token: str, subprotocol: str | None) -> None:
        self.client = client
        self.subprotocol = subprotocol
        self.request = SimpleNamespace(headers={"authorization": f"Bearer {token}"}, remote="nowhere")
        self._link = Link()
        self._link.connection = self
        self._changed = Wakeup()
        self._ops: deque[dict[str, Any]] = deque()
        self._buffer: deque[bytes] = deque()
        self.is_stuck = False
        self.is_open = True
        self.close_code: int | None = None

    # -- the client's side ---------------------------------------------------------------------------------------

    def say(self, op: dict[str, Any]) -> None:
        self._ops.append(op)
        self._changed.set()

    def flow(self, count: int | None = None) -> None:
        """Let what waits come through."""
        while self._buffer and count != 0:
            self.client.read(self._buffer.popleft())
            count = None if count is None else count - 1
        self._changed.set()

    def end(self, code: int) -> None:
        if self.is_open:
            self.is_open = False
            self.close_code = code
            self._changed.set()

    # -- the hub's side ------------------------------------------------------------------------------------------

    @property
    def write_buffer_bytes(self) -> int:
        return sum(map(len, self._buffer))

    def send_nowait(self, message: str | bytes) -> None:
        if not self.is_open:
            raise ConnectionClosed(code=self.close_code or 1006)
        self._buffer.append(message.encode() if isinstance(message, str) else message)
        if not self.is_stuck:
            self.flow()

    _send_soon = send_nowait

    async def send(self, message: bytes) -> None:
        self.send_nowait(message)
        while self.is_open and self.write_buffer_bytes > HIGH_WATER:
            await self._changed.wait()

    send_text = send

    async def payloads(self) -> AsyncIterator[tuple[bytes, bool]]:
        while True:
            while not self._ops:
                if not self.is_open:
                    return
                await self._changed.wait()
            op = self._ops.popleft()
            self.client.was_heard(op)
            is_binary = self.subprotocol == MSGPACK.subprotocol
            yield (msgspec.msgpack.encode(op) if is_binary else msgspec.json.encode(op)), is_binary

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.end(code)

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        self.end(code)


@dataclass
class Paper:
    """Everything that was ever published, by topic; the number of a record is its place."""

    history: int
    rows: dict[str, list[Record]] = field(default_factory=dict)

    def seq(self, topic: str) -> int:
        return len(self.rows.get(topic, ()))


def means(pattern: str, topic: str) -> bool:
    """Whether a pattern means a topic."""
    words = {"*": r"[^.]+", ">": ".+"}
    return bool(re.fullmatch(r"\.".join(words.get(word, re.escape(word)) for word in pattern.split(".")), topic))


def may_have(rights: Rights, topic: str) -> bool:
    """Whether rights are enough for a topic."""
    return (rights.account or not topic.endswith(".fill")) and any(means(p, topic) for p in rights.topics)


def is_lossless(topic: str) -> bool:
    return topic.endswith((".fill", ".gap"))


@dataclass(eq=False)
class Client:
    """A reader that knows what it may get and complains about everything else."""

    paper: Paper
    rights: Rights
    is_binary: bool
    epoch: str | None = None
    patterns: dict[str, None] = field(default_factory=dict)
    """As the answers that it has read say."""
    wants: dict[str, None] = field(default_factory=dict)
    """As the hub knows it, which is ahead of the answers."""
    seen: dict[str, int] = field(default_factory=dict)
    """The last number of each topic."""
    asked: dict[int, dict[str, Any]] = field(default_factory=dict)
    starts: dict[int, dict[str, int]] = field(default_factory=dict)
    """By number of an op: before which number its topics begin, as things stood when the hub heard it."""
    interval_ms: int = 0
    is_thinned: bool = False
    """Whether it ever asked for an interval, so that what is passed over is not counted."""
    passed_over: int = 0
    conflated: int = 0
    errors: list[str] = field(default_factory=list)
    count: int = 0

    # -- asking --------------------------------------------------------------------------------------------------

    def asks(self, op: dict[str, Any]) -> dict[str, Any]:
        """Number an op."""
        self.count += 1
        self.asked[self.count] = op
        return {**op, "id": self.count}

    def was_heard(self, op: dict[str, Any]) -> None:
        """The hub takes an op up: what it stands for is decided by what is published now."""
        if op["op"] == "unsubscribe":
            for pattern in op["topics"]:
                self.wants.pop(pattern, None)
        if op["op"] != "subscribe" or op["id"] is None or self.is_refused(op):
            return
        starts = self.starts[op["id"]] = {}
        since = op.get("since")
        named = since if isinstance(since, dict) else {}
        for topic in self.paper.rows:
            asked_for = [pattern for pattern in op["topics"] if means(pattern, topic)]
            if not asked_for or not may_have(self.rights, topic):
                continue
            newest = self.paper.seq(topic)
            by_pattern = [named[pattern] for pattern in asked_for if pattern in named]
            if isinstance(since, int):
                starts[topic] = min(since, newest)
            elif topic in named:
                starts[topic] = min(named[topic], newest)
            elif by_pattern:
                starts[topic] = min(by_pattern[0], newest)
            elif not any(means(pattern, topic) for pattern in self.wants):
                starts[topic] = newest if op.get("snapshot") is False else max(newest - 1, 0)
                continue
            else:
                continue
            if op.get("epoch") not in (None, self.epoch):
                starts[topic] = 0
        self.wants |= dict.fromkeys(op["topics"])

    def is_refused(self, op: dict[str, Any]) -> bool:
        """Whether an op names a topic outright that may not be had."""
        return any(not set("*>") & set(name) and not may_have(self.rights, name) for name in op["topics"])

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, payload: bytes) -> None:
        found = msgspec.msgpack.decode(payload) if self.is_binary else msgspec.json.decode(payload)
        for message in found if isinstance(found, list) else [found]:
            getattr(self, "read_" + message["op"])(message)

    def read_welcome(self, message: dict[str, Any]) -> None:
        self.epoch = message["epoch"]

    def read_ack(self, message: dict[str, Any]) -> None:
        op = self.asked.pop(message["id"])
        if op["op"] == "subscribe":
            self.patterns |= dict.fromkeys(op["topics"])
            self.seen |= self.starts.pop(message["id"])
        else:
            for pattern in op["topics"]:
                self.patterns.pop(pattern, None)
            for topic in [topic for topic in self.seen if not self.hears(topic)]:
                del self.seen[topic]

    def read_error(self, message: dict[str, Any]) -> None:
        self.errors.append(message["code"])
        op = self.asked.pop(message.get("id") or 0, None)
        if op is not None:
            assert message["code"] == "rights", message
            assert self.is_refused(op), f"{op} was refused"

    def hears(self, topic: str) -> bool:
        return any(means(pattern, topic) for pattern in self.patterns)

    def read_data(self, message: dict[str, Any]) -> None:
        topic, seq = message["topic"], message["seq"]
        assert may_have(self.rights, topic), f"{self.rights.name} may not have {topic}"
        assert self.hears(topic), f"{topic} was not asked for: {list(self.patterns)}"
        last = self.seen.get(topic, 0)
        assert seq > last, f"{topic} {seq} came after {last}"
        if seq > last + 1:
            assert not is_lossless(topic), f"{topic} {last + 1} to {seq - 1} is missing"
            self.passed_over += seq - last - 1
        self.seen[topic] = seq
        record = self.paper.rows[topic][seq - 1]
        assert message["record"]["received_ns"] == record.received_ns
        assert self.rights.personal or not message["record"].get("account"), "an account number was shown"

    def read_missed(self, message: dict[str, Any]) -> None:
        topic = message["topic"]
        assert may_have(self.rights, topic)
        assert self.hears(topic)
        if message["reason"] == "epoch":
            assert self.seen.get(topic, 0) == 0
            return
        assert message["from_seq"] == self.seen.get(topic, 0) + 1
        assert message["to_seq"] <= self.paper.seq(topic) - self.paper.history
        self.seen[topic] = message["to_seq"]

    def read_conflated(self, message: dict[str, Any]) -> None:
        self.conflated += message["count"]

    def read_pong(self, message: dict[str, Any]) -> None:
        self.asked.pop(message["id"])

    # -- the end -------------------------------------------------------------------------------------------------

    def has_everything(self) -> None:
        """Nothing is under way: everything asked for is there, and what is not was announced."""
        assert not self.asked, f"never answered: {self.asked}"
        for topic in self.paper.rows:
            if self.hears(topic) and may_have(self.rights, topic):
                assert self.seen.get(topic, 0) == self.paper.seq(topic), f"{topic} ends early: {self.seen}"
        if not self.is_thinned:
            assert self.passed_over == self.conflated
