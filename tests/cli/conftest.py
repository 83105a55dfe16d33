"""Every test of a command may launch commands."""

from __future__ import annotations

from tests.commands import echo_url, launch

__all__ = ["echo_url", "launch"]
