"""Hubs of which some are cut off with a former owner, and a reader that goes from one to another, against what counts."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from tests.hub.parts import quote
from wsexample.hub import readers
from wsexample.hub.access import EVERYTHING, Access
from wsexample.hub.desk import Desk
from wsexample.hub.dialect import HubDialect
from wsexample.hub.ops import JSON
from wsexample.hub.readers import Reader
from wsexample.hub.server import Hub
from wsexample.ports import Gap

SYMBOLS = ("A", "B")
TAKEN_BACK = re.compile(r"quote (\d+) to \d+: .* count no more")
ACTS = st.lists(st.tuples(st.sampled_from("sssaaabbtchggglr"), st.integers(0, 3), st.integers(0, 5)), max_size=60)


class Outbox:
    """Stands in for a WebSocket and for the frames of a group: what is sent is kept."""

    is_open = True
    write_buffer_bytes = 0

    def __init__(self, **options: Any) -> None:
        self.sent: list[bytes] = []
        self.others: dict[Outbox, None] = {}

    async def send_text(self, payload: bytes) -> None:
        self.sent.append(payload)

    def send_nowait(self, payload: str) -> None:
        self.sent.append(payload.encode())

    def add(self, other: Outbox) -> None:
        self.others[other] = None

    def discard(self, other: Outbox) -> None:
        self.others.pop(other, None)

    def send_encoded(self, payload: bytes, *, is_text: bool) -> None:
        for other in self.others:
            other.sent.append(payload)


class World:
    """Two hubs, what counts, what a former owner says to those that are cut off with him, and one reader."""

    def __init__(self) -> None:
        self.hubs = [Hub(access=Access(anybody=EVERYTHING), desk=Desk(), epoch="life") for _ in range(2)]
        self.has: list[list[tuple[int, int]]] = [[] for _ in self.hubs]
        """Of each hub, (owner, number of the record) in the order in which they came."""
        self.right: list[tuple[int, int]] = []
        self.term = 1
        self.stray: list[tuple[int, int]] | None = None
        """What is said to those who are cut off, with all that was said before; None when nobody is."""
        self.stray_term = 0
        self.apart: set[int] = set()
        self.count = 0
        self.was_cut = False
        self.dialect = HubDialect(since={"t.>": 0})
        self.got: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
        self.at: tuple[Hub, Reader, Outbox] | None = None

    # -- hubs

    def say(self, is_stray: bool) -> None:
        """Have an owner say a record."""
        self.count += 1
        if self.stray is not None and (is_stray or self.stray_term == self.term):
            self.stray.append((self.stray_term, self.count))
        else:
            self.right.append((self.term, self.count))

    def cut(self, hubs: set[int]) -> None:
        """Cut the owner off together with some hubs; the others have no owner for now."""
        if self.stray is None:
            self.stray, self.stray_term, self.apart = list(self.right), self.term, hubs
            self.was_cut = True

    def heal(self) -> None:
        """Let all meet again under the owner that there is, or another one."""
        if self.stray is not None and self.stray_term == self.term:
            self.term += 1
        self.stray, self.apart = None, set()

    def hear(self, place: int, most: int) -> None:
        """Have a hub hear some of what is said on its side, and of its owner when that is all."""
        desk, has = self.hubs[place].desk, self.has[place]
        is_apart = self.stray is not None and place in self.apart
        log, term = (self.stray or [], self.stray_term) if is_apart else (self.right, self.term)
        if not is_apart and self.stray is not None and self.stray_term == self.term:
            term = desk.term  # nobody is heard
        common = next((at for at, (one, other) in enumerate(zip(has, log, strict=False)) if one != other), len(log))
        if common < len(has):
            for symbol in SYMBOLS:
                kept = len(self.numbers(has[:common], symbol))
                if len(self.numbers(has, symbol)) > kept:
                    desk.take_back(f"t.{symbol}.quote", kept + 1)
            del has[common:]
        for owner, number in log[len(has) : len(has) + most]:
            desk.begin_term(owner)
            has.append((owner, number))
            symbol = SYMBOLS[number % 2]
            desk.continue_at(f"t.{symbol}.quote", quote(number, symbol), len(self.numbers(has, symbol)))
        if len(has) == len(log):
            desk.begin_term(term)

    def numbers(self, log: list[tuple[int, int]], symbol: str) -> list[int]:
        """Return the records of a symbol."""
        return [number for _, number in log if SYMBOLS[number % 2] == symbol]

    # -- the reader

    async def go(self, place: int) -> None:
        """Go to a hub, losing what was on its way."""
        await self.leave()
        hub, outbox = self.hubs[place], Outbox()
        reader = Reader(outbox, JSON, EVERYTHING, "r")  # type: ignore[arg-type]
        self.at = hub, reader, outbox
        self.dialect.start()
        self.dialect.receive(JSON.encode(hub._welcome(reader, needs_token=False)), False, 1)
        for op in self.dialect.subscribe(["t.>"]).replies:
            await hub._do(reader, JSON.decode(op if isinstance(op, bytes) else op.encode()))

    async def leave(self) -> None:
        """Break the connection."""
        if self.at is not None:
            self.at[0].desk.forget(self.at[1])
            self.at = None

    def take(self, most: int) -> None:
        """Take some of what has come."""
        if self.at is None:
            return
        sent = self.at[2].sent
        for payload in sent[:most]:
            for record in self.dialect.receive(payload, False, 1).records:
                if isinstance(record, Gap):
                    back = TAKEN_BACK.match(record.reason)
                    assert back is not None, record.reason
                    assert self.was_cut
                    del self.got[record.symbol][int(back[1]) - 1 :]
                else:
                    self.got[record.symbol].append(record.received_ns)
        del sent[:most]

    def start_anew(self) -> None:
        """Go on as a program that kept its numbers."""
        self.dialect = HubDialect(since=self.dialect.positions, epoch=self.dialect.epoch)


async def live(world: World, acts: list[tuple[str, int, int]]) -> None:
    """Do what is asked for; then let all meet, and the reader come to each hub."""
    for act, place, many in acts:
        match act:
            case "s":
                world.say(is_stray=many % 2 == 0)
            case "a":
                world.hear(place % 2, many)
            case "b":
                world.hear(place % 2, 100)
            case "t":
                if world.stray is None or world.stray_term == world.term:
                    world.term += 1
            case "c":
                world.cut({place % 2})
            case "h":
                world.heal()
            case "g":
                await world.go(place % 2)
            case "l":
                await world.leave()
            case "r":
                await world.leave()
                world.start_anew()
        await asyncio.sleep(0)
        world.take(many)
    world.heal()
    for place in range(2):
        await world.go(place)
        world.take(1000)
        for one in range(2):
            world.hear(one, 1000)
            await asyncio.sleep(0)
        world.take(1000)
        assert world.got == {symbol: world.numbers(world.right, symbol) for symbol in SYMBOLS}


@given(ACTS)
def test_a_reader_that_goes_from_hub_to_hub_ends_with_what_counts(acts: list[tuple[str, int, int]]) -> None:
    """Each record once and in order, apart from those that it was told to take back, however hubs were cut off meanwhile."""
    with mock.patch.object(readers, "Broadcaster", Outbox):
        asyncio.run(live(World(), acts))
