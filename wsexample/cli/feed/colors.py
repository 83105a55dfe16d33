"""Which colours rising and falling prices have."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Colors"]


@dataclass(frozen=True, slots=True)
class Colors:
    """Colours of rising and falling prices; Japan paints what rises red, most others green."""

    up: str = "green"
    """Colour of what rises."""
    down: str = "red"
    """Colour of what falls."""

    @classmethod
    def named(cls, name: str) -> Colors:
        """Return the colours for "japan", "west", or "auto", which asks the locale."""
        if name == "auto":
            language = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
            name = "japan" if language.startswith("ja") else "west"
        return cls("red", "green") if name == "japan" else cls()

    def of(self, direction: int) -> str:
        """Return the colour of a move up (1), down (-1) or none (0), which is the empty one."""
        return {1: self.up, -1: self.down}.get(direction, "")
