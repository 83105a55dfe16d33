"""Fresh virtual environments, and installing into them without a compiler."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matrix.interpreters import Interpreter
from matrix.requirements import PURE_SDISTS

__all__ = ["CommandFailedError", "Environment", "run_logged"]

NO_COMPILER = "no-compiler-here"
_BUILT = re.compile(r"Building wheel for ([\w.-]+)")


class CommandFailedError(RuntimeError):
    """A command ended with an error; the message ends with what it said last."""


def run_logged(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 1800.0,
) -> str:
    """Run a command, add what it says to a file, and return that.

    Raises:
        CommandFailedError: it ended with an error, or not within its time.
    """
    shown = " ".join(map(str, command))
    argv = [str(part) for part in command]
    started_s = time.monotonic()
    with log.open("a+", encoding="utf-8") as file:
        file.write(f"\n$ {shown}\n")
        file.flush()
        begins = file.tell()
        try:
            code = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=None if env is None else dict(env),
                timeout=timeout_s,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    with log.open("rb") as written:
        written.seek(begins)
        said = written.read().decode("utf-8", "replace")
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n[exit status {code}, {time.monotonic() - started_s:.1f} s]\n")
    if code:
        last = "\n".join(said.strip().splitlines()[-15:])
        raise CommandFailedError(f"{shown}\nended with {code}; {log} has all of it, which ends with:\n{last}")
    return said


@dataclass(frozen=True)
class Environment:
    """A virtual environment that nothing but its own packages is seen from."""

    folder: Path
    python: Path

    @classmethod
    def make(cls, interpreter: Interpreter, folder: Path) -> Environment:
        """Make an environment that has pip and nothing else."""
        command = [
            str(interpreter.executable),
            "-I",
            "-m",
            "venv",
            str(folder),
        ]  # -I: files of the folder here are not modules
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise CommandFailedError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return cls(folder, _programs(folder) / ("python.exe" if os.name == "nt" else "python"))

    @property
    def without_compiler(self) -> dict[str, str]:
        """Variables under which no C compiler is found, as on a plain machine.

        Windows' compiler is found by the registry; there only the check that nothing was built tells.
        """
        hidden = dict.fromkeys(("CC", "CXX", "LDSHARED"), NO_COMPILER)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WSE", "PYTHON"))}
        return {**kept, **hidden, "PATH": str(_programs(self.folder))}

    def install(self, what: Sequence[str | Path], *, log: Path, options: Sequence[str] = ()) -> None:
        """Install requirements with pip and a compiler, if there is one."""
        run_logged([*self._pip, *options, *map(str, what)], log=log)

    def install_without_compiler(self, what: Sequence[str | Path], *, log: Path, options: Sequence[str] = ()) -> str:
        """Install without a compiler, from wheels; return what pip said.

        Raises:
            CommandFailedError: it cannot be installed so.
        """
        said = run_logged([*self._pip, *options, *map(str, what)], log=log, env=self.without_compiler)
        if built := set(_BUILT.findall(said)) - {*PURE_SDISTS, "wsexample"}:
            raise CommandFailedError(f"not installed from wheels: {', '.join(sorted(built))}")
        return said

    def check(self, log: Path) -> None:
        """Have pip say that all requirements of what is installed are met."""
        run_logged([self.python, "-I", "-m", "pip", "check"], log=log)

    def versions(self) -> dict[str, str]:
        """Return the versions of all that is installed, by names in small letters and with hyphens."""
        command = [str(self.python), "-I", "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        return {re.sub(r"[-_.]+", "-", each["name"]).lower(): each["version"] for each in json.loads(done.stdout)}

    @property
    def _pip(self) -> list[str]:
        return [str(self.python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]


def _programs(folder: Path) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin")
