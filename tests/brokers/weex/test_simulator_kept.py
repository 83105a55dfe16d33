"""However long a simulated WEEX runs it keeps so much and no more, and candles are of all their trades."""

from __future__ import annotations

import random
from typing import Any

import pytest

from wsexample.brokers.weex.codes import INTERVALS_S
from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.market import UNIT, Instrument, Market
from wsexample.brokers.weex.simulator.spot_desk import SpotDesk

BEGIN_MS = 1_772_461_800_000
DAY_MS = 86_400_000
ALWAYS = (0, 2 * BEGIN_MS)
MARKET_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.0010", "positionSide": "LONG"}
FAR = {**MARKET_ORDER, "type": "LIMIT", "price": "1000.0", "timeInForce": "GTC"}


@pytest.fixture(scope="module")
def traded() -> tuple[Instrument, list[dict[str, Any]], int]:
    """A symbol, every trade of three days, and the time; now and then a trade is told late, once the clock goes back."""
    draw = random.Random(4)
    instrument = Instrument("BTCUSDT", 64_250.0, 1)
    now_ms, trades = BEGIN_MS, []
    for number in range(8000):
        now_ms += -7 * 60_000 if number == 4000 else draw.randrange(1, 70_000)
        price = instrument.mid + draw.randrange(-500, 500)
        trades.append(instrument.trade(now_ms - draw.randrange(20), price, draw.randrange(1, 5000)))
    assert now_ms - BEGIN_MS > 3 * DAY_MS
    return instrument, trades, now_ms


def reference(trades: list[dict[str, Any]], span_ms: int) -> dict[int, dict[str, Any]]:
    """Candles made of all trades at once."""
    by_start: dict[int, list[dict[str, Any]]] = {}
    for trade in trades:
        by_start.setdefault(trade["T"] // span_ms * span_ms, []).append(trade)
    return {
        start: {
            "o": rows[0]["p"],
            "c": rows[-1]["p"],
            "h": max((row["p"] for row in rows), key=float),
            "l": min((row["p"] for row in rows), key=float),
            "v": f"{sum(float(row['q']) for row in rows):.4f}",
            "n": len(rows),
            "V": f"{sum(float(row['q']) for row in rows if not row['m']):.4f}",
            "q": pytest.approx(sum(float(row["v"]) for row in rows), abs=0.1),
            "Q": pytest.approx(sum(float(row["v"]) for row in rows if not row["m"]), abs=0.1),
        }
        for start, rows in sorted(by_start.items())
    }


@pytest.mark.parametrize("interval", INTERVALS_S)
def test_candles_are_of_all_their_trades(traded: tuple[Instrument, list[dict[str, Any]], int], interval: str) -> None:
    """The newest thousand of an interval, however few trades are kept: first, last, highest, lowest, sums and counts."""
    instrument, trades, now_ms = traded
    expected = reference(trades, INTERVALS_S[interval] * 1000)
    found = instrument.candles(interval, now_ms, *ALWAYS, 1000)
    assert len(found) == min(len(expected), 1000)
    for row in found:
        wanted = expected[row["t"]]
        sums = {key: float(row[key]) for key in ("q", "Q")}
        assert {**{key: row[key] for key in wanted}, **sums} == wanted
    assert [row["t"] for row in found] == list(expected)[-1000:]
    assert len(instrument.trades) == 1000


def test_the_candle_that_goes_on_is_the_last_one(traded: tuple[Instrument, list[dict[str, Any]], int]) -> None:
    """The stream's frame of it is what REST shows; where nothing has traded yet all four prices are the last one."""
    instrument, _, now_ms = traded
    assert instrument.kline("4h", "LAST_PRICE", now_ms)["d"] == instrument.candles("4h", now_ms, *ALWAYS, 1)
    (row,) = instrument.candles("1m", now_ms + 600_000, *ALWAYS, 1)
    assert {row[key] for key in "ohlc"} == {instrument.text(instrument.last)}
    assert (row["t"], row["n"], row["v"], row["q"]) == ((now_ms + 600_000) // 60_000 * 60_000, 0, "0.0000", "0.00000")


def test_past_candles_are_those_of_the_time_asked_for(traded: tuple[Instrument, list[dict[str, Any]], int]) -> None:
    """The limit counts those between the two moments, not those outside."""
    instrument, _, now_ms = traded
    hours = [row["t"] for row in instrument.candles("1h", now_ms, *ALWAYS, 1000)]
    found = instrument.candles("1h", now_ms, hours[3], hours[20], 5)
    assert [row["t"] for row in found] == hours[16:21]


@pytest.mark.parametrize("kind", [Desk, SpotDesk])
def test_an_account_keeps_so_many_orders_and_executions(kind: Any) -> None:
    """The newest that are over, and all that wait, which are filled or canceled as ever."""
    market = Market(seed=1, is_spot=kind is SpotDesk)
    desk = kind(market, kept_orders=20, kept_fills=30)
    waiting = [desk.place(FAR, 1)[0]["id"] for _ in range(3)]
    placed = []
    for now_ms in range(2, 400):
        side = {"side": "BUY" if now_ms % 2 else "SELL"}
        placed.append(desk.place({**MARKET_ORDER, **side}, now_ms)[0]["id"])
    assert (len(desk.orders), len(desk.fills)) == (23, 30)
    assert [row["id"] for row in desk.open_rows()] == waiting
    assert [row["id"] for row in desk.past_rows()] == placed[-20:]
    assert sum(float(fill["fillSize"]) for fill in desk.fills) == pytest.approx(15 * 0.001)
    assert desk.cancel(waiting[0], 500)[0]["status"] == "CANCELED"
    assert desk.cancel(placed[0], 500) == (None, [])
    assert (len(desk.orders), [row["id"] for row in desk.open_rows()]) == (22, waiting[1:])


def test_the_figures_of_a_symbol_do_not_depend_on_what_is_kept() -> None:
    """Volume and count are those of all trades."""
    market = Market(seed=2, symbols=["BTCUSDT"])
    count, size = 0, 0.0
    for step in range(1000):
        for trade in market.step(BEGIN_MS + step * 500, ["BTCUSDT@trade"])["BTCUSDT@trade"]["d"]:
            count, size = count + 1, size + float(trade["q"])
    instrument = market.instruments["BTCUSDT"]
    assert (instrument.count, instrument.volume / UNIT) == (count, pytest.approx(size))
    (row,) = instrument.candles("1d", BEGIN_MS + 500_000, *ALWAYS, 1)
    assert (row["n"], float(row["v"])) == (count, pytest.approx(size))
    assert count > len(instrument.trades) == 1000
