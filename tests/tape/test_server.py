"""A tape played as a server."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Runner
from tests.tape.tapes import BEGIN, SECOND, TOY, record, trade, write_bare_tape, write_tape
from wsexample.errors import ConnectionClosed, HandshakeError
from wsexample.tape.format import Source
from wsexample.tape.server import TapePlan, TapeStats, serve_tape
from wsexample.wire.connection import connect

FAST = TapePlan(speed=None)


def test_a_client_gets_what_was_received(run_grid: Runner[None], tmp_path: Path) -> None:
    """Every payload comes as it was, text as text, and then the connection is closed with 1000."""
    path = write_tape(tmp_path / "a.tape", [(n, f"message {n}") for n in range(2500)])

    async def main() -> None:
        async with serve_tape(path, FAST) as server, connect(server.url) as ws:
            assert [message async for message in ws] == [f"message {n}" for n in range(2500)]
            assert ws.close_code == 1000

    run_grid(main())


def test_websockets_client_gets_it_too(run: Runner[None], tmp_path: Path) -> None:
    """Somebody else's client reads a tape as it reads a venue."""
    from websockets.asyncio.client import connect as connect_theirs

    path = write_tape(tmp_path / "a.tape", [(0, "one"), (0.05, "two")])

    async def main() -> None:
        async with serve_tape(path) as server, connect_theirs(server.url) as ws:
            assert [message async for message in ws] == ["one", "two"]

    run(main())


def test_answers_wait_for_the_client(run: Runner[None], tmp_path: Path) -> None:
    """What was the answer to a login is not sent before the client has spoken."""

    async def main() -> None:
        await record(tmp_path / "day.tape", breaks=False)
        async with serve_tape(tmp_path / "day.tape", FAST) as server, connect(server.url + "/a") as ws:
            with pytest.raises(TimeoutError):
                await ws.receive(timeout_s=0.05)
            await ws.send("a login")
            assert await ws.receive(timeout_s=5) == '{"login": "ok"}'
            await ws.send("a subscription")
            assert await ws.receive(timeout_s=5) == '{"have": ["A"]}'
            assert len([message async for message in ws]) == 5

    run(main())


def test_breaks_are_joined_unless_asked_for(run: Runner[None], tmp_path: Path) -> None:
    """A client that never lost its connection does not see the second login; with ``breaks`` it is cut where it was."""

    async def main() -> None:
        await record(tmp_path / "day.tape")
        plan = TapePlan(speed=None, waits=False)
        async with serve_tape(tmp_path / "day.tape", plan) as server, connect(server.url) as ws:
            joined = [message async for message in ws]
        assert (len(joined), joined.count('{"login": "ok"}')) == (12, 1)
        broken = TapePlan(speed=None, waits=False, breaks=True)
        seen = []
        async with serve_tape(tmp_path / "day.tape", broken) as server:
            for _ in range(2):
                async with connect(server.url) as ws:
                    count = 0
                    with suppress(ConnectionClosed):
                        async for _ in ws:
                            count += 1
                seen.append((count, ws.close_code))
        assert seen == [(7, 1006), (7, 1000)]

    run(main())


def test_playing_may_begin_later(run: Runner[None], tmp_path: Path) -> None:
    """Before ``from_ns`` a client gets the opening alone."""

    async def main() -> None:
        await record(tmp_path / "day.tape", breaks=False)
        plan = TapePlan(speed=None, waits=False, from_ns=BEGIN + 2 * SECOND)
        async with serve_tape(tmp_path / "day.tape", plan) as server, connect(server.url) as ws:
            assert [message async for message in ws] == [
                '{"login": "ok"}',
                '{"have": ["A"]}',
                *[trade(n, n / 4) for n in (3, 4)],
            ]

    run(main())


def test_the_path_chooses_among_sources(run: Runner[None], tmp_path: Path) -> None:
    """Each source of a tape is where it was; other paths do not exist."""
    path = write_tape(tmp_path / "a.tape", [(0, "a", 0), (1, "b", 1)], TOY, Source(url="wss://other/b"))
    stats = TapeStats()

    async def main() -> None:
        async with serve_tape(path, FAST, stats=stats) as server:
            async with connect(server.url + "/b") as ws:
                assert [message async for message in ws] == ["b"]
            with pytest.raises(HandshakeError, match="404"):
                await connect(server.url + "/c")

    run(main())
    assert (stats.clients, stats.sent, stats.finished) == (1, 1, 1)


def test_a_tape_without_messages_is_not_repeated_for_ever(run: Runner[None], tmp_path: Path) -> None:
    """Where there is nothing to send again, the connection is closed and the server serves on."""
    path = write_tape(tmp_path / "a.tape", [(0, "one")])

    async def main() -> None:
        plan = TapePlan(speed=None, repeats=True, waits=False, from_ns=BEGIN + SECOND)
        async with serve_tape(path, plan) as server:
            for _ in range(2):
                async with connect(server.url) as ws:
                    assert [message async for message in ws] == []
                    assert ws.close_code == 1000

    run(main())


def test_messages_of_no_known_dialect_begin_where_they_shall(run: Runner[None], tmp_path: Path) -> None:
    """A connection that no note calls live has no opening that must come first."""
    path = write_bare_tape(tmp_path / "a.tape")

    async def main() -> None:
        plan = TapePlan(speed=None, from_ns=BEGIN + 4 * SECOND)
        async with serve_tape(path, plan) as server, connect(server.url) as ws:
            assert [message async for message in ws] == ["4", "5"]

    run(main())
