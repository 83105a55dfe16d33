"""A buffered file: a head of 16 bytes and the payload of each message, synced as often as the tape is."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

from bench.feeds import RECEIVED_NS
from bench.job import Job
from bench.subjects.our_tape import FLUSHED_EVERY


def messages_kept(job: Job) -> None:
    payloads, meter, is_going = job.payloads.raw, job.meter, True
    head = struct.Struct("<QIBBH").pack
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "bench.raw").open("wb", 256 * 1024) as file:
        meter.add(0)
        while is_going:
            for i in range(FLUSHED_EVERY):
                payload = payloads[i % len(payloads)]
                file.write(head(RECEIVED_NS + i, len(payload), 0, 0, 1))
                file.write(payload)
            file.flush()
            os.fsync(file.fileno())
            is_going = meter.add(FLUSHED_EVERY)
