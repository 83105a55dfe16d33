"""What kabu Station itself remembers: login, token, registration list and call counters. Pure; time is an argument.

Every call answers with what the vendor would, or with a `Refusal` that names the vendor's error code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from wsexample.brokers.kabu.codes import error_of
from wsexample.brokers.kabu.dialect.hours import S
from wsexample.brokers.kabu.messages import ErrorReply, SymbolEntry
from wsexample.brokers.kabu.simulator.listing import Key
from wsexample.brokers.kabu.simulator.switches import Switches

__all__ = ["Login", "RateGroup", "Refusal", "Station"]


class Login(Enum):
    """Whether a human has logged in to kabu Station."""

    IN = "in"
    OUT = "out"
    STARTING = "starting"


class RateGroup(Enum):
    """Calls that are counted together; the value names the switch with the limit."""

    ORDERS = "orders_per_s"
    WALLET = "wallet_per_s"
    INFO = "info_per_s"
    REGISTER = "register_per_s"
    TIME_AND_SALES = "timeandsales_per_s"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not 200."""

    code: int
    """The vendor's error code."""
    http_status: int
    """HTTP status it comes with."""

    @classmethod
    def of(cls, code: int, http_status: int | None = None) -> Refusal:
        """Return the refusal for a vendor code, with the status of the code table unless another is given."""
        row = error_of(code)
        return cls(code, http_status or (row.http_status if row else 500))

    @property
    def reply(self) -> ErrorReply:
        """The body that goes with it."""
        row = error_of(self.code)
        return ErrorReply(Code=self.code, Message=row.message if row else "")


class Station:
    """The state of one kabu Station.

    Parameters:
        switches: limits and doubtful behaviours.
        password: the API password of this environment.
        other_password: the API password of the other environment.
        seed: decides the tokens.
        knows: tells whether a symbol is listed on a market.
    """

    def __init__(
        self,
        switches: Switches,
        *,
        password: str,
        other_password: str,
        seed: int,
        knows: Callable[[Key], bool],
    ) -> None:
        self.switches = switches
        self._password = password
        self._other_password = other_password
        self._rng = Random(f"{seed}/token")
        self._knows = knows
        self.login = Login.IN
        self.token: str | None = None
        """The token that is valid now."""
        self.refuses_tokens = False
        """Whether every token is refused, the newest too, until the next start."""
        self.entries: dict[Key, bool] = {}
        """The registration list: True for entries that are pushed, False for those that were only read."""
        self._calls: dict[RateGroup, deque[int]] = {group: deque() for group in RateGroup}
        self._penalty_until_ns = 0
        self._storm_until_ns = 0

    # -- login and token -------------------------------------------------------------------------------------

    def start(self, login: Login) -> None:
        """Be a freshly started program: no token, an empty list, no call counted."""
        self.login = login
        self.token = None
        self.refuses_tokens = False
        self.entries.clear()
        for calls in self._calls.values():
            calls.clear()
        self._penalty_until_ns = self._storm_until_ns = 0

    def log_out(self) -> None:
        """Log out, as kabu Station does every early morning: the token dies, the registration list stays."""
        self.login = Login.OUT
        self.token = None

    def log_in(self) -> None:
        """Log in, as only a human can: a token must be fetched again."""
        self.login = Login.IN

    def issue_token(self) -> str:
        """Make a new token; the one before is worth nothing from now on."""
        self.token = f"{self._rng.getrandbits(128):032x}"
        return self.token

    def fetch_token(self, password: str) -> str | Refusal:
        """Answer ``POST /token``."""
        refusal = self.check_login()
        if refusal is not None:
            return refusal
        if password == self._password:
            return self.issue_token()
        if password == self._other_password and self.switches.wrong_env_password == 400:
            return Refusal.of(4001005)
        return Refusal.of(4001013)

    def check_login(self) -> Refusal | None:
        """Refuse while nobody is logged in."""
        if self.login is Login.IN:
            return None
        return Refusal.of(4001017 if self.login is Login.STARTING else 4001007)

    def check_token(self, token: str | None) -> Refusal | None:
        """Refuse a call without the present token."""
        refusal = self.check_login()
        if refusal is not None:
            return refusal
        is_right = self.token is not None and token == self.token and not self.refuses_tokens
        return None if is_right else Refusal.of(4001009)

    # -- call counters ---------------------------------------------------------------------------------------

    def storm(self, until_ns: int) -> None:
        """Refuse every call with 429 up to a moment."""
        self._storm_until_ns = until_ns

    def admit(self, group: RateGroup | None, now_ns: int) -> Refusal | None:
        """Count a call, or refuse it; a refused call renews the penalty, so who retries at once never recovers."""
        switches = self.switches
        is_refused = now_ns < self._storm_until_ns or now_ns < self._penalty_until_ns
        if not is_refused and group is not None:
            counted = RateGroup.INFO if switches.is_one_rate_group else group
            limit: int = getattr(switches, counted.value)
            calls = self._calls[counted]
            while calls and now_ns - calls[0] >= S:
                calls.popleft()
            is_refused = len(calls) >= limit
            if not is_refused:
                calls.append(now_ns)
        if not is_refused:
            return None
        self._penalty_until_ns = now_ns + round(switches.rate_penalty_s * S)
        return Refusal.of(4001006)

    # -- registration list -----------------------------------------------------------------------------------

    @property
    def pushed(self) -> list[Key]:
        """Entries that are pushed, in the order of their registration."""
        return [key for key, is_pushed in self.entries.items() if is_pushed]

    def listed(self) -> list[SymbolEntry]:
        """Return the whole list, as every registration call answers; empty in the verification environment."""
        if self.switches.env == "verification":
            return []
        return [SymbolEntry(Symbol=symbol, Exchange=exchange) for symbol, exchange in self.entries]

    def register(self, wanted: Sequence[SymbolEntry]) -> list[SymbolEntry] | Refusal:
        """Add entries to the list; an empty request changes nothing."""
        before = dict(self.entries)
        bad = good = 0
        is_full = False
        for entry in wanted:
            key = (entry.Symbol, entry.Exchange)
            is_twice = self.entries.get(key, False) and self.switches.duplicate_register == "error"
            if not self._knows(key) or is_twice:
                bad += 1
            elif key in self.entries or len(self.entries) < self.switches.register_limit:
                self.entries[key] = True
                good += 1
            else:
                is_full = True
        if not bad and not is_full:
            return self.listed()
        if self.switches.partial_register_on_4001019 == "rollback":
            self.entries = before
        if is_full:
            return Refusal.of(4002006)
        return Refusal.of(4001019 if good else 4001018)

    def unregister(self, unwanted: Sequence[SymbolEntry]) -> list[SymbolEntry] | Refusal:
        """Take entries off the list, those that were only read too."""
        gone = [self.entries.pop((entry.Symbol, entry.Exchange), None) is not None for entry in unwanted]
        if all(gone):
            return self.listed()
        return Refusal.of(4001021 if any(gone) else 4001020)

    def unregister_all(self) -> list[SymbolEntry]:
        """Empty the list."""
        self.entries.clear()
        return self.listed()

    def occupy(self, key: Key) -> Refusal | None:
        """Take a slot for a read; the entry is not pushed."""
        if key not in self.entries:
            if len(self.entries) >= self.switches.register_limit:
                return Refusal.of(4002006)
            self.entries[key] = False
        return None
