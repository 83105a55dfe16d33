"""Sample a process under test with ``perf`` and say where its CPU time goes, by library and by function."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

__all__ = ["Sampler"]


class Sampler:
    """Samples one process from now until `stop`."""

    def __init__(self, pid: int, folder: Path) -> None:
        if shutil.which("perf") is None:
            raise SystemExit("--profile needs the Linux program perf")
        self._file = folder / f"{pid}.perf"
        self._process = subprocess.Popen(
            ["perf", "record", "-F", "2999", "-p", str(pid), "-o", str(self._file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self, most: int = 25) -> str:
        """Return the shares of the libraries and of the functions that were seen most."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=20)
        parts = [self._report("dso", 6), self._report("dso,symbol", most)]
        self._file.unlink(missing_ok=True)
        return "\n\n".join(parts)

    def _report(self, order: str, most: int) -> str:
        done = subprocess.run(
            ["perf", "report", "--stdio", "--no-children", "--sort", order, "-i", str(self._file)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = [line.rstrip() for line in done.stdout.splitlines() if re.match(r"\s+\d", line)]
        return "\n".join(lines[:most])
