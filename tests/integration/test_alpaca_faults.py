"""No execution is lost or doubled when everything goes wrong at once: a short run of ``scripts/alpaca_faults.py``."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from alpaca_faults import experiment, faults_of

from tests.conftest import Runner
from wsexample.brokers.alpaca.simulator import AlpacaSimulator

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.mark.parametrize("backfill", ["auto", "rest"])
def test_every_execution_comes_once(run: Runner[None], monkeypatch: pytest.MonkeyPatch, backfill: Any) -> None:
    """Cuts, lost and doubled updates, failing REST, a jumping clock: what happened is what came."""
    monkeypatch.setattr("wsexample.brokers.alpaca.client.trading.GRACE_NS", 10**9)

    async def main() -> None:
        outcome = await experiment(7, fills=200, per_s=80, backfill=backfill, check_every_s=1.0)
        assert (outcome.missing, outcome.doubled) == (0, 0)
        assert len(outcome.happened) == 200
        assert outcome.faults.total() > 3

    run(main())


def test_every_fault_can_be_had() -> None:
    """None of them is a typing error that would break nothing."""
    sim = AlpacaSimulator()
    in_background = {"down", "mute", "silent login"}  # these need a running loop
    for name, fault in faults_of(sim, random.Random(1)).items():
        if name not in in_background:
            fault()
