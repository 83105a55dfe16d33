"""websocket-client's ``sslopt`` dictionary becomes an ``ssl.SSLContext``."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any

from wsexample.sync._exceptions import WebSocketException

__all__ = ["has_client_certificate", "make_context"]


def has_client_certificate(sslopt: Mapping[str, Any]) -> bool:
    """Tell whether these settings name a certificate of ours."""
    return bool(sslopt.get("certfile") or sslopt.get("cert_chain"))


def make_context(sslopt: Mapping[str, Any], *, for_stranger: bool = False) -> ssl.SSLContext:
    """Return the context that these settings describe.

    Parameters:
        sslopt: the settings; ``context`` is returned as it is.
        for_stranger: leave the client certificate out, because a redirect led to another host.

    Raises:
        WebSocketException: a file, cipher, curve or combination cannot be used.
    """
    ready = sslopt.get("context")
    if ready is not None:
        return ready  # type: ignore[no-any-return] # the caller's own context
    context = ssl.SSLContext(sslopt.get("ssl_version", ssl.PROTOCOL_TLS_CLIENT))
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog:
        context.keylog_filename = keylog
    verify = sslopt.get("cert_reqs", ssl.CERT_REQUIRED)
    check_hostname = sslopt.get("check_hostname", verify != ssl.CERT_NONE)
    if check_hostname and verify == ssl.CERT_NONE:
        raise WebSocketException("check_hostname cannot be enabled when cert_reqs is CERT_NONE")
    context.check_hostname = False  # OpenSSL refuses to turn verification off while names are checked
    context.verify_mode = verify
    context.check_hostname = check_hostname
    if verify != ssl.CERT_NONE:
        _trust(context, sslopt)
    if not for_stranger:
        _load_own_certificate(context, sslopt)
    try:
        if "ciphers" in sslopt:
            context.set_ciphers(sslopt["ciphers"])
        if "ecdh_curve" in sslopt:
            context.set_ecdh_curve(sslopt["ecdh_curve"])
    except (ssl.SSLError, ValueError) as error:
        raise WebSocketException(f"TLS cannot be set up: {error}") from error
    return context


def _trust(context: ssl.SSLContext, sslopt: Mapping[str, Any]) -> None:
    file, folder = sslopt.get("ca_certs"), sslopt.get("ca_cert_path")
    bundle = os.environ.get("WEBSOCKET_CLIENT_CA_BUNDLE")
    if bundle and file is None and os.path.isfile(bundle):
        file = bundle
    elif bundle and folder is None and os.path.isdir(bundle):
        folder = bundle
    try:
        if file or folder:
            context.load_verify_locations(file, folder)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    except (OSError, ValueError) as error:
        raise WebSocketException(f"the authorities to trust cannot be loaded from {file or folder}: {error}") from error


def _load_own_certificate(context: ssl.SSLContext, sslopt: Mapping[str, Any]) -> None:
    chains = []
    if sslopt.get("certfile"):
        chains.append((sslopt["certfile"], sslopt.get("keyfile"), sslopt.get("password")))
    if sslopt.get("cert_chain"):
        chain = sslopt["cert_chain"]
        if not isinstance(chain, tuple | list) or len(chain) != 3:
            raise ValueError("cert_chain is a certificate file, a key file and a password")
        chains.append(tuple(chain))
    for certificate, key, password in chains:
        try:
            context.load_cert_chain(certificate, key, password)
        except (OSError, ValueError) as error:
            raise WebSocketException(f"the client certificate {certificate} cannot be loaded: {error}") from error
