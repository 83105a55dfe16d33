"""What a break has hidden is asked for whole, or the gap says that it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.conftest import Runner
from wsexample.brokers.base import Reply
from wsexample.brokers.weex.client import WeexConfig, WeexRest
from wsexample.brokers.weex.client.errands import WeexErrands
from wsexample.clock import SystemClock
from wsexample.errors import BrokerError
from wsexample.ports import Gap

BEFORE_MS, BREAK_MS = 1_000, 100_000
MISSED = Gap(venue="weex", received_ns=0, from_ns=BREAK_MS * 10**6, to_ns=BREAK_MS * 10**6)
CONFIG = WeexConfig(KEY, SECRET, PASSPHRASE)


def orders(count: int, at_ms: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"orderId": first + number, "symbol": "BTCUSDT", "origQty": "1", "executedQty": "0", "status": "NEW",
         "time": at_ms, "updateTime": at_ms}
        for number in range(count)
    ]  # fmt: skip


class Venue:
    """Answers by the end of the path; lists of waiting orders come in pages, unless it knows no pages."""

    def __init__(self, answers: Mapping[str, list[dict[str, Any]]], *, has_pages: bool = True) -> None:
        self._answers, self._has_pages = answers, has_pages

    async def call(self, method: str, path: str, **facts: Any) -> Reply:
        name, _, query = path.rpartition("/")[2].partition("?")
        rows = self._answers.get(name, [])
        if name == "openOrders" and self._has_pages:
            asked = dict(part.split("=") for part in query.split("&"))
            limit, page = int(asked["limit"]), int(asked["page"])
            rows = rows[limit * page : limit * (page + 1)]
        return Reply(200, {}, json.dumps(rows).encode())

    async def close(self) -> None:
        """Nothing is open."""


def rest_of(venue: Venue) -> WeexRest:
    rest = WeexRest(CONFIG)
    rest._http = venue  # type: ignore[assignment] # all that is called of it
    return rest


async def fetched(topics: Sequence[str], **answers: list[dict[str, Any]]) -> tuple[int, bool]:
    """How many records a backfill gives, and whether it says that these are all."""
    rest = rest_of(Venue(answers))
    batches = WeexErrands(CONFIG, SystemClock(), lambda: rest, is_private=True).backfill(MISSED, topics)
    assert batches is not None
    count = 0
    try:
        async for batch in batches:
            count += len(batch)
    except BrokerError:
        return count, False
    return count, True


@pytest.mark.parametrize("has_pages", [True, False])
@pytest.mark.parametrize("count", [0, 100, 130, 200])
def test_every_waiting_order_is_read(run: Runner[None], count: int, has_pages: bool) -> None:
    """A page holds a hundred, and a venue that knows no pages says everything at once."""

    async def main() -> None:
        rest = rest_of(Venue({"openOrders": orders(count, BEFORE_MS)}, has_pages=has_pages))
        rows = await rest.fetch_open_orders()
        assert [row["orderId"] for row in rows] == list(range(count))

    run(main())


@pytest.mark.parametrize(
    ("waiting", "past", "expected"),
    [
        (orders(60, BEFORE_MS), orders(100, BREAK_MS, 1000), (100, False)),
        (orders(60, BEFORE_MS), orders(99, BREAK_MS, 1000), (99, True)),
        (orders(60, BREAK_MS), orders(1, BEFORE_MS, 999) + orders(99, BREAK_MS, 1000), (159, True)),
    ],
)
def test_a_list_that_was_cut_is_not_called_whole(
    run: Runner[None], waiting: list[dict[str, Any]], past: list[dict[str, Any]], expected: tuple[int, bool]
) -> None:
    """A full page of orders that all ended in the break may have left some out, however many still wait."""

    async def main() -> None:
        assert await fetched(["orders", "fill"], openOrders=waiting, history=past) == expected

    run(main())


@pytest.mark.parametrize(
    ("topics", "is_whole"),
    [
        (["BTCUSDT@trade", "ETHUSDT@trade"], True),
        (["BTCUSDT@trade", "BTCUSDT@kline_1m_LAST_PRICE"], False),
        (["BTCUSDT@trade", "BTCUSDT@ticker"], False),
    ],
)
def test_a_gap_in_what_is_not_asked_for_stays_unfilled(run: Runner[None], topics: list[str], is_whole: bool) -> None:
    """Trades alone are fetched: beside other streams of the socket they do not fill its gap."""

    async def main() -> None:
        row = {"id": "t-1", "time": BREAK_MS, "price": "1", "qty": "1", "isBuyerMaker": False}
        count, all_of_it = await fetched(topics, trades=[row])
        assert (count > 0, all_of_it) == (True, is_whole)

    run(main())
