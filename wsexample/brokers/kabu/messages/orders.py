"""What is about an account: orders to send, orders and positions as they stand, and what can be bought.

Money and quantities are `Decimal`, exactly as they stood on the wire. Source: kabu Station API reference, ``POST
/sendorder``, ``/sendorder/future``, ``/sendorder/option``, ``PUT /cancelorder``, ``GET /orders``, ``/positions``,
``/wallet``. What a field must be is in `wsexample.brokers.kabu.order_rules`.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

__all__ = [
    "CancelRequest",
    "CashWallet",
    "ClosePosition",
    "DerivativeOrder",
    "FutureWallet",
    "MarginWallet",
    "OptionWallet",
    "OrderDetail",
    "OrderReply",
    "OrderRow",
    "PositionRow",
    "ReverseLimit",
    "StockOrder",
]

Amount = Decimal | None | UnsetType
Whole = int | None | UnsetType
Text = str | None | UnsetType


# --- orders to send -----------------------------------------------------------------------------------------------------


class ClosePosition(Struct, frozen=True):
    """A position to repay, or a part of it."""

    HoldID: str
    """``ExecutionID`` of ``/positions``."""
    Qty: int
    """How much of it."""


class ReverseLimit(Struct, frozen=True):
    """The condition of a stop order (逆指値, ``FrontOrderType`` 30)."""

    TriggerPrice: Decimal
    """Price that sets the order to work."""
    UnderOver: int
    """1 at or below it, 2 at or above it."""
    AfterHitOrderType: int
    """What it becomes: 1 market, 2 limit, 3 funari (stocks only)."""
    AfterHitPrice: Decimal = Decimal(0)
    """Limit price then, 0 for market."""
    TriggerSec: int | UnsetType = UNSET
    """Whose price: 1 the symbol's own, 2 Nikkei 225, 3 TOPIX; stocks only."""


class StockOrder(Struct, frozen=True, kw_only=True):
    """Body of ``POST /sendorder``: cash and margin."""

    Symbol: str
    """The vendor's code."""
    Exchange: int
    """Market for orders: 9 SOR, 27 TSE+, 3, 5, 6; 1 only to repay what was opened there."""
    SecurityType: int = 1
    """Always 1."""
    Side: str
    """"1" sell, "2" buy."""
    CashMargin: int
    """1 cash, 2 margin new, 3 margin repay."""
    MarginTradeType: int | UnsetType = UNSET
    """1 system, 2 general long term, 3 general day trade; margin only."""
    MarginPremiumUnit: Decimal | UnsetType = UNSET
    """Premium bid per share in the short-selling auction."""
    DelivType: int
    """0 none, 2 deposit, 3 au Money Connect."""
    FundType: str | UnsetType = UNSET
    """"  " cash sell, "02" custody, "AA" margin substitute, "11" margin."""
    AccountType: int
    """2 general, 4 specific, 12 corporate."""
    Qty: int
    """Shares."""
    ClosePositionOrder: int | UnsetType = UNSET
    """Which positions to repay first, 0 to 7."""
    ClosePositions: list[ClosePosition] | UnsetType = UNSET
    """Which positions to repay."""
    FrontOrderType: int
    """How it is executed: 10 market, 20 limit, 30 stop, ..."""
    Price: Decimal
    """Limit price; 0 where there is none."""
    ExpireDay: int
    """yyyyMMdd; 0 the current order day."""
    ReverseLimitOrder: ReverseLimit | UnsetType = UNSET
    """The condition of a stop order."""


class DerivativeOrder(Struct, frozen=True, kw_only=True):
    """Body of ``POST /sendorder/future`` and ``POST /sendorder/option``."""

    Symbol: str
    """The vendor's code."""
    Exchange: int
    """2 whole day, 23 day, 24 night; futures also 32, 33, 34 through SOR."""
    TradeType: int
    """1 new, 2 repay."""
    TimeInForce: int
    """1 FAS, 2 FAK, 3 FOK."""
    Side: str
    """"1" sell, "2" buy."""
    Qty: int
    """Contracts."""
    ClosePositionOrder: int | UnsetType = UNSET
    """Which positions to repay first, 0 to 7."""
    ClosePositions: list[ClosePosition] | UnsetType = UNSET
    """Which positions to repay."""
    FrontOrderType: int
    """18 market on close, 20 limit, 28 limit on close, 30 stop, 120 market."""
    Price: Decimal
    """Limit price; 0 where there is none."""
    ExpireDay: int
    """yyyyMMdd; 0 the current order day."""
    ReverseLimitOrder: ReverseLimit | UnsetType = UNSET
    """The condition of a stop order."""


class CancelRequest(Struct, frozen=True):
    """Body of ``PUT /cancelorder``."""

    OrderId: str
    """The order."""


class OrderReply(Struct):
    """Answer to all four order calls; the verification environment answers without a number."""

    Result: int
    """0 for success."""
    OrderId: str | None = None
    """The order's number."""


# --- orders and positions as they stand ---------------------------------------------------------------------------------


class OrderDetail(Struct):
    """One event of an order's life."""

    SeqNum: int | None = None
    """Rising, with gaps."""
    ID: str | None = None
    """Number of the event."""
    RecType: int | None = None
    """1 accepted, 2 carried over, 3 expired, 4 sent, 5 amended, 6 cancelled, 7 lapsed, 8 executed."""
    ExchangeID: str | None = None
    """The exchange's number."""
    State: int | None = None
    """1 waiting, 2 sending, 3 processed, 4 error, 5 deleted."""
    TransactTime: str | None = None
    """When, ISO 8601 with microseconds."""
    OrdType: int | None = None
    """As the order's; None for a cancel, 0 for what the exchange did."""
    Price: Amount = UNSET
    """Price of an execution, or of the order."""
    Qty: Amount = UNSET
    """Size of an execution, or of the order."""
    ExecutionID: str | None = None
    """Number of an execution."""
    ExecutionDay: str | None = None
    """When it was executed."""
    DelivDay: int | None = None
    """Settlement day, yyyyMMdd."""
    Commission: Amount = UNSET
    """Commission of an execution, yen."""
    CommissionTax: Amount = UNSET
    """Consumption tax on it, yen."""


class OrderRow(Struct):
    """One order of ``GET /orders``."""

    ID: str
    """Number of the order."""
    State: int | None = None
    """1 waiting, 2 sending, 3 processed, 4 amend or cancel sending, 5 finished."""
    OrderState: int | None = None
    """The same."""
    OrdType: int | None = None
    """1 continuous, 2 open, 3 close, 4 limit then market, 5 limit at the counter-price, 6 IOC."""
    RecvTime: str | None = None
    """When it was accepted, ISO 8601 with microseconds."""
    Symbol: str | None = None
    """The vendor's code."""
    SymbolName: str | None = None
    """Name."""
    Exchange: int | None = None
    """Market that it was ordered to."""
    ExchangeName: str | None = None
    """Its name."""
    TimeInForce: Whole = UNSET
    """1 FAS, 2 FAK, 3 FOK; derivatives only."""
    Price: Amount = UNSET
    """Limit price; 0 for market."""
    OrderQty: Amount = UNSET
    """How much was asked for; stays when the order lapses or expires."""
    CumQty: Amount = UNSET
    """How much is executed."""
    Side: str | None = None
    """"1" sell, "2" buy."""
    CashMargin: int | None = None
    """1 cash, 2 new, 3 repay."""
    AccountType: int | None = None
    """2 general, 4 specific, 12 corporate."""
    DelivType: int | None = None
    """2 deposit, 3 au Money Connect."""
    ExpireDay: int | None = None
    """yyyyMMdd."""
    MarginTradeType: Whole = UNSET
    """1 system, 2 general long term, 3 day trade; margin only."""
    MarginPremium: Amount = UNSET
    """Premium per share; margin only."""
    Details: list[OrderDetail] | UnsetType | None = UNSET
    """Its life so far; absent where it was not asked for."""


class PositionRow(Struct):
    """One position of ``GET /positions``: a holding of stock, or an open margin or derivative lot."""

    ExecutionID: str | None = None
    """The hold ID by which it is repaid; None for cash."""
    AccountType: int | None = None
    """2 general, 4 specific, 12 corporate."""
    Symbol: str | None = None
    """The vendor's code."""
    SymbolName: str | None = None
    """Name."""
    Exchange: int | None = None
    """Market where it was executed; 2 for every derivative."""
    ExchangeName: str | None = None
    """Its name."""
    SecurityType: Whole = UNSET
    """Product; derivatives only."""
    ExecutionDay: int | None = None
    """yyyyMMdd; None for cash."""
    Price: Amount = UNSET
    """Price at which it was opened."""
    LeavesQty: Amount = UNSET
    """How much is held."""
    HoldQty: Amount = UNSET
    """How much of it open orders are going to close."""
    Side: str | None = None
    """"1" sell, "2" buy."""
    Expenses: Amount = UNSET
    """Interest and fees so far; margin and derivatives."""
    Commission: Amount = UNSET
    """Commission; margin and derivatives."""
    CommissionTax: Amount = UNSET
    """Tax on it; margin and derivatives."""
    ExpireDay: Whole = UNSET
    """Last day to repay, yyyyMMdd; margin and derivatives."""
    MarginTradeType: Whole = UNSET
    """1 system, 2 general long term, 3 day trade; margin only."""
    CurrentPrice: Amount = UNSET
    """Last price; null without ``addinfo``."""
    Valuation: Amount = UNSET
    """Value at that price; null without ``addinfo``."""
    ProfitLoss: Amount = UNSET
    """Profit at that price; null without ``addinfo``."""
    ProfitLossRate: Amount = UNSET
    """The same in percent; null without ``addinfo``."""


# --- wallets ------------------------------------------------------------------------------------------------------------


class CashWallet(Struct):
    """``GET /wallet/cash``: what can be spent on stocks, yen."""

    StockAccountWallet: Amount = UNSET
    """In all."""
    AuKCStockAccountWallet: Amount = UNSET
    """At the broker."""
    AuJbnStockAccountWallet: Amount = UNSET
    """At au Jibun Bank."""


class MarginWallet(Struct):
    """``GET /wallet/margin``: what can be opened on margin."""

    MarginAccountWallet: Amount = UNSET
    """Amount of new positions, yen."""
    DepositkeepRate: Amount = UNSET
    """Rate of collateral held; 0.0 without a symbol."""
    ConsignmentDepositRate: Amount = UNSET
    """Rate of collateral asked for, percent; None without a symbol."""
    CashOfConsignmentDepositRate: Amount = UNSET
    """How much of that in cash, percent; None without a symbol."""
    MaximumSellOpenAmountPerSymbol: Amount = UNSET
    """Cap of short positions in the symbol; None without one."""
    MaximumBuyOpenAmountPerSymbol: Amount = UNSET
    """Cap of long positions in the symbol; None without one."""


class FutureWallet(Struct):
    """``GET /wallet/future``: what can be opened in futures."""

    FutureTradeLimit: Amount = UNSET
    """Amount of collateral free for new positions, yen."""
    MarginRequirement: Amount = UNSET
    """Collateral for buying one contract of the symbol, yen; None without one."""
    MarginRequirementSell: Amount = UNSET
    """The same for selling."""


class OptionWallet(Struct):
    """``GET /wallet/option``: what can be opened in options."""

    OptionBuyTradeLimit: Amount = UNSET
    """Amount that can be spent on premiums, yen."""
    OptionSellTradeLimit: Amount = UNSET
    """Amount of collateral free for writing options, yen."""
    MarginRequirement: Amount = UNSET
    """Collateral for writing one contract of the symbol, yen; None without one."""
