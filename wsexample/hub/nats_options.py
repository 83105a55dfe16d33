"""How hubs meet on NATS, and what each of them counts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wsexample.errors import OptionError
from wsexample.wire.tls import TlsOptions

__all__ = ["NatsOptions", "NatsStats"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsOptions:
    """How hubs meet on NATS; the first hub of a group decides about the stream and the lease."""

    lease: str = "hub"
    """Name of the group: hubs with the same one share topics and take turns at the upstream."""
    lease_s: float = 10.0
    """How long an owner may be silent before another hub takes over, seconds; longer than the servers take to choose a leader
    (about 6 s), or else the owner changes with every one of those."""
    replicas: int = 1
    """On how many servers the stream is kept; 3 for a cluster that may lose one."""
    kept_messages: int = 100_000
    """Messages that the stream keeps, each of one batch or many."""
    read_messages: int = 5_000
    """How many of them a hub reads when it starts."""
    beat_s: float = 0.5
    """How often an owner that has nothing to say shows that it is there, seconds."""
    gather_s: float = 0.3
    """How long a new owner waits for what others have heard of the former one, seconds."""
    timeout_s: float = 10.0
    """How long the servers may take to answer at the start, seconds."""
    max_waiting_bytes: int = 32 * 1024 * 1024
    """How much may wait for the stream before the upstream is waited for."""
    tls: TlsOptions | None = None
    """Whom to trust and who we are; nothing is said without TLS then. None speaks it where the address (``tls://``) or the
    server wants it, and trusts the system's authorities."""

    def __post_init__(self) -> None:
        for name in ("lease_s", "replicas", "beat_s", "gather_s", "timeout_s", "max_waiting_bytes"):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} must be more than 0, not {getattr(self, name)}", option=name)
        for name in ("kept_messages", "read_messages"):  # so that a message with all counts is among them
            if getattr(self, name) < 3000:
                raise OptionError(f"{name} must be at least 3000, not {getattr(self, name)}", option=name)
        if self.tls is not None and self.tls.checks_name_itself:
            raise OptionError(
                "verified_name and send_sni are not for NATS: dial the name in the certificate", option="tls"
            )
        if not _NAME.fullmatch(self.lease):
            raise OptionError(f"a lease is named by letters, digits, _ and -, not {self.lease!r}", option="lease")


@dataclass(slots=True)
class NatsStats:
    """Plain counters."""

    heard: int = 0
    """Batches that came live."""
    fetched: int = 0
    """Batches that were read from the stream: at the start, or because they were missing."""
    doubled: int = 0
    """Batches that came again."""
    void: int = 0
    """Batches of an owner that was one no more."""
    lost: int = 0
    """Batches that the stream did not have any more."""
    forked: int = 0
    """Batches that were shown to readers here, and that the next owner never heard of."""
    unread: int = 0
    """Records of a kind that this version does not know."""
    oversized: int = 0
    """Records that were larger than half of what the servers take in one message, and left out."""
    turns: int = 0
    """Times that this hub became the owner."""
