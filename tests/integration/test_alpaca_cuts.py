"""No fill is lost however often the trading stream is cut: a short run of ``scripts/alpaca_cuts.py``, alpaca-py beside it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from alpaca_cuts import Tally, experiment

from tests.conftest import Runner, missing

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def test_every_execution_comes_once_and_in_order(run: Runner[None]) -> None:
    """With the event stream and with REST lists alike; alpaca-py's share of the same run is in the table."""
    if importlib.util.find_spec("alpaca") is None:
        missing("alpaca-py is not installed")

    async def main() -> None:
        outcome = await experiment(fills=400, cuts=6, per_s=100)
        ours, peers = outcome.tallies[:2], outcome.tallies[2:]
        assert [tally.against(outcome.happened) for tally in ours] == [(0, 0, 0), (0, 0, 0)]
        assert all(tally.is_perfect(outcome.happened) for tally in ours)
        assert all(tally.backfilled for tally in ours)
        assert outcome.cuts.total() == 6
        assert peers[0].name in str(outcome)

    run(main())


def test_the_count_notices_every_kind_of_loss() -> None:
    """Missing, doubled and out of order are told apart."""
    happened = ["a", "b", "c", "d"]
    tally = Tally("somebody", ["a", "c", "b", "c"])
    assert tally.against(happened) == (1, 1, 1)
    assert not tally.is_perfect(happened)
    assert Tally("nobody").against(happened) == (4, 0, 0)
