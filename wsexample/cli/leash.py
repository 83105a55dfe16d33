"""A command that another command runs beside itself ends with it, however that one ends, killed included.

The parent holds the writing end of the child's standard input and never writes; the system closes it with the parent, on every
platform. The child is told by a variable in its environment, which its own children do not get.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping

__all__ = ["environment_of_child", "watch_parent"]

VARIABLE = "WSEXAMPLE_ENDS_WITH_STDIN"
GOODBYE_S = 10.0
"""How long a child may take to end by itself once its parent is gone."""


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child that gets a pipe as standard input and is to end with it."""
    return {**environment, VARIABLE: "1"}


def watch_parent(ask: Callable[[int], object]) -> None:
    """Where this process is such a child, call something from a thread when its parent is gone.

    Parameters:
        ask: gets the number of the signal that it is to be taken for. A process that still lives ten seconds later is ended.
    """
    if os.environ.pop(VARIABLE, None) is None:
        return

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # no standard input is no parent either
        try:
            ask(signal.SIGTERM)
        except RuntimeError:
            return  # the loop is closed: it ends already
        time.sleep(GOODBYE_S)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, name="wsexample leash", daemon=True).start()
