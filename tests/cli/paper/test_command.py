"""``wsexample paper``: strategies, sources, reports, and what users get wrong."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.paper.parts import quote, trade
from wsexample.cli import record_files
from wsexample.cli.curve import curve_lines
from wsexample.cli.record_files import records_from
from wsexample.cli.tapes.play import Playing
from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import encode_json
from wsexample.records.market import Record
from wsexample.records.orders import Fill
from wsexample.sinks.base import open_sink
from wsexample.sinks.sqlite import read_records

Run = Callable[[Coroutine[Any, Any, Any]], Any]

STRATEGY = """
from decimal import Decimal
from wsexample.records.orders import OrderRequest

async def trade(records, gateway):
    bought = False
    async for record in records:
        if record.venue != "paper" and not bought:
            bought = True
            await gateway.submit_order(OrderRequest(symbol="A", side="buy", size=Decimal(3), time_in_force="gtc"))
"""


def wave() -> list[Record]:
    """Quotes and prints that go up and down for ten minutes."""
    made: list[Record] = []
    for second in range(600):
        price = round(100 + 10 * math.sin(second / 15), 2)
        made += [
            quote(round(price - 0.05, 2), round(price + 0.05, 2), size=50, at_s=10**6 + second),
            trade(price, at_s=10**6 + second + 0.5),
        ]
    return made


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Records as JSON lines."""
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"".join(encode_json(record) + b"\n" for record in wave()))
    return path


def paper(*words: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "wsexample.cli.main", "paper", *map(str, words)],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_the_crossover_reports(day: Path) -> None:
    """Equity, fills, drawdown and the curve are on standard output."""
    done = paper("crossover", day, "--sample", "10")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line[:1].isalpha())
    assert lines["records"] == "1,200"
    assert lines["equity"].startswith("10,000.00 → ")
    assert "█" in done.stdout


def test_a_strategy_file_trades_and_its_records_are_kept(tmp_path: Path, day: Path) -> None:
    """What became of its orders is printed as JSON lines and stored; the report goes to standard error."""
    (tmp_path / "idea.py").write_text(STRATEGY)
    done = paper(tmp_path / "idea.py", day, "--orders", "--store", tmp_path / "own.db", "--fee-bps", "10")
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert kinds == ["order", "fill", "order", "position"]
    (fill,) = (record for record in read_records(tmp_path / "own.db") if isinstance(record, Fill))
    assert (float(fill.price or 0), float(fill.fee or 0)) == (100.05, pytest.approx(0.30015))
    assert "equity" in done.stderr


def test_a_pipe_is_a_source(tmp_path: Path, day: Path) -> None:
    """JSON lines come from standard input, as a streaming command prints them; a line of a kind to come is passed over."""
    (tmp_path / "idea.py").write_text(STRATEGY)
    lines = b'{"kind":"of_tomorrow"}\n' + day.read_bytes().rstrip(b"\n")
    done = paper(tmp_path / "idea.py", "--json", stdin=lines)
    report = json.loads(done.stdout)
    assert (report["records"], report["fills"]) == (1200, 1)
    assert report["positions"][0]["size"] == "3"


def test_the_kill_switch_ends_trading(tmp_path: Path, day: Path) -> None:
    """A drawdown beyond the limit closes the position, and the report says why."""
    (tmp_path / "idea.py").write_text(STRATEGY.replace("Decimal(3)", "Decimal(90)"))
    done = paper(tmp_path / "idea.py", day, "--max-drawdown", "0.05")
    assert "kill switch equity is 5." in done.stdout
    assert "position" not in done.stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "async def trade(records, gateway):\n    async for _ in records:\n        1 / 0\n",
            "line 3: ZeroDivisionError",
        ),
        ("import no_such_module\n", "line 1: ModuleNotFoundError"),
        ("def trade(records gateway): pass\n", "line 1: "),
        ("async def trde(records, gateway): pass\n", "has no 'async def trade(records, gateway)'"),
    ],
)
def test_a_mistake_in_a_strategy_is_shown_where_it_is(tmp_path: Path, day: Path, code: str, words: str) -> None:
    """One line names file, line and error; the exit status is that of a command line that cannot work."""
    (tmp_path / "idea.py").write_text(code)
    done = paper(tmp_path / "idea.py", day)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["nothing.py", "DAY"], "there is no strategy 'nothing.py'", 2),
        (["crossover", "none.tape"], "none.tape cannot be read", 23),
        (["crossover", "DAY", "--max-drawdown", "5"], "--max-drawdown is a fraction", 2),
        (["crossover", "DAY", "--max-order", "0"], ": --max-order must be above 0, not 0", 2),
        (["crossover", "DAY", "--balance", "much"], "'much' is not a number", 2),
        (["crossover", "DAY", "--speed", "2"], "are for tapes", 2),
        (["crossover", "DAY", "DAY"], "must all be tapes", 2),
    ],
)
def test_what_cannot_work_is_one_line(day: Path, words: list[str], said: str, status: int) -> None:
    """The message says what is wrong, and the status which kind of wrong."""
    done = paper(*(str(day) if word == "DAY" else word for word in words))
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr


def test_records_come_from_every_kind_of_file(tmp_path: Path, day: Path, run: Run) -> None:
    """JSON lines, SQLite and Parquet give the same records."""

    async def kept(url: str) -> list[Record]:
        async with open_sink(url) as sink:
            await sink.write(wave())
        place = url.partition(":///")[2]
        return [record async for batch in records_from([place], Playing()) for record in batch]

    async def lines() -> list[Record]:
        return [record async for batch in records_from([str(day)], Playing()) for record in batch]

    assert run(kept(f"sqlite:///{tmp_path}/x.db")) == wave()
    assert run(kept(f"parquet:///{tmp_path}/archive")) == wave()
    assert run(lines()) == wave()


def test_a_database_is_read_by_one_thread(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch after batch comes, also when other threads are busy: SQLite gives a file's rows to one thread only."""
    monkeypatch.setattr(record_files, "BATCH", 2)
    release = threading.Event()

    async def kept() -> list[Record]:
        async with open_sink(f"sqlite:///{tmp_path}/x.db") as sink:
            await sink.write(wave())
        found: list[Record] = []
        busy: list[asyncio.Task[bool]] = []
        try:
            async for batch in records_from([str(tmp_path / "x.db")], Playing()):
                found += batch
                if len(busy) < 3:  # from now on, whoever read the last batch in the loop's own threads is occupied
                    busy.append(asyncio.create_task(asyncio.to_thread(release.wait, 20)))
                    await asyncio.sleep(0)
        finally:
            release.set()
            await asyncio.gather(*busy)
        return found

    assert run(kept()) == wave()


def test_a_damaged_line_is_named(tmp_path: Path, run: Run) -> None:
    """File and number of the line are in the error."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(encode_json(quote(1, 2)) + b'\n{"kind":"quote","venue":5}\n')

    async def read() -> None:
        async for _ in records_from([str(path)], Playing()):
            pass

    with pytest.raises(StorageError, match=r"x\.jsonl:2: .* quote record"):
        run(read())


@pytest.mark.parametrize(("name", "is_lines"), [("x.jsonl", True), ("x.tape", False)])
def test_an_empty_file_has_no_records_yet_and_an_empty_tape_is_none(
    tmp_path: Path, run: Run, name: str, is_lines: bool
) -> None:
    """What was redirected into a file before the first record came is no damage; a tape without its head is."""
    path = tmp_path / name
    path.write_bytes(b"")

    async def read() -> list[Record]:
        return [record async for batch in records_from([str(path)], Playing()) for record in batch]

    if is_lines:
        assert run(read()) == []
    else:
        with pytest.raises(StorageError, match="not a tape"):
            run(read())


def test_a_file_of_another_kind_is_no_broken_tape(tmp_path: Path, run: Run) -> None:
    """What can be read is said of a file that is none of it; one that is called a tape is one that is broken."""
    for name, words in (("x.csv", "is neither a tape, an SQLite file"), ("x.tape", "not a tape")):
        (tmp_path / name).write_text("symbol,price\n")

        async def read(path: str = str(tmp_path / name)) -> None:
            async for _ in records_from([path], Playing()):
                pass

        with pytest.raises(StorageError, match=words):
            run(read())


def test_times_are_for_tapes(day: Path, run: Run) -> None:
    """A speed or a moment asked of what is no tape is an error, not passed over."""

    async def read() -> None:
        async for _ in records_from([str(day)], Playing(since="+1h")):
            pass

    with pytest.raises(OptionError, match="are for tapes"):
        run(read())


def test_a_curve_shows_its_highest_and_lowest() -> None:
    """The scale names both; a flat curve and no curve are drawn too."""
    lines = curve_lines([1.0, 2.0, 3.0, 9.0], width=4, height=2)
    assert lines == ["9.00 ┤   █", "1.00 ┤▁▃▅█"]
    assert curve_lines([5.0, 5.0], height=2) == ["     ┤", "5.00 ┤██"]
    assert len(curve_lines([float(n) for n in range(1000)], width=50)[0]) <= 50 + len("999.50 ┤")
    assert curve_lines([]) == []
