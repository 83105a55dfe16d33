"""TLS settings become contexts, and a file that cannot be used is named with the reason."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from wsexample.errors import OptionError
from wsexample.wire.tls import TlsOptions, certificate_names, client_context, names_match, server_context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, two certificates with keys, an encrypted key and rubbish."""
    from cryptography.hazmat.primitives import serialization

    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in ("one", "two"):
        cert = ca.issue_cert(name)
        cert.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        cert.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        cert.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.both"))
    key = serialization.load_pem_private_key((folder / "one.key").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    (folder / "locked.key").write_bytes(locked)
    (folder / "rubbish").write_text("rubbish")
    return folder


def test_by_default_certificates_and_names_are_verified() -> None:
    """Nothing set means nothing trusted blindly, and no TLS older than 1.2."""
    context = client_context(TlsOptions())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_verification_can_be_switched_off() -> None:
    """Without verification names are not checked either."""
    context = client_context(TlsOptions(verify=False))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_own_authorities_replace_the_systems(files: Path) -> None:
    """A CA file or text is trusted alone."""
    ca_pem = (files / "ca.pem").read_text()
    for options in (TlsOptions(ca_file=files / "ca.pem"), TlsOptions(ca_pem=ca_pem)):
        assert len(client_context(options).get_ca_certs()) == 1


def test_the_rest_reaches_the_context(files: Path) -> None:
    """Version, ciphers and the client certificate are set."""
    options = TlsOptions(
        ca_file=files / "ca.pem",
        minimum_version="1.3",
        ciphers="ECDHE-RSA-AES256-GCM-SHA384",
        client_cert=files / "one.pem",
        client_key=files / "locked.key",
        client_key_password="open sesame",
    )
    context = client_context(options)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert "ECDHE-RSA-AES256-GCM-SHA384" in {cipher["name"] for cipher in context.get_ciphers()}


def test_session_keys_are_logged_when_the_environment_asks(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLKEYLOGFILE is honoured on both sides, so that a capture can be read."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    for context in (
        client_context(TlsOptions()),
        client_context(TlsOptions(ca_file=files / "ca.pem")),
        server_context(files / "one.both"),
    ):
        assert context.keylog_filename == str(tmp_path / "keys")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ca_file": "missing"}, "cannot be read"),
        ({"ca_file": "rubbish"}, "no certificate in PEM form"),
        ({"ca_dir": "missing"}, "not a directory"),
        ({"ca_pem": "rubbish"}, "ca_pem holds no certificate"),
        ({"client_cert": "missing"}, "was not found"),
        ({"client_cert": "rubbish"}, "do not hold a certificate"),
        ({"client_cert": "one.pem"}, "do not hold a certificate"),
        ({"client_cert": "one.pem", "client_key": "two.key"}, "does not belong"),
        ({"client_cert": "one.pem", "client_key": "locked.key"}, "needs a password"),
        ({"client_cert": "one.pem", "client_key": "locked.key", "client_key_password": "x"}, "password .* is wrong"),
        ({"ciphers": "NONE-OF-THEM"}, "no cipher"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(files: Path, settings: dict[str, Any], words: str) -> None:
    """The sentence says which file and why."""
    paths = {
        name: str(files / value) if name in ("ca_file", "ca_dir", "client_cert", "client_key") else value
        for name, value in settings.items()
    }
    with pytest.raises(OptionError, match=words):
        client_context(TlsOptions(**paths))


def test_a_context_is_shared_until_a_file_changes(files: Path, tmp_path: Path) -> None:
    """Connecting again does not read the system's store again; a renewed certificate is noticed."""
    assert client_context(TlsOptions()) is client_context(TlsOptions())
    ca = tmp_path / "ca.pem"
    ca.write_bytes((files / "ca.pem").read_bytes())
    before = client_context(TlsOptions(ca_file=ca))
    os.utime(ca, ns=(1, 1))
    assert client_context(TlsOptions(ca_file=ca)) is not before


def test_settings_are_checked_when_made() -> None:
    """What cannot work is refused before a file is opened."""
    with pytest.raises(OptionError, match="minimum_version"):
        TlsOptions(minimum_version="1.0")
    with pytest.raises(OptionError, match="client_cert"):
        TlsOptions(client_key="key")


def test_a_server_can_demand_client_certificates(files: Path) -> None:
    """With authorities for clients a certificate is required, or welcome."""
    plain = server_context(files / "one.pem", files / "one.key")
    strict = server_context(files / "one.both", client_ca_file=files / "ca.pem")
    polite = server_context(files / "one.both", client_ca_file=files / "ca.pem", client_certificates="optional")
    modes = [context.verify_mode for context in (plain, strict, polite)]
    assert modes == [ssl.CERT_NONE, ssl.CERT_REQUIRED, ssl.CERT_OPTIONAL]
    with pytest.raises(OptionError):
        server_context(files / "one.both", client_certificates="perhaps")


CERTIFICATE = {"subjectAltName": (("DNS", "a.example"), ("DNS", "*.b.example"), ("IP Address", "10.0.0.1"))}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.example", True),
        ("A.Example.", True),
        ("x.a.example", False),
        ("x.b.example", True),
        ("b.example", False),
        ("x.y.b.example", False),
        ("10.0.0.1", True),
        ("10.0.0.2", False),
        (".b.example", False),
    ],
)
def test_names_match_as_rfc_6125_says(name: str, expected: bool) -> None:
    """A star stands for exactly one leftmost label; addresses are compared as addresses."""
    assert names_match(CERTIFICATE, name) is expected


def test_the_names_of_a_certificate_can_be_shown() -> None:
    """An error says for whom the certificate is."""
    assert certificate_names(CERTIFICATE) == ["a.example", "*.b.example", "10.0.0.1"]


def test_printing_tls_settings_hides_the_password() -> None:
    """The key's password is masked."""
    assert "sesame" not in repr(TlsOptions(client_cert="c", client_key_password="open sesame"))
