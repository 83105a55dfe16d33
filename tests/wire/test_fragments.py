"""Fragments know what their header said, and a series knows its last part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from wsexample.wire.fragments import Fragment, with_last


def test_a_fragment_is_its_payload() -> None:
    """It can be used as bytes and tells the rest when asked."""
    fragment = Fragment.of(b"ab", 0, True)
    assert (fragment, fragment.opcode, fragment.is_last) == (b"ab", 0, True)
    assert repr(fragment) == "Fragment(b'ab', opcode=0, is_last=True)"


async def _slowly(parts: list[Any]) -> AsyncIterator[Any]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([], [(b"", True)]), ([b"a"], [(b"a", True)]), (["a", "b"], [("a", False), ("b", True)])],
)
@pytest.mark.parametrize("arrange", [list, _slowly])
def test_the_last_part_is_marked(parts: list[Any], expected: list[Any], arrange: Any) -> None:
    """One part is held back until it is known whether another follows; nothing is an empty message."""

    async def collect() -> list[Any]:
        return [pair async for pair in with_last(arrange(parts))]

    assert asyncio.run(collect()) == expected
