#!/usr/bin/env python3
"""Try an installed wsexample as its user does: every command, an echo, a feed from a simulator, and what is missing.

    python smoke.py --lane compiled                      in an environment with wsexample
    python smoke.py --lane python --without-extras       where no extra is installed: who needs one says which
    python smoke.py --windows                            each command with what Windows lacks taken away

Needs the standard library alone. Prints what was tried; ends with 1 at the first promise that is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

DEADLINE_S = 40.0
COMMANDS = ("wsexample", "kclient", "wseclient", "wseserver")
WINDOWS = Path(__file__).resolve().parent / "windows.py"
MISSING_EXTRA = 4
INTERRUPTED = 130
SYMBOLS = ("9433", "7203")
WARN_OF_ENCODING = "PYTHONWARNDEFAULTENCODING"


class BrokenError(Exception):
    """A promise does not hold; the message says which and what was seen."""


class Place:
    """Where commands run: an empty folder, and an environment without settings of the user.

    Parameters:
        folder: empty, for what they write.
        is_windows: take away what Windows does not have.
    """

    def __init__(self, folder: Path, *, is_windows: bool = False) -> None:
        self.folder = folder
        self._is_windows = is_windows
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("KABU_", "WSE", "PYTHONPATH"))
        }
        # An encoding that is not named is the system's own, which on Windows is not UTF-8.
        self.env = {**kept, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200", WARN_OF_ENCODING: "1"}

    def argv(self, name: str, *arguments: str) -> list[str]:
        """Return how a command is started here."""
        if self._is_windows:
            return [sys.executable, str(WINDOWS), name, *arguments]
        program = Path(sys.executable).parent / (f"{name}.exe" if os.name == "nt" else name)
        return [str(program), *arguments]

    def run(self, name: str, *arguments: str, expect: int = 0, stdin: str = "") -> tuple[str, str]:
        """Run a command to its end; return stdout and stderr."""
        done = subprocess.run(
            self.argv(name, *arguments),
            cwd=self.folder, env=self.env, input=stdin, capture_output=True, text=True, encoding="utf-8", timeout=DEADLINE_S,
            check=False,
        )  # fmt: skip
        said = f"{name} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
        if done.returncode != expect:
            raise BrokenError(said)
        check_words(name, said)
        return done.stdout, done.stderr

    @contextmanager
    def start(self, name: str, *arguments: str) -> Iterator[str]:
        """Run a command until the block ends, then interrupt it; gives its first line of output."""
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                self.argv(name, *arguments), cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=stdout,
                stderr=stderr,
            )  # fmt: skip
        try:
            ends_s = time.monotonic() + DEADLINE_S
            while "\n" not in out.read_text(encoding="utf-8"):
                if process.poll() is not None or time.monotonic() > ends_s:
                    raise BrokenError(f"{name} never said where it listens:\n{err.read_text(encoding='utf-8')}")
                time.sleep(0.05)
            yield out.read_text(encoding="utf-8").splitlines()[0]
            if os.name != "nt":  # where Ctrl-C would reach this process too
                process.send_signal(signal.SIGINT)
                code = process.wait(DEADLINE_S)
                if code not in (0, INTERRUPTED):
                    raise BrokenError(f"{name} ended with {code} after Ctrl-C:\n{err.read_text(encoding='utf-8')}")
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(DEADLINE_S)
        check_words(name, err.read_text(encoding="utf-8"))


def check_words(name: str, said: str) -> None:
    """Raise `BrokenError` where a traceback, an exception in a callback, or a warning about our own code was printed."""
    bad = [line for line in said.splitlines() if line.startswith(("Traceback", "Exception in", "Task exception"))]
    warned = [line for line in said.splitlines() if "Warning:" in line and f"{os.sep}wsexample{os.sep}" in line]
    if bad or warned:
        raise BrokenError(f"{name} said {(bad or warned)[0]}:\n{said}")


def is_installed(place: Place, lane: str) -> str:
    """The package comes from site-packages, and the lane is the one that was built."""
    words = "import wsexample, wsexample.wire.lane as lane; print(wsexample.__file__); print(lane.LANE)"
    asked = [sys.executable, "-c", words]
    file, found = subprocess.run(
        asked, cwd=place.folder, capture_output=True, text=True, timeout=DEADLINE_S, check=True
    ).stdout.split("\n")[:2]
    if "site-packages" not in Path(file).parts:
        raise BrokenError(f"wsexample was imported from {file}, not from what is installed")
    if lane and found != lane:
        raise BrokenError(f"the lane is {found}, not {lane}")
    return f"from site-packages, lane {found}"


def helps(place: Place) -> str:
    """Each command has its help and its version."""
    for name in COMMANDS:
        out, _ = place.run(name, "--help")
        if f"Usage: {name}" not in out:
            raise BrokenError(f"{name} --help says:\n{out}")
        place.run(name, "--version")
    return ", ".join(COMMANDS)


def doctor(place: Place) -> str:
    """``wsexample doctor`` finds nothing wrong, and measures an echo."""
    out, _ = place.run("wsexample", "doctor", "--json")
    if '"problem"' in out:
        raise BrokenError(f"wsexample doctor found a problem:\n{out}")
    return "no problem"


def echo(place: Place) -> str:
    """``wseclient`` talks to ``wseserver``: one message, and lines of a pipe."""
    with place.start("wseserver", "0", "--announce") as line:
        url = line.split()[-1]
        out, _ = place.run("wseclient", url, "-x", "hello, 世界", "-1")
        if out != "hello, 世界\n":
            raise BrokenError(f"the echo of hello was {out!r}")
        out, _ = place.run("wseclient", url, "-w", "5", "--max-messages", "2", stdin="one\ntwo\n")
        if out != "one\ntwo\n":
            raise BrokenError(f"the echo of two lines was {out!r}")
    return "one message, two lines of a pipe, Ctrl-C"


def feed(place: Place) -> str:
    """``kclient`` streams boards from a simulated kabu Station, stores them, and keeps a tape that can be read again."""
    with place.start("wsexample", "sim", "kabu", "--port", "0", "--announce", "--ticks", "20") as line:
        facts = json.loads(line)
        arguments = [facts["token"], *SYMBOLS, "--port", str(facts["port"]), "--count", "20"]
        out, _ = place.run("kclient", *arguments, "--store", "boards.db", "--record", "day.tape")
    symbols = {json.loads(each)["symbol"] for each in out.splitlines()}
    if not symbols <= {f"{symbol}@1" for symbol in SYMBOLS} or len(out.splitlines()) < 20:
        raise BrokenError(f"kclient printed {len(out.splitlines())} records of {symbols}")
    with closing(sqlite3.connect(place.folder / "boards.db")) as database:
        (stored,) = database.execute("select count(*) from boards").fetchone()
    if stored < 20:
        raise BrokenError(f"kclient stored {stored} boards")
    again, _ = place.run("wsexample", "replay", "day.tape", "--speed", "max")
    place.run("wsexample", "query", "boards.db", "select count(*) from boards")
    if len(again.splitlines()) < 20:
        raise BrokenError(f"the tape gave {len(again.splitlines())} records")
    return f"{len(symbols)} symbols, {stored} boards stored, {len(again.splitlines())} records from the tape"


def missing_extras(place: Place) -> str:
    """Whatever needs an extra says in one line which, and ends with a status of its own."""
    token = "0" * 32
    (place.folder / "archive").mkdir()
    (place.folder / "archive" / "a.parquet").touch()
    tries: dict[str, list[tuple[str, ...]]] = {
        "archive": [
            ("kclient", token, "9433", "--port", "1", "--store", "parquet:///archive"),
            ("wsexample", "query", "archive", "select 1"),
            ("wsexample", "query", "boards.db", "select 1 as a", "-o", "a.parquet"),
        ],
        "pictures": [("wsexample", "query", "boards.db", "--symbol", f"{SYMBOLS[0]}@1", "--picture", "day.png")],
        "mongo": [("kclient", token, "9433", "--port", "1", "--store", "mongodb://127.0.0.1:1/market")],
        "nats": [
            ("kclient", token, "9433", "--port", "1", "--store", "nats://127.0.0.1:1/market"),
            ("wsexample", "hub", "--listen", "0", "--backplane", "nats://127.0.0.1:1"),
        ],
    }
    place.env.pop(WARN_OF_ENCODING)  # other libraries would say more than one line
    count = 0
    for extra, commands in tries.items():
        for command in commands:
            _, err = place.run(*command, expect=MISSING_EXTRA)
            if f"pip install 'wsexample[{extra}]'" not in err or len(err.splitlines()) != 1:
                raise BrokenError(f"{' '.join(command)} does not say in one line that it needs {extra}:\n{err}")
            count += 1
    return f"{count} commands name {', '.join(tries)}"


def main() -> int:
    """Try everything that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lane", choices=("compiled", "python"), default="", help="the lane that must be in use; any")
    parser.add_argument("--without-extras", action="store_true", help="no extra is installed: ask for each")
    parser.add_argument(
        "--only", action="append", metavar="PART", help="only this part, as the output names it; repeat"
    )
    parser.add_argument("--windows", action="store_true", help="take away what Windows does not have")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Place(Path(folder), is_windows=options.windows)
        tries: list[tuple[str, Callable[[Place], str]]] = [
            ("package", partial(is_installed, lane=options.lane)),
            ("commands", helps),
            ("doctor", doctor),
            ("echo", echo),
            ("feed", feed),
        ]
        if options.without_extras:
            tries.append(("missing extras", missing_extras))
        for name, attempt in tries:
            if options.only and name not in options.only:
                continue
            try:
                print(f"{name}: {attempt(place)}", flush=True)
            except (BrokenError, subprocess.SubprocessError) as error:
                print(f"{name}: BROKEN: {error}", flush=True)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
