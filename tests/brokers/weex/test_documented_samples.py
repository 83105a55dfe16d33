"""Programs in the form of WEEX's client documentation run as written, import line aside, against the simulator.

The page is ours (tests/data/weex/documented.md). Another one, such as the page of the published package, is run besides when
the variable WEEX_CLIENT_PAGE names it.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from tests.brokers.weex.pages import Example, environment, examples, run_example
from tests.brokers.weex.payloads import DATA
from tests.conftest import Runner, missing
from wsexample.brokers.weex.simulator import WeexSimulator

PAGES = [DATA / "documented.md", *(Path(name) for name in [os.environ.get("WEEX_CLIENT_PAGE", "")] if name)]
SAMPLES = [example for page in PAGES for example in examples(page.read_text(encoding="utf-8"))]


def test_the_documentation_is_covered() -> None:
    """Its seventeen samples have a counterpart each."""
    assert len(examples(PAGES[0].read_text(encoding="utf-8"))) == 17


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{number} {one.title}" for number, one in enumerate(SAMPLES, 1)])
def test_a_sample_runs(
    run: Runner[None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    sample: Example,
) -> None:
    """It prints, and its loops end normally when the client is disconnected."""
    if "aiosqlite" in sample.code and importlib.util.find_spec("aiosqlite") is None:
        missing("aiosqlite is not installed")
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        async with WeexSimulator(step_s=0.005) as venue:
            for name, value in environment(venue).items():
                monkeypatch.setenv(name, value)
            await run_example(sample, venue)

    run(main())
    printed = capsys.readouterr().out
    assert printed.strip()
    if "remainder" in sample.title:
        assert printed.splitlines()[-1] == "remainder"
