"""The board: one message of the push stream, and the answer to ``GET /board``.

Meanings and units are in `wsexample.brokers.kabu.dialect.boards`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["BestLevel", "PushLevel", "PushMessage"]

Number = float | None | UnsetType
Text = str | None | UnsetType
Code = Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None | UnsetType


class PushLevel(msgspec.Struct, gc=False):
    """``Sell2`` to ``Sell10`` and ``Buy2`` to ``Buy10``."""

    Price: Number = UNSET
    Qty: Number = UNSET


class BestLevel(msgspec.Struct, gc=False):
    """``Sell1`` and ``Buy1``; ``Time`` only on stocks."""

    Price: Number = UNSET
    Qty: Number = UNSET
    Sign: Text = UNSET
    Time: Text = UNSET


Best = BestLevel | None | UnsetType
Deeper = PushLevel | None | UnsetType


class PushMessage(msgspec.Struct, gc=False):
    """One message of the push stream; ``GET /board`` answers with the same object."""

    ClearingPrice: Number = UNSET
    IV: Number = UNSET
    Gamma: Number = UNSET
    Theta: Number = UNSET
    Vega: Number = UNSET
    Delta: Number = UNSET
    OverSellQty: Number = UNSET
    UnderBuyQty: Number = UNSET
    TotalMarketValue: Number = UNSET
    MarketOrderSellQty: Number = UNSET
    MarketOrderBuyQty: Number = UNSET
    BidTime: Text = UNSET
    AskTime: Text = UNSET
    Exchange: Code = UNSET
    ExchangeName: Text = UNSET
    TradingVolume: Number = UNSET
    TradingVolumeTime: Text = UNSET
    VWAP: Number = UNSET
    TradingValue: Number = UNSET
    BidQty: Number = UNSET
    BidPrice: Number = UNSET
    BidSign: Text = UNSET
    Sell1: Best = UNSET
    Sell2: Deeper = UNSET
    Sell3: Deeper = UNSET
    Sell4: Deeper = UNSET
    Sell5: Deeper = UNSET
    Sell6: Deeper = UNSET
    Sell7: Deeper = UNSET
    Sell8: Deeper = UNSET
    Sell9: Deeper = UNSET
    Sell10: Deeper = UNSET
    AskQty: Number = UNSET
    AskPrice: Number = UNSET
    AskSign: Text = UNSET
    Buy1: Best = UNSET
    Buy2: Deeper = UNSET
    Buy3: Deeper = UNSET
    Buy4: Deeper = UNSET
    Buy5: Deeper = UNSET
    Buy6: Deeper = UNSET
    Buy7: Deeper = UNSET
    Buy8: Deeper = UNSET
    Buy9: Deeper = UNSET
    Buy10: Deeper = UNSET
    Symbol: Text = UNSET
    SymbolName: Text = UNSET
    CurrentPrice: Number = UNSET
    CurrentPriceTime: Text = UNSET
    CurrentPriceChangeStatus: Text = UNSET
    CurrentPriceStatus: Code = UNSET
    CalcPrice: Number = UNSET
    PreviousClose: Number = UNSET
    PreviousCloseTime: Text = UNSET
    ChangePreviousClose: Number = UNSET
    ChangePreviousClosePer: Number = UNSET
    OpeningPrice: Number = UNSET
    OpeningPriceTime: Text = UNSET
    HighPrice: Number = UNSET
    HighPriceTime: Text = UNSET
    LowPrice: Number = UNSET
    LowPriceTime: Text = UNSET
    SecurityType: Code = UNSET
