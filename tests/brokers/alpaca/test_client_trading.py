"""`AlpacaTradingStream` against the simulator: records, breaks, and no execution lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import logging
import random
from decimal import Decimal
from typing import Any

import pytest

from tests.brokers.alpaca.simulator_calls import WHOLE, caller_of
from tests.conftest import Runner
from wsexample.brokers.alpaca import AlpacaTradingStream
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator, Switches
from wsexample.errors import CredentialsError, DeadlineError, OptionError
from wsexample.ports import Gap, Record
from wsexample.records.orders import Fill, Order, OrderRequest
from wsexample.session.options import Retry

QUICK = Retry(first_s=0.02, max_s=0.1, interval_s=0.01)
MANY = WHOLE.replace(requests_per_minute=0)


def stream_of(sim: AlpacaSimulator, **options: Any) -> AlpacaTradingStream:
    known = {"url": sim.trading_stream_url, "rest_url": sim.url, "overlap_s": 1.0, "retry": QUICK}
    return AlpacaTradingStream(DEFAULT_KEY, DEFAULT_SECRET, **{**known, **options})


async def until_fills(stream: AlpacaTradingStream, count: int, timeout_s: float = 20.0) -> list[Record]:
    """Every record until so many different executions have come."""
    records: list[Record] = []
    seen: set[str] = set()
    async with asyncio.timeout(timeout_s):
        async for record in stream:
            records.append(record)
            if isinstance(record, Fill):
                seen.add(record.fill_id)
                if len(seen) >= count:
                    break
    return records


def ids(records: list[Record]) -> list[str]:
    return [record.fill_id for record in records if isinstance(record, Fill)]


# --- the stream -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["flat", "nested"])
def test_orders_and_fills_arrive_as_records(run_grid: Runner[None], login: Any) -> None:
    """An execution comes before the order that it has changed."""

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=WHOLE) as sim,
            caller_of(sim) as caller,
            stream_of(sim, login=login) as stream,
        ):
            await caller.order()
            records = [await stream.receive(5) for _ in range(4)]
            events = [record.event for record in records if isinstance(record, Order)]
            assert events == ["pending_new", "new", "fill"]
            assert isinstance(records[2], Fill)
            assert not records[2].is_backfilled

    run_grid(main())


def test_wrong_credentials_are_raised_at_once(run: Runner[None]) -> None:
    """Not tried for ever; one login, one error."""

    async def main() -> None:
        async with AlpacaSimulator(switches=WHOLE) as sim:
            stream = AlpacaTradingStream(DEFAULT_KEY, "wrong", url=sim.trading_stream_url, rest_url=sim.url)
            with pytest.raises(CredentialsError, match="did not accept the credentials"):
                await stream.__aenter__()
            assert sim.stats.refused_logins == 1

    run(main())


def test_a_silent_server_does_not_hang_the_client(run: Runner[None]) -> None:
    """The login has a deadline."""

    async def main() -> None:
        async with AlpacaSimulator(switches=WHOLE) as sim:
            sim.silent_auth()
            options = {"login_timeout_s": 0.1, "retry": Retry(max_attempts=2, first_s=0.01, interval_s=0.0)}
            with pytest.raises(DeadlineError, match="login was not answered"):
                async with stream_of(sim, **options):
                    pass

    run(main())


@pytest.mark.parametrize(
    "kind", ["unknown_event", "unknown_status", "unknown_field", "null_order", "bad_json", "one_byte"]
)
def test_odd_updates_lose_no_execution(run: Runner[None], kind: str) -> None:
    """What cannot be read is fetched by REST; the stream goes on."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY.replace(pending_new_events=False)) as sim, stream_of(sim) as stream:
            flow = sim.start_fills(12, per_s=20)
            await sim.wait_for("executions", 2)
            sim.odd_update(kind)
            await sim.wait_for("updates", sim.stats.updates_sent + 1)
            if kind == "one_byte":
                sim.reset("trading")  # a heartbeat in place of an update is a loss that only a break reveals
            records = await until_fills(stream, 12)
            assert sorted(ids(records)) == sorted(flow.execution_ids)

    run(main())


@pytest.mark.parametrize(
    "options",
    [
        {"backfill": "always"},
        {"overlap_s": -1},
        {"patience_s": 0},
        {"check_every_s": -1},
        {"login": "round"},
        {"since_ns": 1, "backfill": "none"},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    """Before anything is connected."""
    with pytest.raises(OptionError):
        AlpacaTradingStream("k", "s", **options)


# --- breaks -----------------------------------------------------------------------------------------------------------------

MODES = [
    ("events", "auto", MANY),
    ("events forbidden", "auto", MANY.replace(events_over_http=False)),
    ("lists", "rest", MANY),
    ("other ids in lists", "rest", MANY.replace(activity_ids="other")),
    ("no event ids", "auto", MANY.replace(event_ids=False)),
]


@pytest.mark.parametrize(("mode", "switches"), [m[1:] for m in MODES], ids=[m[0] for m in MODES])
def test_random_cuts_lose_nothing(run: Runner[None], mode: Any, switches: Switches) -> None:
    """Each execution once and in order, whatever the source; a scaled run of scripts/alpaca_cuts.py."""

    async def main() -> None:
        rng = random.Random(7)
        async with AlpacaSimulator(switches=switches) as sim, stream_of(sim, backfill=mode) as stream:
            flow = sim.start_fills(500, per_s=250)

            async def cut() -> None:
                for number in range(10):
                    await sim.wait_for("executions", (number + 1) * 45 + rng.randint(-20, 20))
                    sim.reset("trading")

            cutting = asyncio.ensure_future(cut())
            records = await until_fills(stream, 500)
            await cutting
            fills = [record for record in records if isinstance(record, Fill)]
            places = [(fill.order_id, fill.cumulative_size) for fill in fills]
            assert len(set(places)) == len(places) == 500
            if switches.activity_ids == "execution":
                assert ids(records) == flow.execution_ids
            times = [fill.exchange_ns or 0 for fill in fills]
            assert times == sorted(times)
            assert any(fill.is_backfilled for fill in fills)
            assert any(isinstance(record, Gap) and record.filled for record in records)

    run(main())


def test_what_happened_while_everything_was_down_is_fetched(run: Runner[None]) -> None:
    """The gap stands before it, marked as filled; an order that ended meanwhile is known to have ended."""

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=MANY) as sim,
            caller_of(sim) as caller,
            stream_of(sim, backfill="rest") as stream,
        ):
            resting = await caller.order(symbol="MSFT", type="limit", limit_price="100")
            while (await stream.receive(5)).event != "new":  # type: ignore[attr-defined]
                pass
            sim.stop_streams(0.5)
            await caller.call("DELETE", f"/v2/orders/{resting['id']}")
            flow = sim.start_fills(20, per_s=200)
            records = await until_fills(stream, 20)
            records += [await stream.receive(5)]
            gap = records[0]
            assert isinstance(gap, Gap)
            assert gap.filled
            assert ids(records) == flow.execution_ids
            ended = [r for r in records if isinstance(r, Order) and r.order_id == resting["id"]]
            assert [(r.status, r.is_backfilled) for r in ended] == [("canceled", True)]

    run(main())


def test_the_venues_clock_may_be_wrong(run: Runner[None]) -> None:
    """An hour ahead or behind, or set anew in between: what to fetch is reckoned in the venue's time."""

    async def main(skew_s: float) -> None:
        async with AlpacaSimulator(switches=MANY) as sim:
            sim.skew_clock(skew_s)
            async with stream_of(sim, backfill="rest") as stream:
                sim.reset("trading")
                flow = sim.start_fills(30, per_s=300)
                assert ids(await until_fills(stream, 30)) == flow.execution_ids
                sim.skew_clock(-2 * skew_s)
                sim.reset("trading")
                flow = sim.start_fills(30, per_s=300)
                assert ids(await until_fills(stream, 30)) == flow.execution_ids

    for skew_s in (3600.0, -3600.0):
        run(main(skew_s))


def test_doubled_and_exchanged_updates_are_one_each(run: Runner[None]) -> None:
    """The same execution twice is delivered once."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim) as stream:
            sim.double_updates(20)
            flow = sim.start_fills(30, per_s=300)
            records = await until_fills(stream, 30)
            assert ids(records) == flow.execution_ids
            assert stream.stats.duplicates > 0

    run(main())


def test_rest_that_fails_for_a_while_is_waited_for(run: Runner[None]) -> None:
    """New updates stand back meanwhile, and the order is kept."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim, backfill="rest") as stream:
            sim.start_fills(5, per_s=100)
            await until_fills(stream, 5)
            sim.rest_fault(502, 3)
            sim.reset("trading")
            flow = sim.start_fills(40, per_s=100)
            assert ids(await until_fills(stream, 40)) == flow.execution_ids

    run(main())


def test_when_patience_ends_live_goes_on_and_the_rest_comes_late(run: Runner[None]) -> None:
    """The gap counts as not filled, nothing new is held back, and what is missing is fetched when that is possible."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim, backfill="rest", patience_s=0.2) as stream:
            sim.rest_fault(502, 1_000_000)
            sim.drop_updates(1_000_000)
            lost = sim.start_fills(5, per_s=500)
            await sim.wait_for("executions", 5)
            sim.streams.faults.drop_next = 0
            sim.reset("trading")
            gap = await stream.receive(10)
            assert isinstance(gap, Gap)
            assert not gap.filled
            live = sim.start_fills(5, per_s=500)
            now = await until_fills(stream, 5)
            assert ids(now) == live.execution_ids
            sim.rest_fault(502, 0)
            late = await until_fills(stream, 5, timeout_s=25)
            assert ids(late) == lost.execution_ids

    run(main())


def test_an_event_stream_that_breaks_off_is_replaced_by_lists(run: Runner[None]) -> None:
    """Nothing waits for it: the same break is mended from activities and orders."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim) as stream:
            sim.break_event_stream()
            sim.reset("trading")
            flow = sim.start_fills(20, per_s=200)
            assert ids(await until_fills(stream, 20)) == flow.execution_ids
            assert sim.stats.requests["GET /v2/account/activities"] + sim.stats.requests["GET /v2/orders"] > 0

    run(main())


# --- losses without a break -------------------------------------------------------------------------------------------------


def test_a_lost_update_shows_in_the_next_one(run: Runner[None]) -> None:
    """What is filled does not add up then, and the execution between is fetched without a new connection."""

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=MANY) as sim,
            caller_of(sim) as caller,
            stream_of(sim, check_every_s=0) as stream,
        ):
            order = await caller.order(symbol="MSFT", qty="10", type="limit", limit_price="100")
            while (await stream.receive(5)).event != "new":  # type: ignore[attr-defined]
                pass
            sim.fill_order(order["id"], "2")
            await sim.wait_for("updates", sim.stats.updates_sent + 1)
            sim.drop_updates(1)
            sim.fill_order(order["id"], "3")
            sim.fill_order(order["id"], "4")
            records = await until_fills(stream, 3)
            fills = [(record.size, record.is_backfilled) for record in records if isinstance(record, Fill)]
            assert fills == [(2, False), (4, False), (3, True)]
            assert stream.stats.reconnects == 0

    run(main())


def test_a_mute_connection_is_found_and_replaced(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pongs flow, updates do not: a look by REST finds out, and what was missed comes behind a gap."""
    monkeypatch.setattr("wsexample.brokers.alpaca.client.trading.GRACE_NS", 10**8)

    async def main(mode: Any) -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim, backfill=mode, check_every_s=0.2) as stream:
            seen = sim.start_fills(5, per_s=500)
            assert ids(await until_fills(stream, 5)) == seen.execution_ids
            sim.mute()
            missed = sim.start_fills(5, per_s=500)
            records = await until_fills(stream, 5)
            (gap,) = [record for record in records if isinstance(record, Gap)]
            assert gap.filled
            assert "did not come although the connection stood" in gap.reason
            assert ids(records) == missed.execution_ids

    for mode in ("auto", "rest"):
        run(main(mode))


def test_looking_finds_nothing_where_nothing_is_missing(run: Runner[None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy connection is left alone, orders that stood open before included."""
    monkeypatch.setattr("wsexample.brokers.alpaca.client.trading.GRACE_NS", 10**8)

    async def main(mode: Any) -> None:
        async with AlpacaSimulator(switches=MANY) as sim, caller_of(sim) as caller:
            await caller.order(symbol="MSFT", type="limit", limit_price="100")
            before = sim.start_fills(5, per_s=500)
            await sim.wait_for("executions", 5)
            async with stream_of(sim, backfill=mode, check_every_s=0.1) as stream:
                after = sim.start_fills(50, per_s=100)
                found = ids(await until_fills(stream, 50))
                await sim.wait_for("requests", sim.stats.requests.total() + 8)
                assert found == after.execution_ids
                assert not set(found) & set(before.execution_ids)
                assert (stream.stats.reconnects, stream.stats.duplicates) == (0, 0)

    for mode in ("auto", "rest"):
        run(main(mode))


@pytest.mark.parametrize("carried", ["old", "new"])
def test_a_replaced_order_is_not_taken_for_missing(
    run: Runner[None], monkeypatch: pytest.MonkeyPatch, carried: Any
) -> None:
    """Whichever order the event carries, the end of the old one is told once, and the connection is left alone."""
    monkeypatch.setattr("wsexample.brokers.alpaca.client.trading.GRACE_NS", 0)

    async def main(mode: Any) -> None:
        switches = MANY.replace(replaced_carries=carried)
        async with (
            AlpacaSimulator(switches=switches) as sim,
            stream_of(sim, backfill=mode, check_every_s=0.05) as stream,
        ):
            wanted = OrderRequest(
                symbol="AAPL", side="buy", size=Decimal(5), order_type="limit", limit_price=Decimal(1)
            )
            old = await stream.rest.submit_order(wanted)
            seen: list[Order] = []
            while not any(order.order_id == old.order_id and order.status == "new" for order in seen):
                seen += [record for record in [await stream.receive(5)] if isinstance(record, Order)]
            new = await stream.rest.replace_order(old.order_id, limit_price=Decimal(2))
            while not any(order.order_id == new.order_id and order.event == "new" for order in seen):
                seen += [record for record in [await stream.receive(5)] if isinstance(record, Order)]
            await sim.wait_for("requests", sim.stats.requests.total() + 12)
            ends = [order.replaced_by for order in seen if order.order_id == old.order_id and not order.is_open]
            assert (ends, stream.stats.reconnects) == ([new.order_id], 0)
            assert stream.memory.open_orders == (new.order_id,)

    for mode in ("auto", "rest"):
        run(main(mode))


@pytest.mark.parametrize("mode", ["auto", "rest"])
@pytest.mark.parametrize("has_pending", [True, False])
def test_the_end_of_a_replaced_order_is_fetched_whichever_order_the_event_carries(
    run: Runner[None], mode: Any, has_pending: bool
) -> None:
    """The event was lost, names the new order and is the only one fetched: what was heard before tells of the old one."""
    switches = MANY.replace(replaced_carries="new", pending_cancel_events=has_pending)
    wanted = OrderRequest(symbol="AAPL", side="buy", size=Decimal(5), order_type="limit", limit_price=Decimal(1))

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=switches) as sim,
            stream_of(sim, backfill=mode, check_every_s=0, overlap_s=0) as stream,
        ):
            seen: list[Order] = []

            async def until(order: Order, status: str) -> None:
                while not any(each.order_id == order.order_id and each.status == status for each in seen):
                    seen.extend(record for record in [await stream.receive(5)] if isinstance(record, Order))

            old, other = [await stream.rest.submit_order(wanted) for _ in range(2)]
            await until(old, "new")
            await until(other, "new")
            sim.drop_updates(2 + has_pending)
            new = await stream.rest.replace_order(old.order_id, limit_price=Decimal(2))
            async with asyncio.timeout(5):
                while (await stream.rest.fetch_order(new.order_id)).status != "new":
                    await asyncio.sleep(0.01)
            sim.reset("trading")
            await until(new, "new")
            assert [order.is_backfilled for order in seen if order.status == "replaced"] == [True]
            assert set(stream.memory.open_orders) == {other.order_id, new.order_id}

    run(main())


@pytest.mark.parametrize("has_ids", [True, False])
def test_what_is_taken_back_or_put_right_is_told_once(run: Runner[None], has_ids: bool) -> None:
    """Live and fetched, with an identifier of its own or without."""

    async def main() -> None:
        async with (
            AlpacaSimulator(switches=MANY.replace(correction_ids=has_ids)) as sim,
            caller_of(sim) as caller,
            stream_of(sim, check_every_s=0) as stream,
        ):
            order = await caller.order(qty="10", type="limit", limit_price="100")
            told: list[Fill] = []

            async def told_of() -> str:
                told.extend(record for record in await until_fills(stream, 1) if isinstance(record, Fill))
                return told[-1].fill_id

            sim.fill_order(order["id"], "4")
            first = await told_of()
            sim.bust(first)
            await told_of()
            sim.fill_order(order["id"], "3")
            second = await told_of()
            sim.drop_updates()
            sim.correct_execution(second, "99")
            sim.reset("trading")
            await told_of()
            sim.fill_order(order["id"])
            await told_of()
            whats = [(fill.correction, fill.corrects, fill.is_backfilled) for fill in told]
            live = (None, None, False)
            assert whats == [live, ("bust", first, False), live, ("correct", second, True), live]
            assert len({fill.fill_id for fill in told}) == 5

    run(main())


# --- beginning and end ------------------------------------------------------------------------------------------------------


def test_a_program_goes_on_where_it_stopped(run: Runner[None]) -> None:
    """With since_ns everything since then comes first."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim:
            begun_ns = sim.market_ns
            before = sim.start_fills(25, per_s=1000)
            await sim.wait_for("executions", 25)
            async with stream_of(sim, since_ns=begun_ns) as stream:
                after = sim.start_fills(25, per_s=200)
                records = await until_fills(stream, 50)
                assert ids(records) == before.execution_ids + after.execution_ids

    run(main())


def test_a_beginning_that_cannot_be_fetched_holds_nothing_up_for_ever(run: Runner[None]) -> None:
    """After patience_s live updates flow, and what was before comes when it can be had."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim:
            begun_ns = sim.market_ns
            before = sim.start_fills(5, per_s=1000)
            await sim.wait_for("executions", 5)
            sim.rest_fault(502, 1_000_000)
            async with stream_of(sim, since_ns=begun_ns, patience_s=0.2, backfill="rest") as stream:
                live = sim.start_fills(5, per_s=200)
                assert ids(await until_fills(stream, 5)) == live.execution_ids
                sim.rest_fault(502, 0)
                assert ids(await until_fills(stream, 5)) == before.execution_ids

    run(main())


def test_without_backfill_the_gap_says_so(run: Runner[None]) -> None:
    """What was missed stays missing, visibly."""

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim, backfill="none") as stream:
            sim.reset("trading")
            gap = await stream.receive(5)
            assert isinstance(gap, Gap)
            assert not gap.filled
            assert sim.stats.requests.total() == 0

    run(main())


def test_secrets_are_nowhere(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """Not in reprs, events or the journal, nor in logs at the finest level."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with AlpacaSimulator(switches=MANY) as sim, stream_of(sim, journal=True) as stream:
            sim.reset("trading")
            shown = repr(stream) + repr(vars(stream)) + repr([await stream.receive(5) for _ in range(5)])
            for secret in (DEFAULT_KEY, DEFAULT_SECRET):
                assert secret not in shown
                assert secret not in caplog.text

    run(main())
