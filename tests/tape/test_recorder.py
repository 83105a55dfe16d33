"""Recording."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Runner
from tests.tape.tapes import BEGIN, TOY, record
from wsexample.errors import ConnectionClosed, OptionError, StateError, StorageError
from wsexample.session.events import Closed, Event, Failed, Gap, Received, Sent, Traffic
from wsexample.tape.format import Kind, note_of
from wsexample.tape.reader import Tape
from wsexample.tape.recorder import Recorder, mask_sent


def received(payload: bytes, connection: int = 1) -> Received:
    return Received(at_ns=BEGIN, connection=connection, payload=payload, is_binary=False)


def test_a_session_is_recorded_both_ways_in_order(run: Runner[None], tmp_path: Path) -> None:
    """Every message in both directions is on the tape, beside notes of what happened to the connection."""

    async def main() -> None:
        await record(tmp_path / "day.tape", breaks=False)

    run(main())
    with Tape(tmp_path / "day.tape") as tape:
        entries = list(tape.entries())
    said = [entry.payload for entry in entries if entry.kind == Kind.RECEIVED_TEXT]
    sent = [entry.payload for entry in entries if entry.kind == Kind.SENT_TEXT]
    notes = [note_of(entry.payload).event for entry in entries if entry.kind == Kind.NOTE]
    assert (len(said), said[0]) == (7, b'{"login": "ok"}')
    assert sent == [b"***", b'{"want": ["A"]}']
    assert notes == ["opened", "logged_in", "subscribed", "live", "closed", "ended"]


@pytest.mark.parametrize("codec", ["none", "zlib"])
def test_what_flush_returned_for_is_on_the_tape(run: Runner[None], tmp_path: Path, codec: str) -> None:
    """After a flush another program reads every message from the file, although it is still being written."""

    async def main() -> None:
        async with Recorder(tmp_path / "a.tape", codec=codec, flush_s=3600) as recorder:
            for number in range(1000):
                recorder(received(b"%d" % number))
            await recorder.flush()
            with Tape(tmp_path / "a.tape") as tape:
                assert [entry.payload for entry in tape.entries()] == [b"%d" % number for number in range(1000)]
            assert recorder.stats.stored == 1000

    run(main())


@pytest.mark.parametrize(
    ("payload", "facts", "stored"),
    [
        (b'{"action":"auth","key":"AK","secret":"hush"}', {}, b'{"action":"auth","key":"***","secret":"***"}'),
        (b'{"action":"listen","data":{"streams":["trade_updates"]}}', {}, None),
        (b"my-token", {"is_login": True}, b"***"),
        (b"my-token", {}, b"my-token"),
        (b"\x82\xa3key\xa2AK\xa6secret\xa4hush", {"is_binary": True}, b"***"),
        (b"\x01\x02", {"is_binary": True}, None),
        (b"\x01\x02", {"is_binary": True, "is_login": True}, b"***"),
    ],
)
def test_secrets_that_were_sent_are_not_on_the_tape(
    payload: bytes, facts: dict[str, Any], stored: bytes | None
) -> None:
    """Secrets are masked where they can be told, and a login that cannot be read is masked as a whole."""
    assert mask_sent(payload, **{"is_binary": False, "is_login": False, **facts}) == (stored or payload)


def test_no_secret_is_in_the_file(run: Runner[None], tmp_path: Path) -> None:
    """Neither the URL nor a login frame leaves a secret in the bytes of a tape."""

    async def main() -> None:
        async with Recorder(tmp_path / "a.tape", TOY) as recorder:
            recorder(Sent(at_ns=1, connection=1, payload=b'{"token":"hush"}', is_binary=False, is_login=True))

    run(main())
    assert b"hush" not in (tmp_path / "a.tape").read_bytes()


def test_two_sources_share_a_tape(run: Runner[None], tmp_path: Path) -> None:
    """Each source has a tap of its own."""

    async def main() -> None:
        async with Recorder(tmp_path / "a.tape", TOY, TOY) as recorder:
            recorder.tap(1)(received(b"second"))
            recorder(received(b"first"))
            with pytest.raises(OptionError, match="no source 2"):
                recorder.tap(2)

    run(main())
    with Tape(tmp_path / "a.tape") as tape:
        assert [(entry.source, entry.payload) for entry in tape.entries()] == [(1, b"second"), (0, b"first")]


def test_a_full_disk_ends_the_tap_and_loses_nothing_flushed(run: Runner[None], tmp_path: Path) -> None:
    """When writing fails the error is raised by the next message and by close, and the file ends with a whole block."""

    async def main() -> None:
        recorder = Recorder(tmp_path / "a.tape", flush_s=3600)
        recorder(received(b"kept"))
        await recorder.flush()
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, recorder._writer._opened().fileno())
        os.close(full)
        recorder(received(b"lost"))
        with pytest.raises(
            StorageError, match=r"a\.tape cannot be written: No space left .*; 1 messages .* are not on it"
        ):
            await recorder.flush()
        with pytest.raises(StorageError):
            recorder(received(b"refused"))
        with pytest.raises(StorageError):
            await recorder.close()

    run(main())
    with Tape(tmp_path / "a.tape") as tape:
        assert [entry.payload for entry in tape.entries()] == [b"kept"]


def test_a_disk_that_is_too_slow_is_reported(run: Runner[None], tmp_path: Path) -> None:
    """Beyond the bytes that may wait, the tap raises instead of filling the memory; what was taken is written all the same."""

    async def main() -> None:
        recorder = Recorder(tmp_path / "a.tape", flush_s=3600, block_bytes=10, limit_bytes=1000)
        with pytest.raises(StorageError, match="not written as fast"):
            recorder(received(b"x" * 2000))
        with pytest.raises(StorageError, match="no more is recorded"):
            await recorder.close()
        assert recorder.stats.stored == recorder.stats.taken == 1

    run(main())
    with Tape(tmp_path / "a.tape") as tape:
        assert [entry.payload for entry in tape.entries()] == [b"x" * 2000]


@pytest.mark.parametrize("how", ["removed", "replaced", "cut"])
def test_a_tape_that_is_taken_away_is_noticed(run: Runner[None], tmp_path: Path, how: str) -> None:
    """The system would go on writing to a file that nobody finds again; the recorder says how much went with it."""

    async def main() -> None:
        recorder = Recorder(tmp_path / "a.tape", flush_s=3600)
        recorder(received(b"one"))
        await recorder.flush()
        take_away(tmp_path / "a.tape", how)
        recorder(received(b"two"))
        words = "cut by another program" if how == "cut" else "removed or replaced"
        with pytest.raises(
            StorageError, match=rf"a\.tape was {words} .* up to 1 messages .* 1 messages .* are not on it"
        ):
            await recorder.flush()
        with pytest.raises(StorageError, match=words):
            await recorder.close()

    run(main())


def take_away(path: Path, how: str) -> None:
    if how == "cut":
        os.truncate(path, 10)
        return
    path.unlink()
    if how == "replaced":
        path.write_bytes(b"")


def test_a_tape_may_be_given_another_name_while_it_is_written(run: Runner[None], tmp_path: Path) -> None:
    """It is the same file: everything is on it."""

    async def main() -> None:
        async with Recorder(tmp_path / "a.tape") as recorder:
            recorder(received(b"one"))
            await recorder.flush()
            os.rename(tmp_path / "a.tape", tmp_path / "b.tape")
            recorder(received(b"two"))

    run(main())
    with Tape(tmp_path / "b.tape") as tape:
        assert [entry.payload for entry in tape.entries()] == [b"one", b"two"]


def test_a_closed_recorder_takes_nothing_more(run: Runner[None], tmp_path: Path) -> None:
    """Closing twice is harmless, what comes afterwards is ignored, and a flush is refused."""

    async def main() -> None:
        recorder = Recorder(tmp_path / "a.tape")
        await recorder.close()
        await recorder.close()
        recorder(received(b"late"))
        with pytest.raises(StateError):
            await recorder.flush()

    run(main())


def test_notes_keep_the_facts_of_a_break(run: Runner[None], tmp_path: Path) -> None:
    """How a connection ended, and what gap that left, can be read back."""
    happened: list[Event | Traffic] = [
        Failed(at_ns=1, connection=3, phase="live", error=ConnectionClosed(code=4000, reason="why"), is_final=False),
        Closed(at_ns=2, connection=3, code=4000, reason="why", was_clean=True, by_peer=True),
        Gap(at_ns=3, connection=4, from_ns=1, to_ns=3, reason="why", filled=True),
    ]

    async def main() -> None:
        async with Recorder(tmp_path / "a.tape") as recorder:
            for item in happened:
                recorder(item)

    run(main())
    with Tape(tmp_path / "a.tape") as tape:
        failed, closed, gap = (note_of(entry.payload) for entry in tape.entries())
    assert (failed.error, failed.code, failed.words) == ("ConnectionClosed", 4000, "why")
    assert (closed.was_clean, closed.by_peer) == (True, True)
    assert (gap.from_ns, gap.to_ns, gap.filled) == (1, 3, True)
