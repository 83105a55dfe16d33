"""A file of text that a flag names: read whole, or told why not."""

from __future__ import annotations

from pathlib import Path

from wsexample.errors import OptionError

__all__ = ["text_of"]


def text_of(path: Path, option: str) -> str:
    """Return what is in a file.

    Parameters:
        path: the file.
        option: the flag that names it, for the error.

    Raises:
        OptionError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OptionError(f"{path} cannot be read: {words}", option=option) from None
