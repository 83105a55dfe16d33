"""A feed takes every record to where it belongs, tells what happens, and counts honestly, whatever the broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import Runner
from tests.session.toy import ToyDialect, said, toy_dialer
from wsexample.cli.feed.journal import Journal
from wsexample.cli.feed.plan import FeedPlan
from wsexample.cli.feed.run import Feed
from wsexample.cli.running import Stop
from wsexample.errors import CredentialsError, NetworkError, OptionError, StorageError
from wsexample.records.fields import decode_json
from wsexample.records.journal import ConnectionEvent
from wsexample.records.market import Record, Trade
from wsexample.session.options import Retry
from wsexample.session.session import Session

AT_ONCE = Retry(first_s=0.001, max_s=0.001, interval_s=0.0)


def toy(script: list[Any], *, retry: Retry = AT_ONCE) -> Session:
    """A session whose connections say what the script has; the last entry ends it."""
    return Session(ToyDialect(), ["A", "B"], dial=toy_dialer(script=script), retry=retry)


async def fed(session: Session, **plan: Any) -> int:
    """Run a feed from one session to its end."""
    return await Feed(FeedPlan(**plan), {"toy": session}, Stop(), place="toy").run()


def prices(text: str) -> list[float]:
    """Prices of the trades among JSON lines."""
    records = [decode_json(line) for line in text.splitlines()]
    return [record.price for record in records if isinstance(record, Trade)]


def test_a_pipe_gets_every_record_in_order(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """One JSON object a line on stdout; what is for people is on stderr, and the counts add up there."""
    assert run(fed(toy([[said("A", 1), said("B", 2), said("A", 3)]]))) == 0
    out, err = capfd.readouterr()
    assert prices(out) == [1, 2, 3]
    assert "4 messages received in" in err  # the answer to the subscription is one
    assert "3 delivered, 0 lost" in err
    assert "records: 3 received = 3 delivered + 0 conflated + 0 dropped + 0 waiting" in err


def test_the_store_holds_records_gaps_and_connection_events(run: Runner[int], tmp_path: Path) -> None:
    """Whoever opens the file later finds the data, where some may be missing, and why."""
    file = tmp_path / "ticks.db"
    run(fed(toy([[said("A", 1)], [said("A", 2)]]), store=str(file), is_quiet=True))
    with sqlite3.connect(file) as store:
        assert [row[0] for row in store.execute("select price from trades order by rowid")] == [1, 2]
        assert store.execute("select count(*) from gaps").fetchone() == (1,)
        events = [row[0] for row in store.execute("select event from connections order by rowid")]
    store.close()
    assert events[0] == "opened"
    assert events[-1] == "ended"
    assert {"failed", "retried", "live"} <= set(events)


def test_a_break_is_told_and_summed_up(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """The loss, the return and the gap have a line each; the gap stands in the pipe between the records."""
    run(fed(toy([[said("A", 1)], [said("A", 2)]])))
    out, err = capfd.readouterr()
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["trade", "gap", "trade"]
    for words in (": lost: ", ": live again after ", ": gap: what came from ", ": 1 reconnect, 1 gap ("):
        assert err.count(words) == 1


def test_the_journal_is_lines_in_a_file(run: Runner[int], tmp_path: Path) -> None:
    """Every event and gap is a line; a second run adds to the file."""
    file = tmp_path / "journal.jsonl"
    for _ in range(2):
        run(fed(toy([[said("A", 1)], []]), journal=str(file), is_quiet=True))
    kinds = [json.loads(line).get("event", "gap") for line in file.read_text(encoding="utf-8").splitlines()]
    assert kinds.count("opened") == 4
    assert kinds.count("gap") == kinds.count("ended") == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no disk that is always full")
def test_a_journal_on_a_full_disk_is_named_and_closes(run: Runner[None]) -> None:
    """The line that could not be written is the error; closing tries it no second time."""

    async def main() -> None:
        journal = Journal("/dev/full")
        await journal.open()
        with pytest.raises(StorageError, match="the journal /dev/full cannot be written: No space left"):
            await journal.write(ConnectionEvent(venue="v", received_ns=1, event="live"))
        await journal.close()

    run(main())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no disk that is always full")
def test_events_that_could_not_be_kept_are_no_normal_end(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """Records go on as if nothing were, and what ends the feed in the end is that its journal lacks something."""
    with pytest.raises(StorageError, match="the journal /dev/full cannot be written"):
        run(fed(toy([[said("A", 1), said("A", 2)]]), journal="/dev/full"))
    assert prices(capfd.readouterr().out) == [1, 2]


def test_the_journal_may_be_a_sink(run: Runner[int], tmp_path: Path) -> None:
    """A path that ends in .db is an SQLite file."""
    run(fed(toy([[said("A", 1)]]), journal=str(tmp_path / "journal.db"), is_quiet=True))
    with sqlite3.connect(tmp_path / "journal.db") as store:
        assert store.execute("select count(*) from connections where event = 'live'").fetchone() == (1,)
    store.close()


def test_a_count_is_exact(run: Runner[int], capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--count ends after so many records, in the pipe as in the store, though more have come."""
    file = tmp_path / "ticks.db"
    assert run(fed(toy([[said("A", number) for number in range(9)]]), count=4, store=str(file))) == 0
    assert prices(capfd.readouterr().out) == [0, 1, 2, 3]
    with sqlite3.connect(file) as store:
        assert store.execute("select count(*) from trades").fetchone() == (4,)
    store.close()


def test_a_duration_ends_a_feed_that_would_go_on(run: Runner[int]) -> None:
    """A silent stream ends when its time is over, with status 0."""
    session = Session(ToyDialect(), ["A"], dial=toy_dialer())
    assert run(fed(session, duration_s=0.05, is_quiet=True)) == 0
    assert session.phase == "closed"


def test_who_ends_the_program_gets_what_came(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """Asked to end, a feed closes its session, prints what came, and returns the status of the signal."""

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        session = Session(ToyDialect(), ["A"], dial=dialer)
        feeding = asyncio.ensure_future(Feed(FeedPlan(), {"toy": session}, stop, place="toy").run())
        connection = await dialer.opened()
        await session.wait_live()
        connection.say(said("A", 1), said("A", 2))
        while session.stats.messages < 2:
            await asyncio.sleep(0)
        stop.ask(2)
        return await feeding

    assert run(main()) == 130
    assert prices(capfd.readouterr().out) == [1, 2]


def test_a_server_that_does_not_answer_the_close_keeps_nobody(
    run: Runner[int], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who ends the program gets what came, although no server answers a close frame any more."""
    monkeypatch.setattr("wsexample.cli.feed.run.LEAVING_S", 0.01)

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        sessions = {name: Session(ToyDialect(), ["A"], dial=dialer) for name in ("one", "other")}
        feeding = asyncio.ensure_future(Feed(FeedPlan(), sessions, stop, place="toy").run())
        await dialer.opened(2)
        for session in sessions.values():
            await session.wait_live()
        for connection in dialer.connections:
            monkeypatch.setattr(connection, "start_close", lambda code=1000, reason="": None)
            connection.say(said("A", 1))
        while not all(session.stats.messages for session in sessions.values()):
            await asyncio.sleep(0)
        stop.ask(2)
        return await feeding

    assert run(main()) == 130
    assert prices(capfd.readouterr().out) == [1, 1]


def test_what_is_done_on_the_way_out_keeps_nobody(run: Runner[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends the program does not wait for a client that clears up at a server which says nothing."""
    monkeypatch.setattr("wsexample.cli.feed.run.LEAVING_S", 0.01)

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        session = Session(ToyDialect(), ["A"], dial=dialer)

        @contextlib.asynccontextmanager
        async def client() -> AsyncIterator[None]:
            async with session:
                yield
            await asyncio.Event().wait()

        feeding = asyncio.ensure_future(Feed(FeedPlan(), {"toy": session}, stop, place="toy", opened_by=client()).run())
        await session.wait_live()
        stop.ask(2)
        return await feeding

    assert run(main()) == 130


def test_an_end_while_it_connects_is_an_end(run: Runner[int]) -> None:
    """Who gives up waiting for a server that does not answer is not kept."""

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        dialer.hang()
        session = Session(ToyDialect(), ["A"], dial=dialer)
        feeding = asyncio.ensure_future(Feed(FeedPlan(), {"toy": session}, stop, place="toy").run())
        while not dialer.dialled:
            await asyncio.sleep(0)
        stop.ask(2)
        return await feeding

    assert run(main()) == 130


def test_what_ended_the_stream_is_raised(run: Runner[int], capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A final error comes out of the feed after everything that came was printed and stored."""
    script = [[said("A", 1)], CredentialsError("the key is no longer good", venue="toy")]
    with pytest.raises(CredentialsError, match="no longer good"):
        run(fed(toy(script), store=str(tmp_path / "ticks.db")))
    out, err = capfd.readouterr()
    assert prices(out) == [1]
    assert "1 stored, 0 lost" in err


def test_a_stream_that_never_began_has_no_summary(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """Where nothing was opened there is nothing to count; the journal tells the attempt all the same."""
    session = toy([NetworkError("nobody listens")], retry=Retry(max_attempts=1))
    with pytest.raises(NetworkError, match="nobody listens"):
        run(fed(session))
    assert capfd.readouterr().err == ""


def test_a_failed_login_stands_in_the_journal(run: Runner[int], tmp_path: Path) -> None:
    """What happened before the first record is kept too."""
    file = tmp_path / "journal.jsonl"
    session = Session(ToyDialect(login=True), ["A"], dial=toy_dialer(script=[['{"login":"bad"}'], []]))
    with pytest.raises(CredentialsError):
        run(fed(session, journal=str(file), is_quiet=True))
    assert '"event":"login_failed"' in file.read_text(encoding="utf-8")


def test_a_journal_that_cannot_be_written_is_found_first(run: Runner[int], tmp_path: Path) -> None:
    """A wrong path is an error before anything is dialled."""
    session = toy([[said("A", 1)]])
    with pytest.raises(StorageError, match="cannot be written"):
        run(fed(session, journal=str(tmp_path / "none" / "journal.jsonl")))
    assert session.stats.attempts == 0


def test_warnings_of_the_library_are_lines_too(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """What the library warns of is told under the program's name, once."""
    import logging

    class Warner:
        def take(self, record: Record) -> Iterable[Record]:
            logging.getLogger("wsexample.toy").warning("the clock is %s", "wrong")
            return ()

        def words(self, answer: Record) -> str:
            return ""

    feed = Feed(FeedPlan(), {"toy": toy([[said("A", 1)]])}, Stop(), place="toy", watchers=[Warner()])
    run(feed.run())
    assert capfd.readouterr().err.count("wsexample: the clock is wrong\n") == 1


def test_a_watcher_adds_records(run: Runner[int], capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What a watcher answers goes into pipe and store like everything else, and counts as no record of the market."""

    class Echo:
        def take(self, record: Record) -> Iterable[Record]:
            if isinstance(record, Trade) and record.symbol == "A":
                yield Trade(venue="toy", symbol="echo", received_ns=1, price=-record.price, size=1.0)

        def words(self, answer: Record) -> str:
            return "an echo"

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        session = Session(ToyDialect(), ["A"], dial=dialer)
        plan = FeedPlan(store=str(tmp_path / "ticks.db"), count=2)
        feeding = asyncio.ensure_future(Feed(plan, {"toy": session}, stop, place="toy", watchers=[Echo()]).run())
        (await dialer.opened()).say(said("A", 1))
        return await feeding

    assert run(main()) == 0
    out, err = capfd.readouterr()
    assert prices(out) == [1, -1]
    assert "wsexample: an echo\n" in err


def test_an_alert_of_the_plan_is_told(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """Every streaming command knows alerts; one that cannot be read is found before anything is dialled."""

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        session = Session(ToyDialect(), ["A"], dial=dialer)
        plan = FeedPlan(alerts=("A > 1",), count=2)
        feeding = asyncio.ensure_future(Feed(plan, {"toy": session}, stop, place="toy").run())
        (await dialer.opened()).say(said("A", 1), said("A", 2))
        return await feeding

    assert run(main()) == 0
    out, err = capfd.readouterr()
    assert err.count("ALERT A: last is 2 (A > 1)") == 1
    assert '"kind":"alert"' in out
    with pytest.raises(OptionError, match="cannot be read"):
        Feed(FeedPlan(alerts=("A is 1",)), {}, Stop(), place="toy")


def test_several_sessions_share_a_feed(run: Runner[int], capfd: pytest.CaptureFixture[str]) -> None:
    """Records of all come out, and what happens to one is told under its name."""
    sessions = {"left": toy([[said("A", 1)]]), "right": toy([[said("A", 2)], [said("A", 3)]])}
    assert run(Feed(FeedPlan(), sessions, Stop(), place="toy").run()) == 0
    out, err = capfd.readouterr()
    assert sorted(prices(out)) == [1, 2, 3]
    assert "right: live again" in err
    assert "left: " not in err


MANY = 3000
"""Records that no pipe holds: 300 kB and more."""


@contextlib.contextmanager
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, IO[str]]]:
    """Have standard output be a pipe; yields the end to read from, and the other."""
    reader, writer = os.pipe()
    stdout = os.fdopen(writer, "w")
    monkeypatch.setattr("sys.stdout", stdout)
    try:
        yield reader, stdout
    finally:
        os.close(reader)  # frees the thread that still writes
        stdout.close()


def test_a_pipe_that_nobody_reads_holds_up_nothing(
    run: Runner[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """While nobody reads, the store takes everything; told to end, the feed ends and says what was not read."""
    from wsexample.cli.feed import run as module

    monkeypatch.setattr(module, "LAST_WORDS_S", 0.05)

    async def main() -> int:
        dialer, stop = toy_dialer(), Stop()
        session = Session(ToyDialect(), ["A"], dial=dialer)
        plan = FeedPlan(store=str(tmp_path / "t.db"))
        feeding = asyncio.ensure_future(Feed(plan, {"toy": session}, stop, place="toy").run())
        (await dialer.opened()).say(*(said("A", number) for number in range(MANY)))
        while session.stats.messages < MANY:
            await asyncio.sleep(0.001)
        stop.ask(2)
        return await feeding

    with piped(monkeypatch):
        assert run(main()) == 130
    with sqlite3.connect(tmp_path / "t.db") as store:
        assert store.execute("select count(*) from trades").fetchone() == (MANY,)
    store.close()
    err = capfd.readouterr().err
    assert "3,000 stored, 0 lost" in err
    assert "of them were not read any more" in err


def test_a_slow_reader_gets_everything(run: Runner[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """When the stream is over by itself, the feed waits for a reader as long as that reads."""
    from wsexample.cli.feed import run as module

    monkeypatch.setattr(module, "LAST_WORDS_S", 0.0)
    read: list[bytes] = []

    def slowly(reader: int) -> None:
        while data := os.read(reader, 4096):
            read.append(data)
            time.sleep(0.0005)

    with piped(monkeypatch) as (reader, stdout):
        reading = threading.Thread(target=slowly, args=(reader,))
        reading.start()
        assert run(fed(toy([[said("A", number) for number in range(MANY)]]))) == 0
        stdout.close()
        reading.join(20)
    assert prices(b"".join(read).decode()) == list(range(MANY))
