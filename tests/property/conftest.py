"""Property tests have no deadline where a long search is asked for."""

from __future__ import annotations

import pytest

from tests.property import profiles


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a long search take its time."""
    if profiles.is_long():
        for item in items:
            if "/property/" in item.path.as_posix():
                item.add_marker(pytest.mark.timeout(0))
