"""Every program that a page shows is run by a test: here, or in the test of its page that is named here."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from tests.brokers.weex.pages import environment
from tests.conftest import Runner
from tests.test_docs import ROOT, Block, blocks
from wsexample.brokers.alpaca.simulator import DEFAULT_KEY, DEFAULT_SECRET, AlpacaSimulator
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.errors import CredentialsError
from wsexample.hub.server import Hub
from wsexample.ports import Record
from wsexample.records.market import Board, Quote, Trade

ELSEWHERE = {
    "README.md": "tests/test_docs.py",
    "alpaca.md": "tests/brokers/alpaca/test_documentation.py",
    "cookbook.md": "tests/test_cookbook.py",
    "kabu.md": "tests/brokers/kabu/test_documentation.py",
    "records.md": "tests/records/test_documentation.py",
    "session.md": "tests/session/test_docs.py",
    "sync.md": "tests/sync/test_docs.py",
    "tape.md": "tests/tape/test_docs.py",
    "weex-patterns.md": "tests/brokers/weex/test_patterns.py",
}
"""Pages whose own test runs all their programs."""
COMPILED = {"development.md": "fragments for whoever adds a target or a test; tests/fuzz runs the targets"}
"""Pages whose programs are no programs, and why; tests/test_docs.py compiles them."""
HERE = {"credentials.md": 1, "hub.md": 3, "kabu.md": 1, "paper.md": 4, "sinks.md": 4, "weex.md": 3}
"""How many programs of which page run below; of kabu.md the one that no other test runs."""


def program(page: str, number: int, **names: Any) -> dict[str, Any]:
    """Run a program up to the end of its text; returns its names."""
    block = [each for each in blocks("python") if each.document.name == page][number]
    exec(compile(block.text, str(block), "exec"), names)
    return names


def test_no_program_is_left_out() -> None:
    """A page with programs is in one of the two tables, with the right number of them."""
    shown = Counter(block.document.name for block in blocks("python"))
    assert set(shown) == {*ELSEWHERE, *HERE, *COMPILED}
    assert {page: shown[page] for page in HERE if page not in ELSEWHERE} == {
        page: count for page, count in HERE.items() if page not in ELSEWHERE
    }
    for page, test in ELSEWHERE.items():
        text = (ROOT / test).read_text(encoding="utf-8")
        assert page in text or page.removesuffix(".md") in text


@pytest.mark.parametrize("block", blocks("javascript"), ids=str)
def test_programs_for_browsers_name_what_the_hub_speaks(block: Block) -> None:
    """The page of the hub in a browser runs in tests/integration/test_hub_page.py; what is shown says the same words."""
    assert set(re.findall(r"\b(op|subscribe|topics|seq|record)\b", block.text)) >= {"op", "topics"}


async def some(count: int = 30) -> AsyncIterator[Record]:
    """Trades that go up and down."""
    for number in range(count):
        price = 100.0 + abs(number % 20 - 10)
        yield Quote(
            venue="t",
            symbol="A",
            received_ns=number,
            bid_price=price - 0.01,
            bid_size=500,
            ask_price=price,
            ask_size=500,
        )
        yield Trade(venue="t", symbol="A", received_ns=number, price=price, size=5.0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The key pair is found in the environment, and printing the settings shows where and not what."""
    monkeypatch.setenv("APCA_API_KEY_ID", "id")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "hunter2")
    names = program("credentials.md", 0)
    assert names["secret"].reveal() == "hunter2"
    assert "APCA_API_KEY_ID from the environment" in (said := capsys.readouterr().out)
    assert "hunter2" not in said


QUOTE = Quote(venue="alpaca", symbol="AAPL", received_ns=1, bid_price=227.5)


class Source:
    """A session as a hub sees it: one quote, then quiet."""

    async def batches(self) -> AsyncIterator[list[Record]]:
        yield [QUOTE]
        await asyncio.Event().wait()


def on_a_free_port(opened: asyncio.Queue[Hub]) -> type[Hub]:
    """`Hub` as a page writes it, on this machine alone and on a port of the system's; tells when it listens."""

    class OnAFreePort(Hub):
        def __init__(self, host: str | None = None, port: int = 0, **others: Any) -> None:
            super().__init__(port=0, **others)

        async def __aenter__(self) -> Self:
            await super().__aenter__()
            opened.put_nowait(self)
            return self

    return OnAFreePort


def test_a_hub_and_its_reader(
    run: Runner[None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the one program publishes, the other prints."""
    reading, publishing = program("hub.md", 0), program("hub.md", 1)
    opened: asyncio.Queue[Hub] = asyncio.Queue()
    publishing["Hub"] = on_a_free_port(opened)

    async def main() -> None:
        owner = asyncio.ensure_future(publishing["publish"](Source()))
        async with asyncio.timeout(20):
            port = str((await opened.get()).port)
        real = reading["connect_hub"]
        reading["connect_hub"] = lambda url, topics: real(url.replace("9100", port), topics)
        reader = asyncio.ensure_future(reading["show"]())
        async with asyncio.timeout(20):
            while "AAPL" not in capsys.readouterr().out:
                await asyncio.sleep(0.01)
        for task in (reader, owner):
            task.cancel()
        await asyncio.gather(reader, owner, return_exceptions=True)

    run(main())


def test_a_hub_for_some(run: Runner[None], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over TLS, whoever has a token reads what it is for; another token is refused."""
    names = program("hub.md", 2)
    ca = trustme.CA()
    ca.cert_pem.write_to_path("ca.pem")
    certificate = ca.issue_cert("localhost")
    certificate.private_key_pem.write_to_path("key.pem")
    certificate.cert_chain_pems[0].write_to_path("cert.pem")
    token = names["TokenFile"]("tokens.json").add("anna", topics=["alpaca.>"])
    opened: asyncio.Queue[Hub] = asyncio.Queue()
    names["Hub"] = on_a_free_port(opened)
    options = names["ConnectOptions"]

    async def main() -> None:
        owner = asyncio.ensure_future(names["publish_to_some"](Source()))
        async with asyncio.timeout(20):
            port = str((await opened.get()).port)
        names["ConnectOptions"] = lambda url, tls: options(url=url.replace("9100", port), tls=tls)
        with pytest.raises(CredentialsError, match="the token is unknown"):
            await names["show_newest"]("another")
        reader = asyncio.ensure_future(names["show_newest"](token))
        async with asyncio.timeout(20):
            while "AAPL 227.5" not in capsys.readouterr().out:
                await asyncio.sleep(0.01)
        for task in (reader, owner):
            task.cancel()
        await asyncio.gather(reader, owner, return_exceptions=True)

    run(main())


def test_a_figure_that_is_not_there() -> None:
    """kabu.md: why a field of a board is None, told from the layout of its message."""
    why = program("kabu.md", _numbers_of("kabu.md", "def why_none"))["why_none"]
    board = Board(venue="kabu", symbol="101@1", received_ns=1, layout="index")
    assert {why(board, "bid_price"), why(board, "last_price")} <= {"does not apply", "no value yet"}


def _numbers_of(page: str, part: str) -> int:
    shown = [each for each in blocks("python") if each.document.name == page]
    return next(number for number, each in enumerate(shown) if part in each.text)


def test_a_strategy_on_paper_and_with_a_broker(run: Runner[None], capsys: pytest.CaptureFixture[str]) -> None:
    """The same strategy trades on paper, and with a paper account of the simulated Alpaca."""
    strategy, callers = program("paper.md", 0)["trade"], program("paper.md", 1)

    async def main() -> None:
        await callers["on_paper"](strategy, some())
        async with AlpacaSimulator() as venue:
            import wsexample.brokers.alpaca as alpaca

            real = alpaca.AlpacaTradingRest
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    alpaca,
                    "AlpacaTradingRest",
                    lambda paper: real(DEFAULT_KEY, DEFAULT_SECRET, paper=paper, url=venue.url),
                    raising=False,
                )
                await callers["with_money"](strategy, some(5))

    run(main())
    assert re.fullmatch(r"[\d.]+\n", capsys.readouterr().out)


def test_the_simple_way_and_the_choices_of_an_engine(run: Runner[None], capsys: pytest.CaptureFixture[str]) -> None:
    """The subclass trades and reports; the engine with everything chosen is made."""
    run(program("paper.md", 2)["run"](some()))
    assert len(capsys.readouterr().out.split()) == 2
    assert program("paper.md", 3)["engine"].performance.equity == 1_000_000


def test_sinks(run: Runner[None], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the first program stores the second reads; the third asks an archive; the fourth is made for NATS."""
    run(program("sinks.md", 0)["main"]())
    program("sinks.md", 1)
    assert capsys.readouterr().out.splitlines() == ["227.5"] * 100

    async def archive() -> None:
        from wsexample import open_sink

        async with open_sink("parquet:///archive") as sink:
            await sink.write([Quote(venue="a", symbol="A", received_ns=1, bid_price=1.0, ask_price=2.0)])

    run(archive())
    program("sinks.md", 2)
    assert "spread" in capsys.readouterr().out
    with contextlib.suppress(StopAsyncIteration):  # its server is in tests/sinks/test_jetstream.py
        assert asyncio.iscoroutinefunction(program("sinks.md", 3)["show"])


@pytest.mark.parametrize(("number", "function"), [(0, "show"), (1, "look"), (2, "practise")])
def test_weex(
    run: Runner[None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    function: str,
) -> None:
    """The stream prints until it is disconnected, the call its answer, the simulator its addresses."""
    names = program("weex.md", number)

    async def main() -> None:
        async with WeexSimulator(step_s=0.01) as venue:
            for name, value in environment(venue).items():
                monkeypatch.setenv(name, value)
            running = asyncio.ensure_future(names[function]())
            said = ""
            async with asyncio.timeout(20):
                while not said and not running.done():
                    await asyncio.sleep(0.01)
                    said = capsys.readouterr().out
            if function == "show":
                running.cancel()
            await asyncio.gather(running, return_exceptions=function == "show")
            assert said or capsys.readouterr().out

    run(main())
