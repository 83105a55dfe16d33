"""What a run promises, and whether it was kept: figures in, `Promise` out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soak.accounting import Promise, WireAccount
from soak.figures import Slope, slope
from soak.sampling import Sample

__all__ = ["BLOCKS_PER_MIB", "Memory", "judge_account", "judge_handles", "judge_memory", "warm"]

WARM_PART = 0.3
"""Part of a run in which memories fill that are bounded: histories, caches, what tells doubles."""
MIB = 1024 * 1024
BLOCKS_PER_MIB = 4_000
"""Blocks that Python gives out, of 60 bytes and more, for the same growth; they are counted exactly, while the system's figure
moves in steps of whole arenas and has a store's page cache in it."""
HANDLES_ALLOWED = 8
"""By how many handles the end of a run may differ from its beginning while it lasts: connections that are just changing."""


@dataclass(frozen=True)
class Memory:
    """How memory grows after the warm-up."""

    rss: Slope | None
    """Bytes a minute."""
    blocks: Slope | None
    """Blocks a minute."""
    per_million: Slope | None
    """Bytes for a million messages."""


def warm(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples after the warm-up."""
    return list(samples[int(len(samples) * WARM_PART) :])


def memory_of(samples: Sequence[Sample]) -> Memory:
    """Return the slopes of a run's samples."""
    rows = warm(samples)
    minutes = [(row.at_ns - rows[0].at_ns) / 60e9 for row in rows]
    rss = [float(row.rss_bytes or 0) for row in rows]
    messages = [row.counts.get("messages", 0) / 1e6 for row in rows]
    return Memory(slope(minutes, rss), slope(minutes, [float(row.blocks) for row in rows]), slope(messages, rss))


def judge_memory(samples: Sequence[Sample], allowed_mib: float = 1.0, whose: str = "") -> list[Promise]:
    """Judge the slopes: what is certain to be too steep is a leak.

    Parameters:
        samples: of the whole run.
        allowed_mib: growth in a minute. What a careless list would keep of some hundred messages a second is more than one.
        whose: what the names of the promises begin with; "" for the house.
    """
    memory = memory_of(samples)
    promises = []
    for name, line, allowed, unit, scale in (
        ("memory stays", memory.rss, allowed_mib * MIB, "KiB", 1024),
        ("objects stay", memory.blocks, allowed_mib * BLOCKS_PER_MIB, "blocks", 1),
    ):
        if line is None:
            promises.append(Promise(whose + name, False, "too few samples to tell"))
            continue
        words = (
            f"{line.per_unit / scale:+,.0f} ± {line.error / scale:,.0f} {unit} a minute, allowed {allowed / scale:,.0f}"
        )
        promises.append(Promise(whose + name, line.at_least <= allowed, words))
    return promises


def judge_handles(before: Sample, samples: Sequence[Sample], after: Sample, tasks: Sequence[str]) -> list[Promise]:
    """Judge handles, tasks and threads: during the run, and when everything is closed."""
    promises = []
    rows = [row.handles for row in warm(samples) if row.handles is not None]
    if rows and after.handles is not None and before.handles is not None:
        quarter = max(1, len(rows) // 4)
        first, last = sorted(rows[:quarter])[quarter // 2], sorted(rows[-quarter:])[quarter // 2]
        words = f"{first} after the warm-up, {last} at the end, {max(rows)} at most; allowed {HANDLES_ALLOWED} more"
        promises.append(Promise("handles stay", last - first <= HANDLES_ALLOWED, words))
        words = f"{before.handles} before, {after.handles} after"
        promises.append(Promise("handles are given back", after.handles <= before.handles, words))
    words = f"{before.threads} before, {after.threads} after"
    promises.append(Promise("threads end", after.threads <= before.threads, words))
    promises.append(Promise("tasks end", not tasks, f"{len(tasks)} left {' '.join(tasks)}".strip()))
    return promises


def judge_wire(
    name: str, account: WireAccount, taped: int, counts: Mapping[str, int], may_change: bool
) -> list[Promise]:
    """Judge one stream: what was sent, what came, what is on tape, what its session has counted."""
    lost = account.announced + account.before_live + account.unannounced
    words = (
        f"{account.sent:,} sent = {account.received:,} received + {account.announced:,} announced as lost"
        f" + {account.before_live:,} before the first live + {account.unannounced:,} unannounced"
        f" (+ {account.unsent:,} that nobody sent), over {account.connections} connections"
    )
    if account.early:
        words += f", {account.early} of them sent before the gap says that it begins"
    if account.changed:
        words += f", {account.changed} changed on the way"
    is_whole = account.adds_up and account.sent == account.received - account.unsent + lost
    promises = [Promise(f"{name}: every message", is_whole and (may_change or not account.changed), words)]
    words = f"{taped:,} on tape, {counts['messages']:,} received by the session"
    promises.append(Promise(f"{name}: tape", taped == counts["messages"], words))
    promises.append(judge_inbox(f"{name}: records", counts))
    return promises


def judge_inbox(name: str, counts: Mapping[str, int], *, may_conflate: bool = False) -> Promise:
    """Judge the counts of a session's inboxes, or of a client's."""
    total = counts["delivered"] + counts["conflated"] + counts["dropped"] + counts["waiting"]
    words = (
        f"{counts['received']:,} received = {counts['delivered']:,} delivered + {counts['conflated']:,} conflated"
        f" + {counts['dropped']:,} dropped + {counts['waiting']:,} waiting"
    )
    is_kept = counts["received"] == total and (may_conflate or not counts["dropped"] + counts["conflated"])
    return Promise(name, is_kept, words)


def judge_fills(venue: str, missing: int, doubled: int, invented: int, happened: int) -> Promise:
    """Judge the executions of an account."""
    words = f"{happened:,} happened; {missing} missing, {doubled} doubled, {invented} invented"
    return Promise(f"{venue}: executions", not missing + doubled + invented, words)


def judge_reader(name: str, told: Mapping[str, int]) -> Promise:
    """Judge a reader of the hub."""
    words = (
        f"{told['received']:,} received, {told['holes']:,} numbers passed over, {told['announced']:,} announced,"
        f" {told['doubled']} doubled, {told['behind']} to come, {told['connections']} connections"
    )
    is_kept = told["holes"] == told["announced"] and not told["doubled"] and not told["behind"] and told["received"] > 0
    return Promise(f"hub reader '{name}'", is_kept, words)


def judge_account(account: Mapping[str, Any], stored: Mapping[str, int]) -> list[Promise]:
    """Judge what came after the sessions: store, hub, readers, paper trading."""
    rows = sum(stored.values())
    written, taken = account["written"], sum(account["taken"].values())
    delivered = sum(account["sessions"][name]["delivered"] for name in account["taken"] if not name.startswith("weex"))
    took = sum(count for name, count in account["taken"].items() if not name.startswith("weex"))
    promises = [
        Promise(
            "records taken", delivered == took, f"{delivered:,} delivered by sessions with one reader, {took:,} taken"
        ),
        Promise("store", rows == written, f"{rows:,} rows, {written:,} records ({taken:,} of markets and accounts)"),
        Promise(
            "hub",
            account["hub"]["published"] == written == account["hub"]["numbers"],
            f"{account['hub']['published']:,} published, numbered up to {account['hub']['numbers']:,} in all",
        ),
        *(judge_reader(name, told) for name, told in account["readers"].items()),
        *(judge_inbox("weex: generators", counts, may_conflate=True) for counts in account["outlets"]),
    ]
    if "alpaca.data" in account["taken"]:
        paper = account["paper"]
        words = f"{paper['fills']:,} fills of {paper['orders']:,} orders, books off by {paper['imbalance']}"
        promises.append(Promise("paper trading", float(paper["imbalance"]) == 0 and paper["fills"] > 0, words))
    return promises


def judge_ends(ends: Mapping[str, Sequence[str]], spoiled: Sequence[str], complaints: Sequence[str]) -> list[Promise]:
    """Judge ends that nobody asked for, and errors in the log.

    Parameters:
        ends: by broker, why its client gave up for good.
        spoiled: brokers whose bytes were changed on the way, after which a broker may refuse anything.
        complaints: errors in the log.
    """
    wrong = [f"{broker}: {why}" for broker, reasons in ends.items() if broker not in spoiled for why in reasons]
    forgiven = sum(map(len, ends.values())) - len(wrong)
    words = "; ".join(wrong) or f"none without cause, {forgiven} after bytes were changed on the way"
    logged = f"{len(complaints)}" + (f": {complaints[0][:400]}" if complaints else "")
    return [Promise("no client gives up", not wrong, words), Promise("no error in the log", not complaints, logged)]
