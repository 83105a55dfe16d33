"""Known secrets are planted in every input, and looked for in every output: logs, traces, reprs, errors, files, commands."""

from __future__ import annotations

import asyncio
import base64
import gc
import importlib.util
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from functools import cache, partial
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tests.cli.simulated import run_here
from tests.conftest import Runner
from tests.hub.parts import Client
from tests.hub.parts import quote as quote_of
from wsexample import sync
from wsexample.brokers.alpaca import AlpacaStream, AlpacaTradingStream
from wsexample.brokers.alpaca.credentials import AlpacaCredentials
from wsexample.brokers.alpaca.rest import AlpacaTradingRest
from wsexample.brokers.alpaca.simulator import AlpacaSimulator, Switches
from wsexample.brokers.credentials import find_settings
from wsexample.brokers.kabu.client import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.kabu.simulator import Switches as KabuSwitches
from wsexample.brokers.weex.client import WeexConfig, WeexWebSocketClient
from wsexample.brokers.weex.rest import WeexRest
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.cli.server.access import Access as ServerAccess
from wsexample.doors.hub import connect_hub
from wsexample.errors import CredentialsError, HandshakeError, OptionError, WsExampleError
from wsexample.hub.access import Access, TokenFile
from wsexample.hub.desk import Desk, DeskOptions
from wsexample.hub.nats_backplane import NatsBackplane
from wsexample.hub.server import Hub
from wsexample.records.fields import encode_json
from wsexample.session.options import Retry
from wsexample.sinks.base import open_sink
from wsexample.tape.format import Source
from wsexample.tape.recorder import Recorder
from wsexample.wire.connection import connect
from wsexample.wire.options import ConnectOptions, ProxyOptions, TlsOptions
from wsexample.wire.server import Reject, Request, ServerConnection, serve
from wsexample.wire.trace import Trace

USER = "anna"
ONCE = Retry(max_attempts=1)
QUICK = Retry(first_s=0.02, max_s=0.1, interval_s=0.01)

LOGINS = (
    '{"action":"auth","key":"{}","secret":"{}"}',
    '{"action":"authenticate","data":{"key_id":"{}","secret_key":"{}"}}',
    '{"action":"authenticate","data":{"oauth_token":"{}"}}',
    '{"op":"auth","token":"{}"}',
    '{"APIPassword": "{}"}',
    '{"op":"login","args":[{"apiKey":"{}","passphrase":"{}","sign":"{}"}]}',
    "grant_type=x&client_secret={}&refresh_token={}",
)
"""What a program may send to log in somewhere."""


class Sweep:
    """Collects what could be seen, and finds secrets in it."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.texts: list[str] = []

    def plant(self, what: str) -> str:
        """Return a secret that stands nowhere else."""
        number = len(self.secrets)
        self.secrets[what] = secret = f"Hush{number:02}{what.title().replace(' ', '')}x7f3a9c{number:02}"
        return secret

    def keep(self, *things: object) -> None:
        """Take note of what somebody may see of these."""
        for thing in things:
            match thing:
                case str():
                    self.texts.append(thing)
                case bytes():
                    self.texts.append(thing.decode("latin-1"))
                case BaseException():
                    self.texts += [str(thing), repr(thing), repr(vars(thing)), *traceback.format_exception(thing)]
                case _:
                    self.texts += [repr(thing), str(thing)]

    @property
    def found(self) -> set[str]:
        """Which secrets can be seen: as they are, in URLs, in basic authorizations, in dumps."""
        text = "\n".join(self.texts)
        return {what for what, secret in self.secrets.items() if any(form in text for form in forms(secret))}


def forms(secret: str) -> list[str]:
    """How a secret looks on its way."""
    pair = base64.b64encode(f"{USER}:{secret}".encode()).decode().rstrip("=")
    return [secret, quote(secret), pair[:20], pair[-7:], secret.encode().hex(), secret[4:9].encode().hex(" ")]


@pytest.fixture
def sweep(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Sweep]:
    """Everything logged at any level and everything printed is looked at in the end, beside what a test keeps."""
    caplog.set_level(logging.DEBUG)
    made = Sweep()
    yield made
    made.keep(caplog.text, *capfd.readouterr())
    assert made.secrets
    assert made.found == set()


@pytest.fixture(autouse=True)
def _no_credentials_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the proxy or the keys of who runs it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


class Refuser:
    """A server that answers everything with 401 and remembers what it was told."""

    def __init__(self) -> None:
        heard = self.heard = bytearray()

        class Handler(StreamRequestHandler):
            timeout = 10

            def handle(self) -> None:
                length = 0
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    heard.extend(line)
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split()[1])
                heard.extend(self.rfile.read(length))
                self.wfile.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Refuser:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def knows(self, secret: str) -> bool:
        """Tell whether the secret was said, in any form."""
        return any(form in self.heard.decode("latin-1") for form in forms(secret))


@pytest.fixture
def refuser() -> Iterator[Refuser]:
    with Refuser() as made:
        yield made


# -- the wire ----------------------------------------------------------------------------------------------------------


def ways_in(host: str, plant: Callable[[str], str]) -> list[dict[str, Any]]:
    """Every option of a connection that takes a secret."""
    return [
        {"url": f"ws://{USER}:{plant('user info')}@{host}/"},
        {"url": f"ws://{host}/?token={plant('query')}&oauth_token={plant('oauth query')}&listenKey={plant('listen')}"},
        {"auth": (USER, plant("basic"))},
        {"bearer": plant("bearer")},
        {"cookie": {"session": plant("cookie")}},
        {"cookie": f"session={plant('cookie text')}"},
        {"headers": {"X-API-KEY": plant("kabu header"), "Authorization": f"Token {plant('odd scheme')}"}},
        {"headers": [("APCA-API-KEY-ID", plant("alpaca id")), ("APCA-API-SECRET-KEY", plant("alpaca header"))]},
        {"headers": [f"ACCESS-SIGN: {plant('signature')}", f"ACCESS-PASSPHRASE: {plant('passphrase header')}"]},
        {"headers": partial(dict, Authorization=f"Bearer {plant('called header')}")},
    ]


async def converse(host: str, options: dict[str, Any], trace: Trace, sweep: Sweep) -> None:
    """Connect, log in by message, be refused on another path, and find nobody at home."""
    options = {"url": f"ws://{host}/", **options}
    secret = sweep.plant("frame")
    async with connect(**options, trace=trace) as ws:
        for login in LOGINS:
            await ws.send(login.replace("{}", secret))
            await ws.receive(5)
        await ws.send(msgspec.msgpack.encode({"action": "auth", "secret": secret}))
        await ws.receive(5)
        sweep.keep(ws, ConnectOptions(**options))
    for elsewhere in (options["url"].replace(f"{host}/", f"{host}/no"), options["url"].replace(host, "127.0.0.1:1")):
        with pytest.raises(WsExampleError) as caught:
            await connect(**{**options, "url": elsewhere}, trace=trace)
        sweep.keep(caught.value)


@pytest.mark.parametrize("settings", [{}, {"as_hex": True}, {"show_secrets": True}], ids=["text", "hex", "shown"])
def test_connections_keep_secrets(
    run: Runner[None], caplog: pytest.LogCaptureFixture, settings: dict[str, bool]
) -> None:
    """Of URLs, headers, cookies and login frames nothing is in traces, logs, reprs, errors; unless a trace shall show it."""
    caplog.set_level(logging.DEBUG)
    sweep = Sweep()
    heard: list[str] = []

    async def accept(request: Request) -> Reject | None:
        heard.append(f"{dict(request.headers)} {dict(request.query)}")
        sweep.keep(request)
        return Reject(401) if request.path == "/no" else None

    async def echo(ws: ServerConnection) -> None:
        sweep.keep(ws, ws.request)
        async for message in ws:
            await ws.send(message)

    async def main() -> None:
        async with serve(echo, accept=accept) as server:
            host = server.url.removeprefix("ws://").rstrip("/")
            trace = Trace(sweep.keep, **settings)
            for options in ways_in(host, sweep.plant):
                await converse(host, options, trace, sweep)
            sweep.keep(server)

    run(main())
    sweep.keep(caplog.text)
    told = Sweep()
    told.secrets, told.texts = sweep.secrets, heard
    assert told.found == set(sweep.secrets) - {"frame"}
    assert sweep.found == (set(sweep.secrets) if settings.get("show_secrets") else set())


@pytest.mark.parametrize("form", ["url", "no scheme", "apart", "header", "environment", "socks"])
def test_proxies_keep_secrets(
    run: Runner[None], sweep: Sweep, refuser: Refuser, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A proxy's password is said to the proxy alone."""
    secret, where = sweep.plant("proxy"), f"127.0.0.1:{refuser.port}"
    proxy: Any = {
        "url": f"http://{USER}:{secret}@{where}",
        "no scheme": f"{USER}:{secret}@{where}",
        "apart": ProxyOptions(url=f"http://{where}", username=USER, password=secret),
        "header": ProxyOptions(url=f"http://{where}", headers={"Proxy-Authorization": f"Bearer {secret}"}),
        "environment": ProxyOptions(),
        "socks": f"socks5://{USER}:{secret}@{where}",
    }[form]
    monkeypatch.setenv("ws_proxy", f"http://{USER}:{secret}@{where}")

    async def main() -> None:
        with pytest.raises(WsExampleError) as caught:
            await connect("ws://venue.example/", proxy=proxy, connect_timeout_s=0.5, trace=Trace(sweep.keep))
        sweep.keep(caught.value, ConnectOptions(url="ws://h/", proxy=proxy))

    run(main())
    assert form == "socks" or refuser.knows(secret)


MISTAKES: list[Callable[[str], object]] = [
    lambda secret: ConnectOptions(url=f"ws://{USER}:{secret}@h:port/"),
    lambda secret: ConnectOptions(url=f"ws://{USER}:a/{secret}@h/"),
    lambda secret: ConnectOptions(url=f"ws://{USER}:{secret}#b@h/"),
    lambda secret: ConnectOptions(url=f"ws://{USER}:{secret}@[h/"),
    lambda secret: ConnectOptions(url=f"ws://[h/?token={secret}"),
    lambda secret: ConnectOptions(url=f"{USER}:{secret}@h"),
    lambda secret: ConnectOptions(url=f"http://{USER}:{secret}@h"),
    lambda secret: ConnectOptions(url="ws://h", bearer=f"{secret}\n"),
    lambda secret: ConnectOptions(url="ws://h", cookie=f"{secret}\r"),
    lambda secret: ConnectOptions(url="ws://h", headers={"X-API-KEY": f"{secret}\n"}),
    lambda secret: ConnectOptions(url="ws://h", headers=[f"X-API-KEY {secret}"]),
    lambda secret: ConnectOptions(url="ws://h", auth=("a:b", secret)),
    lambda secret: ConnectOptions(url="ws://h", auth=(USER, secret), bearer=secret),
    lambda secret: ConnectOptions(url="ws://h", proxy=f"{USER}:{secret}@proxy:port"),
    lambda secret: ConnectOptions(url="ws://h", proxy=f"http://{USER}:{secret}/b@proxy"),
    lambda secret: ConnectOptions(url="ws://h", proxy=f"ftp://{USER}:{secret}@proxy"),
    lambda secret: AlpacaCredentials(secret),
    lambda secret: AlpacaCredentials(secret, oauth_token=secret),
    lambda secret: AlpacaCredentials("key", f"{secret}\n x"),
    lambda secret: KabuClient("9433", token=f"{secret} \n x"),
    lambda secret: WeexConfig(secret, secret, secret, market="none"),
    lambda secret: open_sink(f"{USER}:{secret}@h/x"),
    lambda secret: open_sink(f"nats://{USER}:{secret}/b@h/R"),
    lambda secret: open_sink(f"nats://{USER}:{secret}@h/R?what=1"),
    lambda secret: open_sink(f"mongodb://{USER}:{secret}?b@h/d"),
    lambda secret: open_sink(f"mongodb://{USER}:{secret}@h/d?timeout_s=0"),
    lambda secret: open_sink(f"parquet://{USER}:{secret}@h/x"),
]


@pytest.mark.parametrize("make", MISTAKES)
def test_mistakes_do_not_quote_secrets(sweep: Sweep, make: Callable[[str], object]) -> None:
    """What is wrong with an option is said without the secret that stands beside it."""
    with pytest.raises(OptionError) as caught:
        make(sweep.plant("mistake"))
    sweep.keep(caught.value)


def test_objects_with_secrets_do_not_show_them(sweep: Sweep, tmp_path: Path) -> None:
    """Options, credentials, configurations, clients, sinks and what is found in files print without secrets."""
    plant = sweep.plant
    file = tmp_path / "keys.env"
    file.write_text(f"KABU_API_PASSWORD={plant('file')}\nAPCA_API_SECRET_KEY={plant('file too')}\n", encoding="utf-8")
    file.chmod(0o600)
    made: list[Any] = [
        TlsOptions(client_cert="c", client_key_password=plant("tls")),
        AlpacaCredentials(plant("alpaca key"), plant("alpaca secret")),
        AlpacaCredentials(oauth_token=plant("alpaca oauth")),
        AlpacaStream(plant("stream key"), plant("stream secret"), quotes="AAPL"),
        AlpacaTradingStream(oauth_token=plant("trading oauth")),
        AlpacaTradingRest(plant("rest key"), plant("rest secret")),
        KabuClient("9433", token=plant("kabu token")),
        KabuClient("9433", password=plant("kabu password")),
        WeexConfig(plant("weex key"), plant("weex secret"), plant("weex passphrase")),
        WeexWebSocketClient(WeexConfig(plant("client key"), plant("client secret"), plant("client passphrase"))),
        ServerAccess(users=[(USER, plant("server user"))], tokens=[plant("server token")]),
        find_settings(env_file=file),
        connect_hub("localhost:9", [">"], token=plant("hub token")),
        open_sink(f"nats://{USER}:{plant('nats sink')}@h/R"),
        open_sink(f"nats://{plant('nats token')}@h/R"),
        open_sink(f"mongodb://{USER}:{plant('mongo')}@h/d"),
        NatsBackplane(f"nats://{USER}:{plant('backplane')}@h", Desk(DeskOptions())),
        KabuSimulator(password=plant("simulated password")),
        AlpacaSimulator(secret_key=plant("simulated secret")),
        WeexSimulator(secret_key=plant("simulated weex")),
    ]
    sweep.keep(*made, made)
    for one in made[1:10]:
        sweep.keep(repr(getattr(one, "__dict__", "")))


BROKEN_REQUESTS = [
    "GET /?token={} HTLP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nAuthoriz\xe5tion: Bearer {}\r\n\r\n",
    "GET / HTTP/1.1\r\nAuthorization: Bearer {}\r\xf9\r\n\r\n",
    "{} / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
]


@pytest.mark.parametrize("has_http", [True, False], ids=["shared port", "websocket alone"])
def test_requests_that_are_no_http_are_not_quoted(run: Runner[None], sweep: Sweep, has_http: bool) -> None:
    """Anybody who reaches a port can send one, and one byte that changed on the way makes one of a good request."""

    async def hold(ws: ServerConnection) -> None:
        await ws.wait_closed()

    async def page(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=str(await request.read()))

    async def main() -> None:
        async with serve(hold, http=page if has_http else None) as server:
            for number, request in enumerate(BROKEN_REQUESTS):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(request.replace("{}", sweep.plant(f"broken {number}")).encode("latin-1"))
                writer.write_eof()
                async with asyncio.timeout(10):
                    await reader.read()  # whoever sent it may see it
                writer.close()

    run(main())


# -- the blocking twin -------------------------------------------------------------------------------------------------


def test_the_blocking_twin_keeps_secrets(sweep: Sweep, refuser: Refuser) -> None:
    """With its trace on: headers, cookies, user info and proxy passwords are in no line and no error."""
    plant, url = sweep.plant, f"ws://127.0.0.1:{refuser.port}/"
    proxy = {"http_proxy_host": "127.0.0.1", "http_proxy_port": refuser.port}
    errors: list[Exception] = []
    sync.enableTrace(True, logging.NullHandler())
    try:
        for address, options in (
            (url, {"header": {"X-API-KEY": plant("mapping")}}),
            (url, {"header": [f"Authorization: Bearer {plant('line')}"], "cookie": f"a={plant('cookie')}"}),
            (url.replace("//", f"//{USER}:{plant('user info')}@"), {}),
            ("ws://venue.example/", {**proxy, "http_proxy_auth": (USER, plant("proxy"))}),
        ):
            with pytest.raises(sync.WebSocketException) as caught:
                sync.create_connection(address, timeout=5, **options)
            sweep.keep(caught.value)
            app = sync.WebSocketApp(
                address,
                header=options.get("header"),
                cookie=options.get("cookie"),
                on_error=lambda _, e: errors.append(e),
            )
            app.run_forever(**{name: value for name, value in options.items() if "proxy" in name})
            sweep.keep(app)
    finally:
        sync.enableTrace(False)
        logging.getLogger("websocket").setLevel(logging.NOTSET)
    assert len(errors) == 4
    sweep.keep(*errors)
    assert [what for what, secret in sweep.secrets.items() if not refuser.knows(secret)] == []


# -- brokers, with tape, store and journal -----------------------------------------------------------------------------


async def live_with(session: Any, sweep: Sweep, folder: Path, break_it: Callable[[], object]) -> None:
    """Receive, break, receive again, and keep everything in a store."""
    kept = [f"sqlite:///{folder}/records.db"]
    if importlib.util.find_spec("pyarrow"):
        kept.append(f"parquet:///{folder}/archive")
    async with AsyncExitStack() as stack:
        sinks = [await stack.enter_async_context(open_sink(url)) for url in kept]
        for number in range(20):
            async with asyncio.timeout(10):
                record = await session.receive()
            for sink in sinks:
                await sink.write([record])
            sweep.keep(record, encode_json(record))  # what JetStream and pipes get
            if number == 5:
                break_it()
        for sink in sinks:
            await sink.flush()
    sweep.keep(session)


def files_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("auth", ["message", "header"])
@pytest.mark.parametrize("kind", ["pair", "oauth"])
def test_alpaca_keeps_secrets(run: Runner[None], sweep: Sweep, tmp_path: Path, auth: Any, kind: str) -> None:
    """Market data and orders, through a break and a refusal, with tape, store and journal."""
    key, secret, token = sweep.plant("key"), sweep.plant("secret"), sweep.plant("oauth")
    who: dict[str, str] = {"oauth_token": token} if kind == "oauth" else {"key_id": key, "secret_key": secret}

    async def main() -> None:
        switches = Switches(dead_slot_s=0)
        async with AlpacaSimulator(switches=switches, quotes_per_s=100) as sim:
            sim.add_account(key, secret, oauth_token=token)
            where = {"rest_url": sim.url, "retry": QUICK, "journal": True}
            for codec in ("json", "msgpack"):
                data = AlpacaStream(**who, url=sim.stream_url, quotes="AAPL", auth=auth, codec=codec, **where)
                async with Recorder(tmp_path / f"{codec}.tape", Source(venue="alpaca"), codec="none") as tape:
                    data.attach(tape)
                    async with data:
                        await live_with(data, sweep, tmp_path, lambda: sim.reset("data"))
            trading = AlpacaTradingStream(**who, url=sim.trading_stream_url, **where)
            async with Recorder(tmp_path / "trading.tape", Source(venue="alpaca")) as tape:
                trading.attach(tape)
                async with trading:
                    await sim.wait_for("listening", 1)
            wrong = {name: f"{value}no" for name, value in who.items()}
            for stream in (
                AlpacaStream(**wrong, url=sim.stream_url, quotes="AAPL", auth=auth, **where),
                AlpacaTradingStream(**wrong, url=sim.trading_stream_url, **where),
            ):
                with pytest.raises(CredentialsError) as caught:
                    async with stream:
                        pass
                sweep.keep(caught.value, stream)
            sweep.keep(sim, sim.exchange, sim.stats)

    run(main())
    assert len(files_of(tmp_path)) >= 4
    sweep.keep(*files_of(tmp_path))


def test_kabu_keeps_secrets(run: Runner[None], sweep: Sweep, tmp_path: Path) -> None:
    """Boards, through a break, a new token and a refusal, with tape, store and journal."""
    password = sweep.plant("password")

    async def main() -> None:
        async with KabuSimulator(switches=KabuSwitches(), ticks_per_s=100, password=password) as sim:
            where = {"port": sim.port, "retry": QUICK, "journal": True, "policy": "drop_oldest"}
            async with (
                Recorder(tmp_path / "kabu.tape", Source(venue="kabu")) as tape,
                KabuClient("9433 7203", password=password, tap=tape, **where) as client,
            ):
                sweep.secrets["token"] = str(sim.station.token)
                await live_with(client, sweep, tmp_path, sim.reset)
                sweep.keep(client.rest, client.session)
            for wrong in ({"password": password[:-1]}, {"token": sweep.plant("wrong token")}):
                with pytest.raises(WsExampleError) as caught:
                    async with KabuClient("9433", **wrong, **{**where, "retry": ONCE}):
                        pass
                sweep.keep(caught.value)
            sweep.secrets["wrong password"] = password[:-1]
            sweep.keep(sim, sim.station, sim.stats)

    run(main())
    sweep.keep(*files_of(tmp_path))


def test_weex_keeps_secrets(run: Runner[None], sweep: Sweep, tmp_path: Path) -> None:
    """Private streams and calls, through a break and a refusal, with tape and store."""
    who = [sweep.plant("key"), sweep.plant("secret"), sweep.plant("passphrase")]

    async def main() -> None:
        names = dict(zip(("api_key", "secret_key", "passphrase"), who, strict=True))
        async with WeexSimulator(step_s=0.01, **names) as venue:
            urls = {"public_url": venue.public_url, "private_url": venue.private_url, "rest_url": venue.rest_url}
            config = WeexConfig(*who, **urls)
            async with (
                Recorder(tmp_path / "weex.tape", Source(venue="weex")) as tape,
                WeexWebSocketClient(config, backoff_base=0.01, on_session=lambda s: s.attach(tape)) as client,
                WeexRest(config) as rest,
            ):
                await client.connect(private=True)
                sweep.keep(await rest.fetch_balances())
                orders = client.stream_orders()
                waiting = asyncio.ensure_future(anext(orders))
                await venue.wait_for(lambda: any("orders" in str(body) for body in venue.received))
                await venue.trade()
                async with open_sink(f"sqlite:///{tmp_path}/records.db") as sink:
                    await sink.write([await waiting])
                await orders.aclose()
                venue.refuse_signatures()
                for call in (rest.fetch_balances(), client.reconnect(private=True)):
                    with pytest.raises(CredentialsError) as caught:
                        await call
                    sweep.keep(caught.value)
                sweep.keep(client, client.config, client.stats, rest, vars(client), venue)

    run(main())
    assert len(files_of(tmp_path)) >= 2
    sweep.keep(*files_of(tmp_path))


# -- hub, stores, commands ---------------------------------------------------------------------------------------------


def test_the_hub_keeps_tokens(run: Runner[None], sweep: Sweep, tmp_path: Path) -> None:
    """Tokens that hold and tokens that do not are in no log, audit, answer, metric or file."""
    tokens = TokenFile(tmp_path / "tokens.json")
    sweep.secrets["good"] = good = tokens.add("reader")
    bad = sweep.plant("bad")

    async def main() -> None:
        async with Hub(access=Access(tokens, anybody=None)) as hub:
            hub.publish([quote_of(1)])
            async with connect_hub(hub.url, [">"], token=good) as session:
                sweep.keep(await session.receive(5), session, session.dialect)
            by_header = await Client.to(hub, headers={"Authorization": f"Bearer {good}"})
            sweep.keep(list(hub.readers.values()), hub, hub.access)
            await by_header.connection.close()
            with pytest.raises(HandshakeError) as refused:
                await connect(hub.url, headers={"Authorization": f"Bearer {bad}"})
            with pytest.raises(CredentialsError) as unknown:
                async with connect_hub(hub.url, [">"], token=bad, retry=ONCE):
                    pass
            sweep.keep(refused.value, unknown.value)

    run(main())
    sweep.keep(*files_of(tmp_path))


@pytest.mark.parametrize("url", ["nats://{}@127.0.0.1:1/R?timeout_s=0.3", "mongodb://{}@127.0.0.1:1/d?timeout_s=0.3"])
def test_stores_that_are_away_keep_secrets(run: Runner[None], sweep: Sweep, url: str) -> None:
    """The error of a server that does not answer, with its causes, names it without the password."""
    sink = open_sink(url.replace("{}", f"{USER}:{sweep.plant('store')}"))

    async def main() -> None:
        with pytest.raises(WsExampleError) as caught:
            await sink.open()
        sweep.keep(caught.value, sink)

    run(main())
    with warnings.catch_warnings():  # the clients leave sockets of cancelled attempts to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


KEEPING = ["--journal", "breaks.jsonl", "--store", "records.db", "--record", "messages.tape"]
COMMANDS = [
    (["wseclient", "ws://anna:{a}@HOST/?token={b}", "-vvv", "-x", "hi"], {}),
    (["wseclient", "ws://HOST/", "-vvv", "-x", "hi", "--bearer", "{a}", "--cookie", "s={b}"], {}),
    (["wseclient", "ws://HOST/", "--trace-hex", "-x", "hi", "-H", "X-API-KEY: {a}"], {"WSECLIENT_AUTH": "anna:{b}"}),
    (["wseclient", "ws://venue.example/", "-x", "hi", "--proxy", "anna:{a}@HOST"], {}),
    (["dump", "-v2", "-t", "hi", "ws://anna:{a}@HOST/?token={b}"], {}),
    (["kclient", "{a}", "9433", "--host", "127.0.0.1", "--port", "PORT"], {}),
    (["kclient", "9433", "--host", "127.0.0.1", "--port", "PORT"], {"KABU_API_KEY": "{a}"}),
    (["alpaca", "account", "--url", "http://HOST"], {"APCA_API_KEY_ID": "{a}", "APCA_API_SECRET_KEY": "{b}"}),
    (["alpaca", "positions", "--url", "http://HOST"], {"APCA_API_OAUTH_TOKEN": "{a}"}),
    (["weex", "orders", "--url", "http://HOST"],
     {"WEEX_API_KEY": "{a}", "WEEX_SECRET_KEY": "{c}", "WEEX_PASSPHRASE": "{b}"}),
    (["watch", "ws://anna:{a}@HOST/?token={c}", "--no-reconnect", *KEEPING], {"WSEXAMPLE_HUB_TOKEN": "{b}"}),
    (["kclient", "9433", "--host", "127.0.0.1", "--port", "PORT", *KEEPING], {"KABU_API_PASSWORD": "{a}"}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "environment"), COMMANDS, ids=[" ".join(each[0])[:24] for each in COMMANDS])
def test_commands_keep_secrets(
    sweep: Sweep,
    refuser: Refuser,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
) -> None:
    """Refused and with --debug, which shows tracebacks and log lines: no secret of flags or the environment."""
    planted = {name: sweep.plant(name) for name in "abc"}

    def filled(text: str) -> str:
        text = text.replace("HOST", f"127.0.0.1:{refuser.port}").replace("PORT", str(refuser.port))
        for name, secret in planted.items():
            text = text.replace(f"{{{name}}}", secret)
        return text

    for name, value in environment.items():
        monkeypatch.setenv(name, filled(value))
    try:
        ended = run_here(capfd, *map(filled, arguments), "--debug")
    finally:
        sync.enableTrace(False)  # which `dump -v2` turns on for its process, and this one goes on
        logging.getLogger("websocket").setLevel(logging.NOTSET)
    sweep.keep("\n".join(ended.out), "\n".join(ended.err), *files_of(Path.cwd()))
    assert len(files_of(Path.cwd())) >= (3 if KEEPING[0] in arguments else 0)
    assert ended.status not in (0, 2, 70)
    assert "Traceback" in "\n".join(ended.err)
    assert any(refuser.knows(secret) for secret in planted.values())


HERE = ["--listen", "127.0.0.1:0"]
AWAY = "127.0.0.1:1"
MISTAKEN = [
    (["hub", *HERE, "--tokens", "tokens.json", "--backplane", "ftp://anna:{a}@h", "day.jsonl"], {}),
    (["watch", "ws://HOST/", "--no-reconnect", "--store", "mongodb://anna:{a}@" + AWAY + "/d?timeout_s=0.3"],
     {"WSEXAMPLE_HUB_TOKEN": "{b}"}),
    (["watch", "ws://HOST/", "--no-reconnect", "--store", "nats://anna:{a}@" + AWAY + "/R?timeout_s=0.3"], {}),
    (["watch", "ws://HOST/", "--no-reconnect", "--journal", "mongodb://anna:{a}@" + AWAY + "/d?timeout_s=0.3"], {}),
    (["replay", "day.jsonl", "--store", "mongodb://anna:{a}@" + AWAY + "/d?timeout_s=0.3"], {}),
    (["replay", "day.jsonl", "--store", "ftp://anna:{a}@h/d"], {}),
    (["query", "mongodb://anna:{a}@" + AWAY + "/d", "select 1"], {}),
    (["wseclient", "wss://" + AWAY, "--cert", "sealed.pem", "--passphrase", "{a}", "-x", "hi"], {}),
    (["wseserver", "--port", "0", "--cert", "sealed.pem", "--passphrase", "{a}", "--token", "{b}"], {}),
    (["wseserver", "--port", "0", "--cert", "sealed.pem", "--passphrase={a}", "--token", "{b}"], {}),
    (["wseclient", "wss://" + AWAY, "--cert", "sealed.pem", "--passphrase={a}", "-x", "hi"], {}),
    (["wseserver", "--port", "99999", "--auth", "anna:{a}", "--token", "{b}"], {}),
    (["wseclient", "--config", "broken.toml", "ws://" + AWAY], {}),
    (["kclient", "9433", "--port", "PORT"], {"KABU_API_PASSWORD": "{b}\nx"}),
    (["top", "http://anna:{a}@" + AWAY], {}),
    (["alpaca", "quotes", "AAPL", "--url", "ws://anna:{a}@" + AWAY], {"APCA_API_KEY_ID": "{b}"}),
]  # fmt: skip
"""Commands that fail before anybody is told anything: the address, the certificate or a value is wrong."""


@pytest.mark.parametrize(("arguments", "environment"), MISTAKEN, ids=[" ".join(each[0])[:40] for each in MISTAKEN])
def test_commands_that_fail_early_keep_secrets(
    sweep: Sweep,
    refuser: Refuser,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
) -> None:
    """What is told about a wrong store, server, certificate or value, with --debug too, quotes no secret beside it."""
    a, b = sweep.plant("a"), sweep.plant("b")

    def filled(text: str) -> str:
        place = f"127.0.0.1:{refuser.port}"
        return text.replace("HOST", place).replace("PORT", str(refuser.port)).replace("{a}", a).replace("{b}", b)

    Path("day.jsonl").write_bytes(encode_json(quote_of(1)) + b"\n")
    Path("tokens.json").write_text("{}", encoding="utf-8")
    Path("broken.toml").write_text(f"token = '{a}\nauth = {b}\n", encoding="utf-8")
    Path("sealed.pem").write_bytes(sealed_certificate())
    for name, value in environment.items():
        monkeypatch.setenv(name, filled(value))
    for flags in ([], ["--debug"]):
        ended = run_here(capfd, *map(filled, arguments), *flags)
        sweep.keep("\n".join(ended.out), "\n".join(ended.err))
        assert ended.status not in (0, 70), ended.err
    with warnings.catch_warnings():  # clients of stores leave sockets of cancelled attempts to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@cache
def sealed_certificate() -> bytes:
    """A certificate whose key has a passphrase that nobody is told."""
    import trustme
    from cryptography.hazmat.primitives import serialization as forms_of

    made = trustme.CA().issue_cert("localhost")
    key = forms_of.load_pem_private_key(made.private_key_pem.bytes(), None)
    sealed = key.private_bytes(
        forms_of.Encoding.PEM, forms_of.PrivateFormat.PKCS8, forms_of.BestAvailableEncryption(b"another")
    )
    return sealed + made.cert_chain_pems[0].bytes()


def arguments_of_processes() -> list[bytes]:
    """What ``ps`` shows of commands of ours, where the system has such files."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(one.read_bytes())
    return [command for command in found if b"wsexample" in command]


def test_a_hub_and_its_source_keep_secrets(run: Runner[None], sweep: Sweep, tmp_path: Path) -> None:
    """A password of a .env file is in no argument of hub and source, and on no page nor stderr, nor told at their end."""
    password = sweep.plant("file")
    path = tmp_path / ".env"
    path.write_text(f"KABU_API_PASSWORD={password}\n", encoding="utf-8")
    path.chmod(0o600)

    async def main() -> None:
        async with KabuSimulator(  # of a seed of its own: its token must not be one that another test gives to kclient
            password=password, seed=71_713, ticks_per_s=100, switches=KabuSwitches(first_board_delay_ms=0)
        ) as sim:
            words = ["-m", "wsexample.cli.hub.command", "--listen", "127.0.0.1:0", "--log-format", "json", "--"]
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, "kclient", "9433", "--port", str(sim.port),
                stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
            )  # fmt: skip
            assert process.stderr is not None
            said = b""
            try:
                async with asyncio.timeout(30):
                    while b"ws://" not in said and (line := await process.stderr.readline()):
                        said += line
                    url = said.decode().partition("ws://")[2].partition("/")[0]
                    await sim.wait_for("boards", 1, timeout_s=20)
                    async with aiohttp.ClientSession() as http:
                        for page in ("/", "/health", "/metrics", "/page/app.js"):
                            async with http.get(f"http://{url}{page}") as answer:
                                sweep.keep(await answer.text(), str(answer.headers))
                sweep.keep(*arguments_of_processes())
                sweep.secrets["token now"] = str(sim.station.token)
            finally:
                with suppress(ProcessLookupError):
                    process.terminate()
                said += (await asyncio.wait_for(process.communicate(), 20))[1]
            sweep.keep(said)

    run(main())
