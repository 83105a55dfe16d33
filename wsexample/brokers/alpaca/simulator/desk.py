"""The trading side of REST: every call is answered from the exchange, with Alpaca's statuses, codes and words. Pure.

Market data calls are in `wsexample.brokers.alpaca.simulator.data_desk`; who may call at all is decided before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from wsexample.brokers.alpaca.dialect.hours import NEW_YORK
from wsexample.brokers.alpaca.dialect.orders import decimal_of
from wsexample.brokers.alpaca.dialect.times import SECOND_NS, TextTimes
from wsexample.brokers.alpaca.messages.trading import CalendarDay, ClockMessage, OrderSubmission, ReplaceSubmission
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.assets import ASSETS, find_asset
from wsexample.brokers.alpaca.simulator.checks import Refusal
from wsexample.brokers.alpaca.simulator.exchange import SMALLEST, Exchange
from wsexample.brokers.alpaca.simulator.market import Market
from wsexample.brokers.alpaca.simulator.orders import SimOrder, text_of

__all__ = ["Answer", "Call", "TradingDesk", "parse_time", "parse_whole"]


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; a body of None is an empty one."""

    http_status: int
    body: Any = None


LAST_DAY = date(9999, 12, 1)
"""A calendar ends here, so that there is a day of settlement after each."""

_Handler = Callable[[SimAccount, Call, tuple[str, ...], int], Answer]


def parse_time(text: str | None, name: str) -> int | None:
    """Return a time of a query, RFC 3339 or a date, in nanoseconds; None when it is not given.

    Raises:
        Refusal: it is neither.
    """
    if not text:
        return None
    found = TextTimes().ns(text.replace(" ", "+"))  # a plus sign that nobody has quoted comes as a blank
    if found is not None:
        return found
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refusal(422, 42210000, f"Invalid format for parameter {name}: error parsing '{text}'") from None
    return round(datetime.combine(day, time(), UTC).timestamp()) * SECOND_NS


def parse_whole(text: str | None, name: str, default: int) -> int:
    """Return a whole number of a query.

    Parameters:
        text: what was said; None or "" for nothing.
        name: the parameter, for the words of a refusal.
        default: what nothing means.

    Raises:
        Refusal: it is no number of at most nine digits.
    """
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Refusal(422, 42210000, f"Invalid format for parameter {name}: error parsing '{text}'")
    return int(text)


class TradingDesk:
    """Answers calls to the trading host.

    Parameters:
        exchange: accounts and orders.
        market: clock and prices.
    """

    def __init__(self, exchange: Exchange, market: Market) -> None:
        self._exchange = exchange
        self._market = market
        self._routes: list[tuple[str, re.Pattern[str], _Handler]] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("GET", r"/v2/account", self._account),
                ("GET", r"/v2/account/configurations", self._configurations),
                ("GET", r"/v2/account/activities(?:/([A-Z,]+))?", self._activities),
                ("POST", r"/v2/orders", self._submit),
                ("GET", r"/v2/orders", self._list_orders),
                ("DELETE", r"/v2/orders", self._cancel_all),
                ("GET", r"/v2/orders:by_client_order_id", self._by_client_id),
                ("GET", r"/v2/orders/([^/]+)", self._order),
                ("PATCH", r"/v2/orders/([^/]+)", self._replace),
                ("DELETE", r"/v2/orders/([^/]+)", self._cancel),
                ("GET", r"/v2/positions", self._positions),
                ("DELETE", r"/v2/positions", self._close_all),
                ("GET", r"/v2/positions/(.+)", self._position),
                ("DELETE", r"/v2/positions/(.+)", self._close),
                ("GET", r"/v2/clock", self._clock),
                ("GET", r"/v2/calendar", self._calendar),
                ("GET", r"/v2/assets", self._assets),
                ("GET", r"/v2/assets/(.+)", self._asset),
            )
        ]

    def answer(self, account: SimAccount, call: Call, now_ns: int) -> Answer | None:
        """Answer a call; None when it is not one of the trading host's."""
        is_known = False
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(call.path)
            if found is None:
                continue
            is_known = True
            if method == call.method:
                try:
                    return handler(account, call, tuple(unquote(part) for part in found.groups(default="")), now_ns)
                except Refusal as refusal:
                    return Answer(refusal.http_status, refusal.body)
        return Answer(405, {"message": "method not allowed"}) if is_known else None

    def route_of(self, call: Call) -> str:
        """Return a call's name for counting: its identifiers are left out."""
        for method, pattern, _ in self._routes:
            if method == call.method and pattern.fullmatch(call.path):
                return f"{method} {re.sub(r'[(].*', '*', pattern.pattern)}".replace("(?:/*", "").rstrip("/")
        return "another call"

    # -- account -------------------------------------------------------------------------------------------------

    def _account(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        return Answer(200, account.message(self._exchange.quoted))

    def _configurations(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        return Answer(
            200,
            {
                "dtbp_check": "entry",
                "fractional_trading": True,
                "max_margin_multiplier": "2",
                "no_shorting": False,
                "pdt_check": "entry",
                "ptp_no_exception_entry": False,
                "suspend_trade": account.is_blocked,
                "trade_confirm_email": "none",
            },
        )

    def _activities(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        kinds = (parts[0] or call.query.get("activity_types", "FILL")).split(",")
        if "FILL" not in kinds:
            return Answer(200, [])
        after = parse_time(call.query.get("after"), "after")
        until = parse_time(call.query.get("until"), "until")
        size = min(max(parse_whole(call.query.get("page_size"), "page_size", 100), 1), 100)
        times = TextTimes()
        found = [
            activity
            for activity in account.activities
            if (after is None or (times.ns(activity.transaction_time) or 0) > after)
            and (until is None or (times.ns(activity.transaction_time) or 0) < until)
        ]
        if call.query.get("direction", "desc") == "desc":
            found.reverse()
        token = call.query.get("page_token")
        if token:
            place = next((at for at, activity in enumerate(found) if activity.id == token), None)
            if place is None:
                raise Refusal(422, 42210000, "invalid page_token")
            found = found[place + 1 :]
        return Answer(200, found[:size])

    # -- orders --------------------------------------------------------------------------------------------------

    def _submit(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        order = self._exchange.submit(account, _body(call, OrderSubmission), now_ns)
        return Answer(200, order.message())

    def _list_orders(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        query = call.query
        status = query.get("status", "open")
        after, until = parse_time(query.get("after"), "after"), parse_time(query.get("until"), "until")
        limit = parse_whole(query.get("limit"), "limit", 50)
        if not 0 < limit <= 500:
            raise Refusal(422, 42210000, "limit must be between 1 and 500")
        symbols = set(query.get("symbols", "").split(",")) - {""}
        is_nested = query.get("nested", "").lower() == "true"
        found = [
            order
            for order in account.orders.values()
            if (status == "all" or order.is_closed == (status == "closed"))
            and not ((is_nested or order.order_class == "mleg") and order.parent is not None)
            and (after is None or order.submitted_ns > after)
            and (until is None or order.submitted_ns < until)
            and (not symbols or order.symbol in symbols or order.symbol.replace("/", "") in symbols)
            and query.get("side") in (None, "", order.side)
        ]
        found.sort(key=lambda order: order.submitted_ns, reverse=query.get("direction", "desc") != "asc")
        return Answer(200, [order.message(nested=is_nested) for order in found[:limit]])

    def _find(self, account: SimAccount, order_id: str) -> SimOrder:
        order = account.orders.get(order_id)
        if order is None:
            raise Refusal(404, 40410000, f"order not found for {order_id}")
        return order

    def _order(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        return Answer(200, self._find(account, parts[0]).message())

    def _by_client_id(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        order = account.by_client_id.get(call.query.get("client_order_id", ""))
        if order is None:
            raise Refusal(404, 40410000, "order not found")
        return Answer(200, order.message())

    def _replace(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        order = self._find(account, parts[0])
        new = self._exchange.replace(account, order, _body(call, ReplaceSubmission), now_ns)
        return Answer(200, new.message())

    def _cancel(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        self._exchange.cancel(account, self._find(account, parts[0]), now_ns)
        return Answer(204)

    def _cancel_all(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        statuses = []
        for order in list(account.open_orders()):
            if order.parent is not None and not order.parent.is_closed:
                continue  # it goes with its parent
            try:
                self._exchange.cancel(account, order, now_ns)
                statuses.append({"id": order.order_id, "status": 200})
            except Refusal as refusal:
                statuses.append({"id": order.order_id, "status": refusal.http_status, "body": refusal.body})
        return Answer(207, statuses)

    # -- positions -----------------------------------------------------------------------------------------------

    def _positions(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        return Answer(200, [account.position(symbol, self._exchange.quoted) for symbol in account.holdings])

    def _held_symbol(self, account: SimAccount, symbol_or_id: str) -> str:
        asset = find_asset(symbol_or_id)
        if asset is None or asset.symbol not in account.holdings:
            raise Refusal(404, 40410000, "position does not exist")
        return asset.symbol

    def _position(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        return Answer(200, account.position(self._held_symbol(account, parts[0]), self._exchange.quoted))

    def _close(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        symbol = self._held_symbol(account, parts[0])
        held = account.held(symbol)
        size = decimal_of(call.query.get("qty"))
        percentage = decimal_of(call.query.get("percentage"))
        if percentage is not None:
            size = (abs(held) * percentage / 100).quantize(SMALLEST, ROUND_DOWN)
        return Answer(200, self._close_order(account, symbol, abs(held) if size is None else size, now_ns).message())

    def _close_order(self, account: SimAccount, symbol: str, size: Decimal, now_ns: int) -> SimOrder:
        is_crypto = ASSETS[symbol].kind == "crypto"
        request = OrderSubmission(
            symbol=symbol,
            qty=text_of(size),
            side="sell" if account.held(symbol) > 0 else "buy",
            type="market",
            time_in_force="gtc" if is_crypto else "day",
        )
        return self._exchange.submit(account, request, now_ns)

    def _close_all(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        if call.query.get("cancel_orders", "").lower() == "true":
            self._cancel_all(account, call, parts, now_ns)
        found = []
        for symbol in list(account.holdings):
            try:
                order = self._close_order(account, symbol, abs(account.held(symbol)), now_ns)
                found.append({"symbol": symbol, "status": 200, "body": order.message()})
            except Refusal as refusal:
                found.append({"symbol": symbol, "status": refusal.http_status, "body": refusal.body})
        return Answer(207, found)

    # -- clock and assets ----------------------------------------------------------------------------------------

    def _clock(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        opens, closes = self._market.next_marks()
        seconds, ns = divmod(now_ns, SECOND_NS)
        moment = datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK).isoformat()
        message = ClockMessage(
            timestamp=f"{moment[:-6]}.{ns:09d}{moment[-6:]}",
            is_open=self._market.is_open,
            next_open=opens.isoformat(),
            next_close=closes.isoformat(),
        )
        return Answer(200, message)

    def _calendar(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        today = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date()
        try:
            first = date.fromisoformat(call.query.get("start") or str(today - timedelta(days=30)))
            last = date.fromisoformat(call.query.get("end") or str(today + timedelta(days=30)))
            first, last = min(first, LAST_DAY), min(last, LAST_DAY)
        except ValueError:
            raise Refusal(422, 42210000, "invalid date") from None
        days = [first + timedelta(days=number) for number in range(min((last - first).days + 1, 4000))]
        return Answer(
            200,
            [
                CalendarDay(
                    date=str(day),
                    open="09:30",
                    close="16:00",
                    session_open="0400",
                    session_close="2000",
                    settlement_date=str(day + timedelta(days=1 if day.weekday() < 4 else 3)),
                )
                for day in days
                if day.weekday() < 5
            ],
        )

    def _assets(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        wanted = call.query.get("asset_class") or ""
        messages = [asset.message() for asset in ASSETS.values() if asset.kind not in ("test", "option", "perps")]
        is_active = call.query.get("status") in (None, "", "active", "all")
        return Answer(200, [m for m in messages if is_active and wanted in ("", m.asset_class)])

    def _asset(self, account: SimAccount, call: Call, parts: tuple[str, ...], now_ns: int) -> Answer:
        asset = find_asset(parts[0])
        if asset is None:
            raise Refusal(404, 40410000, f"asset not found for {parts[0]}")
        return Answer(200, asset.message())


def _body(call: Call, kind: Any) -> Any:
    try:
        return msgspec.json.decode(call.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(422, 40010001, "request body format is invalid") from None
