"""What WEEX does not send and is reckoned here is right, and says that it was reckoned."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from tests.brokers.weex.payloads import RECEIVED_NS, plain
from tests.brokers.weex.test_dialect import PRIVATE, PUBLIC, only, subscribed, tell
from tests.brokers.weex.venues import BUY, config
from tests.conftest import Runner
from wsexample.brokers.weex.client import WeexRest, WeexWebSocketClient
from wsexample.brokers.weex.dialect import Holdings, WeexMessage, answer_rows
from wsexample.brokers.weex.simulator import WeexSimulator

POSITION: dict[str, Any] = {
    "id": 301, "asset": "USDT", "symbol": "BTCUSDT", "side": "LONG", "marginType": "CROSSED", "leverage": "20",
    "size": "0.0500", "openValue": "3212.52500", "openFee": "1.41351100", "unrealizePnl": "0.62000",
    "createdTime": 1795000100014, "updatedTime": 1795000100018,
}  # fmt: skip


def message(name: str, **changes: Any) -> WeexMessage:
    """A canonical payload as the client hands it over, with some fields of its first row changed."""
    body = plain(name)
    body["d"][0] |= changes
    found = only(tell(subscribed([*PUBLIC, *PRIVATE], keeps_wire=True), body))
    assert isinstance(found, WeexMessage)
    return found


def held(**changes: Any) -> WeexMessage:
    """A position as REST answers it."""
    return answer_rows("positions", [POSITION | changes], RECEIVED_NS)[0]


def marked(mark: str) -> WeexMessage:
    return message("ticker", m=mark)


def test_change_is_percent_of_a_fraction() -> None:
    """To the last digit, and marked as derived."""
    ticker = message("ticker")
    assert (ticker.data["change"], ticker.derived) == ("1.213100", ("change",))


def test_a_partial_fill_is_derived_and_a_plain_status_is_not() -> None:
    """WEEX has no word for the first."""
    assert message("order_new").derived == ()
    partial = message("order_partial")
    assert (partial.data["status"], partial.derived) == ("partially_filled", ("status",))


def test_prices_that_are_values_by_sizes() -> None:
    """The price of a fill and the entry of a position."""
    fill = message("fill")
    assert (fill.data["price"], fill.derived) == ("64250.5", ("price",))
    position = message("position")
    assert "entry_price" in position.derived
    assert Decimal(position.data["entry_price"]) * Decimal(position.data["size"]) == Decimal(
        position.data["open_value"]
    )


def test_profit_at_a_mark() -> None:
    """Mark by size less what it cost, the other way round when short; repeated when the mark moves and not otherwise."""
    holdings = Holdings()
    (first,) = holdings.fetched([held()])
    assert (first.data["unrealized_pnl"], first.derived) == ("0.62000", ("entry_price",))
    (valued,) = holdings.marked(marked("64262.9"))
    assert Decimal(valued.data["unrealized_pnl"]) == Decimal("0.62")
    assert set(valued.derived) == {"entry_price", "mark", "unrealized_pnl"}
    assert holdings.marked(marked("64262.9")) == []
    holdings.pushed(held(side="SHORT", id=302))
    assert {one.data["side"]: Decimal(one.data["unrealized_pnl"]) for one in holdings.marked(marked("64260"))} == {
        "long": Decimal("0.475"),
        "short": Decimal("-0.475"),
    }


def test_a_push_wins_over_an_older_answer() -> None:
    """What REST says counts unless a push has overtaken it, be it that the position is closed."""
    holdings = Holdings()
    holdings.pushed(held(size="0", updatedTime=POSITION["updatedTime"] + 1))
    assert holdings.fetched([held()]) == []
    assert holdings.symbols == []
    assert len(holdings.fetched([held(updatedTime=POSITION["updatedTime"] + 2)])) == 1


def test_what_is_not_in_an_answer_any_more_was_closed() -> None:
    """It is told once, with size and profit zero."""
    holdings = Holdings()
    holdings.fetched([held()])
    (closed,) = holdings.fetched([])
    assert (closed.data["size"], closed.data["unrealized_pnl"], closed.record.size) == ("0", "0", 0)  # type: ignore[attr-defined]
    assert holdings.fetched([]) == []


def test_the_account_is_joined_with_rest(run: Runner[None]) -> None:
    """A push on the contract market has REST's three figures, and says so; they agree with each other."""

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue, WeexWebSocketClient(config(venue)) as client:
            account = client.stream_account()
            first = await anext(account)
            assert first.derived == ()
            async with WeexRest(config(venue)) as rest:
                await rest.submit_order(BUY)
                joined = await anext(account)
                (row,) = await rest.fetch_balances()
            assert set(joined.derived) == {"balance", "available", "frozen"}
            assert joined.data["balance"] == row["balance"]
            assert joined.data["available"] == row["availableBalance"]
            await account.aclose()

    run(main())


def test_profit_agrees_with_the_venues_own(run: Runner[None]) -> None:
    """At the same mark what is reckoned here is what REST says."""

    async def main() -> None:
        async with WeexSimulator(step_s=5) as venue, WeexWebSocketClient(config(venue)) as client:
            async with WeexRest(config(venue)) as rest:
                await rest.submit_order(BUY)
                positions = client.stream_positions()
                await anext(positions)
                valued = asyncio.ensure_future(anext(positions))
                await venue.wait_for(lambda: "BTCUSDT@ticker" in client.subscriptions)
                await venue.step()
                (row,) = await rest.fetch_positions()
                assert (await valued).data["unrealized_pnl"] == row["unrealizePnl"]
            await positions.aclose()

    run(main())
