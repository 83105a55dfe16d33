"""Why a NATS server is not reached: from what its client raises to one of our errors, which names the server and what to do.

Nothing is quoted in which a user, a password or a token could stand.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from wsexample.errors import (
    ConnectError,
    CredentialsError,
    PlanError,
    ResolveError,
    StorageError,
    TlsError,
    WsExampleError,
)

__all__ = ["Dialled", "Fault", "fault_of", "is_denial", "without_jetstream"]

_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""OpenSSL, X509_V_ERR: self-signed, and an issuer that is not known."""
_ALERTS = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_EXPIRED")
"""What a server says of a client's certificate (RFC 8446 section 6.2), as OpenSSL writes it."""
_REFUSALS = ("authorization", "authentication expired", "authentication revoked", "credentials")
"""Words of NATS servers about who somebody is; that a login took too long is not among them."""
NEEDED = "wsxhub.>, $KV.>, $JS.API.> and _INBOX.>"


@dataclass(slots=True)
class Dialled:
    """A server that is dialled, and how far that has come."""

    address: str
    """``nats://host:port``."""
    has_credentials: bool = False
    has_certificate: bool = False
    step: str = "connect"
    """"connect", "greeting" or "login"."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one server."""

    words: str
    kind: type[WsExampleError]
    facts: dict[str, Any] = field(default_factory=dict)
    is_final: bool = False
    """Whether asking the same server again cannot help."""

    def error(self, *others: Fault) -> WsExampleError:
        """Return what to raise; what is wrong with other servers stands behind."""
        return self.kind("; ".join(dict.fromkeys([self.words, *(one.words for one in others)])), **self.facts)


def fault_of(error: BaseException, dialled: Dialled) -> Fault:
    """Return what an error of the client means, raised or reported while a server was dialled."""
    address = dialled.address
    facts: dict[str, Any] = {"address": address}
    words = str(error).removeprefix("nats: ").strip("'")
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, dialled)
    if type(error).__name__ == "SecureConnWantedError":
        return Fault(
            f"{address} does not speak TLS, so it was told nothing; write nats:// if nobody listens on the way to it",
            TlsError,
            facts,
            is_final=True,
        )
    if isinstance(error, socket.gaierror):
        host = address.partition("://")[2].rpartition(":")[0]
        return Fault(
            f"the name {host} of {address} was not found ({error.strerror}); check its spelling and the network",
            ResolveError,
            facts,
        )
    if isinstance(error, ConnectionRefusedError):
        return Fault(f"nobody listens at {address}; is a NATS server running there?", ConnectError, facts)
    if isinstance(error, TimeoutError):
        wait = {"connect": "does not answer", "greeting": "takes connections and says nothing; is it a NATS server?"}
        return Fault(f"{address} {wait.get(dialled.step, 'stopped answering in the login')}", ConnectError, facts)
    if isinstance(error, OSError):
        what = "closed the connection" if isinstance(error, ConnectionError) else "could not be reached"
        return Fault(f"{address} {what} ({error.strerror or words})", ConnectError, facts)
    if is_denial(error):
        return Fault(f"{address} lets this user not do all that a hub does ({words}); allow {NEEDED}", PlanError)
    if any(one in words.lower() for one in _REFUSALS):
        return _of_login(words, dialled)
    if "INFO" in words:
        return Fault(f"{address} does not greet as a NATS server does; is it one?", ConnectError, facts)
    if words.lower() in ("unexpected eof", "stale connection"):
        return Fault(f"{address} closed the connection", ConnectError, facts)
    cause = error.__cause__
    return Fault(f"{address}: {cause or words or type(error).__name__}", ConnectError, facts)


def is_denial(error: BaseException) -> bool:
    """Whether a server says that something may not be subscribed to or published; the connection goes on."""
    return "permissions violation" in str(error).lower()


def without_jetstream(address: str) -> StorageError:
    """Return the error for servers on which nothing can be kept."""
    return StorageError(
        f"{address} keeps nothing: start its NATS server with -js, or allow this account to use JetStream", url=address
    )


def _of_tls(error: ssl.SSLError, dialled: Dialled) -> Fault:
    address, reason = dialled.address, error.reason or str(error)
    facts = {"address": address, "certificate": "server"}
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNKNOWN_AUTHORITY:
            advice = "; trust the authority that signed it by a CA file"
        else:
            advice = "; the server needs one for the name in this address, or the address another name"
            advice = advice if "valid for" in error.verify_message else "; the server needs another one"
        return Fault(
            f"the certificate of {address} was not accepted: {error.verify_message or reason}{advice}",
            TlsError,
            facts,
            is_final=True,
        )
    if any(alert in reason for alert in _ALERTS):
        what = (
            f"{address} did not accept our client certificate ({reason}); it wants another one"
            if dialled.has_certificate
            else f"{address} wants a client certificate ({reason}); give one with its key"
        )
        return Fault(what, TlsError, {**facts, "certificate": "client"}, is_final=True)
    return Fault(f"TLS with {address} failed ({reason})", TlsError, {"address": address}, is_final=True)


def _of_login(words: str, dialled: Dialled) -> Fault:
    address = dialled.address
    if dialled.has_credentials:
        advice = "correct the user and password, or the token, in the address"
    else:
        advice = "give a user and password in the address: nats://user:password@host"
    return Fault(f"{address} does not let us in ({words}); {advice}", CredentialsError, {"words": words}, is_final=True)
