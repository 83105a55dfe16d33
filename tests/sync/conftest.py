"""The module under test is ours, or, where a test says what the contract says, once ours and once websocket-client."""

from __future__ import annotations

import gc
import importlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sync.peer import Peer, peer

LEAVES_SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=["ours", pytest.param("theirs", marks=LEAVES_SOCKETS)])
def websocket(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Ours and websocket-client, which wrote the contract."""
    if request.param == "ours":
        yield importlib.import_module("wsexample.sync")
        return
    yield importlib.import_module("websocket")
    with warnings.catch_warnings():  # it leaves sockets to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def ours() -> Any:
    """Ours alone, for what it does better."""
    return importlib.import_module("wsexample.sync")


@pytest.fixture
def server() -> Iterator[Peer]:
    """A server that echoes."""
    with peer() as serving:
        yield serving


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
