"""`KabuClient` against the simulator on real sockets, while everything goes wrong at random: whole again each time.

It takes four seconds of wall time; ``scripts/session_faults.py kabu`` runs the same for two minutes (or as long as the variable
WSEXAMPLE_FAULT_SECONDS says).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.conftest import run_with_deadline
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.messages import PushMessage
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.ports import ConnectionEvent, Gap, Record
from wsexample.records.market import Board
from wsexample.session import events
from wsexample.session.options import Retry

SECONDS = float(os.environ.get("WSEXAMPLE_FAULT_SECONDS", "4"))
CODES = ("9433", "8306", "7203", "9984", "7974")
SWITCHES = Switches(
    thinning_ms=0,
    first_board_delay_ms=0,
    unsolicited_pong_interval_s=0.1,
    rate_penalty_s=0.2,
    info_per_s=50,
    register_per_s=50,
)
SOON = Retry(first_s=0.05, max_s=0.4, interval_s=0.01, proven_s=0.5)
FAULTS = (
    *("displaced", "reset", "closed 1001", "closed 1011", "mute", "restart", "logout", "logout and reset"),
    *("token stolen and reset", "storm and reset", "slow start", "list emptied", "list emptied and reset"),
)


class Day:
    """One run: a simulator whose every board is numbered, its client, and what came."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.simulator = KabuSimulator(switches=SWITCHES, seed=seed, ticks_per_s=40)
        self.sent: list[tuple[int, str, int]] = []
        self.records: list[Record] = []
        self.story: list[events.Event] = []
        self.faults: list[str] = []
        self.slowest_s = 0.0
        push = self.simulator._push
        self._send, push.send = push.send, self.send  # type: ignore[method-assign]

    def send(self, key: str, board: PushMessage) -> bool:
        """What the simulator pushes, with a number in place of the market value."""
        number = len(self.sent) + 1
        was_sent = self._send(key, msgspec.structs.replace(board, TotalMarketValue=float(number)))
        if was_sent:
            self.sent.append((time.time_ns(), key, number))
        return was_sent

    async def break_it(self) -> None:
        """Let something go wrong; returns when it is right again."""
        name, simulator = self.random.choice(FAULTS), self.simulator
        self.faults.append(name)
        if name == "displaced":
            simulator.displace()
        if name.startswith("closed"):
            simulator.close_push(int(name.split()[1]), "by the script")
        if name == "mute":
            simulator.mute()
        if name == "restart":
            await simulator.restart(down_s=self.random.random() * 0.3, login_after_s=self.random.random() * 0.3)
        if "logout" in name:
            simulator.log_out()
        if "token" in name:
            simulator.issue_token()
        if "storm" in name:
            simulator.storm_429(self.random.random() * 0.5)
        if "slow" in name:
            simulator.slow_start(0.5, self.random.random())
        if "list" in name:
            simulator.forget_list()
        if "reset" in name or "slow" in name:
            await asyncio.sleep(self.random.random() * 0.1)
            simulator.reset()
        if "logout" in name:
            await asyncio.sleep(self.random.random() * 0.5)
            simulator.log_in()

    async def live(self, seconds: float) -> KabuClient:
        """Live through faults for so many seconds; returns the client, closed."""
        client = KabuClient(
            " ".join(CODES),
            port=self.simulator.port,
            password="password",
            policy="drop_oldest",
            retry=SOON,
            journal=True,
            list_check_s=0.3,
            pong_interval_s=0.15,
            timeout_s=1.0,
            random=random.Random(1),
        )

        async def consume() -> None:
            self.records.extend([record async for record in client.records()])

        async def follow() -> None:
            self.story.extend([event async for event in client.events()])

        async with client:
            tasks = [asyncio.create_task(consume()), asyncio.create_task(follow())]
            ends_s = time.monotonic() + seconds
            while time.monotonic() < ends_s:
                await asyncio.sleep(self.random.random() * 0.5)
                await self.break_it()
                await self.until_well(client)
        await asyncio.gather(*tasks)
        return client

    async def until_well(self, client: KabuClient) -> None:
        """Wait until a board of every symbol has come since now; the sums hold all the while."""
        begun_s, begun = time.monotonic(), len(self.sent)
        seen = dict.fromkeys(CODES, False)
        async with asyncio.timeout(25.0):
            while not all(seen.values()):
                assert client.session.error is None, self.faults[-1]
                assert_adds_up(client)
                if not client.session.is_live:
                    self.simulator.unmute()
                await asyncio.sleep(0.01)
                seen = {code: any(key.startswith(code) for _, key, _ in self.sent[begun:]) for code in CODES}
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun_s)


def assert_adds_up(client: KabuClient) -> None:
    counts = client.session.stats
    assert counts.received == counts.delivered + counts.conflated + counts.dropped + counts.waiting
    handed = client.delivered + client.conflated + client.dropped
    assert client.received + client.snapshots == handed + client.unreadable + client.waiting


def check(day: Day, client: KabuClient) -> dict[str, Any]:
    """What must hold of the whole run; returns its figures."""
    assert_adds_up(client)
    gaps = [record for record in day.records if isinstance(record, Gap)]
    boards = [record for record in day.records if isinstance(record, Board)]
    assert (len(boards), client.dropped, client.unreadable) == (client.received, 0, 0)
    assert len(gaps) == client.gaps
    losses = [event for event in day.story if isinstance(event, events.Failed) and event.phase == "live"]
    assert losses
    whole = [gap for gap in gaps if not gap.symbol]
    assert all(any(gap.from_ns <= loss.at_ns <= gap.to_ns for gap in whole) for loss in losses)
    came = Counter(board.market_value for board in boards)
    assert max(came.values()) == 1
    newest = {board.symbol: board.received_ns for board in boards}
    lost = [item for item in day.sent if item[2] not in came and item[0] < newest[item[1]]]
    assert [
        item
        for item in lost
        if not any(gap.symbol in ("", item[1]) and gap.from_ns <= item[0] <= gap.to_ns for gap in gaps)
    ] == []
    stored = [record.event for record in day.records if isinstance(record, ConnectionEvent)]
    assert stored.count("live") == client.reconnects + 1
    return {
        "faults": len(day.faults),
        "of each kind": dict(sorted(Counter(day.faults).items())),
        "reconnects": client.reconnects,
        "gaps": len(gaps),
        "boards sent, received, delivered": (len(day.sent), client.received, client.delivered),
        "sent and lost, all under a Gap": len(lost),
        "slowest recovery, s": round(day.slowest_s, 2),
    }


async def main(seconds: float) -> None:
    day = Day(seed=3)
    async with day.simulator:
        client = await day.live(seconds)
    figures = check(day, client)
    if seconds >= 60:
        print("", *(f"{name}: {figure}" for name, figure in figures.items()), sep="\n")  # noqa: T201 - for the script


@pytest.mark.timeout(SECONDS + 60)
def test_a_kabu_client_survives_whatever_its_station_does() -> None:
    """Random faults over real sockets: whole again after each, nothing twice, nothing lost outside a Gap."""
    run_with_deadline(main(SECONDS), deadline_s=SECONDS + 50)
