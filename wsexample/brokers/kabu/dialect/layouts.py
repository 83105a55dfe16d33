"""Which keys the vendor writes for which product, and so what None in a record means.

kabu Station has one JSON class per product: a key that does not apply is absent, a key without a value yet is null. Both
are None in a record; ``Board.layout`` names the class whose keys came, so that `does_not_apply` can tell them apart.
docs/decisions/0003-kabu-absent-and-null.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import lru_cache

from wsexample.brokers.kabu.codes import ProductClass, product_class_of

__all__ = ["LAYOUTS", "RECORD_FIELDS", "does_not_apply", "layout_of"]

RECORD_FIELDS: dict[str, str] = {
    "Symbol": "symbol",
    "SymbolName": "name",
    "Exchange": "market",
    "ExchangeName": "market_name",
    "SecurityType": "security_type",
    "CurrentPrice": "last_price",
    "CurrentPriceTime": "last_ns",
    "CurrentPriceChangeStatus": "last_tick",
    "CurrentPriceStatus": "last_status",
    "CalcPrice": "valuation_price",
    "PreviousClose": "previous_close",
    "PreviousCloseTime": "previous_close_ns",
    "ChangePreviousClose": "change",
    "ChangePreviousClosePer": "change_percent",
    "OpeningPrice": "open_price",
    "OpeningPriceTime": "open_ns",
    "HighPrice": "high_price",
    "HighPriceTime": "high_ns",
    "LowPrice": "low_price",
    "LowPriceTime": "low_ns",
    "TradingVolume": "volume",
    "TradingVolumeTime": "volume_ns",
    "VWAP": "vwap",
    "TradingValue": "turnover",
    # the vendor's English names are the wrong way round: Bid is the best offer, Ask is the best bid
    "BidPrice": "ask_price",
    "BidQty": "ask_size",
    "BidTime": "ask_ns",
    "BidSign": "ask_sign",
    "AskPrice": "bid_price",
    "AskQty": "bid_size",
    "AskTime": "bid_ns",
    "AskSign": "bid_sign",
    "Sell1": "asks",
    "Sell1.Time": "asks_ns",
    "Sell1.Sign": "asks_sign",
    "Buy1": "bids",
    "Buy1.Time": "bids_ns",
    "Buy1.Sign": "bids_sign",
    "OverSellQty": "asks_above_size",
    "UnderBuyQty": "bids_below_size",
    "MarketOrderSellQty": "market_sell_size",
    "MarketOrderBuyQty": "market_buy_size",
    "TotalMarketValue": "market_value",
    "ClearingPrice": "settlement_price",
    "IV": "implied_volatility",
    "Delta": "delta",
    "Gamma": "gamma",
    "Theta": "theta",
    "Vega": "vega",
} | {f"{side}{rank}": field for side, field in (("Sell", "asks"), ("Buy", "bids")) for rank in range(2, 11)}
"""Key of the vendor -> field of `wsexample.records.market.Board`; a dot leads into the first level."""

STOCK_ONLY = frozenset(
    {
        "OverSellQty",
        "UnderBuyQty",
        "TotalMarketValue",
        "MarketOrderSellQty",
        "MarketOrderBuyQty",
        "BidTime",
        "AskTime",
        "Sell1.Time",
        "Buy1.Time",
    }
)
FUTURES_ONLY = frozenset({"ClearingPrice"})
OPTION_ONLY = frozenset({"IV", "Gamma", "Theta", "Vega", "Delta"})
INDEX = frozenset(
    {
        "Symbol",
        "SymbolName",
        "SecurityType",
        "CurrentPrice",
        "CurrentPriceTime",
        "CurrentPriceChangeStatus",
        "CurrentPriceStatus",
        "CalcPrice",
        "PreviousClose",
        "PreviousCloseTime",
        "ChangePreviousClose",
        "ChangePreviousClosePer",
        "OpeningPrice",
        "OpeningPriceTime",
        "HighPrice",
        "HighPriceTime",
        "LowPrice",
        "LowPriceTime",
    }
)
_TRADED = frozenset(RECORD_FIELDS) - STOCK_ONLY - FUTURES_ONLY - OPTION_ONLY

LAYOUTS: dict[str, frozenset[str]] = {
    "stock": _TRADED | STOCK_ONLY,
    "futures": _TRADED | FUTURES_ONLY,
    "option": _TRADED | OPTION_ONLY,
    "index": INDEX,
}
"""Layout -> the keys that the vendor writes for it."""

_OF_CLASS: dict[ProductClass | None, str] = {
    ProductClass.STOCK: "stock",
    ProductClass.FUTURES: "futures",
    ProductClass.OPTION: "option",
    ProductClass.INDEX: "index",
}
_MISSING = {
    name: frozenset(RECORD_FIELDS[key] for key in RECORD_FIELDS.keys() - keys) for name, keys in LAYOUTS.items()
}
"""Layout -> fields of the record that do not apply."""


@lru_cache(maxsize=256)
def does_not_apply(layout: str | None) -> frozenset[str]:
    """Return the fields of a board that the vendor did not send, because they do not apply to the product.

    A field that is None and not among them was sent as null: there is no value yet.

    Parameters:
        layout: ``Board.layout``; None (another venue, unknown) gives the empty set.
    """
    name, *differences = (layout or "unknown").split()
    fields = set(_MISSING.get(name, ()))
    for difference in differences:
        if difference[0] == "-":
            fields.add(difference[1:])
        else:
            fields.discard(difference[1:])
    return frozenset(fields)


def layout_of(missing: AbstractSet[str], security_type: int | None, unsaid: AbstractSet[str] = frozenset()) -> str:
    """Return the layout of a message, in words.

    Parameters:
        missing: fields of the record whose keys were absent.
        security_type: the vendor's product code, which decides where no layout fits exactly; None or an unknown one
            takes the layout that differs least.
        unsaid: fields of which the message could not tell (inside a first level that is null); they count as expected.
    """

    def differs(name: str) -> frozenset[str]:
        return (_MISSING[name] ^ missing) - unsaid

    exact = next((name for name in _MISSING if not differs(name)), None)
    if exact is not None:
        return exact
    name = _OF_CLASS.get(product_class_of(security_type)) or min(_MISSING, key=lambda each: len(differs(each)))
    differences = [f"{'-' if field in missing else '+'}{field}" for field in sorted(differs(name))]
    return " ".join([name, *sorted(differences)])
