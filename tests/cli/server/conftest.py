"""Every test of ``wseserver`` may start one with flags of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.commands import Launch


@pytest.fixture
def serving(launch: Launch) -> Callable[..., str]:
    """Start ``wseserver`` with flags on a free port; returns its URL."""

    def start(*flags: str) -> str:
        return launch("wseserver", "0", "--announce", *flags).wait_for("ws", on="out")

    return start
