"""The names of websocket-client's options, and a warning for names that are none of them.

websocket-client ignores those in silence, so that ``headers=`` for ``header=`` is found out by the server's refusal.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable

__all__ = ["warn_of_unknown_options", "warn_of_unknown_sslopt"]

CONNECT_OPTIONS = frozenset(
    {
        "compression",
        "connection",
        "cookie",
        "cookie_jar",
        "header",
        "host",
        "http_no_proxy",
        "http_proxy_auth",
        "http_proxy_host",
        "http_proxy_port",
        "http_proxy_timeout",
        "max_message_bytes",
        "origin",
        "proxy_type",
        "redirect_limit",
        "socket",
        "subprotocols",
        "suppress_host",
        "suppress_origin",
        "timeout",
    }
)
CONSTRUCTOR_OPTIONS = frozenset(
    {
        "class_",
        "dispatcher",
        "enable_multithread",
        "fire_cont_frame",
        "get_mask_key",
        "skip_utf8_validation",
        "sockopt",
        "sslopt",
    }
)
SSLOPT_KEYS = frozenset(
    {
        "ca_cert_path",
        "ca_certs",
        "cert_chain",
        "cert_reqs",
        "certfile",
        "check_hostname",
        "ciphers",
        "context",
        "do_handshake_on_connect",
        "ecdh_curve",
        "keyfile",
        "password",
        "server_hostname",
        "ssl_version",
        "suppress_ragged_eofs",
    }
)


def warn_of_unknown_options(names: Iterable[str]) -> None:
    """Warn of names that neither `WebSocket` nor `WebSocket.connect` takes."""
    _warn(names, CONNECT_OPTIONS | CONSTRUCTOR_OPTIONS, "option")


def warn_of_unknown_sslopt(names: Iterable[str]) -> None:
    """Warn of names that mean nothing in ``sslopt``."""
    _warn(names, SSLOPT_KEYS, "sslopt key")


def _warn(names: Iterable[str], known: frozenset[str], what: str) -> None:
    for name in names:
        if name not in known:
            likely = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"; did you mean {likely[0]!r}?" if likely else ""
            # four frames up: past this, its caller, and the method of WebSocket
            warnings.warn(f"the {what} {name!r} is not known and ignored{hint}", UserWarning, stacklevel=4)
