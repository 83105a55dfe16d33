"""The pure parts of a kabu Station put together: a call and a time go in, an answer comes out; no socket, loop or clock.

The shell drives one of these over HTTP; tests drive it by hand.
"""

from __future__ import annotations

from collections.abc import Callable

from wsexample.brokers.kabu.simulator.desk import Answer, Call, Desk
from wsexample.brokers.kabu.simulator.floor import Floor
from wsexample.brokers.kabu.simulator.ledger import AccountPlan, Ledger
from wsexample.brokers.kabu.simulator.market import Market
from wsexample.brokers.kabu.simulator.station import Station
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.brokers.kabu.simulator.trading import Counter

__all__ = ["Core"]


class Core:
    """One kabu Station with its market and its account.

    Parameters:
        market: what is listed.
        switches: doubtful behaviours and limits.
        password: the API password of this environment.
        other_password: the API password of the other environment.
        account: what the account begins with.
        changed: called after each change of an order.
    """

    def __init__(
        self,
        market: Market,
        switches: Switches,
        *,
        password: str = "password",
        other_password: str = "other-password",
        account: AccountPlan | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.market = market
        """Everything that is listed."""
        self.station = Station(
            switches,
            password=password,
            other_password=other_password,
            seed=market.seed,
            knows=market.views.__contains__,
        )
        """Login, token, registration list and call counters."""
        self.ledger = Ledger(account or AccountPlan(), market.views)
        """Money and positions."""
        self.floor = Floor(
            market, self.ledger, latency_ms=switches.order_latency_ms, kept_orders=switches.kept_orders, changed=changed
        )
        """Orders at work."""
        counter = Counter(market, self.ledger, self.floor, switches)
        self._desk = Desk(market, self.station, counter)

    def answer(self, call: Call, now_ns: int) -> Answer:
        """Answer a call.

        Parameters:
            call: the request.
            now_ns: the time by which calls are counted.
        """
        return self._desk.answer(call, now_ns)
