"""`Storm`: one kind of fault drawn out in full from a seed: which variant, which way, when, on which loop, under TLS or not.

What a part does in it is the part's matter (`tests.faults.parts`); a trial is one part in one storm.
"""

from __future__ import annotations

import contextlib
import random
import ssl
from collections.abc import Callable
from typing import TypeVar

from tests.faults.proxy import FaultProxy

T = TypeVar("T")
WAYS = ("up", "down", "both")
DIALLING, OPEN = "while it dials", "while it is open"

ENDS = ("cut", "reset")
SILENCES = ("half-open", "stall")
SLOWS = ("throttle", "delay", "split", "reorder")
SPOILS = ("corrupt",)
KINDS = (*ENDS, *SILENCES, *SLOWS, *SPOILS)
"""Every kind of fault."""


class Storm:
    """What goes wrong in a trial.

    Parameters:
        kind: one of `KINDS`.
        seed: what everything is drawn from.
        certificates: contexts of a server and a client; None for no TLS.
        stack: what stops the proxies.
    """

    def __init__(
        self,
        kind: str,
        seed: int,
        stack: contextlib.ExitStack,
        certificates: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    ) -> None:
        self.kind = kind
        self.chance = random.Random(f"{kind} {seed}")
        self.seed = seed
        self.story: list[str] = []
        """What was drawn, for whoever reads of a failure."""
        self.tls = certificates
        self._stack = stack
        self._proxies: list[FaultProxy] = []

    @property
    def ends(self) -> bool:
        """Whether connections are over after it."""
        return self.kind in ENDS

    @property
    def silences(self) -> bool:
        """Whether nothing comes through one way at least, until it is healed."""
        return self.kind in SILENCES

    @property
    def slows(self) -> bool:
        """Whether everything comes, whole and in order."""
        return self.kind in SLOWS

    @property
    def spoils(self) -> bool:
        """Whether anything may have been said: bytes are changed, and no TLS notices."""
        return self.kind in SPOILS and self.tls is None

    def proxy(self, port: int) -> FaultProxy:
        """Return a proxy before a port."""
        made = self._stack.enter_context(FaultProxy(port, seed=self.seed))
        self._proxies.append(made)
        return made

    def draw(self, *choices: T) -> T:
        """Draw one of several, and note it."""
        chosen = self.chance.choice(choices)
        self.story.append(str(chosen))
        return chosen

    def strike(self, proxy: FaultProxy, when: str = OPEN, ways: tuple[str, ...] = WAYS) -> None:
        """Let it go wrong, on connections there are or on the next one; one of these ways."""
        chance, way = self.chance, self.draw(*ways)
        after = chance.randint(1, 400 if when == DIALLING else 40)
        is_at_once = when == OPEN and chance.random() < 0.5
        variants: dict[str, Callable[[], None]] = {
            "cut": proxy.cut if is_at_once else lambda: proxy.cut_after(after, one_way(way)),
            "reset": proxy.reset if is_at_once else lambda: proxy.cut_after(after, one_way(way), with_reset=True),
            "half-open": proxy.half_open,
            "stall": lambda: proxy.stall(way) if chance.random() < 0.5 else proxy.hold(way),
            "throttle": lambda: proxy.throttle(chance.choice((20_000, 100_000)), way),
            "delay": lambda: proxy.delay(chance.uniform(0.001, 0.02), way),
            "split": lambda: proxy.split(1, way),
            "reorder": lambda: proxy.reorder(chance.uniform(0.001, 0.02), way),
            "corrupt": lambda: proxy.corrupt(chance.randint(1, 3), way),
        }
        self.story.append(f"{self.kind} {'at once' if is_at_once else f'({after})'} {when}")
        variants[self.kind]()

    def heal(self) -> None:
        """Let everything through again."""
        self.story.append("healed")
        for proxy in self._proxies:
            proxy.heal()


def one_way(way: str) -> str:
    """A cut after some bytes is counted one way."""
    return "down" if way == "both" else way
