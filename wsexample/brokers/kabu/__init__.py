"""kabu Station: Japanese equities and derivatives, through the program of that name on a Windows PC.

`KabuClient` is the first thing to look at; REST registers symbols, the WebSocket pushes full boards of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsexample.brokers.kabu.client import KabuClient
    from wsexample.brokers.kabu.dialect import KabuDialect
    from wsexample.brokers.kabu.rest import KabuRest

__all__ = ["KabuClient", "KabuDialect", "KabuRest"]

_HOMES = {"KabuClient": "client", "KabuDialect": "dialect", "KabuRest": "rest"}

if not TYPE_CHECKING:  # a type checker that saw it would take every name for an exported one

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
