"""``wseserver`` with certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.server.visiting import converse
from tests.commands import Launch
from wsexample.errors import WsExampleError
from wsexample.wire.options import TlsOptions


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of an authority, a server certificate, and a client certificate with an encrypted key."""
    import trustme

    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    client = authority.issue_cert("client@example.org")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "client")}
    authority.cert_pem.write_to_path(files["ca"])
    server.private_key_pem.write_to_path(files["key"])
    for blob in server.cert_chain_pems:
        blob.write_to_path(files["cert"], append=True)
    client.private_key_and_cert_chain_pem.write_to_path(files["client"])
    return files


def test_tls(serving: Callable[..., str], run: Callable[[Any], Any], certificates: dict[str, str]) -> None:
    """With a certificate it serves wss."""
    url = serving("--cert", certificates["cert"], "--key", certificates["key"])
    assert url.startswith("wss://")
    assert run(converse(url, "x", tls=TlsOptions(ca_file=certificates["ca"]))) == ["x"]


def test_client_certificates(
    serving: Callable[..., str], run: Callable[[Any], Any], certificates: dict[str, str]
) -> None:
    """With --client-ca only clients with a certificate are served."""
    url = serving("--cert", certificates["cert"], "--key", certificates["key"], "--client-ca", certificates["ca"])
    trusting = {"ca_file": certificates["ca"]}
    assert run(converse(url, "x", tls=TlsOptions(**trusting, client_cert=certificates["client"]))) == ["x"]
    with pytest.raises(WsExampleError):
        run(converse(url, "x", tls=TlsOptions(**trusting)))


def test_a_key_without_its_certificate_is_an_error(launch: Launch, certificates: dict[str, str]) -> None:
    """TLS settings that cannot work are refused with what is missing."""
    server = launch("wseserver", "0", "--key", certificates["key"])
    assert server.finish() == 2
    assert "--key without --cert" in server.err[-1]


@pytest.mark.parametrize(("passphrase", "status"), [("sesame", 0), ("wrong", 2)])
def test_a_key_may_have_a_passphrase(
    launch: Launch, tmp_path: Path, certificates: dict[str, str], passphrase: str, status: int
) -> None:
    """--passphrase opens the key; a wrong one is a usage error."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(certificates["key"]).read_bytes(), None)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    ours = ("--cert", certificates["cert"], "--key", str(tmp_path / "key.pem"))
    server = launch("wseserver", "0", "--announce", *ours, f"--passphrase={passphrase}")
    if status == 0:
        server.wait_for("wss://", on="out")
        server.terminate()
    assert server.finish() == status
