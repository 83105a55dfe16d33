"""The picture of a run: memory, handles, rate and lag over time, with the faults of the networks marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soak.report import Report, rate_of
from soak.verdict import WARM_PART, memory_of

__all__ = ["draw"]

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
"""Okabe and Ito's colours, which people who see colours differently can tell apart."""
GREY = "#8a8a8a"
MIB = 2**20


def draw(report: Report, path: Path) -> None:
    """Draw a report; needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    run = report.run
    begun_ns = run.begun_ns
    minutes = [(row.at_ns - begun_ns) / 60e9 for row in run.samples]
    pyplot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = pyplot.subplots(
        5, 1, figsize=(9, 10), sharex=True, height_ratios=(3, 2, 2, 3, 2.6), layout="constrained"
    )
    _memory(axes[0], report, minutes)
    _handles(axes[1], report, minutes)
    _rates(axes[2], report, minutes)
    _lags(axes[3], report, minutes)
    _faults(axes[4], report)
    for axis in axes:
        axis.grid(axis="x", color="#e6e6e6", linewidth=0.6)
        axis.set_axisbelow(True)
    axes[-1].set_xlabel("minutes since the beginning")
    axes[-1].set_xlim(0, max(minutes[-1], run.plan.minutes))
    plan = run.plan
    verdict = "every promise kept" if report.is_kept else "BROKEN"
    figure.suptitle(
        f"Soak run, {plan.minutes:g} min, {', '.join(plan.brokers)}, {plan.loop}, {plan.lane} lane, seed {plan.seed}: {verdict}",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    _shrink(path)


def _shrink(path: Path) -> None:
    """Keep as many colours as lines need: a third of the file."""
    from PIL import Image  # matplotlib brings it

    with Image.open(path) as image:
        image.convert("RGB").quantize(200, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


def _titled(axis: Any, title: str, unit: str) -> None:
    axis.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axis.set_ylabel(unit)


def _key(axis: Any, columns: int) -> None:
    axis.legend(
        loc="lower right", bbox_to_anchor=(1, 0.98), ncols=columns, frameon=False, fontsize=8, borderaxespad=0.1
    )


def _memory(axis: Any, report: Report, minutes: Sequence[float]) -> None:
    samples = report.run.samples
    rss = [(row.rss_bytes or 0) / MIB for row in samples]
    axis.plot(minutes, rss, color=BLUE, linewidth=1.2, label="resident memory")
    line = memory_of(samples).rss
    _titled(axis, "Memory of the measured process", "MiB")
    if line is not None:
        rest = slice(int(len(minutes) * WARM_PART), None)
        xs, ys = minutes[rest], rss[rest]
        middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
        fit = [middle_y + line.per_unit / MIB * (x - middle_x) for x in xs]
        label = f"after the warm-up: {line.per_unit / 1024:+,.0f} ± {line.error / 1024:,.0f} KiB a minute"
        axis.plot(xs, fit, color=ORANGE, linewidth=1.5, linestyle="--", label=label)
    low, high = min(rss), max(rss)
    room = max(2.0, (high - low) * 0.1)
    axis.set_ylim(low - room, high + room)
    _key(axis, 2)


def _handles(axis: Any, report: Report, minutes: Sequence[float]) -> None:
    samples = report.run.samples
    _titled(axis, "Handles, tasks, threads", "count")
    if samples[0].handles is not None:
        axis.plot(minutes, [row.handles for row in samples], color=BLUE, linewidth=1.2, label="handles")
    axis.plot(minutes, [row.tasks for row in samples], color=ORANGE, linewidth=1.2, linestyle="--", label="tasks")
    axis.plot(minutes, [row.threads for row in samples], color=GREEN, linewidth=1.2, linestyle=":", label="threads")
    axis.set_ylim(bottom=0)
    _key(axis, 3)


def _rates(axis: Any, report: Report, minutes: Sequence[float]) -> None:
    samples = report.run.samples
    _titled(axis, "Rate", "a second")
    axis.plot(minutes, rate_of(samples), color=BLUE, linewidth=1.0, label="messages received")
    axis.plot(
        minutes, rate_of(samples, "written"), color=ORANGE, linewidth=1.0, linestyle="--", label="records written"
    )
    axis.set_ylim(bottom=0)
    _key(axis, 2)


def _lags(axis: Any, report: Report, minutes: Sequence[float]) -> None:
    _titled(axis, "Lag from the simulator's sending to delivery", "ms, logarithmic")
    lines = report.lag_lines
    axis.fill_between(minutes, lines[50], lines[100], color="#dcdcdc", linewidth=0, label="up to the longest")
    axis.plot(minutes, lines[99], color=ORANGE, linewidth=0.9, linestyle="--", label="p99")
    axis.plot(minutes, lines[50], color=BLUE, linewidth=1.1, label="p50")
    axis.set_yscale("log")
    ticks = [0.1, 1, 10, 100, 1000, 10_000, 100_000]
    low, high = axis.get_ylim()
    axis.set_yticks([tick for tick in ticks if low <= tick <= high], minor=False)
    axis.set_yticklabels([f"{tick:,g}" for tick in ticks if low <= tick <= high])
    axis.minorticks_off()
    _key(axis, 3)


def _faults(axis: Any, report: Report) -> None:
    """One row for each network: a bar for as long as something was wrong, a tick where it was over at once."""
    run = report.run
    names = sorted({fault.where for _, fault in run.faults})
    axis.set_title("Faults of the networks", loc="left", fontsize=9, fontweight="bold")
    looks = {
        "cut": (ORANGE, "connection ended"),
        "still": (GREY, "silent or slow"),
        "spoiled": (PURPLE, "bytes changed"),
    }
    shown: set[str] = set()
    for at_ns, fault in run.faults:
        is_ended = fault.kind in ("cut", "reset", "cut inside a frame")
        look = "cut" if is_ended else "spoiled" if fault.kind.startswith("corrupted") else "still"
        colour, label = looks[look]
        begin = (at_ns - run.begun_ns) / 60e9
        length = max(fault.lasts_s / 60, run.plan.minutes / 400)
        axis.barh(
            names.index(fault.where),
            length,
            left=begin,
            height=0.6,
            color=colour,
            label=None if look in shown else label,
        )
        shown.add(look)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(len(names) - 0.5, -0.5)
    if names:
        _key(axis, 3)
