"""How fast a tape runs, as a value of an option."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["SPEED", "factor"]


class _Speed(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """``10``, ``10x`` or ``max``."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the factor; infinity for as fast as possible."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        if text == "max":
            return float("inf")
        try:
            speed = float(text.removesuffix("x"))
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"{value!r} is not a speed; write 1, 10, 0.5 or max", param, ctx)
        return speed


SPEED = _Speed()


def factor(speed: float) -> float | None:
    """Return a speed as players take it: None for as fast as possible."""
    return None if speed == float("inf") else speed
