"""What ``wseserver`` promises on the command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Launch
from wsexample import connect
from wsexample.errors import ConnectionClosed, DeadlineError, HandshakeError, StateError, WsExampleError
from wsexample.wire.options import TlsOptions


def test_it_echoes_text_and_binary(echo_url: str, run: Callable[[Any], Any]) -> None:
    """A message comes back as it was sent, text as text and binary as binary."""

    async def scenario() -> list[str | bytes]:
        async with connect(echo_url) as ws:
            await ws.send("日本語")
            await ws.send(b"\x00\xff")
            return [await ws.receive(10), await ws.receive(10)]

    assert run(scenario()) == ["日本語", b"\x00\xff"]


def test_its_default_address_is_in_the_help(launch: Launch) -> None:
    """The help names the default address and every exit status that can happen."""
    server = launch("wseserver", "--help")
    assert server.finish() == 0
    text = "\n".join(server.out)
    assert "ws://127.0.0.1:9000" in text
    assert "45  the server's address is in use" in text


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently on Windows")
def test_stopping_closes_clients_with_1001(launch: Launch, run: Callable[[Any], Any], signum: signal.Signals) -> None:
    """Ctrl-C and SIGTERM both close the clients with 1001 and end with 0."""
    server = launch("wseserver", "0", "--announce")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> int:
        async with connect(url) as ws:
            await asyncio.to_thread(server.wait_for, "connected")
            server.process.send_signal(signum)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    assert run(scenario()) == 1001
    assert server.finish() == 0


def test_a_taken_port_is_one_line(launch: Launch) -> None:
    """A port in use gives one line that names it, and exit status 45."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = launch("wseserver", f"127.0.0.1:{port}")
        assert server.finish() == 45
    assert len(server.err) == 1
    assert f"127.0.0.1:{port} is in use" in server.err[0]


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:", "127.0.0.1:70000"])
def test_a_bad_address_is_a_usage_error(launch: Launch, address: str) -> None:
    """An address that cannot be one is refused with 2 and an example."""
    server = launch("wseserver", address)
    assert server.finish() == 2
    assert "is not an address; write 9000 or 127.0.0.1:9000" in server.err[-1]


def test_quiet_says_nothing(launch: Launch, run: Callable[[Any], Any]) -> None:
    """With -q nothing but the announced URL is printed, whoever comes and goes."""
    server = launch("wseserver", "0", "--announce", "-q")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("x")
            await ws.receive(10)

    run(scenario())
    server.terminate()
    assert server.finish() == 0
    assert (server.out, server.err) == ([url], [])


# -- where it listens ----------------------------------------------------------------------------------------------------


def test_it_listens_on_several_addresses(launch: Launch, run: Callable[[Any], Any]) -> None:
    """-l adds addresses; each is announced and each serves."""
    server = launch("wseserver", "0", "-l", "0", "-l", "127.0.0.1:0", "--announce")
    server.wait_for("ws://", on="out", count=3)

    async def scenario() -> None:
        for url in server.out:
            assert await converse(url, "x") == ["x"]

    run(scenario())
    assert len(set(server.out)) == 3


async def converse(url: str, *messages: str | bytes, **options: Any) -> list[str | bytes]:
    """Send messages and return as many answers."""
    async with connect(url, **options) as ws:
        answers = []
        for message in messages:
            await ws.send(message)
            answers.append(await ws.receive(10))
        return answers


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets in asyncio")
def test_it_listens_on_a_unix_socket(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """--unix-socket serves there with the permissions asked for, replaces a stale socket, and takes it away."""
    path = tmp_path / "ws.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = launch("wseserver", "--unix-socket", str(path), "--chmod", "600", "--announce")
    assert server.wait_for("ws+unix:", on="out") == f"ws+unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(converse("ws://localhost/", "x", unix_path=str(path))) == ["x"]
    server.terminate()
    assert server.finish() == 0
    assert not path.exists()


def test_host_and_port_may_stand_apart(launch: Launch, run: Callable[[Any], Any]) -> None:
    """--host and --port say the same as the address."""
    server = launch("wseserver", "--host", "127.0.0.1", "--port", "0", "--announce")
    assert run(converse(server.wait_for("ws://127.0.0.1:", on="out"), "x")) == ["x"]


def test_a_ready_file_tells_scripts(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """The file holds the URL while the server listens, and is gone afterwards."""
    file = tmp_path / "ready"
    server = launch("wseserver", "0", "--ready-file", str(file))
    server.wait_for("echo on")
    assert run(converse(file.read_text(encoding="utf-8").strip(), "x")) == ["x"]
    server.terminate()
    assert server.finish() == 0
    assert not file.exists()


def test_a_ready_file_that_cannot_be_written_is_an_error(launch: Launch, tmp_path: Path) -> None:
    """A script must not wait for a file that never comes."""
    server = launch("wseserver", "0", "--ready-file", str(tmp_path / "none" / "ready"))
    assert server.finish() == 23
    assert "cannot be written" in server.err[-1]


# -- what a client gets --------------------------------------------------------------------------------------------------


@pytest.fixture
def serving(launch: Launch) -> Callable[..., str]:
    """Start ``wseserver`` with flags on a free port; returns its URL."""

    def start(*flags: str) -> str:
        return launch("wseserver", "0", "--announce", *flags).wait_for("ws", on="out")

    return start


def test_broadcast_reaches_all_others(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """A message goes to every other client and not back to its sender."""
    url = serving("--broadcast")

    async def scenario() -> None:
        async with connect(url) as first, connect(url) as second, connect(url) as third:
            await first.send("from first")
            assert await second.receive(10) == "from first"
            assert await third.receive(10) == "from first"
            await second.send(b"from second")
            assert await first.receive(10) == b"from second"

    run(scenario())


def test_a_slow_reader_of_a_broadcast_loses_and_slows_nobody(
    serving: Callable[..., str], run: Callable[[Any], Any]
) -> None:
    """A client that does not read loses messages, which are counted; the others get everything."""
    url = serving("--broadcast", "--queue-len", "10")

    async def scenario() -> None:
        async with connect(url) as sender, connect(url, read_ahead_messages=1) as slow, connect(url) as reader:
            for number in range(200):
                await sender.send(f"{number} " + "x" * 200_000)
                assert (await reader.receive(10)).split()[0] == str(number)  # type: ignore[union-attr]
            slow.abort()

    run(scenario())
    dropped = [line for line in fetch(url, "/metrics")[1].splitlines() if line.startswith("wseserver_dropped_total")]
    assert int(dropped[0].split()[1]) > 0


@pytest.mark.parametrize(
    ("flags", "answer"), [(("--reply", '{"ok":true}'), '{"ok":true}'), (("--reply", "x", "--binary"), b"x")]
)
def test_a_fixed_reply(
    serving: Callable[..., str], run: Callable[[Any], Any], flags: tuple[str, ...], answer: str | bytes
) -> None:
    """Every message gets the same answer."""
    assert run(converse(serving(*flags), "a", b"b")) == [answer, answer]


COMMAND = f'"{sys.executable}" -u -c "import sys; [print(line.strip().upper(), flush=True) for line in sys.stdin]"'


def test_a_program_for_each_client(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """Messages are lines of its input, lines of its output are messages, and each client has its own."""
    url = serving("--exec", COMMAND)

    async def scenario() -> None:
        async with connect(url) as first, connect(url) as second:
            await first.send("one")
            await second.send("two")
            assert await second.receive(10) == "TWO"
            assert await first.receive(10) == "ONE"

    run(scenario())


def test_a_program_knows_its_client(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """Path, query, address and headers are in its environment; credentials are not."""
    names = ["WSE_PATH", "WSE_QUERY", "WSE_REMOTE", "HTTP_X_COLOUR", "HTTP_AUTHORIZATION", "HTTP_PROXY"]
    code = f"import os; print('|'.join(os.environ.get(name, '-') for name in {names}))"
    url = serving("--exec", f'"{sys.executable}" -c "{code}"')

    async def scenario() -> str:
        headers = {"X-Colour": "blue", "Proxy": "evil"}
        async with connect(f"{url}/some/path?a=1", headers=headers, auth=("u", "p")) as ws:
            return str(await ws.receive(10))

    path, query, remote, colour, authorization, proxy = run(scenario()).split("|")
    assert (path, query, colour, authorization) == ("/some/path", "a=1", "blue", "-")
    assert proxy == os.environ.get("HTTP_PROXY", "-")
    assert remote.startswith("127.0.0.1:")


@pytest.mark.parametrize(("code", "closed"), [(0, (1000, "")), (3, (1011, "the command ended with 3"))])
def test_the_end_of_a_program_is_the_end_of_its_connection(
    serving: Callable[..., str], run: Callable[[Any], Any], code: int, closed: tuple[int, str]
) -> None:
    """A program that ends well closes with 1000; one that fails closes with 1011 and its status."""
    url = serving("--exec", f'"{sys.executable}" -c "print(1); raise SystemExit({code})"')

    async def scenario() -> tuple[int | None, str]:
        async with connect(url) as ws:
            assert await ws.receive(10) == "1"
            with pytest.raises(ConnectionClosed):
                await ws.receive(10)
            return ws.close_code, ws.close_reason

    assert run(scenario()) == closed


def test_a_program_ends_with_its_client(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """A client that leaves ends the input of its program."""
    mark = tmp_path / "ended"
    code = f"import sys; sys.stdin.read(); open({str(mark)!r}, 'w')"
    server = launch("wseserver", "0", "--announce", "--exec", f'"{sys.executable}" -c "{code}"')
    run(leave(server.wait_for("ws://", on="out")))
    server.wait_for("closed with 1000")
    server.terminate()
    assert server.finish() == 0
    assert mark.exists()


async def leave(url: str) -> None:
    """Connect and go."""
    async with connect(url):
        pass


def test_stdio_bridges_standard_input_and_output(launch: Launch, run: Callable[[Any], Any]) -> None:
    """Lines typed at the server go to its clients, their messages to its standard output."""
    server = launch("wseserver", "0", "--announce", "--stdio", stdin=subprocess.PIPE)
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await asyncio.to_thread(server.send, "to the client\n")
            assert await ws.receive(10) == "to the client"
            await ws.send("to the server")
            await asyncio.to_thread(server.wait_for, "to the server", on="out")

    run(scenario())


def test_modes_exclude_each_other(launch: Launch) -> None:
    """Two modes at once are refused with their names."""
    server = launch("wseserver", "0", "--broadcast", "--reply", "x")
    assert server.finish() == 2
    assert "--broadcast and --reply exclude each other" in server.err[-1]


# -- HTTP on the same port -----------------------------------------------------------------------------------------------


def fetch(url: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Make a plain HTTP request; returns status, body and content type."""
    request = urllib.request.Request(url.replace("ws", "http", 1) + path, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Content-Type"]


def test_health_and_metrics_are_on_the_same_port(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """/health says ok, /metrics counts what happened, anything else says that this is a WebSocket server."""
    url = serving()
    run(converse(url, "four", "five!"))
    status, body, _ = fetch(url, "/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    metrics = dict(
        line.rsplit(" ", 1) for line in fetch(url, "/metrics")[1].splitlines() if line and not line.startswith("#")
    )
    assert metrics["wseserver_accepted_total"] == "1"
    assert metrics["wseserver_received_total"] == metrics["wseserver_sent_total"] == "2"
    assert metrics["wseserver_received_bytes_total"] == "9"
    status, body, _ = fetch(url, "/")
    assert status == 426
    assert "WebSocket server" in body


def test_static_files(serving: Callable[..., str], run: Callable[[Any], Any], tmp_path: Path) -> None:
    """A page and the WebSocket that it uses come from one port."""
    (tmp_path / "index.html").write_text("<p>日本", encoding="utf-8")
    url = serving("--static-file", f"/:text/html; charset=utf-8:{tmp_path / 'index.html'}")
    assert fetch(url, "/") == (200, "<p>日本", "text/html; charset=utf-8")
    assert run(converse(url, "x")) == ["x"]


@pytest.mark.parametrize("text", ["index.html", "/:text/html:nowhere.html", "x:text/html:y"])
def test_a_wrong_static_file_is_named(launch: Launch, text: str) -> None:
    """What cannot be served is refused before the server listens."""
    server = launch("wseserver", "0", "--static-file", text)
    assert server.finish() == 2
    assert f"--static-file {text}" in server.err[-1]


# -- who is let in -------------------------------------------------------------------------------------------------------


async def refused(url: str, **options: Any) -> int | None:
    """Return the status with which a client is refused, 101 when it is let in."""
    try:
        async with connect(url, **options):
            return 101
    except HandshakeError as error:
        return error.status


@pytest.mark.parametrize(
    ("flags", "path", "options", "status"),
    [
        (("--path", "/ws"), "/ws", {}, 101),
        (("--path", "/ws"), "/other", {}, 404),
        (("--auth", "u:p"), "", {"auth": ("u", "p")}, 101),
        (("--auth", "u:p"), "", {"auth": ("u", "wrong")}, 401),
        (("--auth", "u:p"), "", {}, 401),
        (("--token", "t1", "--token", "t2"), "", {"bearer": "t2"}, 101),
        (("--token", "t1"), "/?token=t1", {}, 101),
        (("--token", "t1"), "/?token=t2", {}, 401),
        (("--token", "t1"), "", {"bearer": "wrong"}, 401),
        (("--origin", "https://*.example"), "", {"origin": "https://app.example"}, 101),
        (("--origin", "https://*.example"), "", {"origin": "https://evil.test"}, 403),
        (("--origin", "https://*.example"), "", {}, 101),
    ],
)
def test_each_gate_lets_in_whom_it_should(
    serving: Callable[..., str],
    run: Callable[[Any], Any],
    flags: tuple[str, ...],
    path: str,
    options: dict[str, Any],
    status: int,
) -> None:
    """Paths, users, tokens and origins are asked for as the flags say."""
    assert run(refused(serving(*flags) + path, **options)) == status


def test_tokens_may_come_from_a_file_or_the_environment(
    launch: Launch, run: Callable[[Any], Any], tmp_path: Path
) -> None:
    """No secret need stand on the command line, and none is printed; metrics are behind the same gate."""
    (tmp_path / "tokens").write_text("# ours\nfrom-file\n", encoding="utf-8")
    flags = ("--token-file", str(tmp_path / "tokens"), "-vvv", "--announce")
    server = launch("wseserver", "0", *flags, env={"WSESERVER_TOKEN": "from-environment"})
    url = server.wait_for("ws://", on="out")
    assert run(refused(url, bearer="from-file")) == 101
    assert run(refused(f"{url}/?token=from-environment")) == 101
    assert run(refused(url)) == 401
    assert fetch(url, "/metrics")[0] == 401
    assert fetch(url, "/metrics", {"Authorization": "Bearer from-file"})[0] == 200
    assert fetch(url, "/health")[0] == 200
    server.terminate()
    server.finish()
    assert "from-" not in server.story


def test_subprotocol_and_header(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """The first subprotocol that both speak is agreed on; further headers are in the answer."""
    url = serving("-s", "v2", "-s", "v1", "--server-header", "X-Colour: blue")

    async def scenario() -> tuple[str | None, str]:
        async with connect(url, subprotocols=["v1", "v2"]) as ws:
            return ws.subprotocol, ws.response_headers["x-colour"]

    assert run(scenario()) == ("v2", "blue")


# -- TLS -----------------------------------------------------------------------------------------------------------------


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


# -- limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flag", "status"), [("--max-connections", 503), ("--max-per-address", 429)])
def test_limited_connections(serving: Callable[..., str], run: Callable[[Any], Any], flag: str, status: int) -> None:
    """One client more than allowed is refused; when one leaves there is room again."""
    url = serving(flag, "1")

    async def scenario() -> None:
        async with connect(url):
            assert await refused(url) == status
        assert await refused(url) == 101

    run(scenario())


def test_a_message_that_is_too_big_closes_with_1009(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--max-size bounds what a client may send."""
    url = serving("--max-size", "1k")

    async def scenario() -> int:
        async with connect(url) as ws:
            await ws.send("x" * 1024)
            assert await ws.receive(10) == "x" * 1024
            await ws.send("x" * 1025)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    assert run(scenario()) == 1009


def test_a_flood_closes_with_1008(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--rate bounds messages a second."""
    url = serving("--rate", "5")

    async def scenario() -> int:
        async with connect(url) as ws:
            try:
                for _ in range(100):
                    await ws.send("x")
                    await ws.receive(10)
            except ConnectionClosed as closed:
                return closed.code
            return 0

    assert run(scenario()) == 1008


def test_a_flood_of_pongs_closes_with_1008_too(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--rate bounds what is no message as well, far above what an honest client sends."""
    url = serving("--rate", "5")

    async def scenario() -> int:
        async with connect(url) as ws:
            for _ in range(500):
                ws.pong()
            await ws.send("x")
            assert await ws.receive(10) == "x"
            for _ in range(20_000):
                ws.pong()
            with pytest.raises(ConnectionClosed) as closed:
                await ws.receive(10)
            return closed.value.code

    assert run(scenario()) == 1008


def test_a_client_that_only_connects_is_let_go(serving: Callable[..., str]) -> None:
    """--handshake-timeout bounds how long a client may say nothing."""
    url = urllib.parse.urlsplit(serving("--handshake-timeout", "200ms"))
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=10) as silent:
        while silent.recv(4096):
            pass


def test_oneshot_serves_one_client_and_ends(launch: Launch, run: Callable[[Any], Any]) -> None:
    """After its only client the server ends with 0; a second one is refused."""
    server = launch("wseserver", "0", "--announce", "--oneshot")
    url = server.wait_for("ws://", on="out")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("x")
            await ws.receive(10)
            assert await refused(url) == 503

    run(scenario())
    assert server.finish() == 0


# -- connections ---------------------------------------------------------------------------------------------------------


def test_silent_clients_are_pinged_and_given_up(launch: Launch) -> None:
    """A client that answers no ping is let go after --ping-interval and --ping-timeout."""
    server = launch("wseserver", "0", "--announce", "--ping-interval", "100ms", "--ping-timeout", "100ms")
    url = urllib.parse.urlsplit(server.wait_for("ws://", on="out"))
    request = (
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=10) as dead:
        dead.sendall(request.encode())
        server.wait_for("closed with 1006")


def test_compression_is_agreed_on(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--compress accepts permessage-deflate; without it nothing is agreed."""

    async def agreed(url: str) -> str:
        async with connect(url, compression=True) as ws:
            await ws.send("x" * 1000)
            assert await ws.receive(10) == "x" * 1000
            return ws.response_headers.get("sec-websocket-extensions", "")

    assert "permessage-deflate" in run(agreed(serving("--compress")))
    assert run(agreed(serving())) == ""


def test_forwarded_addresses_are_believed_on_request(launch: Launch, run: Callable[[Any], Any]) -> None:
    """Behind a reverse proxy the log names the client; without the flag the header means nothing."""
    for flags, name in ((("--forwarded-by", "1"), "203.0.113.7"), ((), "127.0.0.1")):
        server = launch("wseserver", "0", "--announce", *flags)
        run(converse(server.wait_for("ws://", on="out"), "x", headers={"X-Forwarded-For": "203.0.113.7"}))
        assert name in server.wait_for("connected")


def test_the_log_may_be_json(launch: Launch, run: Callable[[Any], Any]) -> None:
    """With --json every event is one object with its facts."""
    server = launch("wseserver", "0", "--announce", "--json")
    run(converse(server.wait_for("ws://", on="out"), "x"))
    server.wait_for("disconnected")
    server.terminate()
    assert server.finish() == 0
    events = {event["event"]: event for event in map(json.loads, server.err)}
    assert list(events) == ["listening", "connected", "disconnected", "stopping"]
    assert events["disconnected"]["code"] == 1000
    assert events["disconnected"]["received"] == events["disconnected"]["sent"] == 1


@pytest.mark.parametrize(
    ("flag", "shown", "hidden"),
    [("-v", "> HTTP/1.1 101", "TEXT"), ("-vv", "< TEXT 5", "hello"), ("-vvv", "< TEXT 5 hello", "nothing")],
)
def test_verbose_shows_more_and_more(
    launch: Launch, run: Callable[[Any], Any], flag: str, shown: str, hidden: str
) -> None:
    """-v shows handshakes, -vv kinds of frames, -vvv what is in them."""
    server = launch("wseserver", "0", "--announce", flag)
    run(converse(server.wait_for("ws://", on="out"), "hello"))
    server.wait_for(shown)
    server.terminate()
    server.finish()
    assert hidden not in server.story


# -- misbehaviour --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "answers", "code"),
    [
        (("--drop-after", "2"), 2, 1006),
        (("--drop-after", "2", "--close-code", "4001"), 2, 4001),
        (("--close-code", "1013"), 0, 1013),
    ],
)
def test_connections_end_as_told(
    serving: Callable[..., str], run: Callable[[Any], Any], flags: tuple[str, ...], answers: int, code: int
) -> None:
    """A connection is cut or closed after so many messages, or at once."""
    url = serving(*flags)

    async def scenario() -> tuple[int, int | None]:
        async with connect(url) as ws:
            count = 0
            try:
                while True:
                    await ws.send("x")
                    await ws.receive(10)
                    count += 1
            except (ConnectionClosed, StateError):
                await ws.wait_closed()
            return count, ws.close_code

    assert run(scenario()) == (answers, code)


def test_latency_is_added(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """An answer comes no sooner than --latency-ms."""
    url = serving("--latency-ms", "300")

    async def scenario() -> float:
        async with connect(url) as ws:
            started_s = time.monotonic()
            await ws.send("x")
            await ws.receive(10)
            return time.monotonic() - started_s

    assert run(scenario()) >= 0.3


def test_pongs_are_withheld(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """After --inhibit-pongs N pings, no more are answered."""
    url = serving("--inhibit-pongs", "2")

    async def scenario() -> None:
        async with connect(url) as ws:
            await ws.send("the server counts from here")
            await ws.receive(10)
            await ws.ping(timeout_s=10)
            await ws.ping(timeout_s=10)
            with pytest.raises(DeadlineError):
                await ws.ping(timeout_s=0.3)
            await ws.send("still here")
            assert await ws.receive(10) == "still here"

    run(scenario())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--close-code", "1005"), "1005"),
        (("--chmod", "999"), "--chmod 999"),
        (("--path", "ws"), "a path begins with /"),
        (("--server-header", "nonsense"), "has no colon"),
        (("--auth", "user"), "no terminal to ask at"),
        (("--origin", "x\ny"), "line break"),
    ],
)
def test_settings_that_cannot_work_are_usage_errors(launch: Launch, flags: tuple[str, ...], words: str) -> None:
    """A mistake is one sentence with exit status 2, before the server listens."""
    server = launch("wseserver", "0", *flags)
    assert server.finish() == 2
    assert words in server.err[-1]


# -- set-up --------------------------------------------------------------------------------------------------------------


def test_echo_is_the_default_and_may_be_said(serving: Callable[..., str], run: Callable[[Any], Any]) -> None:
    """--echo and its other name change nothing."""
    for flags in ((), ("--echo",), ("--mirror",)):
        assert run(converse(serving(*flags), "x")) == ["x"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no unix sockets in asyncio")
def test_no_unlink_leaves_a_stale_socket(launch: Launch, tmp_path: Path) -> None:
    """With --no-unlink a socket that is in the way is an error, and stays."""
    path = tmp_path / "ws.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = launch("wseserver", "--unix-socket", str(path), "--no-unlink")
    assert server.finish() == 45
    assert path.exists()


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


def test_profiles_give_the_server_defaults(launch: Launch, run: Callable[[Any], Any], tmp_path: Path) -> None:
    """--config and --profile work as the client's."""
    file = tmp_path / "profiles.toml"
    file.write_text('announce = true\nport = 0\n[profile.parrot]\nreply = "polly"\n', encoding="utf-8")
    server = launch("wseserver", "--config", str(file), "--profile", "parrot")
    assert run(converse(server.wait_for("ws://", on="out"), "x")) == ["polly"]


def test_debug_shows_the_traceback(launch: Launch) -> None:
    """With --debug an error comes with its traceback."""
    server = launch("wseserver", "0", "--chmod", "999", "--debug")
    assert server.finish() == 2
    assert any(line.startswith("Traceback") for line in server.err)
