"""How late boards are: the least distance counts, one slow moment does not, and people are told once."""

from __future__ import annotations

import logging

import pytest

from tests.brokers.kabu.market_samples import S
from tests.brokers.kabu.memory_station import MemoryStation
from tests.conftest import Runner
from wsexample.brokers.kabu.dialect.lag import LagWatch


def told(watch: LagWatch, lags_s: list[float]) -> list[str]:
    """What is said when in each window the freshest board is so late."""
    said = []
    for number, lag_s in enumerate(lags_s):
        watch.least_ns = round(lag_s * S)
        sentence = watch.turn((1 + number) * 5 * S)
        if sentence is not None:
            said.append(sentence)
    return said


def test_lateness_is_told_after_three_windows_and_once() -> None:
    """And so is its end."""
    said = told(LagWatch(), [0.4, 31.0, 31.2, 31.4, 32.0, 33.0, 0.8, 0.9])
    assert [sentence.partition(":")[0] for sentence in said] == [
        "boards arrive 31 s after the exchange's time",
        "boards arrive in time again",
    ]


def test_a_slow_moment_is_not_told() -> None:
    """Two windows late, then well again."""
    watch = LagWatch()
    assert told(watch, [0.5, 9.0, 12.0, 0.5]) == []
    assert watch.lag_s == 0.5


def test_boards_from_the_future_show_a_clock_that_is_behind() -> None:
    """The exchange's clock is right."""
    (sentence,) = told(LagWatch(), [-3.0] * 4)
    assert sentence == "boards are 3 s ahead of this PC's clock: set the clock"


def test_what_no_board_can_tell_is_none() -> None:
    """Nothing came, or only boards of a closed session, whose time is hours old."""
    watch = LagWatch()
    assert watch.turn(5 * S) is None
    assert watch.lag_s is None
    assert told(LagWatch(), [7200.0] * 5) == []


def test_a_window_is_not_over_before_its_time() -> None:
    """The freshest board of five seconds counts, whatever comes after it."""
    watch = LagWatch()
    watch.turn(0)
    watch.least_ns = 2 * S
    watch.turn(4 * S)
    assert watch.lag_s is None
    watch.turn(5 * S)
    assert watch.lag_s == 2.0


@pytest.mark.parametrize("behind_s", [0, 40])
def test_a_client_tells_that_its_boards_are_late(
    run: Runner[None], caplog: pytest.LogCaptureFixture, behind_s: int
) -> None:
    """kabu Station hangs behind the market; the stream goes on, and the log says what to do."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        station = MemoryStation(ticks_per_s=2.0)
        station.clock.advance(behind_s)
        station.play = lambda: _play_behind(station, behind_s)  # type: ignore[method-assign]
        client = station.client("9433 8306 7203")
        await station.while_waiting(client.__aenter__())
        await station.pass_time(60.0)
        assert client.lag_s is not None
        assert behind_s <= client.lag_s < behind_s + 3
        await station.while_waiting(client.close())

    run(main())
    assert ("s after the exchange's time: kabu Station is behind" in caplog.text) == bool(behind_s)


def _play_behind(station: MemoryStation, behind_s: int) -> None:
    for change in station.market.advance(station.clock.now_ns() - behind_s * S):
        station.push(change.key)
