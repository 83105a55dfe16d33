"""What may be shown on a terminal, and whether in colour.

Received text comes from strangers: escape sequences in it could move the cursor, rename the window or fake a prompt.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

__all__ = ["color_choice", "escape_controls", "wants_color"]

# C0 but tab and newline, DEL, C1, the marks that reorder text, and the separators that some terminals treat as newlines
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]")


def escape_controls(text: str) -> str:
    r"""Return the text with control characters written out ("\x1b"); newlines and tabs stay."""
    return _UNSAFE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def wants_color(when: str, stream: TextIO) -> bool:
    """Tell whether to write colours to a stream.

    Parameters:
        when: "always", "never", or "auto": on a terminal, unless NO_COLOR is set (no-color.org) or it is dumb.
        stream: where to.
    """
    chosen = color_choice(when)
    return stream.isatty() if chosen is None else chosen


def color_choice(when: str) -> bool | None:
    """Return whether colours are wanted whatever the stream is; None where it depends on that.

    Parameters:
        when: as in `wants_color`.
    """
    if when != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None
