"""Property tests have more time than others, and no deadline where a long search is asked for."""

from __future__ import annotations

import pytest

from tests.property import profiles

SHRINKING_S = 600
"""Seconds for a property: Hypothesis makes what it found smaller for up to five minutes, and else nobody sees what it was."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a search take its time, and what it finds be shown."""
    for item in items:
        if "/property/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(0 if profiles.is_long() else SHRINKING_S))
