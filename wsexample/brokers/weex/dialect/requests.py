"""Orders in everybody's words become orders in WEEX's.

| field of `OrderRequest` | contract | spot |
|---|---|---|
| ``symbol``, ``side``, ``size`` | ``symbol``, ``side``, ``quantity`` | the same |
| ``order_type``, ``limit_price`` | ``type``, ``price`` | the same |
| ``time_in_force`` | ``timeInForce``; WEEX's day has no end, so "day" is refused for orders that wait | the same |
| ``position_side``, ``reduce_only`` | ``positionSide``; a buy opens long, or closes short when it only reduces | none |
| ``take_profit_price``, ``stop_loss_price`` | ``tpTriggerPrice``, ``slTriggerPrice`` | none |
| ``client_order_id`` | ``newClientOrderId`` | the same |

Source: contract and spot API documentation V3, "Place order".
"""

from __future__ import annotations

from decimal import Decimal

from wsexample.brokers.weex.codes import VENUE
from wsexample.brokers.weex.dialect.symbols import spell
from wsexample.errors import OrderRejectedError
from wsexample.records.orders import OrderRequest

__all__ = ["order_body"]

_IN_FORCE = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}
_NEVER = ("stop_price", "trail_price", "trail_percent", "stop_loss_limit_price")
_CONTRACT_ONLY = ("take_profit_price", "stop_loss_price", "position_side")


def order_body(request: OrderRequest, client_order_id: str, *, is_spot: bool) -> dict[str, str]:
    """Return an order as WEEX takes it.

    Parameters:
        request: what is wanted.
        client_order_id: by what it can be found again; WEEX wants one.
        is_spot: for which market.

    Raises:
        OrderRejectedError: WEEX has no such order.
    """
    _check(request, is_spot=is_spot)
    assert request.size is not None
    body = {
        "symbol": spell(request.symbol),
        "side": request.side.upper(),
        "type": request.order_type.upper(),
        "quantity": _text(request.size),
        "newClientOrderId": client_order_id,
    }
    if request.order_type == "limit":
        assert request.limit_price is not None
        body |= {"price": _text(request.limit_price), "timeInForce": _IN_FORCE[request.time_in_force]}
    if is_spot:
        return body
    body["positionSide"] = (request.position_side or _position_side(request)).upper()
    for key, price in (("tpTriggerPrice", request.take_profit_price), ("slTriggerPrice", request.stop_loss_price)):
        if price is not None:
            body[key] = _text(price)
    return body


def _check(request: OrderRequest, *, is_spot: bool) -> None:
    if request.order_type not in ("market", "limit"):
        raise _refused(f"WEEX takes market and limit orders here, no {request.order_type} order")
    if request.side not in ("buy", "sell"):
        raise _refused(f"side must be buy or sell, not {request.side!r}")
    if request.size is None:
        raise _refused("WEEX wants the size of an order, not its value")
    if (request.limit_price is None) == (request.order_type == "limit"):
        raise _refused("a limit order has a limit price, and a market order none")
    if request.order_type == "limit" and request.time_in_force not in _IN_FORCE:
        raise _refused(f"WEEX has no {request.time_in_force!r} orders; say gtc, ioc or fok")
    foreign = [*_NEVER, *(_CONTRACT_ONLY if is_spot else ())]
    given = [name for name in foreign if getattr(request, name) is not None]
    if given:
        raise _refused(f"WEEX has no {' and no '.join(given)} for such an order")
    if is_spot and request.reduce_only:
        raise _refused("the spot market has no positions to reduce")
    if request.reduce_only and (request.position_side or _position_side(request)).lower() != _position_side(request):
        raise _refused(f"a {request.side} of {request.position_side} makes a position larger, and it shall only reduce")


def _position_side(request: OrderRequest) -> str:
    return "long" if (request.side == "buy") != request.reduce_only else "short"


def _text(value: Decimal) -> str:
    return format(value, "f")


def _refused(words: str) -> OrderRejectedError:
    return OrderRejectedError(words, venue=VENUE)
