"""From a parsed command line to an exit status: the event loop, the stop signals, and one line for an error.

What the program does while it runs is its own coroutine's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from wsexample.cli.exit_codes import ExitCode, exit_code_for
from wsexample.cli.interrupts import leave_at_once, raise_again
from wsexample.cli.leash import watch_parent
from wsexample.errors import OptionError, StorageError, WsExampleError
from wsexample.wire.trace import printable

__all__ = [
    "LAST_WORDS_S",
    "LOOP_ENVIRONMENT",
    "Stop",
    "let_streams_speak_unicode",
    "loop_factory",
    "loop_name",
    "program_name",
    "run_command",
    "say",
    "say_error",
    "status_of_failure",
]

LOOP_ENVIRONMENT = "WSEXAMPLE_LOOP"
"""Environment variable that chooses the event loop: "uvloop" or "asyncio"."""

LAST_WORDS_S = 2.0
"""How long what was received is still printed to somebody who does not read, once the user wants the program to end."""

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


class Stop:
    """Whether the user wants the program to end; the first signal asks, the second insists."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.signal: int | None = None
        """Number of the signal that asked, None before."""

    @property
    def is_asked(self) -> bool:
        """Whether the program was asked to end."""
        return self._asked.is_set()

    @property
    def exit_code(self) -> int:
        """The exit status of a program that a signal ended, 0 when none did."""
        if self.signal is None:
            return ExitCode.OK
        return ExitCode.TERMINATED if self.signal == signal.SIGTERM else ExitCode.INTERRUPTED

    def ask(self, signum: int | None = None) -> None:
        """Ask the program to end, as a signal would."""
        if self.signal is None:
            self.signal = signum
        self._asked.set()

    async def wait(self) -> None:
        """Return when the program was asked to end."""
        await self._asked.wait()

    async def race(self, work: Coroutine[Any, Any, Any], *, grace_s: float = 0.0) -> bool:
        """Run ``work`` until it ends or until the program was asked to end.

        Parameters:
            work: what to do.
            grace_s: seconds that the work may go on once the program was asked to end.

        Returns:
            True when the work ended by itself; False when it was given up. What it raised is raised.
        """
        task = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and grace_s:
                await asyncio.wait({task}, timeout=grace_s)
            if task.done():
                task.result()
                return True
            return False
        finally:
            for left in (task, asked):
                left.cancel()
            await asyncio.gather(task, asked, return_exceptions=True)


Program = Callable[[Stop], Coroutine[Any, Any, int]]


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of the event loop to use: uvloop where it is installed, unless the environment says otherwise."""
    wanted = os.environ.get(LOOP_ENVIRONMENT, "")
    if wanted == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if wanted == "uvloop":
            raise
        return None
    return uvloop.new_event_loop


def loop_name() -> str:
    """Return the name of the event loop that the commands use here."""
    return "asyncio" if loop_factory() is None else "uvloop"


def run_command(program: Program, *, debug: bool = False) -> NoReturn:
    """Run a command's coroutine to its end and leave the process with its exit status.

    Parameters:
        program: gets the `Stop` to watch; returns the exit status.
        debug: show the traceback of an error instead of its sentence alone, and the library's log lines on stderr.
    """
    let_streams_speak_unicode()
    leave_at_once()
    try:
        with (
            _log_lines() if debug else contextlib.nullcontext(),
            asyncio.Runner(loop_factory=loop_factory()) as runner,
        ):
            code = runner.run(_run_until_stopped(program))
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost frame: everything ends here as one line
        code = status_of_failure(error, debug=debug)
    sys.exit(int(code))


def status_of_failure(error: Exception, *, debug: bool = False) -> int:
    """Say on one line what went wrong, and return the exit status.

    Parameters:
        error: what ended the command; a reader of its output that has left is no failure.
        debug: show the traceback as well.
    """
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt):
        return ExitCode.INTERRUPTED  # what Python 3.11 makes of Ctrl-C in the middle of a class, as an import runs it
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has seen enough; that is how ``command | head`` ends, and no error.
        _silence(sys.stdout)
        return ExitCode.OK
    return say_error(_in_our_words(error), debug=debug)


def _in_our_words(error: Exception) -> Exception:
    """Return what to say of an error that is no defect: a full disk under standard output, bytes that are no text as a word.

    All else that is read or written says so itself.
    """
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return OptionError("the command line holds bytes that are not UTF-8 text; what is not text comes from a file")
    if type(error) is not OSError or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return error
    _silence(sys.stdout)
    told = StorageError(f"standard output cannot be written: {error.strerror}; what should follow there is missing")
    told.__cause__ = error
    return told


async def _run_until_stopped(program: Program) -> int:
    stop = Stop()
    task = asyncio.current_task()
    assert task is not None

    def heard(signum: int) -> None:
        if stop.is_asked:
            task.cancel()
        stop.ask(signum)

    loop = asyncio.get_running_loop()
    watch_parent(lambda signum: loop.call_soon_threadsafe(heard, signum))
    raise_again()
    with _stop_signals(heard):
        return await program(stop)


@contextlib.contextmanager
def _stop_signals(heard: Callable[[int], None]) -> Any:
    """Have stop signals reported inside the loop; Windows loops know no signal handlers, so there `signal` itself is used."""
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}
    try:
        for signum in STOP_SIGNALS:
            if signal.getsignal(signum) is signal.SIG_IGN:
                continue  # nohup wants it so
            try:
                loop.add_signal_handler(signum, heard, signum)
            except (NotImplementedError, RuntimeError):

                def from_any_thread(number: int, frame: FrameType | None) -> None:
                    loop.call_soon_threadsafe(heard, number)

                with contextlib.suppress(ValueError, OSError):  # not the main thread
                    before[signum] = signal.signal(signum, from_any_thread)
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def _log_lines() -> Iterator[None]:
    """Write the log lines of the library to stderr; those of other libraries stay out, they mask no secrets."""
    logger, level = logging.getLogger("wsexample"), logging.getLogger("wsexample").level
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def say_error(error: BaseException, *, debug: bool = False) -> ExitCode:
    """Print an error as one line on stderr, with its traceback when asked, and return its exit status."""
    code = exit_code_for(error)
    if debug:
        traceback.print_exception(error)
    sentence = str(error) if isinstance(error, WsExampleError) else f"{type(error).__name__}: {error}"
    if code is ExitCode.INTERNAL and not debug:
        sentence += " (a defect of this program; --debug shows where)"
    say(" ".join(sentence.split()), color="red")
    return code


def say(sentence: str, *, color: str | None = None) -> None:
    """Print one line on stderr under the program's name; a peer's words in it cannot steer the terminal."""
    line = "\n".join(map(printable, sentence.split("\n")))
    try:
        click.echo(f"{click.style(program_name(), fg=color, bold=True)}: {line}", err=True)
    except OSError:  # nobody listens on stderr any more
        _silence(sys.stderr)


def program_name() -> str:
    """Return the name of the running command, as its messages begin."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or "wsexample"


def let_streams_speak_unicode() -> None:
    """Have names in any script printed on consoles of any code page, with escapes where a character is missing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _silence(stream: TextIO) -> None:
    """Point a standard stream nowhere, so that the interpreter's last flush does not complain either."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
