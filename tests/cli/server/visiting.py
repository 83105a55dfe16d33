"""Clients in the test's own process that visit a ``wseserver``, and what they bring back."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from wsexample import connect
from wsexample.errors import HandshakeError


async def converse(url: str, *messages: str | bytes, **options: Any) -> list[str | bytes]:
    """Send messages and return as many answers."""
    async with connect(url, **options) as ws:
        answers = []
        for message in messages:
            await ws.send(message)
            answers.append(await ws.receive(10))
        return answers


async def leave(url: str) -> None:
    """Connect and go."""
    async with connect(url):
        pass


def fetch(url: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Make a plain HTTP request; returns status, body and content type."""
    request = urllib.request.Request(url.replace("ws", "http", 1) + path, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Content-Type"]


async def refused(url: str, **options: Any) -> int | None:
    """Return the status with which a client is refused, 101 when it is let in."""
    try:
        async with connect(url, **options):
            return 101
    except HandshakeError as error:
        return error.status
