"""The attacker's process: reads a JSON job from standard input, runs one attack on many connections, prints JSON."""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hostile.attacks import ATTACKS, Target

AT_ONCE = 200
"""Connections that are dialled at the same time; more come one after the other."""
PER_S = 1000
"""How many of those come in a second: the system's queue of a listener is short."""


async def attack(job: dict[str, Any]) -> dict[str, Any]:
    """Run the job; a connection that could not be made is an outcome like any other."""
    loop = asyncio.get_running_loop()
    tls = None
    if job["tls"]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    target = Target(job["port"], job["path"].encode(), loop.time() + job["seconds"], job["limit"], tls)
    errors: Counter[str] = Counter()

    async def one(place: int) -> None:
        await asyncio.sleep(place / PER_S if job["connections"] > AT_ONCE else 0)
        while True:
            try:
                await ATTACKS[job["attack"]](target, place)
            except (OSError, RuntimeError) as error:  # the victim cut it in the middle of something
                errors[type(error).__name__] += 1
                await asyncio.sleep(0.01)
            if loop.time() >= target.until_s or job["connections"] > AT_ONCE:
                return

    await asyncio.gather(*(one(place) for place in range(job["connections"])))
    return {"sent": target.sent, "outcomes": Counter(target.outcomes), "errors": errors}


def main() -> None:
    """Do what standard input says."""
    job = json.loads(sys.stdin.readline())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(asyncio.run(attack(job))))


if __name__ == "__main__":
    main()
