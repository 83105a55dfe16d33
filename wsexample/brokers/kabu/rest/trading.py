"""Orders, positions and wallets by REST. An order is checked before it is sent, sent once, and looked for when its answer
is lost: an order executed without an answer has been seen (vendor issue 972).

Source: kabu Station API reference, ``/sendorder``, ``/cancelorder``, ``/orders``, ``/positions`` and ``/wallet``.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import UNSET

from wsexample.brokers.kabu.codes import QUOTED_ON, error_of
from wsexample.brokers.kabu.dialect.orders import OrderTracker
from wsexample.brokers.kabu.dialect.times import JST, TimeTable
from wsexample.brokers.kabu.messages.orders import (
    CancelRequest,
    CashWallet,
    DerivativeOrder,
    FutureWallet,
    MarginWallet,
    OptionWallet,
    OrderReply,
    OrderRow,
    PositionRow,
    StockOrder,
)
from wsexample.brokers.kabu.order_rules import (
    CASH,
    MARGIN_NEW,
    MARGIN_REPAY,
    Product,
    derivative_breach,
    stock_breach,
)
from wsexample.brokers.kabu.orders import from_request, product_of
from wsexample.brokers.kabu.rest.calls import encode, quoted
from wsexample.brokers.kabu.rest.reads import Reads
from wsexample.brokers.kabu.rest.replies import VENUE
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    DeadlineError,
    DialectError,
    DialError,
    NetworkError,
    OptionError,
    OrderRejectedError,
    OrderUnknownError,
    RateLimitError,
    WsExampleError,
)
from wsexample.records.orders import Fill, Order, OrderRequest

__all__ = ["Placed", "Trading"]

log = logging.getLogger("wsexample.kabu.orders")

_W = TypeVar("_W", CashWallet, MarginWallet, FutureWallet, OptionWallet)

LOOKS = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each look into ``/orders`` for an order whose answer was lost; kabu Station may still be at it."""
CLOCK_SLACK_S = 5.0
"""By how much kabu Station's clock and this one may differ; they are on one PC, or on two that keep time."""
ABNORMAL_END = -1
"""Code of the order system that gives no reason; nothing says that the order was not taken before it."""
CANCEL_REQUESTED = 60
"""Code of the order system for a cancel that follows another one."""
_PRODUCTS: dict[str, int] = {"all": 0, "cash": 1, "margin": 2, "future": 3, "option": 4}
_SIDES = {None: None, "buy": "2", "sell": "1"}


@dataclass(frozen=True, slots=True)
class Placed:
    """An order, or a cancel, that kabu Station has taken."""

    order_id: str | None
    """Number of the order; None in the verification environment, which gives none."""
    was_looked_for: bool = False
    """Whether the answer was lost and the order was found in ``/orders``."""


class Trading(Reads):
    """Calls about the account."""

    # -- orders in -------------------------------------------------------------------------------------------

    async def submit_order(
        self, order: StockOrder | DerivativeOrder | OrderRequest, *, is_sor_down: bool = False
    ) -> Placed:
        """Check an order and send it, once.

        Make one with `wsexample.brokers.kabu.orders`: `cash_order`, `margin_order`, `repay_order`, `derivative_order`.

        Parameters:
            order: the order, or a request in this project's own words.
            is_sor_down: whether SOR and TSE+ are in maintenance, so that cash orders go to market 1.

        Raises:
            OptionError: it breaks a rule of the vendor's reference; nothing was sent.
            OrderRejectedError, UnknownSymbolError, RequestError: kabu Station refused it.
            OrderUnknownError: no answer came, and ``/orders`` does not tell for certain whether it was taken.
        """
        body = from_request(order) if isinstance(order, OrderRequest) else order
        path, body_bytes = self._checked(body, is_sor_down=is_sor_down), encode(body)
        sent_ns = self._clock.now_ns()
        try:
            reply = await self._call("POST", path, OrderReply, body=body_bytes, group="order", is_repeatable=False)
            _accepted(reply)
        except DialError:
            raise  # nobody was reached, so nothing was sent
        except OrderRejectedError as error:
            if error.code != ABNORMAL_END:
                raise
            return await self._look_for(body, sent_ns, error)
        except (DeadlineError, NetworkError, DialectError, BrokerUnavailableError) as error:
            return await self._look_for(body, sent_ns, error)
        placed = Placed(reply.OrderId)
        if placed.order_id is not None:
            self._placed.add(placed.order_id)
        return placed

    def _checked(self, order: StockOrder | DerivativeOrder, *, is_sor_down: bool) -> str:
        """Return where an order is sent; raises `OptionError` when it breaks a rule."""
        if isinstance(order, StockOrder):
            breach, path = stock_breach(order, is_sor_down=is_sor_down), "/sendorder"
        else:
            product: Product | None = product_of(order.Symbol)
            if product is None:
                raise OptionError(f"{order.Symbol!r} is no future and no option", option="Symbol")
            breach, path = derivative_breach(order, product), f"/sendorder/{product}"
        if breach is not None:
            raise OptionError(str(breach), option=breach.field)
        return path

    async def cancel_order(self, order_id: str) -> Placed:
        """Ask for an order to be taken back; what is executed stays executed, and more may be until the cancel arrives.

        Asking again while a cancel is on its way is no error.

        Parameters:
            order_id: the venue's identifier of the order.

        Raises:
            OrderRejectedError: it is not there, or finished.
            OrderUnknownError: no answer came, and ``/orders`` does not tell for certain whether it was heard.
        """
        body = encode(CancelRequest(order_id))
        try:
            reply = await self._call("PUT", "/cancelorder", OrderReply, body=body, group="order", is_repeatable=False)
            _accepted(reply)
        except OrderRejectedError as error:
            if error.code != CANCEL_REQUESTED:
                raise
            return Placed(order_id)
        except DialError:
            raise
        except (DeadlineError, NetworkError, DialectError, BrokerUnavailableError) as error:
            rows = await self._orders_after_silence(error, order_id=order_id)
            if any(row.State in (4, 5) for row in rows):
                return Placed(order_id, was_looked_for=True)
            raise _unknown(
                f"order {order_id} is not being cancelled as far as /orders tells", error, (order_id,)
            ) from None
        return Placed(order_id)

    # -- when an answer is lost ------------------------------------------------------------------------------

    async def _look_for(self, order: StockOrder | DerivativeOrder, sent_ns: int, error: WsExampleError) -> Placed:
        """Find an order in ``/orders`` of which no answer came; several looks, because kabu Station may still be at it."""
        log.warning("no answer to an order for %s: %s; looking into /orders", order.Symbol, error)
        since_ns = sent_ns - round(CLOCK_SLACK_S * 1e9)
        for wait_s in LOOKS:
            if wait_s:
                await self._clock.sleep(wait_s)
            rows = await self._orders_after_silence(error, symbol=order.Symbol, since_ns=since_ns)
            found = tuple(row.ID for row in rows if _is_same(row, order, since_ns) and row.ID not in self._placed)
            if len(found) == 1:
                self._placed.add(found[0])
                return Placed(found[0], was_looked_for=True)
            if found:
                raise _unknown(f"{len(found)} orders in /orders look like it: {', '.join(found)}", error, found)
        raise _unknown(f"/orders has not shown it within {sum(LOOKS):g} s, so it was most likely not taken", error, ())

    async def _orders_after_silence(
        self,
        error: WsExampleError,
        *,
        order_id: str | None = None,
        symbol: str | None = None,
        since_ns: int | None = None,
    ) -> list[OrderRow]:
        try:
            return await self.fetch_orders(order_id=order_id, symbol=symbol, updated_since_ns=since_ns)
        except (BrokerError, NetworkError) as other:
            raise _unknown(f"/orders cannot be read either: {other}", error, (order_id,) if order_id else ()) from None

    # -- orders out ------------------------------------------------------------------------------------------

    async def fetch_orders(
        self,
        *,
        product: str = "all",
        order_id: str | None = None,
        symbol: str | None = None,
        state: int | None = None,
        side: str | None = None,
        cash_margin: int | None = None,
        updated_since_ns: int | None = None,
        details: bool = True,
    ) -> list[OrderRow]:
        """Read orders; `wsexample.brokers.kabu.dialect.orders` makes records of them.

        Parameters:
            product: "all" (default), "cash", "margin", "future" or "option".
            order_id: one order.
            symbol: the vendor's code.
            state: 1 waiting, 2 sending, 3 processed, 4 cancel sending, 5 finished.
            side: "buy" or "sell".
            cash_margin: 2 new, 3 repay.
            updated_since_ns: orders that changed since then, UTC epoch nanoseconds (whole seconds count).
            details: whether the events of each order, executions among them, come along (default True).

        Raises:
            OptionError: another product or side.
        """
        query = {"product": str(_of(product, _PRODUCTS, "product")), "details": "true" if details else "false"}
        for name, value in (
            ("id", order_id),
            ("symbol", symbol),
            ("state", state),
            ("side", _of(side, _SIDES, "side")),
            ("cashmargin", cash_margin),
            ("updtime", _jst(updated_since_ns)),
        ):
            if value is not None:
                query[name] = str(value)
        return await self._call("GET", "/orders", list[OrderRow], query=query)

    async def watch_orders(self, *, every_s: float = 1.0, product: str = "all") -> AsyncIterator[Order | Fill]:
        """Iterate over changes of orders and executions, by polling: kabu Station pushes none (vendor issue 22).

        What is there at the beginning comes first. Errors that pass by themselves are waited out; final ones are raised.

        Parameters:
            every_s: seconds between two looks (default 1); each is one of ten calls a second.
            product: as for `fetch_orders`.

        Raises:
            OptionError: every_s is not above zero, or there is no such product.
        """
        if every_s <= 0:
            raise OptionError(f"every_s must be more than zero, not {every_s!r}", option="every_s")
        tracker = OrderTracker()
        since_ns: int | None = None
        while True:
            looked_ns = self._clock.now_ns()
            try:
                rows = await self.fetch_orders(product=product, updated_since_ns=since_ns)
            except (NetworkError, RateLimitError, BrokerUnavailableError) as error:
                log.warning("/orders could not be read: %s; trying again", error)
            else:
                since_ns = looked_ns - round(CLOCK_SLACK_S * 1e9)
                for record in tracker.take(rows, self._clock.now_ns()):
                    yield record
            await self._clock.sleep(every_s)

    # -- positions and wallets -------------------------------------------------------------------------------

    async def fetch_positions(
        self, *, product: str = "all", symbol: str | None = None, side: str | None = None, prices: bool = True
    ) -> list[PositionRow]:
        """Read positions.

        Parameters:
            product: "all" (default), "cash", "margin", "future" or "option".
            symbol: the vendor's code.
            side: "buy" or "sell".
            prices: whether they are valued at the last price (default True).

        Raises:
            OptionError: another product or side.
        """
        query = {"product": str(_of(product, _PRODUCTS, "product")), "addinfo": "true" if prices else "false"}
        if symbol is not None:
            query["symbol"] = symbol
        if side is not None:
            query["side"] = str(_of(side, _SIDES, "side"))
        return await self._call("GET", "/positions", list[PositionRow], query=query)

    async def fetch_cash_wallet(self, symbol: str | None = None, market: int = 9) -> CashWallet:
        """Read what can be spent on stocks, or on one of them.

        Parameters:
            symbol: the vendor's code; None for stocks in general.
            market: market of the order, 1, 3, 5, 6, 9 or 27.
        """
        return await self._wallet("cash", symbol, market, CashWallet)

    async def fetch_margin_wallet(self, symbol: str | None = None, market: int = 9) -> MarginWallet:
        """Read what can be opened on margin; with a symbol its collateral rates too.

        Parameters:
            market: number of the exchange on which the symbol is asked for.
        """
        return await self._wallet("margin", symbol, market, MarginWallet)

    async def fetch_future_wallet(self, symbol: str | None = None, market: int = 23) -> FutureWallet:
        """Read what can be opened in futures; with a symbol the collateral of one contract too.

        Parameters:
            market: number of the exchange on which the symbol is asked for.
        """
        return await self._wallet("future", symbol, market, FutureWallet)

    async def fetch_option_wallet(self, symbol: str | None = None, market: int = 23) -> OptionWallet:
        """Read what can be opened in options; with a symbol the collateral of one contract too.

        Parameters:
            market: number of the exchange on which the symbol is asked for.
        """
        return await self._wallet("option", symbol, market, OptionWallet)

    async def _wallet(self, kind: str, symbol: str | None, market: int, answer: type[_W]) -> _W:
        path = f"/wallet/{kind}" if symbol is None else f"/wallet/{kind}/{quoted(f'{symbol}@{market}')}"
        return await self._call("GET", path, answer, group="wallet")


# --- parts --------------------------------------------------------------------------------------------------------------

_times = TimeTable()


def _accepted(reply: OrderReply) -> None:
    """Raise the error that an answer tells of, if it does."""
    if reply.Result != 0:  # as the reference has it; on the wire the same codes were seen as errors (vendor issue 16)
        row = error_of(reply.Result)
        words = (
            f": {row.meaning} ({reply.Result}); {row.what_to_do}" if row is not None else f" (result {reply.Result})"
        )
        raise OrderRejectedError(f"kabu Station refused the order{words}", venue=VENUE, code=reply.Result)


def _is_same(row: OrderRow, order: StockOrder | DerivativeOrder, since_ns: int) -> bool:
    """Tell whether a row may be an order that was sent: same contents, accepted since."""
    accepted_ns = _times[row.RecvTime]
    is_margin = order.CashMargin if isinstance(order, StockOrder) else order.TradeType + 1
    quoted_on = {
        QUOTED_ON.get(exchange, exchange) for exchange in (row.Exchange, order.Exchange) if exchange is not None
    }
    return (
        row.Symbol == order.Symbol
        and row.Side == order.Side
        and row.OrderQty == order.Qty
        and (
            row.CashMargin in (is_margin, None)
            or (is_margin == CASH and row.CashMargin not in (MARGIN_NEW, MARGIN_REPAY))
        )
        and len(quoted_on) <= 1
        and (order.ReverseLimitOrder is not UNSET or row.Price in (order.Price, None, UNSET))
        and (accepted_ns is None or accepted_ns >= since_ns)
    )


def _unknown(what: str, error: WsExampleError, candidates: tuple[str, ...]) -> OrderUnknownError:
    sentence = (
        f"nobody can say whether the order was taken ({error}); {what}. Look at kabu Station before sending it again"
    )
    return OrderUnknownError(sentence, candidates=candidates, venue=VENUE)


def _jst(at_ns: int | None) -> str | None:
    if at_ns is None:
        return None
    moment = datetime.fromtimestamp(0, JST) + timedelta(microseconds=at_ns // 1000)
    return f"{moment:%Y%m%d%H%M%S}"


_K = TypeVar("_K")
_V = TypeVar("_V")


def _of(key: _K, table: dict[_K, _V], option: str) -> _V:
    if key not in table:
        known = ", ".join(repr(name) for name in table if name is not None)
        raise OptionError(f"{option} must be {known}, not {key!r}", option=option)
    return table[key]
