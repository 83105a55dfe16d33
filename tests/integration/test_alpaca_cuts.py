"""No fill is lost however often the trading stream is cut: a short run of ``scripts/alpaca_cuts.py``, without alpaca-py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from alpaca_cuts import Tally, experiment

from tests.conftest import Runner
from wsexample.session.options import Retry

pytestmark = pytest.mark.integration


def test_every_execution_comes_once_and_in_order(run: Runner[None]) -> None:
    """With the event stream and with REST lists alike."""

    async def main() -> None:
        quick = Retry(first_s=0.05, max_s=0.2, interval_s=0.01)
        outcome = await experiment(fills=600, cuts=8, per_s=200, with_alpaca_py=False, retry=quick)
        assert [tally.against(outcome.happened) for tally in outcome.tallies] == [(0, 0, 0), (0, 0, 0)]
        assert all(tally.is_perfect(outcome.happened) for tally in outcome.tallies)
        assert all(tally.backfilled for tally in outcome.tallies)
        assert all(tally.connections == 9 for tally in outcome.tallies)
        assert outcome.cuts.total() == 8
        assert outcome.tallies[0].name in str(outcome)

    run(main())


def test_the_count_notices_every_kind_of_loss() -> None:
    """Missing, doubled and out of order are told apart."""
    happened = ["a", "b", "c", "d"]
    tally = Tally("somebody", ["a", "c", "b", "c"])
    assert tally.against(happened) == (1, 1, 1)
    assert not tally.is_perfect(happened)
    assert Tally("nobody").against(happened) == (4, 0, 0)
