"""A run judged and told: the promises, the figures, `report.json` and `report.md`; the picture is in ``picture``."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from soak.accounting import Promise, account_for, exactly_once
from soak.evidence import doubled_rows, lags_of, read_sent, read_taped, stored_fills, stored_rows
from soak.figures import percentile
from soak.run import Run
from soak.sampling import Sample
from soak.verdict import (
    judge_account,
    judge_ends,
    judge_fills,
    judge_handles,
    judge_memory,
    judge_wire,
    memory_of,
    warm,
)
from tests.faults.proxy import SPOILING

__all__ = ["Report", "judged", "written"]

MS = 1_000_000
PERCENTS = (50, 99, 100)


@dataclass
class Report:
    """What came of a run."""

    run: Run
    promises: list[Promise]
    lags: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of each stream: p50, p99 and the longest, milliseconds."""
    lag_lines: dict[int, list[float]] = field(default_factory=dict)
    """Of each percentage: that of the deliveries since the sample before, milliseconds, for each sample."""
    wire: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(promise.is_kept for promise in self.promises)


def judged(run: Run) -> Report:
    """Read what a run has left, and judge it."""
    folder = Path(run.plan.folder)
    account = run.facts["house account"]
    before, after = (msgspec.convert(run.facts[f"house {name}"]["sample"], Sample) for name in ("before", "after"))
    spoiled = {fault.where.split(".")[0] for _, fault in run.faults if fault.kind in SPOILING}
    report = Report(run, [])
    promises = report.promises
    deliveries: list[tuple[int, int]] = []
    for name, sent in read_sent(folder).items():
        taped = read_taped(folder, name)
        wire = account_for(sent, taped.connections, taped.gaps, taped.live_ns)
        changed = any(fault.where == name and fault.kind in SPOILING for _, fault in run.faults)
        promises += judge_wire(name, wire, taped.messages, account["sessions"][name], changed)
        report.wire[name] = {key: value for key, value in asdict_of(wire).items() if isinstance(value, int)}
        lags = list(lags_of(folder, name, wire.pairs))
        deliveries += lags
        ordered = sorted(lag / MS for _, lag in lags)
        if ordered:
            report.lags[name] = {f"p{percent}": percentile(ordered, percent) for percent in PERCENTS} | {
                "count": len(ordered)
            }
    for venue, happened in run.facts["venues quiet"]["happened"].items():
        promises.append(judge_fills(venue, *exactly_once(happened, stored_fills(folder, venue)), len(happened)))
        doubled = doubled_rows(folder, venue)
        promises.append(Promise(f"{venue}: trades", not doubled, f"{doubled} stored more than once"))
    promises += judge_account(account, stored_rows(folder))
    promises += judge_ends(account["ends"], sorted(spoiled), run.facts["house after"]["complaints"])
    promises += judge_memory(run.samples, run.plan.growth_mib)
    flowing = [row for row in run.venue_samples if run.begun_ns <= row.at_ns <= run.ended_ns]
    promises += judge_memory(flowing, run.plan.growth_mib, "simulators: ")
    promises += judge_handles(before, run.samples, after, run.facts["house left"]["tasks"])
    report.lag_lines = lag_lines(run.samples, deliveries)
    return report


def asdict_of(one: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, as they are."""
    return dict(vars(one))


def lag_lines(samples: Sequence[Sample], deliveries: list[tuple[int, int]]) -> dict[int, list[float]]:
    """Return percentiles of the lags between each sample and the one before, milliseconds; NaN where nothing came."""
    lines: dict[int, list[float]] = {percent: [] for percent in PERCENTS}
    deliveries.sort()
    at = 0
    for sample in samples:
        here = array("d")
        while at < len(deliveries) and deliveries[at][0] <= sample.at_ns:
            here.append(deliveries[at][1] / MS)
            at += 1
        ordered = sorted(here)
        for percent in PERCENTS:
            lines[percent].append(percentile(ordered, percent) if ordered else float("nan"))
    return lines


def rate_of(samples: Sequence[Sample], name: str = "messages") -> list[float]:
    """Return how many a second there were between each sample and the one before."""
    rates = [0.0]
    for before, now in pairwise(samples):
        seconds = (now.at_ns - before.at_ns) / 1e9
        rates.append((now.counts[name] - before.counts[name]) / seconds if seconds else 0.0)
    if len(rates) > 1:
        rates[0] = rates[1]
    return rates


def summary(report: Report) -> list[str]:
    """Return the report's lines for people."""
    run, plan = report.run, report.run.plan
    first, last = run.samples[0], run.samples[-1]
    seconds = (last.at_ns - first.at_ns) / 1e9
    messages = last.counts["messages"] - first.counts["messages"]
    memory = memory_of(run.samples)
    kinds: dict[str, int] = {}
    for _, fault in run.faults:
        kinds[fault.kind] = kinds.get(fault.kind, 0) + 1
    before = run.facts["house before"]
    lines = [
        f"# Soak run of {plan.minutes:g} min: {'every promise kept' if report.is_kept else 'BROKEN'}",
        "",
        f"`python scripts/soak.py --minutes {plan.minutes:g} --broker {'all' if len(plan.brokers) > 1 else plan.brokers[0]}"
        f" --seed {plan.seed} --rate {plan.rate:g} --faults-per-minute {plan.faults_per_minute:g} --loop {plan.loop}"
        f" --lane {plan.lane}`, Python {before['python']}, lane {before['lane']}",
        "",
        "![memory, handles, rate and lag over time](report.png)",
        "",
        "## Promises",
        "",
        "| | promise | figures |",
        "|---|---|---|",
    ]
    lines += [
        f"| {'kept' if one.is_kept else '**BROKEN**'} | {one.name} | {one.words.replace('|', '/')} |"
        for one in report.promises
    ]
    lines += ["", "## Figures", "", "| | |", "|---|---|"]
    rows = {
        "messages": f"{messages:,} in {seconds:.0f} s, {messages / seconds:,.0f} a second",
        "records written": f"{last.counts['written'] - first.counts['written']:,}",
        "CPU of the house": f"{last.cpu_s - first.cpu_s:.1f} s, {100 * (last.cpu_s - first.cpu_s) / seconds:.0f} % of a core",
        "faults": f"{len(run.faults)}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
        "reconnects, gaps": f"{last.counts['reconnects']}, {last.counts['gaps']}",
        "memory": f"{(first.rss_bytes or 0) / 2**20:.1f} MiB first, {(last.rss_bytes or 0) / 2**20:.1f} MiB last",
        "memory is made of": made_of(run.samples),
        "handles": f"{first.handles} first, {last.handles} last",
        "most records that waited": f"{max(row.counts['waiting'] for row in run.samples):,}",
    }
    if memory.per_million is not None:
        line = memory.per_million
        rows["memory for a million messages"] = f"{line.per_unit / 2**20:+.1f} ± {line.error / 2**20:.1f} MiB"
    if run.venue_samples:
        simulators = run.venue_samples[-1]
        rows["simulators"] = f"{(simulators.rss_bytes or 0) / 2**20:.1f} MiB, {simulators.cpu_s:.1f} s CPU"
    lines += [f"| {name} | {words} |" for name, words in rows.items()]
    lines += ["", "| lag from sending to delivery | p50 ms | p99 ms | longest ms | records |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {lag['p50']:.2f} | {lag['p99']:.1f} | {lag['p100']:,.0f} | {lag['count']:,.0f} |"
        for name, lag in report.lags.items()
    ]
    if len(run.types) > 1:
        lines += ["", "| objects | first | last |", "|---|---|---|"]
        lines += [f"| {name} | {run.types[0].get(name, 0):,} | {count:,} |" for name, count in run.types[-1].items()]
    if growth := run.facts.get("house growth", {}).get("lines"):
        lines += ["", "Where memory was given out after the warm-up:", "", "```", *growth, "```"]
    return lines


def made_of(samples: Sequence[Sample]) -> str:
    """Say what resident memory is made of after the warm-up and at the end."""
    first, last = warm(samples)[0].heap, samples[-1].heap
    return ", ".join(
        f"{name} {first.get(name, 0) / 2**20:.1f} to {size / 2**20:.1f} MiB" for name, size in last.items()
    )


def written(report: Report) -> Path:
    """Write `report.md` and `report.json`; returns the folder."""
    run = report.run
    folder = Path(run.plan.folder)
    (folder / "report.md").write_text("\n".join(summary(report)) + "\n", encoding="utf-8")
    facts = {
        "plan": run.plan,
        "is_kept": report.is_kept,
        "promises": [asdict(promise) for promise in report.promises],
        "wire": report.wire,
        "lags_ms": report.lags,
        "lag_lines_ms": {f"p{percent}": line for percent, line in report.lag_lines.items()},
        "faults": [{"at_ns": at_ns, **asdict(fault)} for at_ns, fault in run.faults],
        "samples": run.samples,
        "venue_samples": run.venue_samples,
        "types": run.types,
        "facts": {name: facts for name, facts in run.facts.items() if name != "venues quiet"},
    }
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1))
    return folder
