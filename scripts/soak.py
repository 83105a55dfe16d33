#!/usr/bin/env python3
"""Let simulated brokers talk to the whole house for a while, over bad networks, and see whether anything is lost or leaks.

Simulators of kabu Station, Alpaca and WEEX in one process; in another one every client, a store, tapes, paper trading and a hub
with five readers; between them a proxy for each connection that cuts, resets, holds, slows and spoils. In the end every message
sent must have come or have been announced as lost, every execution be there once, and memory, handles and tasks where they were.

    python scripts/soak.py                                    ten minutes, all brokers
    python scripts/soak.py --minutes 240 --report night/
    python scripts/soak.py --minutes 2 --broker weex --loop uvloop --seed 7
    python scripts/soak.py --minutes 2 --plant leak           prove that a leak would be noticed

The report (report.md, report.json, report.png) tells the rest; how to read it: docs/development.md. Exit status: 0 when every
promise was kept, 1 when one was broken, 2 when the run could not be brought to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from soak.plan import BROKERS, PLANTS, Plan
from soak.report import judged, rate_of, written
from soak.run import Run, SoakError, soak


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long messages flow (default 10)")
    parser.add_argument(
        "--broker", choices=[*BROKERS, "all"], default="all", help="whose clients take part (default all)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of markets and faults (default 1)")
    parser.add_argument(
        "--rate", type=float, default=200.0, help="about how many messages a second, in all (default 200)"
    )
    parser.add_argument("--faults-per-minute", type=float, default=12.0, help="on all networks together (default 12)")
    parser.add_argument(
        "--loop", choices=["asyncio", "uvloop"], default="asyncio", help="of the clients (default asyncio)"
    )
    parser.add_argument(
        "--lane", choices=["compiled", "python"], default="compiled", help="of the clients (default compiled)"
    )
    parser.add_argument("--sample", type=float, default=2.0, help="seconds between samples (default 2)")
    parser.add_argument(
        "--growth-allowed", type=float, default=1.0, metavar="MIB", help="of memory in a minute (default 1)"
    )
    parser.add_argument("--traces", action="store_true", help="say where memory that grows was given out (slower)")
    parser.add_argument("--plant", choices=PLANTS, default="", help="put a defect in, which must be noticed")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="where the report and everything it rests on is kept"
    )
    options = parser.parse_args(arguments)
    if options.minutes <= 0 or options.rate <= 0 or options.sample <= 0 or options.faults_per_minute < 0:
        parser.error("minutes, rate and sample must be above 0, faults a minute not below it")
    return options


def plan_of(options: argparse.Namespace, folder: Path) -> Plan:
    """Return the plan of the command's options."""
    return Plan(
        folder=str(folder),
        minutes=options.minutes,
        brokers=BROKERS if options.broker == "all" else (options.broker,),
        seed=options.seed,
        rate=options.rate,
        faults_per_minute=options.faults_per_minute,
        loop=options.loop,
        lane=options.lane,
        sample_s=options.sample,
        growth_mib=options.growth_allowed,
        traces=options.traces,
        plant=options.plant,
    )


def show(run: Run) -> None:
    """Print where a run is."""
    last = run.samples[-1]
    every = 1 if sys.stderr.isatty() else max(1, round(30 / run.plan.sample_s))
    if len(run.samples) % every:
        return
    minutes = (last.at_ns - run.begun_ns) / 60e9
    line = (
        f"{minutes:5.1f} min  {last.counts['messages']:>9,} messages  {rate_of(run.samples)[-1]:>6,.0f}/s"
        f"  {(last.rss_bytes or 0) / 2**20:6.1f} MiB  {last.handles} handles  {len(run.faults)} faults"
        f"  {last.counts['reconnects']} reconnects  {last.counts['waiting']} waiting"
    )
    print(
        f"\r{line}" if sys.stderr.isatty() else line,
        end="" if sys.stderr.isatty() else "\n",
        file=sys.stderr,
        flush=True,
    )


def main() -> int:
    """Run, judge, report; returns the exit status."""
    options = parse()
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = options.report or Path(temporary)
        if folder.exists() and options.report:
            for old in [*folder.glob("*.tape"), *folder.glob("*.taken"), *folder.glob("records.db*")]:
                old.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        plan = plan_of(options, folder)
        print(
            f"seed {plan.seed}, {plan.minutes:g} min, {', '.join(plan.brokers)}, {plan.loop}, {plan.lane} lane",
            flush=True,
        )
        try:
            run = asyncio.run(soak(plan, show))
        except SoakError as error:
            print(f"\n{error}", file=sys.stderr)
            for log in sorted(folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
            return 2
        report = judged(run)
        written(report)
        if options.report:
            if importlib.util.find_spec("matplotlib"):
                from soak.picture import draw

                draw(report, folder / "report.png")
            else:
                print("no picture: it needs matplotlib (pip install 'wsexample[pictures]')", file=sys.stderr)
        print("", *report.promises, sep="\n")
        for name, lag in report.lags.items():
            print(f"lag {name:<15} p50 {lag['p50']:8.2f} ms  p99 {lag['p99']:9.1f} ms  longest {lag['p100']:9.0f} ms")
        print("every promise kept" if report.is_kept else f"BROKEN; seed {plan.seed}")
        if options.report:
            print(f"report in {folder}")
        return 0 if report.is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
