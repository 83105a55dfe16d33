"""What each simulator is told by those who mean no good: its streams, its calls, and messages that no client sends.

Facts only; who sends them, and what must come of it, is the command's matter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

__all__ = ["NUMBERS", "VENUES", "Venue", "bodies", "queries"]

DIGITS = "9" * 10_000
DEEP = 100_000
NUMBERS = (
    "-1", "0", "1e308", "-1e308", "1e400", "nan", "inf", "²", "٣", "१२", "", " ", "x", "1_0", "0x10", "9" * 5_000,
    "1" + "0" * 400, "0.000000000000000000000000000000001", "-0", "1e-400", "9999-12-31", "0001-01-01", "%00", "\ud83d",
)  # fmt: skip
"""What stands where a number or a date should."""


def bodies(fields: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield bodies and messages that are wrong somewhere, made of one that is right.

    Parameters:
        fields: the right one.
    """
    right = json.dumps(fields)
    yield from (
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b"1",
        b"\xff\xfe\x00",
        b"\x00" * 1000,
        b"{" * 1000,
        right.encode("utf-16"),
    )
    yield from (
        b"[" * DEEP,
        b'{"a":' * DEEP,
        DIGITS.encode(),
        b"-" + DIGITS.encode(),
        b'"\\ud800"',
        b'{"id":"' + b"\\u00b2" + b'"}',
    )
    yield right[: len(right) // 2].encode()
    odd = ("null", "true", "[]", "{}", '""', '"x"', '"\\ud83d"', DIGITS, f'"{DIGITS}"', f"-{DIGITS}", "1e999", "-1", "0", "0.1",
           '"nan"', '"-inf"', '"1e999999"', '"1e-999999"', '[["a"]]', '{"a":{}}', "[" * 500 + "]" * 500, '"' + "x" * 60_000 + '"',
           '"²"', "[null,1,{}]", '"\\u0000"', "9223372036854775808", "1.7976931348623157e308")  # fmt: skip
    for name, inside in fields.items():
        if isinstance(inside, dict):
            around = json.dumps({**fields, name: "@"}).encode().split(b'"@"')
            yield from (each.join(around) for each in bodies(inside))
        for value in odd:
            others = {key: worth for key, worth in fields.items() if key != name}
            yield (json.dumps(others)[:-1] + (", " if others else "") + f"{json.dumps(name)}: {value}}}").encode()


def queries(names: tuple[str, ...], right: Mapping[str, str]) -> Iterator[str]:
    """Yield query strings that are wrong somewhere.

    Parameters:
        names: parameters that the call reads.
        right: values of those that it needs.
    """
    for name in names:
        for value in NUMBERS:
            said = {**right, name: value}
            yield "&".join(f"{key}={quote(text, errors='surrogatepass')}" for key, text in said.items())
    yield from ("%", "%zz=%zz", "=", "&&&&", "a" * 7000, "=".join("a" * 1000), "%ff=%fe", "symbol=%ff%fe&limit=%ff")


@dataclass(frozen=True)
class Venue:
    """One simulator and what can be sent to it."""

    name: str
    """As after ``wsexample sim``."""
    arguments: tuple[str, ...]
    """Further words of its command: limits that would hide what lies behind them are lifted."""
    sockets: tuple[str, ...]
    """Paths of its WebSockets."""
    logins: Callable[[Mapping[str, Any], str], list[bytes]]
    """What a client says first on a socket: facts of the simulator, path."""
    messages: tuple[Mapping[str, Any], ...]
    """Messages that are right, to be spoilt."""
    calls: tuple[tuple[str, str, Mapping[str, Any] | None, tuple[str, ...], Mapping[str, str]], ...]
    """Calls: method, path, body that is right or None, query parameters to be spoilt, query that is right."""
    headers: Callable[[Mapping[str, Any], str, str, str, bytes], dict[str, str]]
    """Headers of a call: facts, method, path, query, body."""
    watch: tuple[str, tuple[str, ...]]
    """The socket and the messages of somebody who only wants data."""
    look: str
    """A call that answers 200 whatever happens to others."""
    subscription: Callable[[list[str]], bytes]
    """A message that asks for symbols."""
    faults: Mapping[str, Mapping[str, Any]]
    """Arguments that are right for faults which need some."""


# --- alpaca -----------------------------------------------------------------------------------------------------------

_ALPACA_ORDER = {
    "symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day", "limit_price": "10",
    "client_order_id": "a", "extended_hours": False, "order_class": "", "notional": None, "trail_percent": None,
    "stop_price": None, "take_profit": None, "stop_loss": None, "legs": None, "trail_price": None,
}  # fmt: skip
_SPAN = {"since": "2030-01-01", "until": "2030-01-02"}
_HISTORY = ("start", "end", "limit", "timeframe", "page_token", "sort", "feed", "asof", "symbols")


def _alpaca_login(facts: Mapping[str, Any], path: str) -> list[bytes]:
    return [json.dumps({"action": "auth", "key": facts["key"], "secret": facts["secret"]}).encode()]


def _alpaca_headers(facts: Mapping[str, Any], method: str, path: str, query: str, body: bytes) -> dict[str, str]:
    return {"APCA-API-KEY-ID": facts["key"], "APCA-API-SECRET-KEY": facts["secret"]}


def _alpaca_subscription(symbols: list[str]) -> bytes:
    return json.dumps({"action": "subscribe", "quotes": symbols, "trades": symbols, "bars": symbols}).encode()


ALPACA = Venue(
    "alpaca",
    ("--quotes", "20", "--warm-up", "1m", "--news", "1s", "--fills", "20",
     *(word for name in ("requests_per_minute=0", "connections_per_endpoint=100000", "stock_symbols=0", "symbols_per_request=0",
                         "dead_slot_s=0") for word in ("--switch", name))),
    ("/v2/iex", "/stream", "/v1beta3/crypto/us", "/v1beta1/news", "/v2/test"),
    _alpaca_login,
    (
        {"action": "subscribe", "trades": ["AAPL"], "quotes": ["*"], "bars": ["MSFT"], "statuses": ["*"]},
        {"action": "auth", "key": "a", "secret": "b"},
        {"action": "authenticate", "data": {"key_id": "a", "secret_key": "b", "oauth_token": "c"}},
        {"action": "listen", "data": {"streams": ["trade_updates"]}},
        {"action": "unsubscribe", "orderbooks": ["BTC/USD"], "news": ["*"]},
    ),
    (
        ("POST", "/v2/orders", _ALPACA_ORDER, (), {}),
        ("PATCH", "/v2/orders/x", {"qty": "2", "limit_price": "9", "trail": "1", "client_order_id": "b"}, (), {}),
        ("GET", "/v2/orders", None, ("limit", "status", "after", "until", "direction", "symbols", "nested"), {}),
        ("GET", "/v2/orders:by_client_order_id", None, ("client_order_id",), {}),
        ("GET", "/v2/account/activities", None, ("activity_types", "date", "after", "until", "page_size", "page_token"), {}),
        ("DELETE", "/v2/positions/AAPL", None, ("qty", "percentage"), {}),
        ("GET", "/v2/positions/AAPL", None, (), {}),
        ("GET", "/v2/calendar", None, ("start", "end"), {}),
        ("GET", "/v2/assets", None, ("status", "asset_class"), {}),
        ("GET", "/v2/stocks/bars", None, _HISTORY, {"symbols": "AAPL"}),
        ("GET", "/v2/stocks/AAPL/trades", None, _HISTORY, {}),
        ("GET", "/v1beta3/crypto/us/quotes", None, _HISTORY, {"symbols": "BTC/USD"}),
        ("GET", "/v1beta3/crypto/us/latest/orderbooks", None, ("symbols",), {"symbols": "BTC/USD"}),
        ("GET", "/v1beta1/options/snapshots", None, ("symbols",), {"symbols": "AAPL"}),
        ("GET", "/v1beta1/news", None, ("limit", "symbols", "start", "page_token"), {}),
        ("GET", "/v2/events/trades", None, ("since", "until", "since_id", "until_id"), _SPAN),
    ),
    _alpaca_headers,
    ("/v2/iex", ('{"action":"subscribe","quotes":["AAPL"]}',)),
    "/v2/clock",
    _alpaca_subscription,
    {
        "force": {"order_id": "x", "event": "fill"}, "fill_order": {"order_id": "x"}, "bust": {"execution_id": "x"},
        "correct_execution": {"execution_id": "x", "price": "1"}, "start_fills": {"count": 1, "per_s": 1.0},
        "halt": {"symbol": "AAPL"}, "resume": {"symbol": "AAPL"}, "shock": {"symbol": "AAPL", "fraction": 0.01},
        "correct_trade": {"symbol": "AAPL", "price": 200.0}, "cancel_trade": {"symbol": "AAPL"},
        "mute_symbol": {"symbol": "MSFT", "is_muted": False},
        "publish_news": {"headline": "x"}, "odd_update": {"kind": "bad_json"},
        "stop_streams": {"duration_s": 0.01}, "delay_updates": {"delay_s": 0.0}, "slow_rest": {"delay_s": 0.0},
        "storm_429": {"duration_s": 0.0}, "skew_clock": {"seconds": 0.0}, "send_raw": {"text": "x"},
        "rest_fault": {"count": 0}, "refuse_handshakes": {"count": 0},
        "silent_auth": {"duration_s": 0.01}, "mute": {"duration_s": 0.01},
    },
)  # fmt: skip

# --- kabu -------------------------------------------------------------------------------------------------------------

_KABU_ORDER = {
    "Symbol": "9433", "Exchange": 1, "SecurityType": 1, "Side": "2", "CashMargin": 1, "DelivType": 2, "FundType": "AA",
    "AccountType": 4, "Qty": 100, "FrontOrderType": 20, "Price": 100, "ExpireDay": 0, "MarginTradeType": 1,
    "ClosePositionOrder": 0, "ReverseLimitOrder": {"TriggerSec": 1, "TriggerPrice": 1, "UnderOver": 1, "AfterHitOrderType": 1,
                                                   "AfterHitPrice": 0},
}  # fmt: skip
_KABU_FUTURE = {
    "Symbol": "167060019", "Exchange": 23, "TradeType": 1, "TimeInForce": 1, "Side": "2", "Qty": 1, "FrontOrderType": 20,
    "Price": 100, "ExpireDay": 0,
}  # fmt: skip


def _kabu_headers(facts: Mapping[str, Any], method: str, path: str, query: str, body: bytes) -> dict[str, str]:
    return {"X-API-KEY": facts["token"], "Content-Type": "application/json"}


def _kabu_calls() -> Iterator[tuple[str, str, Mapping[str, Any] | None, tuple[str, ...], Mapping[str, str]]]:
    yield "POST", "/kabusapi/sendorder", _KABU_ORDER, (), {}
    yield "POST", "/kabusapi/sendorder/future", _KABU_FUTURE, (), {}
    yield "POST", "/kabusapi/sendorder/option", _KABU_FUTURE, (), {}
    yield "PUT", "/kabusapi/cancelorder", {"OrderId": "x"}, (), {}
    yield "PUT", "/kabusapi/register", {"Symbols": [{"Symbol": "7203", "Exchange": 1}]}, (), {}
    yield "PUT", "/kabusapi/unregister", {"Symbols": [{"Symbol": "7203", "Exchange": 1}]}, (), {}
    yield "POST", "/kabusapi/token", {"APIPassword": "x"}, (), {}
    yield (
        "GET",
        "/kabusapi/orders",
        None,
        ("product", "id", "updtime", "details", "symbol", "state", "side", "cashmargin"),
        {},
    )
    yield "GET", "/kabusapi/positions", None, ("product", "symbol", "side", "addinfo"), {}
    yield "GET", "/kabusapi/ranking", None, ("Type", "ExchangeDivision"), {}
    yield "GET", "/kabusapi/symbolname/future", None, ("DerivMonth", "FutureCode"), {"FutureCode": "NK225"}
    option = {"OptionCode": "NK225op", "DerivMonth": "0", "PutOrCall": "C", "StrikePrice": "0"}
    yield "GET", "/kabusapi/symbolname/option", None, ("DerivMonth", "PutOrCall", "StrikePrice", "OptionCode"), option
    yield "GET", "/kabusapi/symbolname/minioptionweekly", None, ("DerivMonth", "DerivWeekly", "StrikePrice"), option
    yield "GET", "/kabusapi/symbol/9433@1", None, ("addinfo",), {}
    for what in ("board", "symbol", "timeandsales", "regulations", "exchange", "primaryexchange", "margin/marginpremium",
                 "wallet/cash", "wallet/margin", "wallet/future", "wallet/option"):  # fmt: skip
        for odd in (
            "9433@",
            "@1",
            "9433@" + "9" * 5000,
            "9433@-1",
            "9433@1@1",
            "%00@1",
            "%ff%fe",
            "9433@%C2%B2",
            "/" * 50,
            "usdjpy",
        ):
            yield "GET", f"/kabusapi/{what}/{odd}", None, (), {}


KABU = Venue(
    "kabu",
    ("--ticks", "20", *(word for name in (
        "orders_per_s", "wallet_per_s", "info_per_s", "register_per_s", "timeandsales_per_s")
        for word in ("--switch", f"{name}=1000000")),
     "--switch", "max_body_bytes=1000000"),
    ("/kabusapi/websocket",),
    lambda facts, path: [],
    ({"anything": "goes"},),
    tuple(_kabu_calls()),
    _kabu_headers,
    ("/kabusapi/websocket", ()),
    "/kabusapi/board/9433@1",
    lambda symbols: json.dumps({"Symbols": [{"Symbol": one, "Exchange": 1} for one in symbols]}).encode(),
    {
        "storm_429": {"duration_s": 0.0}, "slow_start": {"duration_s": 0.0, "delay_s": 0.0},
        "shock": {"symbol": "9433", "fraction": 0.01, "exchange": 1}, "mute": {"duration_s": 0.01},
        "restart": {"down_s": 0.0, "login_after_s": 0.0},
    },
)  # fmt: skip

# --- weex -------------------------------------------------------------------------------------------------------------

_WEEX_ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "10", "timeInForce": "GTC",
    "newClientOrderId": "a", "positionSide": "LONG", "reduceOnly": False,
}  # fmt: skip


def _weex_headers(facts: Mapping[str, Any], method: str, path: str, query: str, body: bytes) -> dict[str, str]:
    from wsexample.brokers.base import Secret
    from wsexample.brokers.weex.dialect import sign

    now_ms = int(time.time() * 1000)
    text = body.decode(errors="replace")
    return {
        "ACCESS-KEY": facts["key"],
        "ACCESS-PASSPHRASE": facts["passphrase"],
        "ACCESS-TIMESTAMP": str(now_ms),
        "ACCESS-SIGN": sign(Secret(facts["secret"]), now_ms, method, path, query, text),
        "Content-Type": "application/json",
    }


def _weex_calls() -> Iterator[tuple[str, str, Mapping[str, Any] | None, tuple[str, ...], Mapping[str, str]]]:
    from wsexample.brokers.weex.calls import CALLS

    read = ("symbol", "limit", "interval", "startTime", "endTime", "orderId", "origClientOrderId", "page")
    for is_spot in (False, True):
        for name, call in CALLS.items():
            path = call.path(is_spot=is_spot)
            if path and name not in ("order", "all orders"):
                yield "GET", path, None, read, {"symbol": "BTCUSDT", "interval": "1m"}
        order = CALLS["order"].path(is_spot=is_spot)
        yield "POST", order, _WEEX_ORDER, (), {}
        yield "GET", order, None, read, {}
        yield "DELETE", order, None, read, {}
        yield "DELETE", CALLS["all orders"].path(is_spot=is_spot), None, read, {}


def _weex_venue() -> Venue:
    return Venue(
        "weex",
        ("--step", "50ms", "--fills", "2", *(word for name in (
            "connections", "connects_per_5_minutes", "rest_weight_per_10_s", "operations_per_hour", "streams_per_connection",
        ) for word in ("--switch", f"{name}=0"))),
        ("/v3/ws/public", "/v3/ws/private", "/spot/v3/ws/public", "/spot/v3/ws/private"),
        lambda facts, path: [],
        (
            {"method": "SUBSCRIBE", "params": ["BTCUSDT@depth15"], "id": 1},
            {"method": "UNSUBSCRIBE", "params": ["BTCUSDT@depth15"], "id": 2},
            {"method": "PING", "id": "3"},
            {"method": "PONG", "id": 4},
        ),
        tuple(_weex_calls()),
        _weex_headers,
        ("/v3/ws/public", ('{"method":"SUBSCRIBE","params":["ETHUSDT@trade"],"id":1}',)),
        "/capi/v3/market/time",
        lambda symbols: json.dumps({"method": "SUBSCRIBE", "params": [f"{one}@trade" for one in symbols], "id": 1}).encode(),
        {
            "skip_frame": {"topic": "BTCUSDT@depth15", "frames": 1}, "repeat_snapshot": {"topic": "BTCUSDT@depth15"},
            "mute": {"topic": "BTCUSDT@depth200"}, "send_text": {"text": "x"}, "refuse_handshakes": {"status": 0},
            "refuse_calls": {"status": 0}, "refuse_signatures": {"is_refused": False}, "skew_clock": {"seconds": 0.0},
            "stall": {"is_stalled": False}, "trade": {"symbol": "BTCUSDT", "side": "BUY", "size": "0.0010"},
            "send_oversized": {"size": 10},
        },
    )  # fmt: skip


VENUES: dict[str, Callable[[], Venue]] = {"alpaca": lambda: ALPACA, "kabu": lambda: KABU, "weex": _weex_venue}
"""By name; made when asked for."""
