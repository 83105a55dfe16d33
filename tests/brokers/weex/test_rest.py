"""Every REST call of the contract market, and what each of the venue's codes means."""

from __future__ import annotations

import time

import pytest

from tests.brokers.weex.venues import BUY, config
from tests.conftest import Runner
from wsexample.brokers.weex.calls import CALLS
from wsexample.brokers.weex.client import WeexRest
from wsexample.brokers.weex.codes import error_of
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    CredentialsError,
    NotLoggedInError,
    OptionError,
    OrderRejectedError,
    PlanError,
    RateLimitError,
    RequestError,
    UnknownSymbolError,
)

LIMIT = {**BUY, "type": "LIMIT", "timeInForce": "GTC", "price": "1000.0"}


def test_every_call_is_answered(run: Runner[None]) -> None:
    """Each row of the table is called by a method, signed where it must be, and its answer has the documented fields."""

    async def main() -> None:
        async with WeexSimulator(step_s=5) as venue, WeexRest(config(venue)) as rest:
            await venue.step()
            assert abs(await rest.fetch_time_ms() - time.time() * 1000) < 60_000
            assert {row["symbol"] for row in await rest.fetch_symbols()} == set(await rest.fetch_tradable_symbols())
            assert (await rest.fetch_tickers("BTCUSDT"))[0]["markPrice"]
            assert {"bidPrice", "askQty"} <= (await rest.fetch_quotes())[0].keys()
            assert (await rest.fetch_depth("BTCUSDT"))["lastUpdateId"] > 0
            assert "isBuyerMaker" in (await rest.fetch_trades("BTCUSDT", 1))[0]
            assert len((await rest.fetch_candles("BTCUSDT"))[0]) == 11
            assert await rest.fetch_candles("BTCUSDT", start_ms=1, end_ms=2) == []
            assert (await rest.fetch_price("BTCUSDT"))["price"]
            assert "nextFundingTime" in await rest.fetch_funding("BTCUSDT")
            await rest.submit_order(BUY)
            await rest.submit_order(LIMIT)
            assert (await rest.fetch_balances())[0]["frozen"] != "0"
            assert (await rest.fetch_positions())[0]["unrealizePnl"]
            (waiting,) = await rest.fetch_open_orders()
            assert (await rest.fetch_order(str(waiting["orderId"])))["status"] == "NEW"
            assert [row["success"] for row in await rest.cancel_all_orders("BTCUSDT")] == [True]
            assert {row["status"] for row in await rest.fetch_past_orders()} == {"FILLED", "CANCELED"}
            assert [row["buyer"] for row in await rest.fetch_fills(start_ms=1)] == [True, True]
            called = {path.partition(" ")[2] for path in venue.calls}
            assert called == {call.path(is_spot=False) for call in CALLS.values()}

    run(main())


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("fetch_depth", {"limit": 50}),
        ("fetch_trades", {"limit": 0}),
        ("fetch_trades", {"limit": 1001}),
        ("fetch_candles", {"interval": "7m"}),
        ("fetch_candles", {"price_type": "INDEX"}),
        ("fetch_candles", {"limit": True}),
    ],
)
def test_what_cannot_be_asked_is_not_sent(run: Runner[None], name: str, facts: dict[str, object]) -> None:
    """A wrong argument is said here."""

    async def main() -> None:
        async with WeexSimulator() as venue, WeexRest(config(venue)) as rest:
            with pytest.raises(OptionError):
                await getattr(rest, name)("BTCUSDT", **facts)
            assert not venue.calls

    run(main())


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((-1040, -1041, -1042, -1044, -1047, -1049), CredentialsError),
        ((-1050, -1055, -1057), NotLoggedInError),
        ((-1051, -1052, -1053, -1056, -1058, -1190, -3235, -3236), PlanError),
        ((-1121, -2007), UnknownSymbolError),
        ((-1054, -2200, -3006, -3007, -3200, -3201, -3313, -3613), OrderRejectedError),
        ((-1043, -1045, -1046, -1115, -1116, -1117, -1128, -1135, -1140, -1141, -1142, -1150, -1160, -1170, -1171, -1180),
         RequestError),
        ((-1000,), BrokerUnavailableError),
    ],
)  # fmt: skip
def test_every_documented_code_has_its_meaning(codes: tuple[int, ...], kind: type[BrokerError]) -> None:
    """The kind says who must act, and code and words are kept."""
    for code in codes:
        error = error_of(code, "words of the venue", 400)
        assert type(error) is kind
        assert (error.code, error.words, error.http_status, error.venue) == (code, "words of the venue", 400, "weex")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialsError), (429, RateLimitError), (400, RequestError), (500, BrokerUnavailableError)],
)
def test_an_answer_without_a_code(status: int, kind: type[BrokerError]) -> None:
    """The HTTP status speaks for itself."""
    assert type(error_of(0, "", status)) is kind


def test_what_another_attempt_may_mend() -> None:
    """An expired timestamp, an outage and too many calls are worth one; a wrong key is not."""
    assert not any(
        error_of(code, "", status).is_final for code, status in ((-1046, 400), (-1000, 400), (0, 503), (0, 429))
    )
    assert error_of(-1047, "", 401).is_final
