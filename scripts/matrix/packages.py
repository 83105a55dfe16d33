"""What users install: an sdist and wheels, built in a clean copy of the project, and what must and must not be in them."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matrix.environments import Environment, run_logged
from matrix.interpreters import Interpreter
from matrix.requirements import Pin

__all__ = ["Built", "build", "export", "wrong_in_sdist", "wrong_in_wheel"]

GENERATED = (".c", ".so", ".pyd", ".pyc")
BUILD = "import sys; from setuptools import build_meta; print('built', getattr(build_meta, sys.argv[1])(sys.argv[2]))"


@dataclass(frozen=True)
class Built:
    """What was built for one interpreter."""

    sdist: Path
    compiled: Path
    """From the clean copy, with the newest build requirements."""
    from_sdist: Path
    """Compiled from the unpacked sdist, with the oldest build requirements."""
    pure: Path
    """Built without trying to compile: for every interpreter and system."""


def export(root: Path, place: Path, *, is_committed: bool = True) -> list[str]:
    """Copy the project to an empty place; return the names of its files.

    Parameters:
        root: the clone.
        place: where the copy is made.
        is_committed: as of the last commit; otherwise the tracked files as they are now.
    """
    place.mkdir(parents=True)
    if is_committed:
        subprocess.run(["git", "clone", "--quiet", "--local", str(root), str(place)], check=True, timeout=120)
        names = _tracked(place)
    else:
        names = [name for name in _tracked(root) if (root / name).exists()]
        for name in names:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes((root / name).read_bytes())
    return names


def _tracked(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=60)
    return [name for name in done.stdout.split("\0") if name]


def build(
    interpreter: Interpreter, tree: Path, place: Path, newest: Sequence[str], oldest: Sequence[Pin], log: Path
) -> Built:
    """Build everything for one interpreter.

    Parameters:
        interpreter: for which.
        tree: clean copy of the project.
        place: an empty folder.
        newest: build requirements as pyproject.toml has them.
        oldest: the same as exact pins.
        log: file that gets what the tools say.

    Raises:
        RuntimeError: a build failed.
    """
    builder = Environment.make(interpreter, place / "builder")
    builder.install(newest, log=log)
    sdist = _made(builder, tree, "build_sdist", place / "dist", log)
    compiled = _made(builder, tree, "build_wheel", place / "compiled", log, WSEXAMPLE_LANE="require")
    pure = _made(builder, tree, "build_wheel", place / "pure", log, WSEXAMPLE_LANE="skip")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # the first releases of 3.11 have no filters
        archive.extractall(place / "unpacked")
    (unpacked,) = (place / "unpacked").iterdir()
    with_oldest = Environment.make(interpreter, place / "oldest-builder")
    with_oldest.install([pin.text for pin in oldest], log=log)
    from_sdist = _made(with_oldest, unpacked, "build_wheel", place / "from-sdist", log, WSEXAMPLE_LANE="require")
    return Built(sdist, compiled, from_sdist, pure)


def _made(builder: Environment, tree: Path, hook: str, place: Path, log: Path, **env: str) -> Path:
    place.mkdir()
    for left in (tree / "build", tree / "wsexample.egg-info"):  # what one build leaves must not help the next
        _remove(left)
    said = run_logged([builder.python, "-c", BUILD, hook, str(place)], log=log, cwd=tree, env={**os.environ, **env})
    return place / str(re.findall(r"^built (\S+)$", said, flags=re.MULTILINE)[-1])


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if folder.exists():
        folder.rmdir()


def wrong_in_wheel(wheel: Path, names: Sequence[str], *, is_compiled: bool) -> list[str]:
    """Return what is missing in a wheel or should not be there.

    Parameters:
        wheel: the file.
        names: files of the project.
        is_compiled: whether it must have the extensions; otherwise it must fit every system.
    """
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not re.match(r"wsexample-[^/]+\.dist-info/", name)}
    ours = {name for name in names if name.startswith("wsexample/")}
    extensions = {name for name in held if name.endswith((".so", ".pyd"))}
    sources = {name.removesuffix(".pyx") for name in ours if name.endswith(".pyx")}
    wrong = [f"{name} is missing" for name in sorted(ours - held)]
    wrong += [f"{name} should not be there" for name in sorted(held - ours - extensions)]
    if {name.split(".")[0] for name in extensions} != (sources if is_compiled else set()) or len(extensions) > len(
        sources
    ):
        wrong.append(f"its extensions are {', '.join(sorted(extensions)) or 'none'}")
    if wheel.name.endswith("-py3-none-any.whl") == is_compiled:
        wrong.append(f"its name says otherwise: {wheel.name}")
    return wrong


def wrong_in_sdist(sdist: Path, names: Sequence[str]) -> list[str]:
    """Return what is missing in an sdist or should not be there: it holds all that is needed to build, test and document."""
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    held = {
        name for name in held if name not in ("PKG-INFO", "setup.cfg") and not name.startswith("wsexample.egg-info/")
    }
    wanted = {name for name in names if not name.startswith(".")}
    wrong = [f"{name} is missing" for name in sorted(wanted - held)]
    return wrong + [
        f"{name} should not be there"
        for name in sorted(held - wanted)
        if name.endswith(GENERATED) or name not in wanted
    ]
