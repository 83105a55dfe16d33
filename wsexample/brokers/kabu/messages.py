"""kabu Station's JSON as typed structs with the vendor's own names, for both ends of the wire.

The client decodes into them, the simulator encodes from them, so the two cannot drift apart. Fields stand in the order
seen on the wire. A key that is absent is ``UNSET`` (the field does not apply to this product), a key that is null is None
(no value yet); encoding leaves ``UNSET`` out. Meanings and units are in `wsexample.brokers.kabu.dialect`.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "BestLevel",
    "ErrorReply",
    "PushLevel",
    "PushMessage",
    "RegisterRequest",
    "RegistryReply",
    "SymbolEntry",
    "TokenReply",
    "TokenRequest",
]

Number = float | None | UnsetType
Text = str | None | UnsetType
Code = int | None | UnsetType


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


class TokenRequest(msgspec.Struct):
    """Body of ``POST /token``."""

    APIPassword: str

    def __repr__(self) -> str:
        return "TokenRequest(APIPassword='***')"


class TokenReply(msgspec.Struct):
    """Answer to ``POST /token``."""

    ResultCode: int
    Token: str

    def __repr__(self) -> str:
        return f"TokenReply(ResultCode={self.ResultCode}, Token='***')"


class SymbolEntry(msgspec.Struct, frozen=True):
    """One entry of the registration list: a code on one market."""

    Symbol: str
    Exchange: int


class RegisterRequest(msgspec.Struct):
    """Body of ``PUT /register`` and ``PUT /unregister``; without ``Symbols`` the vendor answers 4001018."""

    Symbols: list[SymbolEntry] | UnsetType = UNSET


class RegistryReply(msgspec.Struct):
    """Answer to all three registration calls: the whole present list (the vendor's spelling)."""

    RegistList: list[SymbolEntry]


class ErrorReply(msgspec.Struct):
    """Body of every JSON reply that is not 200."""

    Code: int
    Message: str = ""
