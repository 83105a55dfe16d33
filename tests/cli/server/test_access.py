"""Who is let in is decided by what they show, and secrets are not printed."""

from __future__ import annotations

import base64

import pytest

from wsexample.cli.server.access import Access
from wsexample.errors import OptionError


def basic(text: str) -> dict[str, str]:
    """Headers of a basic authorization."""
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("headers", "query", "is_known"),
    [
        (basic("user:päss"), {}, True),
        (basic("user:other"), {}, False),
        (basic("user"), {}, False),
        ({"authorization": "Basic ???"}, {}, False),
        ({"authorization": "bearer t1"}, {}, True),
        ({"authorization": "Bearer user:päss"}, {}, False),
        ({"authorization": "Basic t1"}, {}, False),
        ({}, {"token": ["wrong", "t1"]}, True),
        ({}, {"token": ["user:päss"]}, False),
        ({}, {}, False),
    ],
)
def test_users_and_tokens_are_recognised(headers: dict[str, str], query: dict[str, list[str]], is_known: bool) -> None:
    """A user by basic authorization, a token as bearer or in the query, and nothing crosswise."""
    assert Access(users=[("user", "päss")], tokens=["t1"]).knows(headers, query) is is_known


def test_without_secrets_everybody_is_known() -> None:
    """A server that asks for nothing lets everybody in."""
    assert Access().knows({}, {})


def test_a_path_that_can_never_match_is_refused() -> None:
    """A path without a slash is a mistake."""
    with pytest.raises(OptionError, match="begins with /"):
        Access(paths=["ws"])


def test_secrets_are_not_in_the_repr() -> None:
    """Neither passwords nor tokens can be printed."""
    assert repr(Access(users=[("user", "sesame")], tokens=["t0ken"])) == "Access(paths=())"


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_octets_that_are_no_text_are_compared_like_others(scheme: str) -> None:
    """What is no UTF-8, in a header or as a secret, is neither let in nor an error, unless it is the secret."""
    access = Access(users=[("user", "pass")], tokens=["caf\udce9"])
    assert not access.knows({"authorization": f"{scheme} \udcff\udcfe"}, {})
    assert access.knows({"authorization": "Bearer caf\udce9"}, {})
