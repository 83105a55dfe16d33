"""`Hub`: one upstream, many readers: the WebSocket side, the page and the HTTP side of it.

What is numbered and who gets it is `wsexample.hub.desk`; who may is `wsexample.hub.access`; the language is `wsexample.hub.ops`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from wsexample.errors import (
    ConnectionClosed,
    CredentialsError,
    DeadlineError,
    OptionError,
    RequestError,
    StorageError,
)
from wsexample.hub.access import Access, Rights
from wsexample.hub.desk import MOST_STRANGE, Desk, DeskOptions
from wsexample.hub.notes import Notes
from wsexample.hub.ops import (
    SUBPROTOCOLS,
    Ack,
    Auth,
    Failed,
    Op,
    Ping,
    Pong,
    Since,
    Subscribe,
    Unsubscribe,
    Welcome,
    codec_for,
    epoch_of,
    life_and_term,
)
from wsexample.hub.readers import Reader, send_all
from wsexample.hub.topics import check_pattern, is_topic
from wsexample.records.market import Record
from wsexample.wire.admission import is_own_page
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import Reject, Request, Server, ServerConnection, serve

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Hub", "HubOptions"]

audit = logging.getLogger("wsexample.hub.audit")

PATH = "/v1/stream"
REFUSED = {
    "handshake": "it said nothing in time",
    "tls": "its TLS handshake failed or took too long",
    "limit": "there are too many readers",
}
NO_TOKENS = "tokens cannot be looked up at present"
"""What readers are told while the file of tokens cannot be read; its name is for the log."""
FRAMES_PER_OP = 50
"""Pings and fragments that a reader may send for each op that it may send."""
OPS_OF_NUMBERS = 200
"""Ops that a reader may send at once besides: the numbers of as many topics as a reader remembers, when it comes back."""
HttpHandler = Callable[["web.BaseRequest"], Awaitable["web.StreamResponse"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """How a hub treats its readers.

    Raises:
        OptionError: a value cannot work; ``option`` of the error names it.
    """

    name: str = "hub"
    """Its name, in the welcome and in logs."""
    desk: DeskOptions = field(default_factory=DeskOptions)
    """What is remembered, and how patient it is with slow readers."""
    max_readers: int = 10_000
    """Readers at once; more are answered 503."""
    max_readers_per_address: int = 0
    """Readers at once from one address; more are answered 429. 0 lifts the limit."""
    max_readers_per_token: int = 0
    """Readers at once with one token; more are closed with 1008. 0 lifts the limit."""
    max_topics: int = 1000
    """Topics and patterns of one reader."""
    min_interval_ms: int = 0
    """Shortest interval that a reader may have; asked for less, it gets this one."""
    ops_per_s: float = 20.0
    """Ops that a reader may send in the long run; more close it with 1008."""
    bad_ops: int = 10
    """Ops that make no sense after which a reader is closed with 1008."""
    auth_timeout_s: float = 10.0
    """How long a reader that needs a token may take to send it, seconds."""
    rights_look_s: float = 5.0
    """How often it is looked whether readers' tokens still hold, seconds."""
    handshake_timeout_s: float = 10.0
    """How long a new connection may take to say what it wants, seconds; then it is dropped."""
    allowed_origins: Sequence[str] | None = ()
    """Origins of pages that may connect besides the hub's own; None for any. Without tokens the hub's own page must have been
    opened by an address or a local name; one under a public name, such as behind a reverse proxy, is named here."""

    def __post_init__(self) -> None:
        for name in (
            "max_readers",
            "max_topics",
            "ops_per_s",
            "bad_ops",
            "auth_timeout_s",
            "rights_look_s",
            "handshake_timeout_s",
        ):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} must be more than 0, not {getattr(self, name)}", option=name)


class Hub:
    """Publishes records to readers: ``async with Hub(...) as hub: await hub.publish_from(session)``.

    Parameters:
        host: address to listen on (default loopback).
        port: TCP port; 0 lets the system choose.
        access: who may read what (default: everybody may read market data).
        tls: server context for ``wss``.
        http: aiohttp handler for everything that is no WebSocket: the page, metrics, health.
        options: limits.
        desk: where records are numbered and remembered; one of its own by default.
        epoch: of the sequence numbers; drawn by default.

    Raises:
        OptionError: the epoch has a slash in it.
    """

    def __init__(
        self,
        host: str | None = "127.0.0.1",
        port: int = 0,
        *,
        access: Access | None = None,
        tls: ssl.SSLContext | None = None,
        http: HttpHandler | None = None,
        options: HubOptions | None = None,
        desk: Desk | None = None,
        epoch: str | None = None,
    ) -> None:
        self.options = options or HubOptions()
        self.access = access or Access()
        self.desk = desk or Desk(self.options.desk)
        self.epoch = epoch or secrets.token_hex(8)
        """Sequence numbers belong to it."""
        if "/" in self.epoch:
            raise OptionError("an epoch has no slash in it: what stands behind one counts owners", option="epoch")
        self.desk.life = self.epoch
        self.readers: dict[ServerConnection, Reader] = {}
        """Who is connected now."""
        self.refused: dict[str, int] = {}
        """How many connections and ops were refused, by reason."""
        self._host, self._port = host, port
        self._tls, self._http = tls, http
        self._server: Server | None = None
        self._looker: asyncio.Task[None] | None = None
        self._count = 0
        self._notes = Notes(audit)

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Listen.

        Raises:
            ListenError: the address cannot be taken.
        """
        options = self.options
        origins = options.allowed_origins
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            accept=self._accept,
            http=self._http,
            tls=self._tls,
            refused=self._refused_unheard,
            options=ServeOptions(
                handshake_timeout_s=options.handshake_timeout_s,
                subprotocols=SUBPROTOCOLS,
                max_connections=options.max_readers,
                max_connections_per_address=options.max_readers_per_address,
                max_messages_per_s=options.ops_per_s,
                burst_messages=round(2 * options.ops_per_s) + OPS_OF_NUMBERS,
                max_frames_per_s=FRAMES_PER_OP * options.ops_per_s,
                max_message_bytes=256 * 1024,
                read_ahead_messages=32,
                read_ahead_bytes=1024 * 1024,
                allowed_origins=None,  # looked at in _accept, which knows the hub's own
                forwarded_by=0,
            ),
        )
        self._origins = origins
        self._looker = asyncio.create_task(self._look_at_rights(), name="hub rights")
        return self

    async def close(self) -> None:
        """Say goodbye to every reader (1001) and stop listening."""
        if self._looker is not None:
            self._looker.cancel()
            await asyncio.gather(self._looker, return_exceptions=True)
        self.desk.close()
        if self._server is not None:
            await self._server.close(1001, "hub stopping")
        self._notes.sum_up()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None
        return self._server.port

    @property
    def url(self) -> str:
        """Where readers connect to."""
        assert self._server is not None
        return self._server.url + PATH

    def __repr__(self) -> str:
        where = "not listening" if self._server is None else self.url
        return f"<Hub {where}, {len(self.desk.topics)} topics, {len(self.readers)} readers>"

    # -- publishing --------------------------------------------------------------------------------------------

    def publish(self, records: Iterable[Record]) -> None:
        """Number records and hand them to whoever wants them; waits for nobody."""
        self.desk.publish(records)

    async def publish_from(self, batches: AsyncIterable[Sequence[Record]]) -> None:
        """Publish batches, such as those of ``session.batches()``, until they end."""
        async for batch in batches:
            self.desk.publish(batch)

    # -- readers -----------------------------------------------------------------------------------------------

    async def _accept(self, request: Request) -> str | Reject | None:
        if request.path != PATH:
            return self._refused("path", Reject(404, f"readers connect to {PATH}"), request)
        if not self._knows_origin(request):
            return self._refused("origin", Reject(403, "pages of this origin may not connect"), request)
        token = _bearer(request)
        if token is not None:
            try:
                self.access.rights_of(token, time.time_ns())
            except CredentialsError as error:
                return self._refused("token", Reject(401, str(error)), request)
            except StorageError as error:
                self._note_refusal("tokens", str(error), remote=request.remote)
                return Reject(503, NO_TOKENS)
        return None

    def _knows_origin(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin is None or self._origins is None:
            return True
        if origin in self._origins:
            return True
        host = request.headers.get("host")
        # A stranger's name may lead here too, as if the page were ours; where a token is needed, it has none.
        return is_own_page(origin, host) or (self.access.anybody is None and origin.partition("://")[2] == host)

    def _refused(self, reason: str, answer: Reject, request: Request) -> Reject:
        self._note_refusal(reason, answer.body, remote=request.remote)
        return answer

    def _refused_unheard(self, reason: str, remote: str) -> None:
        words = REFUSED[reason]
        self._note_refusal(reason, words, remote=remote)

    def _note_refusal(self, reason: str, words: str, *, remote: str, reader: str | None = None) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        who = remote if reader is None else f"{reader} ({remote})"
        facts = {"reader": reader, "remote": remote, "reason": reason}
        self._notes.note(logging.WARNING, "refused", "refused %s: %s", who, words, **facts)

    async def _serve(self, connection: ServerConnection) -> None:
        self._count += 1
        codec = codec_for(connection.subprotocol)
        name = f"{self.options.name}-{self._count}"
        try:
            rights, needs_token = self._first_rights(connection)
            reader = Reader(connection, codec, rights, name)
            await self._say(reader, self._welcome(reader, needs_token=needs_token))
            if not await self._lets_in(reader, needs_token=needs_token):
                return
            who = {"reader": name, "remote": connection.request.remote, "rights": reader.rights.name}
            self._notes.note(logging.INFO, "connected", "%(reader)s is %(rights)s from %(remote)s", who, **who)
            self.readers[connection] = reader
            self.desk.stats.readers += 1
            try:
                await self._converse(reader)
            finally:
                self.readers.pop(connection, None)
                self.desk.stats.readers -= 1
                self.desk.forget(reader)
                code = connection.close_code
                self._notes.note(logging.INFO, "gone", "%s has gone (%s)", name, code, **who, code=code)
        except ConnectionClosed:
            return
        except StorageError as error:
            self._note_refusal("tokens", str(error), remote=connection.request.remote, reader=name)
            connection.start_close(1011, NO_TOKENS)
        except (TimeoutError, DeadlineError):
            self.desk.stats.closed_slow += 1
            connection.start_close(1013, "too slow")

    def _first_rights(self, connection: ServerConnection) -> tuple[Rights, bool]:
        """Return what a reader may have at first, and whether it must send a token before anything else."""
        token = _bearer(connection.request)
        if token is not None:
            return self.access.rights_of(token, time.time_ns()), False
        if self.access.anybody is not None:
            return self.access.anybody, False
        return Rights("nobody", topics=()), True

    def _welcome(self, reader: Reader, *, needs_token: bool) -> Welcome:
        from wsexample import __version__

        options = self.options
        limits = {
            "topics": options.max_topics,
            "min_interval_ms": options.min_interval_ms,
            "history": options.desk.history,
        }
        epoch = epoch_of(self.epoch, self.desk.term)
        return Welcome(options.name, epoch, reader.name, __version__, limits, needs_token)

    async def _lets_in(self, reader: Reader, *, needs_token: bool) -> bool:
        """Wait for the token that is needed, and see that its owner has room for another reader; says no with a reason."""
        try:
            if needs_token:
                payload, _ = await reader.connection.receive_payload(self.options.auth_timeout_s)
                op = reader.codec.decode(payload)
                if not isinstance(op, Auth):
                    raise CredentialsError("this hub wants a token first", venue="hub", code="token")
                await self._authenticate(reader, op)
            else:
                self._check_room(reader, reader.rights)
        except (CredentialsError, RequestError, DeadlineError) as error:
            words = str(error) if not isinstance(error, DeadlineError) else "no token came"
            code = "limit" if getattr(error, "code", None) == "limit" else "token"
            self._count_refusal(code, reader, words)
            await self._say(reader, Failed(code, words))
            await reader.connection.close(1008, code)
            return False
        return True

    def _check_room(self, reader: Reader, rights: Rights) -> None:
        """See that a token has not as many other readers as it may have.

        Raises:
            RequestError: it has.
        """
        most = self.options.max_readers_per_token
        if not most or rights is self.access.anybody:
            return
        if sum(one.rights == rights for one in self.readers.values() if one is not reader) >= most:
            raise RequestError(f"{rights.name} has {most} readers already", venue="hub", code="limit")

    async def _authenticate(self, reader: Reader, op: Auth) -> None:
        rights = self.access.rights_of(op.token, time.time_ns())
        if reader.patterns:
            raise CredentialsError("a token comes before subscriptions", venue="hub", code="token")
        self._check_room(reader, rights)
        reader.rights = rights
        await self._say(reader, Ack(op.id))

    async def _converse(self, reader: Reader) -> None:
        bad = 0
        async for payload, _ in reader.connection.payloads():
            op: Op | None = None
            try:
                op = reader.codec.decode(payload)
                await self._do(reader, op)
            except (RequestError, CredentialsError, OptionError) as error:
                code = str(getattr(error, "code", None) or "topics")
                self._count_refusal(code, reader, str(error))
                await self._say(reader, Failed(code, str(error), getattr(op, "id", None)))
                bad += 1
                if bad >= self.options.bad_ops:
                    await reader.connection.close(1008, "too many ops that make no sense")
                    return

    async def _do(self, reader: Reader, op: Op) -> None:
        match op:
            case Subscribe():
                await self._subscribe(reader, op)
            case Since():
                await self.desk.breathe()  # it may be one of many, each of thousands of numbers
                self._remember(reader, op)
            case Unsubscribe():
                gone = [pattern for pattern in op.topics if pattern in reader.patterns]
                await self.desk.unsubscribe(reader, gone, first=[reader.codec.encode(Ack(op.id, gone))])
            case Ping():
                await self._say(reader, Pong(op.id, time.time_ns()))
            case Auth():
                await self._authenticate(reader, op)

    def _remember(self, reader: Reader, op: Since) -> None:
        """Keep what the next subscription counts: numbers of topics that are known here, and of so many more."""
        topics = self.desk.topics
        for name, seq in op.numbers.items():
            topic = topics.get(name)
            if topic is not None:
                reader.numbers[topic.name] = seq
            elif is_topic(name) and len(reader.numbers) < len(topics) + MOST_STRANGE:
                reader.numbers[name] = seq

    async def _subscribe(self, reader: Reader, op: Subscribe) -> None:
        patterns = list(dict.fromkeys(map(check_pattern, op.topics)))
        for pattern in patterns:
            if "*" not in pattern and ">" not in pattern and not reader.rights.allow(pattern):
                raise RequestError(f"{reader.rights.name} may not read {pattern}", code="rights")
        if len({*reader.patterns, *patterns}) > self.options.max_topics:
            raise RequestError(f"a reader has at most {self.options.max_topics} topics", code="limit")
        said, reader.numbers = reader.numbers, {}
        since = {**said, **(op.since or {})} if said and not isinstance(op.since, int) else op.since
        life, term = (self.epoch, 0) if op.epoch is None else life_and_term(op.epoch)
        interval_ms = op.interval_ms
        if interval_ms is not None:
            interval_ms = max(interval_ms, self.options.min_interval_ms, 0)
        elif not reader.patterns:
            interval_ms = self.options.min_interval_ms
        await self.desk.subscribe(
            reader,
            patterns,
            interval_ms=interval_ms,
            since=since,
            is_same_epoch=life == self.epoch,
            term=term,
            snapshot=op.snapshot,
            first=[reader.codec.encode(Ack(op.id, patterns))],
        )

    async def _say(self, reader: Reader, message: Welcome | Ack | Pong | Failed) -> None:
        await send_all(reader, [reader.codec.encode(message)], self.options.desk.stall_s)

    def _count_refusal(self, reason: str, reader: Reader, words: str) -> None:
        self._note_refusal(reason, words, remote=reader.connection.request.remote, reader=reader.name)

    async def _look_at_rights(self) -> None:
        """End readers whose token was revoked or has expired."""
        while True:
            await asyncio.sleep(self.options.rights_look_s)
            now_ns = time.time_ns()
            for connection, reader in list(self.readers.items()):
                if not connection.is_open:  # told already: it may take its time to leave
                    continue
                try:
                    holds = self.access.still_allows(reader.rights, now_ns)
                except StorageError as error:  # a token that may have been revoked gives no rights
                    self._count_refusal("tokens", reader, str(error))
                    connection.start_close(1011, NO_TOKENS)
                    continue
                if not holds:
                    self._count_refusal("token", reader, "the token does not hold any more")
                    connection.start_close(1008, "the token does not hold any more")


def _bearer(request: Request) -> str | None:
    """Return the token of the header, None without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
