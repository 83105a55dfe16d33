"""Credentials: where they are found, in which forms they are sent, and that nothing shows them."""

from __future__ import annotations

import pickle

import pytest

from tests.brokers.alpaca.payloads import KEY, SECRET
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.errors import CredentialsError, OptionError


def test_what_is_given_comes_before_the_environment() -> None:
    """Explicit, then APCA, then ALPACA."""
    environment = {
        "APCA_API_KEY_ID": "k2",
        "APCA_API_SECRET_KEY": "s2",
        "ALPACA_API_KEY": "k3",
        "ALPACA_SECRET_KEY": "s3",
    }
    found = [
        AlpacaCredentials.found("k1", "s1", environment=environment),
        AlpacaCredentials.found(environment=environment),
        AlpacaCredentials.found(environment={"ALPACA_API_KEY": "k3", "ALPACA_SECRET_KEY": "s3"}),
    ]
    assert [each.message_pair()["key"] for each in found] == ["k1", "k2", "k3"]
    token = AlpacaCredentials.found(environment={"APCA_API_OAUTH": "t"})
    assert token.headers() == {"Authorization": "Bearer t"}


def test_without_any_the_variables_are_named() -> None:
    """A newcomer reads what to set."""
    with pytest.raises(CredentialsError, match="APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
        AlpacaCredentials.found(environment={})


@pytest.mark.parametrize(
    "arguments", [{}, {"key_id": "k"}, {"secret_key": "s"}, {"key_id": "k", "secret_key": "s", "oauth_token": "t"}]
)
def test_half_a_pair_is_refused(arguments: dict[str, str]) -> None:
    """Either a whole pair or a token."""
    with pytest.raises(OptionError):
        AlpacaCredentials(**arguments)


@pytest.mark.parametrize("value", ["k ey", "k\ney", "ключ"])
def test_what_would_break_a_header_is_refused_unquoted(value: str) -> None:
    """The error names the option and does not show its value."""
    with pytest.raises(OptionError, match="secret_key holds characters") as caught:
        AlpacaCredentials("k", value)
    assert value not in str(caught.value)


def test_nothing_shows_them() -> None:
    """Neither repr, str nor pickle."""
    credentials = AlpacaCredentials(KEY, SECRET)
    for shown in (repr(credentials), str(credentials), f"{credentials}", repr(vars(credentials))):
        assert KEY not in shown
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(credentials)


def test_the_pair_is_sent_in_headers() -> None:
    """REST and handshakes take the same headers."""
    assert AlpacaCredentials(KEY, SECRET).headers() == {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
