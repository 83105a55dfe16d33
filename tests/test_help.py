"""What ``--help`` shows of every command, script and option, beside the pages that describe them."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from tests.test_docs import help_of
from wsexample.cli.fitting import fitted
from wsexample.cli.options import Flag

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))
reference = importlib.import_module("reference")
sys.path.remove(str(SCRIPTS))

COMMANDS: list[tuple[str, click.Command]] = [(" ".join(words), command) for words, command in reference.commands()]
LEAVES = [(name, command) for name, command in COMMANDS if not isinstance(command, click.Group)]
PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
INSTALLED: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
PROGRAMS = sorted(path.name for path in SCRIPTS.glob("*.py") if "__main__" in path.read_text(encoding="utf-8"))
DEADLINE_S = 50


def named(cases: list[tuple[str, click.Command]]) -> Any:
    return pytest.mark.parametrize(("name", "command"), cases, ids=[name for name, _ in cases])


def flat(text: str) -> str:
    return " ".join(text.split())


@cache
def shown(name: str) -> str:
    """The help of a command on 80 columns."""
    words, command = next(each for each in reference.commands() if " ".join(each[0]) == name)
    text: str = reference.help_of(words, command)
    return text


@cache
def section(name: str) -> str:
    """What the page has of a command."""
    found = re.search(rf"^## {re.escape(name)}\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{name} is not on the page; run scripts/reference.py"
    return flat(found[1])


def options_of(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option) and not each.hidden]


# --- the page of reference ---------------------------------------------------------------------------------------------


@named(COMMANDS)
def test_the_page_has_each_option_with_all_that_its_help_says(name: str, command: click.Command) -> None:
    """Names, words, choices, defaults and variables of the environment; `python3 scripts/reference.py` writes them anew."""
    text = section(name)
    for each in options_of(command):
        aliases = each.aliases if isinstance(each, Flag) else ()
        for option in [*each.opts, *each.secondary_opts]:
            assert option in aliases or re.search(rf"(?<![\w-]){option}(?![\w-])", text), option
        assert flat(click.unstyle(each.help or "").replace("\b", "")) in text, each.opts
        if isinstance(each.type, click.Choice) and each.metavar is None:
            assert "|".join(map(str, each.type.choices)) in text, each.opts
        if each.show_default is True and each.default not in (None, False, ()):
            assert f"default: {each.default}" in text or str(each.default) in text, each.opts
        for variable in [each.envvar] if isinstance(each.envvar, str) else []:
            assert variable in text, f"{each.opts} is read from {variable}, and does not say so"


@named(COMMANDS)
def test_the_page_shows_no_option_that_is_gone(name: str, command: click.Command) -> None:
    """What begins a line of the page like an option is one."""
    text = re.search(rf"^## {re.escape(name)}\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert text is not None
    listed = set(re.findall(r"^  (?:-\w, )?(--[a-z][\w-]*)", text[1], re.MULTILINE))
    known = {option for each in options_of(command) for option in each.opts} | {"--help"}
    assert listed - known == set()


def test_the_page_has_no_command_that_is_gone() -> None:
    """And all that there are."""
    assert re.findall(r"^## (.+)$", PAGE, re.MULTILINE) == [name for name, _ in COMMANDS]


EVERY_OPTION = {
    option
    for _, command in COMMANDS
    for each in command.params
    if isinstance(each, click.Option)
    for option in [*each.opts, *each.secondary_opts]
} | {"--help"}


def of_scripts() -> set[str]:
    """Options that scripts declare."""
    found: set[str] = set()
    for path in [*SCRIPTS.rglob("*.py"), ROOT / "tests" / "brokers" / "weex" / "pages.py"]:
        found |= set(re.findall(r"[\"'](--[a-z][\w-]*)[\"']", path.read_text(encoding="utf-8")))
    return found


OF_OTHERS = {
    "--dist": "pytest-xdist",
    "--eof-wait": "wsdump",
    "--basic-auth": "websocat",
    "--preamble": "websocat",
    "--prefix": "npm",
    "--hypothesis-profile": "Hypothesis",
}


@pytest.mark.parametrize(
    "document",
    sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")]),
    ids=lambda path: path.name,
)
def test_pages_name_no_option_that_does_not_exist(document: Path) -> None:
    """An option in the running text is one of a command, of a script or of a tool that is named here."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    written = set(re.findall(r"`[^`\n]*?(?<![\w-])(--[a-z][\w-]*)", text))
    assert written - EVERY_OPTION - of_scripts() - OF_OTHERS.keys() == set()


@named(LEAVES)
def test_a_page_for_people_tells_of_every_command(name: str, command: click.Command) -> None:
    """Beside the reference, some page or the README shows each command by name."""
    pages = [ROOT / "README.md", *(path for path in (ROOT / "docs").glob("*.md") if path.name != "reference.md")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    assert re.search(rf"{re.escape(name)}(?![\w-])", text) or f"`{name.rpartition(' ')[2]}`" in text


# --- the help itself -------------------------------------------------------------------------------------------------


@named(COMMANDS)
def test_a_help_says_what_for(name: str, command: click.Command) -> None:
    """Each command has a sentence of purpose; what runs has examples and exit statuses as well."""
    purpose = (command.help or "").strip().split("\n\n")[0]
    assert re.match(r"[A-Z]\w+\b.*[.:]$", flat(purpose)), purpose
    if not isinstance(command, click.Group):
        assert "Examples:" in shown(name)
        assert re.search(r"^ *Exit status:\n +0  ", shown(name), re.MULTILINE)


@named(COMMANDS)
def test_a_help_fits_on_eighty_columns(name: str, command: click.Command) -> None:
    """No line is cut or wrapped by a terminal."""
    assert [line for line in shown(name).splitlines() if len(line) > 80] == []


@named(LEAVES)
def test_every_option_has_a_sentence_of_help(name: str, command: click.Command) -> None:
    """An option without one is a riddle."""
    for each in options_of(command):
        assert each.help, each.opts
        assert each.help.rstrip()[-1] in ".;:)", each.help


@pytest.mark.parametrize("command", INSTALLED)
def test_a_help_in_a_pipe_is_plain_text(command: str) -> None:
    """No colours, and 80 columns, also where the environment names a terminal that has them."""
    module, _, begin = INSTALLED[command].partition(":")
    done = subprocess.run(
        [sys.executable, "-c", f"from {module} import {begin}; {begin}()", "--help"],
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_remarks_go_below_when_they_do_not_fit() -> None:
    """An example that is too long gives up its remark's column, a command its line, as a shell reads it."""
    text = "\b\nExamples:\n  wsexample do this   because it is good\n  wsexample with --many words --and more of them"
    assert fitted(text, 80) == text
    assert fitted(text, 34).splitlines() == [
        "\b",
        "Examples:",
        "  wsexample do this",
        "      because it is good",
        "  wsexample with --many words \\",
        "      --and more of them",
    ]


# --- scripts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", PROGRAMS)
def test_every_script_stands_in_a_page_with_its_command_line(script: str) -> None:
    """Whoever reads the pages learns how to run it."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert re.search(rf"python3? scripts/{re.escape(script)}", pages)


@pytest.mark.parametrize("script", PROGRAMS)
def test_every_script_explains_itself(script: str) -> None:
    """``--help`` ends with 0, and says what for."""
    text = help_of(f"scripts/{script}")
    assert text.lower().startswith("usage: ")
    assert len(text.splitlines()) >= 5
