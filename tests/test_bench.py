"""Every row of the measurements does its work: short, and without a look at the clock's verdict."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing

SCRIPTS = Path(__file__).parent.parent / "scripts"
sys.path.append(str(SCRIPTS))

# The folder above is on the path only now.
Job: Any = import_module("bench.job").Job
check_records: Any = import_module("bench.subscribers").check_records
server_frame: Any = import_module("bench.payloads").server_frame
runner: Any = import_module("bench.runner")
SUBJECTS: Any = import_module("bench.subjects").SUBJECTS
WORKLOADS: Any = import_module("bench.workloads").WORKLOADS

LOCAL = [(name, subject) for name, row in WORKLOADS.items() if not row.act for subject in row.subjects]
SOCKET = [
    ("blocking-receive", "ours-blocking"),
    ("blocking-echo-tls", "ours-blocking"),
    ("run-forever", "ours-blocking"),
    ("alpaca-stream-20", "ours-stream"),
    ("alpaca-stream-20", "alpaca-py"),
    ("hub", "ours-hub"),
    ("hub-conflated", "ours-hub"),
    ("hub-conflated", "websockets-relay"),
    ("hub", "websockets-joined"),
]


def operation_of(workload: str, subject: str) -> Any:
    if not SUBJECTS[subject].is_installed:
        missing(f"{SUBJECTS[subject].needs} is not installed")
    module = import_module(f"bench.subjects.{SUBJECTS[subject].module}")
    return getattr(module, WORKLOADS[workload].operation, None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # the peers', not ours
@pytest.mark.parametrize(("workload", "subject"), LOCAL)
def test_rows_without_a_socket_do_their_work(workload: str, subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row reads, keeps or stores what the others of its table do, and counts it."""
    monkeypatch.setattr("bench.work.IMPORTS", 1)
    row, who = WORKLOADS[workload], SUBJECTS[subject]
    operation = operation_of(workload, subject)
    settings = {**row.job, "window_s": 0.0, "warm_s": 0.0, "warm_messages": 0, "min_messages": 1}
    job = Job(workload, row.operation, subject, who.variant, who.loops[0], row.kind, **settings)
    done = operation(job)
    if inspect.iscoroutine(done):
        asyncio.run(done)
    assert job.meter.result["messages"] > 0


@pytest.mark.integration
@pytest.mark.parametrize(("workload", "subject"), SOCKET)
def test_rows_over_a_socket_do_their_work(workload: str, subject: str, tmp_path: Path) -> None:
    """Load and process under test find each other, and what went between them is counted."""
    assert operation_of(workload, subject) is not None
    plan = runner.Plan(runner.write_certificate(tmp_path), None, None, window_s=0.001, warm_s=0.0, connections=10)
    row = WORKLOADS[workload]
    row = dataclasses.replace(row, load={**row.load, "readers": 5})
    result = runner.measure(workload, row, runner.Row(subject, SUBJECTS[subject].loops[0]), plan)
    assert result.get("messages", 0) > 0, result


def test_a_hub_that_loses_a_record_fails() -> None:
    """A number that was passed over ends the measurement, unless the newest are all that was asked for."""
    record = {"symbol": "A", "bid_size": 300}
    data = [{"op": "data", "topic": "v.A.quote", "seq": seq, "record": record} for seq in (1, 2, 4)]
    received = bytearray(server_frame(b"ping", 9) + server_frame(json.dumps(data).encode(), 1))
    assert check_records(received, is_whole=False) == 3
    with pytest.raises(SystemExit, match="from 2 to 4"):
        check_records(received, is_whole=True)
