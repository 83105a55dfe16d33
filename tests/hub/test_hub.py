"""A hub over real sockets: snapshot, missed, live; slow readers; what is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.hub.parts import OWNER, Client, fill, hub, quote
from tests.hub.test_forks import Outbox
from tests.property.looping import LeapingLoop
from wsexample.errors import ConnectionClosed, HandshakeError, StorageError
from wsexample.hub.access import MARKET_DATA, Access, Rights, TokenFile
from wsexample.hub.ops import JSON, SUBPROTOCOLS
from wsexample.hub.readers import Reader, send_all
from wsexample.hub.server import Hub, HubOptions
from wsexample.hub.web import HubPages
from wsexample.wire.connection import connect

Run = Callable[[Coroutine[Any, Any, Any]], Any]
TOPIC = "t.A.quote"


@pytest.mark.parametrize("subprotocol", [None, *SUBPROTOCOLS])
def test_a_reader_gets_the_newest_and_then_everything(run: Run, subprotocol: str | None) -> None:
    """The snapshot is the newest record with its number; what is published after it follows without a gap."""

    async def main() -> None:
        async with hub() as made:
            made.publish([quote(1), quote(2)])
            client = await Client.to(made, subprotocols=[subprotocol] if subprotocol else [])
            await client.subscribe("t.*.quote")
            made.publish([quote(3), quote(4, "B")])
            first = await client.take()
            assert (first["topic"], first["seq"], first["record"]["bid_price"]) == (TOPIC, 2, 2.0)
            assert await client.data(2) == [(TOPIC, 3), ("t.B.quote", 1)]

    run(main())


def test_a_reader_that_resumes_gets_what_it_missed(run: Run) -> None:
    """With ``since`` everything newer comes, once each, then what is live."""

    async def main() -> None:
        async with hub() as made:
            made.publish(quote(number) for number in range(1, 11))
            client = await Client.to(made)
            await client.subscribe(TOPIC, since={TOPIC: 4})
            made.publish([quote(11)])
            assert await client.data(7) == [(TOPIC, seq) for seq in range(5, 12)]

    run(main())


def test_publishing_while_a_reader_catches_up_leaves_no_gap_and_no_double(run: Run) -> None:
    """Ten thousand old records and ten thousand that come meanwhile arrive in one unbroken row."""

    async def main() -> None:
        async with hub(desk={"history": 50_000}) as made:
            made.publish(quote(number) for number in range(10_000))
            client = await Client.to(made)

            async def publish() -> None:
                for number in range(1_000):
                    made.publish(quote(number) for _ in range(10))
                    await asyncio.sleep(0)

            task = asyncio.create_task(publish())
            await client.subscribe(TOPIC, since=0)
            assert await client.data(20_000) == [(TOPIC, seq) for seq in range(1, 20_001)]
            await task

    run(main())


def test_a_reader_that_resumes_many_topics_holds_nobody_up(run: Run) -> None:
    """Others have their turn again and again, and nothing is missing of what is published meanwhile."""

    async def main() -> None:
        names = [f"{number:05}" for number in range(5_000)]
        async with hub() as made:
            made.publish(quote(number, name) for name in names for number in (1, 2))
            client = await Client.to(made)
            turns = 0

            async def publish() -> None:
                nonlocal turns
                while not any(reader.place for reader in made.readers.values()):
                    turns += made.desk.stats.resumed
                    if turns % 5 == 4:
                        made.publish(quote(turns, name) for name in names[:: turns + 1])
                    await asyncio.sleep(0)
                made.publish(quote(9, name) for name in names)

            task = asyncio.create_task(publish())
            await client.subscribe("t.>", since={f"t.{name}.quote": 1 for name in names})
            got: list[tuple[str, int]] = []
            while not task.done():
                got += await client.data(1)
            got += await client.data(sum(topic.seq - 1 for topic in made.desk.topics.values()) - len(got))
            assert Counter(got) == {
                (name, seq): 1 for name, topic in made.desk.topics.items() for seq in range(2, topic.seq + 1)
            }
            assert [seq for _, seq in sorted(got, key=lambda row: row[0])] == [seq for _, seq in sorted(got)]
            assert turns > 10

    run(main())


def test_what_the_hub_has_forgotten_is_reported(run: Run) -> None:
    """A reader that was away for too long is told which numbers it will never get."""

    async def main() -> None:
        async with hub(desk={"history": 3}) as made:
            made.publish(quote(number) for number in range(10))
            client = await Client.to(made)
            await client.subscribe(TOPIC, since=2)
            missed = await client.take()
            assert missed == {"op": "missed", "topic": TOPIC, "from_seq": 3, "to_seq": 7, "reason": "history"}
            assert await client.data(3) == [(TOPIC, 8), (TOPIC, 9), (TOPIC, 10)]

    run(main())


def test_numbers_of_another_life_say_nothing(run: Run) -> None:
    """A hub that was started anew says so, and sends what it has."""

    async def main() -> None:
        async with hub() as made:
            made.publish([quote(1), quote(2)])
            client = await Client.to(made)
            await client.subscribe(TOPIC, since={TOPIC: 77}, epoch="of before")
            assert (await client.take())["reason"] == "epoch"
            assert await client.data(2) == [(TOPIC, 1), (TOPIC, 2)]

    run(main())


def test_an_interval_brings_the_newest(run: Run) -> None:
    """A reader that asks for something now and then gets the newest then; another one gets everything."""

    async def main() -> None:
        async with hub() as made:
            calm, eager = await Client.to(made), await Client.to(made)
            await calm.subscribe(TOPIC, interval_ms=50)
            await eager.subscribe(TOPIC)
            made.publish(quote(number) for number in range(100))
            assert await eager.data(100) == [(TOPIC, seq) for seq in range(1, 101)]
            assert await calm.data(1) == [(TOPIC, 100)]

    run(main())


def test_orders_and_fills_are_never_conflated(run: Run) -> None:
    """An interval is for market data; every fill comes."""

    async def main() -> None:
        async with hub() as made:
            client = await Client.to(made)
            await client.subscribe("t.>", interval_ms=30)
            made.publish([fill(1), quote(1), fill(2), quote(2), fill(3)])
            assert await client.data(4) == [("t.A.fill", 1), ("t.A.fill", 2), ("t.A.fill", 3), (TOPIC, 2)]

    run(main())


def test_unsubscribed_topics_stop(run: Run) -> None:
    """A pattern that is given up brings nothing any more, others go on; a topic that two patterns mean comes once."""

    async def main() -> None:
        async with hub() as made:
            client = await Client.to(made)
            await client.subscribe("t.A.quote", "t.*.quote", "t.B.trade")
            made.publish([quote(1)])
            assert await client.data(1) == [(TOPIC, 1)]
            await client.say(op="unsubscribe", topics=["t.*.quote"], id="x")
            assert await client.take() == {"op": "ack", "id": "x", "topics": ["t.*.quote"]}
            made.publish([quote(1, "B"), quote(2)])
            assert await client.data(1) == [(TOPIC, 2)]
            await client.say(op="unsubscribe", topics=["t.A.quote"])
            await client.take()
            made.publish([quote(3)])
            await client.say(op="ping", id=9)
            assert (await client.take())["op"] == "pong"

    run(main())


def test_a_slow_reader_gets_the_newest_and_is_told(run: Run) -> None:
    """While its socket is full, market data is conflated and fills are kept; a fast reader loses nothing meanwhile."""

    async def main() -> None:
        async with hub(desk={"max_backlog_bytes": 20_000, "look_s": 0.01}) as made:
            slow = await Client.to(made, read_ahead_messages=1, read_ahead_bytes=1000)
            fast = await Client.to(made)
            await slow.subscribe("t.>")
            await fast.subscribe("t.>")
            total = 40_000
            for number in range(total // 100):
                made.publish(quote(number) for _ in range(100))
                made.publish([fill(number)])
                assert len(await fast.data(101)) == 101
            assert made.desk.stats.slow >= 1
            seen: dict[str, list[int]] = {TOPIC: [], "t.A.fill": []}
            told = 0
            while not seen[TOPIC] or seen[TOPIC][-1] < total or seen["t.A.fill"][-1] < total // 100:
                message = await slow.take()
                if message["op"] == "conflated":
                    told += message["count"]
                else:
                    seen[message["topic"]].append(message["seq"])
            assert seen["t.A.fill"] == list(range(1, total // 100 + 1))
            assert seen[TOPIC] == sorted(set(seen[TOPIC]))
            assert told == total - len(seen[TOPIC]) == made.desk.stats.conflated

    run(main())


def test_a_reader_that_takes_a_little_all_the_time_is_not_too_slow() -> None:
    """What it is waited for is that it takes anything at all: a catch-up as a whole may take longer."""

    class Slow(Outbox):
        async def send_text(self, payload: bytes) -> None:
            await asyncio.sleep(20)
            self.sent.append(payload)

    async def main() -> None:
        outbox = Slow()
        reader = Reader(outbox, JSON, OWNER, "r")  # type: ignore[arg-type]
        await send_all(reader, [b"x" * 100_000] * 6, 30)
        assert len(outbox.sent) == 6
        with pytest.raises(TimeoutError):
            await send_all(reader, [b"x"], 10)

    with closing(LeapingLoop()) as loop:  # in which no time passes
        loop.run_until_complete(main())


def test_a_frozen_reader_is_closed_with_1013(run: Run) -> None:
    """One that takes nothing at all is let go, and nobody else notices."""

    async def main() -> None:
        async with hub(desk={"max_backlog_bytes": 20_000, "look_s": 0.01, "stall_s": 0.3}) as made:
            frozen = await Client.to(made, read_ahead_messages=1, read_ahead_bytes=1000)
            fast = await Client.to(made)
            await frozen.subscribe("t.>")
            await fast.subscribe("t.>")
            published = 0
            while not made.desk.stats.closed_slow:
                made.publish(quote(1) for _ in range(200))
                published += 200
                await fast.data(200)
                await asyncio.sleep(0.001)
            assert await frozen.close_code() in (1013, 1006)
            made.publish([quote(1)])
            assert await fast.data(1) == [(TOPIC, published + 1)]

    run(main())


# -- access ----------------------------------------------------------------------------------------------------------------


def test_tokens_give_rights(run: Run, tmp_path: Path) -> None:
    """By header or by op; market data apart from account data; account numbers only for those who may see them."""
    tokens = TokenFile(tmp_path / "tokens.json")
    desk_token = tokens.add("desk", account=True)
    view = tokens.add("viewer", topics=["t.A.>"])

    async def main() -> None:
        async with Hub(access=Access(tokens, anybody=None)) as made:
            made.publish([quote(1), quote(1, "B"), fill(1)])
            desk = await Client.to(made, headers={"Authorization": f"Bearer {desk_token}"})
            await desk.subscribe("t.>")
            taken = [await desk.take() for _ in range(3)]
            assert {message["topic"] for message in taken} == {TOPIC, "t.B.quote", "t.A.fill"}
            assert all(message["record"].get("account") is None for message in taken)

            viewer = await Client.to(made)
            await viewer.say(op="auth", token=view, id=0)
            assert (await viewer.take())["op"] == "ack"
            await viewer.subscribe("t.>")
            assert await viewer.data(1) == [(TOPIC, 1)]
            for topic in ("t.A.fill", "t.B.quote"):
                await viewer.say(op="subscribe", topics=[topic], id=5)
                refused = await viewer.take()
                assert (refused["code"], refused["id"]) == ("rights", 5)

    run(main())
    assert view not in (tmp_path / "tokens.json").read_text()


def test_a_token_has_so_many_readers(run: Run, tmp_path: Path) -> None:
    """One more is told and closed with 1008, by header and by op; when one has gone there is room again."""
    tokens = TokenFile(tmp_path / "tokens.json")
    token, other = tokens.add("me"), tokens.add("other")

    async def main() -> None:
        async with Hub(access=Access(tokens, anybody=None), options=HubOptions(max_readers_per_token=1)) as made:
            first = await Client.to(made, headers={"Authorization": f"Bearer {token}"})
            await first.subscribe(">")
            await (await Client.to(made, headers={"Authorization": f"Bearer {other}"})).subscribe(">")
            for headers in ({"Authorization": f"Bearer {token}"}, {}):
                second = await Client.to(made, headers=headers)
                if not headers:
                    await second.say(op="auth", token=token)
                assert await second.take() == {"op": "error", "code": "limit", "message": "me has 1 readers already"}
                assert await second.close_code() == 1008
            assert made.refused == {"limit": 2}
            await first.connection.close()
            while len(made.readers) > 1:
                await asyncio.sleep(0.01)
            await (await Client.to(made, headers={"Authorization": f"Bearer {token}"})).subscribe(">")

    run(main())


@pytest.mark.parametrize("case", ["wrong", "none", "expired", "late"])
def test_a_token_that_does_not_hold_is_refused(run: Run, tmp_path: Path, case: str) -> None:
    """With a reason and with 1008; the token itself is in no message."""
    tokens = TokenFile(tmp_path / "tokens.json")
    expired = tokens.add("old", expires_ns=1)

    async def main() -> None:
        options = HubOptions(auth_timeout_s=0.2 if case == "late" else 5.0)
        async with Hub(access=Access(tokens, anybody=None), options=options) as made:
            client = await Client.to(made)
            if case == "none":
                await client.say(op="subscribe", topics=[">"])
            elif case != "late":
                await client.say(op="auth", token=expired if case == "expired" else "wsx_guess")
            refused = await client.take()
            assert (refused["op"], refused["code"]) == ("error", "token")
            assert "wsx_" not in refused["message"]
            with pytest.raises(ConnectionClosed) as caught:
                await client.take()
            assert caught.value.code == 1008
            assert made.refused == {"token": 1}

    run(main())


def test_a_revoked_token_ends_its_readers(run: Run, tmp_path: Path) -> None:
    """The next look finds it gone and closes with 1008; others stay."""
    tokens = TokenFile(tmp_path / "tokens.json")
    first, second = tokens.add("first"), tokens.add("second")

    async def main() -> None:
        async with Hub(access=Access(tokens, anybody=None), options=HubOptions(rights_look_s=0.05)) as made:
            one = await Client.to(made, headers={"Authorization": f"Bearer {first}"})
            two = await Client.to(made, headers={"Authorization": f"Bearer {second}"})
            TokenFile(tmp_path / "tokens.json").revoke("first")
            with pytest.raises(ConnectionClosed) as caught:
                await one.take()
            assert caught.value.code == 1008
            await two.say(op="ping")
            assert (await two.take())["op"] == "pong"

    run(main())


def test_a_new_token_for_a_name_does_not_keep_the_revoked_one(run: Run, tmp_path: Path) -> None:
    """A token that leaked and was made anew with the same rights ends its connections all the same."""
    path = tmp_path / "tokens.json"
    leaked = TokenFile(path).add("anna")

    async def main() -> None:
        options = HubOptions(rights_look_s=0.05)
        async with Hub(access=Access(TokenFile(path), anybody=None), options=options) as made:
            reader = await Client.to(made, headers={"Authorization": f"Bearer {leaked}"})
            TokenFile(path).revoke("anna")
            TokenFile(path).add("anna")
            with pytest.raises(ConnectionClosed) as caught:
                await reader.take()
            assert caught.value.code == 1008

    run(main())


def test_a_reader_is_no_other_reader_of_its_token(run: Run, tmp_path: Path) -> None:
    """One that says the token of its header again does not count against itself."""
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("anna")

    async def main() -> None:
        options = HubOptions(max_readers_per_token=1)
        async with Hub(access=Access(tokens, anybody=None), options=options) as made:
            client = await Client.to(made, headers={"Authorization": f"Bearer {token}"})
            await client.say(op="auth", token=token)
            assert (await client.take())["op"] == "ack"

    run(main())


def test_tokens_are_on_the_disk_before_they_take_the_place_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written half is not the one that is read; where it cannot be written nothing of it is left."""
    path = tmp_path / "tokens.json"
    acts: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (acts.append("sync"), sync(handle)))
    monkeypatch.setattr(Path, "replace", lambda aside, target: (acts.append("replace"), replace(aside, target)))
    TokenFile(path).add("anna")
    assert acts == ["sync", "replace"]

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        TokenFile(path).revoke("anna")
    assert [one.name for one in tmp_path.iterdir()] == ["tokens.json"]
    assert [one.name for one in TokenFile(path).names()] == ["anna"]


def test_while_the_file_of_tokens_cannot_be_read_no_token_holds(run: Run, tmp_path: Path) -> None:
    """Readers end and are told to come again; once it is mended a revoked token still ends its own."""
    path = tmp_path / "tokens.json"
    token = TokenFile(path).add("anna")
    whole = path.read_text()
    bearer = {"Authorization": f"Bearer {token}"}

    async def main() -> None:
        options = HubOptions(rights_look_s=0.05)
        async with Hub(access=Access(TokenFile(path), anybody=None), options=options) as made:
            reader = await Client.to(made, headers=bearer)
            path.write_text("{")
            with pytest.raises(ConnectionClosed) as caught:
                await reader.take()
            assert caught.value.code == 1011
            with pytest.raises(HandshakeError) as refused:
                await connect(made.url, headers=bearer)
            assert refused.value.status == 503
            late = await Client.to(made)
            await late.say(op="auth", token=token)
            with pytest.raises(ConnectionClosed) as ended:
                await late.take()
            assert (ended.value.code, made.refused) == (1011, {"tokens": 3})
            path.write_text(whole)
            reader = await Client.to(made, headers=bearer)
            TokenFile(path).revoke("anna")
            with pytest.raises(ConnectionClosed) as revoked:
                await reader.take()
            assert revoked.value.code == 1008

    run(main())


@pytest.mark.parametrize("has_page", [True, False])
def test_connections_that_ask_for_nothing_are_dropped_and_noted(
    run: Run, caplog: pytest.LogCaptureFixture, has_page: bool
) -> None:
    """Three hundred, silent or in the middle of a request, go at their deadline; a reader meanwhile gets everything."""

    async def main() -> None:
        options = HubOptions(handshake_timeout_s=1.0)
        async with Hub(access=Access(anybody=OWNER), http=HubPages() if has_page else None, options=options) as made:
            client = await Client.to(made)
            await client.subscribe(TOPIC)
            crowd = [await asyncio.open_connection("127.0.0.1", made.port) for _ in range(300)]
            for _, writer in crowd[::2]:
                writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: hub\r\n")
            made.publish(quote(number) for number in range(100))
            assert await client.data(100) == [(TOPIC, seq) for seq in range(1, 101)]
            async with asyncio.timeout(10):
                ends = await asyncio.gather(*(reader.read() for reader, _ in crowd), return_exceptions=True)
            assert all(end == b"" or isinstance(end, ConnectionResetError) for end in ends)
            assert made.refused == {"handshake": 300}
            made.publish([quote(0)])
            assert await client.data(1) == [(TOPIC, 101)]
            for _, writer in crowd:
                writer.close()

    run(main())
    told = len([line for line in caplog.messages if line.endswith("it said nothing in time")])
    assert told >= 100
    assert told + sum(getattr(record, "count", 0) for record in caplog.records) == 300  # the rest is a number


def test_a_reader_too_many_is_refused_and_noted(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered 503, counted and logged; the one before it is served on."""

    async def main() -> None:
        async with hub(max_readers=1) as made:
            client = await Client.to(made)
            with pytest.raises(HandshakeError) as caught:
                await connect(made.url)
            assert caught.value.status == 503
            assert made.refused == {"limit": 1}
            await client.subscribe(TOPIC)

    run(main())
    assert "there are too many readers" in caplog.text


def test_doors_that_are_not_open_answer_with_a_status(run: Run) -> None:
    """A foreign page, a wrong path, a wrong token in the header: 403, 404, 401; the hub's own page may connect."""

    async def main() -> None:
        async with hub(anybody=MARKET_DATA) as made:
            for status, url, headers in (
                (403, made.url, {"Origin": "https://evil.example"}),
                (404, made.url + "/else", {}),
                (401, made.url, {"Authorization": "Bearer wsx_guess"}),
            ):
                with pytest.raises(HandshakeError) as caught:
                    await connect(url, headers=headers)
                assert caught.value.status == status
            own = await connect(made.url, headers={"Origin": f"http://127.0.0.1:{made.port}"})
            await own.close()
            assert made.refused == {"origin": 1, "path": 1, "token": 1}

    run(main())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("not JSON", "malformed"),
        ('{"op":"fly"}', "malformed"),
        ('{"op":"subscribe"}', "malformed"),
        ('{"op":"subscribe","topics":[]}', "topics"),
        ('{"op":"subscribe","topics":["a"]}', "topics"),
        ('{"op":"subscribe","topics":["t.A.quote"],"colour":1}', "malformed"),
        ("[" * 100_000, "malformed"),
        ('{"op":"subscribe","topics":["t.A.1","t.A.2","t.A.3"]}', "limit"),
    ],
)
def test_an_op_that_makes_no_sense_is_answered(run: Run, sent: str, code: str) -> None:
    """With a code and a reason; the reader stays."""

    async def main() -> None:
        async with hub(max_topics=2) as made:
            client = await Client.to(made)
            await client.connection.send(sent)
            assert (await client.take())["code"] == code
            await client.subscribe(TOPIC)

    run(main())


def test_nonsense_without_end_is_closed(run: Run) -> None:
    """Ten ops that make no sense end the connection with 1008; one that is too large with 1009."""

    async def main() -> None:
        async with hub(ops_per_s=1000) as made:
            for messages, code in ((["?"] * 10, 1008), (["x" * 300_000], 1009)):
                client = await Client.to(made)
                for message in messages:
                    await client.connection.send(message)
                assert await client.close_code() == code

    run(main())


def test_a_reader_that_takes_its_time_to_leave_is_refused_once(tmp_path: Path) -> None:
    """However often the rights are looked at until it has answered the close frame."""

    class Leaving(Outbox):
        request = SimpleNamespace(remote="127.0.0.1")

        def start_close(self, code: int, reason: str) -> None:
            self.is_open = False

    async def main() -> None:
        made = Hub(access=Access(TokenFile(tmp_path / "tokens.json"), anybody=None))
        leaving: Any = Leaving()
        made.readers[leaving] = Reader(leaving, JSON, Rights("anna"), "r")
        with suppress(TimeoutError):
            async with asyncio.timeout(10 * made.options.rights_look_s):
                await made._look_at_rights()
        assert (leaving.is_open, made.refused) == (False, {"token": 1})

    with closing(LeapingLoop()) as loop:  # in which no time passes
        loop.run_until_complete(main())


def test_a_kind_of_ones_own_is_no_account_record_whenever_it_was_registered() -> None:
    """A program that registers its records before it imports the hub has the same readers as one that does so later."""
    program = """
from wsexample.records.kinds import register_record
from wsexample.records.market import Record

class Funding(Record, frozen=True, kw_only=True, tag="funding"):
    rate: float

register_record(Funding)
from wsexample.hub.access import MARKET_DATA
print(MARKET_DATA.allow("mine.A.funding"), MARKET_DATA.allow("mine.A.fill"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("True False\n", "")


def test_rights_without_account_hide_account_topics() -> None:
    """A pattern for everything does not open what the right does not."""
    assert Rights("x").allow("t.A.quote")
    assert Rights("x").allow("t._.gap")
    assert not Rights("x").allow("t.A.fill")
    assert OWNER.allow("t.A.fill")
