"""The run itself: simulators and house in processes of their own, the networks between them here, and their faults on time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from soak.plan import Plan
from soak.sampling import Sample
from soak.streams import NETWORKS
from soak.weather import Fault, forecast
from tests.faults.proxy import FAULTS, SPOILING, FaultProxy

__all__ = ["Run", "SoakError", "networks", "soak"]

SCRIPTS = Path(__file__).resolve().parent.parent
STARTS_S = 90.0
ENDS_S = 150.0
"""How long the house may take to be live again, to take everything, and to close."""
MONEY = ("alpaca.trading", "alpaca.rest", "weex.private", "weex.rest", "hub")
"""Networks on which no byte is changed: what a changed digit makes of an execution is nobody's fault."""


class SoakError(Exception):
    """The run could not be brought to its end; says what went wrong where."""


@dataclass
class Run:
    """What a run has yielded, beside what it has left on the disk."""

    plan: Plan
    samples: list[Sample] = field(default_factory=list)
    """Of the house, while messages flow."""
    venue_samples: list[Sample] = field(default_factory=list)
    types: list[dict[str, int]] = field(default_factory=list)
    """The most frequent types of objects, now and then."""
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    """What happened to the networks, and when (UTC epoch nanoseconds)."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the processes have said, by event."""
    begun_ns: int = 0
    ended_ns: int = 0


def networks(brokers: Sequence[str]) -> dict[str, list[str]]:
    """Return the networks of a run, and what may happen to each."""
    names = [name for broker in brokers for name in NETWORKS[broker]] + ["hub"]
    whole = [kind for kind in FAULTS if kind not in SPOILING]
    return {name: whole if name in MONEY else list(FAULTS) for name in names}


class Child:
    """A process of the run, which says things as JSON lines."""

    def __init__(self, process: Process, name: str, heard: Callable[[str, dict[str, Any]], None]) -> None:
        self.process = process
        self.name = name
        self._heard = heard
        self._said: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, module: str, plan: Plan, env: Mapping[str, str], heard: Callable[..., None]) -> Child:
        """Start a module with the plan; what it writes to standard error goes to a file."""
        paths = os.pathsep.join([str(SCRIPTS), str(SCRIPTS.parent), os.environ.get("PYTHONPATH", "")])
        with open(Path(plan.folder) / f"{module}.log", "wb") as log:  # noqa: ASYNC230 - before anything runs
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"soak.{module}",
                msgspec.json.encode(plan).decode(),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                env={**os.environ, **env, "PYTHONPATH": paths},
                limit=1 << 26,
            )
        return cls(process, module, heard)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            facts = msgspec.json.decode(line)
            event = facts.pop("event")
            self._heard(event, facts)
            self._said.setdefault(event, asyncio.Queue()).put_nowait(facts)
            if event == "sample":
                self._said[event].get_nowait()

    def order(self, **facts: Any) -> None:
        """Tell it to do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(facts) + b"\n")

    async def said(self, event: str, timeout_s: float) -> dict[str, Any]:
        """Wait until it says something.

        Raises:
            SoakError: it did not in time, or has ended.
        """
        waiting = asyncio.create_task(self._said.setdefault(event, asyncio.Queue()).get())
        done, _ = await asyncio.wait([waiting, self._reading], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            return waiting.result()
        waiting.cancel()
        if not done:
            raise SoakError(f"{self.name} did not say {event!r} within {timeout_s:g} s; see {self.name}.log")
        await self.process.wait()
        if (queue := self._said[event]).qsize():
            return queue.get_nowait()
        raise SoakError(f"{self.name} ended with {self.process.returncode} before {event!r}; see {self.name}.log")

    async def end(self) -> None:
        """Let it end, or end it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading


async def soak(plan: Plan, progress: Callable[[Run], None] = lambda run: None) -> Run:
    """Run a plan; raises `SoakError` when it cannot be brought to its end.

    Parameters:
        plan: what is to be.
        progress: called after each sample of the house.
    """
    run = Run(plan)

    def from_house(event: str, facts: dict[str, Any]) -> None:
        if event == "sample":
            if run.begun_ns and not run.ended_ns:
                run.samples.append(msgspec.convert(facts["sample"], Sample))
                if facts["types"]:
                    run.types.append(facts["types"])
                progress(run)
        else:
            run.facts[f"house {event}"] = facts

    def from_venues(event: str, facts: dict[str, Any]) -> None:
        if event == "sample":
            run.venue_samples.append(msgspec.convert(facts["sample"], Sample))
        else:
            run.facts[f"venues {event}"] = facts

    children: list[Child] = []
    with ExitStack() as stack:
        try:
            venues = await Child.start("venues", plan, {}, from_venues)
            children.append(venues)
            ports = (await venues.said("ready", STARTS_S))["ports"]
            lane = "skip" if plan.lane == "python" else "require"
            house = await Child.start("house", plan, {"WSEXAMPLE_LANE": lane}, from_house)
            children.insert(0, house)
            hub_port = (await house.said("hub", STARTS_S))["port"]
            upstream = {name: ports[broker] for broker in plan.brokers for name in NETWORKS[broker]} | {"hub": hub_port}
            proxies = {name: stack.enter_context(FaultProxy(port, seed=plan.seed)) for name, port in upstream.items()}
            house.order(ports={name: proxy.port for name, proxy in proxies.items()})
            await house.said("live", STARTS_S)
            venues.order(do="trade")
            run.begun_ns = time.time_ns()
            await _weather(run, proxies, house)
            house.order(do="calm")
            await house.said("live", ENDS_S)
            run.ended_ns = time.time_ns()
            venues.order(do="quiet")
            await venues.said("quiet", ENDS_S)
            house.order(do="finish")
            for event in ("account", "left", "after"):
                await house.said(event, ENDS_S)
            venues.order(do="stop")
            await venues.said("over", STARTS_S)
        finally:
            for child in children:
                await child.end()
    return run


async def _weather(run: Run, proxies: Mapping[str, FaultProxy], house: Child) -> None:
    """Let the faults of the forecast happen until the time is over."""
    plan, loop = run.plan, asyncio.get_running_loop()
    begun_s = loop.time()
    coming = forecast(plan.seed, plan.seconds, plan.faults_per_minute, networks(plan.brokers))
    moments: list[tuple[float, int, Fault | None, str]] = []
    for number, fault in enumerate(coming):
        moments += [(fault.at_s, number, fault, fault.where), (fault.at_s + fault.lasts_s, number, None, fault.where)]
    moments.append((plan.seconds, len(coming), None, ""))
    for at_s, _, fault, where in sorted(moments, key=lambda one: one[:2]):
        while (left_s := begun_s + at_s - loop.time()) > 0:
            await asyncio.sleep(min(left_s, 1.0))
            if house.process.returncode is not None:
                raise SoakError(f"the house ended with {house.process.returncode}; see house.log")
        if fault is not None:
            run.faults.append((time.time_ns(), fault))
            FAULTS[fault.kind](proxies[where])
        elif where:
            proxies[where].heal()
    for proxy in proxies.values():
        proxy.heal()
