"""Every test of a command may launch commands, at a terminal too, and a simulated kabu Station."""

from __future__ import annotations

from tests.commands import echo_url, kabu, launch, terminal

__all__ = ["echo_url", "kabu", "launch", "terminal"]
