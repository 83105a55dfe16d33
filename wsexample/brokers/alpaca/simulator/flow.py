"""A flow of executions for an account, as fast as wanted: orders that come, are filled share by share, and end.

For load and for counting what a client loses; prices are the market's.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.assets import ASSETS
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.orders import SimOrder
from wsexample.errors import OptionError

__all__ = ["FillFlow"]

LARGEST_ORDER = 20
MOST = 1000
"""Executions of one step, so that others get their turn."""
MOST_IDS = 125_000
"""Executions whose identifiers are kept; a fifth of them is let go at a time."""


class FillFlow:
    """So many executions at a pace.

    Parameters:
        exchange: where they happen.
        account: whose they are.
        symbols: what is traded.
        count: how many executions in all.
        per_s: how many a second.
        seed: chance.
    """

    def __init__(
        self, exchange: Exchange, account: SimAccount, symbols: tuple[str, ...], count: int, per_s: float, seed: int
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._assets = [ASSETS[symbol] for symbol in symbols]
        if not self._assets:
            raise OptionError("executions need a symbol", option="symbols")
        self._left = count
        self._per_s = per_s
        self._random = Random(f"flow {seed}")
        self._begun_ns = exchange.now_ns
        self._done = 0
        self._order: SimOrder | None = None
        self.execution_ids: list[str] = []
        """The executions so far, in order; the newest hundred thousand at least."""

    @property
    def is_over(self) -> bool:
        """Whether all have happened."""
        return self._left <= 0

    def shift(self, by_ns: int) -> None:
        """Keep the pace although the clock is set."""
        self._begun_ns += by_ns

    def advance(self, now_ns: int) -> None:
        """Let those happen that are due, `MOST` of them at once at the most; the rest come next time.

        Parameters:
            now_ns: the market's time.
        """
        due = int((now_ns - self._begun_ns) / 1e9 * self._per_s) - self._done
        for _ in range(min(max(due, 0), self._left, MOST)):
            self._fill_one()

    def _fill_one(self) -> None:
        exchange, account = self._exchange, self._account
        if self._order is None or self._order.is_closed:
            size = min(self._random.randint(1, LARGEST_ORDER), self._left)
            asset = self._random.choice(self._assets)
            side = "sell" if account.held(asset.symbol) > 0 else "buy"
            self._order = exchange.place_unchecked(account, asset, side, Decimal(size))
        bid, ask, _, _ = exchange.quoted(self._order.symbol)
        price = ask if self._order.side == "buy" else bid
        self.execution_ids.append(exchange.fill(account, self._order, Decimal(1), price))
        if len(self.execution_ids) > MOST_IDS:
            del self.execution_ids[: MOST_IDS // 5]
        self._left -= 1
        self._done += 1
