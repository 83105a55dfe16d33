"""Every command line that pages and helps show runs, against simulators and servers of this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
import trustme

from tests.conftest import missing
from tests.examples.lines import REFUSED, Line, Part, names_ours, parts_of, run_words, unique, why_not
from tests.examples.processes import Command, Outcome
from tests.test_help import COMMANDS, reference

LINES = unique()
RUN = [line for line in LINES if why_not(line.text) is None]
PARSED = [line for line in LINES if why_not(line.text) is not None]
AT_ONCE = 4
pytestmark = pytest.mark.integration
STRATEGY = """\
async def trade(records, gateway):
    async for _ in records:
        pass
"""


class Stage:
    """Simulators, servers and files that the lines name."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.kept = folder.parent / "kept"
        self._stack = stack
        self._numbers = iter(range(1_000_000))
        self._turns = {"alpaca": threading.Lock(), "kabu": threading.Lock()}
        self.facts: dict[str, str] = {"echo": "0", "hub": "0"}
        simulators = {
            broker: self.start("wsexample", "sim", broker, "--port", "0", "--announce", "--control", *more)
            for broker, more in (
                ("kabu", ["--ticks", "10"]),
                ("alpaca", ["--fills", "5", "--switch", "dead_slot_s=0"]),
                ("weex", ["--fills", "5"]),
            )
        }
        echo = self.start("wseserver", "0", "--announce", "--subprotocol", "chat")
        for broker, command in simulators.items():
            said = json.loads(command.wait_for("Ctrl-C stops").splitlines()[0])
            self.facts |= {broker: str(said["port"]), f"{broker}_key": said.get("token", "")}
        found = re.search(r"ws://[\d.]+:(\d+)", echo.wait_for("ws://"))
        assert found is not None
        self.facts["echo"] = found[1]
        self._files()

    def start(self, program: str, *words: str, stdin: str | None = None) -> Command:
        """Start a command that ends with the stage."""
        return self._stack.enter_context(self.command(Part(program, list(words)), stdin))

    def command(self, part: Part, stdin: str | None = None) -> Command:
        kept = self.kept / str(next(self._numbers))
        return Command(part.program, part.words, self.folder, kept, stdin=stdin)

    def _made(self, *words: str) -> None:
        found = self.command(Part(words[0], list(words[1:]))).finish()
        assert found.status == 0, found

    def _files(self) -> None:
        """Make what the lines read."""
        facts, folder = self.facts, self.folder
        kabu = [facts["kabu_key"], "9433", "7203", "--port", facts["kabu"], "--count", "20"]
        self._made("kclient", *kabu, "--record", "day.tape", "--store", "boards.db")
        for sink in ("ticks.db", "parquet:///archive"):
            for kind in ("trades", "quotes"):
                self._made(
                    *(
                        "wsexample",
                        "alpaca",
                        kind,
                        "AAPL",
                        "MSFT",
                        f"--sim={facts['alpaca']}",
                        "--count",
                        "5",
                        "--store",
                        sink,
                    )
                )
        self._made(
            "wsexample",
            "alpaca",
            "trades",
            "AAPL",
            f"--sim={facts['alpaca']}",
            "--count",
            "3",
            "--record",
            "alpaca.tape",
        )
        self._made("wsexample", "query", "ticks.db", "--bars", "1m", "--output", "bars.parquet")
        self._made(
            "wsexample", "record", "any.tape", "wseclient", f"ws://127.0.0.1:{facts['echo']}", "-x", "hello", "-1"
        )
        for name in ("kabu", "torn", "monday", "tuesday"):
            shutil.copy(folder / "day.tape", folder / f"{name}.tape")
        records = [self.command(Part("wsexample", words)).finish().output for words in self._one_of_each()]
        (folder / "records.jsonl").write_text("".join(records), encoding="utf-8")
        hub = self.start("wsexample", "hub", "--listen", "127.0.0.1:0", "--speed", "max", "records.jsonl")
        found = re.search(r"http://[\d.]+:(\d+)", hub.wait_for("http://"))
        assert found is not None
        facts["hub"] = found[1]
        for name in ("anna", "alice"):
            self._made("wsexample", "hub-token", "add", "tokens.json", name)
        ca = trustme.CA()
        cert = ca.issue_cert("localhost", "127.0.0.1")
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        for certificate, key in (("cert.pem", "key.pem"), ("c.pem", "k.pem")):
            cert.cert_chain_pems[0].write_to_path(str(folder / certificate))
            cert.private_key_pem.write_to_path(str(folder / key))
        (folder / "topix.txt").write_text("9433\n7203\n*101\n")
        (folder / "idea.py").write_text(STRATEGY)
        (folder / "tokens.txt").write_text("secret\n")
        (folder / "token").write_text("secret\n")
        (folder / "picture.png").write_bytes(b"\x89PNG")
        profile = f'[profile.feed]\nurl = "ws://127.0.0.1:{facts["echo"]}"\nexecute = ["hello"]\n'
        (folder / "profiles.toml").write_text(profile)
        for name in ("token", "tokens.txt", "profiles.toml"):
            (folder / name).chmod(0o600)

    def _one_of_each(self) -> list[list[str]]:
        alpaca, weex = f"--sim={self.facts['alpaca']}", f"--sim={self.facts['weex']}"
        return [
            ["alpaca", "quotes", "AAPL", alpaca, "--count", "2"],
            ["weex", "tickers", "BTCUSDT", weex, "--count", "2"],
            ["tape", "export", "day.tape"],
        ]

    def _names(self, word: str) -> list[str]:
        """What a shell makes of a word with a star."""
        found = sorted(path.name for path in self.folder.glob(word)) if re.fullmatch(r"\*\.\w+", word) else []
        return found or [word]

    def run(self, line: Line) -> list[Outcome]:
        """Run every part of a line that is ours, each with the output of the one before; others run as they are."""
        outcomes: list[Outcome] = []
        given: str | None = None
        for part in parts_of(line.text):
            if not names_ours(part):
                given = foreign(part, given)
                continue
            words, is_endless = run_words(part, self.facts)
            own = f"new-{next(self._numbers)}-"
            words = [name for word in words for name in self._names(re.sub("^new-", own, word))]
            # An account has one connection to each feed of Alpaca's; kabu Station counts calls, and has one token at a time.
            used = {"alpaca": "alpaca" in words, "kabu": "kclient" in (part.program, *words)}
            turn = next((self._turns[name] for name, is_used in used.items() if is_used), nullcontext())
            with turn, self.command(Part(part.program, words), given) as command:
                if is_endless:
                    command.wait_for(sign_of_life(part.program, words))
                    command.interrupt()
                outcomes.append(command.finish())
            given = outcomes[-1].output
        return outcomes


def sign_of_life(program: str, words: list[str]) -> str:
    """What a command that goes on for ever says once it does what it is for."""
    if program == "wseclient" or "-r" in words:
        return '"op"'
    return "Press Ctrl+C" if "dump" in words else "://"


def foreign(part: Part, given: str | None) -> str:
    """Run a program of others."""
    found = shutil.which(part.program)
    if found is None:
        missing(f"{part.program} is not installed")
    done = subprocess.run(
        [str(found), *part.words], input=given or "", capture_output=True, text=True, encoding="utf-8", timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[Outcome]]]]:
    """Every line runs, some at a time; each test looks at its own."""
    with ExitStack() as stack:
        stage = Stage(tmp_path_factory.mktemp("folder"), stack)
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        yield {line.text: pool.submit(stage.run, line) for line in RUN}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("line", RUN, ids=lambda line: f"{line.place}: {line.text}")
def test_a_shown_command_line_runs(line: Line, results: dict[str, Future[list[Outcome]]]) -> None:
    """It ends as its page says: normally, or by Ctrl-C where it would go on for ever."""
    refused = {status for pattern, status, _ in REFUSED if re.search(pattern, line.text)}
    for found in results[line.text].result():
        assert found.status in {0, 130, *refused}, found
        assert "Traceback" not in found.errors


@pytest.mark.parametrize("line", PARSED, ids=lambda line: f"{line.place}: {line.text}")
def test_a_line_that_cannot_run_here_can_be_parsed(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of ours take their flags and arguments; why it does not run stands in the table of `lines`."""
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"\S+\.pem\b", line.text):  # click asks for the file when it parses
        Path(name).touch()
    named = dict(COMMANDS)
    for part in parts_of(line.text):
        if names_ours(part):
            words = [part.program, *part.words]
            size = max(count for count in range(1, len(words) + 1) if " ".join(words[:count]) in named)
            command = named[" ".join(words[:size])]
            command.make_context(words[size - 1], words[size:], resilient_parsing=False)


def test_nothing_is_left_out() -> None:
    """Each line of a page or a help runs or is parsed, and by far the most of them run."""
    assert len(RUN) + len(PARSED) == len(LINES)
    assert len(RUN) > 3 * len(PARSED)
    assert reference.PAGE.exists()
