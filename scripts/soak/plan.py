"""What a soak run is to be: one frozen object that travels to its processes as JSON."""

from __future__ import annotations

import msgspec

__all__ = ["BROKERS", "PLANTS", "Plan"]

BROKERS = ("kabu", "alpaca", "weex")
PLANTS = ("", "leak", "loss")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A soak run."""

    folder: str
    """Where tapes, stores, logs and the report go."""
    minutes: float = 10.0
    """How long messages flow."""
    brokers: tuple[str, ...] = BROKERS
    """Whose simulators and clients take part."""
    seed: int = 1
    """What markets and faults are drawn from."""
    rate: float = 200.0
    """About how many messages a second all simulators together send."""
    faults_per_minute: float = 12.0
    """How often a network goes wrong."""
    loop: str = "asyncio"
    """Event loop of the clients: "asyncio" or "uvloop"."""
    lane: str = "compiled"
    """Lane of the clients: "compiled" or "python"."""
    sample_s: float = 2.0
    """Seconds between samples."""
    growth_mib: float = 1.0
    """Growth of memory in a minute that is allowed after the warm-up."""
    traces: bool = False
    """Whether to note where memory was given out between the warm-up and the end, which makes everything slower."""
    plant: str = ""
    """A defect to put in on purpose: "leak" (memory that nobody frees) or "loss" (a record that is not stored, and a message
    that is not sent although the simulator says so); "" for none."""

    @property
    def seconds(self) -> float:
        """How long messages flow, seconds."""
        return self.minutes * 60

    @property
    def share(self) -> float:
        """Messages a second of each broker."""
        return self.rate / len(self.brokers)
