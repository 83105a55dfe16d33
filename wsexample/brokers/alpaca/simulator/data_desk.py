"""The market data side of REST: history in pages, latest points, snapshots, for stocks, crypto and options. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from wsexample.brokers.alpaca.dialect.times import SECOND_NS, rfc3339
from wsexample.brokers.alpaca.simulator.assets import ASSETS, Asset, is_well_formed
from wsexample.brokers.alpaca.simulator.bars import BarBuilder
from wsexample.brokers.alpaca.simulator.checks import Refusal
from wsexample.brokers.alpaca.simulator.desk import Answer, Call, parse_time, parse_whole
from wsexample.brokers.alpaca.simulator.listing import Listing
from wsexample.brokers.alpaca.simulator.market import Market
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
        after = _token(query.get("page_token"))
        pages: dict[str, list[Any]] = {}
        count = 0
        last: tuple[str, int] | None = None
        for listing in listings:
            symbol = listing.asset.symbol
            if after is not None and symbol < after[0]:
                continue
            messages = _messages(listing, what, seconds)
            chosen = [message for message in messages if message.t is not None and start <= message.t <= end]
            if is_descending:
                chosen.reverse()
            skip = after[1] if after is not None and symbol == after[0] else 0
            for place, message in enumerate(chosen[skip:], start=skip):
                if count == limit:
                    token = base64.urlsafe_b64encode(f"{last[0]}|{last[1]}".encode()).decode() if last else None
                    return _page(what, pages, single, token)
                pages.setdefault(symbol, []).append(point_of(message))
                count, last = count + 1, (symbol, place + 1)
        return _page(what, pages, single, None)

    # -- latest --------------------------------------------------------------------------------------------------

    def _latest(self, listings: list[Listing], what: str, single: str, now_ns: int) -> Answer:
        found: dict[str, Any] = {}
        for listing in listings:
            if what == "orderbooks":
                found[listing.asset.symbol] = point_of(listing.whole_book(now_ns))
            else:
                kept: dict[str, Sequence[Any]] = {
                    "trades": listing.trades,
                    "quotes": listing.quotes,
                    "bars": listing.bars,
                }
                if messages := kept[what]:
                    found[listing.asset.symbol] = point_of(messages[-1])
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
        if listing.trades:
            shot["latestTrade"] = point_of(listing.trades[-1])
            shot["dailyBar"] = point_of(listing.day.message(symbol))
        if listing.quotes:
            shot["latestQuote"] = point_of(listing.quotes[-1])
        if listing.bars:
            shot["minuteBar"] = point_of(listing.bars[-1])
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


def _token(text: str | None) -> tuple[str, int] | None:
    if not text:
        return None
    try:
        symbol, _, count = base64.urlsafe_b64decode(text.encode()).decode().rpartition("|")
        return symbol, int(count)
    except (binascii.Error, ValueError):
        raise Refusal(400, None, "invalid page token") from None


def _seconds(timeframe: str) -> int:
    found = re.fullmatch(r"([0-9]{0,4})([A-Za-z]+)", timeframe)
    unit = found[2] if found else ""
    seconds = _UNITS.get("m" if unit in ("M", "Month") else "min" if unit in ("Min", "min", "T") else unit.lower())
    if found is None or seconds is None or int(found[1] or 1) == 0:
        raise Refusal(400, None, f"invalid timeframe: {timeframe}")
    return seconds * int(found[1] or 1)


def _messages(listing: Listing, what: str, seconds: int) -> list[Any]:
    if what == "trades":
        return sorted(listing.trades, key=lambda trade: trade.t or 0)  # late ones stand behind others
    if what == "quotes":
        return list(listing.quotes)
    if seconds == 60:
        return list(listing.bars)
    return list(_longer(listing.asset, listing.bars, seconds * SECOND_NS))


def _longer(asset: Asset, bars: Iterable[Any], length_ns: int) -> Iterator[Any]:
    """Make longer bars of minute bars."""
    for start_ns, group in groupby(bars, key=lambda bar: bar.t - bar.t % length_ns):
        parts = list(group)
        long = BarBuilder(start_ns, parts[0].o, max(bar.h for bar in parts), min(bar.l for bar in parts), parts[-1].c)
        long.volume = round(sum(bar.v for bar in parts), 9)
        long.value = sum(bar.v * bar.vw for bar in parts)
        long.trades = sum(bar.n for bar in parts)
        yield long.message(asset.symbol)
