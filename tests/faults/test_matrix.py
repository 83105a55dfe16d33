"""Each part of the package in each kind of storm, once for each seed: ``scripts/faults.py`` does the same for many seeds."""

from __future__ import annotations

import os

import pytest

from tests.conftest import _loops
from tests.faults.storm import KINDS
from tests.faults.trial import PARTS, Certificates, made_certificates, try_once

SEEDS = [int(word) for word in os.environ.get("WSEXAMPLE_FAULT_SEEDS", "3").split(",")]


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return made_certificates()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_keeps_its_promises_in_a_storm(part: str, kind: str, seed: int, certificates: Certificates) -> None:
    """Nothing hangs, nothing is left behind, sums hold; the message of a failure has the seed and what was drawn."""
    try_once(part, kind, seed, certificates, tuple(_loops()))
