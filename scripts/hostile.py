#!/usr/bin/env python3
"""Attack a server, or a client, of this package with peers that do one thing wrong as hard as they can, and say what it costs.

    python scripts/hostile.py                                   every case against serve(), 10 s each
    python scripts/hostile.py ping-flood 'bombs*' --seconds 5
    python scripts/hostile.py --server echo --lane python       the protocol classes, without the compiled lane
    python scripts/hostile.py --server hub --full               full size: 10,000 connections where there are many
    python scripts/hostile.py idle --connections 10000 --loop uvloop
    python scripts/hostile.py --client session          hostile servers against a client: every case for it
    python scripts/hostile.py --client sync 'fragments-*' deaf
    python scripts/hostile.py --list

The victim, the attackers and a well-behaved client are processes of their own. The table has for each case what was sent
(frames, heads or connections), the victim's peak memory above what it needed before beside the bound that follows from its
options, what it kept, its share of a core, the well-behaved client's round trips (a hub's: how late its records came) without and
beside the attack, the lines it logged, and how the hostile connections ended. Where a client is the victim, the lateness of its
own loop stands in place of the well-behaved client, and the ends are those of its tries: a close code, or the class of an error.
The exit status is 1 when a bound broke, a connection ended in another way than it should, something was left behind, the log
was filled, or the well-behaved client missed an answer; no time decides, but that each wait of a client has to end, seconds
after its deadline. A client must not spin either where it has nothing to do, each of its errors must be one line, and no
secret may reach another host.
Each process needs a file descriptor for each connection (``ulimit -n``).
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import os
import resource
import sys
import tempfile
from pathlib import Path

from hostile.cases import CASES
from hostile.client_cases import CLIENT_CASES, CLIENTS
from hostile.run import HEADING, Plan, run_case, run_client_case, show

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names or patterns such as 'fragments-*'; all")
    parser.add_argument("--server", choices=("serve", "echo", "hub"), default="serve", help="whom to attack")
    parser.add_argument("--client", choices=CLIENTS, help="a client to attack in its place")
    parser.add_argument("--lane", choices=("compiled", "python"), default="compiled")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each attack; some need longer (default 10)")
    parser.add_argument("--connections", type=int, default=0, help="hostile connections; each case's own")
    parser.add_argument("--full", action="store_true", help="10,000 connections where a case is about many")
    parser.add_argument("--list", action="store_true", help="show the cases and end")
    return parser.parse_args()


def certificate(folder: str) -> str:
    """Make a certificate and its key in one file."""
    import trustme

    own = trustme.CA().issue_cert("127.0.0.1")
    path = Path(folder) / "own.pem"
    path.write_bytes(own.private_key_and_cert_chain_pem.bytes())
    path.chmod(0o600)
    return str(path)


async def run(names: list[str], options: argparse.Namespace) -> int:
    """Run the cases; returns the exit status."""
    broke = 0
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            options.server,
            options.lane,
            options.loop,
            options.seconds,
            options.connections,
            options.full,
            "" if options.client else certificate(folder),
            options.client or "",
        )
        lines = []
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                result = await (run_client_case if plan.client else run_case)(name, plan)
            except (RuntimeError, TimeoutError, ValueError) as error:
                broke += 1
                lines.append(f"{name:<21} BROKE: {type(error).__name__}: {error}")
            else:
                broke += bool(result.faults)
                lines.append(show(result))
            print(lines[-1], file=sys.stderr, flush=True)
    print(f"\n{options.client or options.server}, {options.lane} lane, {options.loop}\n{HEADING}")
    print("\n".join(lines))
    print(f"{len(names)} cases, {broke} broke")
    return 1 if broke else 0


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    options = parse()
    wanted = options.cases or ["*"]
    victims = {name: case.servers for name, case in CASES.items()}
    by_clients = {name: case.clients for name, case in CLIENT_CASES.items()}
    victim, cases = (options.client, by_clients) if options.client else (options.server, victims)
    names = [
        name
        for name, whom in cases.items()
        if victim in whom and any(fnmatch.fnmatch(name, pattern) for pattern in wanted)
    ]
    if options.list or not names:
        print("\n".join(f"{name:<22}{', '.join(whom)}" for name, whom in victims.items()))
        print("\nby hostile servers:")
        print("\n".join(f"{name:<22}{', '.join(whom)}" for name, whom in by_clients.items()))
        return 0 if options.list else 2
    if os.name == "nt":
        print("memory is read from /proc: run this on Linux")
        return 2
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return asyncio.run(run(names, options))


if __name__ == "__main__":
    sys.exit(main())
