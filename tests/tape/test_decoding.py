"""Tapes read without a session."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Runner
from tests.session.toy import ToyDialect
from tests.tape.tapes import BEGIN, SECOND, record, trade, write_tape
from wsexample.records.fields import encode_json
from wsexample.tape.decoding import decode
from wsexample.tape.format import Source


def records_of(path: Path, **options: int) -> list[bytes]:
    """What the toy broker's dialect makes of a tape."""
    dialect = ToyDialect(login=True, acks=True)
    return [encode_json(record) for batch in decode(path, dialect, **options) for record in batch]


def test_it_gives_what_a_session_gives_but_for_gaps(run: Runner[None], tmp_path: Path) -> None:
    """Over several connections, in order and to the byte."""

    async def main() -> None:
        recorded = await record(tmp_path / "day.tape")
        assert records_of(tmp_path / "day.tape") == [line for line in recorded if b'"gap"' not in line]

    run(main())


def test_plain_blocks_and_times(tmp_path: Path) -> None:
    """Blocks of nothing but messages are read too; times leave records out, and other sources are not read."""
    rows = [(n, trade(n), n % 2) for n in range(6)]
    path = write_tape(tmp_path / "a.tape", rows, Source(), Source())
    assert len(records_of(path)) == 3
    found = records_of(path, source=1, from_ns=BEGIN + 2 * SECOND, to_ns=BEGIN + 5 * SECOND)
    assert [b'"trade_id":"3"' in line for line in found] == [True]
