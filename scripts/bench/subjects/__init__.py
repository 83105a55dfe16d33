"""Who is measured: one row for each library, and for each way of using it that hands over something else.

A subject's module has one function for each operation that it can do (``receive``, ``request_reply``, ``send``,
``echo_server``, ``broadcast``, ``idle_server``, ``feed``, or a name in ``bench.local``); a missing function means that the
library has no such thing.
Libraries are imported inside the functions, so that a process holds only what it measures.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ALL_LOOPS", "NODE_MODULES", "PLAIN_LOOPS", "SUBJECTS", "Subject"]

NODE_MODULES = Path(__file__).resolve().parents[3] / "build" / "node" / "node_modules"
"""Where Node's packages are looked for besides NODE_PATH."""

PLAIN_LOOPS = ("asyncio", "uvloop")
ALL_LOOPS = ("asyncio", "uvloop", "asyncio+fastnet", "uvloop+fastnet")
BLOCKING = ("blocking",)
NODE = ("node",)
NONE = ("none",)
"""Nothing waits for anything: a function is called."""


@dataclass(frozen=True)
class Subject:
    """A library used in one way.

    Attributes:
        module: file in this folder.
        needs: the module that must be installed; "node:NAME" is a package of Node.
        note: what is handed over for a text message, and what was checked on the way.
        variant: told to the module.
        loops: loops it runs on.
        env: environment of its process.
    """

    module: str
    needs: str
    note: str
    variant: str = ""
    loops: tuple[str, ...] = PLAIN_LOOPS
    env: dict[str, str] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether what it needs is there."""
        kind, _, package = self.needs.partition(":")
        if kind != "node":
            return importlib.util.find_spec(self.needs) is not None
        folders = [NODE_MODULES, *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
        return shutil.which("node") is not None and any((folder / package).is_dir() for folder in folders)


SUBJECTS = {
    "floor": Subject("floor", "socket", "system calls and the callback alone, nothing parsed", loops=BLOCKING),
    "ours": Subject("autobahn_style", "wsexample", "callback; bytes, UTF-8 checked", "ours", ALL_LOOPS),
    "ours-pure": Subject(
        "autobahn_style", "wsexample", "the same without the compiled lane", "ours", env={"WSEXAMPLE_LANE": "skip"}
    ),
    "ours-connection": Subject("our_connection", "wsexample", "async for; str", "text"),
    "ours-payloads": Subject("our_connection", "wsexample", "async for; bytes, UTF-8 checked", "payloads"),
    "autobahn": Subject("autobahn_style", "autobahn", "callback; bytes, UTF-8 checked", "plain"),
    "picows-frame": Subject("picows_core", "picows", "callback; frame object, payload not taken", "frame", ALL_LOOPS),
    "picows": Subject("picows_core", "picows", "callback; bytes, UTF-8 not checked", "bytes", ALL_LOOPS),
    "picows-text": Subject("picows_core", "picows", "callback; str", "text"),
    "picows-websockets": Subject("websockets_style", "picows", "await recv; str", "picows"),
    "websockets": Subject("websockets_style", "websockets", "await recv; str", "websockets"),
    "aiohttp": Subject("with_aiohttp", "aiohttp", "await receive; str"),
    "ours-hub": Subject("our_hub", "wsexample", "Hub; what comes in a turn of the loop is one message"),
    "websockets-relay": Subject("websockets_relay", "websockets", "broadcast of each; newest kept for each client"),
    "websockets-joined": Subject(
        "websockets_relay", "websockets", "broadcast of a burst as one message; newest kept once for all", "joined"
    ),
    "node-ws": Subject("node_relay", "node:ws", "send of each to each; newest kept for each client", loops=NODE),
    "ours-blocking": Subject("our_blocking", "wsexample", "blocking recv; str", loops=BLOCKING),
    "websocket-client": Subject("websocket_client", "websocket", "blocking recv; str", loops=BLOCKING),
    "websockets-sync": Subject("websockets_sync", "websockets", "blocking recv; str", loops=BLOCKING),
    "ours-dialect": Subject("our_brokers", "wsexample", "typed records", loops=NONE),
    "ours-decoder": Subject(
        "our_brokers", "wsexample", "records alone; no step, no watch over lag and silence", "decoder", NONE
    ),
    "ours-stream": Subject("our_brokers", "wsexample", "async for over the client; typed records", "stream"),
    "ours-batches": Subject("our_brokers", "wsexample", "batches() of the client; typed records", "batches"),
    "ours-documented": Subject("our_brokers", "wsexample", "the venue's texts beside the record", "documented", NONE),
    "msgspec": Subject("bare_msgspec", "msgspec", "decoded, and nothing made of it", loops=NONE),
    "msgspec-structs": Subject(
        "bare_msgspec", "msgspec", "decoded into typed structs, no record made", "structs", NONE
    ),
    "alpaca-py": Subject("alpaca_py", "alpaca", "its models, from MessagePack in all rows", loops=("asyncio",)),
    "ccxt.pro": Subject("ccxt_pro", "ccxt", "the one book that goes on changing", loops=("asyncio",)),
    "sortedcontainers": Subject("sorted_book", "sortedcontainers", "msgspec and two SortedDict", loops=NONE),
    "ours-sink": Subject("our_sink", "wsexample", "queue, thread and index; lists of 100", loops=("asyncio",)),
    "executemany": Subject("bare_sqlite", "sqlite3", "batches of 1,000, no index", loops=NONE),
    "executemany-indexed": Subject("bare_sqlite", "sqlite3", "the same with our index", "indexed", NONE),
    "aiosqlite": Subject("with_aiosqlite", "aiosqlite", "batches of 1,000 with our index", "1000", ("asyncio",)),
    "aiosqlite-100": Subject(
        "with_aiosqlite", "aiosqlite", "stored in lists of 100, as they come", "100", ("asyncio",)
    ),
    "ours-tape": Subject("our_tape", "wsexample", "recorder; player and async for over the session"),
    "ours-tape-batches": Subject("our_tape", "wsexample", "player and batches() of the session", "batches"),
    "ours-decoding": Subject("our_tape_decoding", "wsexample", "the dialect alone, from memory", loops=NONE),
    "file": Subject("bare_file", "struct", "buffered writes, synced as often", loops=NONE),
    "sma": Subject("our_signals", "wsexample", "average of 50", "sma", NONE),
    "ema": Subject("our_signals", "wsexample", "exponential average of 50", "ema", NONE),
    "crossover": Subject("our_signals", "wsexample", "averages of 10 and 50", "crossover", NONE),
    "bands": Subject("our_signals", "wsexample", "Bollinger bands of 20", "bands", NONE),
    "zscore": Subject("our_signals", "wsexample", "z-score of 20", "zscore", NONE),
}
