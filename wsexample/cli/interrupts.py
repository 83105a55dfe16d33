"""Ctrl-C before a command has begun and after it has ended: the process is left on the spot, with 130 and without a word.

Python raises an exception wherever it happens to be, and in the middle of an import that need not get through: callbacks of
weak references print it and go on, Python 3.11 makes another of it while it makes a class, the ending interpreter prints it.
What Ctrl-C does while a command runs is the business of `wsexample.cli.usage` and `wsexample.cli.running`.

This is imported before anything else, so it imports next to nothing, and nothing of ours.
"""

import os

INTERRUPTED = 130
"""`wsexample.cli.exit_codes.ExitCode.INTERRUPTED`, which would have to be imported."""

try:
    import signal
except KeyboardInterrupt:
    os._exit(INTERRUPTED)

__all__ = ["leave_at_once", "own_process", "raise_again"]

_is_ours = False
"""Whether this process is nothing but one of our commands; in another program Ctrl-C stays what it is there."""


def own_process() -> None:
    """Say that this process is one of our commands and nothing else, and have Ctrl-C end it at once."""
    global _is_ours
    _is_ours = True
    leave_at_once()


def leave_at_once() -> None:
    """Have Ctrl-C end this process right where it is; nothing where it is not ours, or where somebody hears Ctrl-C already."""
    if _is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raise_again() -> None:
    """Have Ctrl-C raise KeyboardInterrupt, which a command that has begun needs to end properly; undoes `leave_at_once`."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(signum: int, frame: object) -> None:
    os._exit(INTERRUPTED)
