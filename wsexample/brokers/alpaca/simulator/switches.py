"""Everything about Alpaca that the sources leave open or that differs between accounts, as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from wsexample.brokers.base.switches import check_switches

__all__ = ["Switches"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Switches:
    """How the simulated Alpaca behaves where the real one is doubtful, and which limits it has.

    The defaults are what the documentation says, else what official SDKs expect, else what users saw.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    # -- logins and connections
    close_after_unauthorized: bool = False
    """Whether the trading stream is closed after a refused login."""
    close_after_auth_failed: bool = True
    """Whether a market data stream is closed after 402, 409 and 411."""
    auth_deadline_s: float = 10.0
    """Seconds for the login on a market data stream; then 404."""
    trading_auth_deadline_s: float = 10.0
    """The same for the trading stream, where it is not documented; 0 waits for ever."""
    close_code: int = 1000
    """Close code after 404 and 407; 0 cuts the connection instead."""
    second_trading_connection: Literal["allowed", "http_429", "exceeded"] = "allowed"
    """What a second connection to the trading stream of one account meets."""
    connections_per_endpoint: int = 1
    """Market data connections of one account to one path; more are answered 406."""
    dead_slot_s: float = 90.0
    """Seconds for which a connection that was lost without a close keeps its place."""
    ping_interval_s: float = 10.0
    """Seconds between the server's pings; 0 sends none."""
    pong_timeout_s: float = 20.0
    """Seconds without a pong after which the server drops a client."""

    # -- limits
    stock_symbols: int = 30
    """Symbols on trades and quotes of stock feeds (Basic plan); 0 for no limit."""
    option_quote_symbols: int = 200
    """Symbols on option quotes; 0 for no limit."""
    book_symbols: int = 10
    """Symbols on crypto order books; 0 for no limit."""
    plan: Literal["basic", "plus"] = "basic"
    """Basic has no sip and no opra (409)."""
    symbols_per_request: int = 3227
    """Symbols in one request; a longer one is cut off in silence, as users saw. 0 for no limit."""
    requests_per_minute: int = 200
    """REST calls a minute and account, trading and data each."""
    send_buffer_bytes: int = 4 * 1024 * 1024
    """What may wait for a slow client on a market data stream; more is 407."""
    slow_client_notice: bool = True
    """Whether 407 is sent before such a client is closed."""

    # -- the trading stream
    trading_frames: Literal["binary", "text"] = "binary"
    """Frames of the trading stream; the paper host sends binary ones."""
    event_ids: bool = True
    """Whether updates carry ``event_id`` and ``at``."""
    pending_new_events: bool = True
    """Whether ``pending_new`` is sent before ``new``."""
    held_events: bool = False
    """Whether ``held`` is sent for the children of a bracket."""
    pending_cancel_events: bool = True
    """Whether ``pending_cancel`` and ``pending_replace`` are sent."""
    replaced_carries: Literal["old", "new"] = "old"
    """Which order the event ``replaced`` carries."""
    correction_ids: bool = True
    """Whether ``trade_bust`` and ``trade_correct`` carry an ``execution_id``; none is documented for them."""

    # -- REST beside it
    events_over_http: bool = True
    """Whether ``/v2/events/trades`` may be used by this account; else 403."""
    inclusive_since_id: bool = False
    """Whether the event named by ``since_id`` is sent again."""
    activity_ids: Literal["execution", "other"] = "execution"
    """Whether the UUID of an activity is the execution's; not known."""
    retry_after: bool = False
    """Whether a 429 carries ``Retry-After``."""

    # -- the exchange
    latency_ms: float = 5.0
    """Milliseconds from an order to its ``new``, and from a cancel or a replace to its result."""
    partial_fill_chance: float = 0.1
    """How often an order that could be filled is filled in part."""
    partly_filled_parent: Literal["cancel_legs", "release_legs"] = "cancel_legs"
    """What becomes of the exits when the entry of a bracket or an oto ends after a part of it was filled: canceled, which is
    documented for cancels, or put to work for that part."""
    start_cash: int = 100_000
    """Cash of a new account, dollars."""
    bar_of_every_minute: bool = True
    """Whether crypto bars come for minutes without trades, made of quotes."""

    # -- what is kept, so that memory stays
    kept_points: int = 20_000
    """Trades, and quotes, of a symbol that REST has the history of: the newest."""
    kept_orders: int = 5_000
    """Closed orders of an account that REST has, and some more; open ones it always has."""
    kept_events: int = 10_000
    """Events and executions of an account that there is a history of: the newest."""

    def __post_init__(self) -> None:
        check_switches(self, at_least_one=("kept_points", "kept_orders", "kept_events"))

    def replace(self, **changes: Any) -> Switches:
        """Return a copy with some switches changed."""
        return replace(self, **changes)
