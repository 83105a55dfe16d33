"""Start targets in processes of their own, and read from libFuzzer's words what came of it."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import CORPORA, ROOT, corpus

START_S = 90.0
"""What a process may take beside the time it is given: imports, the seeds, its last input."""
SHOWN_OCTETS = 300
"""An input up to this size is shown as a line of Python, a longer one as a file only."""


HAS_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)
"""Whether the ``test`` extra brings atheris; the marker is in pyproject.toml."""


def is_available() -> bool:
    """Say whether atheris can be imported; it has wheels for some platforms and interpreters only."""
    return importlib.util.find_spec("atheris") is not None


@dataclass(frozen=True)
class Campaign:
    """What one process did with one target."""

    target: str
    seed: int
    executions: int
    exec_per_s: int
    edges: int
    """Branches and comparisons of the instrumented modules that some input reached."""
    corpus_files: int
    new_files: int
    finding: Path | None
    """The input that broke the promise."""
    exit_code: int
    said: str
    """Everything that the process said, one line under the other."""

    @property
    def has_failed(self) -> bool:
        """Whether a promise was broken, or the process could not do its work."""
        return self.finding is not None or self.exit_code != 0

    def explain(self) -> str:
        """Say what broke, with a way to see it again."""
        lines = [line for line in self.said.splitlines() if not line.startswith(("INFO:", "WARNING:", "#"))]
        told = "\n".join(lines[-60:])
        if self.finding is None:
            return f"{self.target} (seed {self.seed}) ended with {self.exit_code}:\n{told}"
        return f"{self.target} broke its promise (seed {self.seed}):\n{told}\n{again(self.target, self.finding)}"


def again(target: str, file: Path) -> str:
    """Return the commands that try an input again."""
    data = file.read_bytes()
    said = f"try it again:  python scripts/fuzz.py {target} --repeat {file}"
    if len(data) <= SHOWN_OCTETS:
        program = f"from tests.fuzz.targets.{target} import one_input; one_input(bytes.fromhex('{data.hex()}'))"
        said += f'\nor:  python -c "{program}"'
    return said


def run(
    target: str,
    *,
    into: Path,
    seed: int,
    seconds: float = 0,
    runs: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> Campaign:
    """Fuzz one target for a time or a number of inputs, whichever ends first; ``progress`` gets each line that it says."""
    before = set((into / "corpus").glob("*"))
    flags = [f"-seed={seed}", "-print_final_stats=1"]
    flags += [f"-max_total_time={max(1, round(seconds))}"] if seconds else []
    flags += [f"-runs={runs}"] if runs else []
    exit_code, said = tell(target, into, flags, deadline_s=seconds + START_S, progress=progress)
    found = [file for kind in ("crash", "timeout", "oom") for file in into.glob(f"{kind}-*")]
    finding = max(found, key=lambda file: file.stat().st_mtime) if found and exit_code else None
    kept = set((into / "corpus").glob("*"))
    return Campaign(
        target,
        seed,
        executions=last(r"stat::number_of_executed_units: +(\d+)", said),
        exec_per_s=last(r"stat::average_exec_per_sec: +(\d+)", said),
        edges=last(r"^#\d+\s.* cov: (\d+)", said),
        corpus_files=last(r"^#\d+\s.* corp: (\d+)", said),
        new_files=len(kept - before),
        finding=finding,
        exit_code=exit_code,
        said=said,
    )


def tell(
    target: str,
    into: Path,
    flags: list[str],
    *,
    deadline_s: float,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[int, str]:
    """Run ``run_target`` with flags of libFuzzer; returns its exit code and what it said."""
    command = [sys.executable, "-m", "tests.fuzz.run_target", target, "--into", str(into), *flags]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},  # the same seed is the same run
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    deadline = threading.Timer(deadline_s, process.kill)
    deadline.start()
    said = []
    try:
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                progress(line.rstrip())
    finally:
        deadline.cancel()
        process.kill()
    return process.returncode, "".join(said)


def last(pattern: str, said: str) -> int:
    """Return the number in the last line like this; 0 without one."""
    found = re.findall(pattern, said, re.MULTILINE)
    return int(found[-1]) if found else 0


MOST_FILES = 48
MOST_OCTETS = 16_000
"""How much of a corpus is kept in the repository: it is read by everybody, and run by every test run."""
FOUND = "found-"
"""Inputs with such a name once broke a promise: they are never put out again."""


def minimise(target: str, *, into: Path, also: Sequence[Path] = ()) -> tuple[int, int]:
    """Put the kept corpus of a target together anew, from itself and other folders; returns its files and octets.

    What reaches most that is not yet reached, for its size, comes first, until nothing is left that reaches more, or the bounds
    of the repository are met. What the target's seeds reach needs no file.
    """
    home, fresh, control = CORPORA / target, into / "merged", into / "merged.txt"
    shutil.rmtree(fresh, ignore_errors=True)
    control.unlink(missing_ok=True)
    for folder in (fresh, home):
        folder.mkdir(parents=True, exist_ok=True)
    seeds_folder = into / "seeds"
    read = [str(folder) for folder in (home, *also, seeds_folder) if folder.exists()]
    flags = ["-set_cover_merge=1", f"-merge_control_file={control}", str(fresh), *read]
    exit_code, said = tell(target, into, flags, deadline_s=600 + START_S)
    if exit_code or not control.exists():
        raise SystemExit(f"{target} could not be minimised:\n{said[-2000:]}")
    reach = reached(control)
    kept = {file for file in reach if file.parent == home and file.name.startswith(FOUND)}
    covered = set().union(*(found for file, found in reach.items() if file in kept or file.parent == seeds_folder))
    octets = sum(file.stat().st_size for file in kept)
    sizes = {file: file.stat().st_size for file in reach}
    while len(kept) < MOST_FILES:
        worth = {
            file: len(found - covered) / (OCTETS_OF_A_FILE + sizes[file])
            for file, found in reach.items()
            if octets + sizes[file] <= MOST_OCTETS
        }
        best = max(worth, key=lambda file: (worth[file], file.name), default=None)
        if best is None or not worth[best]:
            break
        kept.add(best)
        covered |= reach[best]
        octets += sizes[best]
    chosen = {file.name if file.name.startswith(FOUND) else file.name[:12]: file.read_bytes() for file in kept}
    for file in corpus(target):
        file.unlink()
    for name, data in chosen.items():
        (home / name).write_bytes(data)
    return len(chosen), octets


OCTETS_OF_A_FILE = 32
"""What a file costs beside its content, when inputs are compared by what they reach."""


def reached(control: Path) -> dict[Path, set[int]]:
    """Read libFuzzer's control file of a merge: which features each input reaches."""
    lines = control.read_text(encoding="utf-8").splitlines()
    count = int(lines[0])
    files = [Path(line) for line in lines[2 : 2 + count]]
    features = (line.split() for line in lines[2 + count :] if line.startswith("FT "))
    return {files[int(number)]: {int(feature) for feature in found} for _, number, *found in features}
