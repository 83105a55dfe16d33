"""Tokens taken out of sentences: what a reader sent in the wrong place is quoted in an error, and errors are logged. Pure."""

from __future__ import annotations

import re

__all__ = ["TOKEN_PREFIX", "without_tokens"]

TOKEN_PREFIX = "wsx_"
_TOKEN = re.compile(TOKEN_PREFIX + r"[\w-]+")


def without_tokens(words: str) -> str:
    """Return a sentence with every token masked."""
    return _TOKEN.sub(f"{TOKEN_PREFIX}***", words)
