"""The documents keep their word: links lead somewhere, commands and their options exist, programs run."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.commands import echo_url, launch  # noqa: F401 - fixtures

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
OF_OTHERS = {"cd", "curl", "echo", "git", "jq", "pip", "printf", "sqlite3"}
DEADLINE_S = 40


class Block(NamedTuple):
    """A fenced block of a document."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(language: str | None = None) -> list[Block]:
    """Every fenced block of every document, or those of one language."""
    return [
        Block(document, text[: match.start()].count("\n") + 1, match[1], match[2])
        for document in DOCUMENTS
        for text in [document.read_text(encoding="utf-8")]
        for match in re.finditer(r"^```(.*)\n((?:.*\n)*?)^```$", text, flags=re.MULTILINE)
        if language in (None, match[1])
    ]


def command_lines() -> list[tuple[str, list[str]]]:
    """What console blocks tell the reader to type: where it stands, and its words, one entry for each part of a pipe."""
    found = []
    for block in blocks("console"):
        for number, line in enumerate(block.text.replace("\\\n", " ").splitlines()):
            if line.startswith("$ "):
                lexer = shlex.shlex(line[2:], posix=True, punctuation_chars="|&;<>")
                lexer.whitespace_split = True
                part: list[str] = []
                for word in [*lexer, "|"]:
                    if not set(word) <= set("|&;"):
                        part.append(word)
                    elif part:
                        found.append((f"{block}+{number}", part))
                        part = []
    return found


@cache
def help_of(*command: str) -> str:
    """What a command of ours prints for ``--help``."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *command, "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def complaint(words: list[str]) -> str | None:
    """Say what is wrong with a command line that a document shows; None when nothing is."""
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    program = Path(words[0]).name
    options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    if program in OF_OTHERS:
        return None
    if program in ("python", "python3", "py") and words[1] == "-m":
        return None if find_spec(words[2]) else f"no module {words[2]}"
    if program in ("python", "python3", "py"):
        if not (ROOT / words[1]).is_file():
            return f"no file {words[1]}"
        shown = help_of(words[1])
    elif program in COMMANDS:
        module, _, begin = COMMANDS[program].partition(":")
        # With --help behind them, what are arguments and not names of commands do no harm.
        subcommand = takewhile(lambda word: not word.startswith("-"), words[1:]) if program == "wsexample" else ()
        shown = help_of("-c", f"from {module} import {begin}; {begin}()", *subcommand)
    else:
        return f"no command {program}"
    unknown = sorted(option for option in options if not re.search(rf"{option}(?![\w-])", shown))
    return f"{program} has no {', '.join(unknown)}" if unknown else None


def anchors(document: Path) -> set[str]:
    """The anchors that headings of a document make."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link names a file of the project, and its fragment a heading there."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        file = (document.parent / parts.path).resolve() if parts.path else document
        if not file.exists() or (parts.fragment and parts.fragment not in anchors(file)):
            wrong.append(target)
    assert wrong == []


def test_every_document_can_be_found() -> None:
    """The index in docs/README.md leads to every page."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", index)}
    assert {path for path in DOCUMENTS if path.parent.name != "decisions"} - linked == {ROOT / "docs" / "README.md"}


def test_names_come_from_where_the_index_says() -> None:
    """Each name in the table of docs/README.md is exported by its module, and everything of the front door is in it."""
    table = (ROOT / "docs" / "README.md").read_text(encoding="utf-8").partition("## Where names come from")[2]
    rows = re.findall(r"^\| [^|]*\| `(wsexample[\w.]*)` \| (.*) \|$", table, flags=re.MULTILINE)
    named = {(module, name) for module, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert [(module, name) for module, name in sorted(named) if name not in import_module(module).__all__] == []
    shown = {name for _, name in named} | {"__version__"}
    assert set(import_module("wsexample").__all__) - shown == set()


def test_every_block_says_its_language() -> None:
    """A fence without a language could not be tested, nor coloured."""
    assert [str(block) for block in blocks() if not block.language] == []


@pytest.mark.parametrize(("place", "words"), command_lines(), ids=lambda value: value if isinstance(value, str) else "")
def test_shown_commands_exist(place: str, words: list[str]) -> None:
    """Every command line in the documents names a program, a file and options that exist."""
    assert complaint(words) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kclint", "no command kclint"),
        ("python3 scripts/dmo.py", "no file scripts/dmo.py"),
        ("python3 scripts/test.py --slow --quick", "python3 has no --slow"),
        ("wseserver --prt 1", "wseserver has no --prt"),
        ("python -m wsexmple", "no module wsexmple"),
    ],
)
def test_a_wrong_command_is_noticed(line: str, expected: str) -> None:
    """The test above can fail."""
    assert complaint(line.split()) == expected


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_names_every_command(command: str) -> None:
    """Whoever reads the README knows what is installed."""
    assert f"`{command}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_begins_with_the_two_commands() -> None:
    """The first console block is the demo, and the test command stands in the README too."""
    lines = [" ".join(words) for place, words in command_lines() if place.startswith("README.md")]
    assert "python3 scripts/demo.py" in lines
    assert "python3 scripts/test.py" in lines


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_shown_programs_are_valid(block: Block) -> None:
    """Every Python block compiles, and what it imports exists."""
    tree = ast.parse(block.text, str(block))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(body=imports, type_ignores=[]), str(block), "exec"), {})  # type: ignore[arg-type]


@pytest.mark.parametrize("block", [block for block in blocks("python") if block.document.name == "README.md"], ids=str)
def test_programs_of_the_readme_run(block: Block, echo_url: str) -> None:  # noqa: F811 - the fixture
    """A first program, copied from the README, talks with a running ``wseserver`` and ends without a complaint."""
    program = block.text.replace("9000", str(urlsplit(echo_url).port))
    assert program != block.text
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "hello" in done.stdout
