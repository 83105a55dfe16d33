"""The types of public names, as the type checker of a stranger sees them: right programs pass, wrong lines are found."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.typing.checker import Complaint, complaints, environment

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
WRONG = HERE / "wrong" / "wrong.py"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Complaint]:
    """What mypy says of all programs; no expression in them may be of type Any."""
    python = environment(tmp_path_factory.mktemp("user"))
    return complaints([*PROGRAMS, WRONG], python, "--disallow-any-unimported", "--disallow-any-expr")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_of_a_user_passes_the_strictest_checks(found: list[Complaint], program: Path) -> None:
    """Its types are known, none of them is Any, and they are those that it asserts."""
    assert [one for one in found if one.file == program.name] == []
    assert "assert_type" in program.read_text(encoding="utf-8")


def test_every_mistake_is_found_and_nothing_else(found: list[Complaint]) -> None:
    """A wrong option, message or handler is an error of the expected kind, on its own line."""
    lines = WRONG.read_text(encoding="utf-8").splitlines()
    expected = {
        (number, mark[1]) for number, line in enumerate(lines, 1) for mark in [re.search("# E: (.+)$", line)] if mark
    }
    assert len(expected) > 50
    assert {(one.line, one.code) for one in found if one.file == WRONG.name} == expected


@cache
def imported() -> set[str]:
    """Names that the programs import."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in PROGRAMS)
    return set(re.findall(r"\b\w+\b", text))


def test_every_name_of_the_front_door_is_used_by_a_program() -> None:
    """Whatever ``import wsexample`` offers has a program that is checked."""
    import wsexample

    own = {"__version__", "WsExampleError"}  # the version is a text; errors are in programs/simulated.py
    assert set(wsexample.__all__) - imported() - own == set()
