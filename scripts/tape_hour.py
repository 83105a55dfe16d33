"""Record an hour of simulator traffic of each broker, play it twice, compare every byte, and measure how fast it plays.

The simulators' time runs faster than the machine's; the tape has the simulators' time. Speeds are in CPU time.

    python scripts/tape_hour.py                      all brokers, an hour each
    python scripts/tape_hour.py weex --minutes 5
    python scripts/tape_hour.py --keep tapes/        keep the tapes
    python scripts/tape_hour.py --keep tapes/ --minutes 0        play them again
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from msgspec.structs import replace

from wsexample.brokers.alpaca.client import AlpacaStream
from wsexample.brokers.alpaca.simulator import AlpacaSimulator
from wsexample.brokers.alpaca.simulator.assets import ASSETS
from wsexample.brokers.alpaca.simulator.shell import DEFAULT_KEY, DEFAULT_SECRET
from wsexample.brokers.kabu.client import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.weex.dialect import WeexDialect
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.brokers.weex.simulator.market import STARTS
from wsexample.cli.running import loop_factory
from wsexample.cli.tapes.sources import describe, dialect_of
from wsexample.clock import ManualClock
from wsexample.records.fields import encode_json
from wsexample.session.events import Event, Traffic
from wsexample.session.session import Session
from wsexample.session.testing import NoWaiting
from wsexample.tape.decoding import decode
from wsexample.tape.format import Kind
from wsexample.tape.player import Player
from wsexample.tape.reader import Tape
from wsexample.tape.recorder import Recorder
from wsexample.wire.options import ConnectOptions

BEGIN_NS = 1_772_420_400 * 10**9  # a Monday, 12:00 in Tokyo
STEP_S = 0.1
ALPACA_STEP_S = 0.02  # it sends all that has come about meanwhile as one message
KABU_SYMBOLS = 50
"""As many as kabu Station registers."""
ALPACA_SYMBOLS = 30
"""As many as the free plan streams."""
WEEX_STEP_S = 0.009
"""Half a second of the venue; its frames are paced by the machine."""
WEEX_KINDS = ("depth15", "trade", "ticker")


class Hour:
    """A tape on which the simulator's time stands."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.path = path
        self.clock = clock
        self.recorder: Recorder | None = None

    def attach(self, session: Session) -> None:
        self.recorder = recorder = Recorder(self.path, describe(session), mode="replace")
        now_ns = self.clock.now_ns

        def tap(item: Event | Traffic) -> None:
            recorder(replace(item, at_ns=now_ns()))

        session.attach(tap)

    async def run(self, session: Session, minutes: float, *, step_s: float = STEP_S, pause_s: float = 0.0) -> None:
        """Let the simulator's time run, and the session keep up.

        Parameters:
            session: what is recorded.
            minutes: how much of the simulator's time.
            step_s: how much of it passes at a time.
            pause_s: seconds of the machine's time that a step takes at least.
        """
        taking = asyncio.ensure_future(_take(session))
        end_ns = self.clock.now_ns() + round(minutes * 60e9)
        while self.clock.now_ns() < end_ns:
            self.clock.advance(step_s)
            for _ in range(6):
                await asyncio.sleep(pause_s / 6)
        await asyncio.sleep(0.2)
        taking.cancel()
        with suppress(asyncio.CancelledError):
            await taking


async def _take(session: Session) -> None:
    async for _ in session.batches():
        pass


async def record_kabu(path: Path, minutes: float) -> None:
    clock = ManualClock(BEGIN_NS)
    hour = Hour(path, clock)
    async with KabuSimulator(clock=clock, seed=1) as sim:
        # The client lives on the machine's clock: for it the hour is short.
        symbols = [f"{symbol}@{exchange}" for symbol, exchange in sim.market.views][:KABU_SYMBOLS]
        client = KabuClient(symbols, port=sim.port, password=sim.password, list_check_s=0, quiet_s=0)
        hour.attach(client.session)
        async with client:
            await hour.run(client.session, minutes)
        assert hour.recorder is not None
        await hour.recorder.close()


async def record_alpaca(path: Path, minutes: float) -> None:
    clock = ManualClock(BEGIN_NS)
    clock.advance(1.0)
    hour = Hour(path, clock)
    async with AlpacaSimulator(clock=clock, seed=1) as sim:
        symbols = [name for name, one in ASSETS.items() if one.kind == "stock"][:ALPACA_SYMBOLS]
        stream = AlpacaStream(
            DEFAULT_KEY,
            DEFAULT_SECRET,
            url=sim.stream_url,
            trades=symbols,
            quotes=symbols,
            bars=symbols,
        )
        hour.attach(stream)
        async with stream:
            await hour.run(stream, minutes, step_s=ALPACA_STEP_S)
        assert hour.recorder is not None
        await hour.recorder.close()


async def record_weex(path: Path, minutes: float) -> None:
    clock = ManualClock(BEGIN_NS)
    hour = Hour(path, clock)
    async with WeexSimulator(clock=clock, seed=1, step_s=WEEX_STEP_S) as venue:
        topics = [f"{symbol}@{kind}" for symbol in STARTS for kind in WEEX_KINDS]
        options = ConnectOptions(url=venue.public_url, ping_interval_s=0)
        session = Session(WeexDialect(), topics, url=options)
        hour.attach(session)
        async with session:
            await hour.run(session, minutes, pause_s=WEEX_STEP_S / 5)
        assert hour.recorder is not None
        await hour.recorder.close()


RECORDERS: dict[str, Callable[[Path, float], Awaitable[None]]] = {
    "kabu": record_kabu,
    "alpaca": record_alpaca,
    "weex": record_weex,
}


# -- playing ---------------------------------------------------------------------------------------------------------------


@dataclass
class Played:
    """One replay."""

    records: int
    digest: str
    cpu_s: float


async def play(path: Path, *, hashes: bool) -> Played:
    """Play a tape as a session, as fast as possible."""
    digest = hashlib.sha256()
    records = 0
    with Player(path) as player:
        topics = player.topics
        session = Session(
            dialect_of(player.source),
            topics,
            dial=player.dial,
            clock=player.clock,
            testing=NoWaiting(attempts=None),
        )
        begun_s = time.process_time()
        session.start()
        async for batch in session.batches():
            records += len(batch)
            if hashes:
                for record in batch:
                    digest.update(encode_json(record))
        cpu_s = time.process_time() - begun_s
        assert session.stats.unread == 0
    return Played(records, digest.hexdigest(), cpu_s)


def play_directly(path: Path) -> float:
    """Read a tape without a session; returns the CPU time in seconds."""
    with Tape(path) as tape:
        dialect = dialect_of(tape.source(0))
    begun_s = time.process_time()
    for _ in decode(path, dialect):
        pass
    return time.process_time() - begun_s


def decode_alone(path: Path) -> float:
    """Give every message to the dialect, and do nothing else; returns the CPU time in seconds."""
    with Tape(path) as tape:
        messages = [
            (entry.payload, entry.kind == Kind.RECEIVED_BINARY, entry.at_ns)
            for entry in tape.entries()
            if entry.kind < Kind.SENT_TEXT
        ]
        dialect, topics = dialect_of(tape.source(0)), tape.topics(0)
    dialect.start()
    receive = dialect.receive
    has_asked = False
    begun_s = time.process_time()
    for payload, is_binary, at_ns in messages:
        step = receive(payload, is_binary, at_ns)
        if not has_asked and (step.phase == "subscribing" or tape.source(0).dialect != "alpaca.data"):
            has_asked = True
            dialect.subscribe(topics)
    return time.process_time() - begun_s


def measure(name: str, path: Path, minutes: float, rounds: int) -> bool:
    """Record, play twice, compare and measure; returns whether both replays were the same."""
    begun_s = time.monotonic()
    if minutes:
        asyncio.run(_record(name, path, minutes))
    recorded_s = time.monotonic() - begun_s
    with Tape(path) as tape:
        info = tape.info()
    received = info.sources[0].received
    first, second = (_run(play(path, hashes=True)) for _ in range(2))
    same = first.digest == second.digest and first.records == second.records
    bare_s, replay_s, direct_s = [], [], []
    for _ in range(rounds):
        bare_s.append(decode_alone(path))
        replay_s.append(_run(play(path, hashes=False)).cpu_s)
        direct_s.append(play_directly(path))
    bare, replayed, direct = min(bare_s), min(replay_s), min(direct_s)
    print(
        f"{name:7}{received:>10,} messages{first.records:>10,} records{info.size_bytes / 1e6:>8.1f} MB"
        f"  twice the same: {'yes' if same else 'NO'}  bare {received / bare:>9,.0f}/s"
        f"  without a session {received / direct:>9,.0f}/s = {100 * bare / direct:.0f} %"
        f"  as a session {received / replayed:>9,.0f}/s = {100 * bare / replayed:.0f} %  (recorded in {recorded_s:.0f} s)",
        flush=True,
    )
    return same and first.records > 0


def _run(work: Coroutine[Any, Any, Played]) -> Played:
    """Run on the loop that the commands use."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


async def _record(name: str, path: Path, minutes: float) -> None:
    await RECORDERS[name](path, minutes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("brokers", nargs="*", choices=[*RECORDERS, []], help="which ones; all")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="minutes of the simulators' time; 60. 0 plays what --keep has kept"
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements, of which the best counts; 3")
    parser.add_argument("--keep", type=Path, help="folder in which the tapes are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        good = [
            measure(name, place / f"{name}.tape", options.minutes, options.rounds)
            for name in options.brokers or RECORDERS
        ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
