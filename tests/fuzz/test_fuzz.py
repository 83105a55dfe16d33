"""Every target keeps its promise: for the inputs kept in the repository, and for a few seconds of new ones."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.fuzz import campaign
from tests.fuzz.targets import corpus, load, names, seeds

SEED = int(os.environ.get("WSEXAMPLE_FUZZ_SEED", "1"))
RUNS = 1500
"""So few that a fast machine tries no input that was not tried before: new ones are for `scripts/fuzz.py`."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Have the library say nothing of hostile inputs, for as long as a test lasts."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("target", names())
def test_kept_inputs_keep_the_promise(target: str) -> None:
    """No input of the corpus, and none that the target makes by itself, breaks the promise; this needs no fuzzer."""
    loaded = load(target)
    tried = [
        *((file.name, file.read_bytes()) for file in corpus(target)),
        *((f"seed {i}", s) for i, s in enumerate(seeds(loaded))),
    ]
    for name, data in tried:
        try:
            loaded.one_input(data)
        except Exception as error:
            error.add_note(f"{target}: {name}: {data.hex()}")
            raise
    assert tried, "a target has a corpus or seeds"


@pytest.mark.parametrize("target", names())
def test_new_inputs_keep_the_promise(target: str, tmp_path: Path) -> None:
    """The first inputs that atheris makes up from the seed, as many as a second allows, break nothing."""
    if not campaign.is_available():
        if campaign.HAS_WHEEL:
            missing("atheris is not installed")
        pytest.skip("atheris has no wheel for this platform or interpreter")
    outcome = campaign.run(target, into=tmp_path, seed=SEED, seconds=1, runs=RUNS)
    assert not outcome.has_failed, outcome.explain()
    assert outcome.executions > 10, outcome.said
    assert outcome.edges > 10, outcome.said


@pytest.mark.parametrize("target", names())
def test_corpora_stay_small(target: str) -> None:
    """What is kept in the repository stays within bounds."""
    files = corpus(target)
    assert len(files) <= campaign.MOST_FILES
    assert sum(file.stat().st_size for file in files) <= campaign.MOST_OCTETS
