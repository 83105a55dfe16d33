"""kabu Station's codes as tables: markets, products, signs, states, and every error code with what to do about it.

Only constants and look-ups; nothing here reads a message. The simulator answers from the same tables that the client
understands. Source: kabu Station API 1.5 (OpenAPI document and error page), with what users saw on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from wsexample import errors

__all__ = [
    "DERIVATIVE_EXCHANGES",
    "ERRORS",
    "EXCHANGES",
    "FX_EXCHANGE",
    "INDEX_CODES",
    "ORDER_ERRORS",
    "ORDER_EXCHANGES",
    "PRICE_STATUS",
    "PRODUCTION_PORT",
    "QUOTED_ON",
    "QUOTE_EXCHANGES",
    "QUOTE_SIGNS",
    "REGISTER_LIMIT",
    "SECURITY_TYPES",
    "STOCK_EXCHANGES",
    "TICK_DIRECTIONS",
    "VERIFICATION_PORT",
    "Advice",
    "ErrorCode",
    "ProductClass",
    "error_of",
    "product_class_of",
]

PRODUCTION_PORT = 18080
"""Port of the production environment, for REST and push alike."""
VERIFICATION_PORT = 18081
"""Port of the verification environment (検証): constants instead of data, its own password and token."""
REGISTER_LIMIT = 50
"""Entries that may be registered at once, push and reads together, counted over all programs on the PC."""

EXCHANGES: dict[int, str] = {
    1: "東証",
    3: "名証",
    5: "福証",
    6: "札証",
    9: "SOR",
    27: "東証＋",
    2: "日通し",
    23: "日中",
    24: "夜間",
    32: "SOR日通し",
    33: "SOR日中",
    34: "SOR夜間",
    300: "為替",
}
"""Market code -> name, for quotes and orders."""
STOCK_EXCHANGES = frozenset({1, 3, 5, 6})
"""Markets where stocks and most indices are quoted: Tokyo, Nagoya, Fukuoka, Sapporo."""
DERIVATIVE_EXCHANGES = frozenset({2, 23, 24})
"""Markets where futures and options are quoted: whole day, day session, night session."""
QUOTE_EXCHANGES = STOCK_EXCHANGES | DERIVATIVE_EXCHANGES
"""Markets that can be registered and read."""
ORDER_EXCHANGES = frozenset({9, 27, 32, 33, 34})
"""Markets that only take orders; they cannot be registered."""
QUOTED_ON: dict[int, int] = {9: 1, 27: 1, 32: 2, 33: 23, 34: 24}
"""Market that only takes orders -> market where the same instrument is quoted."""
FX_EXCHANGE = 300
"""The market code under which ``/exchange`` takes a slot; only ``/unregister`` knows it."""

INDEX_CODES: dict[str, tuple[str, int]] = {
    "101": ("日経平均", 1),
    "151": ("ＴＯＰＩＸ", 1),
    "154": ("東証グロース市場250", 1),
    "145": ("日経平均VI", 2),
}
"""Index code -> (name, market)."""


class ProductClass(IntEnum):
    """What kind of instrument a message is about; it decides which fields the vendor writes at all."""

    INDEX = 0
    STOCK = 1
    FUTURES = 2
    OPTION = 3


SECURITY_TYPES: dict[int, tuple[ProductClass, str]] = {
    0: (ProductClass.INDEX, "index"),
    1: (ProductClass.STOCK, "stock"),
    101: (ProductClass.FUTURES, "Nikkei 225 futures"),
    103: (ProductClass.OPTION, "Nikkei 225 option"),
    107: (ProductClass.FUTURES, "TOPIX futures"),
    121: (ProductClass.FUTURES, "JPX-Nikkei 400 futures"),
    144: (ProductClass.FUTURES, "NY Dow futures"),
    145: (ProductClass.FUTURES, "Nikkei VI futures"),
    154: (ProductClass.FUTURES, "TSE Growth 250 futures"),
    155: (ProductClass.FUTURES, "TSE REIT futures"),
    171: (ProductClass.FUTURES, "TOPIX Core30 futures"),
    901: (ProductClass.FUTURES, "Nikkei 225 mini futures"),
    903: (ProductClass.OPTION, "Nikkei 225 mini option"),
    907: (ProductClass.FUTURES, "TOPIX mini futures"),
    1001: (ProductClass.FUTURES, "Nikkei 225 micro futures"),
}
"""``SecurityType`` of a quote -> (class, name)."""


def product_class_of(security_type: int | None) -> ProductClass | None:
    """Return the class of a ``SecurityType``; None when the code is unknown or was not said."""
    row = SECURITY_TYPES.get(security_type) if security_type is not None else None
    return row[0] if row else None


PRICE_STATUS: dict[int, str] = {
    -1: "no price yet (undocumented)",
    1: "current price",
    2: "discontinuous tick",
    3: "call auction",
    4: "system failure",
    5: "interrupted",
    6: "trading halt",
    7: "halt or system stop lifted",
    8: "closing price",
    9: "system stop",
    10: "estimate",
    11: "reference value",
    12: "circuit breaker active",
    13: "failure cleared",
    14: "circuit breaker lifted",
    15: "interruption lifted",
    16: "temporary hold",
    17: "temporary hold lifted",
    18: "file failure",
    19: "file failure cleared",
    20: "spread or strategy",
    21: "dynamic circuit breaker on",
    22: "dynamic circuit breaker off",
    23: "auction execution",
}
"""``CurrentPriceStatus`` -> meaning."""

TICK_DIRECTIONS: dict[str, str] = {
    "0000": "none",
    "0056": "unchanged",
    "0057": "up",
    "0058": "down",
    "0059": "first price after an interruption auction",
    "0060": "continuous-session close",
    "0061": "auction close",
    "0062": "interrupted close",
    "0063": "down close",
    "0064": "reversed close",
    "0066": "special-quote close",
    "0067": "hold close",
    "0068": "halt close",
    "0069": "circuit-breaker close",
    "0431": "dynamic circuit-breaker close",
}
"""``CurrentPriceChangeStatus`` -> meaning."""

QUOTE_SIGNS: dict[str, str] = {
    "0000": "none",
    "0101": "normal quote",
    "0102": "special quote",
    "0103": "caution quote",
    "0107": "pre-open quote",
    "0108": "special quote before a halt",
    "0109": "after-close quote",
    "0116": "pre-open, no matching point",
    "0117": "pre-open with a matching point",
    "0118": "sequential-trade quote",
    "0119": "sequential-trade quote before a halt",
    "0120": "moving up or down in progress",
}
"""``BidSign``, ``AskSign`` and the ``Sign`` of the first level -> meaning."""


class Advice(IntEnum):
    """What to do after an error."""

    FINAL = 0
    """The same call again cannot help; somebody must change something first."""
    RETRY = 1
    """The same call may work in a moment."""
    WAIT = 2
    """Wait `ErrorCode.wait_s` without any call, then retry."""
    NEW_TOKEN = 3
    """Fetch a new token with the password, then retry once; final when there is no password."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One row of the error table."""

    code: int
    """The vendor's ``Code`` (or ``Result``)."""
    http_status: int
    """HTTP status it comes with."""
    meaning: str
    """What it says, in English."""
    error: type[errors.BrokerError]
    """The class that it is raised as."""
    what_to_do: str
    """One plain sentence for the person in front of the screen."""
    advice: Advice = Advice.FINAL
    """What a program should do."""
    wait_s: float = 0.0
    """Seconds without a call, for `Advice.WAIT`."""
    words: str = ""
    """The vendor's ``Message`` where it was seen on the wire, "" where nobody has quoted it."""
    is_observed: bool = False
    """Whether the HTTP status was seen; False: inferred from the group of codes it stands in."""

    @property
    def message(self) -> str:
        """The vendor's words where known, else the English meaning: what a simulator puts into ``Message``."""
        return self.words or self.meaning


_READ_THE_LOG = "look at the kabuS log file for the details"
_CHECK_THE_PROGRAM = "this is a fault of the calling program, not of your account"
_CHECK_ORDER = "correct this field of the order and send it again"
_TRY_LATER = "try again in a moment; if it stays, restart kabu Station"

ERRORS: dict[int, ErrorCode] = {
    row.code: row
    for row in (
        ErrorCode(
            4001001,
            500,
            "internal error of kabu Station",
            errors.BrokerUnavailableError,
            _TRY_LATER,
            Advice.RETRY,
            words="内部エラー",
        ),
        ErrorCode(4001002, 500, "trigger key error", errors.OrderRejectedError, _READ_THE_LOG),
        ErrorCode(4001003, 500, "U-turn error", errors.OrderRejectedError, _READ_THE_LOG),
        ErrorCode(4001004, 500, "trigger creation error", errors.OrderRejectedError, _READ_THE_LOG),
        ErrorCode(
            4001005,
            400,
            "a parameter could not be converted",
            errors.RequestError,
            _CHECK_THE_PROGRAM,
            words="パラメータ変換エラー - 詳細はkabuSログファイルを確認してください",
            is_observed=True,
        ),
        ErrorCode(
            4001006,
            429,
            "too many calls",
            errors.RateLimitError,
            "make no call at all for one second, then go on more slowly (10 a second, 5 for orders, over all programs)",
            Advice.WAIT,
            wait_s=1.0,
            words="API実行回数エラー",
            is_observed=True,
        ),
        ErrorCode(
            4001007,
            401,
            "kabu Station is not logged in",
            errors.NotLoggedInError,
            "log in to kabu Station on the PC; it logs out by itself every early morning",
            words="ログイン認証エラー",
            is_observed=True,
        ),
        ErrorCode(
            4001008,
            403,
            "the API is not enabled",
            errors.PlanError,
            "apply for the API on the member site, set the API password in kabu Station's settings and restart it",
        ),
        ErrorCode(
            4001009,
            401,
            "the token is not the current one",
            errors.CredentialsError,
            "fetch a new token: the old one dies when kabu Station exits or logs out, or when another program fetches one",
            Advice.NEW_TOKEN,
            words="APIキー不一致",
            is_observed=True,
        ),
        ErrorCode(4001010, 400, "the query string cannot be read", errors.RequestError, _CHECK_THE_PROGRAM),
        ErrorCode(
            4001011,
            400,
            "the request string cannot be read",
            errors.RequestError,
            _CHECK_THE_PROGRAM,
            words="リクエスト文字列不正",
        ),
        ErrorCode(
            4001012,
            404,
            "no such URL",
            errors.RequestError,
            "check host, port and path; an older kabu Station may not know this call yet",
            words="リクエスト不正",
            is_observed=True,
        ),
        ErrorCode(
            4001013,
            401,
            "the API password is wrong",
            errors.CredentialsError,
            "use the API password set in kabu Station for this environment (production 18080 and verification 18081"
            " have their own)",
            words="トークン取得失敗",
            is_observed=True,
        ),
        ErrorCode(4001014, 405, "wrong HTTP method", errors.RequestError, _CHECK_THE_PROGRAM, is_observed=True),
        ErrorCode(4001015, 413, "the request body is too long", errors.RequestError, _CHECK_THE_PROGRAM),
        ErrorCode(4001016, 415, "the media type is not JSON", errors.RequestError, _CHECK_THE_PROGRAM),
        ErrorCode(
            4001017,
            401,
            "kabu Station is not logged in",
            errors.NotLoggedInError,
            "log in to kabu Station on the PC; it logs out by itself every early morning",
        ),
        ErrorCode(
            4001018,
            400,
            "no symbol could be registered",
            errors.UnknownSymbolError,
            "check the codes and their markets, as in 9433@1 for a stock or 167060019@2 for futures",
            words="銘柄が登録できませんでした",
            is_observed=True,
        ),
        ErrorCode(
            4001019,
            400,
            "some symbols could not be registered",
            errors.UnknownSymbolError,
            "check the codes and their markets, as in 9433@1 for a stock or 167060019@2 for futures",
            words="一部の銘柄が登録できませんでした",
        ),
        ErrorCode(
            4001020,
            400,
            "no symbol could be unregistered",
            errors.UnknownSymbolError,
            "none of them was registered with this market",
        ),
        ErrorCode(
            4001021,
            400,
            "some symbols could not be unregistered",
            errors.UnknownSymbolError,
            "some of them were not registered with this market",
        ),
        ErrorCode(
            4002001,
            400,
            "the symbol was not found",
            errors.UnknownSymbolError,
            "check the code and its market, as in 9433@1 for a stock or 167060019@2 for futures",
            words="銘柄が見つからない",
            is_observed=True,
        ),
        ErrorCode(4002002, 400, "FrontOrderType error", errors.OrderRejectedError, _CHECK_ORDER),
        ErrorCode(4002003, 400, "FrontOrderType error", errors.OrderRejectedError, _CHECK_ORDER),
        ErrorCode(
            4002004,
            400,
            "trigger check failed",
            errors.OrderRejectedError,
            _READ_THE_LOG,
            words="トリガチェックエラー - 詳細はkabuSログファイルを確認してください",
            is_observed=True,
        ),
        ErrorCode(4002005, 400, "product error", errors.OrderRejectedError, _CHECK_ORDER),
        ErrorCode(
            4002006,
            400,
            "the registration list is full",
            errors.SubscriptionLimitError,
            "kabu Station holds 50 symbols, those that were only read included: unregister some, or all of them",
            words="レジスト数エラー",
            is_observed=True,
        ),
        *(
            ErrorCode(4002007 + i, 400, f"bad {field}", errors.OrderRejectedError, _CHECK_ORDER)
            for i, field in enumerate(
                (
                    "AccountType",
                    "Side",
                    "CashMargin",
                    "DelivType",
                    "FundType",
                    "FrontOrderType",
                    "MarginTradeType",
                    "TimeInForce",
                )
            )
        ),
        ErrorCode(
            4002015,
            400,
            "both ClosePositionOrder and ClosePositions given",
            errors.OrderRejectedError,
            "give one of the two",
        ),
        ErrorCode(4002016, 400, "bad DelivType", errors.OrderRejectedError, _CHECK_ORDER),
        ErrorCode(4002017, 400, "bad price", errors.OrderRejectedError, _CHECK_ORDER),
        ErrorCode(4002018, 400, "not eligible for IOC", errors.OrderRejectedError, _CHECK_ORDER),
        ErrorCode(
            4002021,
            400,
            "the symbol has expired or is invalid",
            errors.UnknownSymbolError,
            "ask /symbolname for the contract that trades now",
        ),
        ErrorCode(
            4003001,
            400,
            "the amount is above the one-shot soft limit",
            errors.OrderRejectedError,
            "order less, or raise the limit in kabu Station's settings",
            words="ワンショット：金額エラー",
            is_observed=True,
        ),
        ErrorCode(
            4003002,
            400,
            "the quantity is above the one-shot soft limit",
            errors.OrderRejectedError,
            "order less, or raise the limit in kabu Station's settings",
        ),
        ErrorCode(4004001, 400, "no such order", errors.OrderRejectedError, "read /orders for the present numbers"),
        ErrorCode(
            4004002,
            400,
            "the order cannot be cancelled",
            errors.OrderRejectedError,
            "read /orders for its present state",
        ),
        ErrorCode(
            4005001, 500, "the ranking could not be fetched", errors.BrokerUnavailableError, _TRY_LATER, Advice.RETRY
        ),
        ErrorCode(
            4005002, 500, "the FX rate could not be fetched", errors.BrokerUnavailableError, _TRY_LATER, Advice.RETRY
        ),
        ErrorCode(
            4005003,
            500,
            "the regulations could not be fetched",
            errors.BrokerUnavailableError,
            _TRY_LATER,
            Advice.RETRY,
        ),
    )
}
"""Codes of the request check, ``Code`` in the body of a reply that is not 200."""


def _spread(*groups: tuple[range | tuple[int, ...], str]) -> Iterator[tuple[int, str]]:
    for codes, meaning in groups:
        for code in codes:
            yield code, meaning


ORDER_ERRORS: dict[int, str] = dict(
    _spread(
        ((-1,), "abnormal end"),
        ((2,), "the account is missing"),
        ((5,), "invalid expiry"),
        ((8,), "wrong data of the position to repay"),
        ((11,), "bad symbol"),
        ((12,), "trade date of the night session"),
        ((15,), "bad lot"),
        ((16,), "bad quantity"),
        ((17,), "bad tick"),
        ((18,), "outside the price limit"),
        ((19,), "bad price"),
        ((21,), "not enough buying power"),
        ((26,), "margin settings"),
        ((32,), "bad account type"),
        ((38,), "duplicate at the exchange"),
        ((41,), "the order is missing"),
        ((42,), "the order has expired"),
        ((43,), "the order is filled"),
        ((44,), "the order's detail is missing"),
        ((45,), "the order is past due"),
        ((47,), "the order is finished"),
        ((49,), "bad amendment"),
        ((50,), "the trigger was already hit"),
        ((60,), "cancelling was already requested"),
        ((105,), "the order is a child of another"),
        ((108,), "short sale of 51 lots or more at market"),
        (range(109, 115), "side, capacity, attribute, condition, session half or automatic adjustment"),
        (range(115, 124), "call id, time in force, price, session, price type, market order or amended quantity"),
        ((10016,), "refreshing the login failed: reconnect"),
        ((10017,), "the reply about buying power failed"),
        ((10020,), "outside the continuous session"),
        ((*range(100001, 100005), 100029, 100031), "delivery, automatic debit, fee code or custody type"),
        ((100033,), "compliance"),
        (range(100051, 100054), "hard limit, or cap of derivative or margin positions"),
        ((100202,), "an agreement was not read yet"),
        (range(100203, 100206), "the specific, margin or derivative account is not open"),
        ((100206, 100295), "insider registration"),
        (range(100207, 100210), "advance, margin call or deposit shortage"),
        ((100211, 100215, 100268, 100269), "the stock needs an immediate deposit"),
        ((100212, 100224), "PTS restriction"),
        ((100213, 100234), "too many positions in one repayment"),
        ((100216,), "one-shot limit"),
        ((100217,), "the trigger would hit at once"),
        (range(100218, 100223), "W, relay, plus-minus or U-turn condition"),
        ((100223, 100226), "share warrant or foreign securities"),
        ((100225,), "margin restriction"),
        (range(100230, 100233), "trailing stop"),
        ((100233,), "the margin requirement is not computed yet"),
        ((100240, *range(100250, 100263)), "outside the window for timed orders"),
        ((100244,), "the session is closed"),
        ((100246,), "IOC outside the session"),
        (range(100263, 100268), "cap, lot or collateral rule of general short selling"),
        ((*range(100270, 100275), 100282, 100294), "VI session, term, delisting, rights, lottery, NISA or order cap"),
        ((*range(100301, 100307), *range(100323, 100327)), "day-trade or premium fee, or its expiry"),
        (range(100307, 100313), "temporary restriction of margin buying or of the fee course"),
        (range(100313, 100323), "cross trade, or price rule for short selling"),
        (range(100330, 100338), "debit from au Jibun Bank"),
        ((100368,), "margin orders no longer go to market 1: use 9 (SOR) or 27 (TSE+)"),
        ((100376,), "cap of positions in one symbol"),
        ((100378,), "cash orders no longer go to market 1: use 9 (SOR) or 27 (TSE+)"),
    )
)
"""Codes of the order system; documented as ``Result``, seen as ``Code`` of an HTTP 500."""


def error_of(code: int) -> ErrorCode | None:
    """Return the row of a vendor code, from either table; None when nobody has documented it."""
    row = ERRORS.get(code)
    if row is None and (meaning := ORDER_ERRORS.get(code)) is not None:
        row = ErrorCode(code, 500, meaning, errors.OrderRejectedError, "correct the order, or wait until it is valid")
    return row
