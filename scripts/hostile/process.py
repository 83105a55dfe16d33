"""What the system says of a process: memory, its most, CPU time; and a subprocess that answers questions."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

__all__ = ["Victim", "cpu_s", "memory_mib", "run_job"]

HERE = Path(__file__).resolve().parent
DEADLINE_S = 60.0
LONGEST_LINE = 16 * 1024 * 1024


def memory_mib(pid: int, what: str = "VmRSS") -> float:
    """Return VmRSS or VmHWM (the most it ever was) of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what)) / 1024


def forget_most(pid: int) -> None:
    """Let VmHWM begin anew."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, seconds."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def run_job(script: str, job: dict[str, Any], deadline_s: float) -> dict[str, Any]:
    """Run a script of this folder with a job; returns what it prints."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(HERE / script), stdin=PIPE, stdout=PIPE)
    try:
        async with asyncio.timeout(deadline_s):
            out, _ = await process.communicate(json.dumps(job).encode() + b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{script} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(out)
    return result


class Victim:
    """A process that bears an attack: ``async with Victim("victim.py", job) as victim``."""

    def __init__(self, script: str, job: dict[str, Any]) -> None:
        self._script = script
        self._job = job
        self._process: Process
        self.facts: dict[str, Any] = {}
        """What it said when it was ready."""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def __aenter__(self) -> Victim:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / self._script), stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE
        )
        self.facts = await self._say(self._job)
        return self

    async def _say(self, what: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        async with asyncio.timeout(DEADLINE_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._script} ended with {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def ask(self, what: Any = "?") -> dict[str, Any]:
        """Return what is open in it now; anything else than a question it does first."""
        return await self._say(what)

    async def __aexit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
