"""alpaca-py, unchanged, against a tape that plays a recorded Alpaca."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import Runner
from tests.integration.test_alpaca_sdk import Seen, _needs_alpaca_py, pytestmark, running
from wsexample.brokers.alpaca.client import AlpacaStream
from wsexample.brokers.alpaca.simulator import AlpacaSimulator
from wsexample.brokers.alpaca.simulator.shell import DEFAULT_KEY, DEFAULT_SECRET
from wsexample.records.market import Quote
from wsexample.tape.format import Source
from wsexample.tape.recorder import Recorder
from wsexample.tape.server import TapePlan, serve_tape

__all__ = ["_needs_alpaca_py", "pytestmark"]  # the fixture and the marks that tests of alpaca-py need


def test_it_logs_in_and_reads_every_recorded_quote(run: Runner[None], tmp_path: Path) -> None:
    """The tape answers its login and its subscription, and its model of each quote has the recorded prices."""
    from alpaca.data.live import StockDataStream

    async def recorded() -> list[float | None]:
        async with AlpacaSimulator(speed=20.0) as sim, Recorder(tmp_path / "a.tape", Source(venue="alpaca")) as tape:
            stream = AlpacaStream(DEFAULT_KEY, DEFAULT_SECRET, url=sim.stream_url, quotes="AAPL", tap=tape)
            async with stream:
                quotes: list[Any] = [await stream.receive() for _ in range(20)]
        return [quote.bid_price for quote in quotes if isinstance(quote, Quote)]

    async def main() -> None:
        prices = await recorded()
        async with serve_tape(tmp_path / "a.tape", TapePlan(speed=None)) as server:
            seen = Seen()
            stream = StockDataStream("any", "credentials", url_override=f"{server.url}/v2/iex")
            stream.subscribe_quotes(seen.take, "AAPL")
            async with running(stream):
                quotes = await seen.until(lambda items: len(items) >= len(prices))
        assert [quote.bid_price for quote in quotes[: len(prices)]] == prices

    run(main())
