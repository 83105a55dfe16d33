"""What resident memory is made of: pages of files, blocks that the C library has given out, blocks that it keeps for later.

Memory that grows while the number of objects stands still is one of three things: blocks in use (a leak outside of Python's
objects), free blocks between others (fragments), or pages of a file. Linux with glibc tells; elsewhere nothing is told.
"""

from __future__ import annotations

import ctypes
from typing import Any

__all__ = ["parts"]

_STATUS = {b"RssAnon:": "anonymous", b"RssFile:": "files"}


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2`` (malloc.h)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def _mallinfo2() -> Any:
    try:
        function = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):  # another C library, or Windows
        return None
    function.restype = _Mallinfo2
    return function


_LOOK = _mallinfo2()


def parts() -> dict[str, int]:
    """Return the parts that this system tells, bytes: anonymous, files, used, free, mapped.

    `used` and `free` are the C library's, in its heaps; `mapped` are its largest blocks, each with pages of its own. Python's
    small objects are in neither: they are the rest of `anonymous`.
    """
    found: dict[str, int] = {}
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                name, _, rest = line.partition(b"\t")
                if name in _STATUS:
                    found[_STATUS[name]] = int(rest.split()[0]) * 1024
    except OSError:
        pass
    if _LOOK is not None:
        info = _LOOK()
        found |= {"used": info.uordblks, "free": info.fordblks, "mapped": info.hblkhd}
    return found
