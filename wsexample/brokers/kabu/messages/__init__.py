"""kabu Station's JSON as typed structs with the vendor's own names, for both ends of the wire.

The client decodes into them, the simulator encodes from them, so the two cannot drift apart. Fields stand in the order
seen on the wire. A key that is absent is ``UNSET`` (the field does not apply), a key that is null is None (no value yet);
encoding leaves ``UNSET`` out. ``push`` has the boards, ``registry`` token, list and errors, ``reads`` the other reads of
the market, ``orders`` what is about an account.
"""

from __future__ import annotations

from wsexample.brokers.kabu.messages.push import BestLevel, PushLevel, PushMessage
from wsexample.brokers.kabu.messages.registry import (
    ErrorReply,
    RegisterRequest,
    RegistryReply,
    SymbolEntry,
    TokenReply,
    TokenRequest,
)

__all__ = [
    "BestLevel",
    "ErrorReply",
    "PushLevel",
    "PushMessage",
    "RegisterRequest",
    "RegistryReply",
    "SymbolEntry",
    "TokenReply",
    "TokenRequest",
]
