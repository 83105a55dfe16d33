"""What is public: lists of exports that agree with the code, documented names, types without holes, a listing of it all."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import wsexample

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
names = importlib.import_module("names")
sys.path.remove(str(ROOT / "scripts"))

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(wsexample.__path__, "wsexample.")
    if not module.name.endswith(("_c", "__main__"))
)
PUBLIC = names.public_modules()


def exported(module: str) -> list[str]:
    return list(getattr(importlib.import_module(module), "__all__", ()))


# --- lists of exports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["wsexample", *MODULES])
def test_a_list_of_exports_holds(module: str) -> None:
    """Every module that defines something says what it exports, each name once, and each can be had."""
    loaded = importlib.import_module(module)
    offered = exported(module)
    assert len(offered) == len(set(offered))
    assert [name for name in offered if not hasattr(loaded, name)] == []
    defines = any(
        getattr(value, "__module__", None) == module and not name.startswith("_")
        for name, value in vars(loaded).items()
        if inspect.isclass(value) or inspect.isfunction(value)
    )
    assert offered or not defines


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_exports_what_is_its_own(module: str) -> None:
    """No name of another package leaks in, and a package that gathers names takes them from its own rooms."""
    loaded = importlib.import_module(module)
    room = ".".join(module.split(".")[: 3 if ".brokers." in module else 2])
    for name in exported(module):
        home = getattr(getattr(loaded, name), "__module__", module)
        if inspect.isclass(getattr(loaded, name)) or inspect.isfunction(getattr(loaded, name)):
            shared = ("wsexample.records.", "wsexample.errors")
            assert module == "wsexample" or home.startswith((*shared, room)), f"{name} comes from {home}"


def test_documents_import_only_what_is_exported() -> None:
    """What a page tells to import stands in the list of exports, or is a module."""
    wrong = []
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for block in re.findall(r"^```python\n(.*?)^```$", document.read_text(encoding="utf-8"), re.M | re.S):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wsexample"):
                    loaded = importlib.import_module(node.module or "")
                    wrong += [
                        f"{document.name}: {node.module}.{alias.name}"
                        for alias in node.names
                        if alias.name not in exported(node.module or "")
                        and not isinstance(getattr(loaded, alias.name, None), ModuleType)
                    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["wsexample", "wsexample.brokers.alpaca", "wsexample.brokers.kabu"])
def test_a_lazy_package_shows_its_names_and_refuses_others(package: str) -> None:
    """``dir`` shows what can be had, before it is loaded; a slip of the pen is an AttributeError."""
    loaded = importlib.import_module(package)
    assert dir(loaded) == sorted(exported(package))
    with pytest.raises(AttributeError, match="has no attribute 'Sesion'"):
        _ = loaded.Sesion


def test_a_broker_is_loaded_when_it_is_used() -> None:
    """Importing the packages of all brokers loads none of their rooms, and no library of others."""
    program = (
        "import sys, wsexample.brokers.alpaca, wsexample.brokers.kabu, wsexample.brokers.weex;"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('wsexample', 'aiohttp', 'msgspec', 'autobahn')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    brokers = {f"wsexample.brokers.{name}" for name in ("alpaca", "kabu", "weex")}
    assert set(done.stdout.split()) == {"wsexample", "wsexample.brokers", *brokers}


# --- documentation ----------------------------------------------------------------------------------------------------

DOCUMENTED = [member for member in names.members() if member.node is not None]
OBVIOUS = {"self", "cls", "kind", "error", "trace"}
"""Parameters of ``__aexit__`` and the object itself."""
NAMED_BY_OTHERS = ("wsexample.sync", "wsexample:WebSocket", "wsexample.echo:WSES")
"""Whose parameters are explained in websocket-client's and Autobahn's documentation, where they do not differ."""


@cache
def documented_in(path: str) -> str:
    """The docstring of a method of a public class, by its name."""
    return next((str(text_of(member)) for member in DOCUMENTED if member.name == path), "")


def text_of(member: Any) -> str:
    node = member.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ast.get_docstring(node) or ""
    return ""


def siblings(member: Any) -> Iterator[str]:
    """The docstrings of what a docstring refers to: "as `receive`", "see `connect`"."""
    place, _, _ = str(member.name).rpartition(".")
    module = str(member.name).partition(":")[0]
    for word in re.findall(r"`(?:[A-Za-z]+\.)?(\w+)`", text_of(member)):
        yield documented_in(f"{place}.{word}")
        yield documented_in(f"{module}:{word}")


def test_every_public_name_says_what_it_is_for() -> None:
    """Each class, function, method and property has a docstring."""
    silent = [
        member.name
        for member in DOCUMENTED
        if isinstance(member.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not member.name.endswith(".__init__")
        and not text_of(member)
        and not member.name.startswith(NAMED_BY_OTHERS)
    ]
    assert silent == []


def test_every_public_field_is_explained() -> None:
    """Behind each field of a public record or options class stands what it means."""
    silent = []
    for member in DOCUMENTED:
        if isinstance(member.node, ast.AnnAssign) and member.owner is not None:
            at = member.owner.body.index(member.node)
            following = member.owner.body[at + 1] if at + 1 < len(member.owner.body) else None
            has_words = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            name = member.name.rpartition(".")[2]
            if not has_words and not re.search(rf"\b{name}\b", ast.get_docstring(member.owner) or ""):
                silent.append(member.name)
    assert [name for name in silent if not name.startswith(NAMED_BY_OTHERS)] == []


def test_every_parameter_is_named() -> None:
    """A docstring, that of its class or one that it refers to has each parameter by its name."""
    silent = []
    for member in DOCUMENTED:
        node = member.node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or member.name.startswith(NAMED_BY_OTHERS):
            continue
        if any(ast.unparse(mark).endswith(".setter") for mark in node.decorator_list):
            continue
        words = text_of(member) + "".join(siblings(member))
        if member.name.endswith(".__init__") and member.owner is not None:
            words += ast.get_docstring(member.owner) or ""
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        silent += [
            (member.name, one.arg)
            for one in given
            if one.arg not in OBVIOUS and not re.search(rf"\b{one.arg.strip('_')}\b", words)
        ]
    assert silent == []


def raised_in(body: list[ast.stmt]) -> Iterator[str]:
    """The errors that a function makes and raises itself, but for those that it may handle itself too."""
    for node in body:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func).rpartition(".")[2]
        for part in ("body", "orelse", "finalbody"):
            if not (isinstance(node, ast.Try | ast.FunctionDef | ast.AsyncFunctionDef) and part == "body"):
                yield from raised_in(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from raised_in(handler.body)


def test_every_error_that_is_raised_is_named() -> None:
    """A docstring, that of its class or one that it refers to names each error of ours that the function raises itself."""
    silent = []
    for member in DOCUMENTED:
        node, words = member.node, text_of(member) + "".join(siblings(member))
        if isinstance(node, ast.ClassDef):
            node = next((one for one in node.body if getattr(one, "name", "") == "__post_init__"), None)
        elif member.name.endswith(".__init__") and member.owner is not None:
            words += ast.get_docstring(member.owner) or ""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not member.name.startswith(NAMED_BY_OTHERS):
            raised = {name for name in raised_in(node.body) if hasattr(wsexample.errors, name)}
            silent += [(member.name, name) for name in sorted(raised) if not re.search(rf"\b{name}\b", words)]
    assert silent == []


# --- types ------------------------------------------------------------------------------------------------------------

DYNAMIC = {
    "link": "the seam between wire and Autobahn",
    "changes": "fields of a simulator's switches; a wrong one is a TypeError",
    "fields": "kabu Station's own fields of an order",
    "parameters": "WEEX's documented call takes what its channel knows",
    "kwargs": "websocket-client's own catch-all",
    "stream": "whatever logging takes",
    "sock": "anything that behaves like a socket, as in websocket-client",
    "sslopt": "a dictionary of the ssl module's own names",
    "sockopt": "arguments of setsockopt",
    "dispatcher": "an event loop of somebody else",
}
OVERLOADED = {"wsexample.sync:create_connection"}
"""What callers see are the overloads before it, which tests/typing checks."""
AUTOBAHNS = ("wsexample:WebSocket", "wsexample.echo:", "wsexample.wire.server:Server.link_asked")
"""Autobahn's side of the wire: its own objects come and go there."""


def test_public_signatures_have_no_holes() -> None:
    """No parameter and no result is without a type, or Any as a whole."""
    holes = []
    for member in DOCUMENTED:
        node = member.node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if member.name in OVERLOADED or member.name.startswith(AUTOBAHNS):
            continue
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if node.args.kwarg is not None:
            given.append(node.args.kwarg)
        if node.args.vararg is not None:
            given.append(node.args.vararg)
        hints = {one.arg: one.annotation for one in given if one.arg not in ("self", "cls")}
        hints["return"] = node.returns
        holes += [
            (member.name, name)
            for name, hint in hints.items()
            if (hint is None or ast.unparse(hint) == "Any") and name not in DYNAMIC
        ]
    assert holes == []


# --- the listing ------------------------------------------------------------------------------------------------------


def test_the_listing_of_public_names_is_that_of_the_code() -> None:
    """A change of the interface is seen in its review; ``python3 scripts/names.py`` writes the listing anew."""
    written = (ROOT / "tests" / "data" / "public_names.txt").read_text(encoding="utf-8").splitlines()
    now = names.listing().splitlines()
    assert {"now": sorted(set(now) - set(written)), "no more": sorted(set(written) - set(now))} == {
        "now": [],
        "no more": [],
    }
