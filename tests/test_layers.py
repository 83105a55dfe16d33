"""Who may import whom: the table of docs/architecture.md and the purity list, read from the imports of every file."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wsexample"

MAY_IMPORT: dict[str, set[str]] = {
    # room: the rooms, or single modules of rooms, that it may import besides itself
    "errors": set(),
    "clock": set(),
    "records": {"errors"},
    "ports": {"records"},
    "wire": {"errors", "clock"},
    "echo": {"wire", "errors"},
    "session": {"wire", "ports", "clock", "errors"},
    "sync": {"wire", "errors"},
    "tape": {"session.events", "wire", "clock", "errors"},
    "brokers": {"session", "wire", "records", "ports", "clock", "errors"},
    "sinks": {"records", "ports", "clock", "errors"},
    "paper": {"records", "ports", "clock", "errors"},
    "hub": {"wire", "records", "ports", "clock", "errors"},
    "doors": {"brokers", "sinks", "records", "session", "ports", "errors", "clock", "wire", "tape", "paper", "hub"},
    "cli": {"errors", "clock", "records", "ports", "wire", "echo", "session", "sync", "tape", "brokers", "sinks"}
    | {"paper", "hub", "doors"},
}
STANDARD_LIBRARY_ONLY = {"errors", "clock"}
SPEAKS_AUTOBAHN = {"wire", "echo"}
AUTOBAHN = {"autobahn", "txaio"}
SHARED_BY_BROKERS = {"base", "credentials"}

PURE = (
    "wire.lane._lane_py",
    "session.machine",
    "session.events",
    "tape.format",
    "records.*",
    "brokers.*.dialect",
    "paper.lifecycle",
    "paper.matching",
    "paper.ledger",
    "paper.risk",
    "paper.register",
    "paper.account",
    "paper.admission",
    "paper.floor",
    "paper.venue",
    "paper.signals",
    "hub.topics",
    "hub.ops",
    "hub.masking",
    "hub.soundness",
    "wire.remainder",
)
IMPURE = {"asyncio", "socket", "ssl", "threading", "time"} | AUTOBAHN


@dataclass(frozen=True)
class Import:
    """One imported module, and how."""

    target: str
    """Dotted name of what is imported: a module, or a name of a module."""
    line: int
    for_types: bool
    """Whether it stands under ``if TYPE_CHECKING``, so that it does not run."""
    in_function: bool
    """Whether it runs only when a function is called."""


@dataclass(frozen=True)
class Module:
    """One file of the package; its name is dotted and relative to the package, "" for the package itself."""

    name: str
    path: Path
    package: str
    """Name of the top package, "wsexample" but for the trees that these tests plant."""

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree.body, for_types=False, in_function=False))

    def _imports(self, body: Iterable[ast.AST], *, for_types: bool, in_function: bool) -> Iterator[Import]:
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, node.lineno, for_types, in_function)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                for alias in node.names:
                    yield Import(f"{base}.{alias.name}", node.lineno, for_types, in_function)
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from self._imports(node.body, for_types=True, in_function=in_function)
                yield from self._imports(node.orelse, for_types=for_types, in_function=in_function)
            else:
                inside = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from self._imports(ast.iter_child_nodes(node), for_types=for_types, in_function=inside)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        parts = [self.package, *(part for part in self.name.split(".") if part)]
        keep = len(parts) - node.level + (self.path.name == "__init__.py")
        return ".".join([*parts[:keep], *([node.module] if node.module else [])])


class House:
    """Every module of a package, by dotted name relative to it."""

    def __init__(self, root: Path) -> None:
        self.package = root.name
        self.modules: dict[str, Module] = {}
        for path in sorted(root.rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self.modules[name] = Module(name, path, self.package)

    def of_ours(self, target: str) -> str | None:
        """The module of this house that an import means, None for somebody else's."""
        parts = target.split(".")
        if parts[0] != self.package:
            return None
        while parts[1:] and ".".join(parts[1:]) not in self.modules:
            parts.pop()
        return ".".join(parts[1:])

    def loads(self, module: Module, *, also_in_functions: bool) -> set[str]:
        """Modules of ours that run when this one is imported (or, also, when its functions are called)."""
        found: set[str] = set()
        for item in module.imports:
            target = self.of_ours(item.target)
            if target is None or item.for_types or (item.in_function and not also_in_functions):
                continue
            found.add(target)
        return found - {module.name}


def outside(target: str) -> str:
    """The top-level package that an import of somebody else's code needs."""
    return target.split(".")[0]


def layer_violations(house: House) -> list[str]:
    """Imports that the table does not allow; those for types alone count too: they walk back up all the same."""
    found = []
    for module in house.modules.values():
        if module.name == "":
            continue  # the package itself is the map: it names every room, and imports none before it is used
        allowed = MAY_IMPORT.get(module.room)
        if allowed is None:
            found.append(f"{module.name}: no room of the table")
            continue
        for item in module.imports:
            target = house.of_ours(item.target)
            if target is None:
                if outside(item.target) in AUTOBAHN and module.room not in SPEAKS_AUTOBAHN:
                    found.append(f"{module.name}:{item.line} imports {outside(item.target)}")
                if module.room in STANDARD_LIBRARY_ONLY and outside(item.target) not in sys.stdlib_module_names:
                    found.append(f"{module.name}:{item.line} imports {outside(item.target)}")
            elif target == "":
                if not item.target.endswith(".__version__"):
                    found.append(f"{module.name}:{item.line} imports a name from the package, not from its home")
            elif target.split(".")[0] != module.room and not any(
                target == rule or target.startswith(f"{rule}.") for rule in allowed
            ):
                found.append(f"{module.name}:{item.line} imports {target}")
    return found


def broker_violations(house: House) -> list[str]:
    """Brokers that import another broker, and clients and simulators that import each other."""
    found = []
    for module in house.modules.values():
        if not re.match(r"brokers\.\w+\.", module.name):
            continue
        _, broker, room = module.name.split(".")[:3]
        for item in module.imports:
            target = (house.of_ours(item.target) or "").split(".")
            if target[0] != "brokers" or len(target) < 2 or target[1] in SHARED_BY_BROKERS:
                continue
            if target[1] != broker:
                found.append(f"{module.name}:{item.line} imports another broker, {target[1]}")
            elif len(target) > 2 and {room, target[2]} == {"client", "simulator"}:
                found.append(f"{module.name}:{item.line} imports {target[2]}")
    return found


def impurities(house: House) -> list[str]:
    """Pure modules that reach a clock, a loop or a socket, by themselves or through what they import."""
    found = []
    for name, module in house.modules.items():
        if not any(re.fullmatch(rule.replace(".", r"\.").replace("*", r"\w+") + r"(\..*)?", name) for rule in PURE):
            continue
        seen: set[str] = set()
        todo = [name]
        while todo:
            current = house.modules[todo.pop()]
            seen.add(current.name)
            for item in current.imports:
                hidden = item.for_types and current is not module
                if outside(item.target) in IMPURE and not hidden:
                    found.append(f"{name}: {current.name}:{item.line} imports {outside(item.target)}")
            todo += house.loads(current, also_in_functions=True) - seen - {""}
    return found


def cycles(house: House) -> list[str]:
    """Circles of modules that import each other while being imported."""
    loads = {name: house.loads(module, also_in_functions=False) for name, module in house.modules.items()}
    done: set[str] = set()
    found = []

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            found.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in sorted(loads[name]):
                walk(target, [*path, name])
            done.add(name)

    for name in loads:
        walk(name, [])
    return found


def autobahn_names() -> set[str]:
    """Every camelCase name that Autobahn's protocols and factories have."""
    from autobahn.asyncio import websocket

    return {
        name
        for kind in ("ClientProtocol", "ServerProtocol", "ClientFactory", "ServerFactory")
        for name in dir(getattr(websocket, f"WebSocket{kind}"))
        if re.match(r"[a-z]+[A-Z]", name)
    }


def autobahn_speech(house: House, names: set[str]) -> list[str]:
    """Uses of Autobahn's names outside the rooms that speak with it."""
    found = []
    for module in house.modules.values():
        if module.room in SPEAKS_AUTOBAHN:
            continue
        for node in ast.walk(module.tree):
            used = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
            used = used or getattr(node, "arg", None)
            if used in names:
                found.append(f"{module.name}:{getattr(node, 'lineno', 0)} says {used}")
    return found


@pytest.fixture(scope="module")
def house() -> House:
    return House(PACKAGE)


def test_every_import_follows_the_table(house: House) -> None:
    """A room imports only rooms that stand before it on the journey of a message."""
    assert len(house.modules) > 5
    assert layer_violations(house) == []


def test_brokers_do_not_know_each_other(house: House) -> None:
    """A broker imports no other broker, and its client and simulator meet only at the dialect."""
    assert broker_violations(house) == []


def test_pure_modules_stay_pure(house: House) -> None:
    """What decides has no clock, loop or socket within reach."""
    assert impurities(house) == []


def test_no_module_imports_itself_in_a_circle(house: House) -> None:
    """Importing any module first works, because no two modules need each other."""
    assert cycles(house) == []


def test_autobahn_is_spoken_in_one_room(house: House) -> None:
    """camelCase ends at the wire; only the beginner's echo pair shows it."""
    names = autobahn_names()
    assert {"onMessage", "sendMessage", "setProtocolOptions"} <= names
    assert autobahn_speech(house, names) == []


def test_the_documented_table_is_the_tested_one() -> None:
    """docs/architecture.md shows the same rooms with the same permissions as this file."""
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, flags=re.MULTILINE)
    shown = {room: set(re.findall(r"`([\w.]+)`", cell)) - AUTOBAHN for room, cell in rows if room in MAY_IMPORT}
    assert {**shown, "cli": MAY_IMPORT["cli"]} == MAY_IMPORT
    assert all(f"`{rule}`" in text for rule in PURE)


# The checker itself: a planted violation is found, and nothing else.

PLANTS: list[tuple[str, str, str, str]] = [
    # finder, file, its content, what is found
    ("layers", "wire/a.py", "from toy.records.market import X", "wire.a:1 imports records.market"),
    ("layers", "wire/a.py", "def f():\n    import toy.cli.main", "wire.a:2 imports cli.main"),
    ("layers", "wire/a.py", "from ..session import machine", "wire.a:1 imports session.machine"),
    ("layers", "tape/a.py", "from toy.session.machine import X", "tape.a:1 imports session.machine"),
    ("layers", "tape/a.py", "from toy.session.events import X", ""),
    ("layers", "records/a.py", "from toy.errors import X\nfrom toy.records.market import Y", ""),
    ("layers", "records/a.py", "import time\nfrom toy.clock import X", "records.a:2 imports clock"),
    ("layers", "sinks/a.py", "import autobahn.websocket", "sinks.a:1 imports autobahn"),
    ("layers", "errors.py", "import msgspec", "errors:1 imports msgspec"),
    ("layers", "cli/a.py", "from toy import connect", "cli.a:1 imports a name from the package, not from its home"),
    ("layers", "cli/a.py", "from toy import __version__, session", ""),
    ("layers", "drawer.py", "", "drawer: no room of the table"),
    (
        "layers",
        "wire/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.session.machine import X",
        "wire.a:3 imports session.machine",
    ),
    ("brokers", "brokers/x/a.py", "from toy.brokers.y import b", "brokers.x.a:1 imports another broker, y"),
    ("brokers", "brokers/x/client.py", "from .simulator import S", "brokers.x.client:1 imports simulator"),
    ("brokers", "brokers/x/simulator.py", "from .client import C", "brokers.x.simulator:1 imports client"),
    ("brokers", "brokers/x/client.py", "from .dialect import D\nfrom ..base import B", ""),
    ("purity", "records/a.py", "from time import time_ns", "records.a: records.a:1 imports time"),
    ("purity", "brokers/x/dialect.py", "import asyncio", "brokers.x.dialect: brokers.x.dialect:1 imports asyncio"),
    ("purity", "brokers/x/dialect/t.py", "import ssl", "brokers.x.dialect.t: brokers.x.dialect.t:1 imports ssl"),
    ("purity", "brokers/x/dialect.py", "from toy.clock import C", "brokers.x.dialect: clock:1 imports asyncio"),
    ("purity", "session/events.py", "from dataclasses import dataclass", ""),
    ("cycles", "wire/a.py", "from toy.wire.b import X", "wire.a -> wire.b -> wire.a"),
    ("cycles", "wire/a.py", "def f():\n    from toy.wire.b import X", ""),
    ("speech", "session/a.py", "def f(ws):\n    ws.sendMessage(b'')", "session.a:2 says sendMessage"),
    ("speech", "session/a.py", "def onOpen(): ...", "session.a:1 says onOpen"),
    ("speech", "wire/a.py", "def onOpen(): ...", ""),
]

FINDERS = {
    "layers": layer_violations,
    "brokers": broker_violations,
    "purity": impurities,
    "cycles": cycles,
    "speech": lambda house: autobahn_speech(house, {"onOpen", "sendMessage"}),
}


@pytest.mark.parametrize(("finder", "file", "content", "expected"), PLANTS)
def test_a_planted_violation_is_found(tmp_path: Path, finder: str, file: str, content: str, expected: str) -> None:
    """Each rule finds what breaks it, where it stands, and nothing that is allowed."""
    root = tmp_path / "toy"
    tree = {
        "errors.py": "",
        "clock.py": "import asyncio",
        "wire/b.py": "from toy.wire.a import Y",
        "session/machine.py": "",
        "session/events.py": "",
        "records/market.py": "",
        "cli/main.py": "",
        "brokers/base.py": "",
        "brokers/y/b.py": "",
        "brokers/x/simulator.py": "",
        "brokers/x/client.py": "",
        "brokers/x/dialect.py": "",
        file: content,
    }
    if file.startswith("brokers/x/dialect/"):
        del tree["brokers/x/dialect.py"]
    for name, text in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
        (root / name).with_name("__init__.py").touch()
    assert FINDERS[finder](House(root)) == ([expected] if expected else [])
