"""Build the compiled extensions with gcc's AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of the tree, and try them.

The sanitizers stop the process at the first octet read or written outside of its object, at a use after free, and at what C
leaves undefined; Python takes its memory from malloc, so that each object is watched by itself. The copy is built anew when a
source has changed. What Python itself keeps until its end is not reported as a leak.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.targets import ROOT

FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g"
COPIED = ("wsexample", "tests", "setup.py", "pyproject.toml", "README.md", "LICENSE")
BUILD_S = 900.0


def library() -> str | None:
    """Return the sanitizer's library, None without gcc or without it."""
    if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
        return None
    said = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=False)
    path = Path(said.stdout.strip())
    return str(path.resolve()) if path.is_absolute() and path.exists() else None


def built(folder: Path) -> Path:
    """Return a copy of the tree with sanitized extensions; only what has changed is copied and built."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *COPIED], cwd=ROOT, capture_output=True, check=True
    )
    changed_sources = False
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, copy = ROOT / name, folder / name
        if not source.exists():
            continue
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            changed_sources = changed_sources or source.suffix in (".pyx", ".pxd", ".h") or name == "setup.py"
    if changed_sources or not list(folder.glob("wsexample/wire/lane/_lane_c*.so")):
        environment = os.environ | {"CFLAGS": FLAGS, "LDFLAGS": FLAGS, "WSEXAMPLE_LANE": "require"}
        command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "--force"]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=BUILD_S, check=False
        )
        if done.returncode:
            raise SystemExit(f"the sanitized build failed:\n{done.stderr[-3000:]}")
    return folder


def shake(copy: Path, targets: Sequence[str], *, seconds: float, seed: int) -> tuple[int, Path]:
    """Try targets in a sanitized copy for so long each; returns the exit code and the file of the last input."""
    preload = library()
    assert preload is not None
    last = copy / "last-input"
    environment = os.environ | {
        "LD_PRELOAD": preload,
        "PYTHONMALLOC": "malloc",
        "PYTHONHASHSEED": "0",
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "WSEXAMPLE_LANE": "require",
    }
    command = [sys.executable, "-m", "tests.fuzz.mutate", *targets, "--seconds", f"{seconds:g}", "--seed", str(seed)]
    deadline_s = (seconds + 120) * len(targets)
    done = subprocess.run(
        [*command, "--last", str(last)],
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=deadline_s,
        check=False,
    )
    return done.returncode, last
