"""Records into MongoDB: a collection for each kind, a document for each record, once each.

A record gets its ``_id`` before it is sent; a batch whose answer was lost is sent again with the same ones, and the server
refuses what it has. Written against the protocol and pymongo's own client; `docs/sinks.md` says how it was tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import describe
from wsexample.records.market import Record
from wsexample.sinks.base import SinkAddress
from wsexample.sinks.batching import BatchingSink, Refusal, SinkOptions
from wsexample.sinks.extras import need

__all__ = ["MongoOptions", "MongoSink", "sink_at"]

FEATURE = "a MongoDB sink"
DEFAULT_DATABASE = "wsexample"
MONITOR_S = 0.1
"""How long a monitor takes to find that nobody listens; it rests for half a second then."""
_DUPLICATE_KEY = 11000


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoOptions(SinkOptions):
    """What the MongoDB sink lets you choose besides the queue."""

    timeout_s: float = 10.0
    """How long the server may take to answer, seconds."""

    def __post_init__(self) -> None:
        SinkOptions.__post_init__(self)
        if self.timeout_s <= 0:
            raise OptionError(f"timeout_s must be more than 0, not {self.timeout_s}", option="timeout_s")


def sink_at(address: SinkAddress) -> MongoSink:
    """Return the sink for a ``mongodb://`` address; see `wsexample.sinks.base.open_sink`."""
    servers, _, database = address.location.partition("/")
    own = {one.name for one in fields(MongoOptions)}
    ours = {name: value for name, value in address.options.items() if name in own}
    theirs = {name: value for name, value in address.options.items() if name not in own}
    options = SinkAddress(address.scheme, address.location, ours).options_as(MongoOptions)
    return MongoSink(servers, unquote(database) or DEFAULT_DATABASE, options, scheme=address.scheme, **theirs)


class MongoSink(BatchingSink):
    """Keeps records in a database; what `flush` returned for is in the journal of a majority of its servers.

    Parameters:
        servers: ``user:password@host:port``; several with commas between.
        database: name of the database.
        options: queue, batches, the connection.
        scheme: "mongodb", or "mongodb+srv" where DNS names the servers.
        connection: MongoDB's own connection options, such as ``authSource`` or ``replicaSet``.

    Raises:
        OptionError: no server is named, or MongoDB's client does not take an option.
    """

    def __init__(
        self,
        servers: str,
        database: str = DEFAULT_DATABASE,
        options: MongoOptions | None = None,
        *,
        scheme: str = "mongodb",
        **connection: str,
    ) -> None:
        need("pymongo", "mongo", FEATURE)
        self._chosen = options or MongoOptions()
        super().__init__(self._chosen)
        if not servers:
            raise OptionError("mongodb:// names no server; write mongodb://host:27017/database", option="url")
        self._servers = servers
        self.database = database
        self._url = f"{scheme}://{servers}/?{urlencode(connection)}"
        self._client: Any = None
        self._identified: list[tuple[Record, Any]] = []

    def __repr__(self) -> str:
        return f"<MongoSink {self._shown} {self.database}, {self.stats.stored} stored, {self.waiting} waiting>"

    @property
    def _shown(self) -> str:
        return self._servers.rpartition("@")[2]

    async def _open(self) -> None:
        pymongo = need("pymongo", "mongo", FEATURE)
        milliseconds = round(self._chosen.timeout_s * 1000)
        try:
            self._client = pymongo.AsyncMongoClient(
                self._url,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=milliseconds,
                w="majority",
                journal=True,
                retryWrites=False,  # this sink repeats by itself, longer and with the same identifiers
            )
            await self._client.admin.command("ping")
        except BaseException as error:  # pymongo's, a cancellation: whatever it was, the connection is given back
            if self._client is not None:
                # Its monitors have just been told to connect once more; pymongo 4.20 would leave the socket of one that
                # is closed meanwhile to the garbage collector.
                await asyncio.sleep(MONITOR_S)
                await self._client.close()
            if not isinstance(error, Exception):
                raise
            raise self._failed("cannot be opened", error) from error

    async def _store(self, batch: Sequence[Record], is_durable: bool) -> Sequence[Refusal]:
        # Every insert asks for the journal of a majority, so every batch is durable.
        bson = need("bson", "mongo", FEATURE)
        self._identify(batch, bson.ObjectId)
        refusals: list[Refusal] = []
        groups: dict[str, list[tuple[Record, dict[str, Any]]]] = {}
        for record, identifier in self._identified:
            document = {"_id": identifier, **_document(record, bson)}
            groups.setdefault(describe(type(record)).table, []).append((record, document))
        for table, rows in groups.items():
            refusals += await self._insert(table, rows)
        self._identified = []
        return refusals

    def _identify(self, batch: Sequence[Record], new: Callable[[], Any]) -> None:
        """Give each record its identifier; those of a batch that failed come again, with others behind them, and keep theirs."""
        before: dict[int, list[Any]] = {}
        for record, identifier in reversed(self._identified):
            before.setdefault(id(record), []).append(identifier)
        self._identified = [(record, before[id(record)].pop() if before.get(id(record)) else new()) for record in batch]

    async def _insert(self, table: str, rows: list[tuple[Record, dict[str, Any]]]) -> list[Refusal]:
        """Insert the documents of one collection; those that the server can never hold are returned."""
        errors = need("pymongo.errors", "mongo", FEATURE)
        bson_errors = need("bson.errors", "mongo", FEATURE)
        collection = self._client[self.database][table]
        try:
            await collection.insert_many([document for _, document in rows], ordered=False)
        except errors.BulkWriteError as error:
            details = error.details
            for one in details.get("writeConcernErrors", []):
                raise self._failed("has not confirmed that records are safe", one.get("errmsg", "")) from error
            return [
                Refusal(rows[one["index"]][0], str(one.get("errmsg", "")))
                for one in details.get("writeErrors", [])
                if one.get("code") != _DUPLICATE_KEY  # it has that record from the first time
            ]
        except (bson_errors.BSONError, errors.DocumentTooLarge, OverflowError) as error:
            if len(rows) == 1:
                return [Refusal(rows[0][0], str(error))]
            return [refusal for row in rows for refusal in await self._insert(table, [row])]
        except errors.PyMongoError as error:
            raise self._failed("does not take records", error) from error
        return []

    async def _release(self) -> None:
        if self._client is not None:
            with suppress(Exception):  # what was taken is settled by now
                await self._client.close()

    def _failed(self, what: str, error: object) -> StorageError:
        words = str(error).partition(", Timeout:")[0] or type(error).__name__
        return StorageError(f"the database {self.database} on {self._shown} {what}: {words}")


def _document(record: Record, bson: Any) -> dict[str, Any]:
    """Return a record as a document: decimals as Decimal128, levels as arrays."""

    content = msgspec.to_builtins(record, builtin_types=(Decimal, bytes))
    return {name: _value(value, bson) for name, value in content.items()}


def _value(value: Any, bson: Any) -> Any:
    if isinstance(value, Decimal):
        try:
            return bson.Decimal128(value)
        except ArithmeticError:  # more than 34 digits
            return str(value)
    if isinstance(value, dict):
        return {name: _value(one, bson) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(one, bson) for one in value]
    return value
