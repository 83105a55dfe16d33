"""The process of the simulated brokers: it sends for as long as it is let, and notes each message that it hands to a socket.

Run by ``scripts/soak.py``; its notes are a row for each message (connection, moment, checksum) in ``sent.bin`` and a line for
each connection in ``sent.jsonl``.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from soak.line import Orders, tell
from soak.plan import Plan
from soak.sampling import take
from wsexample.brokers.alpaca.simulator import AlpacaSimulator
from wsexample.brokers.alpaca.simulator import Switches as AlpacaSwitches
from wsexample.brokers.kabu.simulator import KabuSimulator
from wsexample.brokers.kabu.simulator import Switches as KabuSwitches
from wsexample.brokers.weex.simulator import Switches as WeexSwitches
from wsexample.brokers.weex.simulator import WeexSimulator
from wsexample.wire.server import ServerConnection

__all__ = ["ALPACA_SYMBOLS", "FILLS_PER_S", "KABU_SYMBOLS", "ROW", "WEEX_SYMBOLS"]

ROW = struct.Struct("<IqI")
"""Number of the connection, moment of sending (UTC epoch nanoseconds), CRC-32 of the payload."""
KABU_SYMBOLS = ("7203", "9433", "9984", "8306", "6758")
ALPACA_SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "TSLA")
WEEX_SYMBOLS = ("BTCUSDT", "ETHUSDT")
WEEX_STREAMS = 3 * len(WEEX_SYMBOLS)
FILLS_PER_S = 4.0
WEEX_TRADE_S = 1.0
WEEX_SIZE = "0.0010"
"""Small enough for a day of fees."""
KEPT: dict[str, dict[str, int]] = {
    "kabu": {"kept_executions": 100},
    "alpaca": {"kept_points": 500, "kept_orders": 50, "kept_events": 500},
    "weex": {"kept_orders": 50, "kept_fills": 200},
}
"""What simulators keep: little, so that it is full soon and filling up is no slope; more than happens while a client is away."""
KABU_BOARDS_PER_TICK = 4.0
"""About how many boards a second five busy stocks give for each order a second."""


class Ledger:
    """Notes what is sent.

    Parameters:
        folder: where.
        forges: whether one message in the middle of it all is noted as sent and is not, for a soak that must notice.
    """

    def __init__(self, folder: Path, *, forges: bool) -> None:
        self._rows = open(folder / "sent.bin", "wb")  # noqa: SIM115 - closed by `close`
        self._lines = open(folder / "sent.jsonl", "w", encoding="utf-8")  # noqa: SIM115
        self._numbers: dict[ServerConnection, int] = {}
        self._count = 0
        self._forges = forges
        self.messages = 0

    def note(self, connection: ServerConnection, message: str | bytes, at_ns: int) -> None:
        """A message was handed to the socket of a connection at that moment."""
        number = self._numbers.get(connection)
        if number is None:
            self._count += 1
            number = self._numbers[connection] = self._count
            path = connection.request.path
            line = {"number": number, "path": path, "peer": connection.peer, "opened_ns": at_ns}
            self._lines.write(msgspec.json.encode(line).decode() + "\n")
            for one in [one for one in self._numbers if not one.is_open]:
                del self._numbers[one]
            self._numbers[connection] = number
        payload = message.encode() if isinstance(message, str) else bytes(message)
        self._rows.write(ROW.pack(number, at_ns, zlib.crc32(payload)))
        self.messages += 1

    def swallows(self) -> bool:
        """Whether the next message is to be noted without being sent."""
        if self._forges and self.messages == 500:
            self._forges = False
            return True
        return False

    def close(self) -> None:
        """Write everything to the disk."""
        self._rows.close()
        self._lines.close()


@contextmanager
def overheard(ledger: Ledger) -> Iterator[None]:
    """Let a ledger hear everything that servers of this process send."""
    original = ServerConnection.send_nowait

    def send_nowait(self: ServerConnection, message: Any) -> None:
        at_ns = time.time_ns()
        if not ledger.swallows():
            original(self, message)
        ledger.note(self, message, at_ns)

    ServerConnection.send_nowait = send_nowait  # type: ignore[method-assign]
    try:
        yield
    finally:
        ServerConnection.send_nowait = original  # type: ignore[method-assign]


class Venues:
    """The simulators of a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.kabu: KabuSimulator | None = None
        self.alpaca: AlpacaSimulator | None = None
        self.weex: WeexSimulator | None = None
        self._flow: Any = None
        self._trading: asyncio.Task[None] | None = None
        self._weex_fills: dict[str, None] = {}

    async def open(self, stack: AsyncExitStack) -> dict[str, int]:
        """Start them; returns their ports."""
        plan, ports = self.plan, {}
        if "kabu" in plan.brokers:
            self.kabu = KabuSimulator(
                seed=plan.seed,
                ticks_per_s=plan.share / KABU_BOARDS_PER_TICK,
                switches=KabuSwitches(
                    first_board_delay_ms=0,
                    thinning_ms=0,
                    trade_thinning_ms=0,
                    unsolicited_pong_interval_s=5.0,
                    **KEPT["kabu"],
                ),
            )
            await stack.enter_async_context(self.kabu)
            ports["kabu"] = self.kabu.port
        if "alpaca" in plan.brokers:
            # Quotes of several symbols share a frame, so that there are somewhat more of them than messages.
            switches = AlpacaSwitches(
                partial_fill_chance=0.0,
                ping_interval_s=2.0,
                pong_timeout_s=4.0,
                dead_slot_s=1.0,
                requests_per_minute=2000,
                **KEPT["alpaca"],
            )
            self.alpaca = AlpacaSimulator(
                seed=plan.seed,
                switches=switches,
                quotes_per_s=plan.share / len(ALPACA_SYMBOLS),
                trades_per_s=plan.share / len(ALPACA_SYMBOLS) / 5,
            )
            await stack.enter_async_context(self.alpaca)
            ports["alpaca"] = self.alpaca.port
        if "weex" in plan.brokers:
            self.weex = WeexSimulator(
                seed=plan.seed,
                step_s=WEEX_STREAMS / plan.share,
                ping_interval_s=5.0,
                switches=WeexSwitches(
                    operations_per_hour=0, connects_per_5_minutes=0, rest_weight_per_10_s=0, **KEPT["weex"]
                ),
            )
            await stack.enter_async_context(self.weex)
            ports["weex"] = self.weex.port
        return ports

    def trade(self) -> None:
        """Let executions happen until the flow of messages ends."""
        if self.alpaca is not None:
            count = int((self.plan.seconds - 2) * FILLS_PER_S)
            self._flow = self.alpaca.start_fills(count, FILLS_PER_S, " ".join(ALPACA_SYMBOLS[:3]))
        if self.weex is not None:
            self._trading = asyncio.create_task(self._trade_weex(self.weex))

    async def _trade_weex(self, venue: WeexSimulator) -> None:
        while True:
            for side in ("BUY", "SELL"):
                await asyncio.sleep(WEEX_TRADE_S)
                await venue.trade("BTCUSDT", side, WEEX_SIZE)
                self._note_weex_fills(venue)

    def _note_weex_fills(self, venue: WeexSimulator) -> None:
        self._weex_fills |= {str(fill["id"]): None for fill in venue.desk.fills}

    async def quiet(self) -> None:
        """Send nothing more, Alpaca's last execution awaited."""
        if self._trading is not None:
            self._trading.cancel()
            await asyncio.gather(self._trading, return_exceptions=True)
        async with asyncio.timeout(30):
            while self._flow is not None and not self._flow.is_over:  # noqa: ASYNC110 - the flow has no event
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        if self.kabu is not None:
            self.kabu.mute()
        if self.alpaca is not None:
            self.alpaca.mute()
        if self.weex is not None:
            self.weex.stall()

    def happened(self) -> dict[str, list[str]]:
        """Return what an account has had executed, by the broker."""
        found: dict[str, list[str]] = {}
        if self._flow is not None:
            found["alpaca"] = list(self._flow.execution_ids)
        if self.weex is not None:
            self._note_weex_fills(self.weex)
            found["weex"] = list(self._weex_fills)
        return found


async def sample(plan: Plan, ledger: Ledger) -> None:
    while True:
        tell("sample", sample=take({"messages": ledger.messages}))
        await asyncio.sleep(plan.sample_s)


async def main(plan: Plan) -> None:
    """Do what is asked for: "trade", "quiet", "stop"."""
    ledger = Ledger(Path(plan.folder), forges=plan.plant == "loss")
    venues = Venues(plan)
    async with Orders() as orders, AsyncExitStack() as stack:
        stack.callback(ledger.close)
        stack.enter_context(overheard(ledger))
        tell("ready", ports=await venues.open(stack))
        sampling = asyncio.create_task(sample(plan, ledger))
        while (order := (await orders.next())["do"]) != "stop":
            if order == "trade":
                venues.trade()
            elif order == "quiet":
                await venues.quiet()
                tell("quiet", happened=venues.happened(), messages=ledger.messages)
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
    tell("over")


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Plan)))
