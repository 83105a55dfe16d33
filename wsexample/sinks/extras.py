"""Modules that come with an extra: imported on use, and where one is missing the error says what installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wsexample.errors import MissingExtraError

__all__ = ["need"]


def need(module: str, extra: str, feature: str) -> Any:
    """Import a module of an optional dependency.

    Parameters:
        module: its name.
        extra: the extra of wsexample that installs it.
        feature: what cannot be done without it, for the error.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(feature, extra=extra) from error
