"""What the sources leave open about WEEX, and its limits, as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass

from wsexample.brokers.base.switches import check_switches
from wsexample.brokers.weex.codes import MAX_CONNECTIONS, MAX_OPERATIONS, MAX_STREAMS

__all__ = ["Switches"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Switches:
    """Limits and doubtful behaviour; 0 sets no limit. What WEEX does beyond a limit no source says: see each field.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    streams_per_connection: int = MAX_STREAMS
    """Streams that a connection may carry; more get an error answer. The venue was seen to take one more."""
    operations_per_hour: int = MAX_OPERATIONS
    """Messages that subscribe or unsubscribe, of one connection; more get an error answer."""
    connections: int = MAX_CONNECTIONS
    """Connections that an address may have; more get 429. Documented as 100 in July 2026, as 20 in September."""
    connects_per_5_minutes: int = 300
    """Handshakes of an address; more get 429."""
    rest_weight_per_10_s: int = 500
    """Units of weight of REST calls; more get 429 for ten seconds."""
    missed_pings: int = 10
    """Pings that may stay unanswered; one more and the connection is dropped without a close frame."""
    echoes_pong: bool = False
    """Whether a PONG is answered with a PONG, which one client lists and no measurement shows."""
    begins_trades: bool = False
    """Whether a stream of trades begins with ``tradeSnapshot``, which two clients handle and nobody has captured."""
    begins_account: bool = False
    """Whether private streams begin with what there is; nobody has documented that."""
    splits_fills: bool = True
    """Whether an order that crosses is filled in two parts, so that it is seen partially filled."""
    kept_orders: int = 2_000
    """Orders of an account that are over and that REST still has, the newest; 1 at the least."""
    kept_fills: int = 5_000
    """Executions of an account that REST still has, the newest; 1 at the least."""

    def __post_init__(self) -> None:
        check_switches(self, at_least_one=("kept_orders", "kept_fills"))
