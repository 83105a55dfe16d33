"""Who may come in, and how often: signatures, handshakes of an address, and the weight of REST calls. Time is an argument."""

from __future__ import annotations

import hmac
import re
from collections import deque
from collections.abc import Mapping

from wsexample.brokers.base import Secret
from wsexample.brokers.weex.dialect import sign

__all__ = ["WINDOW_MS", "Credentials", "Window"]

WINDOW_MS = 30_000
"""How long a signature is good for, either way."""
_STAMP = re.compile(r"[0-9]{1,18}")


class Credentials:
    """The one account's key, and what is wrong with headers that should prove it.

    Parameters:
        key, secret, passphrase: its parts.
    """

    def __init__(self, key: str, secret: str, passphrase: str) -> None:
        self._key, self._secret, self._passphrase = key, Secret(secret), passphrase
        self.are_refused = False
        """Whether every signature is found wrong."""

    def judge(
        self, headers: Mapping[str, str], now_ms: int, method: str, path: str, query: str = "", body: str = ""
    ) -> tuple[int, str]:
        """Return the venue's code and words for headers that are not right, (0, "") for those that are.

        Parameters:
            headers: with lower-case names.
            now_ms: the venue's time.
            method, path, query, body: what was signed, as it was sent.
        """
        values = {name: headers.get(f"access-{name}", "") for name in ("key", "sign", "timestamp", "passphrase")}
        for code, name in ((-1040, "key"), (-1041, "sign"), (-1042, "timestamp")):
            if not values[name]:
                return code, f"ACCESS-{name.upper()} is missing"
        if not _STAMP.fullmatch(values["timestamp"]):
            return -1043, "ACCESS-TIMESTAMP is malformed"
        stamp = int(values["timestamp"])
        if abs(now_ms - stamp) > WINDOW_MS:
            return -1046, "timestamp expired"
        if values["key"] != self._key:
            return -1044, "ACCESS-KEY is invalid"
        if values["passphrase"] != self._passphrase:
            return -1049, "key or passphrase is wrong"
        expected = "" if self.are_refused else sign(self._secret, stamp, method, path, query, body)
        is_right = hmac.compare_digest(expected.encode(), values["sign"].encode(errors="surrogateescape"))
        return (0, "") if is_right else (-1047, "signature is wrong")


class Window:
    """Units spent in the last stretch of time.

    Parameters:
        units: most of them; 0 sets no limit.
        period_s: length of the stretch.
    """

    def __init__(self, units: int, period_s: float) -> None:
        self._units, self._period_s = units, period_s
        self._spent: deque[tuple[float, int]] = deque()
        self._used = 0

    def used(self, now_s: float) -> int:
        """Return how many units the last stretch has; 0 where no limit is set.

        Parameters:
            now_s: a clock that never goes back, seconds.
        """
        while self._spent and self._spent[0][0] + self._period_s <= now_s:
            self._used -= self._spent.popleft()[1]
        return self._used

    def spend(self, now_s: float, units: int = 1) -> bool:
        """Count units; returns False, and counts nothing, when there is no room for them.

        Parameters:
            now_s: a clock that never goes back, seconds.
            units: how many.
        """
        if not self._units:
            return True
        if self.used(now_s) + units > self._units:
            return False
        self._spent.append((now_s, units))
        self._used += units
        return True
