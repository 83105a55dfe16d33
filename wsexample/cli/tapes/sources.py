"""Which dialect a tape is in, and what a session writes about itself on a tape: where tapes and brokers meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wsexample.errors import OptionError
from wsexample.ports import Dialect
from wsexample.session.session import Session
from wsexample.tape.format import Source

__all__ = ["describe", "dialect_of"]


def describe(session: Session) -> Source:
    """Return what a tape says about a session, so that it can be read again without asking anybody."""
    from wsexample.brokers.alpaca.codes import FEEDS
    from wsexample.brokers.alpaca.dialect import AlpacaDataDialect, AlpacaTradingDialect
    from wsexample.brokers.kabu.dialect import KabuDialect
    from wsexample.brokers.weex.dialect import WeexDialect

    dialect: Any = session.dialect
    name, settings = "", {}
    if isinstance(dialect, KabuDialect):
        name = "kabu"
    elif isinstance(dialect, AlpacaDataDialect):
        name, settings = "alpaca.data", {"feed": next(name for name, feed in FEEDS.items() if feed is dialect.feed)}
    elif isinstance(dialect, AlpacaTradingDialect):
        name = "alpaca.trading"
    elif isinstance(dialect, WeexDialect):
        name = "weex"
    return Source(venue=dialect.venue, dialect=name, url=session.url, topics=tuple(session.topics), settings=settings)


def dialect_of(source: Source) -> Dialect:
    """Return the dialect in which a source speaks.

    Raises:
        OptionError: the tape does not say, or this version does not know it.
    """
    maker = _MAKERS.get(source.dialect)
    if maker is None:
        known = ", ".join(_MAKERS)
        said = f"says {source.dialect!r}" if source.dialect else "does not say its dialect"
        raise OptionError(f"the tape {said}; records can be had of {known}, and raw messages of any", option="dialect")
    return maker(source.settings)


def _kabu(settings: Mapping[str, str]) -> Dialect:
    from wsexample.brokers.kabu.dialect import KabuDialect

    return KabuDialect()


def _alpaca_data(settings: Mapping[str, str]) -> Dialect:
    from wsexample.brokers.alpaca.dialect import AlpacaDataDialect

    return AlpacaDataDialect(feed=settings.get("feed", "iex"))


def _alpaca_trading(settings: Mapping[str, str]) -> Dialect:
    from wsexample.brokers.alpaca.credentials import AlpacaCredentials
    from wsexample.brokers.alpaca.dialect import AlpacaTradingDialect

    return AlpacaTradingDialect(AlpacaCredentials("tape", "tape"))  # what it sends when played goes nowhere


def _weex(settings: Mapping[str, str]) -> Dialect:
    from wsexample.brokers.weex.dialect import WeexDialect

    return WeexDialect()


_MAKERS: dict[str, Callable[[Mapping[str, str]], Dialect]] = {
    "kabu": _kabu,
    "alpaca.data": _alpaca_data,
    "alpaca.trading": _alpaca_trading,
    "weex": _weex,
}
