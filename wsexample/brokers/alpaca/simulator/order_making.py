"""From a request to orders: the order itself, what a bracket brings along, the legs of a spread, a replacement. Pure."""

from __future__ import annotations

from decimal import Decimal

from wsexample.brokers.alpaca.dialect.orders import decimal_of
from wsexample.brokers.alpaca.messages.trading import OrderSubmission, ReplaceSubmission
from wsexample.brokers.alpaca.simulator.assets import Asset, find_asset
from wsexample.brokers.alpaca.simulator.ids import Ids
from wsexample.brokers.alpaca.simulator.orders import SimOrder

__all__ = ["make_children", "make_order", "make_replacement", "make_spread"]


def make_order(request: OrderSubmission, asset: Asset, client_id: str, ids: Ids, now_ns: int) -> SimOrder:
    """Return the order that a request asks for."""
    limit = decimal_of(request.limit_price)
    if request.order_class == "oco" and request.take_profit is not None:
        limit = decimal_of(request.take_profit.limit_price) or limit
    return SimOrder(
        order_id=ids.uuid(),
        client_order_id=client_id,
        asset=asset,
        side=request.side or "",
        order_type=request.type or "",
        time_in_force=request.time_in_force or "",
        created_ns=now_ns,
        size=decimal_of(request.qty),
        notional=decimal_of(request.notional),
        limit_price=limit,
        stop_price=decimal_of(request.stop_price),
        trail_price=decimal_of(request.trail_price),
        trail_percent=decimal_of(request.trail_percent),
        extended_hours=bool(request.extended_hours),
        order_class=request.order_class or "",
        position_intent=request.position_intent or "",
    )


def make_children(parent: SimOrder, request: OrderSubmission, ids: Ids, now_ns: int) -> list[SimOrder]:
    """Return the orders that a bracket, an oto or an oco brings along; they are held and become legs of their parent."""
    if parent.order_class not in ("bracket", "oto", "oco"):
        return []
    is_oco = parent.order_class == "oco"
    side = parent.side if is_oco else ("sell" if parent.side == "buy" else "buy")
    wanted: list[tuple[str, Decimal | None, Decimal | None]] = []
    if request.take_profit is not None and request.take_profit.limit_price is not None and not is_oco:
        wanted.append(("limit", decimal_of(request.take_profit.limit_price), None))
    if request.stop_loss is not None and request.stop_loss.stop_price is not None:
        limit = decimal_of(request.stop_loss.limit_price)
        wanted.append(("stop" if limit is None else "stop_limit", limit, decimal_of(request.stop_loss.stop_price)))
    for kind, limit, stop in wanted:
        child = SimOrder(
            order_id=ids.uuid(),
            client_order_id=ids.uuid(),
            asset=parent.asset,
            side=side,
            order_type=kind,
            time_in_force=parent.time_in_force,
            created_ns=now_ns,
            size=parent.size,
            limit_price=limit,
            stop_price=stop,
            order_class=parent.order_class,
            status="held",
            parent=parent,
        )
        parent.legs.append(child)
    return parent.legs


def make_spread(request: OrderSubmission, client_id: str, ids: Ids, now_ns: int) -> SimOrder:
    """Return the parent of a spread with its legs."""
    size = decimal_of(request.qty) or Decimal(1)
    parent = SimOrder(
        order_id=ids.uuid(),
        client_order_id=client_id,
        asset=None,
        side="",
        order_type=request.type or "market",
        time_in_force=request.time_in_force or "day",
        created_ns=now_ns,
        size=size,
        limit_price=decimal_of(request.limit_price),
        order_class="mleg",
    )
    for leg in request.legs or ():
        ratio = decimal_of(leg.ratio_qty) or Decimal(1)
        child = SimOrder(
            order_id=ids.uuid(),
            client_order_id=ids.uuid(),
            asset=find_asset(leg.symbol or ""),
            side=leg.side or "",
            order_type="",
            time_in_force=parent.time_in_force,
            created_ns=now_ns,
            size=size * ratio,
            order_class="mleg",
            position_intent=leg.position_intent or "",
            ratio=ratio,
            parent=parent,
        )
        parent.legs.append(child)
    return parent


def make_replacement(order: SimOrder, request: ReplaceSubmission, client_id: str, ids: Ids, now_ns: int) -> SimOrder:
    """Return the order that takes another one's place: what is not said stays as it was."""
    size = decimal_of(request.qty) or order.size
    trail = decimal_of(request.trail)
    return SimOrder(
        order_id=ids.uuid(),
        client_order_id=client_id,
        asset=order.asset,
        side=order.side,
        order_type=order.order_type,
        time_in_force=request.time_in_force or order.time_in_force,
        created_ns=now_ns,
        size=None if size is None else size - order.filled_size,
        notional=order.notional,
        limit_price=decimal_of(request.limit_price) or order.limit_price,
        stop_price=decimal_of(request.stop_price) or order.stop_price,
        trail_price=trail or order.trail_price if order.trail_price is not None else None,
        trail_percent=trail or order.trail_percent if order.trail_percent is not None else None,
        extended_hours=order.extended_hours,
        order_class=order.order_class,
        status="accepted",
        replaces=order.order_id,
        parent=order.parent,
    )
