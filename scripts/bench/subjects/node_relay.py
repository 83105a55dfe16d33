"""A relay written for Node with `ws`: the process becomes Node, so that its CPU clock is read as everybody's."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bench.job import Job
from bench.subjects import NODE_MODULES


def hub(job: Job) -> None:
    script = Path(__file__).with_name("node_relay.js")
    wanted = {"told_fd": job.told_fd, "burst": job.burst, **job.detail}
    paths = os.pathsep.join(filter(None, (str(NODE_MODULES), os.environ.get("NODE_PATH"))))
    os.execvpe("node", ["node", str(script), json.dumps(wanted)], {**os.environ, "NODE_PATH": paths})
