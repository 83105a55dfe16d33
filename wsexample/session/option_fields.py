"""What `Session` takes by name, for type checkers, itself and through what is built on it.

Nothing runs here. What a field means and which default it has stands in `wsexample.session.options`.
"""

from __future__ import annotations

import random as _random
from typing import TypedDict

from wsexample.session.events import Tap
from wsexample.session.machine import AttemptPace
from wsexample.session.options import Retry, SessionOptions
from wsexample.session.session import Dial
from wsexample.session.testing import NoWaiting

__all__ = ["SessionArguments", "SessionFields"]


class SessionFields(TypedDict, total=False):
    """The fields of `wsexample.session.options.SessionOptions`; each may be left out."""

    policy: str
    limit: int
    lossless: frozenset[str]
    open_timeout_s: float
    errand_timeout_s: float
    login_timeout_s: float
    subscribe_timeout_s: float
    backfill_timeout_s: float
    backfill_limit: int
    lag_allowance_s: float
    dedupe_memory: int
    journal: bool
    retry: Retry


class SessionArguments(SessionFields, total=False):
    """What a session with its own dialect and errands still lets you choose; each may be left out."""

    options: SessionOptions | None
    dial: Dial | None
    pace: AttemptPace | None
    random: _random.Random | None
    tap: Tap | None
    testing: NoWaiting | None
