"""Messages of brokers for work without a socket: quotes of Alpaca, books of WEEX, boards of kabu Station.

Whatever is made here is the same in every process, so that all rows of a table read the same bytes. Cycles may be read again
and again: the last change of a book leads back to where the first begins.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["BookFeed", "alpaca_quotes", "kabu_boards", "quote_records", "quotes", "weex_book"]

BEGIN_S = 1_795_000_000
RECEIVED_NS = (BEGIN_S + 61) * 10**9
STOCK_BOARD = Path(__file__).resolve().parents[2] / "tests" / "data" / "kabu" / "stock.json"
TIMESTAMP = -1


# -- Alpaca ---------------------------------------------------------------------------------------------------------


def _rfc3339(time_ns: int) -> str:
    seconds, ns = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"


def _packed(time_ns: int) -> msgspec.msgpack.Ext:
    seconds, ns = divmod(time_ns, 10**9)
    return msgspec.msgpack.Ext(TIMESTAMP, (ns << 34 | seconds).to_bytes(8, "big"))


@cache
def quotes(per_frame: int) -> tuple[tuple[dict[str, Any], ...], ...]:
    """Return frames of so many stock quotes each, as they stand on the wire but for times, which are nanoseconds."""
    draw = random.Random(7)
    frames = []
    for number in range(max(20, 500 // per_frame)):
        frame = []
        for i in range(per_frame):
            ask = draw.randrange(1_000, 90_000)
            quote = {"T": "q", "S": f"SYM{(number + i) % 100:02d}", "ax": "V", "ap": ask / 100}
            quote |= {"as": draw.randrange(1, 90), "bx": "Q", "bp": (ask - 2) / 100, "bs": draw.randrange(1, 90)}
            at_ns = (BEGIN_S + number % 60) * 10**9 + draw.randrange(10**8, 10**9)
            frame.append({**quote, "c": ["R"], "z": "C", "t": at_ns})
        frames.append(tuple(frame))
    return tuple(frames)


@cache
def alpaca_quotes(codec: str, per_frame: int) -> tuple[bytes, ...]:
    """Return the same frames encoded, "json" or "msgpack"."""
    encode: Any = msgspec.msgpack.encode if codec == "msgpack" else msgspec.json.encode
    spell: Any = _packed if codec == "msgpack" else _rfc3339
    return tuple(encode([{**quote, "t": spell(quote["t"])} for quote in frame]) for frame in quotes(per_frame))


def quote_records(count: int) -> list[Any]:
    """Return so many of our quotes."""
    from wsexample.records.market import Quote

    draw = random.Random(11)
    found = []
    for i in range(count):
        bid = draw.randrange(1_000, 90_000) / 100
        found.append(
            Quote(
                venue="alpaca",
                symbol=f"SYM{i % 50:02d}",
                exchange_ns=BEGIN_S * 10**9 + i * 1000,
                received_ns=RECEIVED_NS + i * 1000,
                bid_price=bid,
                bid_size=float(draw.randrange(1, 90)),
                ask_price=bid + 0.02,
                ask_size=float(draw.randrange(1, 90)),
            )
        )
    return found


# -- kabu Station ---------------------------------------------------------------------------------------------------


@cache
def kabu_boards() -> tuple[bytes, ...]:
    """Return full boards of stocks, twenty levels each, that differ in prices, sizes and seconds."""
    board = json.loads(STOCK_BOARD.read_text())
    draw = random.Random(5)
    found = []
    for number in range(50):
        shift = draw.randrange(-20, 20) * 0.5
        text = json.dumps({name: _moved(name, value, shift, number, draw) for name, value in board.items()},
                          ensure_ascii=False, separators=(",", ":"))  # fmt: skip
        found.append(text.encode())
    return tuple(found)


def _moved(name: str, value: Any, shift: float, number: int, draw: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _moved(key, one, shift, number, draw) for key, one in value.items()}
    if name.endswith("Price") and value is not None:
        return value + shift
    if name.endswith("Qty") and value is not None:
        return float(draw.randrange(1, 300) * 100)
    if name.endswith("Time") and value is not None and name != "PreviousCloseTime":
        return f"{value[:17]}{number:02d}{value[19:]}"
    return value


# -- WEEX -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BookFeed:
    """A book's snapshot and a cycle of changes that leads back to it."""

    level: int
    snapshot: str
    changes: tuple[str, ...]
    best: tuple[tuple[float, float], ...]
    """Price and size of the best bid and of the best ask after each change."""
    levels_per_change: float


@cache
def weex_book(level: int) -> BookFeed:
    """Return a book of 15 or 200 levels a side, and 64 changes and one that leads back."""
    from wsexample.brokers.weex.simulator.market import Instrument

    instrument = Instrument("BTCUSDT", 64_250.5, seed=1)
    now_ms = BEGIN_S * 1000
    first = instrument.snapshot(level, now_ms)
    begin = _sides(first)
    state = {side: dict(pairs) for side, pairs in begin.items()}
    frames: list[dict[str, Any]] = []
    while len(frames) < 64:
        now_ms += 500
        instrument.step(now_ms)
        frame = instrument.publish(level, now_ms)
        if frame is not None:
            frames.append(frame)
            _apply(state, frame)
    back = {side: _difference(state[side], begin[side], descending=side == "b") for side in "ba"}
    frames.append({**frames[-1], "E": now_ms + 500, "U": frames[-1]["u"], "u": first["u"], **back})
    state = {side: dict(pairs) for side, pairs in begin.items()}
    best = []
    for frame in frames:
        _apply(state, frame)
        top = (max(state["b"], key=float), min(state["a"], key=float))
        best.append(tuple((float(p), float(state[s][p])) for s, p in zip("ba", top, strict=True)))
    assert state == begin
    sizes = [len(frame["b"]) + len(frame["a"]) for frame in frames]
    texts = tuple(json.dumps(frame, separators=(",", ":")) for frame in frames)
    return BookFeed(level, json.dumps(first, separators=(",", ":")), texts, tuple(best), sum(sizes) / len(sizes))


def _sides(frame: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {side: dict(frame[side]) for side in "ba"}


def _apply(state: dict[str, dict[str, str]], frame: dict[str, Any]) -> None:
    for side, changes in _sides(frame).items():
        state[side].update(changes)
        for price, size in changes.items():
            if float(size) == 0:
                del state[side][price]


def _difference(now: dict[str, str], wanted: dict[str, str], descending: bool) -> list[list[str]]:
    changes = {price: "0" for price in now if price not in wanted}
    changes |= {price: size for price, size in wanted.items() if now.get(price) != size}
    return [[price, changes[price]] for price in sorted(changes, key=float, reverse=descending)]
