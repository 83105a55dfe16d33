"""Measure CPU time per message of wsexample and its peers against prebuilt loads; prints tables and writes JSON.

    python scripts/bench.py --list
    python scripts/bench.py receive-140 request-reply --repeat 5
    python scripts/bench.py --quick
    python scripts/bench.py --transports --json transports.json

How to read the tables, and what they were last time: docs/performance.md.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.report import describe_machine, digest, family_tables, standings, summarize, table, value_name
from bench.runner import Plan, Row, in_turn, measure, rows_of, write_certificate
from bench.subjects import ALL_LOOPS, SUBJECTS
from bench.workloads import TRANSPORT_WORKLOADS, WORKLOADS


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="names or patterns such as 'receive-*'; all")
    parser.add_argument("--peers", help="subjects, separated by commas; all that are installed")
    parser.add_argument("--loop", help=f"loops, separated by commas, of {', '.join(ALL_LOOPS)}; each subject's own")
    parser.add_argument("--repeat", type=int, help="runs of each row; 5, quick 1")
    parser.add_argument("--quick", action="store_true", help="short windows, once, 1,000 connections for memory")
    parser.add_argument(
        "--transports", action="store_true", help="ours over every transport, both roles, plain and TLS"
    )
    parser.add_argument("--connections", type=int, help="connections of the memory workload; 10000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement and the summary here")
    parser.add_argument(
        "--show", type=Path, nargs="+", metavar="FILE", help="print what such files hold and measure nothing"
    )
    parser.add_argument("--profile", action="store_true", help="sample with perf and print where the time goes")
    parser.add_argument("--cpus", default="0,1", help="core under test and core of the load; '' pins nothing; 0,1")
    parser.add_argument("--list", action="store_true", help="print workloads and subjects, and stop")
    return parser.parse_args(arguments)


def chosen(names: str | None, known: list[str], what: str) -> list[str]:
    """Return the known names that match a comma-separated list of names and patterns; stops when one matches none."""
    if not names:
        return known
    found = []
    for name in names.split(","):
        matches = fnmatch.filter(known, name.strip())
        if not matches:
            sys.exit(f"there is no {what} {name!r}; known: {', '.join(known)}")
        found += [match for match in matches if match not in found]
    return found


def pinning(text: str) -> list[int] | None:
    """Return the two cores to pin to, None where that cannot be done."""
    if not text or not hasattr(os, "sched_setaffinity"):
        return None
    cpus = [int(part) for part in text.split(",")]
    usable = os.sched_getaffinity(0)
    if len(cpus) != 2 or not set(cpus) <= usable:
        print(f"not pinned: cores {text} are not two of {sorted(usable)}", flush=True)
        return None
    return cpus


def show(files: list[Path]) -> None:
    """Print the tables of files written with ``--json``; a workload in several of them counts where it comes last."""
    by_workload: dict[str, list[dict[str, object]]] = {}
    for file in files:
        document = json.loads(file.read_text())
        print(f"{file.name}: {json.dumps(document['machine'])}\n")
        for name in {line["workload"] for line in document["summary"]}:
            by_workload[name] = [line for line in document["summary"] if line["workload"] == name]
    lines = [line for name in WORKLOADS for line in by_workload.get(name, [])]
    for name in WORKLOADS:
        if name in by_workload and not WORKLOADS[name].family:
            print(f"### {name}: {WORKLOADS[name].title}\n\n{table(name, by_workload[name])}\n")
    print(family_tables(lines))
    print(f"\n### Best of each\n\n{digest(lines)}\n\n### Targets\n")
    for name in WORKLOADS:
        for line in standings(name, by_workload.get(name, [])):
            print(f"- {line}")


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.list:
        for name, workload in WORKLOADS.items():
            print(f"{name:22} {workload.title}")
        print()
        for name, subject in SUBJECTS.items():
            print(f"{name:22} {subject.note} ({', '.join(subject.loops)})")
        return 0
    if options.show:
        show(options.show)
        return 0
    default = list(TRANSPORT_WORKLOADS) if options.transports else list(WORKLOADS)
    workloads = (
        chosen(",".join(options.workloads) or None, list(WORKLOADS), "workload") if options.workloads else default
    )
    installed = [name for name, subject in SUBJECTS.items() if subject.is_installed]
    subjects = chosen(options.peers or ("ours" if options.transports else None), installed, "subject")
    loops = chosen(options.loop, [*ALL_LOOPS, "blocking", "node", "none"], "loop")
    repeat = options.repeat or (1 if options.quick or options.profile else 5)
    cpus = pinning(options.cpus)
    document: dict[str, object] = {"machine": describe_machine(cpus), "arguments": arguments}
    measurements: list[dict[str, object]] = []
    summary: list[dict[str, object]] = []
    reports: list[str] = []
    stands: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            certificate=write_certificate(Path(folder)),
            cpu_under_test=cpus[0] if cpus else None,
            cpu_load=cpus[1] if cpus else None,
            window_s=2.0 if options.profile else 0.1 if options.quick else 0.3,
            warm_s=0.02 if options.quick else 0.1,
            connections=options.connections or (1000 if options.quick else 10_000),
            profile=Path(folder) if options.profile else None,
        )
        for name in workloads:
            workload = WORKLOADS[name]
            rows = rows_of(workload, subjects, loops)
            results: dict[Row, list[dict[str, object]]] = {row: [] for row in rows}
            for turn, row in in_turn(rows, repeat):
                began = time.perf_counter()
                result = measure(name, workload, row, plan)
                if "profile" in result:
                    reports.append(f"### {name}, {row.subject} on {row.loop}: samples\n\n{result.pop('profile')}")
                results[row].append(result)
                measurements.append(
                    {"workload": name, "subject": row.subject, "loop": row.loop, "turn": turn, **result}
                )
                figure = result.get(value_name(name))
                shown = f"{figure:12,.3f}" if isinstance(figure, float) else f"failed: {result.get('error')}"
                took_s = time.perf_counter() - began
                print(
                    f"{name:20} {turn + 1}/{repeat} {row.subject:18} {row.loop:16} {shown}  ({took_s:.1f} s)",
                    flush=True,
                )
            lines = summarize(name, results)
            summary += lines
            reports.append(f"### {name}: {workload.title}\n\n{table(name, lines)}")
            stands += standings(name, lines)
            if options.json:  # what was measured is kept when a later workload is interrupted
                document |= {"summary": summary, "standings": stands, "measurements": measurements}
                options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False))
    print()
    print("\n\n".join(reports))
    families = family_tables(summary)
    if families:
        print(f"\n{families}")
    if stands:
        print("\n### Targets\n")
        print("\n".join(f"- {line}" for line in stands))
    failed = sum("error" in measurement for measurement in measurements)
    if failed:
        print(f"\n{failed} of {len(measurements)} measurements failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
