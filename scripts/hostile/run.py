"""One case after the other: start a victim, watch it alone, attack it, see what is left, and judge."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hostile.cases import CASES, MIB, Case, bound_mib, limits_of
from hostile.client_cases import CLIENT_CASES, ClientCase, client_bound_mib, ends_of
from hostile.process import Victim, cpu_s, forget_most, memory_mib, run_job
from hostile.watcher import Watcher, spread

__all__ = ["Plan", "Result", "run_case", "run_client_case", "show"]

CALM_S = 2.0
SETTLE_S = 180.0
"""How long what an attack left open may take to go, seconds: the system holds megabytes of frames for a server to read."""
CLIENT_SETTLE_S = 40.0
"""The same of a client: its deadlines are seconds, and a thread that does not come back is noticed after thirty."""
LINES_OF_A_PEER = 12
"""Log lines that one connection or try may be worth; a redirect followed to its end is up to seven."""
PATHS = {"serve": "/", "echo": "/", "hub": "/v1/stream"}


@dataclass(frozen=True)
class Plan:
    """What holds for every case of a run."""

    server: str
    lane: str
    loop: str
    seconds: float
    connections: int
    full: bool
    certificate: str
    client: str = ""
    """Kind of client to attack, "" for the server."""


@dataclass
class Result:
    """What a case came to."""

    name: str
    connections: int
    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    grown_mib: float = 0.0
    bound_mib: float = 0.0
    kept_mib: float = 0.0
    cpu: float = 0.0
    calm: tuple[float, float] = (math.nan, math.nan)
    beside: tuple[float, float] = (math.nan, math.nan)
    asked: int = 0
    lines: int = 0
    tries: int = 0
    longest_s: float = 0.0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


async def run_case(name: str, plan: Plan) -> Result:
    """Run one case; whatever broke is in the result's faults."""
    case = CASES[name]
    count = plan.connections or (max(case.full, case.connections) if plan.full else case.connections)
    result = Result(name, count, bound_mib=bound_mib(case, plan.server, count))
    job = {
        "kind": plan.server,
        "lane": plan.lane,
        "loop": plan.loop,
        "options": dict(case.options),
        "hub": {"max_readers": max(10_000, count + 10)},
        "tls": case.tls,
        "http": case.http,
        "cert": plan.certificate,
    }
    async with Victim("victim.py", job) as victim:
        port = victim.facts["port"]
        watcher = _Hearer() if plan.server == "hub" else Watcher()
        url = f"{'wss' if case.tls else 'ws'}://127.0.0.1:{port}{PATHS[plan.server]}"
        watching = asyncio.create_task(watcher.run(url, insecure=case.tls))
        await _until(lambda: bool(watcher.taken) or watching.done(), 20)
        calm_s = time.monotonic()
        await asyncio.sleep(CALM_S)
        before = await victim.ask()
        base_mib = memory_mib(victim.pid)
        forget_most(victim.pid)
        begun_s, used_s = time.monotonic(), cpu_s(victim.pid)
        seconds = max(plan.seconds, case.seconds)
        hostile = await run_job("attacker.py", _attack(case, plan, port, count, seconds), seconds + 120)
        ended_s = time.monotonic()
        result.cpu = (cpu_s(victim.pid) - used_s) / (ended_s - begun_s)
        result.grown_mib = memory_mib(victim.pid, "VmHWM") - base_mib
        after = await _settled(victim, before)
        result.kept_mib = memory_mib(victim.pid) - base_mib
        last, went_on = len(watcher.taken), False
        if not watching.done():
            went_on = await _until(lambda: len(watcher.taken) > last, 20)
        watching.cancel()
        gone = (await asyncio.gather(watching, return_exceptions=True))[0]
    result.sent, result.outcomes = hostile["sent"], Counter(hostile["outcomes"])
    result.calm, result.beside = spread(watcher.times(calm_s, begun_s)), spread(watcher.times(begun_s, ended_s))
    result.asked = len(watcher.times(begun_s, ended_s))
    result.lines = sum(after["lines"].values()) - sum(before["lines"].values())
    _judge(result, case.ends, before, after, [] if went_on else [f"the watcher's connection ended: {gone!r}"])
    result.faults += [f"{watcher.wrong} wrong answers"] if watcher.wrong else []
    return result


async def run_client_case(name: str, plan: Plan) -> Result:
    """Run one case against a client; the well-behaved task beside it is one of the same process, and its loop's lateness."""
    case = CLIENT_CASES[name]
    count = plan.connections or case.connections
    seconds = max(plan.seconds, case.seconds)
    result = Result(name, count, bound_mib=client_bound_mib(case, plan.client, count), seconds=seconds)
    limit = int(case.options.get("max_message_bytes", 64 * MIB))
    job = {
        "client": plan.client,
        "lane": plan.lane,
        "loop": plan.loop,
        "options": dict(case.options),
        "does": case.does,
        "proxy": case.proxy,
        "tls": case.tls,
        "connections": count,
        "seconds": seconds,
    }
    async with (
        Victim("bad_server.py", {"attack": case.attack, "limit": limit}) as server,
        Victim("client_victim.py", job) as victim,
    ):
        before = await victim.ask()
        calm_s = time.monotonic()
        await asyncio.sleep(CALM_S)
        base_mib = memory_mib(victim.pid)
        forget_most(victim.pid)
        begun_s, used_s = time.monotonic(), cpu_s(victim.pid)
        await victim.ask({"port": server.facts["port"]})
        await asyncio.sleep(seconds)
        ended_s = time.monotonic()
        result.cpu = (cpu_s(victim.pid) - used_s) / (ended_s - begun_s)
        result.grown_mib = memory_mib(victim.pid, "VmHWM") - base_mib
        after = await _settled(victim, before, CLIENT_SETTLE_S)
        result.kept_mib = memory_mib(victim.pid) - base_mib
        late = (await victim.ask("late"))["late"]
        attacked = await server.ask()
    result.sent, result.tries, result.outcomes = attacked["sent"], after["tries"], Counter(after["outcomes"])
    result.longest_s = after["longest_s"]
    calm = [delay * 1e3 for at_s, delay in late if calm_s <= at_s < begun_s]
    beside = [delay * 1e3 for at_s, delay in late if begun_s <= at_s < ended_s]
    result.calm, result.beside, result.asked = spread(calm), spread(beside), len(beside)
    result.lines = sum(after["lines"].values()) - sum(before["lines"].values())
    _judge_client(result, case, plan.client, before, after, attacked)
    return result


def _judge_client(
    result: Result,
    case: ClientCase,
    client: str,
    before: dict[str, Any],
    after: dict[str, Any],
    attacked: dict[str, Any],
) -> None:
    _judge(result, ends_of(case, client), before, after, list(after["defects"]))
    waits_by_itself = client in ("session", "hub-reader", "app")
    most = case.tries_per_s * result.connections * result.seconds + result.connections
    result.faults += [f"no line for people: {words}" for words in after["untidy"]]
    if attacked["leaks"]:
        result.faults.append(f"{attacked['leaks']} secrets went to another host")
    if case.cpu and result.cpu > case.cpu:
        result.faults.append(f"used {result.cpu:.0%} of a core where there is nothing to do")
    if case.longest_s and after["longest_s"] > case.longest_s:
        result.faults.append(f"a try took {after['longest_s']:.1f} s")
    if case.tries_per_s and waits_by_itself and result.tries > most:
        result.faults.append(f"tried {result.tries} times, at most {most:.0f} were due")
    if not result.tries:
        result.faults.append("nothing was tried")
    if "held" not in case.ends and set(result.outcomes) <= {"held"}:
        result.faults.append("no try ended by itself")


class _Hearer(Watcher):
    """The same for a hub: hears numbered records, and takes how late each was."""

    async def run(self, url: str, *, insecure: bool = False) -> None:
        """Hear until it is cancelled."""
        from wsexample import connect_hub

        last = 0
        async with connect_hub(url, "flood.A.quote", interval_ms=0) as session:
            async for record in session:
                number = int(record.bid_price)
                self.wrong += bool(last) and number != last + 1
                last = number
                self.taken.append((time.monotonic(), time.time() - record.received_ns / 1e9))


def _attack(case: Case, plan: Plan, port: int, count: int, seconds: float) -> dict[str, Any]:
    return {
        "attack": case.attack,
        "port": port,
        "path": PATHS[plan.server],
        "seconds": seconds,
        "limit": limits_of(case, plan.server)[0],
        "connections": count,
        "tls": case.tls,
    }


async def _until(is_so: Any, deadline_s: float) -> bool:
    end_s = time.monotonic() + deadline_s
    while not is_so():
        if time.monotonic() > end_s:
            return False
        await asyncio.sleep(0.02)
    return True


async def _settled(victim: Victim, before: dict[str, Any], longest_s: float = SETTLE_S) -> dict[str, Any]:
    """Ask the victim until nothing of the attack is open any more, or too long."""
    end_s = time.monotonic() + longest_s
    while True:
        after = await victim.ask()
        if not _left(before, after) or time.monotonic() > end_s:
            return after
        await asyncio.sleep(0.2)


def _left(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    kinds = ("open", "tasks", "sockets", "threads")
    return [
        f"{after[kind] - before[kind]} {kind} left behind" for kind in kinds if after.get(kind, 0) > before.get(kind, 0)
    ]


def _judge(
    result: Result, ends: frozenset[str], before: dict[str, Any], after: dict[str, Any], faults: list[str]
) -> None:
    result.faults += faults + _left(before, after)
    if result.grown_mib > result.bound_mib:
        result.faults.append(f"memory grew past {result.bound_mib:.0f} MiB")
    strange = {end: n for end, n in result.outcomes.items() if end not in ends}
    if strange:
        result.faults.append(f"connections ended as {strange}")
    if not result.sent:
        result.faults.append("nothing was sent")
    if not result.asked:
        result.faults.append("the watcher had no answer during the attack")
    peers = max(result.connections, result.tries, sum(result.outcomes.values()))
    if result.lines > LINES_OF_A_PEER * peers:
        result.faults.append(f"the victim logged {result.lines:,} lines for {peers:,} connections")
    errors = [line for line in after["lines"] if line.endswith(("error", "critical"))]
    if errors:
        result.faults.append(f"the victim noted {errors}")


def show(result: Result) -> str:
    """Return a case's line of the table."""
    ends = ", ".join(f"{count:,} {end}" for end, count in result.outcomes.most_common(4)) or "-"
    if result.tries:
        ends = f"{result.tries:,} tries, at most {result.longest_s:.1f} s: {ends}"
    verdict = "ok" if not result.faults else "BROKE: " + "; ".join(result.faults)
    return (
        f"{result.name:<21} {result.connections:>6,} {result.sent:>11,} {result.grown_mib:>7.0f} {result.bound_mib:>7.0f} "
        f"{result.kept_mib:>6.0f} {result.cpu:>5.0%} {result.calm[0]:>6.2f} {result.calm[1]:>6.1f} "
        f"{result.beside[0]:>7.2f} {result.beside[1]:>8.1f} {result.lines:>7,}  {ends}  {verdict}"
    )


HEADING = (
    f"{'case':<21} {'conns':>6} {'sent':>11} {'grown':>7} {'bound':>7} {'kept':>6} {'cpu':>5} "
    f"{'p50':>6} {'p99':>6} {'p50':>7} {'p99':>8} {'log':>7}  ended as\n"
    f"{'':<21} {'':>6} {'':>11} {'MiB':>7} {'MiB':>7} {'MiB':>6} {'':>5} "
    f"{'alone, ms':>13} {'attacked, ms':>16} {'lines':>7}"
)
