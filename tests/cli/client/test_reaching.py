"""How ``wseclient`` reaches a server: its request, redirects, TLS and proxies."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.client.talking import Conversed, answer_once, code_of, says
from tests.commands import Launch
from tests.conftest import missing

# -- the request and the way to the server -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (("-H", "X-Colour: blue"), "x-colour", "blue"),
        (("--auth", "user:pass"), "authorization", "Basic dXNlcjpwYXNz"),
        (("--bearer", "t0ken"), "authorization", "Bearer t0ken"),
        (("--cookie", "a=b", "--cookie", "c=d"), "cookie", "a=b; c=d"),
        (("-o", "https://app.example"), "origin", "https://app.example"),
        (("--host", "other.example"), "host", "other.example"),
        (("-A", "curl/8"), "user-agent", "curl/8"),
        (("-s", "v2", "-s", "v1"), "sec-websocket-protocol", "v2, v1"),
        (("--subprotocols", "v2,v1"), "sec-websocket-protocol", "v2, v1"),
        (("--compress",), "sec-websocket-extensions", "permessage-deflate"),
    ],
)
def test_each_header_arrives(converse: Callable[..., Conversed], flags: tuple[str, ...], name: str, value: str) -> None:
    """The server sees the header that the flag stands for."""
    _, seen = converse("-x", "hi", "-1", *flags)
    assert seen.requests[0].headers[name].startswith(value)


def test_secrets_and_headers_may_come_from_files_and_the_environment(
    converse: Callable[..., Conversed], tmp_path: Path
) -> None:
    """Nothing secret need stand on the command line."""
    (tmp_path / "auth").write_text("user:pass\n", encoding="utf-8")
    (tmp_path / "bearer").write_text("t0ken\n", encoding="utf-8")
    (tmp_path / "headers").write_text("# ours\nX-One: 1\n\nX-Two: 2\n", encoding="utf-8")
    _, seen = converse("-x", "hi", "-1", "--auth-file", str(tmp_path / "auth"), "-H", f"@{tmp_path / 'headers'}")
    headers = seen.requests[0].headers
    assert (headers["authorization"], headers["x-one"], headers["x-two"]) == ("Basic dXNlcjpwYXNz", "1", "2")
    _, seen = converse("-x", "hi", "-1", "--bearer-file", str(tmp_path / "bearer"))
    assert seen.requests[0].headers["authorization"] == "Bearer t0ken"
    _, seen = converse("-x", "hi", "-1", env={"WSECLIENT_BEARER": "fr0m-env"})
    assert seen.requests[0].headers["authorization"] == "Bearer fr0m-env"


def test_no_origin_is_sent_unless_asked_for(converse: Callable[..., Conversed]) -> None:
    """--no-origin beats --origin, and by default there is none."""
    for flags in ((), ("-o", "https://app.example", "--no-origin")):
        _, seen = converse("-x", "hi", "-1", *flags)
        assert "origin" not in seen.requests[0].headers


@pytest.mark.parametrize(("flag", "status"), [("-4", 0), ("-6", 7)])
def test_address_families(converse: Callable[..., Conversed], flag: str, status: int) -> None:
    """-4 and -6 use only that kind of address; here the server has an IPv4 address alone."""
    client, _ = converse("-x", "hi", "-1", flag)
    assert (code_of(client) == 0) == (status == 0), client.story


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets in asyncio")
def test_unix_sockets(launch: Launch, tmp_path: Path) -> None:
    """--unix-socket and ws+unix: URLs reach a server on a socket file."""
    path = str(tmp_path / "ws.sock")
    launch("wseserver", "--unix-socket", path, "--announce").wait_for("ws+unix:", on="out")
    for arguments in (("--unix-socket", path), (f"ws+unix:{path}",)):
        client = launch("wseclient", *arguments, "-x", "hi", "-1")
        assert client.finish() == 0, client.story
        assert client.out == ["hi"]


def test_a_message_that_is_too_big_is_refused(converse: Callable[..., Conversed]) -> None:
    """--max-size bounds what is accepted; the connection ends with 1009 and exit status 8."""
    client, seen = converse("-x", "hi", "-w", "-1", "--max-size", "1k", handler=says("x" * 2000))
    assert code_of(client) == 8, client.story
    assert seen.closes[0][0] == 1009


def test_a_server_that_never_answers_is_given_up(launch: Launch) -> None:
    """--connect-timeout bounds each step of connecting; exit status 28."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = launch("wseclient", f":{port}", "-x", "hi", "--connect-timeout", "300ms")
        assert client.finish() == 28
    assert "within 0.3 s" in client.err[-1]


def redirecting(listener: socket.socket, target: str) -> threading.Thread:
    """Redirect the first request."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    return answer_once(listener, answer.encode())


@pytest.mark.parametrize(("flags", "status"), [(("-L",), 0), ((), 22), (("-L", "--max-redirects", "0"), 22)])
def test_redirects_are_followed_on_request(launch: Launch, echo_url: str, flags: tuple[str, ...], status: int) -> None:
    """-L follows, up to --max-redirects; without it a redirect is a refusal that shows where it leads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = redirecting(listener, echo_url)
        client = launch("wseclient", f":{listener.getsockname()[1]}", "-x", "hi", "-1", *flags)
        assert client.finish() == status, client.story
        thread.join()
    assert client.out == (["hi"] if status == 0 else [])


# -- TLS and proxies -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of an authority, a server certificate, and a client certificate whose key has the passphrase "sesame"."""
    import trustme
    from cryptography.hazmat.primitives import serialization

    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    client = authority.issue_cert("client@example.org")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "client", "client_key")}
    authority.cert_pem.write_to_path(files["ca"])
    files["capath"] = str(folder / "hashed")
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("openssl is not installed")
    hashed = subprocess.run(
        [str(openssl), "x509", "-hash", "-noout", "-in", files["ca"]], capture_output=True, text=True, check=True
    )
    Path(files["capath"]).mkdir()
    authority.cert_pem.write_to_path(str(Path(files["capath"]) / f"{hashed.stdout.strip()}.0"))
    server.private_key_pem.write_to_path(files["key"])
    for blob in server.cert_chain_pems:
        blob.write_to_path(files["cert"], append=True)
    for blob in client.cert_chain_pems:
        blob.write_to_path(files["client"], append=True)
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    Path(files["client_key"]).write_bytes(encrypted)
    return files


def tls_server(launch: Launch, certificates: dict[str, str], *flags: str) -> str:
    """Start a server with TLS; returns its URL with the name in the certificate."""
    server = launch(
        "wseserver", "0", "--announce", "--cert", certificates["cert"], "--key", certificates["key"], *flags
    )
    return server.wait_for("wss://", on="out").replace("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("flags", "host", "status"),
    [
        (("--ca", "{ca}"), "localhost", 0),
        (("-k",), "localhost", 0),
        (("--capath", "{capath}"), "localhost", 0),
        ((), "localhost", 60),
        (("--ca", "{ca}"), "127.0.0.1", 60),
        (("--ca", "{ca}", "--sni", "localhost"), "127.0.0.1", 0),
    ],
)
def test_server_certificates(
    launch: Launch, certificates: dict[str, str], flags: tuple[str, ...], host: str, status: int
) -> None:
    """A trusted authority and the right name are needed, unless -k; else 60 with one line."""
    url = tls_server(launch, certificates).replace("localhost", host)
    client = launch("wseclient", url, "-x", "hi", "-1", *[flag.format(**certificates) for flag in flags])
    assert client.finish() == status, client.story
    assert client.out == (["hi"] if status == 0 else [])
    assert len(client.err) == (1 if status else 0)


@pytest.mark.parametrize(
    ("passphrase", "status"), [("--passphrase=sesame", 0), ("--passphrase=wrong", 2), ("--passphrase", 2)]
)
def test_client_certificates(launch: Launch, certificates: dict[str, str], passphrase: str, status: int) -> None:
    """A certificate with an encrypted key is shown to the server that asks for it; without terminal nothing is asked."""
    url = tls_server(launch, certificates, "--client-ca", certificates["ca"])
    ours = ("--ca", certificates["ca"], "--cert", certificates["client"], "--key", certificates["client_key"])
    client = launch("wseclient", url, "-x", "hi", "-1", *ours, passphrase)
    assert client.finish() == status, client.story
    assert client.out == (["hi"] if status == 0 else [])


def test_tls_to_a_server_without_it(launch: Launch, echo_url: str) -> None:
    """wss to a plain server is exit status 35 with advice."""
    client = launch("wseclient", echo_url.replace("ws://", "wss://"), "-x", "hi", "-1")
    assert client.finish() == 35
    assert len(client.err) == 1


@pytest.mark.parametrize(
    ("proxy", "status"),
    [("http://name.invalid:3128", 5), ("socks5://127.0.0.1:{closed}", 7), ("http://127.0.0.1:{closed}", 7)],
)
def test_proxies_that_cannot_be_reached(launch: Launch, echo_url: str, proxy: str, status: int) -> None:
    """A proxy that does not exist or does not listen has its own line and status; --noproxy goes around it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    flags = ("--proxy", proxy.format(closed=port))
    client = launch("wseclient", echo_url, "-x", "hi", "-1", *flags)
    assert client.finish() == status, client.story
    assert "proxy" in client.err[-1]
    around = launch("wseclient", echo_url, "-x", "hi", "-1", *flags, "--noproxy", "127.0.0.1")
    assert around.finish() == 0, around.story
