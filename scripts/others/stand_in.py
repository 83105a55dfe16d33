"""Puts this package's classes under the names of Autobahn and websocket-client, as they were before those packages' tests came.

What a test takes from their other modules, and names that this package does not have, stay theirs: writing goes where reading
came from, so that whoever replaces an inside of theirs replaces that, and not a new name of ours.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Any

__all__ = ["SUITES", "stand_in"]

AUTOBAHN_NAMES = (
    "WebSocketClientFactory",
    "WebSocketClientProtocol",
    "WebSocketServerFactory",
    "WebSocketServerProtocol",
)


class _Front(ModuleType):
    """A module in front of another: its own names are its own, everything else is read from and written to the other."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_behind"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ or name.startswith("__"):
            super().__setattr__(name, value)
        else:
            setattr(self.__dict__["_behind"], name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__:
            super().__delattr__(name)
        else:
            delattr(self.__dict__["_behind"], name)


def _put_before(ours: ModuleType, theirs: ModuleType) -> None:
    ours.__dict__["_behind"] = theirs
    ours.__class__ = _Front


def _stand_in_for_autobahn() -> None:
    import txaio

    txaio.use_asyncio()
    ours = importlib.import_module("wsexample.wire.autobahn")
    for name in ("autobahn.websocket.protocol", "autobahn.asyncio.websocket"):
        theirs = importlib.import_module(name)
        front = ModuleType(name)
        front.__spec__, front.__file__ = theirs.__spec__, theirs.__file__
        for one in AUTOBAHN_NAMES:
            setattr(front, one, getattr(ours, one))
        _put_before(front, theirs)
        sys.modules[name] = front
        package, _, last = name.rpartition(".")
        setattr(sys.modules[package], last, front)


def _stand_in_for_websocket_client() -> None:
    import websocket

    for found in pkgutil.iter_modules(websocket.__path__, "websocket."):
        if not found.ispkg and not found.name.endswith("_wsdump"):  # that one is a program, and reads the terminal
            importlib.import_module(found.name)
    theirs = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "websocket"}
    for name in theirs:
        del sys.modules[name]

    from wsexample.sync import install_as_websocket

    install_as_websocket()
    for name, module in theirs.items():
        ours = sys.modules.setdefault(name, module)
        if ours is not module:
            _put_before(ours, module)
    package = sys.modules["websocket"]
    package.__path__ = [*package.__path__, *theirs["websocket"].__path__]  # a test may import an inside of theirs anew
    for name in ("_cookiejar", "_ssl_compat", "_url", "_utils"):
        setattr(package, name, theirs[f"websocket.{name}"])
    exceptions = {n: e for n, e in vars(sys.modules["websocket._exceptions"]).items() if isinstance(e, type)}
    for module in theirs.values():  # what is left of theirs raises what a test that imports exceptions by name expects
        vars(module).update((name, error) for name, error in exceptions.items() if name in vars(module))


SUITES = {
    "autobahn": (
        "autobahn",
        ("websocket/test/test_*.py", "asyncio/test/test_aio_websocket.py"),
        _stand_in_for_autobahn,
    ),
    "websocket-client": ("websocket", ("tests/test_*.py",), _stand_in_for_websocket_client),
}
"""For each project: its package, which files in it are the tests of what we have, and how this package takes its place."""


def stand_in(project: str) -> None:
    """Let this package's classes stand in for a project's, in this process, before its tests are imported."""
    SUITES[project][2]()
