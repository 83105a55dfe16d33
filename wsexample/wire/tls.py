"""TLS settings as plain values, and the contexts made of them; a file that cannot be used is named with the reason.

The handshake itself belongs to the event loop, and the mapping of its errors to ``dial.py``.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from wsexample.errors import OptionError
from wsexample.wire.masking import MASK

__all__ = ["TlsOptions", "certificate_names", "client_context", "names_match", "server_context"]

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TlsOptions:
    """How a client speaks TLS; ``SSLKEYLOGFILE`` in the environment is honoured.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    ca_file: str | os.PathLike[str] | None = None
    """PEM file of the authorities to trust, in place of the system's store."""
    ca_dir: str | os.PathLike[str] | None = None
    """Directory of hashed authorities to trust, in place of the system's store."""
    ca_pem: str | None = None
    """The authorities to trust as PEM text, in place of the system's store."""
    client_cert: str | os.PathLike[str] | None = None
    """PEM file of the client certificate and its chain."""
    client_key: str | os.PathLike[str] | None = None
    """PEM file of its private key; None when it is in ``client_cert``."""
    client_key_password: str | None = None
    """Password of the private key."""
    verify: bool = True
    """Whether the server's certificate is verified; False accepts any, and any name."""
    check_hostname: bool = True
    """Whether the certificate must be for the name that was dialled."""
    verified_name: str | None = None
    """Name that the certificate must be for, when it is another than the one sent to the server (SNI)."""
    send_sni: bool = True
    """Whether the server is told the name that is wanted (SNI, RFC 6066 section 3)."""
    minimum_version: str = "1.2"
    """Lowest version spoken: "1.2" or "1.3"."""
    ciphers: str | None = None
    """OpenSSL cipher list for TLS 1.2; None leaves the choice to the system."""

    def __post_init__(self) -> None:
        _check_version(self.minimum_version)
        if self.client_key is not None and self.client_cert is None:
            raise OptionError("client_key without client_cert: name the certificate too", option="client_cert")

    def __repr__(self) -> str:
        shown = []
        for item in fields(self):
            value = getattr(self, item.name)
            if value != item.default:
                shown.append(f"{item.name}={MASK if item.name == 'client_key_password' else value!r}")
        return f"TlsOptions({', '.join(shown)})"

    @property
    def checks_name_itself(self) -> bool:
        """Whether the name is compared by `names_match`, because OpenSSL can only verify the name that it sends."""
        return self.verify and self.check_hostname and (self.verified_name is not None or not self.send_sni)


def client_context(options: TlsOptions) -> ssl.SSLContext:
    """Return a client's context; raises `OptionError` that names the file and the reason.

    Reading the system's store takes tens of milliseconds, so contexts are kept and shared until a file changes.

    Parameters:
        options: what to trust, who we are.
    """
    files = (options.ca_file, options.client_cert, options.client_key)
    return _client_context(options, os.environ.get("SSLKEYLOGFILE"), tuple(_changed_ns(path) for path in files))


def _changed_ns(path: str | os.PathLike[str] | None) -> int:
    try:
        return os.stat(path).st_mtime_ns if path is not None else 0
    except OSError:
        return -1  # making the context says what is wrong with it


@lru_cache(maxsize=32)
def _client_context(options: TlsOptions, keylog: str | None, changed_ns: tuple[int, ...]) -> ssl.SSLContext:
    context = _trusting(options.ca_file, options.ca_dir, options.ca_pem)
    context.check_hostname = options.verify and options.check_hostname and not options.checks_name_itself
    context.verify_mode = ssl.CERT_REQUIRED if options.verify else ssl.CERT_NONE
    context.minimum_version = _VERSIONS[options.minimum_version]
    _set_ciphers(context, options.ciphers)
    if options.client_cert is not None:
        _load_chain(context, options.client_cert, options.client_key, options.client_key_password, "client_cert")
    return context


def server_context(
    cert_file: str | os.PathLike[str],
    key_file: str | os.PathLike[str] | None = None,
    *,
    key_password: str | None = None,
    client_ca_file: str | os.PathLike[str] | None = None,
    client_ca_dir: str | os.PathLike[str] | None = None,
    client_certificates: str = "required",
    minimum_version: str = "1.2",
    ciphers: str | None = None,
) -> ssl.SSLContext:
    """Make a server's context from files.

    Parameters:
        cert_file: PEM file of the certificate and its chain.
        key_file: PEM file of the private key; None when it is in ``cert_file``.
        key_password: password of the private key.
        client_ca_file: PEM file of the authorities whose client certificates are accepted; None asks for none.
        client_ca_dir: the same as a directory of hashed authorities.
        client_certificates: "required", or "optional" to let clients without a certificate in.
        minimum_version: lowest version spoken, "1.2" or "1.3".
        ciphers: OpenSSL cipher list for TLS 1.2.

    Raises:
        OptionError: a file cannot be used; says which and why.
    """
    _check_version(minimum_version)
    if client_certificates not in ("required", "optional"):
        raise OptionError("client_certificates must be 'required' or 'optional'", option="client_certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[minimum_version]
    _set_ciphers(context, ciphers)
    _load_chain(context, cert_file, key_file, key_password, "cert_file")
    if client_ca_file is not None or client_ca_dir is not None:
        _load_authorities(context, client_ca_file, client_ca_dir, None, "client_ca_file")
        context.verify_mode = ssl.CERT_REQUIRED if client_certificates == "required" else ssl.CERT_OPTIONAL
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog:
        context.keylog_filename = keylog
    return context


def certificate_names(certificate: Mapping[str, Any]) -> list[str]:
    """Return the names and addresses that a certificate (as ``getpeercert()`` gives it) is for."""
    return [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]


def names_match(certificate: Mapping[str, Any], name: str) -> bool:
    """Tell whether a certificate is for this name (RFC 6125: a star stands for exactly the leftmost label)."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        wanted = name.lower().rstrip(".")
        return any(
            _pattern_matches(value.lower().rstrip("."), wanted)
            for kind, value in certificate.get("subjectAltName", ())
            if kind == "DNS"
        )
    return any(
        ipaddress.ip_address(value) == address
        for kind, value in certificate.get("subjectAltName", ())
        if kind == "IP Address"
    )


def _pattern_matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == name
    label, _, parent = name.partition(".")
    return bool(label) and "." in parent and parent == pattern[2:]


def _check_version(version: str) -> None:
    if version not in _VERSIONS:
        raise OptionError(
            f"minimum_version must be one of {', '.join(_VERSIONS)}, not {version!r}", option="minimum_version"
        )


def _set_ciphers(context: ssl.SSLContext, ciphers: str | None) -> None:
    if ciphers is None:
        return
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        raise OptionError(f"OpenSSL knows no cipher in {ciphers!r}", option="ciphers") from None


def _trusting(
    ca_file: str | os.PathLike[str] | None, ca_dir: str | os.PathLike[str] | None, ca_pem: str | None
) -> ssl.SSLContext:
    if ca_file is None and ca_dir is None and ca_pem is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog:
        context.keylog_filename = keylog
    _load_authorities(context, ca_file, ca_dir, ca_pem, "ca_file")
    return context


def _load_authorities(
    context: ssl.SSLContext,
    ca_file: str | os.PathLike[str] | None,
    ca_dir: str | os.PathLike[str] | None,
    ca_pem: str | None,
    option: str,
) -> None:
    if ca_dir is not None and not os.path.isdir(ca_dir):
        raise OptionError(f"{os.fspath(ca_dir)} is not a directory of authorities", option="ca_dir")
    try:
        context.load_verify_locations(ca_file, ca_dir, ca_pem)
    except ssl.SSLError:
        where = os.fspath(ca_file) if ca_file is not None else "ca_pem"
        raise OptionError(f"{where} holds no certificate in PEM form", option=option) from None
    except OSError as error:
        raise OptionError(f"{os.fspath(ca_file or '')} cannot be read: {error.strerror}", option=option) from None


def _load_chain(
    context: ssl.SSLContext,
    cert_file: str | os.PathLike[str],
    key_file: str | os.PathLike[str] | None,
    password: str | None,
    option: str,
) -> None:
    for path in (cert_file, key_file):
        if path is not None and not os.path.isfile(path):
            raise OptionError(f"{os.fspath(path)} was not found or is not a file", option=option)
    key = os.fspath(key_file or cert_file)
    try:
        # always a function: without one OpenSSL would ask at the terminal
        context.load_cert_chain(cert_file, key_file, password=lambda: password or "")
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            message = f"the private key in {key} does not belong to the certificate in {os.fspath(cert_file)}"
        elif _is_encrypted(key):
            message = (
                f"the private key in {key} needs a password" if not password else f"the password of {key} is wrong"
            )
        else:
            message = f"{os.fspath(cert_file)} and {key} do not hold a certificate and its private key in PEM form"
        raise OptionError(message, option=option) from None
    except OSError as error:
        raise OptionError(f"{os.fspath(cert_file)} cannot be read: {error.strerror}", option=option) from None


def _is_encrypted(path: str) -> bool:
    with open(path, errors="replace") as file:
        return "ENCRYPTED" in file.read(64 * 1024)
