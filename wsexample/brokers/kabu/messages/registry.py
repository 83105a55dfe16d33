"""Token, registration list and errors: what every program says to kabu Station first.

Source: kabu Station API reference, ``/token`` and ``/register``, and its page of error codes.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["ErrorReply", "RegisterRequest", "RegistryReply", "SymbolEntry", "TokenReply", "TokenRequest"]


class TokenRequest(msgspec.Struct):
    """Body of ``POST /token``."""

    APIPassword: str

    def __repr__(self) -> str:
        return "TokenRequest(APIPassword='***')"


class TokenReply(msgspec.Struct):
    """Answer to ``POST /token``."""

    ResultCode: int
    Token: str

    def __repr__(self) -> str:
        return f"TokenReply(ResultCode={self.ResultCode}, Token='***')"


class SymbolEntry(msgspec.Struct, frozen=True):
    """One entry of the registration list: a code on one market."""

    Symbol: str
    Exchange: int


class RegisterRequest(msgspec.Struct):
    """Body of ``PUT /register`` and ``PUT /unregister``; without ``Symbols`` the vendor answers 4001018."""

    Symbols: list[SymbolEntry] | UnsetType = UNSET


class RegistryReply(msgspec.Struct):
    """Answer to all three registration calls: the whole present list (the vendor's spelling)."""

    RegistList: list[SymbolEntry]


class ErrorReply(msgspec.Struct):
    """Body of every JSON reply that is not 200."""

    Code: int
    Message: str = ""
