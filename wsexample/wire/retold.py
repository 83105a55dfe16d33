"""A message that was inflated once and is read by Autobahn's parser all the same: the parser is told what it came to."""

from __future__ import annotations

from typing import Any

__all__ = ["Retold"]


class Retold:
    """Tells Autobahn's parser what inflating a message came to, for it cannot be inflated a second time.

    Parameters:
        pmce: Autobahn's side of permessage-deflate, in whose place it stands for one message.
        told: what each step of inflating returned, or raised.
    """

    def __init__(self, pmce: Any, told: list[Any]) -> None:
        self.pmce = pmce
        self._told = told[::-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pmce, name)

    def start_decompress_message(self) -> None:
        """Do nothing; it was done."""

    def _tell(self) -> Any:
        told = self._told.pop() if self._told else b""
        if not isinstance(told, Exception):
            return told
        try:
            raise told
        finally:
            del told  # an error that leads to its own frame keeps the connection until the collector comes by

    def decompress_message_data(self, data: bytes, max_output_len: int | None = None) -> Any:
        """Return or raise what inflating came to."""
        return self._tell()

    def end_decompress_message(self) -> None:
        """Return or raise what ending the message came to."""
        self._tell()
