"""The market data side of REST: history in pages, latest points, snapshots, for stocks, crypto and options. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec

from wsexample.brokers.alpaca.dialect.times import SECOND_NS, rfc3339
from wsexample.brokers.alpaca.simulator.assets import ASSETS, is_well_formed
from wsexample.brokers.alpaca.simulator.bars import BarBuilder
from wsexample.brokers.alpaca.simulator.checks import Refusal
from wsexample.brokers.alpaca.simulator.desk import Answer, Call, parse_time, parse_whole
from wsexample.brokers.alpaca.simulator.listing import Listing
from wsexample.brokers.alpaca.simulator.market import Market
from wsexample.brokers.alpaca.simulator.past import Key, Past
from wsexample.brokers.alpaca.simulator.switches import Switches

__all__ = ["DataDesk"]

SIP_DELAY_NS = 15 * 60 * SECOND_NS
DEFAULT_LIMIT, MAX_LIMIT = 1000, 10_000
_UNITS = {
    "min": 60, "t": 60, "hour": 3600, "h": 3600, "day": 86_400, "d": 86_400, "week": 604_800, "w": 604_800,
    "month": 2_592_000, "m": 2_592_000,
}  # fmt: skip
_STOCKS = re.compile(r"/v2/stocks(?:/([^/]+))?/(trades|quotes|bars|snapshots?)(/latest)?")
_CRYPTO = re.compile(r"/v1beta3/crypto/([\w-]+)/(latest/)?(trades|quotes|bars|orderbooks|snapshots)")
_OPTIONS = re.compile(r"/v1beta1/options/(trades|quotes|bars|snapshots)(/latest)?")
_KINDS = {"stocks": ("stock", "test"), "crypto": ("crypto",), "options": ("option",)}


def point_of(message: Any) -> dict[str, Any]:
    """Return a stream message as REST shows it: without type and symbol, times as texts."""
    values: dict[str, Any] = msgspec.to_builtins(message)
    values.pop("T", None)
    values.pop("S", None)
    values.pop("r", None)
    if isinstance(values.get("t"), int):
        values["t"] = rfc3339(values["t"])
    return values


class DataDesk:
    """Answers calls to the market data host.

    Parameters:
        market: where the points are.
        switches: the account's plan.
    """

    def __init__(self, market: Market, switches: Switches) -> None:
        self._market = market
        self._switches = switches

    def answer(self, call: Call, now_ns: int) -> Answer | None:
        """Answer a call; None when it is not one of the data host's."""
        try:
            return self._answer(call, now_ns)
        except Refusal as refusal:
            return Answer(refusal.http_status, refusal.body)

    def needs_no_key(self, call: Call) -> bool:
        """Return whether a call is answered without credentials: crypto is."""
        return _CRYPTO.fullmatch(call.path) is not None

    def _answer(self, call: Call, now_ns: int) -> Answer | None:
        if call.path == "/v1beta1/news" and call.method == "GET":
            return self._news(call)
        for family, pattern in (("stocks", _STOCKS), ("crypto", _CRYPTO), ("options", _OPTIONS)):
            found = pattern.fullmatch(call.path)
            if found is None:
                continue
            if call.method != "GET":
                return Answer(405, {"message": "method not allowed"})
            single, what, is_latest = _parts(family, found)
            if family == "stocks":
                self._check_feed(call, what, now_ns, is_latest=is_latest)
            listings = list(self._wanted(call, family, single))
            if what.startswith("snapshot"):
                return self._snapshots(listings, family, single)
            if is_latest:
                return self._latest(listings, what, single, now_ns)
            return self._history(call, listings, what, single, now_ns)
        return None

    def _check_feed(self, call: Call, what: str, now_ns: int, *, is_latest: bool) -> None:
        """Refuse the newest full-tape data to those whose plan has it not."""
        if self._switches.plan != "basic" or call.query.get("feed") != "sip" or what.startswith("snapshot"):
            return
        end = parse_time(call.query.get("end"), "end")
        if is_latest or end is None or end > now_ns - SIP_DELAY_NS:
            raise Refusal(403, 42210000, "subscription does not permit querying recent SIP data")

    def _wanted(self, call: Call, family: str, single: str) -> Iterator[Listing]:
        names = [single] if single else [name for name in call.query.get("symbols", "").split(",") if name]
        if not names:
            raise Refusal(400, None, "symbols is required")
        kind = {"stocks": "stock", "crypto": "crypto", "options": "option"}[family]
        for name in sorted(set(names)):
            if not is_well_formed(name, kind) and name not in ASSETS:
                raise Refusal(400, None, f"invalid symbol: {name}")
            listing = self._market.listings.get(name)
            if listing is not None and listing.asset.kind in _KINDS[family]:
                yield listing

    # -- history -------------------------------------------------------------------------------------------------

    def _history(self, call: Call, listings: list[Listing], what: str, single: str, now_ns: int) -> Answer:
        query = call.query
        start = parse_time(query.get("start"), "start")
        end = parse_time(query.get("end"), "end")
        start = now_ns - now_ns % (86_400 * SECOND_NS) if start is None else start
        end = now_ns if end is None else end
        limit = _limit(query.get("limit"))
        is_descending = query.get("sort") == "desc"
        seconds = _seconds(query.get("timeframe", "1Min")) if what == "bars" else 0
        after = _place(query.get("page_token"))
        pages: dict[str, list[Any]] = {}
        left = limit
        place: _Place | None = None
        for listing in listings:
            symbol = listing.asset.symbol
            if after is not None and symbol < after.symbol:
                continue
            past = _past(listing, what)
            chosen = past.between(start, end) if seconds in (0, 60) else _longer(listing, seconds, start, end)
            if is_descending:
                chosen.reverse()
            if after is not None and symbol == after.symbol:
                if not is_descending and after.needs < past.first:
                    raise Refusal(400, None, "page token has expired")
                chosen = [one for one in chosen if (one[0] < after.key if is_descending else one[0] > after.key)]
            page, rest = chosen[:left], chosen[left:]
            if page:
                pages[symbol] = [point_of(past.message(row)) for _, row in page]
                needs = min((number for (_, number), _ in rest), default=past.total)
                place = _Place(symbol, page[-1][0], needs)
            if rest:
                return _page(what, pages, single, place.token if place is not None else None)
            left -= len(page)
        return _page(what, pages, single, None)

    # -- latest --------------------------------------------------------------------------------------------------

    def _latest(self, listings: list[Listing], what: str, single: str, now_ns: int) -> Answer:
        found: dict[str, Any] = {}
        for listing in listings:
            if what == "orderbooks":
                found[listing.asset.symbol] = point_of(listing.whole_book(now_ns))
            else:
                latest = _past(listing, what).latest
                if latest is not None:
                    found[listing.asset.symbol] = point_of(latest)
        if single:
            return Answer(200, {"symbol": single, what[:-1]: found.get(single)})
        return Answer(200, {what: found})

    def _snapshots(self, listings: list[Listing], family: str, single: str) -> Answer:
        shots = {listing.asset.symbol: self._snapshot(listing) for listing in listings}
        if single:
            return Answer(200, {"symbol": single, **shots.get(single, {})})
        return Answer(200, shots if family == "stocks" else {"snapshots": shots})

    def _snapshot(self, listing: Listing) -> dict[str, Any]:
        before = BarBuilder(listing.day.start_ns - 86_400 * SECOND_NS)
        before.add(listing.previous_close, 1)
        symbol = listing.asset.symbol
        shot: dict[str, Any] = {"prevDailyBar": point_of(before.message(symbol))}
        if (trade := listing.trades.latest) is not None:
            shot["latestTrade"] = point_of(trade)
            shot["dailyBar"] = point_of(listing.day.message(symbol))
        if (quote := listing.quotes.latest) is not None:
            shot["latestQuote"] = point_of(quote)
        if (bar := listing.bars.latest) is not None:
            shot["minuteBar"] = point_of(bar)
        return shot

    def _news(self, call: Call) -> Answer:
        symbols = set(call.query.get("symbols", "").split(",")) - {""}
        articles = [m for m in reversed(self._market.news) if not symbols or symbols & set(m.symbols or ())]
        found = []
        for message in articles[: min(max(parse_whole(call.query.get("limit"), "limit", 10), 1), 50)]:
            values = point_of(message)
            for name in ("created_at", "updated_at"):
                values[name] = rfc3339(values[name])
            found.append(values | {"images": []})
        return Answer(200, {"news": found, "next_page_token": None})


def _parts(family: str, found: re.Match[str]) -> tuple[str, str, bool]:
    if family == "stocks":
        return found[1] or "", found[2], bool(found[3])
    if family == "crypto":
        return "", found[3], bool(found[2])
    return "", found[1], bool(found[2])


def _page(what: str, pages: dict[str, list[Any]], single: str, token: str | None) -> Answer:
    if single:
        return Answer(200, {"symbol": single, what: pages.get(single, []), "next_page_token": token})
    return Answer(200, {what: pages, "next_page_token": token})


def _limit(text: str | None) -> int:
    try:
        limit = int(text) if text else DEFAULT_LIMIT
    except ValueError:
        raise Refusal(400, None, "Invalid format for parameter limit") from None
    if not 0 < limit <= MAX_LIMIT:
        raise Refusal(400, None, f"limit must be between 1 and {MAX_LIMIT}")
    return limit


@dataclass(frozen=True)
class _Place:
    """Where a page has ended."""

    symbol: str
    key: Key
    """Of the last point."""
    needs: int
    """Number of the oldest point that is still to come; once it is forgotten, the rest of the pages would have a hole."""

    @property
    def token(self) -> str:
        """The place as ``next_page_token``."""
        return base64.urlsafe_b64encode(f"{self.symbol}|{self.key[0]}|{self.key[1]}|{self.needs}".encode()).decode()


def _place(token: str | None) -> _Place | None:
    if not token:
        return None
    try:
        symbol, time_ns, number, needs = base64.urlsafe_b64decode(token.encode()).decode().split("|")
        return _Place(symbol, (int(time_ns), int(number)), int(needs))
    except (binascii.Error, ValueError):
        raise Refusal(400, None, "invalid page token") from None


def _seconds(timeframe: str) -> int:
    found = re.fullmatch(r"([0-9]{0,4})([A-Za-z]+)", timeframe)
    unit = found[2] if found else ""
    seconds = _UNITS.get("m" if unit in ("M", "Month") else "min" if unit in ("Min", "min", "T") else unit.lower())
    if found is None or seconds is None or int(found[1] or 1) == 0:
        raise Refusal(400, None, f"invalid timeframe: {timeframe}")
    return seconds * int(found[1] or 1)


def _past(listing: Listing, what: str) -> Past[Any]:
    pasts: dict[str, Past[Any]] = {"trades": listing.trades, "quotes": listing.quotes, "bars": listing.bars}
    return pasts[what]


def _longer(listing: Listing, seconds: int, start_ns: int, end_ns: int) -> list[tuple[Key, tuple[Any, ...]]]:
    """Make longer bars of minute bars; one whose beginning is forgotten is forgotten too."""
    length_ns = seconds * SECOND_NS
    found: list[tuple[Key, tuple[Any, ...]]] = []
    is_whole = listing.bars.first == 0
    for bar_ns, group in groupby(listing.bars.rows(), key=lambda row: row[0] - row[0] % length_ns):
        parts = list(group)
        if (is_whole or parts[0][0] == bar_ns) and start_ns <= bar_ns <= end_ns:
            found.append(((bar_ns, 0), _added(bar_ns, parts)))
        is_whole = True
    return found


def _added(bar_ns: int, parts: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the row of the bar that some bars make."""
    _, firsts, highs, lows, lasts, volumes, averages, counts = zip(*parts, strict=True)
    volume = round(sum(volumes), 9)
    value = sum(size * average for size, average in zip(volumes, averages, strict=True))
    average = round(value / volume, 6) if volume else 0.0
    return bar_ns, firsts[0], max(highs), min(lows), lasts[-1], volume, average, sum(counts)
