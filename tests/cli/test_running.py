"""From a coroutine to an exit status: signals, errors as one line, and streams that go away."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.running import Stop, loop_factory, loop_name, run_command, say_error
from wsexample.errors import ConnectError, ConnectionClosed, HandshakeError


def status_of(program: Callable[[Stop], Any], *, debug: bool = False) -> int:
    """Run a program as a command does; returns the exit status."""
    with pytest.raises(SystemExit) as ended:
        run_command(program, debug=debug)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_status_is_what_the_program_returns() -> None:
    """A program's number is the exit status."""

    async def program(stop: Stop) -> int:
        return 42

    assert status_of(program) == 42


def test_an_error_is_one_line_and_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence of an error of ours stands on one line of stderr, line breaks in it or not."""

    async def program(stop: Stop) -> int:
        raise ConnectError("nobody\nlistens", refused=True)

    assert status_of(program) == ExitCode.CONNECT
    assert capsys.readouterr().err == "wsexample: nobody listens\n"


def test_a_peers_words_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of a close reason are shown as escapes, other scripts as they are."""
    say_error(ConnectionClosed(code=4000, reason="bad \x1b[31m気配"))
    assert capsys.readouterr().err.endswith(": the peer closed the connection with 4000: bad \\x1b[31m気配\n")


def test_a_full_disk_under_standard_output_is_no_defect(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever redirects a command to a file learns that the file is not whole, and why."""

    async def program(stop: Stop) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("wsexample.cli.running._silence", lambda stream: None)
    assert status_of(program) == ExitCode.STORAGE
    said = capsys.readouterr().err
    assert said == (
        "wsexample: standard output cannot be written: No space left on device; what should follow there is missing\n"
    )


def test_bytes_that_are_no_text_on_the_command_line_are_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that no shell of UTF-8 would pass on is the user's to mend."""

    async def program(stop: Stop) -> int:
        "\udcff".encode()
        return 0

    assert status_of(program) == ExitCode.USAGE
    assert "bytes that are not UTF-8 text" in capsys.readouterr().err


def test_a_defect_says_that_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not ours names its kind and how to see more; with debug the traceback comes too."""

    async def program(stop: Stop) -> int:
        raise KeyError("x")

    assert status_of(program) == ExitCode.INTERNAL
    assert capsys.readouterr().err == "wsexample: KeyError: 'x' (a defect of this program; --debug shows where)\n"
    assert status_of(program, debug=True) == ExitCode.INTERNAL
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("debug", [False, True])
def test_debug_shows_the_librarys_log_lines_and_no_others(debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Details of the library reach stderr with --debug, those of other libraries never; afterwards all is as before."""

    async def program(stop: Stop) -> int:
        logging.getLogger("wsexample.session").debug("a detail")
        logging.getLogger("pymongo").debug("another's")
        return 0

    level = logging.getLogger("wsexample").level
    assert status_of(program, debug=debug) == 0
    said = capsys.readouterr().err
    assert ("wsexample.session DEBUG a detail" in said) is debug
    assert "another's" not in said
    assert logging.getLogger("wsexample").level == level


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
def test_the_first_signal_asks(signum: signal.Signals, status: int) -> None:
    """A program hears of a signal in its own time and ends with the signal's status."""

    async def program(stop: Stop) -> int:
        signal.raise_signal(signum)
        async with asyncio.timeout(10):
            await stop.wait()
        return stop.exit_code

    assert status_of(program) == status


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
def test_the_second_signal_insists() -> None:
    """A program that does not end when asked is ended by the second Ctrl-C."""

    async def program(stop: Stop) -> int:
        signal.raise_signal(signal.SIGINT)
        await stop.wait()
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(30)  # is interrupted; only a defect waits for the end
        return 0

    assert status_of(program) == ExitCode.INTERRUPTED


def test_loops_without_signal_handlers_hear_signals_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the loop knows no signal handlers, as on Windows, `signal` itself serves, and is put back afterwards."""

    def refuse(self: object, *args: object) -> None:
        raise NotImplementedError

    monkeypatch.setenv("WSEXAMPLE_LOOP", "asyncio")
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", refuse)
    before = signal.getsignal(signal.SIGINT)

    async def program(stop: Stop) -> int:
        signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            await stop.wait()
        return stop.exit_code

    assert status_of(program) == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_a_race_is_won_by_the_work_or_by_the_user(run: Callable[[Any], Any]) -> None:
    """Work that ends first is finished and its error raised; work that is given up is cancelled before anything goes on."""
    cancelled = []

    async def long_work() -> None:
        try:
            await asyncio.sleep(30)  # is given up; only a defect waits for the end
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def failing() -> None:
        raise ValueError("x")

    async def scenario() -> tuple[bool, bool]:
        stop = Stop()
        first = await stop.race(asyncio.sleep(0))
        with pytest.raises(ValueError, match="x"):
            await stop.race(failing())
        stop.ask()
        return first, await stop.race(long_work())

    assert run(scenario()) == (True, False)
    assert cancelled == [True]


def test_the_environment_chooses_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """WSEXAMPLE_LOOP=asyncio means the standard loop; otherwise uvloop where there is one."""
    monkeypatch.setenv("WSEXAMPLE_LOOP", "asyncio")
    assert (loop_factory(), loop_name()) == (None, "asyncio")
    monkeypatch.delenv("WSEXAMPLE_LOOP")
    assert loop_name() in ("asyncio", "uvloop")


def test_a_closed_output_is_a_quiet_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A program whose reader has gone away ends with 0 and says nothing."""
    monkeypatch.setattr("wsexample.cli.running._silence", lambda stream: None)

    async def program(stop: Stop) -> int:
        raise BrokenPipeError

    assert status_of(program) == 0
    assert capsys.readouterr().err == ""


def test_the_status_of_an_error_is_returned() -> None:
    """`say_error` tells the status that belongs to what it printed."""
    assert say_error(HandshakeError("x", status=403)) == ExitCode.REFUSED
