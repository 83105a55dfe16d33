"""Start pairs of processes, one under test and one for load, in turn and repeatedly; collect what they print.

Every measurement has fresh processes. It ends within a deadline, and whatever was started is gone afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.profiles import Sampler
from bench.subjects import SUBJECTS
from bench.workloads import Workload

__all__ = ["Plan", "Row", "in_turn", "measure", "rows_of", "write_certificate"]

SCRIPTS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One line of a table: a subject on a loop."""

    subject: str
    loop: str


@dataclass(frozen=True)
class Plan:
    """What holds for every measurement of a run."""

    certificate: str
    cpu_under_test: int | None
    cpu_load: int | None
    window_s: float
    warm_s: float
    connections: int
    profile: Path | None = None
    """Where samples are kept for the time of a measurement; None samples nothing."""


def rows_of(workload: Workload, subjects: list[str], loops: list[str]) -> list[Row]:
    """Return the rows that can do this workload."""
    found = []
    for name in subjects:
        if workload.subjects and name not in workload.subjects:
            continue
        if not _can(name, workload.operation):
            continue
        if workload.kind.startswith("bin") and name == "picows-text":
            continue
        if workload.deflate and name.startswith("picows") and name != "picows-websockets":
            continue  # picows' core has no extensions
        if workload.deflate and name in {"floor", "websocket-client"}:
            continue
        found += [Row(name, loop) for loop in SUBJECTS[name].loops if loop in loops]
    return found


def _can(subject: str, operation: str) -> bool:
    import importlib

    if subject in {"picows-frame", "picows-text"} and operation not in {"receive", "feed"}:
        return False  # they differ from "picows" in receiving only
    if subject == "ours-payloads" and operation != "receive":
        return False
    if subject == "picows-websockets" and operation == "feed":
        return False  # its protocol object cannot be reached
    return hasattr(importlib.import_module(f"bench.subjects.{SUBJECTS[subject].module}"), operation)


def measure(workload_name: str, workload: Workload, row: Row, plan: Plan) -> dict[str, Any]:
    """Run one pair; returns the meter's result, or a dict with ``error``."""
    subject = SUBJECTS[row.subject]
    up_read, up_write = os.pipe()  # from the process under test to the load
    down_read, down_write = os.pipe()  # the other way
    fds = (up_read, up_write, down_read, down_write)
    job = {
        "workload": workload_name,
        "operation": workload.operation,
        "subject": row.subject,
        "variant": subject.variant,
        "loop": row.loop,
        "kind": workload.kind,
        "certificate": plan.certificate if workload.tls else None,
        "deflate": workload.deflate,
        "window_s": plan.window_s,
        "warm_s": plan.warm_s,
        "ack_fd": up_write if workload.act == "bursts" else None,
        "told_fd": down_read,
        **workload.job,
    }
    load = {
        "role": "server" if workload.under_test == "client" else "client",
        "act": workload.act,
        "path": "/",
        "kind": workload.kind,
        "certificate": job["certificate"],
        "deflate": workload.deflate,
        "ack_fd": up_read,
        "told_fd": down_write,
        "window_s": plan.window_s,
        "warm_s": plan.warm_s,
        "warm_messages": 2000,
        "min_messages": 2000,
        "longest_s": 20.0,
        "detail": workload.job.get("detail", {}),
        **workload.load,
    }
    if workload.is_memory:
        load["connections"] = plan.connections
    processes: list[subprocess.Popen[str]] = []
    deadline = threading.Timer(240.0 if workload.is_memory else 60.0, lambda: [p.kill() for p in processes])
    deadline.daemon = True
    deadline.start()
    try:
        return _run_pair(workload, subject.env, job, load, plan, processes, fds)
    except RuntimeError as error:
        return {"error": str(error)}
    finally:
        deadline.cancel()
        for process in processes:
            process.kill()
            process.communicate()
        for fd in fds:
            os.close(fd)


def _run_pair(
    workload: Workload,
    env: dict[str, str],
    job: dict[str, Any],
    load: dict[str, Any],
    plan: Plan,
    processes: list[subprocess.Popen[str]],
    fds: tuple[int, ...],
) -> dict[str, Any]:
    def start(module: str, spec: dict[str, Any], cpu: int | None, extra: dict[str, str]) -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH", "")]))
        process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(spec)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **extra},
            pass_fds=fds,
            preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
        )
        processes.append(process)
        return process

    def sampled(process: subprocess.Popen[str]) -> Sampler | None:
        return Sampler(process.pid, plan.profile) if plan.profile else None

    if not workload.act:
        tested = start("bench.under_test", job, plan.cpu_under_test, env)
        sampler = sampled(tested)
        result = _result(tested)
        if sampler:
            result["profile"] = sampler.stop()
        return result
    if workload.under_test == "client":
        peer = start("bench.load", load, plan.cpu_load, {})
        job["port"] = _port(peer)
        tested = start("bench.under_test", job, plan.cpu_under_test, env)
        sampler = sampled(tested)
        result = _result(tested)
        if sampler:
            result["profile"] = sampler.stop()
        try:
            _, stderr = peer.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            stderr = ""
        if peer.returncode not in (0, None):
            raise RuntimeError(f"load: {_last_line(stderr)}")
        return result
    tested = start("bench.under_test", job, plan.cpu_under_test, env)
    load["port"], load["pid"] = _port(tested), tested.pid
    sampler = sampled(tested)
    peer = start("bench.load", load, plan.cpu_load, {})
    result = _result(tested if workload.act == "readers" else peer)
    if sampler:
        result["profile"] = sampler.stop()
    return result


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("PORT "):
        stderr = process.communicate()[1]
        raise RuntimeError(_last_line(stderr) or "no answer before the deadline")
    return int(line.split()[1])


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    stdout, stderr = process.communicate()
    lines = stdout.splitlines()
    if process.returncode != 0 or not lines or not lines[-1].startswith("{"):
        raise RuntimeError(_last_line(stderr) or f"ended with {process.returncode} before the deadline")
    result: dict[str, Any] = json.loads(lines[-1])
    if not result or "error" in result:
        raise RuntimeError(result.get("error", "no window was measured"))
    if "cpu_s" in result:
        result["us"] = result["cpu_s"] / result["messages"] * 1e6
        result["per_s"] = result["messages"] / result["wall_s"]
    return result


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def write_certificate(folder: Path) -> str:
    """Make an authority and a certificate for 127.0.0.1; returns the three paths that processes are told."""
    import trustme

    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1", "localhost")
    chain, key, root = folder / "chain.pem", folder / "key.pem", folder / "authority.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in own.cert_chain_pems))
    key.write_bytes(own.private_key_pem.bytes())
    key.chmod(0o600)
    authority.cert_pem.write_to_path(str(root))
    return f"{chain}:{key}:{root}"


def in_turn(rows: list[Row], repeat: int) -> Iterator[tuple[int, Row]]:
    """Yield every row so many times, each round beginning with another one."""
    for turn in range(repeat):
        shift = turn * 5 % max(1, len(rows))
        for row in rows[shift:] + rows[:shift]:
            yield turn, row
