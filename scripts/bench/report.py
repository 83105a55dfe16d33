"""Tables from measurements: medians with their range, ratios to ours, and where the targets stand."""

from __future__ import annotations

import platform
import statistics
import sys
import time
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.runner import Row
from bench.subjects import SUBJECTS
from bench.workloads import WORKLOADS

__all__ = ["describe_machine", "digest", "family_tables", "standings", "summarize", "table"]

PACKAGES = (
    "wsexample",
    "autobahn",
    "picows",
    "websockets",
    "aiohttp",
    "websocket-client",
    "uvloop",
    "aiofastnet",
    "msgspec",
    "alpaca-py",
    "ccxt",
    "orjson",
    "sortedcontainers",
    "aiosqlite",
)


def describe_machine(cpus: list[int] | None) -> dict[str, Any]:
    """Return what a reader needs to judge the figures."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = f"{names[0]}, {len(names)} cores" if names else model
    load = Path("/proc/loadavg")
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": model,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "cpus": cpus,
        "load_average": load.read_text().split()[:3] if load.exists() else [],
        "versions": versions,
    }


def value_name(workload: str) -> str:
    """Return which field of a result is this workload's figure."""
    return "pss_per_connection" if WORKLOADS[workload].is_memory else "us"


def summarize(workload: str, results: dict[Row, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return one line per row, cheapest first; rows that failed come last with their error."""
    field = value_name(workload)
    lines = []
    for row, found in results.items():
        good = [result for result in found if field in result]
        line: dict[str, Any] = {"workload": workload, "subject": row.subject, "loop": row.loop}
        errors = sorted({result["error"] for result in found if "error" in result})
        if errors:
            line["errors"] = errors
        if good:
            values = [result[field] for result in good]
            line |= {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "runs": len(values),
                "lane": good[0].get("lane", ""),
            }
            if "per_s" in good[0]:
                line["per_s"] = statistics.median(result["per_s"] for result in good)
                split = [(result["user_s"], result["system_s"]) for result in good]
                total = sum(user + system for user, system in split)
                line["system_share"] = sum(system for _, system in split) / total if total else 0.0
                line["busy"] = statistics.median(result["cpu_s"] / result["wall_s"] for result in good)
                line["preempted"] = statistics.median(result.get("preempted", 0) for result in good)
            else:
                line["rss"] = statistics.median(result["rss_per_connection"] for result in good)
                line["handshake_us"] = statistics.median(result["handshake_cpu_us"] for result in good)
                line["connections"] = good[0]["connections"]
        lines.append(line)
    return sorted(lines, key=lambda line: line.get("median", float("inf")))


def _best(lines: list[dict[str, Any]], subject: str, loop: str | None = None) -> dict[str, Any] | None:
    found = [
        line
        for line in lines
        if line["subject"] == subject and "median" in line and (loop is None or line["loop"] == loop)
    ]
    return min(found, key=lambda line: line["median"]) if found else None


def table(workload: str, lines: list[dict[str, Any]]) -> str:
    """Return the table of one workload as Markdown, which is readable in a terminal too."""
    spec = WORKLOADS[workload]
    ours = _best(lines, spec.ours)
    memory = spec.is_memory
    heads = (
        ["subject", "loop", "B/conn (PSS)", "min", "max", "RSS", "handshake us", "/ ours", "note"]
        if memory
        else ["subject", "loop", f"us/{spec.unit}", "min", "max", "system", "busy", "per s", "/ ours", "note"]
    )
    out = [heads]
    for line in lines:
        note = SUBJECTS[line["subject"]].note
        if line.get("lane"):
            note += f" [lane {line['lane']}]"
        if "errors" in line:
            note = f"FAILED: {line['errors'][0][:80]}"
        if "median" not in line:
            out.append([line["subject"], line["loop"], *("-" for _ in heads[2:-1]), note])
            continue
        ratio = f"{line['median'] / ours['median']:.2f}" if ours else "-"
        if memory:
            figures = [f"{line[name]:,.0f}" for name in ("median", "min", "max", "rss", "handshake_us")]
            note = f"{line['connections']:,} connections"
        else:
            figures = [f"{line[name]:.3f}" for name in ("median", "min", "max")]
            figures += [f"{line['system_share']:.0%}", f"{line.get('busy', 0):.0%}", f"{line['per_s']:,.0f}"]
        out.append([line["subject"], line["loop"], *figures, ratio, note])
    return _markdown(out)


def standings(workload: str, lines: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each target: reached or by how much not, best against best and on the same loop."""
    spec = WORKLOADS[workload]
    ours = _best(lines, spec.ours)
    if ours is None:
        return []
    out = []
    for target in spec.targets:
        peer = _best(lines, target.peer)
        if peer is None:
            continue
        ratio = peer["median"] / ours["median"]
        same = []
        for loop in ("asyncio", "uvloop", "asyncio+fastnet", "uvloop+fastnet"):
            a, b = _best(lines, spec.ours, loop), _best(lines, target.peer, loop)
            if a and b:
                same.append(f"{loop} {b['median'] / a['median']:.2f}")
        verdict = "reached" if ratio >= target.factor else f"missed, {target.factor / ratio:.2f} times too slow"
        out.append(
            f"{workload}: {target.peer} needs {ratio:.2f} times ours (wanted {target.factor:g}): {verdict}; "
            f"best on {ours['loop']} against best on {peer['loop']}{'; same loop: ' if same else ''}{', '.join(same)}"
        )
    return out


def digest(lines: list[dict[str, Any]]) -> str:
    """Return one table of everything but families: a row for each workload, each subject's best median."""
    workloads = [name for name in WORKLOADS if not WORKLOADS[name].family and any(x["workload"] == name for x in lines)]
    subjects = [name for name in SUBJECTS if any(line["subject"] == name for line in lines)]
    rows = [["workload", "unit", *subjects]]
    for workload in workloads:
        mine = [line for line in lines if line["workload"] == workload]
        best = [_best(mine, subject) for subject in subjects]
        cells = ["" if line is None else _figure(line["median"]) for line in best]
        unit = "B" if WORKLOADS[workload].is_memory else "us"
        rows.append([workload, f"{unit}/{WORKLOADS[workload].unit}", *cells])
    return _markdown(rows)


def _figure(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def family_tables(lines: list[dict[str, Any]]) -> str:
    """Return two tables per family: the cost of a message by burst, and that of each further message in a larger burst."""
    families: dict[str, list[str]] = {}
    for line in lines:
        family = WORKLOADS[line["workload"]].family
        if family and line["workload"] not in families.setdefault(family, []):
            families[family].append(line["workload"])
    out = []
    for family, names in families.items():
        names = [name for name in WORKLOADS if name in names]
        sizes = [int(name.rpartition("-")[2]) for name in names]
        cells = {(line["subject"], line["loop"], line["workload"]): line.get("median") for line in lines}
        costs = [["subject", "loop", *map(str, sizes)]]
        steps = list(pairwise(sizes))
        further = [["subject", "loop", *(f"{few} to {many}" for few, many in steps), "max/min from 10 on"]]
        for subject, loop in dict.fromkeys(
            (line["subject"], line["loop"]) for line in lines if line["workload"] in names
        ):
            found = [cells.get((subject, loop, name)) for name in names]
            costs.append([subject, loop, *("-" if value is None else f"{value:.3f}" for value in found)])
            totals = [value * size for value, size in zip(found, sizes, strict=True) if value is not None]
            if len(totals) == len(sizes) > 1:
                each = [(b - a) / (many - few) for (a, b), (few, many) in zip(pairwise(totals), steps, strict=True)]
                flat = [value for value, (few, _) in zip(each, steps, strict=True) if few >= 10]
                spread = f"{max(flat) / min(flat):.2f}" if len(flat) > 1 and min(flat) > 0 else "-"
                further.append([subject, loop, *(f"{value:.3f}" for value in each), spread])
        out.append(f"### {family}, us of CPU per message by frames per burst\n\n{_markdown(costs)}")
        if len(further) > 1:
            out.append(f"### {family}, us of CPU for each further message\n\n{_markdown(further)}")
    return "\n\n".join(out)


def _markdown(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    is_words = [i < 2 or name == "note" for i, name in enumerate(rows[0])]

    def cell(text: str, width: int, words: bool) -> str:
        return text.ljust(width) if words else text.rjust(width)

    lines = [f"| {' | '.join(map(cell, row, widths, is_words))} |" for row in rows]
    rule = [
        "-" * (width + 2) if words else "-" * (width + 1) + ":" for width, words in zip(widths, is_words, strict=True)
    ]
    lines.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join(lines)
