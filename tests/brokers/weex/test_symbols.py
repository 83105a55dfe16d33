"""Symbols and streams are spelled one way, whatever a caller writes."""

from __future__ import annotations

import pytest

from wsexample.brokers.weex.dialect import book_topic, kline_topic, spell, wire_level
from wsexample.errors import OptionError


@pytest.mark.parametrize("written", ["BTCUSDT", "btcusdt", "cmt_btcusdt", "BTC/USDT", "BTC/USDT:USDT", "BTCUSDT_SPBL"])
def test_every_spelling_is_the_same_symbol(written: str) -> None:
    """Names of V2, of spot and of other libraries become V3's."""
    assert spell(written) == "BTCUSDT"


@pytest.mark.parametrize("written", ["", "  ", "BTC USDT", "BTC@x"])
def test_no_symbol_is_refused(written: str) -> None:
    """What cannot be a symbol is refused before anything is sent."""
    with pytest.raises(OptionError, match="is no symbol"):
        spell(written)


def test_levels_map_to_those_the_venue_has() -> None:
    """The smallest book that holds the levels asked for is streamed."""
    assert [wire_level(level) for level in (1, 5, 15, 16, 200)] == [15, 15, 15, 200, 200]
    assert book_topic("btcusdt", 5) == "BTCUSDT@depth15"
    assert kline_topic("BTCUSDT", "1M") == "BTCUSDT@kline_1M_LAST_PRICE"


@pytest.mark.parametrize("level", [0, 201, -1, True])
def test_levels_outside_are_refused(level: int) -> None:
    """No book is that deep."""
    with pytest.raises(OptionError):
        wire_level(level)
