"""A soak that cannot fail is a defect: what is planted turns the verdict."""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

import pytest

verdict: Any = import_module("soak.verdict")
sampling: Any = import_module("soak.sampling")
weather: Any = import_module("soak.weather")
accounting: Any = import_module("soak.accounting")

MIB = 2**20
COUNTS = {"messages": 10, "received": 12, "delivered": 12, "conflated": 0, "dropped": 0, "waiting": 0}
READER = {"received": 90, "holes": 10, "announced": 10, "doubled": 0, "behind": 0, "connections": 2}


def samples(leak_bytes: float = 0.0, leak_handles: float = 0.0, minutes: int = 10) -> list[Any]:
    """A look every two seconds; memory moves by itself a little, and settles within the first minutes."""
    chance = random.Random(1)
    found = []
    for second in range(0, minutes * 60, 2):
        settling = 20 * MIB * min(1.0, second / (minutes * 15))
        rss = 80 * MIB + settling + chance.gauss(0, MIB / 4) + leak_bytes * second / 60
        found.append(
            sampling.Sample(
                at_ns=second * 10**9,
                rss_bytes=int(rss),
                blocks=int(800_000 + chance.gauss(0, 3000) + leak_bytes * second / 60 / 100),
                handles=int(40 + chance.randint(-2, 2) + leak_handles * second / 60),
                tasks=50,
                threads=10,
                timers=5,
                cpu_s=second / 10,
                counts={"messages": second * 200},
            )
        )
    return found


def broken(promises: list[Any]) -> list[str]:
    return [promise.name for promise in promises if not promise.is_kept]


def test_memory_that_moves_and_does_not_grow_is_no_leak() -> None:
    """The warm-up does not count, and noise is no slope."""
    assert broken(verdict.judge_memory(samples())) == []


@pytest.mark.parametrize("leak_mib", [1.5, 6])
def test_a_planted_leak_breaks_the_promise(leak_mib: float) -> None:
    """Somewhat more than is allowed is enough."""
    assert broken(verdict.judge_memory(samples(leak_mib * MIB))) == ["memory stays", "objects stay"]


def test_a_leak_of_the_simulators_is_told_as_theirs() -> None:
    """They are judged by the same measure as the house."""
    promises = verdict.judge_memory(samples(1.5 * MIB), whose="simulators: ")
    assert broken(promises) == ["simulators: memory stays", "simulators: objects stay"]


def test_a_run_that_is_too_short_to_tell_keeps_no_promise() -> None:
    """No sample, no verdict."""
    assert broken(verdict.judge_memory(samples()[:2])) == ["memory stays", "objects stay"]


def test_planted_handles_break_the_promise() -> None:
    """Two a minute, and one that is left."""
    rows = samples(leak_handles=2)
    assert broken(verdict.judge_handles(rows[0], rows, rows[-1], [])) == ["handles stay", "handles are given back"]


def test_a_planted_task_and_thread_break_the_promise() -> None:
    """One each."""
    rows = samples()
    after = sampling.Sample(at_ns=0, rss_bytes=0, blocks=0, handles=3, tasks=1, threads=11, timers=0, cpu_s=0)
    assert broken(verdict.judge_handles(rows[0], rows, after, ["Task-7"])) == ["threads end", "tasks end"]


@pytest.mark.parametrize(
    ("changes", "taped", "counts", "name"),
    [
        ({}, 10, {}, ""),
        ({"unannounced": 1, "received": 9}, 10, {}, "x: every message"),
        ({"received": 11, "unsent": 1}, 10, {}, "x: every message"),
        ({"received": 9}, 10, {}, "x: every message"),
        ({"changed": 1}, 10, {}, "x: every message"),
        ({}, 9, {}, "x: tape"),
        ({}, 10, {"delivered": 11}, "x: records"),
        ({}, 10, {"delivered": 11, "dropped": 1}, "x: records"),
    ],
)
def test_every_planted_loss_of_a_stream_is_found(changes: Any, taped: int, counts: Any, name: str) -> None:
    """Lost, invented, changed, not on tape, not delivered, dropped."""
    account = accounting.WireAccount(**{"sent": 10, "received": 10, "connections": 1, **changes})
    promises = verdict.judge_wire("x", account, taped, COUNTS | counts, False)
    assert broken(promises) == ([name] if name else [])


@pytest.mark.parametrize("fact", ["holes", "announced", "doubled", "behind"])
def test_a_reader_of_the_hub_must_have_everything(fact: str) -> None:
    """A number more or less than announced, a double, or one that is still to come."""
    assert verdict.judge_reader("r", READER).is_kept
    assert not verdict.judge_reader("r", READER | {fact: READER[fact] + 1}).is_kept


@pytest.mark.parametrize("figures", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_executions_must_be_there_once(figures: tuple[int, int, int]) -> None:
    """None missing, none twice, none invented."""
    assert verdict.judge_fills("x", 0, 0, 0, 5).is_kept
    assert not verdict.judge_fills("x", *figures, 5).is_kept


def account(**changes: Any) -> dict[str, Any]:
    return {
        "sessions": {"kabu": COUNTS},
        "taken": {"kabu": 12},
        "written": 14,
        "hub": {"published": 14, "numbers": 14},
        "readers": {"steady": READER},
        "outlets": [],
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "stored", "name"),
    [
        ({}, {"boards": 12, "gaps": 2}, ""),
        ({}, {"boards": 12, "gaps": 1}, "store"),
        ({"taken": {"kabu": 11}}, {"boards": 14}, "records taken"),
        ({"hub": {"published": 13, "numbers": 14}}, {"boards": 14}, "hub"),
    ],
)
def test_a_record_that_is_lost_on_the_way_to_the_store_is_found(changes: Any, stored: Any, name: str) -> None:
    """Not stored, not taken, not published."""
    assert broken(verdict.judge_account(account(**changes), stored)) == ([name] if name else [])


def test_a_client_may_give_up_only_when_its_bytes_were_changed() -> None:
    """An error in the log is never all right."""
    assert broken(verdict.judge_ends({"kabu": ["refused"], "weex": []}, ["kabu"], [])) == []
    assert broken(verdict.judge_ends({"kabu": ["refused"]}, ["weex"], ["boom"])) == [
        "no client gives up",
        "no error in the log",
    ]


def test_the_same_seed_gives_the_same_weather() -> None:
    """In order, calm at both ends, and on every network each kind about as often as any other."""
    where = {"a": ["cut", "held"], "b": ["split"]}
    faults = weather.forecast(3, 600, 30, where)
    assert faults == weather.forecast(3, 600, 30, where) != weather.forecast(4, 600, 30, where)
    assert 200 < len(faults) < 400
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert all(fault.at_s >= 3 and fault.at_s + fault.lasts_s <= 580.001 for fault in faults)
    kinds = [fault.kind for fault in faults if fault.where == "a"]
    assert abs(kinds.count("cut") - kinds.count("held")) <= 1
    assert weather.forecast(3, 600, 0, where) == ()
