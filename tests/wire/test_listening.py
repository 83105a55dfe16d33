"""Why an address cannot be taken is said in words that help."""

from __future__ import annotations

import errno
import os

import pytest

from wsexample.wire.listening import listen_error


@pytest.mark.parametrize(
    ("number", "unix_path", "said"),
    [
        (errno.EADDRINUSE, None, "10.0.0.9:80 is in use by another program; choose another port or stop that program"),
        (errno.EADDRINUSE, "x.sock", "x.sock is in use by another program; choose another path or stop that program"),
        (errno.EACCES, None, "cannot listen on 10.0.0.9:80: not permitted; ports below 1024 may need special rights"),
        (
            errno.EACCES,
            "x.sock",
            "cannot listen on x.sock: not permitted; look at the permissions of its directory",
        ),
        (errno.EADDRNOTAVAIL, None, "cannot listen on 10.0.0.9:80: 10.0.0.9 is no address of this machine"),
        (errno.ENOENT, "x.sock", f"cannot listen on x.sock: {os.strerror(errno.ENOENT)}"),
    ],
)
def test_each_reason_has_its_advice(number: int, unix_path: str | None, said: str) -> None:
    """What asyncio adds to the system's words stays out."""
    words = os.strerror(number) if number == errno.ENOENT else f"error while attempting to bind on address {number}"
    error = listen_error(OSError(number, words), host="10.0.0.9", port=80, unix_path=unix_path)
    assert (str(error), error.in_use) == (said, number == errno.EADDRINUSE)
