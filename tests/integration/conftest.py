"""Every interoperation test may launch our commands."""

from __future__ import annotations

from tests.commands import echo_url, launch

__all__ = ["echo_url", "launch"]
