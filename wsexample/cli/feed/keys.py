"""Keeps what is typed from running through a live picture: a terminal echoes keys wherever its cursor stands."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["keys_unseen"]

if sys.platform == "win32":  # whose console echoes only what a program reads

    @contextlib.contextmanager
    def keys_unseen() -> Iterator[None]:
        """Do nothing."""
        yield

else:
    import termios

    @contextlib.contextmanager
    def keys_unseen() -> Iterator[None]:
        """Have the terminal echo nothing in this block; what was typed is forgotten at its end. Ctrl-C works as ever."""
        terminal = sys.stdin.fileno()
        if not _is_ours(terminal):
            yield
            return
        before = termios.tcgetattr(terminal)
        silent = termios.tcgetattr(terminal)
        silent[3] &= ~termios.ECHO
        try:
            termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
            yield
        finally:
            if _is_ours(terminal):
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)

    def _is_ours(terminal: int) -> bool:
        """Tell whether it is a terminal before which this program stands; from the background it must not be touched."""
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        except OSError:
            return False
