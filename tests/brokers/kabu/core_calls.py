"""The simulator's pure core, called as a program would call it, without a socket; shared by several tests."""

from __future__ import annotations

from typing import Any

import msgspec

from wsexample.brokers.kabu.simulator.core import Core
from wsexample.brokers.kabu.simulator.desk import Answer, Call
from wsexample.brokers.kabu.simulator.http import encode
from wsexample.brokers.kabu.simulator.ledger import AccountPlan
from wsexample.brokers.kabu.simulator.switches import Switches

from .market_samples import S, future, option, small_market

SEVEN = ("9433", "8306", "7203", "9984", "7974", "6758", "101")


class Caller:
    """A desk with a token, called as a program would."""

    def __init__(self, start: str = "10:15", account: AccountPlan | None = None, **switches: Any) -> None:
        symbols = (*SEVEN, "501A", "3350", future(), option(is_call=True), option(is_call=False))
        self.market = small_market(start, symbols=symbols, ticks_per_s=1)
        self.core = Core(self.market, Switches(**switches), password="right", other_password="other", account=account)
        self.station = self.core.station
        self.token: str | None = self.station.issue_token()
        self.now_ns = 0

    def call(self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **details: Any) -> Answer:
        self.now_ns += 200_000_000  # five calls a second: no counter fills
        name, _, query = path.partition("?")
        return self.core.answer(
            Call(
                method=method,
                path=f"/kabusapi/{name}",
                query=dict(pair.split("=") for pair in query.split("&")) if query else {},
                token=self.token,
                media_type=details.pop("media_type", "application/json"),
                body=raw if raw is not None else b"" if body is None else encode(body),
                **details,
            ),
            self.now_ns,
        )

    def play(self, seconds: float) -> None:
        """Let the market go on."""
        for _ in self.market.advance(self.market.now_ns + round(seconds * S)):
            pass

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.http_status == 200, answer
        return msgspec.json.decode(encode(answer.body))


def error(answer: Answer) -> tuple[int, int, str]:
    body = msgspec.json.decode(encode(answer.body))
    return answer.http_status, body["Code"], body["Message"]
