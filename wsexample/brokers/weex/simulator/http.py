"""The REST side of the simulator: which call gets which answer. Sockets are the shell's matter.

Answers are values, not responses, so that a test needs no server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wsexample.brokers.weex.calls import CALLS
from wsexample.brokers.weex.codes import INTERVALS_S
from wsexample.brokers.weex.simulator.desk import Desk
from wsexample.brokers.weex.simulator.gate import Credentials, Window
from wsexample.brokers.weex.simulator.market import Instrument, Market
from wsexample.brokers.weex.simulator.orders import Frames, Refused, text
from wsexample.brokers.weex.simulator.spot_desk import SpotDesk

__all__ = ["Answer", "HttpSide"]

BAN_S = 10.0
"""How long an address over the weight is shut out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gets."""

    body: Any
    """The JSON value."""
    status: int = 200
    """HTTP status."""
    frames: Frames = field(default_factory=list)
    """What private sockets are told."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers."""


Query = Mapping[str, str]


class HttpSide:
    """Answers the calls of one market.

    Parameters:
        market: its prices.
        desk: its account.
        credentials: what private calls are judged by.
        weight: units that an address may spend, shared between the markets.
    """

    def __init__(self, market: Market, desk: Desk | SpotDesk, credentials: Credentials, weight: Window) -> None:
        self._market, self._desk, self._credentials, self._weight = market, desk, credentials, weight
        self._banned_until_s = float("-inf")
        self._calls: dict[tuple[str, str], tuple[str, Callable[[Query, str, int], Answer]]] = {}
        for name, method, call in (
            ("time", "GET", self._time), ("symbols", "GET", self._symbols), ("tradable", "GET", self._tradable),
            ("tickers", "GET", self._tickers), ("quotes", "GET", self._quotes), ("depth", "GET", self._depth),
            ("trades", "GET", self._trades), ("candles", "GET", self._candles), ("past candles", "GET", self._candles),
            ("price", "GET", self._price), ("funding", "GET", self._funding), ("balances", "GET", self._balances),
            ("positions", "GET", self._positions), ("open orders", "GET", self._open_orders),
            ("past orders", "GET", self._past_orders), ("fills", "GET", self._fills), ("order", "GET", self._order),
            ("order", "POST", self._place), ("order", "DELETE", self._cancel), ("all orders", "DELETE", self._cancel_all),
        ):  # fmt: skip
            path = CALLS[name].path(is_spot=market.is_spot)
            if path:
                self._calls[method, path] = (name, call)
        if market.is_spot:
            self._calls["GET", "/api/v3/coins"] = ("time", lambda query, body, now_ms: Answer([]))

    def answer(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str], now_ms: int, now_s: float
    ) -> Answer:
        """Return the answer to a call.

        Parameters:
            method, path, query, body: the call, as it was sent.
            headers: with lower-case names.
            now_ms: the venue's time.
            now_s: a clock that never goes back.
        """
        known = self._calls.get((method, path))
        if known is None:
            if any(path == other for _, other in self._calls):
                return Answer({"code": -1150, "msg": "HTTP method not supported"}, 400)
            return Answer({"timestamp": now_ms, "status": 404, "error": "Not Found", "path": path}, 404)
        name, call = known
        if now_s < self._banned_until_s or not self._weight.spend(
            now_s, CALLS[name].units(is_spot=self._market.is_spot)
        ):
            self._banned_until_s = max(self._banned_until_s, now_s + BAN_S)
            return Answer({"code": -1000, "msg": "too many requests"}, 429)
        if CALLS[name].is_private:
            code, words = self._credentials.judge(headers, now_ms, method, path, query, body)
            if code:
                return Answer({"code": code, "msg": words}, 401 if code in (-1044, -1047, -1049) else 400)
        try:
            values = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
            found = call(values, body, now_ms)
        except Refused as refusal:
            return Answer({"code": refusal.code, "msg": refusal.words}, 400)
        except KeyError as error:
            return Answer({"code": -1141, "msg": f"parameter empty: {error.args[0]}"}, 400)
        except (ValueError, ArithmeticError):
            return Answer({"code": -1140, "msg": "parameter check failed"}, 400)
        used = {"x-used-weight-10s": str(self._weight.used(now_s))}
        return Answer(found.body, found.status, found.frames, used)

    def knows(self, method: str, path: str) -> bool:
        """Return whether there is such a call.

        Parameters:
            method, path: as in the request.
        """
        return (method, path) in self._calls

    # -- the market ----------------------------------------------------------------------------------------------

    def _instrument(self, query: Query) -> Instrument:
        one = self._market.instruments.get(query["symbol"].upper())  # lower case was seen to be taken
        if one is None:
            raise Refused(-1142, f"parameter invalid: symbol {query['symbol']}")
        return one

    def _instruments(self, query: Query) -> list[Instrument]:
        return [self._instrument(query)] if "symbol" in query else list(self._market.instruments.values())

    def _time(self, query: Query, body: str, now_ms: int) -> Answer:
        return Answer({"serverTime": now_ms})

    def _symbols(self, query: Query, body: str, now_ms: int) -> Answer:
        rows, sizes = [], self._market.sizes
        least, most = text(sizes.least), text(sizes.most)
        for one in self._instruments(query):
            row: dict[str, Any] = {"symbol": one.symbol, "baseAsset": one.symbol.removesuffix("USDT"),
                                   "quoteAsset": "USDT", "pricePrecision": one.places,
                                   "quantityPrecision": sizes.places}  # fmt: skip
            if self._market.is_spot:
                row |= {"status": "TRADING", "enableTrade": True, "tickSize": one.text(1), "stepSize": text(sizes.step),
                        "minTradeAmount": least, "maxTradeAmount": most, "makerFeeRate": "0.001",
                        "takerFeeRate": "0.001"}  # fmt: skip
            else:
                row |= {"marginAsset": "USDT", "contractVal": "1", "minLeverage": 1, "maxLeverage": 400,
                        "minOrderSize": least, "maxOrderSize": most, "makerFeeRate": "0.0002",
                        "takerFeeRate": "0.0008"}  # fmt: skip
            rows.append(row)
        return Answer({"assets": [], "rateLimits": [], "symbols": rows})

    def _tradable(self, query: Query, body: str, now_ms: int) -> Answer:
        return Answer(list(self._market.instruments))

    def _tickers(self, query: Query, body: str, now_ms: int) -> Answer:
        frames = [one.ticker(now_ms, is_spot=self._market.is_spot) for one in self._instruments(query)]
        return Answer([_day(frame) for frame in frames])

    def _quotes(self, query: Query, body: str, now_ms: int) -> Answer:
        frames = [one.best(now_ms) for one in self._instruments(query)]
        rows = [{"symbol": row["s"], "bidPrice": row["b"], "bidQty": row["B"], "askPrice": row["a"], "askQty": row["A"],
                 "time": now_ms} for row in frames]  # fmt: skip
        return Answer(rows)

    def _depth(self, query: Query, body: str, now_ms: int) -> Answer:
        level = query.get("limit", "15")
        if level not in ("15", "200"):
            raise Refused(-1142, "parameter invalid: limit")
        frame = self._instrument(query).snapshot(int(level), now_ms)
        return Answer({"bids": frame["b"], "asks": frame["a"], "lastUpdateId": frame["u"]})

    def _trades(self, query: Query, body: str, now_ms: int) -> Answer:
        rows = list(self._instrument(query).trades)[-_limit(query, 1000) :]
        return Answer([_past(row) for row in rows])

    def _candles(self, query: Query, body: str, now_ms: int) -> Answer:
        if query["interval"] not in INTERVALS_S:
            raise Refused(-1142, "parameter invalid: interval")
        since, until = int(query.get("startTime", 0)), int(query.get("endTime", now_ms))
        rows = self._instrument(query).candles(query["interval"], now_ms, since, until, _limit(query, 1000))
        keys = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")
        return Answer([[row[key] for key in keys] for row in rows])

    def _price(self, query: Query, body: str, now_ms: int) -> Answer:
        rows = [{"symbol": one.symbol, "price": one.text(one.last), "time": now_ms} for one in self._instruments(query)]
        return Answer(rows[0] if "symbol" in query else rows)

    def _funding(self, query: Query, body: str, now_ms: int) -> Answer:
        period_ms = 8 * 3_600_000
        return Answer([
            {"symbol": one.symbol, "markPrice": one.mark, "indexPrice": one.text(one.mid + 2),
             "lastFundingRate": "0.0001", "forecastFundingRate": "0.0001", "collectCycle": 480,
             "nextFundingTime": (now_ms // period_ms + 1) * period_ms, "time": now_ms}
            for one in self._instruments(query)
        ])  # fmt: skip

    # -- the account ---------------------------------------------------------------------------------------------

    def _balances(self, query: Query, body: str, now_ms: int) -> Answer:
        return Answer(self._desk.balance())

    def _positions(self, query: Query, body: str, now_ms: int) -> Answer:
        assert isinstance(self._desk, Desk)  # spot has no such path
        return Answer(self._desk.open_positions())

    def _open_orders(self, query: Query, body: str, now_ms: int) -> Answer:
        return self._order_rows(self._desk.open_rows(query.get("symbol", "")), query)

    def _past_orders(self, query: Query, body: str, now_ms: int) -> Answer:
        symbol = query["symbol"] if self._market.is_spot else query.get("symbol", "")
        return self._order_rows(self._desk.past_rows(symbol), query)

    def _order_rows(self, rows: list[dict[str, Any]], query: Query) -> Answer:
        since = int(query.get("startTime", 0))
        wanted = [row for row in rows if int(row["createdTime"]) >= since][-_limit(query, 100) :]
        return Answer([self._desk.order_answer(row) for row in wanted])

    def _fills(self, query: Query, body: str, now_ms: int) -> Answer:
        symbol = query["symbol"] if self._market.is_spot else query.get("symbol", "")
        since = int(query.get("startTime", 0))
        rows = [row for row in self._desk.fills if symbol in ("", row["symbol"]) and int(row["createdTime"]) >= since]
        return Answer([self._desk.fill_answer(row) for row in rows[-_limit(query, 100) :]])

    def _order(self, query: Query, body: str, now_ms: int) -> Answer:
        row = self._desk.orders.get(query["orderId"])
        if row is None:
            raise Refused(-2200 if self._market.is_spot else -3200, "order does not exist")
        return Answer(self._desk.order_answer(row))

    def _place(self, query: Query, body: str, now_ms: int) -> Answer:
        try:
            asked = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise Refused(-1135, "body is not JSON") from None
        asked = {key: value for key, value in asked.items() if value is not None}
        self._desk.check(asked)
        amounts = {
            key: str(asked[key]) for key in ("quantity", "price") if key in asked
        }  # numbers were seen to be taken
        if asked["type"] == "MARKET":
            amounts["price"] = "0"
        row, frames = self._desk.place(asked | amounts, now_ms)
        return Answer(self._desk.placed(row), frames=frames)

    def _cancel(self, query: Query, body: str, now_ms: int) -> Answer:
        client_id = query.get("origClientOrderId", "")
        by_client = next((row["id"] for row in self._desk.open_rows() if client_id == row["clientOrderId"] != ""), "0")
        order_id = query["orderId"] if not client_id else by_client
        row, frames = self._desk.cancel(order_id, now_ms)
        return Answer(self._desk.not_cancelled(order_id) if row is None else self._desk.placed(row), frames=frames)

    def _cancel_all(self, query: Query, body: str, now_ms: int) -> Answer:
        ended = [self._desk.cancel(row["id"], now_ms) for row in self._desk.open_rows(query.get("symbol", ""))]
        answers = [self._desk.placed(row) for row, _ in ended if row is not None]
        return Answer(answers, frames=[frame for _, frames in ended for frame in frames])


def _limit(query: Query, most: int) -> int:
    limit = int(query.get("limit", "100"))
    if not 1 <= limit <= most:
        raise Refused(-1140, f"limit must be between 1 and {most}")
    return limit


def _day(frame: dict[str, Any]) -> dict[str, Any]:
    row = frame["d"][0]
    return {"symbol": frame["s"], "priceChange": row["p"], "priceChangePercent": row["P"], "lastPrice": row["c"],
            "openPrice": row["o"], "highPrice": row["h"], "lowPrice": row["l"], "volume": row["v"],
            "quoteVolume": row["q"], "openTime": row["O"], "closeTime": row["C"],
            **({"markPrice": row["m"], "indexPrice": row["i"]} if "m" in row else {})}  # fmt: skip


def _past(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["t"], "time": row["T"], "price": row["p"], "qty": row["q"], "quoteQty": row["v"],
            "isBestMatch": True, "isBuyerMaker": row["m"]}  # fmt: skip
