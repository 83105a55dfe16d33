"""Everything about kabu Station that the sources leave open or that differs between releases, as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from wsexample.brokers.base.switches import check_switches
from wsexample.brokers.kabu.codes import REGISTER_LIMIT

__all__ = ["Switches"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Switches:
    """How the simulated kabu Station behaves where the real one is doubtful, and which limits it has.

    The defaults are what the vendor says, else what most users saw.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    env: Literal["production", "verification"] = "production"
    """"verification" is port 18081 of the real one: constants and nulls, an empty list, no push."""
    register_limit: int = REGISTER_LIMIT
    """Entries that fit into the registration list, reads included; the vendor has announced 100."""
    duplicate_register: Literal["idempotent", "error"] = "idempotent"
    """Registering what is registered: no change, or 4001019 (4001018 when there was nothing else)."""
    partial_register_on_4001019: Literal["keep", "rollback"] = "keep"
    """Whether the good entries of a batch stay registered when one was bad or no longer fitted."""
    snapshot_on_register: bool = False
    """Whether a board is pushed right after its registration; nobody has recorded that."""
    answer_ping: bool = False
    """Whether client Pings are answered; users say they are not."""
    unsolicited_pong_interval_s: float = 30.0
    """Seconds between empty Pongs that nobody asked for; 0 sends none."""
    second_client: Literal["close", "freeze"] = "close"
    """A second WebSocket closes the first (vendor, 2026), or the first stays open and hears nothing more (users, 2022)."""
    displaced_code: int = 1000
    """Close code that a displaced client gets; not known."""
    slow_reader: Literal["reset", "ignore"] = "reset"
    """A client that does not read is cut with a TCP reset (users), or gets fewer boards (vendor, 2026)."""
    send_buffer_bytes: int = 256 * 1024
    """Bytes that may wait for a slow reader beyond what the system's socket holds."""
    exit: Literal["reset", "close"] = "reset"
    """How the push connection ends when kabu Station exits: not known."""
    lunch_and_after_hours_push: Literal["off", "quotes"] = "off"
    """Whether the orders that gather at the end of the lunch break are pushed."""
    thinning_ms: int = 400
    """Least milliseconds between two boards of a symbol when only quotes changed; 0 pushes every single change."""
    trade_thinning_ms: int = 10
    """The same when a trade changed it; closing prices are never thinned."""
    midnight_date_bug: bool = False
    """Whether derivatives show yesterday's date from 00:00:00 to 00:10:39."""
    status_before_first_trade: int | None = None
    """``CurrentPriceStatus`` while there is no price; -1 was recorded once."""
    first_board_delay_ms: int = 200
    """Milliseconds that the first read of a board takes (10, 200, 1000 seen); from 5000 on it answers with nulls."""
    wrong_env_password: Literal[401, 400] = 401
    """HTTP status when the password of the other environment is used."""
    strict_host_header: bool = True
    """Whether a Host other than localhost is refused, as Windows does before kabu Station sees the request."""
    max_body_bytes: int = 65_536
    """Longest request body; more is answered 413."""
    order_latency_ms: int = 30
    """Milliseconds of market time that an order or a cancel takes to the exchange."""
    order_day_roll_min: int = 30
    """Minutes after the close during which ``ExpireDay`` 0 still means the day that is over, and fails (vendor issue 1374)."""
    sor_types: Literal["all", "basic"] = "all"
    """Types of orders that SOR takes: all, or market, limit and stop as until 2026-05-18."""
    sor_down: bool = False
    """Whether SOR and TSE+ are in maintenance, so that cash orders go to market 1 (and nothing goes to 9 and 27)."""
    orders_per_symbol: int = 0
    """Open orders of a symbol after which another one is refused; 0 for no limit. The vendor advises 5."""
    body_field_case: Literal["any", "exact"] = "any"
    """Whether ``OrderID`` is understood where ``OrderId`` is meant; the vendor's own sample writes it so."""
    orders_per_s: int = 5
    """Calls a second in the group of orders."""
    wallet_per_s: int = 10
    """Calls a second in the group of wallets."""
    info_per_s: int = 10
    """Calls a second in the group of reads."""
    register_per_s: int = 10
    """Calls a second in the group of registrations."""
    timeandsales_per_s: int = 2
    """Calls a second of ``/timeandsales``."""
    is_one_rate_group: bool = False
    """Whether all groups share one counter of ``info_per_s``."""
    rate_penalty_s: float = 1.0
    """Seconds after a 429 during which every call is answered 429 again, which renews them."""
    kept_executions: int = 5_000
    """Executions of an instrument that ``/timeandsales`` has at the most, the newest of its day; the real one has all."""
    kept_orders: int = 5_000
    """Finished orders that ``/orders`` has at the most, the newest; open ones are always there."""

    def __post_init__(self) -> None:
        check_switches(
            self,
            may_be_negative=("status_before_first_trade",),
            at_least_one=("kept_executions", "kept_orders"),
        )

    def replace(self, **changes: Any) -> Switches:
        """Return a copy with some switches changed."""
        return replace(self, **changes)
