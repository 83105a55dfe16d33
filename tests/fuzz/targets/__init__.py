"""The targets, found by their file names; what a target has is written down in `Target`."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, cast

HERE = Path(__file__).resolve().parent
CORPORA = HERE.parent / "corpus"
ROOT = HERE.parent.parent.parent


class Target(Protocol):
    """What a module in this folder has; its docstring is the promise that it tries to break.

    It may also have ``seeds() -> Iterable[bytes]`` (inputs made from real frames), ``TOKENS: tuple[bytes, ...]`` (words that the
    fuzzer may put into an input) and ``MAX_LEN: int`` (octets of an input, 4,096 without it).
    """

    INSTRUMENT: tuple[str, ...]
    """Prefixes of the modules whose branches guide the fuzzer; what loads them may not run before the target is imported."""

    def one_input(self, data: bytes) -> None:
        """Try one input; whatever it raises is a finding."""


def names() -> list[str]:
    """Return the targets in alphabetical order."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def load(name: str) -> Target:
    """Import a target by its name."""
    return cast(Target, importlib.import_module(f"{__name__}.{name}"))


def promise(name: str) -> str:
    """Return a target's docstring, without importing it."""
    return ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""


def corpus(name: str) -> list[Path]:
    """Return the kept inputs of a target."""
    return sorted(path for path in (CORPORA / name).glob("*") if path.is_file())


def seeds(target: Target) -> Iterable[bytes]:
    """Return the inputs that a target makes by itself."""
    make = getattr(target, "seeds", None)
    return make() if make else ()
