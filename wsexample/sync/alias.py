"""Lets programs that say ``import websocket`` run on this twin without a change."""

from __future__ import annotations

import importlib
import sys

from wsexample.errors import StateError

__all__ = ["install_as_websocket"]

SUBMODULES = ("_abnf", "_app", "_core", "_dispatcher", "_exceptions", "_handshake", "_http", "_logging", "_socket")
"""Modules that programs import from websocket-client, and that are here under the same names."""


def install_as_websocket() -> None:
    """Make ``import websocket`` and its submodules mean this module, in this process; call it before anything imports them.

    Raises:
        StateError: another ``websocket`` was imported already, so that some code would go on using that one.
    """
    ours = importlib.import_module("wsexample.sync")
    before = sys.modules.get("websocket")
    if before is not None and before is not ours:
        raise StateError("another module named websocket was imported before; install the alias first")
    for name in SUBMODULES:
        sys.modules[f"websocket.{name}"] = importlib.import_module(f"wsexample.sync.{name}")
    sys.modules["websocket"] = ours
