"""What a session is told before it starts: frozen, validated, with all defaults in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

from wsexample.errors import OptionError

if TYPE_CHECKING:
    from wsexample.session.option_fields import SessionFields

__all__ = ["POLICIES", "Retry", "SessionOptions"]

POLICIES = ("block", "conflate", "drop_oldest", "fail")


def _check(options: Any, *names: str, zero: bool = False, none: bool = False) -> None:
    for name in names:
        value = getattr(options, name)
        if value is None and none:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 or (value == 0 and zero)):
            least = "zero or more" if zero else "more than zero"
            raise OptionError(f"{name} must be a number {least}, not {value!r}", option=name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How often and how fast a session tries again.

    The wait before attempt n is a random time between zero and ``first_s * factor ** (n - 1)``, at most ``max_s`` (full
    jitter: many clients that lost the same server come back spread out).

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    first_s: float = 0.5
    """Upper bound of the first wait, seconds."""
    factor: float = 2.0
    """By how much the bound grows with each failure in a row."""
    max_s: float = 30.0
    """Where the bound stops growing, seconds."""
    max_attempts: int | None = None
    """Failures in a row after which the session gives up; None never does."""
    max_elapsed_s: float | None = None
    """Seconds since the first failure in a row after which no further attempt is begun; None never gives up."""
    initial_attempts: int | None = None
    """The same as ``max_attempts`` as long as the session was never live; None makes no difference between the two."""
    proven_s: float = 10.0
    """Seconds a session must have been live before failures are counted from one again."""
    interval_s: float = 0.1
    """Least time between the beginnings of two attempts, seconds; holds for the luckiest jitter."""
    window_attempts: int = 0
    """Attempts that may begin within ``window_s``; 0 sets no limit (WEEX allows 300 in 300 s)."""
    window_s: float = 300.0
    """Length of that window, seconds."""

    def __post_init__(self) -> None:
        _check(self, "first_s", "max_s", "proven_s", "interval_s", "window_attempts", zero=True)
        _check(self, "max_attempts", "max_elapsed_s", "initial_attempts", none=True)
        _check(self, "window_s")
        if not self.factor >= 1:
            raise OptionError(f"factor must be at least 1, not {self.factor!r}", option="factor")

    def bound_s(self, failures: int) -> float:
        """Return the upper bound of the wait after this many failures in a row, seconds."""
        try:
            return float(min(self.max_s, self.first_s * self.factor ** (failures - 1)))
        except OverflowError:
            return self.max_s if self.first_s else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """How a session treats its connection and its consumers.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    policy: str = "block"
    """What happens while a consumer is behind: "block" stops reading, so that TCP tells the peer; "conflate" keeps the
    newest record per kind and symbol; "drop_oldest" lets go of the oldest; "fail" ends with `SlowConsumerError`."""
    limit: int = 10_000
    """Records that may wait for a consumer."""
    lossless: frozenset[str] = frozenset()
    """Kinds of records never conflated or dropped, besides orders, fills, positions, accounts, gaps and connection events."""
    open_timeout_s: float = 30.0
    """Seconds for opening the WebSocket; its steps have shorter deadlines of their own in ``ConnectOptions``."""
    errand_timeout_s: float = 30.0
    """Seconds for each call of ``Errands.prepare``, ``subscribe`` and ``unsubscribe``."""
    login_timeout_s: float = 10.0
    """Seconds for the reply to the login."""
    subscribe_timeout_s: float = 10.0
    """Seconds for the reply to a subscription."""
    backfill_timeout_s: float = 60.0
    """Seconds for fetching what was missed in a gap; after them the gap counts as not filled."""
    backfill_limit: int = 100_000
    """Records fetched for one gap; with more the gap counts as not filled."""
    lag_allowance_s: float = 60.0
    """Most by which a gap begins before the last sign of life, seconds: it begins at the venue's time of the newest record,
    for what is lost had happened before it would have arrived; a record that is older than this says nothing about that."""
    dedupe_memory: int = 100_000
    """Keys remembered for telling records that came twice."""
    journal: bool = False
    """Whether connection events stand in the stream as records, beside the gaps, which always do."""
    retry: Retry = field(default_factory=Retry)
    """How often and how fast to try again."""

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise OptionError(f"policy must be one of {', '.join(POLICIES)}, not {self.policy!r}", option="policy")
        _check(self, "limit", "open_timeout_s", "errand_timeout_s", "login_timeout_s", "subscribe_timeout_s")
        _check(self, "backfill_timeout_s", "backfill_limit", "dedupe_memory")
        _check(self, "lag_allowance_s", zero=True)
        if not isinstance(self.retry, Retry):
            raise OptionError(f"retry must be a Retry, not {type(self.retry).__name__}", option="retry")
        if isinstance(self.lossless, str) or not isinstance(self.lossless, Iterable):
            raise OptionError("lossless must be a list of kinds such as ['trade']", option="lossless")
        object.__setattr__(self, "lossless", frozenset(self.lossless))

    def replace(self, **changes: Unpack[SessionFields]) -> SessionOptions:
        """Return a copy with some fields changed."""
        return replace(self, **changes)
