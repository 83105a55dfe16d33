"""Rows of brokers, sinks and tapes: reading messages, keeping books, storing records, importing; most need no socket.

A row is what `bench.workloads.Workload` is told; its targets are pairs of peer and factor.
"""

from __future__ import annotations

from typing import Any

__all__ = ["local_rows"]


def local_rows() -> dict[str, dict[str, Any]]:
    """Return the rows by name."""
    return {**_alpaca(), **_weex(), **_kabu(), **_storing()}


def _alpaca() -> dict[str, dict[str, Any]]:
    rows = {
        f"alpaca-{codec}-{per_frame}": {
            "title": f"Alpaca quotes from {words} to records, {per_frame} in a frame",
            "operation": "alpaca_quotes_decoded",
            "unit": "quote",
            "ours": "ours-dialect",
            "subjects": ("ours-dialect", "msgspec", "alpaca-py"),
            "targets": (("alpaca-py", 15.0),),
            "job": {"detail": {"codec": codec, "per_frame": per_frame}},
        }
        for codec, words in (("json", "JSON"), ("msgpack", "MessagePack"))
        for per_frame in (1, 20, 100)
    }
    rows |= {
        f"alpaca-stream-{per_frame}": {
            "title": f"Alpaca quotes from a socket to the program, {per_frame} in a frame, MessagePack",
            "operation": "alpaca_quotes_streamed",
            "act": "alpaca",
            "unit": "quote",
            "ours": "ours-stream",
            "subjects": ("ours-stream", "ours-batches", "alpaca-py"),
            "targets": (("alpaca-py", 15.0),),
            "job": {"detail": {"codec": "msgpack", "per_frame": per_frame}, "chunk": 997},
        }
        for per_frame in (1, 20, 100)
    }
    rows["alpaca-import"] = {
        "title": "import of Alpaca's stream clients in a fresh interpreter",
        "operation": "alpaca_import",
        "unit": "import",
        "ours": "ours-dialect",
        "subjects": ("ours-dialect", "alpaca-py"),
        "targets": (("alpaca-py", 10.0),),
    }
    return rows


def _weex() -> dict[str, dict[str, Any]]:
    return {
        f"weex-book-{level}": {
            "title": f"WEEX book of {level} levels a side: a change read, applied, and the whole book handed over",
            "operation": "weex_book_kept",
            "unit": "change",
            "ours": "ours-dialect",
            "subjects": ("ours-dialect", "ours-documented", "msgspec", "ccxt.pro", "sortedcontainers"),
            "targets": (("ccxt.pro", 10.0), ("sortedcontainers", 1.0)),
            "job": {"detail": {"level": level}},
        }
        for level in (15, 200)
    }


def _kabu() -> dict[str, dict[str, Any]]:
    return {
        "kabu-boards": {
            "title": "kabu Station's boards of stocks, 1.9 kB of JSON to a record",
            "operation": "kabu_boards_decoded",
            "unit": "board",
            "ours": "ours-dialect",
            "subjects": ("ours-dialect", "ours-decoder", "msgspec", "msgspec-structs"),
            "targets": (("msgspec", 0.77),),  # within 1.3 times
        }
    }


def _storing() -> dict[str, dict[str, Any]]:
    return {
        "sqlite": {
            "title": "quotes into an SQLite file",
            "operation": "records_stored",
            "unit": "record",
            "ours": "ours-sink",
            "subjects": ("ours-sink", "executemany", "executemany-indexed", "aiosqlite", "aiosqlite-100"),
            "targets": (("executemany", 0.8), ("executemany-indexed", 0.8), ("aiosqlite", 1.0)),
            "job": {"min_messages": 200_000, "warm_messages": 60_000},
        },
        "tape-write": {
            "title": "messages of 140 B onto a tape",
            "operation": "messages_kept",
            "kind": "json140",
            "ours": "ours-tape",
            "subjects": ("ours-tape", "file"),
            "job": {"min_messages": 100_000, "warm_messages": 40_000},
        },
        **{
            f"replay-{feed}": {
                "title": f"a tape played as a session as fast as possible: {words}",
                "operation": "tape_replayed",
                "unit": "record",
                "ours": "ours-tape",
                "subjects": ("ours-tape", "ours-tape-batches", "ours-decoding"),
                "targets": (("ours-decoding", 0.8),),
                "job": {"detail": {"feed": feed, "count": count, "records": records}},
            }
            for feed, words, count, records in (
                ("kabu", "boards of kabu Station", 5_000, 1),
                ("alpaca-1", "Alpaca's quotes, 1 in a frame", 20_000, 1),
                ("alpaca-20", "Alpaca's quotes, 20 in a frame", 2_000, 20),
            )
        },
        "indicators": {
            "title": "indicators, one price at a time",
            "operation": "prices_taken",
            "unit": "price",
            "ours": "sma",
            "subjects": ("sma", "ema", "crossover", "bands", "zscore"),
        },
    }
