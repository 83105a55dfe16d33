"""The REST calls as a table, and the desk that answers them. Pure: a `Call` goes in, an `Answer` comes out.

Order of the checks: URL, method, length, media type, login and token, rate, parameters. What Windows checks before kabu
Station sees a request at all is in ``http``; calls about the account are answered at the counter in ``trading``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from wsexample.brokers.kabu.codes import FX_EXCHANGE
from wsexample.brokers.kabu.messages import RegisterRequest, RegistryReply, SymbolEntry, TokenReply, TokenRequest
from wsexample.brokers.kabu.messages.reads import SymbolNameReply, SymbolReply
from wsexample.brokers.kabu.simulator import reads
from wsexample.brokers.kabu.simulator.image import draw, draw_nothing
from wsexample.brokers.kabu.simulator.listing import Key, View
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.rankings import ranking
from wsexample.brokers.kabu.simulator.station import RateGroup, Refusal, Station
from wsexample.brokers.kabu.simulator.trading import Counter

__all__ = ["PREFIX", "ROUTES", "Answer", "Call", "Desk", "Route", "find_route", "is_order_call"]

PREFIX = "/kabusapi/"
TIMED_OUT_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as far as kabu Station looks at it."""

    method: str
    """HTTP method."""
    path: str
    """Path without the query."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Query parameters."""
    token: str | None = field(default=None, repr=False)
    """Value of X-API-KEY."""
    media_type: str | None = None
    """Content-Type without its parameters; None when there was none."""
    body: bytes = field(default=b"", repr=False)
    """Request body."""
    is_too_long: bool = False
    """Whether the body was longer than allowed and was not read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back."""

    body: object
    """Something that encodes to JSON; goes with 200."""
    refusal: Refusal | None = None
    """The refusal that the body tells of, None for success."""
    delay_s: float = 0.0
    """How long kabu Station takes for it."""
    registered: tuple[Key, ...] = ()
    """Entries that this call has put on the list for push."""

    @property
    def http_status(self) -> int:
        """HTTP status."""
        return self.refusal.http_status if self.refusal else 200


def _no(code: int, http_status: int | None = None) -> Answer:
    return _refuse(Refusal.of(code, http_status))


def _refuse(refusal: Refusal) -> Answer:
    return Answer(refusal.reply, refusal)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table of calls."""

    method: str
    """The only HTTP method that it takes."""
    group: RateGroup | None
    """Calls that it is counted with."""
    answer: Callable[[Desk, str, Call], Answer]
    """What answers it: desk, argument, call."""
    argument: Literal["none", "needed", "optional"] = "none"
    """Whether the path goes on after the name."""
    needs_token: bool = True
    """Whether X-API-KEY is asked for."""


def find_route(path: str) -> tuple[str, Route, str] | None:
    """Return (name, route, argument) for a path, None when there is no such call."""
    if not path.startswith(PREFIX):
        return None
    rest = path.removeprefix(PREFIX)
    if (route := ROUTES.get(rest)) is not None and route.argument != "needed":
        return rest, route, ""
    name, _, argument = rest.rpartition("/")
    if (route := ROUTES.get(name)) is not None and route.argument != "none" and argument:
        return name, route, argument
    return None


def is_order_call(path: str) -> bool:
    """Tell whether a path is one of the four calls that send or cancel an order."""
    found = find_route(path)
    return found is not None and found[1].group is RateGroup.ORDERS


class Desk:
    """Answers calls from the market and the station's memory.

    Parameters:
        market: what is listed.
        station: login, token, list and call counters.
        counter: what answers for the account.
    """

    def __init__(self, market: Market, station: Station, counter: Counter) -> None:
        self._market = market
        self._station = station
        self._counter = counter
        self._switches = station.switches
        self._is_verification = station.switches.env == "verification"

    def answer(self, call: Call, now_ns: int) -> Answer:
        """Answer a call.

        Parameters:
            call: the request.
            now_ns: the time by which calls are counted.
        """
        found = find_route(call.path)
        if found is None:
            return _no(4001012)
        _, route, argument = found
        if call.method != route.method:
            return _no(4001014)
        if call.is_too_long:
            return _no(4001015)
        if call.body and call.media_type not in (None, "application/json"):
            return _no(4001016)
        refusal = self._station.check_token(call.token) if route.needs_token else None
        refusal = refusal or self._station.admit(route.group, now_ns)
        if refusal is not None:
            return _refuse(refusal)
        return route.answer(self, argument, call)

    # -- token and registration ------------------------------------------------------------------------------

    def token(self, argument: str, call: Call) -> Answer:
        """``POST /token``."""
        try:
            wanted = _TOKEN_REQUEST.decode(call.body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return _no(4001005)
        token = self._station.fetch_token(wanted.APIPassword)
        return _refuse(token) if isinstance(token, Refusal) else Answer(TokenReply(ResultCode=0, Token=token))

    def register(self, argument: str, call: Call) -> Answer:
        """``PUT /register``."""
        wanted = _entries(call.body)
        if wanted is None:
            return _no(4001005)
        if wanted is msgspec.UNSET:
            return _no(4001018)
        before = set(self._station.pushed)
        answer = _registry(self._station.register(wanted))
        added = tuple(key for key in self._station.pushed if key not in before)
        return Answer(answer.body, answer.refusal, registered=added)

    def unregister(self, argument: str, call: Call) -> Answer:
        """``PUT /unregister``."""
        unwanted = _entries(call.body)
        if unwanted is None:
            return _no(4001005)
        if unwanted is msgspec.UNSET:
            return _no(4001020)
        return _registry(self._station.unregister(unwanted))

    def unregister_all(self, argument: str, call: Call) -> Answer:
        """``PUT /unregister/all``."""
        return _registry(self._station.unregister_all())

    # -- reads that take a slot ------------------------------------------------------------------------------

    def board(self, argument: str, call: Call) -> Answer:
        """``GET /board``: the same object as push; the first read of a symbol is slow."""
        if self._is_verification:
            return Answer(draw_nothing())
        view = self._view(argument)
        if isinstance(view, Refusal):
            return _refuse(view)
        is_first = view.key not in self._station.entries
        refusal = self._station.occupy(view.key)
        if refusal is not None:
            return _refuse(refusal)
        delay_ms = self._switches.first_board_delay_ms if is_first else 0
        message = draw(self._market, view, self._switches, is_empty=delay_ms >= TIMED_OUT_MS)
        return Answer(message, delay_s=delay_ms / 1_000)

    def symbol(self, argument: str, call: Call) -> Answer:
        """``GET /symbol``."""
        has_details = _flag(call.query.get("addinfo"))
        if has_details is None:
            return _no(4001010)
        if self._is_verification:
            return Answer(dict.fromkeys(SymbolReply.__struct_fields__))
        view = self._view(argument)
        refusal = view if isinstance(view, Refusal) else self._station.occupy(view.key)
        if refusal is not None or isinstance(view, Refusal):
            return _refuse(refusal or Refusal.of(4002001))
        return Answer(reads.symbol(view, has_details=has_details))

    def exchange(self, argument: str, call: Call) -> Answer:
        """``GET /exchange``."""
        rate = reads.fx_rate(self._market.seed, argument, self._market.now_ns)
        if rate is None:
            return _no(4002001)
        refusal = self._station.occupy((rate.Symbol or argument, FX_EXCHANGE))
        return _refuse(refusal) if refusal else Answer(rate)

    # -- other reads -----------------------------------------------------------------------------------------

    def time_and_sales(self, argument: str, call: Call) -> Answer:
        """``GET /timeandsales``."""
        view = self._view(argument)
        return _refuse(view) if isinstance(view, Refusal) else Answer(reads.time_and_sales(view))

    def regulations(self, argument: str, call: Call) -> Answer:
        """``GET /regulations``."""
        view = self._view(argument)
        return _refuse(view) if isinstance(view, Refusal) else Answer(reads.regulations(view))

    def primary_exchange(self, argument: str, call: Call) -> Answer:
        """``GET /primaryexchange``."""
        return _found(reads.primary_exchange(self._market, argument))

    def margin_premium(self, argument: str, call: Call) -> Answer:
        """``GET /margin/marginpremium``."""
        return _found(reads.margin_premium(self._market, argument))

    def soft_limit(self, argument: str, call: Call) -> Answer:
        """``GET /apisoftlimit``."""
        return Answer(self._counter.soft_limit)

    def symbol_of_future(self, argument: str, call: Call) -> Answer:
        """``GET /symbolname/future``."""
        month = _whole(call.query.get("DerivMonth", "0"))
        if month is None:
            return _no(4001010)
        return self._contract(reads.symbol_of_future(self._market, call.query.get("FutureCode", ""), month))

    def symbol_of_option(self, argument: str, call: Call) -> Answer:
        """``GET /symbolname/option``."""
        return self._option(call, call.query.get("OptionCode", "NK225op"))

    def symbol_of_weekly(self, argument: str, call: Call) -> Answer:
        """``GET /symbolname/minioptionweekly``: no weekly contract is listed here."""
        return self._option(call, "weekly")

    def _option(self, call: Call, code: str) -> Answer:
        month = _whole(call.query.get("DerivMonth", "0"))
        strike = _whole(call.query.get("StrikePrice", "0"))
        side = call.query.get("PutOrCall", "").upper()
        if month is None or strike is None or side not in ("P", "C"):
            return _no(4001010)
        return self._contract(reads.symbol_of_option(self._market, code, month, side, strike))

    def _contract(self, reply: SymbolNameReply | None) -> Answer:
        if self._is_verification:
            return Answer(dict.fromkeys(SymbolNameReply.__struct_fields__))
        return _found(reply)

    def ranking(self, argument: str, call: Call) -> Answer:
        """``GET /ranking``."""
        kind = _whole(call.query.get("Type", "1"))
        reply = ranking(self._market, kind or 0, call.query.get("ExchangeDivision", "ALL"))
        return Answer(reply) if reply is not None else _no(4001010)

    # -- the account -----------------------------------------------------------------------------------------

    def send_stock(self, argument: str, call: Call) -> Answer:
        """``POST /sendorder``."""
        return _either(self._counter.send_stock(call.body))

    def send_future(self, argument: str, call: Call) -> Answer:
        """``POST /sendorder/future``."""
        return _either(self._counter.send_derivative(call.body, "future"))

    def send_option(self, argument: str, call: Call) -> Answer:
        """``POST /sendorder/option``."""
        return _either(self._counter.send_derivative(call.body, "option"))

    def cancel_order(self, argument: str, call: Call) -> Answer:
        """``PUT /cancelorder``."""
        return _either(self._counter.cancel(call.body))

    def orders(self, argument: str, call: Call) -> Answer:
        """``GET /orders``."""
        return _either(self._counter.orders(call.query))

    def positions(self, argument: str, call: Call) -> Answer:
        """``GET /positions``."""
        return _either(self._counter.positions(call.query))

    def cash_wallet(self, argument: str, call: Call) -> Answer:
        """``GET /wallet/cash``."""
        return _either(self._counter.cash_wallet(argument))

    def margin_wallet(self, argument: str, call: Call) -> Answer:
        """``GET /wallet/margin``."""
        return _either(self._counter.margin_wallet(argument))

    def future_wallet(self, argument: str, call: Call) -> Answer:
        """``GET /wallet/future``."""
        return _either(self._counter.future_wallet(argument))

    def option_wallet(self, argument: str, call: Call) -> Answer:
        """``GET /wallet/option``."""
        return _either(self._counter.option_wallet(argument))

    def _view(self, argument: str) -> View | Refusal:
        name, _, market = argument.partition("@")
        exchange = _whole(market)
        if not name or exchange is None:
            return Refusal.of(4001011)
        view = self._market.views.get((name, exchange))
        return view if view is not None else Refusal.of(4002001)


_TOKEN_REQUEST = msgspec.json.Decoder(TokenRequest)
_REGISTER_REQUEST = msgspec.json.Decoder(RegisterRequest)


def _entries(body: bytes) -> list[SymbolEntry] | msgspec.UnsetType | None:
    """Read the body of a registration call; None when it cannot be read."""
    try:
        return _REGISTER_REQUEST.decode(body).Symbols
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _registry(result: list[SymbolEntry] | Refusal) -> Answer:
    return _refuse(result) if isinstance(result, Refusal) else Answer(RegistryReply(RegistList=result))


def _found(reply: object | None) -> Answer:
    return Answer(reply) if reply is not None else _no(4002001)


def _either(result: object) -> Answer:
    return _refuse(result) if isinstance(result, Refusal) else Answer(result)


_WHOLE = re.compile(r"[0-9]{1,18}")


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _flag(text: str | None) -> bool | None:
    return {None: True, "true": True, "false": False}.get(text.lower() if text else None)


ROUTES: dict[str, Route] = {
    "token": Route("POST", None, Desk.token, needs_token=False),
    "register": Route("PUT", RateGroup.REGISTER, Desk.register),
    "unregister": Route("PUT", RateGroup.REGISTER, Desk.unregister),
    "unregister/all": Route("PUT", RateGroup.REGISTER, Desk.unregister_all),
    "board": Route("GET", RateGroup.INFO, Desk.board, argument="needed"),
    "symbol": Route("GET", RateGroup.INFO, Desk.symbol, argument="needed"),
    "exchange": Route("GET", RateGroup.INFO, Desk.exchange, argument="needed"),
    "timeandsales": Route("GET", RateGroup.TIME_AND_SALES, Desk.time_and_sales, argument="needed"),
    "regulations": Route("GET", RateGroup.INFO, Desk.regulations, argument="needed"),
    "primaryexchange": Route("GET", RateGroup.INFO, Desk.primary_exchange, argument="needed"),
    "margin/marginpremium": Route("GET", RateGroup.INFO, Desk.margin_premium, argument="needed"),
    "apisoftlimit": Route("GET", RateGroup.INFO, Desk.soft_limit),
    "symbolname/future": Route("GET", RateGroup.INFO, Desk.symbol_of_future),
    "symbolname/option": Route("GET", RateGroup.INFO, Desk.symbol_of_option),
    "symbolname/minioptionweekly": Route("GET", RateGroup.INFO, Desk.symbol_of_weekly),
    "ranking": Route("GET", RateGroup.INFO, Desk.ranking),
    "orders": Route("GET", RateGroup.INFO, Desk.orders),
    "positions": Route("GET", RateGroup.INFO, Desk.positions),
    "sendorder": Route("POST", RateGroup.ORDERS, Desk.send_stock),
    "sendorder/future": Route("POST", RateGroup.ORDERS, Desk.send_future),
    "sendorder/option": Route("POST", RateGroup.ORDERS, Desk.send_option),
    "cancelorder": Route("PUT", RateGroup.ORDERS, Desk.cancel_order),
    "wallet/cash": Route("GET", RateGroup.WALLET, Desk.cash_wallet, argument="optional"),
    "wallet/margin": Route("GET", RateGroup.WALLET, Desk.margin_wallet, argument="optional"),
    "wallet/future": Route("GET", RateGroup.WALLET, Desk.future_wallet, argument="optional"),
    "wallet/option": Route("GET", RateGroup.WALLET, Desk.option_wallet, argument="optional"),
}
"""Name of the call -> its row."""
