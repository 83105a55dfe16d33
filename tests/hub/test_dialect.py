"""A hub read as a session: resuming over breaks, errors in the hub's own words."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.hub.parts import Client, fill, hub, quote
from wsexample.doors.hub import connect_hub
from wsexample.errors import CredentialsError, RequestError
from wsexample.hub.access import MARKET_DATA, Access, TokenFile
from wsexample.hub.dialect import HubDialect
from wsexample.hub.ops import JSON, Since
from wsexample.hub.server import Hub
from wsexample.records.journal import Gap
from wsexample.records.market import Quote, Record
from wsexample.session.options import Retry
from wsexample.session.session import Session
from wsexample.wire.options import ConnectOptions

Run = Callable[[Coroutine[Any, Any, Any]], Any]
SOON = Retry(first_s=0.01, max_s=0.05, interval_s=0.001)


async def market(session: Session, count: int) -> list[Record]:
    """The next records, connection events aside."""
    taken: list[Record] = []
    while len(taken) < count:
        record = await session.receive(timeout_s=10)
        if record.venue == "t":
            taken.append(record)
    return taken


def test_a_session_yields_the_records_that_were_published(run: Run) -> None:
    """Typed, equal to the hub's own, decimals and accounts included."""

    async def main() -> None:
        async with hub() as made:
            made.publish([quote(1), fill(2)])
            async with connect_hub(f"127.0.0.1:{made.port}", "t.>") as session:
                made.publish([quote(3)])
                assert await market(session, 3) == [quote(1), fill(2), quote(3)]

    run(main())


def test_options_need_no_path_either(run: Run) -> None:
    """Who says more than an address, such as authorities for TLS, may leave the hub's path out as well."""

    async def main() -> None:
        async with hub() as made:
            made.publish([quote(1)])
            async with connect_hub(ConnectOptions(url=f"ws://127.0.0.1:{made.port}"), "t.>") as session:
                assert await market(session, 1) == [quote(1)]
                assert (session.dialect.positions["t.A.quote"], session.dialect.epoch) == (1, made.epoch)
                assert repr(made) == f"<Hub {made.url}, 1 topics, 1 readers>"
        assert repr(Hub()) == "<Hub not listening, 0 topics, 0 readers>"

    run(main())


def test_every_record_comes_once_over_a_hundred_breaks(run: Run) -> None:
    """The connection is cut at random while the hub publishes; each number is seen exactly once, in order."""
    chance = random.Random(5)

    async def main() -> None:
        async with (
            hub(desk={"history": 20_000}, ops_per_s=10_000) as made,
            connect_hub(made.url, "t.A.quote", retry=SOON) as session,
        ):

            async def publish() -> None:
                number = 0
                for _ in range(100):
                    for _ in range(chance.randrange(1, 20)):
                        for _ in range(chance.randrange(1, 20)):
                            number += 1
                            made.publish([quote(number)])
                        await asyncio.sleep(0)
                    before = session.stats.reconnects
                    for connection in list(made.readers):
                        connection.abort()
                    while session.stats.reconnects == before:
                        number += 1
                        made.publish([quote(number)])
                        await asyncio.sleep(0.001)
                made.publish([quote(0)])

            task = asyncio.create_task(publish())
            seen: list[int] = []
            while True:
                record = await session.receive(timeout_s=20)
                if isinstance(record, Quote):
                    if not record.received_ns:
                        break
                    seen.append(record.received_ns)
            await task
            assert seen == list(range(1, len(seen) + 1))
            assert len(seen) > 3000
            assert session.stats.reconnects == 100

    run(main())


def test_a_program_goes_on_where_it_stopped(run: Run) -> None:
    """With the numbers of its last life it gets what came meanwhile."""

    async def main() -> None:
        async with hub() as made:
            made.publish([quote(1), quote(2)])
            async with connect_hub(made.url, "t.>") as session:
                await market(session, 1)
                dialect = session.dialect
                assert isinstance(dialect, HubDialect)
            made.publish([quote(3), quote(4)])
            more = connect_hub(made.url, "t.>", since=dialect.positions, epoch=dialect.epoch)
            async with more as session:
                assert await market(session, 2) == [quote(3), quote(4)]

    run(main())


def test_what_the_hub_has_forgotten_is_a_gap(run: Run) -> None:
    """A gap record of the symbol says which numbers, and the session's own gap is not called filled."""

    async def main() -> None:
        async with hub(desk={"history": 2}) as made:
            made.publish(quote(number) for number in range(1, 10))
            async with connect_hub(made.url, "t.>", since={"t.A.quote": 3}, epoch=made.epoch) as session:
                gap, *rest = await market(session, 3)
                assert isinstance(gap, Gap)
                assert (gap.symbol, gap.reason) == ("A", "quote 4 to 7: the hub does not have them any more")
                assert rest == [quote(8), quote(9)]

    run(main())


def test_a_hub_that_was_started_anew_is_noticed(run: Run) -> None:
    """Its numbers begin again; a gap says so, and nothing of the new life is taken for old."""

    async def main() -> None:
        first = hub()
        await first.start()
        port = first.port
        first.publish(quote(number) for number in range(1, 6))
        async with connect_hub(f"ws://127.0.0.1:{port}", "t.>", retry=SOON) as session:
            await market(session, 1)
            await first.close()
            async with Hub("127.0.0.1", port, access=Access(anybody=MARKET_DATA)) as second:
                second.publish([quote(11)])
                await session.wait_live()
                gap, again = await market(session, 2)
                assert isinstance(gap, Gap)
                assert again == quote(11)
                second.publish([quote(12)])
                assert await market(session, 1) == [quote(12)]

    run(main())


def test_a_token_opens_and_a_wrong_one_is_final(run: Run, tmp_path: Path) -> None:
    """No retry can help, so the error is raised at once in the hub's words, without the token."""
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("me")

    async def main() -> None:
        async with Hub(access=Access(tokens, anybody=None)) as made:
            made.publish([quote(1)])
            async with connect_hub(made.url, token=token) as session:
                assert await market(session, 1) == [quote(1)]
            for wrong in ("wsx_guess", None):
                with pytest.raises(CredentialsError, match="token") as caught:
                    await connect_hub(made.url, token=wrong).__aenter__()
                assert "wsx_guess" not in str(caught.value)

    run(main())


def test_a_topic_without_right_is_refused_by_name(run: Run) -> None:
    """Asked for alone it ends the session with the hub's words."""

    async def main() -> None:
        async with hub(anybody=MARKET_DATA) as made:
            with pytest.raises(RequestError, match=r"anybody may not read t\.A\.fill"):
                await connect_hub(made.url, "t.A.fill").__aenter__()

    run(main())


def test_messages_of_a_kind_to_come_are_kept(run: Run) -> None:
    """What this version does not know costs nothing of what stands beside it."""
    dialect = HubDialect()
    step = dialect.receive(b'[{"op":"dance"},{"op":"conflated","count":3}]', False, 1)
    assert (step.records, dialect.unread, dialect.conflated, dialect.kept) == ([], 1, 3, [b'{"op":"dance"}'])
    dialect.receive(b"\xff", False, 1)
    assert dialect.unread == 2


def test_a_topic_that_speaks_late_in_a_new_life_of_the_hub_is_heard_from_its_first_record(run: Run) -> None:
    """A reader that was back before the hub knew the topic again takes its numbers as new ones, after a gap."""

    async def main() -> None:
        async with hub() as made:
            session = connect_hub(made.url, "t.A.quote", since={"t.A.quote": 50}, epoch="of before")
            async with session:
                await session.wait_live()
                made.publish([quote(1), quote(2)])
                gap, *records = await market(session, 3)
                assert isinstance(gap, Gap)
                assert records == [quote(1), quote(2)]
                assert (session.dialect.positions, session.dialect.epoch) == ({"t.A.quote": 2}, made.epoch)

    run(main())


@pytest.mark.parametrize("asked", ["t.A.quote", "t.>"])
def test_a_topic_that_first_speaks_during_a_break_is_heard_from_its_first_record(run: Run, asked: str) -> None:
    """A reader that was promised a topic before it spoke asks for all of it when it is back."""

    async def main() -> None:
        async with hub() as made, connect_hub(made.url, asked, retry=SOON) as session:
            for connection in list(made.readers):
                connection.abort()
            made.publish([quote(1), quote(2), quote(3)])
            assert await market(session, 3) == [quote(1), quote(2), quote(3)]
            assert session.stats.reconnects == 1

    run(main())


# -- a hub that means no good ------------------------------------------------------------------------------------------

WELCOME = b'{"op":"welcome","hub":"x","epoch":"e","reader":"r","version":"0","limits":{}}'


def test_an_array_of_nonsense_is_one_message_that_cannot_be_read() -> None:
    """It is not looked through row by row, which would keep the loop for seconds."""
    dialect = HubDialect()
    dialect.receive(b"[" + b"1," * 20_000 + b"1]", False, 1)
    assert dialect.unread == 1
    dialect.receive(b"[1,1," + WELCOME + b"]", False, 1)
    assert dialect.unread == 3
    assert dialect.epoch == "e"


def test_a_hub_that_invents_topics_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are remembered for so many topics and no more, and the reader is told why it ends."""
    monkeypatch.setattr("wsexample.hub.dialect._MOST_TOPICS", 3)
    dialect = HubDialect()
    rows = [JSON.data(f"t.S{number}.quote", 1, quote(number, f"S{number}")) for number in range(5)]
    step = dialect.receive(b"[" + b",".join(rows) + b"]", False, 1)
    assert len(step.records) == len(dialect.positions) == 3
    assert step.failure is not None
    assert step.failure.is_final
    assert "more than 3 topics" in str(step.failure.error)


def test_a_refusal_is_one_line_however_long_its_words_are() -> None:
    """Line breaks and commands for a terminal are written out, and a novel is cut."""
    dialect = HubDialect()
    words = r"\u001b[2J\nno " * 1000
    step = dialect.receive(f'{{"op":"error","code":"limit","message":"{words}"}}'.encode(), False, 1)
    assert step.failure is not None
    assert str(step.failure.error).isprintable()
    assert len(str(step.failure.error)) < 2000


def test_a_message_that_no_hub_sends_is_refused_at_its_head() -> None:
    """Where nobody has said otherwise, four megabytes are the most that a reader takes."""
    assert connect_hub("127.0.0.1:9")._connect_options.max_message_bytes == 4 * 1024 * 1024
    assert connect_hub(ConnectOptions(url="ws://127.0.0.1:9"))._connect_options.max_message_bytes > 4 * 1024 * 1024


def test_a_reader_says_whom_it_has_heard_until_the_hub_has_judged_its_numbers() -> None:
    """Another owner's welcome changes nothing; what comes behind the hub's judgement does, and no other life's word does."""
    dialect = HubDialect(since={"t.A.quote": 5}, epoch="life/3")

    def asks_with() -> str | None:
        dialect.start()
        dialect.receive(b'{"op":"welcome","hub":"x","epoch":"life/4","reader":"r","version":"0","limits":{}}', False, 1)
        epoch: str | None = json.loads(dialect.subscribe(["t.A.quote"]).replies[0])["epoch"]
        return epoch

    assert asks_with() == "life/3"
    step = dialect.receive(
        b'[{"op":"ack","id":1},{"op":"missed","topic":"t.A.quote","from_seq":4,"to_seq":5,"reason":"fork"}]', False, 1
    )
    assert (len(step.records), dialect.void, dialect.positions, dialect.epoch) == (1, 2, {"t.A.quote": 3}, "life/3")
    dialect.receive(b'[{"op":"epoch","epoch":"life/4"},{"op":"epoch","epoch":"another/9"}]', False, 1)
    assert asks_with() == "life/4"


def test_a_reader_of_many_thousand_topics_resumes(run: Run) -> None:
    """Their numbers are more than one op may hold: they go in several, and each record comes once."""

    async def main() -> None:
        count = 12_000
        names = [f"SYMBOL-{number:05}" for number in range(count)]
        async with hub() as made, connect_hub(made.url, "t.>", retry=SOON) as session:
            made.publish(quote(1, name) for name in names)
            await market(session, count)
            dialect: Any = session.dialect
            assert len(JSON.encode(Since(dialect.positions))) > 256 * 1024
            for connection in list(made.readers):
                connection.abort()
            made.publish(quote(2, name) for name in names)
            found = await market(session, count)
            assert found == [quote(2, name) for name in names]
            assert (session.stats.reconnects, dialect.doubled) == (1, 0)

    run(main())


def test_the_numbers_of_all_topics_that_a_reader_remembers_are_heard(run: Run) -> None:
    """They may come in as many ops as 200,000 topics need, the page's too; they do not count as a flood."""
    names = {f"alpaca.SYMBOL{number:06}WITH-A-LONG-NAME.quote": 1 for number in range(200_000)}
    ops = HubDialect(since=names, epoch="life").subscribe([">"]).replies

    async def main() -> None:
        async with hub() as made:
            for count in (len(ops), len(names) // 1000):
                client = await Client.to(made)
                for _ in range(count - 1):
                    await client.say(op="since", numbers={"t.A.quote": 1})
                await client.say(op="subscribe", topics=[">"])
                assert (await client.take())["op"] == "ack"

    run(main())


def test_numbers_of_topics_that_are_not_asked_for_stay_at_home() -> None:
    """A subscription says what it goes on with, and nothing else."""
    dialect = HubDialect(since={"t.A.quote": 3, "t.B.quote": 4, "u.C.trade": 5}, epoch="e")
    for asked, since in (
        ("t.A.quote", {"t.A.quote": 3}),
        ("t.*.quote", {"t.A.quote": 3, "t.B.quote": 4}),
        ("v.>", None),
    ):
        (reply,) = dialect.subscribe([asked]).replies
        assert json.loads(reply)["since"] == since
