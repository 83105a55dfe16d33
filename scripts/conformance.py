"""Test an echo on wsexample's classes against RFC 6455 and RFC 7692 over real sockets, beside plain Autobahn.

    python scripts/conformance.py                 everything: both roles, both lanes, whole and octet by octet
    python scripts/conformance.py --quick
    python scripts/conformance.py 5 6.12 --verbose
    python scripts/conformance.py --list

The exit code is 0 when nothing is worse than plain Autobahn. What was seen last: docs/conformance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from conformance.case import CLIENT, SERVER, Case
from conformance.report import BASELINE, Key, as_json, describe, differences, failures, table
from conformance.run import Outcome, play, start
from conformance.sections import SECTIONS

STACKS = {"autobahn": ("autobahn", ""), "compiled": ("ours", "require"), "python": ("ours", "skip")}


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="section numbers or case ids; all")
    parser.add_argument("--quick", action="store_true", help="the quick set, in whole writes only")
    parser.add_argument("--stacks", default=",".join(STACKS), help=f"of {', '.join(STACKS)}; all")
    parser.add_argument("--roles", default=f"{SERVER},{CLIENT}", help="server, client; both")
    parser.add_argument("--verbose", action="store_true", help="print every case with what was seen")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was seen here")
    parser.add_argument("--list", action="store_true", help="print the cases and stop")
    return parser.parse_args(arguments)


def selected(wanted: list[str], quick: bool) -> list[Case]:
    """Return the cases asked for."""
    found = [
        case
        for section in SECTIONS
        for case in section.cases
        if not wanted or str(section.number) in wanted or case.id in wanted
    ]
    return [case for case in found if case.quick or not quick]


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    cases = selected(options.cases, options.quick)
    if options.list:
        for case in cases:
            print(f"{case.id:7} {'/'.join(case.roles):14} RFC {case.rfc:12} {case.title}")
        return 0
    results: dict[str, dict[Key, Outcome]] = {}
    for name in options.stacks.split(","):
        stack, lane = STACKS[name]
        outcomes: dict[Key, Outcome] = {}
        for role in options.roles.split(","):
            began = time.monotonic()
            process = start(stack, lane)
            try:
                for octets in (False,) if options.quick else (False, True):
                    for outcome in play(cases, process, role, octets=octets):
                        outcomes[outcome.id, role, octets] = outcome
                        if options.verbose:
                            mark = "pass" if outcome.passed else f"FAIL {'; '.join(outcome.wrong)}"
                            print(f"{name} {role} {outcome.id}{' octets' if octets else ''}: {outcome.seen} {mark}")
            finally:
                process.stop()
            done = sum(key[1] == role for key in outcomes)
            print(f"{name:9} {role}: {done} played in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        results[name] = outcomes
    print(f"### Passed\n\n{table(results)}")
    failed = failures(results)
    if failed:
        print("\n### Failed\n")
        print("\n".join(f"- {line}" for line in failed))
    found = differences(results)
    if BASELINE in results and len(results) > 1:
        print("\n### Differences from plain Autobahn\n")
        print("\n".join(f"- {describe(item)}" for item in found) or "None.")
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=1, ensure_ascii=False))
    worse = any(item[1] == "worse" for item in found)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
