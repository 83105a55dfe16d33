"""`WeexConfig`: from arguments and the environment, as its documentation has it; secrets are not shown."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.weex.payloads import KEY, PASSPHRASE, SECRET
from wsexample.brokers.weex.config import ConnectionConfig, LoggingConfig, RateLimitConfig, RetryConfig, WeexConfig
from wsexample.errors import CredentialsError, OptionError

VARIABLES = {"WEEX_API_KEY": KEY, "WEEX_SECRET_KEY": SECRET, "WEEX_PASSPHRASE": PASSPHRASE}


@pytest.fixture(autouse=True)
def _nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of this machine is read


def test_no_variable_is_needed() -> None:
    """Public streams need nothing, and private ones say what is missing."""
    config = WeexConfig.from_env({})
    assert config.public_url == "wss://ws-contract.weex.com/v3/ws/public"
    with pytest.raises(CredentialsError, match="WEEX_API_KEY and WEEX_SECRET_KEY and WEEX_PASSPHRASE"):
        _ = config.credentials


def test_variables_are_read() -> None:
    """Credentials, addresses and the documented settings come from the environment."""
    config = WeexConfig.from_env(
        VARIABLES
        | {"WEEX_MARKET": "spot", "WEEX_ENVIRONMENT": "staging", "WEEX_TIMEOUT": "12.5", "WEEX_MAX_RETRIES": "7"}
        | {"WEEX_LOG_LEVEL": "debug", "WEEX_REST_URL": "http://127.0.0.1:9/"}
    )
    assert [part.reveal() for part in config.credentials] == [KEY, SECRET, PASSPHRASE]
    assert (config.market, config.environment, config.is_production()) == ("spot", "staging", False)
    assert (config.connection.timeout, config.retry.max_retries, config.logging.level) == (12.5, 7, "DEBUG")
    assert config.get_base_url() == "http://127.0.0.1:9"
    assert config.get_websocket_url() == "wss://ws-spot.weex.com/v3/ws/public"


def test_a_file_is_read_where_the_environment_says_nothing(tmp_path: Path) -> None:
    """A ``.env`` file of the current directory has the same names."""
    (tmp_path / ".env").write_text(f"WEEX_API_KEY={KEY}\nWEEX_SECRET_KEY={SECRET}\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)
    config = WeexConfig.from_env({"WEEX_PASSPHRASE": PASSPHRASE})
    assert [part.reveal() for part in config.credentials] == [KEY, SECRET, PASSPHRASE]


def test_secrets_are_not_shown() -> None:
    """Neither repr, nor str, nor an error has a part of a key; only the headers that are meant for the wire do."""
    config = WeexConfig(KEY, SECRET, PASSPHRASE)
    shown = f"{config!r} {config} {config.api_key} {config.secret_key!r}"
    assert not any(part in shown for part in (KEY, SECRET, PASSPHRASE))
    assert config.get_auth_headers() == {"ACCESS-KEY": KEY, "ACCESS-PASSPHRASE": PASSPHRASE}


def test_the_documented_groups() -> None:
    """Groups are given by the documented names, the short forms stand in them, and copies keep them."""
    config = WeexConfig(
        connection=ConnectionConfig(timeout=60, max_connections=20),
        retry=RetryConfig(max_attempts=5, backoff_factor=2.0),
        environment="staging",
    )
    assert (config.connection.timeout, config.retry.max_retries, config.retry.backoff_factor) == (60, 5, 2.0)
    short = WeexConfig(timeout=10.0, max_retries=1)
    assert (short.connection.timeout, short.retry.max_retries) == (10.0, 1)
    assert replace(short, market="spot").retry.max_retries == 1
    assert (RateLimitConfig().requests_per_second, RateLimitConfig().burst_size) == (10, 20)


def test_addresses_of_the_connection_group() -> None:
    """One base address each for sockets and calls is enough; an environment's name changes none."""
    group = ConnectionConfig(base_url="http://127.0.0.1:5/", websocket_url="ws://127.0.0.1:5/")
    config = WeexConfig(connection=group, environment="development")
    assert (config.rest_url, config.private_url) == ("http://127.0.0.1:5", "ws://127.0.0.1:5/v3/ws/private")
    assert WeexConfig(environment="development").rest_url == "https://api-contract.weex.com"


@pytest.mark.parametrize(
    "values",
    [
        {"WEEX_TIMEOUT": "soon"},
        {"WEEX_TIMEOUT": "0"},
        {"WEEX_MAX_RETRIES": "1.5"},
        {"WEEX_MARKET": "moon"},
        {"WEEX_ENVIRONMENT": "moon"},
        {"WEEX_LOG_LEVEL": "loud"},
        {"WEEX_REST_URL": "ftp://x"},
        {"WEEX_WS_PUBLIC_URL": "http://x"},
    ],
)
def test_a_value_that_cannot_work_is_refused(values: dict[str, str]) -> None:
    """A wrong variable is found before anything is opened, as the documented ValueError."""
    with pytest.raises(OptionError) as caught:
        WeexConfig.from_env(values)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (RetryConfig, {"max_retries": -1}),
        (RetryConfig, {"backoff_factor": 0.5}),
        (RetryConfig, {"backoff_max": float("inf")}),
        (RateLimitConfig, {"burst_size": 0}),
        (ConnectionConfig, {"timeout": True}),
        (ConnectionConfig, {"max_connections": 0}),
    ],
)
def test_groups_refuse_what_cannot_work(kind: Any, values: dict[str, Any]) -> None:
    """Each number has its bounds."""
    with pytest.raises(OptionError):
        kind(**values)


def test_waits_grow_and_stop_growing() -> None:
    """The bound of a wait doubles up to its limit, however many failures there were."""
    retry = RetryConfig(backoff_base=0.5, backoff_max=8.0)
    assert [retry.bound_s(failures) for failures in (1, 2, 5, 6, 5000)] == [0.5, 1.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize("structured", [False, True])
def test_logging_is_set_up_when_asked(structured: bool) -> None:
    """Lines are written once `configure` was called, as text or as JSON."""
    stream, logger = io.StringIO(), logging.getLogger("wsexample.weex")
    package = logging.getLogger("wsexample")
    level = package.level
    handler = LoggingConfig(level="warning", structured=structured).configure(stream)
    try:
        logger.info("not this")
        logger.warning("the venue is %s", "late")
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
    line = stream.getvalue().strip()
    assert "not this" not in line
    assert (json.loads(line)["message"] if structured else line).endswith("the venue is late")
