"""The module under test is ours, or, where a test says what the contract says, once ours and once websocket-client."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(params=["ours", "theirs"])
def websocket(request: pytest.FixtureRequest) -> Any:
    """Ours and websocket-client, which wrote the contract."""
    return importlib.import_module("wsexample.sync" if request.param == "ours" else "websocket")


@pytest.fixture
def ours() -> Any:
    """Ours alone, for what it does better."""
    return importlib.import_module("wsexample.sync")


@pytest.fixture(autouse=True)
def _no_settings_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the proxy of the machine, nor what another test has set for the whole process."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    yield
    for name in ("wsexample.sync", "websocket"):
        module: Any = importlib.import_module(name)
        module.setdefaulttimeout(None)
        module.set_reconnect(0)
        module.enableTrace(False)
    logging.getLogger("websocket").setLevel(logging.NOTSET)
