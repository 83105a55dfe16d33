"""Every example of docs/weex-patterns.md runs as written against the simulator."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from tests.conftest import Runner
from wsexample.brokers.weex.simulator import WeexSimulator

TEXT = (Path(__file__).parents[3] / "docs" / "weex-patterns.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.0500"}


def test_every_section_has_its_example() -> None:
    """No heading is without a program."""
    assert len(EXAMPLES) == len(re.findall(r"^## ", TEXT, re.MULTILINE)) > 10


@pytest.mark.parametrize(("name", "code"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_runs(
    run: Runner[None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, code: str
) -> None:
    """It prints something or stores it, and ends by itself."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, name, "exec"), names)

    async def main() -> None:
        async with WeexSimulator(step_s=0.02) as venue:
            for key, value in (
                ("WEEX_API_KEY", KEY),
                ("WEEX_SECRET_KEY", SECRET),
                ("WEEX_PASSPHRASE", PASSPHRASE),
                ("WEEX_WS_PUBLIC_URL", venue.public_url),
                ("WEEX_WS_PRIVATE_URL", venue.private_url),
                ("WEEX_REST_URL", venue.rest_url),
            ):
                monkeypatch.setenv(key, value)

            async def trade() -> None:
                while True:
                    await venue.tell(venue.desk.place(ORDER, 1_795_000_000_000)[1])
                    await asyncio.sleep(0.05)

            trading = asyncio.create_task(trade())
            try:
                await names["main"]()
            finally:
                trading.cancel()
                await asyncio.wait({trading})

    run(main())
    assert capsys.readouterr().out or name == "Storing"
