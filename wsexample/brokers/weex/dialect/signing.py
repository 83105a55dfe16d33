"""How WEEX wants a request and the handshake of the private socket signed.

Source: contract API documentation V3, "Signature"; the clock is an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from wsexample.brokers.weex.codes import PRIVATE_PATH

if TYPE_CHECKING:
    from wsexample.brokers.base import Secret

__all__ = ["auth_headers", "handshake_headers", "sign"]


def sign(secret_key: Secret, timestamp_ms: int, method: str, path: str, query: str = "", body: str = "") -> str:
    """Return the signature of a request: Base64 of HMAC-SHA256.

    Parameters:
        secret_key: the secret.
        timestamp_ms: the same value as in the header; valid for 30 s.
        method: HTTP method; "" for the handshake of a socket.
        path: path with its leading slash.
        query: query string exactly as sent, without the question mark.
        body: body exactly as sent.
    """
    text = f"{timestamp_ms}{method.upper()}{path}{'?' + query if query else ''}{body}"
    digest = hmac.new(secret_key.reveal().encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def auth_headers(api_key: Secret, passphrase: Secret, timestamp_ms: int, signature: str) -> dict[str, str]:
    """Return the headers that carry a signature.

    Parameters:
        api_key: the key.
        passphrase: its passphrase.
        timestamp_ms: time of the call, UTC epoch milliseconds.
    """
    return {
        "ACCESS-KEY": api_key.reveal(),
        "ACCESS-SIGN": signature,
        "ACCESS-TIMESTAMP": str(timestamp_ms),
        "ACCESS-PASSPHRASE": passphrase.reveal(),
    }


def handshake_headers(api_key: Secret, secret_key: Secret, passphrase: Secret, timestamp_ms: int) -> dict[str, str]:
    """Return the headers of the private socket's handshake, to be made anew for each attempt.

    Parameters:
        api_key: the key.
        secret_key: its secret.
        passphrase: its passphrase.
        timestamp_ms: time of the call, UTC epoch milliseconds.
    """
    return auth_headers(api_key, passphrase, timestamp_ms, sign(secret_key, timestamp_ms, "", PRIVATE_PATH))
