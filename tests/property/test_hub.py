"""Readers of a hub get what they asked for and may have, from where they asked, each number once, whatever they do."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.property.looping import LoopingMachine
from tests.property.profiles import search
from tests.property.reading import Client, FakeConnection, Paper
from wsexample.errors import CredentialsError
from wsexample.hub.access import Access, Rights
from wsexample.hub.desk import DeskOptions
from wsexample.hub.ops import MSGPACK
from wsexample.hub.server import Hub, HubOptions
from wsexample.ports import Gap
from wsexample.records.market import Quote, Record, Trade
from wsexample.records.orders import Fill

PATTERNS = st.lists(
    st.sampled_from(
        [">", "t.>", "*.*.*", "t.A.quote", "t.*.quote", "t.A.*", "*.B.>", "t.A.fill", "t._.gap", "t.B.trade"]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)
RIGHTS = {
    "owner": Rights("owner", account=True, personal=True),
    "clerk": Rights("clerk", account=True),
    "anybody": Rights("anybody"),
    "narrow": Rights("narrow", topics=("t.A.*",), account=True),
}
HISTORY = 4
STALL_S, LOOK_S, RIGHTS_S = 5.0, 0.05, 2.0
READERS = 3


class Tokens(Access):
    """Tokens that are names, and can be revoked."""

    def __init__(self) -> None:
        super().__init__()
        self.revoked: set[str] = set()

    def rights_of(self, token: str | None, now_ns: int) -> Rights:
        if token is None or token in self.revoked:
            raise CredentialsError("the token is unknown", venue="hub", code="token")
        return RIGHTS[token]

    def still_allows(self, rights: Rights, now_ns: int) -> bool:
        return rights.name not in self.revoked


class HubMachine(LoopingMachine):
    """One hub, its source, and readers that come, ask, fall behind, break and come back."""

    @initialize(
        max_backlog_bytes=st.sampled_from([100, 400]),
        max_lossless_bytes=st.sampled_from([400, 3000]),
        first=st.lists(st.tuples(st.sampled_from(sorted(RIGHTS)), st.booleans(), PATTERNS), max_size=READERS),
    )
    def open(self, max_backlog_bytes: int, max_lossless_bytes: int, first: list[tuple[str, bool, list[str]]]) -> None:
        self.access = Tokens()
        desk = DeskOptions(
            history=HISTORY,
            max_backlog_bytes=max_backlog_bytes,
            max_lossless_bytes=max_lossless_bytes,
            stall_s=STALL_S,
            look_s=LOOK_S,
        )
        self.hub = Hub(access=self.access, options=HubOptions(desk=desk, rights_look_s=RIGHTS_S, bad_ops=3))
        self.paper = Paper(HISTORY)
        self.number = 0
        self.ends: dict[int, tuple[FakeConnection, asyncio.Task[None]]] = {}
        self.looker = self.begin(self.hub._look_at_rights())
        for n, (token, is_binary, topics) in enumerate(first):
            self.come(n, token, is_binary)
            self.say(self.ends[n][0], op="subscribe", topics=topics)
        self.let_run()

    # -- the source ----------------------------------------------------------------------------------------------

    @rule(
        kinds=st.lists(
            st.tuples(st.sampled_from(["quote", "quote", "trade", "fill", "gap"]), st.sampled_from("AB")), max_size=5
        ),
        times=st.integers(1, 4),
        is_seen=st.booleans(),
        meanwhile=st.none() | st.tuples(st.integers(0, READERS - 1), PATTERNS, st.booleans()),
    )
    def publish(
        self,
        kinds: list[tuple[str, str]],
        times: int,
        is_seen: bool,
        meanwhile: tuple[int, list[str], bool] | None = None,
    ) -> None:
        """Something happens; in the same turn of the loop a reader may change its mind."""
        records: list[Record] = []
        for kind, symbol in kinds * times:
            self.number += 1
            facts: dict[str, Any] = {"venue": "t", "symbol": symbol, "received_ns": self.number}
            if kind == "quote":
                records.append(Quote(**facts, bid_price=1.0))
            elif kind == "trade":
                records.append(Trade(**facts, price=1.0, size=1.0))
            elif kind == "fill":
                records.append(Fill(**facts, fill_id="f", order_id="o", size=Decimal(1), account="12345"))
            else:
                records.append(Gap(venue="t", received_ns=self.number, from_ns=0, to_ns=0, reason="the source broke"))
        self.call(self.tell, records, meanwhile)
        if is_seen:
            self.let_run()

    def tell(self, records: list[Record], meanwhile: tuple[int, list[str], bool] | None) -> None:
        if meanwhile is not None and (connection := self.end_of(meanwhile[0])) is not None:
            self.say(connection, op="subscribe" if meanwhile[2] else "unsubscribe", topics=meanwhile[1])
        for record in records:
            kind = type(record).__name__.lower()
            self.paper.rows.setdefault(f"t.{record.symbol or '_'}.{kind}", []).append(record)
        self.hub.publish(records)

    # -- readers -------------------------------------------------------------------------------------------------

    @rule(n=st.integers(0, READERS - 1), token=st.sampled_from(sorted(RIGHTS)), is_binary=st.booleans())
    def come(self, n: int, token: str, is_binary: bool) -> None:
        if n not in self.ends and token not in self.access.revoked:
            self.connect(n, Client(self.paper, RIGHTS[token], is_binary))

    @rule(n=st.integers(0, READERS - 1), other=st.integers(0, READERS - 1))
    def come_like(self, n: int, other: int) -> None:
        """A reader comes that wants what another one wants."""
        model = self.end_of(other)
        if n in self.ends or model is None or model.client.rights.name in self.access.revoked:
            return
        wants = model.client
        client = Client(self.paper, wants.rights, wants.is_binary, is_thinned=bool(wants.interval_ms))
        self.connect(n, client)
        if wants.wants:
            self.subscribe(n, list(wants.wants), None, None, False, wants.interval_ms or None, True)

    @rule(n=st.integers(0, READERS - 1), topics=st.none() | PATTERNS)
    def fall_behind(self, n: int, topics: list[str] | None) -> None:
        """A reader takes nothing for a while, in which much happens; it may ask for more all the same."""
        if (connection := self.end_of(n)) is not None:
            connection.is_stuck = True
            for _ in range(3):
                self.publish([("quote", "A"), ("fill", "A"), ("quote", "B"), ("trade", "B")], 2, True)
            if topics is not None and connection.is_open:
                self.say(connection, op="subscribe", topics=topics)
                self.let_run()

    def connect(self, n: int, client: Client) -> None:
        subprotocol = MSGPACK.subprotocol if client.is_binary else None
        connection = FakeConnection(client, token=client.rights.name, subprotocol=subprotocol)
        self.ends[n] = (connection, self.begin(self.hub._serve(connection)))  # type: ignore[arg-type]

    def end_of(self, n: int) -> FakeConnection | None:
        return self.ends[n][0] if n in self.ends and self.ends[n][0].is_open else None

    def say(self, connection: FakeConnection, **op: Any) -> None:
        connection.say(connection.client.asks({name: value for name, value in op.items() if value is not None}))

    @rule(
        n=st.integers(0, READERS - 1),
        topics=PATTERNS,
        since=st.none()
        | st.none()
        | st.integers(0, 9)
        | st.dictionaries(st.sampled_from(["t.A.quote", ">", "t.B.trade"]), st.integers(0, 9), min_size=1),
        epoch=st.sampled_from([None, None, "another"]),
        snapshot=st.sampled_from([None, False]),
        interval_ms=st.sampled_from([None, None, None, 0, 100]),
        is_seen=st.booleans(),
    )
    def subscribe(
        self,
        n: int,
        topics: list[str],
        since: dict[str, int] | int | None,
        epoch: str | None,
        snapshot: bool | None,
        interval_ms: int | None,
        is_seen: bool,
    ) -> None:
        if (connection := self.end_of(n)) is not None:
            connection.client.is_thinned |= bool(interval_ms)
            connection.client.interval_ms = connection.client.interval_ms if interval_ms is None else interval_ms
            self.say(
                connection,
                op="subscribe",
                topics=topics,
                since=since,
                epoch=epoch if since is not None else None,
                snapshot=snapshot,
                interval_ms=interval_ms,
            )
            if is_seen:
                self.let_run()

    @rule(n=st.integers(0, READERS - 1), topics=PATTERNS)
    def unsubscribe(self, n: int, topics: list[str]) -> None:
        if (connection := self.end_of(n)) is not None:
            self.say(connection, op="unsubscribe", topics=topics)
            self.let_run()

    @rule(n=st.integers(0, READERS - 1))
    def talk_nonsense(self, n: int) -> None:
        if (connection := self.end_of(n)) is not None:
            connection.say({"op": "subscribe", "topics": ["no.such.pattern.at.all"], "id": None})
            self.let_run()

    @rule(n=st.integers(0, READERS - 1))
    def ping(self, n: int) -> None:
        if (connection := self.end_of(n)) is not None:
            self.say(connection, op="ping")
            self.let_run()

    @rule(n=st.integers(0, READERS - 1))
    def get_stuck(self, n: int) -> None:
        if (connection := self.end_of(n)) is not None:
            connection.is_stuck = True

    @rule(n=st.integers(0, READERS - 1), count=st.none() | st.integers(1, 3))
    def take_some(self, n: int, count: int | None) -> None:
        if (connection := self.end_of(n)) is not None:
            connection.is_stuck = count is not None
            connection.flow(count)
            self.let_run()

    @rule(n=st.integers(0, READERS - 1), code=st.sampled_from([1000, 1006]), comes_back=st.booleans())
    def leave_the_hub(self, n: int, code: int, comes_back: bool) -> None:
        """A reader goes; it may come back and go on from what it has seen."""
        connection = self.end_of(n)
        if connection is None:
            return
        client = connection.client
        connection.end(code)
        self.let_run()
        _, task = self.ends.pop(n)
        assert task.done(), "a reader that has gone is still served"
        assert task.exception() is None
        if comes_back and client.rights.name not in self.access.revoked:
            again = Client(self.paper, client.rights, client.is_binary)
            self.connect(n, again)
            if client.patterns:
                again_on = self.ends[n][0]
                since = {**dict.fromkeys(client.patterns, 0), **client.seen}
                self.say(again_on, op="subscribe", topics=list(client.patterns), since=since, epoch=client.epoch)
                self.let_run()

    @rule(token=st.sampled_from(["clerk", "anybody", "narrow"]), is_meant=st.sampled_from([False, False, True]))
    def revoke(self, token: str, is_meant: bool) -> None:
        if is_meant:
            self.access.revoked.add(token)

    @rule(seconds=st.sampled_from([0.01, 0.2, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))
        self.let_run()

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def who_is_gone_is_forgotten(self) -> None:
        if not hasattr(self, "hub"):
            return
        for n, (connection, task) in list(self.ends.items()):
            if connection.is_open:
                assert not task.done(), f"{n} is not served any more: {task}"
            else:
                assert connection.close_code in (1008, 1013), "the hub closed a reader without a reason"
                self.let_run()
                assert task.done()
                assert task.exception() is None
                del self.ends[n]
        assert len(self.hub.readers) == self.hub.desk.stats.readers == len(self.ends)
        assert {reader.connection for reader in self.hub.desk._stragglers} <= {c for c, _ in self.ends.values()}

    def come_to_rest(self) -> None:
        """Everybody reads again: everybody who may has everything. Then all go, and nothing is remembered of them."""
        if not hasattr(self, "hub"):
            return
        for _ in range(3):
            for connection, _ in self.ends.values():
                connection.is_stuck = False
                connection.flow()
            self.time_passes(1.0)
            self.who_is_gone_is_forgotten()
        self.time_passes(RIGHTS_S)
        self.who_is_gone_is_forgotten()
        for connection, _ in self.ends.values():
            assert connection.client.rights.name not in self.access.revoked
            connection.client.has_everything()
        for connection, _ in self.ends.values():
            connection.end(1000)
        self.let_run()
        assert all(task.done() and task.exception() is None for _, task in self.ends.values())
        desk = self.hub.desk
        assert not self.hub.readers
        assert not desk._groups
        assert not desk._stragglers
        assert not desk._due
        assert not desk._index.patterns
        assert not any(desk._index._by_topic.values())
        self.time_passes(1.0)
        assert desk._look is None
        self.looker.cancel()
        self.call(desk.close)


TestHub = HubMachine.TestCase
TestHub.settings = search(60)
TestHub.__doc__ = (
    "Each number once and in order, from where it was asked for; what is passed over is announced; tables empty."
)
