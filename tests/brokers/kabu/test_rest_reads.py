"""Every read call of the reference against the simulator, typed; reads and the places that they take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import UNSET

from tests.conftest import Runner
from wsexample.brokers.kabu import KabuRest
from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.messages.reads import MarginRank, SectorRank, StockRank
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.brokers.kabu.slots import Use
from wsexample.errors import OptionError, RateLimitError, RequestError, SubscriptionLimitError, UnknownSymbolError

QUICK = Switches(first_board_delay_ms=0, info_per_s=1000, timeandsales_per_s=100)
Ask = Callable[[KabuRest], Awaitable[Any]]


@asynccontextmanager
async def station(switches: Switches = QUICK, **options: Any) -> AsyncIterator[tuple[KabuSimulator, KabuRest]]:
    """A simulated kabu Station and REST calls to it."""
    async with (
        KabuSimulator(switches=switches) as simulator,
        KabuRest(port=simulator.port, password="password", **options) as rest,
    ):
        yield simulator, rest


def test_a_stock_says_what_it_is(run: Runner[None]) -> None:
    """Typed, blanks taken off, figures left out where they were not asked for."""

    async def main() -> None:
        async with station() as (_, rest):
            stock = await rest.fetch_symbol("9433")
            assert (stock.Symbol, stock.Exchange, stock.TradingUnit) == ("9433", 1, 100.0)
            assert (stock.BisCategory, stock.PriceRangeGroup) == ("5250", "10003")
            assert isinstance(stock.UpperLimit, float)
            assert stock.Underlyer is UNSET
            assert isinstance(stock.TotalStocks, float)
            plain = await rest.fetch_symbol("9433", details=False)
            assert plain.TotalStocks is None
            assert (await rest.fetch_symbol("101")).TradingUnit is UNSET

    run(main())


def test_contracts_are_found_by_name(run: Runner[None]) -> None:
    """The nearest future, an option at the money, and what it is."""

    async def main() -> None:
        async with station() as (_, rest):
            future = await rest.fetch_future_symbol("nk225MINI")
            assert future.Symbol is not None
            assert "225mini" in (future.SymbolName or "")
            contract = await rest.fetch_symbol(future.Symbol)
            assert (contract.Underlyer, contract.Exchange) == ("NK225", 2)
            call = await rest.fetch_option_symbol("call")
            put = await rest.fetch_option_symbol("P", code="NK225op")
            assert call.Symbol is not None
            assert put.Symbol is not None
            assert (await rest.fetch_symbol(call.Symbol)).PutOrCall == 2
            assert (await rest.fetch_symbol(put.Symbol)).PutOrCall == 1
            with pytest.raises(UnknownSymbolError):
                await rest.fetch_weekly_option_symbol("put", week=3)
            with pytest.raises(UnknownSymbolError):
                await rest.fetch_future_symbol("NOTHING")

    run(main())


def test_rankings_have_three_shapes(run: Runner[None]) -> None:
    """Stocks, margin balances, sectors."""

    async def main() -> None:
        async with station() as (_, rest):
            gainers = await rest.fetch_ranking(1)
            assert [row.No for row in gainers.Ranking[:3]] == [1, 2, 3]
            assert isinstance(gainers.Ranking[0], StockRank)
            assert gainers.Ranking[0].TickCount is UNSET
            counted = await rest.fetch_ranking(5, "TP")
            assert isinstance(counted.Ranking[0].TickCount, int)
            assert isinstance((await rest.fetch_margin_ranking(12)).Ranking[0], MarginRank)
            assert isinstance((await rest.fetch_sector_ranking()).Ranking[0], SectorRank)

    run(main())


def test_the_other_reads(run: Runner[None]) -> None:
    """Primary exchange, regulations, premium, soft limits, a currency pair, time and sales."""

    async def main() -> None:
        async with station() as (simulator, rest):
            assert (await rest.fetch_primary_exchange("9433")).PrimaryExchange == 1
            assert (await rest.fetch_regulations("9433")).RegulationsInfo == []
            assert (await rest.fetch_regulations("501A@1")).RegulationsInfo[0].Level == 2
            premium = await rest.fetch_margin_premium("501A")
            assert premium.DayTrade is not None
            assert premium.DayTrade.MarginPremium == 0.55
            assert (await rest.fetch_soft_limits()).Stock == 200.0
            rate = await rest.fetch_fx("USD/JPY")
            assert rate.BidPrice is not None
            assert rate.AskPrice is not None
            assert rate.BidPrice < rate.AskPrice
            tape = await rest.fetch_time_and_sales("9433")
            assert tape.TradingPriceCount == len(tape.TradingPrice) > 10
            assert ("USD/JPY", 300) in simulator.station.entries

    run(main())


@pytest.mark.parametrize(
    ("ask", "option"),
    [
        (lambda rest: rest.fetch_fx("yen"), "pair"),
        (lambda rest: rest.fetch_ranking(8), "kind"),
        (lambda rest: rest.fetch_margin_ranking(7), "kind"),
        (lambda rest: rest.fetch_sector_ranking(13), "kind"),
        (lambda rest: rest.fetch_option_symbol("up"), "side"),
        (lambda rest: rest.fetch_weekly_option_symbol("put", week=2), "week"),
        (lambda rest: rest.fetch_symbol("94 33"), "symbol"),
        (lambda rest: rest.fetch_positions(side="left"), "side"),
        (lambda rest: rest.fetch_orders(product="bonds"), "product"),
    ],
)
def test_questions_that_cannot_be_asked(run: Runner[None], ask: Ask, option: str) -> None:
    """Refused before anything is sent, with what would do."""

    async def main() -> None:
        rest = KabuRest(token="t")
        with pytest.raises(OptionError) as caught:
            await ask(rest)
        assert caught.value.option == option
        await rest.close()

    run(main())


@pytest.mark.parametrize(
    "ask",
    [
        lambda rest: rest.fetch_board("9433"),
        lambda rest: rest.fetch_symbol("9433"),
        lambda rest: rest.fetch_future_symbol("NK225"),
        lambda rest: rest.fetch_option_symbol("put"),
        lambda rest: rest.fetch_soft_limits(),
        lambda rest: rest.fetch_orders(),
        lambda rest: rest.fetch_positions(),
        lambda rest: rest.fetch_cash_wallet(),
        lambda rest: rest.fetch_margin_wallet("9433"),
        lambda rest: rest.fetch_future_wallet(),
        lambda rest: rest.fetch_option_wallet(),
    ],
)
def test_verification_answers_with_nulls_that_can_be_read(run: Runner[None], ask: Ask) -> None:
    """Port 18081 knows the shapes and no figures; that is no error."""

    async def main() -> None:
        async with station(QUICK.replace(env="verification")) as (_, rest):
            await ask(rest)

    run(main())


# --- places -------------------------------------------------------------------------------------------------------------


def test_reads_take_places_and_are_known_to(run: Runner[None]) -> None:
    """A board, a symbol and a currency pair are on the list afterwards, for no other reason than that."""

    async def main() -> None:
        async with station() as (simulator, rest):
            await rest.fetch_board("9433")
            await rest.fetch_symbol("7203")
            await rest.fetch_fx("usdjpy")
            await rest.register("101")
            assert rest.slots.of(Use.READ) == (
                SymbolEntry("9433", 1),
                SymbolEntry("7203", 1),
                SymbolEntry("USD/JPY", 300),
            )
            assert rest.slots.of(Use.STREAM) == (SymbolEntry("101", 1),)
            assert len(simulator.station.entries) == 4

    run(main())


def test_reads_make_room_for_the_stream(run: Runner[None]) -> None:
    """A list full of what was only read is no reason to refuse a registration."""

    async def main() -> None:
        async with station(QUICK.replace(register_limit=3), register_limit=3) as (simulator, rest):
            for code in ("9433", "7203", "8306"):
                await rest.fetch_board(code)
            await rest.register("101 9433")
            assert simulator.station.pushed == [("101", 1), ("9433", 1)] or set(simulator.station.pushed) == {
                ("101", 1),
                ("9433", 1),
            }
            assert len(simulator.station.entries) <= 3

    run(main())


def test_reads_make_room_for_reads(run: Runner[None]) -> None:
    """One may read more than fifty boards, one after the other."""

    async def main() -> None:
        async with station(QUICK.replace(register_limit=2), register_limit=2) as (_, rest):
            for code in ("9433", "7203", "8306", "9984"):
                assert (await rest.fetch_board(code)).symbol == f"{code}@1"
            await rest.fetch_symbol("6758")
            await rest.fetch_fx("usdjpy")

    run(main())


def test_what_others_registered_is_not_touched(run: Runner[None]) -> None:
    """Then there is no room, and the sentence says who has it."""

    async def main() -> None:
        async with station(QUICK.replace(register_limit=2), register_limit=2) as (simulator, rest):
            async with KabuRest(port=simulator.port, token=simulator.station.issue_token() or "") as other:
                await other.register("9433 7203")
            with pytest.raises(SubscriptionLimitError, match="2 of other programs or earlier runs; left out: 101@1"):
                await rest.register("101")
            with pytest.raises(SubscriptionLimitError):
                await rest.fetch_board("8306")
            assert simulator.station.pushed == [("9433", 1), ("7203", 1)]

    run(main())


def test_the_tape_has_a_pace_of_its_own(run: Runner[None]) -> None:
    """Two a second: a third one waits, and none is refused."""

    async def main() -> None:
        async with station(Switches()) as (simulator, rest):
            for _ in range(3):
                await rest.fetch_time_and_sales("9433")
            assert simulator.stats.refusals.total() == 0
            assert rest._pacer.waited_s > 0

    run(main())


def test_an_old_station_without_the_tape_says_so(run: Runner[None]) -> None:
    """4001012: an older kabu Station may not know the call yet."""

    async def main() -> None:
        async with station() as (_, rest):
            with pytest.raises(RequestError, match="an older kabu Station may not know this call yet"):
                await rest._call("GET", "/tape/9433@1", dict)

    run(main())


def test_a_storm_of_429_is_waited_out_or_told(run: Runner[None]) -> None:
    """Short ones pass; a long one ends after four tries."""

    async def main() -> None:
        async with station() as (simulator, rest):
            await rest.fetch_token()
            simulator.storm_429(1.0)
            assert (await rest.fetch_soft_limits()).Stock == 200.0
            simulator.storm_429(30.0)
            with pytest.raises(RateLimitError):
                await rest.fetch_soft_limits()

    run(main())
