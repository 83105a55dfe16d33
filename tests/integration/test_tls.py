"""Real certificates through OpenSSL's own server and client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.parts import free_port, running
from wsexample.errors import HandshakeError, TlsError
from wsexample.wire.connection import connect
from wsexample.wire.options import TlsOptions
from wsexample.wire.server import ServerConnection, serve
from wsexample.wire.tls import server_context

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RunGrid = Callable[[Any], Any]


class Certificates:
    """Authorities and certificates as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.intermediate = self.ca.create_child_ca()
        self.other_ca = trustme.CA()
        self.ca_file = self._write("ca", self.ca.cert_pem)
        self.other_ca_file = self._write("other-ca", self.other_ca.cert_pem)

    def _write(self, name: str, blob: trustme.Blob) -> Path:
        path = self.folder / f"{name}.pem"
        blob.write_to_path(str(path))
        return path

    def issue(self, name: str, *names: str, ca: trustme.CA | None = None, **dates: Any) -> Path:
        """Write a certificate with its chain and key to one file."""
        return self._write(name, (ca or self.ca).issue_cert(*names, **dates).private_key_and_cert_chain_pem)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def openssl() -> str:
    program = shutil.which("openssl")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("missing on CI: openssl is not installed")
        pytest.skip("openssl is not installed")
    return program


@contextlib.contextmanager
def s_server(openssl: str, folder: Path, certificate: Path, *more: str) -> Iterator[int]:
    """OpenSSL's test server, which answers a request with a page about TLS."""
    port = free_port()
    command = [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate), "-quiet", "-www", *more]
    with running(command, port, folder=folder):
        yield port


async def failure(url: str, **options: Any) -> Any:
    with pytest.raises((TlsError, HandshakeError)) as caught:
        await connect(url, **options)
    return caught.value


DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("names", "dates", "trusted", "words"),
    [
        (["127.0.0.1"], {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "ca", "has expired"),
        (["127.0.0.1"], {"not_before": NOW + DAY, "not_after": NOW + 9 * DAY}, "ca", "not yet valid"),
        (["elsewhere.test"], {}, "ca", "mismatch"),
        (["127.0.0.1"], {}, "other-ca", "issuer certificate"),
    ],
    ids=["expired", "not yet", "wrong-name", "unknown-ca"],
)
def test_each_fault_of_a_certificate_is_named(
    run_grid: RunGrid,
    openssl: str,
    certificates: Certificates,
    tmp_path: Path,
    names: list[str],
    dates: Any,
    trusted: str,
    words: str,
) -> None:
    """OpenSSL's server with a faulty certificate is not trusted, and the error says why."""
    certificate = certificates.issue("faulty", *names, **dates)
    with s_server(openssl, tmp_path, certificate) as port:
        tls = TlsOptions(ca_file=certificates.folder / f"{trusted}.pem")
        error = run_grid(failure(f"wss://127.0.0.1:{port}", tls=tls))
    assert isinstance(error, TlsError)
    assert error.certificate == "server"
    assert words in str(error)


def test_a_good_certificate_is_trusted_and_the_page_is_no_websocket(
    run_grid: RunGrid, openssl: str, certificates: Certificates, tmp_path: Path
) -> None:
    """TLS succeeds, with a chain over an intermediate authority too; what fails then is the next step, and says so."""
    certificate = certificates.issue("good", "127.0.0.1", ca=certificates.intermediate)
    with s_server(openssl, tmp_path, certificate, "-cert_chain", str(certificate)) as port:
        error = run_grid(failure(f"wss://127.0.0.1:{port}", tls=TlsOptions(ca_file=certificates.ca_file)))
    assert isinstance(error, HandshakeError)
    assert error.status == 200


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("client", ["none", "right", "wrong"])
def test_a_demand_for_a_client_certificate(
    run_grid: RunGrid, openssl: str, certificates: Certificates, tmp_path: Path, version: str, client: str
) -> None:
    """With the right one TLS succeeds; without, or with a stranger's, it is the client's certificate that fails."""
    server = certificates.issue("server", "127.0.0.1")
    certificates.issue("right", "me.test")
    certificates.issue("wrong", "me.test", ca=certificates.other_ca)
    tls = TlsOptions(
        ca_file=certificates.ca_file,
        client_cert=certificates.folder / f"{client}.pem" if client != "none" else None,
    )
    more = [version, "-Verify", "3", "-verify_return_error", "-CAfile", str(certificates.ca_file)]
    with s_server(openssl, tmp_path, server, *more) as port:
        error = run_grid(failure(f"wss://127.0.0.1:{port}", tls=tls))
    if client == "right":
        assert isinstance(error, HandshakeError)
        assert error.status == 200
    else:
        # A reset may overtake the alert; then the question is still asked.
        assert getattr(error, "certificate", "client") == "client"
        assert "client certificate" in str(error)


def test_a_key_with_a_password_is_opened(
    run: RunGrid, openssl: str, certificates: Certificates, tmp_path: Path
) -> None:
    """A key that OpenSSL encrypted is used with its password."""
    both = certificates.issue("plain", "me.test")
    locked = tmp_path / "locked.key"
    subprocess.run(
        [openssl, "pkey", "-in", str(both), "-aes256", "-passout", "pass:open sesame", "-out", str(locked)], check=True
    )
    server = certificates.issue("server", "127.0.0.1")

    async def scenario() -> Any:
        context = server_context(server, client_ca_file=certificates.ca_file)
        tls = TlsOptions(
            ca_file=certificates.ca_file, client_cert=both, client_key=locked, client_key_password="open sesame"
        )
        async with serve(hold, tls=context) as serving, connect(serving.url, tls=tls):
            return next(iter(serving.connections)).request.certificate

    assert ("DNS", "me.test") in run(scenario())["subjectAltName"]


async def hold(ws: ServerConnection) -> None:
    await ws.wait_closed()


def test_openssl_accepts_our_server(openssl: str, certificates: Certificates, run_grid: RunGrid) -> None:
    """Another implementation verifies our chain and speaks TLS 1.3 with us."""
    certificate = certificates.issue("chain", "localhost", ca=certificates.intermediate)

    async def scenario() -> str:
        async with serve(hold, tls=server_context(certificate)) as server:
            process = await asyncio.create_subprocess_exec(
                *[openssl, "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost"],
                *["-verify_hostname", "localhost", "-CAfile", str(certificates.ca_file), "-brief"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            output, _ = await process.communicate()
            return output.decode()

    output = run_grid(scenario())
    assert "Verification: OK" in output
    assert "TLSv1.3" in output


def test_only_the_newest_version_if_so_wished(certificates: Certificates, run_grid: RunGrid) -> None:
    """A server that wants TLS 1.3 turns away a client that has only 1.2, in TLS itself."""
    certificate = certificates.issue("versions", "127.0.0.1")
    old = ssl.create_default_context(cafile=str(certificates.ca_file))
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    async def scenario() -> Any:
        async with serve(hold, tls=server_context(certificate, minimum_version="1.3")) as server:
            async with connect(server.url, tls=TlsOptions(ca_file=certificates.ca_file)):
                pass
            return await failure(server.url, tls=old)

    assert isinstance(run_grid(scenario()), TlsError)
