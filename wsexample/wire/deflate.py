"""permessage-deflate (RFC 7692): what is offered, accepted and required, in Autobahn's terms.

Compressing and inflating is Autobahn's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

from wsexample.errors import OptionError

__all__ = [
    "DeflateOptions",
    "client_deflate",
    "deflate_client_options",
    "deflate_server_options",
    "server_deflate",
    "usable_offers",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeflateOptions:
    """The four parameters of RFC 7692 section 7.1, and what stays on this side.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    server_no_context_takeover: bool = False
    """Whether the server must forget its window after each message: less memory there, larger messages."""
    client_no_context_takeover: bool = False
    """Whether the client forgets its window after each message."""
    server_max_window_bits: int = 0
    """Largest window of the server as a power of two, 9 to 15; 0 leaves the choice to the server."""
    client_max_window_bits: int = 0
    """Largest window of the client as a power of two, 9 to 15; 0 lets the server choose for a client's connection."""
    memory_level: int = 8
    """Memory for compressing here, 1 to 9."""
    min_bytes: int = 0
    """Messages shorter than this are sent uncompressed."""

    def __post_init__(self) -> None:
        for name in ("server_max_window_bits", "client_max_window_bits"):
            if getattr(self, name) not in (0, *range(9, 16)):
                raise OptionError(f"{name} must be 0 or 9 to 15 (zlib cannot compress with 8)", option=name)
        if self.memory_level not in range(1, 10):
            raise OptionError("memory_level must be 1 to 9", option="memory_level")
        if self.min_bytes < 0:
            raise OptionError("min_bytes must be zero or more", option="min_bytes")


class _Offer(PerMessageDeflateOffer):  # type: ignore[misc] # to mypy Autobahn has no types
    """Autobahn's offer, able to hint at the client's own window size (RFC 7692 section 7.1.2.2)."""

    def __init__(self, options: DeflateOptions) -> None:
        super().__init__(
            accept_no_context_takeover=options.client_no_context_takeover,
            accept_max_window_bits=True,
            request_no_context_takeover=options.server_no_context_takeover,
            request_max_window_bits=options.server_max_window_bits,
        )
        self.client_bits = options.client_max_window_bits

    def get_extension_string(self) -> str:
        text = str(super().get_extension_string())
        if self.client_bits:
            text = text.replace("client_max_window_bits", f"client_max_window_bits={self.client_bits}")
        return text


def client_deflate(options: DeflateOptions) -> dict[str, Any]:
    """Return the protocol options with which a client offers permessage-deflate."""

    def accept(response: Any) -> Any:
        if not isinstance(response, PerMessageDeflateResponse):
            return None
        wanted = options.server_max_window_bits
        if wanted and not 0 < response.server_max_window_bits <= wanted:
            return None  # section 7.1.2.1: the server must agree or decline the whole offer
        if options.server_no_context_takeover and not response.server_no_context_takeover:
            return None
        bits = [n for n in (options.client_max_window_bits, response.client_max_window_bits) if n]
        return PerMessageDeflateResponseAccept(
            response,
            no_context_takeover=options.client_no_context_takeover or response.client_no_context_takeover,
            window_bits=min(bits) if bits else None,
            mem_level=options.memory_level,
        )

    return {"perMessageCompressionOffers": [_Offer(options)], "perMessageCompressionAccept": accept}


def server_deflate(options: DeflateOptions) -> dict[str, Any]:
    """Return the protocol options with which a server accepts permessage-deflate."""

    def accept(offers: list[Any]) -> Any:
        for offer in offers:
            if isinstance(offer, PerMessageDeflateOffer) and _can_ask(offer, options):
                return _Acceptance(offer, options)
        return None

    return {"perMessageCompressionAccept": accept}


def _can_ask(offer: Any, options: DeflateOptions) -> bool:
    # A client that did not mention client_max_window_bits cannot be asked for it (section 7.1.2.2).
    return bool(offer.accept_max_window_bits or not options.client_max_window_bits)


class _Acceptance(PerMessageDeflateOfferAccept):  # type: ignore[misc] # the same
    """Autobahn's acceptance, telling the client also what the server limits of its own accord."""

    def __init__(self, offer: Any, options: DeflateOptions) -> None:
        bits = [n for n in (offer.request_max_window_bits, options.server_max_window_bits) if n]
        super().__init__(
            offer,
            request_no_context_takeover=options.client_no_context_takeover,
            request_max_window_bits=options.client_max_window_bits,
            no_context_takeover=offer.request_no_context_takeover or options.server_no_context_takeover,
            window_bits=min(bits) if bits else None,
            mem_level=options.memory_level,
        )

    def get_extension_string(self) -> str:
        parts = [self.EXTENSION_NAME]
        if self.no_context_takeover:
            parts.append("server_no_context_takeover")
        if self.window_bits:
            parts.append(f"server_max_window_bits={self.window_bits}")
        if self.request_no_context_takeover:
            parts.append("client_no_context_takeover")
        if self.request_max_window_bits:
            parts.append(f"client_max_window_bits={self.request_max_window_bits}")
        return "; ".join(parts)


def deflate_client_options() -> dict[str, Any]:
    """Return the protocol options with which a client offers permessage-deflate (RFC 7692)."""

    def accept(response: Any) -> Any:
        if isinstance(response, PerMessageDeflateResponse):
            return PerMessageDeflateResponseAccept(response)
        return None

    return {"perMessageCompressionOffers": [PerMessageDeflateOffer()], "perMessageCompressionAccept": accept}


def deflate_server_options() -> dict[str, Any]:
    """Return the protocol options with which a server accepts permessage-deflate (RFC 7692)."""

    def accept(offers: list[Any]) -> Any:
        for offer in offers:
            if isinstance(offer, PerMessageDeflateOffer):
                return PerMessageDeflateOfferAccept(offer)
        return None

    return {"perMessageCompressionAccept": accept}


def usable_offers(extensions: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return a client's extension offers without those that cannot be read; RFC 7692 section 7 has them declined.

    Parameters:
        extensions: what was offered.
    """
    usable = []
    for name, parameters in extensions:
        if name == PerMessageDeflateOffer.EXTENSION_NAME:
            try:
                PerMessageDeflateOffer.parse(parameters)
            except Exception:  # noqa: BLE001, S112 - Autobahn raises plain Exception for every malformed offer
                continue
        usable.append((name, parameters))
    return usable
