"""Which network goes wrong when, how, and for how long: drawn before the run, from its seed. Pure.

The faults themselves are those of the tests' fault proxy.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Fault", "forecast"]

CALM_BEFORE_S = 3.0
CALM_AFTER_S = 20.0
"""Without faults at the end, so that everything can be live again; a quarter of short runs."""
LASTS_S = {
    "half-open": (1.0, 9.0),
    "stalled up": (0.5, 6.0),
    "stalled down": (0.5, 9.0),
    "held": (0.5, 6.0),
    "throttled": (1.0, 5.0),
    "delayed": (1.0, 8.0),
    "split": (0.2, 1.0),
}
"""How long faults last that do not end the connection by themselves, at least and at most; a moment for all others."""
MOMENT_S = (0.0, 0.2)


@dataclass(frozen=True)
class Fault:
    """Something that happens to a network."""

    at_s: float
    """When, seconds after the beginning."""
    where: str
    """To whose network."""
    kind: str
    """What: a name in ``tests.faults.proxy.FAULTS``."""
    lasts_s: float
    """After how many seconds it is healed."""


def forecast(seed: int, seconds: float, per_minute: float, where: Mapping[str, Sequence[str]]) -> tuple[Fault, ...]:
    """Draw the faults of a run, in order of time.

    Parameters:
        seed: what they are drawn from.
        seconds: length of the run; its beginning and its end stay calm.
        per_minute: how often something happens, all networks together.
        where: the networks, and what may happen to each; each of that comes about as often as any other.
    """
    chance = random.Random(f"weather {seed}")
    ends_s = seconds - min(CALM_AFTER_S, seconds / 4)
    faults: list[Fault] = []
    decks: dict[str, list[str]] = {name: [] for name in where}
    at_s = CALM_BEFORE_S
    while per_minute > 0:
        at_s += chance.expovariate(per_minute / 60)
        name = chance.choice(list(where))
        decks[name] = decks[name] or chance.sample(where[name], len(where[name]))
        kind = decks[name].pop()
        lasts_s = chance.uniform(*LASTS_S.get(kind, MOMENT_S))
        if at_s >= ends_s:
            break
        faults.append(Fault(round(at_s, 3), name, kind, round(min(lasts_s, ends_s - at_s), 3)))
    return tuple(faults)
