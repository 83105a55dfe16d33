"""Our clients as victims: each kind does what a program does with it, again and again, and says how each try ended.

An outcome is a close code (``closed 1009``), the name of an error's class, ``held`` where nothing had ended when time was
over, or ``whole`` for an answer that could be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hostile.server_attacks import SECRET

__all__ = ["KINDS", "Bout"]

SOON_S = 2.0
"""Deadline of each step in these clients, seconds."""
BREATH_S = 0.01
"""Rest between two tries of a client that does not try again by itself."""


@dataclass
class Bout:
    """One client against one hostile server."""

    job: dict[str, Any]
    until_s: float
    """Time of ``time.monotonic()`` at which to stop."""
    outcomes: Counter[str] = field(default_factory=Counter)
    tries: int = 0
    longest_s: float = 0.0
    """Longest of the tries that ended by themselves."""
    messages: int = 0
    untidy: list[str] = field(default_factory=list)
    """Words of errors that are no line for people."""

    @property
    def options(self) -> dict[str, Any]:
        """Options of the case."""
        return dict(self.job["options"])

    @property
    def is_over(self) -> bool:
        """Whether time is over."""
        return time.monotonic() >= self.until_s

    def url(self) -> str:
        """Where to go."""
        host = f"127.0.0.1:{self.job['port']}"
        if self.job["proxy"]:
            host = "elsewhere.example"
        return f"{'wss' if self.job['tls'] else 'ws'}://{host}/v1/stream"

    def failed(self, error: BaseException) -> None:
        """Take down an error."""
        from wsexample.errors import ConnectionClosed

        name = type(error).__name__
        self.outcomes[f"closed {error.code}" if type(error) is ConnectionClosed else name] += 1
        words = str(error)
        is_wsc = name.startswith("WebSocketBadStatus")  # websocket-client's own form has headers and body
        if not is_wsc and (not words or len(words) > 500 or not words.isprintable()):
            self.untidy.append(f"{name}: {words[:60]!r}, {len(words)} letters")

    def ended(self, begun_s: float) -> None:
        """Take down how long a try took."""
        self.longest_s = max(self.longest_s, time.monotonic() - begun_s)


async def _again(bout: Bout, one: Callable[[Bout], Awaitable[None]]) -> None:
    """Try until time is over; a try that is not over then was held."""
    while not bout.is_over:
        bout.tries += 1
        begun_s = time.monotonic()
        try:
            async with asyncio.timeout(max(bout.until_s - begun_s, 0)) as limit:
                await one(bout)
            bout.ended(begun_s)
        except Exception as error:  # noqa: BLE001 - what it is is what is asked here
            if limit.expired():
                bout.outcomes["held"] += 1
            else:
                bout.failed(error)
                bout.ended(begun_s)
        await asyncio.sleep(BREATH_S)


def _wire_options(bout: Bout) -> dict[str, Any]:
    more: dict[str, Any] = {
        "proxy": f"{bout.job['proxy']}://127.0.0.1:{bout.job['port']}" if bout.job["proxy"] else None
    }
    if bout.job["tls"]:
        from wsexample.wire.tls import TlsOptions

        more["tls"] = TlsOptions(verify=False)
    return {
        "connect_timeout_s": SOON_S,
        "handshake_timeout_s": SOON_S,
        "close_timeout_s": 1.0,
        "ping_interval_s": 1.0,
        "ping_timeout_s": 1.0,
        "headers": {"Authorization": "Bearer " + SECRET.decode(), "Cookie": "a=" + SECRET.decode()},
        "max_redirects": 5,
        **more,
        **bout.options,
    }


async def _connect(bout: Bout) -> None:
    from wsexample import connect

    async with connect(bout.url(), **_wire_options(bout)) as ws:
        match bout.job["does"]:
            case "send":
                while True:
                    await ws.send(bytes(65_536))
            case "both":

                async def send() -> None:
                    while True:
                        await ws.send(bytes(65_536))

                sending = asyncio.create_task(send())
                try:
                    async for _ in ws.payloads():
                        bout.messages += 1
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
            case "nothing":
                await ws.wait_closed()
            case _:
                async for _ in ws.payloads():
                    bout.messages += 1
        bout.outcomes[f"closed {ws.close_code}"] += 1


async def connect_again(bout: Bout) -> None:
    """`wsexample.connect`, by a program that dials again at once."""
    await _again(bout, _connect)


async def _protocol(bout: Bout) -> None:
    from wsexample.wire.autobahn import WebSocketClientFactory, WebSocketClientProtocol, deflate_client_options

    over: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    class Client(WebSocketClientProtocol):
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            bout.messages += 1

        def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
            if not over.done():
                over.set_result(code)

        def pause_writing(self) -> None:  # as `wsexample.echo` shows
            self.pauseReading()

        def resume_writing(self) -> None:
            self.resumeReading()

    factory = WebSocketClientFactory(bout.url())
    factory.protocol = Client
    options = bout.options
    factory.setProtocolOptions(
        maxMessagePayloadSize=options.get("max_message_bytes", 64 * 1024 * 1024),
        openHandshakeTimeout=SOON_S,
        closeHandshakeTimeout=1,
        serverConnectionDropTimeout=1,
        autoPingInterval=options.get("ping_interval_s", 1),
        autoPingTimeout=1,
        failByDrop=False,
        **(deflate_client_options() if options.get("compression") else {}),
    )
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(factory, "127.0.0.1", bout.job["port"])
    try:
        bout.outcomes[f"closed {await over}"] += 1
    finally:
        transport.abort()


async def protocol_again(bout: Bout) -> None:
    """The protocol classes with Autobahn's names."""
    await _again(bout, _protocol)


async def _in_session(bout: Bout, session: Any) -> None:
    """Let a session live until time is over; each of its failures is an outcome, and so is its end."""
    from wsexample.session.events import Failed

    async def follow() -> None:
        begun_s = time.monotonic()
        async for event in session.events():
            if isinstance(event, Failed):
                bout.failed(event.error)
                bout.ended(begun_s)
                begun_s = time.monotonic()

    following = asyncio.create_task(follow())
    session.start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(bout.until_s - time.monotonic(), 0)):
            try:
                async for batch in session.batches():
                    bout.messages += len(batch)
            except Exception as error:  # noqa: BLE001 - the failure is an outcome already
                bout.outcomes[f"gave up: {type(error).__name__}"] += 1
            await asyncio.Event().wait()
    if session.phase != "closed":
        bout.outcomes["held"] += 1
    begun_s = time.monotonic()
    await session.close()
    bout.ended(begun_s)
    bout.tries += session.stats.attempts
    await following


async def session_again(bout: Bout) -> None:
    """`Session` with a language that wants its subscription answered."""
    from wsexample.ports import NOTHING, Dialect, Step
    from wsexample.session.options import Retry
    from wsexample.session.session import Session
    from wsexample.wire.options import ConnectOptions

    class Plain(Dialect):
        venue = "hostile"

        def start(self) -> Step:
            return Step(phase="subscribing")

        def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
            bout.messages += 1
            return NOTHING

        def subscribe(self, topics: Iterable[str]) -> Step:
            return Step(replies=["subscribe"], confirmed=tuple(topics) if bout.job["does"] != "unanswered" else ())

        def unsubscribe(self, topics: Iterable[str]) -> Step:
            return NOTHING

        def heartbeat(self, now_ns: int) -> Step:
            return NOTHING

    session = Session(
        Plain(),
        ["a"],
        url=ConnectOptions(url=bout.url(), **_wire_options(bout)),
        retry=Retry(first_s=0.1, max_s=1.0),
        open_timeout_s=2 * SOON_S,
        subscribe_timeout_s=SOON_S,
    )
    await _in_session(bout, session)


async def hub_again(bout: Bout) -> None:
    """A reader of a hub."""
    from wsexample import connect_hub
    from wsexample.session.options import Retry
    from wsexample.wire.options import ConnectOptions

    session = connect_hub(
        ConnectOptions(url=bout.url(), **_wire_options(bout)),
        token="wsx_" + SECRET.decode(),
        policy="drop_oldest",
        retry=Retry(first_s=0.1, max_s=1.0),
        login_timeout_s=SOON_S,
        subscribe_timeout_s=SOON_S,
    )
    await _in_session(bout, session)


async def _in_thread(bout: Bout, work: Callable[[], None]) -> None:
    """Run blocking work in a thread of its own and wait for its end, which its own deadlines bound."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - what it is is what is asked here
            bout.failed(error)
        finally:
            loop.call_soon_threadsafe(over.set)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(max(bout.until_s - time.monotonic(), 0) + 30):
            await over.wait()
        thread.join(5)
    except TimeoutError:
        bout.outcomes["hung"] += 1


def _sync_options(bout: Bout) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if bout.job["proxy"]:
        more = {
            "http_proxy_host": "127.0.0.1",
            "http_proxy_port": bout.job["port"],
            "proxy_type": bout.job["proxy"],
            "http_proxy_timeout": SOON_S,
        }
    if bout.job["tls"]:
        more["sslopt"] = {"cert_reqs": 0, "check_hostname": False}
    options = bout.options
    return {
        "max_message_bytes": options.get("max_message_bytes", 64 * 1024 * 1024),
        "compression": options.get("compression", False),
        **more,
    }


async def sync_again(bout: Bout) -> None:
    """`wsexample.sync.create_connection`, as a program does that reads with a timeout."""
    from wsexample import sync

    def one() -> None:
        header = ["Authorization: Bearer " + SECRET.decode()]
        ws = sync.create_connection(
            bout.url(), timeout=SOON_S, header=header, cookie="a=" + SECRET.decode(), **_sync_options(bout)
        )
        try:
            while not bout.is_over:
                if bout.job["does"] in ("send", "both"):
                    ws.send(bytes(65_536))
                    continue
                begun_s = time.monotonic()
                try:
                    if ws.recv(timeout=SOON_S) == "":
                        code = ws.close_frame or ws._peer_close
                        bout.outcomes["closed 1000" if code is not None else "closed"] += 1
                        return
                    bout.messages += 1
                except sync.WebSocketTimeoutException:
                    bout.outcomes["WebSocketTimeoutException"] += 1
                finally:
                    bout.ended(begun_s)
            bout.outcomes["held"] += 1
        finally:
            ws.close(timeout=1)

    def work() -> None:
        while not bout.is_over:
            bout.tries += 1
            begun_s = time.monotonic()
            try:
                one()
            except Exception as error:  # noqa: BLE001 - what it is is what is asked here
                bout.failed(error)
                bout.ended(begun_s)
            time.sleep(BREATH_S)

    await _in_thread(bout, work)


async def app_again(bout: Bout) -> None:
    """`wsexample.sync.WebSocketApp` that reconnects by itself."""
    from wsexample import sync

    options = _sync_options(bout)
    begun_s = time.monotonic()

    def opened(app: Any) -> None:
        if bout.job["does"] in ("send", "both"):
            threading.Thread(target=send, args=(app,), daemon=True).start()

    def send(app: Any) -> None:
        with contextlib.suppress(Exception):
            while not bout.is_over:
                app.send_bytes(bytes(65_536))

    def message(app: Any, data: Any) -> None:
        bout.messages += 1

    def failed(app: Any, error: Exception) -> None:
        nonlocal begun_s
        bout.failed(error)
        bout.ended(begun_s)
        begun_s = time.monotonic()

    def header() -> list[str]:
        bout.tries += 1
        return ["Authorization: Bearer " + SECRET.decode()]

    app = sync.WebSocketApp(
        bout.url(),
        header=header,
        on_open=opened,
        on_reconnect=opened,
        on_message=message,
        on_error=failed,
        cookie="a=" + SECRET.decode(),
        max_message_bytes=options.pop("max_message_bytes"),
        compression=options.pop("compression"),
    )
    sync.setdefaulttimeout(SOON_S)
    timer = threading.Timer(max(bout.until_s - time.monotonic(), 0), app.close)
    timer.start()
    try:
        await _in_thread(bout, lambda: app.run_forever(ping_interval=1.5, ping_timeout=1, reconnect=0.1, **options))
    finally:
        timer.cancel()
    bout.outcomes["held"] += 1


async def rest_again(bout: Bout) -> None:
    """The REST clients of the three brokers, one call of each after the other."""
    from wsexample.brokers.alpaca.rest import AlpacaTradingRest
    from wsexample.brokers.kabu.rest import KabuRest
    from wsexample.brokers.weex.config import WeexConfig
    from wsexample.brokers.weex.rest import WeexRest

    secret = SECRET.decode()
    base = f"http://127.0.0.1:{bout.job['port']}"
    which = 0

    async def one(bout: Bout) -> None:
        nonlocal which
        which += 1
        if which % 3 == 0:
            async with KabuRest(host="127.0.0.1", port=bout.job["port"], token=secret, timeout_s=SOON_S) as kabu:
                await kabu.fetch_cash_wallet()
        elif which % 3 == 1:
            async with AlpacaTradingRest(secret, secret, url=base, timeout_s=SOON_S) as alpaca:
                await alpaca.fetch_account()
        else:
            config = WeexConfig(secret, secret, secret, rest_url=base, timeout=SOON_S, max_retries=1)
            async with WeexRest(config) as weex:
                await weex.fetch_time_ms()
        bout.outcomes["whole"] += 1

    await _again(bout, one)


KINDS: dict[str, Callable[[Bout], Awaitable[None]]] = {
    "connect": connect_again,
    "protocol": protocol_again,
    "session": session_again,
    "hub-reader": hub_again,
    "sync": sync_again,
    "app": app_again,
    "rest": rest_again,
}
