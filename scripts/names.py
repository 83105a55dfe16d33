#!/usr/bin/env python3
"""Write down every public name with its signature, so that a change of the interface is seen in a review.

    python3 scripts/names.py           write tests/data/public_names.txt anew
    python3 scripts/names.py --check   say what has changed, with exit status 1

Public are the modules that `wsexample` itself offers names of, and those from which the documents import.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from venv_setup import ROOT
from written import begin

LISTING = ROOT / "tests" / "data" / "public_names.txt"


class Member(NamedTuple):
    """A public function, class, method, property or field."""

    name: str
    """``module:Class.method``."""
    node: ast.AST | None
    """Its definition; None for a value."""
    owner: ast.ClassDef | None
    """The class that it is defined in."""


def public_modules() -> list[str]:
    """Return the names of the public modules."""
    import wsexample

    found = {"wsexample", *wsexample._HOMES.values()}
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for block in re.findall(r"^```python\n(.*?)^```$", document.read_text(encoding="utf-8"), re.M | re.S):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "wsexample":
                    found.add(node.module or "")
                elif isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "wsexample"}
    return sorted(found)


@lru_cache(maxsize=None)  # noqa: UP033 - an older Python still gets as far as a clear sentence
def _tree(module: str) -> ast.Module:
    path = importlib.import_module(module).__file__
    assert path is not None
    source = Path(path)
    stub = source.with_name(re.sub(r"\..*$", ".pyi", source.name))
    return ast.parse((stub if stub.exists() else source).read_text(encoding="utf-8"))


def _definition(module: str, name: str) -> ast.AST | None:
    """Return the node that defines a name in a module; the last one, which for overloads is the one that runs."""
    found = None
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            found = node
    return found


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__init__"


def _members_of(kind: type, prefix: str) -> Iterator[Member]:
    """Yield what a class offers, inherited from other classes of the package too; each name once."""
    seen: set[str] = set()
    for base in inspect.getmro(kind):
        is_own = base is kind or not base.__module__.startswith("wsexample.wire.autobahn")
        if not base.__module__.startswith("wsexample") or "wire.lane" in base.__module__ or not is_own:
            continue
        owner = _definition(base.__module__, base.__name__)
        if not isinstance(owner, ast.ClassDef):
            continue
        for node in owner.body:
            name = ""
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = node.name
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
            if name and _is_public(name) and name not in seen:
                seen.add(name)
                yield Member(f"{prefix}.{name}", node, owner)


def members() -> Iterator[Member]:
    """Yield everything that is public, module by module; what several modules offer stands with the first of them."""
    seen: set[int] = set()
    for module in public_modules():
        offered = importlib.import_module(module)
        for name in sorted(getattr(offered, "__all__", ())):
            value: Any = getattr(offered, name)
            home = getattr(value, "__module__", None) or module
            if not (inspect.isclass(value) or inspect.isfunction(value)) or not home.startswith("wsexample"):
                yield Member(f"{module}:{name}", None, None)
                continue
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield Member(f"{module}:{name}", _definition(home, value.__name__), None)
            if inspect.isclass(value):
                yield from _members_of(value, f"{module}:{name}")


def _line(member: Member) -> str:
    node = member.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
        marks = {ast.unparse(each) for each in node.decorator_list} & {"property", "classmethod", "staticmethod"}
        returned = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
        return f"{' '.join([*sorted(marks), ''])}{kind}{member.name}({ast.unparse(node.args)}){returned}"
    if isinstance(node, ast.ClassDef):
        return f"class {member.name}({', '.join(ast.unparse(each) for each in [*node.bases, *node.keywords])})"
    if isinstance(node, ast.AnnAssign):
        default = f" = {ast.unparse(node.value)}" if node.value is not None else ""
        return f"{member.name}: {ast.unparse(node.annotation)}{default}"
    if isinstance(node, ast.Assign):
        return f"{member.name} = {ast.unparse(node.value)}"
    return member.name


def listing() -> str:
    """Return the text of the listing."""
    head = "# Every public name. `python3 scripts/names.py` writes this file.\n"
    return head + "".join(f"{_line(member)}\n" for member in members())


def main() -> int:
    """Write the listing, or compare with it."""
    is_check = begin(__file__, __doc__, needs="autobahn", check="write nothing; show the difference")
    new = listing()
    old = LISTING.read_text(encoding="utf-8") if LISTING.exists() else ""
    if is_check:
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "written", "now", lineterm="", n=0)
        shown = "\n".join(lines)
        if shown:
            print(shown)
        return 1 if shown else 0
    LISTING.write_text(new, encoding="utf-8")
    print(f"{LISTING.relative_to(ROOT)}: {len(new.splitlines()) - 1} names")
    return 0


if __name__ == "__main__":
    sys.exit(main())
