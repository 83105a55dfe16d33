"""Topics of the market data streams: "quotes:AAPL" is a channel and a symbol; "bars:*" is every symbol of a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wsexample.brokers.alpaca.codes import CHANNELS, Feed
from wsexample.errors import OptionError

__all__ = ["WITH_TRADES", "spell", "split_topic", "topics_of"]

WITH_TRADES = ("corrections", "cancelErrors")
"""Channels that come by themselves with trades; they cannot be asked for."""


def spell(channel: str, symbol: str) -> str:
    """Return the topic of a channel and a symbol."""
    return f"{channel}:{symbol}"


def split_topic(topic: str, feed: Feed) -> tuple[str, str]:
    """Return the channel and the symbol of a topic.

    Parameters:
        topic: "quotes:AAPL", "orderbooks:BTC/USD", "news:*".
        feed: where it is to be had.

    Raises:
        OptionError: it has no channel that the feed has, or no symbol.
    """
    channel, colon, symbol = topic.partition(":")
    if not colon or not symbol or any(character.isspace() for character in symbol):
        raise OptionError(f"{topic!r} is not a topic; write CHANNEL:SYMBOL, such as quotes:AAPL", option="topics")
    if channel not in feed.channels:
        there_are = ", ".join(feed.channels)
        by_itself = " (it comes by itself with trades)" if channel in WITH_TRADES else ""
        raise OptionError(f"this feed has no channel {channel!r}{by_itself}; it has {there_are}", option="topics")
    return channel, symbol


def topics_of(channels: Mapping[str, str | Iterable[str]]) -> tuple[str, ...]:
    """Return the topics of several channels.

    Parameters:
        channels: channel -> symbols, as a list or as one text with blanks or commas between them.

    Raises:
        OptionError: there is no such channel.
    """
    topics: dict[str, None] = {}
    for channel, symbols in channels.items():
        if channel not in CHANNELS or channel in WITH_TRADES:
            raise OptionError(f"there is no channel {channel!r}; there are {', '.join(CHANNELS)}", option="channel")
        if isinstance(symbols, str):
            symbols = symbols.replace(",", " ").split()
        topics.update(dict.fromkeys(spell(channel, symbol.strip()) for symbol in symbols))
    return tuple(topics)
