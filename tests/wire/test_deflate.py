"""permessage-deflate is negotiated with all four parameters of RFC 7692, and kept to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.conftest import echo, hold, pair
from wsexample.errors import HandshakeError, OptionError
from wsexample.wire.connection import connect
from wsexample.wire.deflate import DeflateOptions, usable_offers
from wsexample.wire.options import ServeOptions
from wsexample.wire.scripted import Script, accept
from wsexample.wire.server import serve

Run = Callable[[Any], Any]
TEXT = "the same words again and again " * 50


async def agree(client: DeflateOptions | bool, server: DeflateOptions | bool) -> tuple[str, str, list[int]]:
    """Return offer, answer and the bytes on the wire of two equal messages."""
    offers: list[str] = []
    async with pair(echo, server={"options": ServeOptions(compression=server)}, compression=client) as (serving, ws):
        offers.append(next(iter(serving.connections)).request.headers.get("sec-websocket-extensions", ""))
        sizes = []
        for _ in range(2):
            before = ws._link.trafficStats.outgoingOctetsWireLevel
            await ws.send(TEXT)
            sizes.append(ws._link.trafficStats.outgoingOctetsWireLevel - before)
            assert await ws.receive(5) == TEXT
        return offers[0], ws.response_headers.get("sec-websocket-extensions", ""), sizes


@pytest.mark.parametrize(
    ("client", "server", "offer", "answer"),
    [
        (True, True, "permessage-deflate; client_max_window_bits", "permessage-deflate"),
        (False, True, "", ""),
        (True, False, "permessage-deflate; client_max_window_bits", ""),
        (
            DeflateOptions(server_no_context_takeover=True, server_max_window_bits=10),
            True,
            "permessage-deflate; client_max_window_bits; server_no_context_takeover; server_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
        ),
        (
            DeflateOptions(client_no_context_takeover=True, client_max_window_bits=11),
            True,
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=11",
            "permessage-deflate",
        ),
        (
            True,
            DeflateOptions(
                server_no_context_takeover=True,
                client_no_context_takeover=True,
                server_max_window_bits=9,
                client_max_window_bits=10,
            ),
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; "
            "client_no_context_takeover; client_max_window_bits=10",
        ),
    ],
)
def test_parameters_are_negotiated(run: Run, client: Any, server: Any, offer: str, answer: str) -> None:
    """Offer and answer say what the options say, and messages pass."""
    assert run(agree(client, server))[:2] == (offer, answer)


def test_messages_become_smaller_and_smaller(run_grid: Run) -> None:
    """Compressed they are shorter, and the window carries over to the next message."""
    _, _, (first, second) = run_grid(agree(True, True))
    assert first < len(TEXT) / 10
    assert second < first


def test_without_takeover_every_message_stands_alone(run: Run) -> None:
    """The client that forgets its window sends equal messages with equal length."""
    _, _, (first, second) = run(agree(DeflateOptions(client_no_context_takeover=True), True))
    assert first == second


def test_short_messages_may_stay_as_they_are(run: Run) -> None:
    """What is below the bound is not worth compressing."""
    _, _, sizes = run(agree(DeflateOptions(min_bytes=len(TEXT) + 1), True))
    assert min(sizes) > len(TEXT)


def test_what_stays_uncompressed_may_be_larger_than_what_is_accepted(run: Run) -> None:
    """``max_message_bytes`` bounds what comes, not what is sent, whatever is compressed."""

    async def scenario() -> str | bytes:
        limits = {"compression": DeflateOptions(min_bytes=1000), "max_message_bytes": 100}
        async with pair(hold, server={"options": ServeOptions(compression=True)}, **limits) as (serving, ws):
            await ws.send("x" * 200)
            return await next(iter(serving.connections)).receive(5)

    assert run(scenario()) == "x" * 200


@pytest.mark.parametrize(
    ("options", "response"),
    [
        (DeflateOptions(server_max_window_bits=10), "permessage-deflate"),
        (DeflateOptions(server_max_window_bits=10), "permessage-deflate; server_max_window_bits=12"),
        (DeflateOptions(server_no_context_takeover=True), "permessage-deflate"),
        (True, "permessage-deflate; unknown=1"),
        (True, "permessage-bzip2"),
        (False, "permessage-deflate"),
    ],
)
def test_a_server_that_answers_otherwise_is_refused(run: Run, options: Any, response: str) -> None:
    """What was not offered, or not agreed to as RFC 7692 asks, fails the handshake."""

    async def scenario() -> None:
        script = Script([accept(Sec_WebSocket_Extensions=response)])
        with pytest.raises(HandshakeError, match="wrongly"):
            await connect("ws://x/", opener=script, compression=options)

    run(scenario())


@pytest.mark.parametrize(
    "offer", ["permessage-deflate; server_max_window_bits=8", "permessage-deflate; x", "x-other; y=1"]
)
def test_an_offer_that_cannot_be_taken_is_declined_not_refused(run: Run, offer: str) -> None:
    """The connection goes on without compression (RFC 7692 section 7)."""

    async def scenario() -> str | None:
        async with (
            serve(echo, options=ServeOptions(compression=True)) as server,
            connect(server.url, headers={"Sec-WebSocket-Extensions": offer}) as ws,
        ):
            return ws.response_headers.get("sec-websocket-extensions")

    assert run(scenario()) is None


def test_a_client_that_cannot_be_asked_for_its_window_is_not(run: Run) -> None:
    """Without client_max_window_bits in the offer the server must not answer with it."""

    async def scenario() -> str | None:
        options = ServeOptions(compression=DeflateOptions(client_max_window_bits=10))
        async with (
            serve(echo, options=options) as server,
            connect(server.url, headers={"Sec-WebSocket-Extensions": "permessage-deflate"}) as ws,
        ):
            return ws.response_headers.get("sec-websocket-extensions")

    assert run(scenario()) is None


@pytest.mark.parametrize(
    "settings", [{"server_max_window_bits": 8}, {"client_max_window_bits": 16}, {"memory_level": 0}, {"min_bytes": -1}]
)
def test_parameters_are_checked(settings: dict[str, int]) -> None:
    """zlib's limits are told when the options are made."""
    with pytest.raises(OptionError):
        DeflateOptions(**settings)


def test_only_readable_offers_are_kept() -> None:
    """Other extensions pass; a malformed deflate offer does not."""
    offers: list[tuple[str, Any]] = [
        ("permessage-deflate", {"server_max_window_bits": ["99"]}),
        ("permessage-deflate", {}),
        ("x-other", {"y": ["1"]}),
    ]
    assert usable_offers(offers) == offers[1:]
