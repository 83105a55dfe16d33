"""Rows of ``/orders``, ``/positions`` and ``/wallet`` become the project's records; what changed between two polls is found.

| row of ``/orders`` | record field | note |
|---|---|---|
| ``ID`` | ``Order.order_id`` | |
| ``Symbol``, ``Exchange`` | ``symbol`` | with the market where it is quoted: SOR (9) and TSE+ (27) become "9433@1" |
| ``State``, last ``Details[].RecType`` | ``Order.status``, ``Order.venue_status`` | see `status_of` |
| ``Side`` | ``side`` | "1" sell, "2" buy |
| ``Price`` | ``Order.limit_price`` | 0 is a market order; trigger prices of stop orders are not returned (vendor issue 317) |
| ``OrdType``, ``TimeInForce`` | ``Order.time_in_force`` | 2 opg, 3 cls, 6 ioc; FAS day, FAK ioc, FOK fok |
| ``OrderQty``, ``CumQty`` | ``Order.size``, ``Order.filled_size`` | |
| ``CashMargin`` | ``Order.position_intent`` | 2 to open, 3 to close |
| ``MarginTradeType`` | ``Order.asset_class`` | "margin" where it is given, else "cash", "future" or "option" |
| ``RecvTime``; latest ``TransactTime`` | ``Order.created_ns``; ``exchange_ns``, ``updated_ns`` | |
| ``Details[]`` with ``RecType`` 8 | one ``Fill`` each | ``ExecutionID`` is its identifier |
| their ``Price``, ``Qty`` | ``Fill.price``, ``Fill.size`` | also ``Order.average_price`` |
| their ``Commission`` + ``CommissionTax`` | ``Fill.fee`` | also ``Order.fee`` |

| row of ``/positions`` | record field | note |
|---|---|---|
| ``ExecutionID`` | ``Position.position_id`` | the hold ID; None for cash |
| ``LeavesQty``, ``Side`` | ``Position.size`` | sold is negative |
| ``LeavesQty`` - ``HoldQty`` | ``Position.available_size`` | |
| ``Price``, ``CurrentPrice`` | ``Position.average_price``, ``mark_price`` | |
| ``Valuation``, ``ProfitLoss`` | ``Position.market_value``, ``unrealized_pnl`` | sold has a negative value |
| ``Expenses`` + ``Commission`` + ``CommissionTax`` | ``Position.fee`` | |
| ``ExecutionDay`` | ``Position.opened_ns`` | midnight of the day, Japan's time |

Decimal throughout; nothing here asks kabu Station.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import UNSET, UnsetType, structs

from wsexample.brokers.kabu.codes import QUOTED_ON
from wsexample.brokers.kabu.dialect.hours import jst_ns
from wsexample.brokers.kabu.dialect.times import TimeTable
from wsexample.brokers.kabu.messages.orders import CashWallet, MarginWallet, OrderDetail, OrderRow, PositionRow
from wsexample.brokers.kabu.messages.reads import TimeAndSales
from wsexample.brokers.kabu.order_rules import BUY, day_from
from wsexample.brokers.kabu.orders import product_of
from wsexample.errors import DialectError
from wsexample.records.market import Trade
from wsexample.records.orders import Account, Fill, Order, OrderStatus, Position

__all__ = ["OrderTracker", "account_of", "fills_of", "order_of", "position_of", "status_of", "trades_of"]

VENUE = "kabu"
_CURRENCY = "JPY"
_EXECUTED = 8
_FURTHEST = 100
"""Places before or behind the point of an amount; nobody means more, and writing them out would fill memory."""
_YEARS = range(1970, 2262)
"""What nanoseconds in 64 bits can hold."""
_FINISHED = 5

STATES = {1: "waiting", 2: "sending", 3: "processed", 4: "cancel sending", 5: "finished"}
"""``State`` of an order -> meaning."""
ACTS = {
    1: "accepted",
    2: "carried over",
    3: "expired",
    4: "sent",
    5: "amended",
    6: "cancelled",
    7: "lapsed",
    8: "executed",
}
"""``RecType`` of a detail -> meaning."""
_ENDS = {3: OrderStatus.EXPIRED, 6: OrderStatus.CANCELED, 7: OrderStatus.EXPIRED}
_TIMES_IN_FORCE = {1: "day", 2: "ioc", 3: "fok"}
_ORDER_TYPES = {2: "opg", 3: "cls", 6: "ioc"}

_times = TimeTable()  # texts to times, the same for everybody


def status_of(row: OrderRow) -> OrderStatus:
    """Return where an order stands.

    | State | status |
    |---|---|
    | 1 waiting, 2 sending | pending |
    | 3 processed, 4 cancel sending | new, or partially_filled |
    | 5 finished, all of it executed | filled |
    | 5, last detail in error | rejected |
    | 5, last detail cancelled (6) | canceled |
    | 5, expired (3) or lapsed (7) | expired |
    | 5 without details, anything else | unknown |
    """
    size, filled = _number(row.OrderQty), _number(row.CumQty)
    if row.State in (1, 2):
        return OrderStatus.PENDING
    if row.State in (3, 4):
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW
    if row.State != _FINISHED:
        return OrderStatus.UNKNOWN
    if filled and filled == size:
        return OrderStatus.FILLED
    last = _details(row)[-1] if _details(row) else None
    if last is None:
        return OrderStatus.UNKNOWN
    if last.State == 4:
        return OrderStatus.REJECTED
    return _ENDS.get(last.RecType or 0, OrderStatus.UNKNOWN)


def order_of(row: OrderRow, received_ns: int, *, is_backfilled: bool = False) -> Order:
    """Return an order as a record.

    Parameters:
        row: the order, with its details unless they were not asked for.
        received_ns: when it was read, UTC epoch nanoseconds.
        is_backfilled: whether it was read after a break.
    """
    status = status_of(row)
    executions = _executions(row)
    last = _details(row)[-1] if _details(row) else None
    updated_ns = max(
        (ns for detail in _details(row) if (ns := _times[detail.TransactTime])), default=_times[row.RecvTime]
    )
    price = _number(row.Price)
    side = _side(row.Side)
    venue_status = STATES.get(row.State or 0)
    if status in (OrderStatus.CANCELED, OrderStatus.EXPIRED) and last is not None:
        venue_status = f"{venue_status}: {ACTS.get(last.RecType or 0, '?')}"
    value = sum((detail_price * size for _, detail_price, size, _ in executions), Decimal(0))
    filled = sum((size for _, _, size, _ in executions), Decimal(0))
    fee = _sum(*(fee for _, _, _, fee in executions))
    return Order(
        venue=VENUE,
        symbol=_spelled(row.Symbol, row.Exchange),
        exchange_ns=updated_ns,
        received_ns=received_ns,
        order_id=row.ID,
        status=status.value,
        venue_status=venue_status,
        side=side,
        order_type="limit" if price else "market",
        time_in_force=_time_in_force(row),
        size=_number(row.OrderQty),
        limit_price=price or None,
        filled_size=_number(row.CumQty) or Decimal(0),
        average_price=value / filled if filled else None,
        fee=fee,
        fee_currency=None if fee is None else _CURRENCY,
        asset_class=_asset_class(row.Symbol, row.MarginTradeType),
        position_intent=f"{side}_to_{'open' if row.CashMargin == 2 else 'close'}"
        if side is not None and row.CashMargin in (2, 3)
        else None,
        created_ns=_times[row.RecvTime],
        updated_ns=updated_ns,
        filled_ns=max((ns for detail, _, _, _ in executions if (ns := _executed_ns(detail))), default=None),
        ended_ns=updated_ns if row.State == _FINISHED else None,
        is_backfilled=is_backfilled,
    )


def fills_of(row: OrderRow, received_ns: int, *, is_backfilled: bool = False) -> list[Fill]:
    """Return the executions of an order as records, oldest first."""
    fills, total = [], Decimal(0)
    for detail, price, size, fee in _executions(row):
        total += size
        fills.append(
            Fill(
                venue=VENUE,
                symbol=_spelled(row.Symbol, row.Exchange),
                exchange_ns=_executed_ns(detail),
                received_ns=received_ns,
                fill_id=detail.ExecutionID or f"{row.ID}/{detail.SeqNum}",
                order_id=row.ID,
                side=_side(row.Side),
                price=price,
                size=size,
                cumulative_size=total,
                fee=fee,
                fee_currency=None if fee is None else _CURRENCY,
                is_backfilled=is_backfilled,
            )
        )
    return fills


def position_of(row: PositionRow, received_ns: int) -> Position:
    """Return a position as a record."""
    size, held = _number(row.LeavesQty) or Decimal(0), _number(row.HoldQty) or Decimal(0)
    sign = -1 if row.Side == "1" else 1
    day = day_from(row.ExecutionDay) if row.ExecutionDay else None
    if day is not None and day.year not in _YEARS:
        day = None
    value = _number(row.Valuation)
    return Position(
        venue=VENUE,
        symbol=_spelled(row.Symbol, row.Exchange),
        received_ns=received_ns,
        size=sign * size,
        side="short" if sign < 0 else "long",
        position_id=row.ExecutionID,
        available_size=size - held,
        average_price=_number(row.Price),
        mark_price=_number(row.CurrentPrice),
        market_value=sign * value if value is not None else None,
        unrealized_pnl=_number(row.ProfitLoss),
        fee=_sum(row.Expenses, row.Commission, row.CommissionTax),
        asset_class=_asset_class(row.Symbol, row.MarginTradeType),
        currency=_CURRENCY,
        opened_ns=jst_ns(day) if day is not None else None,
    )


def account_of(cash: CashWallet, margin: MarginWallet | None, received_ns: int) -> Account:
    """Return what can be spent as a record: cash, and room for margin positions where that was asked."""
    available = _number(cash.StockAccountWallet)
    return Account(
        venue=VENUE,
        received_ns=received_ns,
        currency=_CURRENCY,
        available=available,
        buying_power=_number(margin.MarginAccountWallet) if margin is not None else available,
    )


def trades_of(tape: TimeAndSales, received_ns: int) -> list[Trade]:
    """Return time and sales as records, oldest first; rows without a price are left out."""
    symbol = _spelled(tape.Symbol, tape.Exchange)
    return [
        Trade(
            venue=VENUE,
            symbol=symbol,
            exchange_ns=_times[row.Time],
            received_ns=received_ns,
            price=row.Price,
            size=row.Volume or 0.0,
        )
        for row in tape.TradingPrice
        if row.Price is not None
    ]


class OrderTracker:
    """What is new in ``/orders`` since the last look; polling is the only way to learn of executions (vendor issue 22).

    An order is told again when anything of it changed, an execution once.
    """

    def __init__(self) -> None:
        self._known: dict[str, Order] = {}
        self._fills: set[str] = set()

    def take(self, rows: Iterable[OrderRow], received_ns: int, *, is_backfilled: bool = False) -> list[Order | Fill]:
        """Return the records that rows bring: new executions of an order, then the order as it stands after them.

        Parameters:
            rows: orders as read, all or those that changed.
            received_ns: when they were read, UTC epoch nanoseconds.
            is_backfilled: whether they were read after a break.
        """
        news: list[Order | Fill] = []
        for row in rows:
            order = order_of(row, received_ns, is_backfilled=is_backfilled)
            state = structs.replace(order, received_ns=0, is_backfilled=False)
            if self._known.get(row.ID) == state:
                continue
            fills = fills_of(row, received_ns, is_backfilled=is_backfilled)
            news += [fill for fill in fills if fill.fill_id not in self._fills]
            self._fills.update(fill.fill_id for fill in fills)
            self._known[row.ID] = state
            news.append(order)
        return news


# --- parts --------------------------------------------------------------------------------------------------------------


def _number(value: Decimal | UnsetType | None) -> Decimal | None:
    """Return an amount, None where it is not said; raises `DialectError` for what is none."""
    if value is UNSET or value is None:
        return None
    assert isinstance(value, Decimal)
    if not value.is_finite() or abs(value.adjusted()) > _FURTHEST:
        raise DialectError(f"kabu Station answered with an amount that is none: {value:.6}", venue=VENUE)
    return value


def _details(row: OrderRow) -> list[OrderDetail]:
    return row.Details if isinstance(row.Details, list) else []


def _sum(*values: Decimal | UnsetType | None) -> Decimal | None:
    """Return the sum of the amounts that are said; None where none is."""
    said = [number for number in map(_number, values) if number is not None]
    return sum(said, Decimal(0)) if said else None


def _executions(row: OrderRow) -> list[tuple[OrderDetail, Decimal, Decimal, Decimal | None]]:
    """Return (detail, price, size, fee) of each execution."""
    found = []
    for detail in _details(row):
        price, size = _number(detail.Price), _number(detail.Qty)
        if detail.RecType == _EXECUTED and price is not None and size is not None:
            found.append((detail, price, size, _sum(detail.Commission, detail.CommissionTax)))
    return found


def _executed_ns(detail: OrderDetail) -> int | None:
    return _times[detail.ExecutionDay] or _times[detail.TransactTime]


def _side(text: str | None) -> str | None:
    return {"1": "sell", BUY: "buy"}.get(text or "")


def _spelled(code: str | None, exchange: int | None) -> str:
    market = QUOTED_ON.get(exchange, exchange) if exchange is not None else None
    return code or "" if market is None else f"{code}@{market}"


def _asset_class(code: str | None, margin_trade: object) -> str:
    return product_of(code or "") or ("margin" if isinstance(margin_trade, int) else "cash")


def _time_in_force(row: OrderRow) -> str:
    if isinstance(row.TimeInForce, int):
        return _TIMES_IN_FORCE.get(row.TimeInForce, "day")
    return _ORDER_TYPES.get(row.OrdType or 1, "day")
