"""A broker's language for tests of sessions: JSON texts, a login, acknowledged topics, heartbeats; every part can be left out.

-> {"login": "key"}             <- {"login": "ok"} or {"login": "bad"} or {"login": "busy"}
-> {"want": ["A", "B"]}         <- {"have": ["A"], "not": ["B"]}
-> {"drop": ["A"]}
<- {"s": "A", "n": 7, "t": 1700000000000000000}      a trade
<- {"ping": 1}                  -> {"pong": 1}
-> {"beat": 1}                  <- {"beat": 1}
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from wsexample.errors import BrokerUnavailableError, CredentialsError, UnknownSymbolError
from wsexample.ports import NOTHING, Dialect, Errands, Failure, Gap, Record, Silence, Step
from wsexample.records.market import Trade
from wsexample.session.testing import ScriptedDialer

VENUE = "toy"


class ToyDialect(Dialect):
    """The client's side."""

    venue = VENUE

    def __init__(
        self,
        *,
        login: bool = False,
        acks: bool = False,
        silence: Silence | None = None,
        beat_s: float = 0.0,
    ) -> None:
        self.login = login
        self.acks = acks
        self.quiet = silence or Silence()
        self.heartbeat_interval_s = beat_s
        self.unread = 0
        self.frames = 0
        self._beats_open = 0

    def start(self) -> Step:
        self._beats_open = 0
        return Step(replies=['{"login":"key"}']) if self.login else Step(phase="subscribing")

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        message = json.loads(payload)
        match message:
            case {"s": symbol, "n": number, **rest}:
                return Step(records=[trade(symbol, number, received_ns, rest.get("t"))])
            case {"login": "ok"}:
                return Step(phase="subscribing")
            case {"login": "bad"}:
                return Step(failure=Failure(CredentialsError("the key is wrong", venue=VENUE, code=402), is_final=True))
            case {"login": "busy"}:
                return Step(failure=Failure(BrokerUnavailableError("come back later", venue=VENUE), is_final=False))
            case {"have": have, **rest}:
                refused = [
                    (topic, UnknownSymbolError(f"{topic} is unknown", venue=VENUE)) for topic in rest.get("not", ())
                ]
                return Step(confirmed=have, refused=refused)
            case {"ping": number}:
                return Step(replies=[json.dumps({"pong": number})])
            case {"beat": _}:
                self._beats_open = 0
                return NOTHING
        self.unread += 1
        return NOTHING

    def subscribe(self, topics: Iterable[str]) -> Step:
        topics = list(topics)
        return Step(replies=[json.dumps({"want": topics})], confirmed=() if self.acks else topics)

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        return Step(replies=[json.dumps({"drop": list(topics)})])

    def heartbeat(self, now_ns: int) -> Step:
        self._beats_open += 1
        if self._beats_open > 3:
            return Step(
                failure=Failure(BrokerUnavailableError("three heartbeats unanswered", venue=VENUE), is_final=False)
            )
        return Step(replies=['{"beat":1}'])

    def frame_heard(self, at_ns: int) -> None:
        self.frames += 1

    def silence(self, now_ns: int) -> Silence:
        return self.quiet


class HttpSide(Errands):
    """A broker that registers by HTTP, and can be told to fail."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.problems: dict[str, list[Exception]] = {}
        self.missed: list[list[Record]] = []

    def _do(self, errand: str) -> None:
        self.log.append(errand)
        if self.problems.get(errand.split()[0]):
            raise self.problems[errand.split()[0]].pop(0)

    async def prepare(self, attempt: int) -> Mapping[str, Any]:
        self._do(f"prepare {attempt}")
        return {"headers": {"X-Token": f"token-{len(self.log)}"}}

    async def subscribe(self, topics: Sequence[str]) -> Step:
        self._do(f"subscribe {' '.join(topics)}")
        return Step(records=[trade(topic, 0) for topic in topics])

    async def unsubscribe(self, topics: Sequence[str]) -> Step:
        self._do(f"unsubscribe {' '.join(topics)}")
        return NOTHING

    async def backfill(self, gap: Gap, topics: Sequence[str]) -> AsyncIterator[Sequence[Record]]:
        self._do("backfill")
        for batch in self.missed:
            await asyncio.sleep(0)
            yield batch


def trade(symbol: str, number: int, received_ns: int = 0, exchange_ns: int | None = None) -> Trade:
    """The record of a toy message."""
    return Trade(
        venue=VENUE,
        symbol=symbol,
        price=float(number),
        size=1.0,
        trade_id=str(number),
        received_ns=received_ns,
        exchange_ns=exchange_ns,
    )


def said(symbol: str, number: int, **facts: Any) -> str:
    """A toy message."""
    return json.dumps({"s": symbol, "n": number, **facts})


def numbers(records: Sequence[Record]) -> list[int]:
    """The numbers of the trades among some records."""
    return [int(record.price) for record in records if isinstance(record, Trade)]


def broker(message: str | bytes) -> list[str]:
    """The other side: accepts every login and topic, and answers heartbeats."""
    match json.loads(message):
        case {"login": _}:
            return ['{"login":"ok"}']
        case {"want": topics}:
            return [json.dumps({"have": topics})]
        case {"beat": _}:
            return ['{"beat":1}']
    return []


def toy_dialer(**facts: Any) -> ScriptedDialer:
    """A dialer whose other side behaves."""
    return ScriptedDialer(answer=broker, **facts)
