"""What is written a second time for type checkers says the same as what runs."""

from __future__ import annotations

import ast
import inspect
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from autobahn.asyncio import websocket as autobahn

import wsexample.wire.autobahn as ours
from wsexample.session import option_fields as of_sessions
from wsexample.session.options import SessionOptions
from wsexample.sinks import option_fields as of_sinks
from wsexample.sinks.jetstream import JetStreamOptions
from wsexample.sinks.mongo import MongoOptions
from wsexample.sinks.parquet import ParquetOptions
from wsexample.sinks.sqlite import SqliteOptions
from wsexample.sync import known_options
from wsexample.sync import option_fields as of_sync
from wsexample.wire import option_fields as of_wire
from wsexample.wire.options import ConnectOptions, ServeOptions

STUB = ast.parse(Path(ours.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
NAMES = ["WebSocketClientFactory", "WebSocketClientProtocol", "WebSocketServerFactory", "WebSocketServerProtocol"]
# asyncio's side of the protocol, and what Autobahn itself calls
NOT_FOR_USERS = {"data_received", "eof_received", "pause_writing", "resume_writing", "get_buffer", "buffer_updated"}


def written(kind: Any) -> dict[str, str]:
    """The keys of a typed dictionary with their types as texts."""
    return {
        name: str(getattr(hint, "__forward_arg__", hint))
        for base in reversed([kind, *getattr(kind, "__orig_bases__", ())])
        if hasattr(base, "__annotations__")
        for name, hint in base.__annotations__.items()
    }


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        (of_wire.ConnectChanges, [ConnectOptions]),
        (of_wire.ServeFields, [ServeOptions]),
        (of_sessions.SessionFields, [SessionOptions]),
        (of_sinks.SinkFields, [SqliteOptions, ParquetOptions, JetStreamOptions, MongoOptions]),
    ],
    ids=["connect", "serve", "session", "sinks"],
)
def test_keyword_arguments_are_the_fields_of_the_options(typed: Any, options: list[Any]) -> None:
    """The same names with the same types, all of them."""
    assert written(typed) == {item.name: item.type for kind in options for item in fields(kind)}


def test_the_blocking_options_are_those_that_are_known() -> None:
    """A name that a type checker takes is one that is not warned of."""
    assert set(written(of_sync.ConnectFields)) == known_options.CONNECT_OPTIONS
    both = known_options.CONNECT_OPTIONS | known_options.CONSTRUCTOR_OPTIONS
    assert set(written(of_sync.CreateFields)) == both - {"timeout", "class_"}  # these two are parameters


def in_stub(name: str) -> dict[str, ast.stmt]:
    """The members of a class of the stub, inherited ones included."""
    found: dict[str, ast.stmt] = {}
    for base in CLASSES[name].bases:
        if isinstance(base, ast.Name) and base.id in CLASSES:
            found |= in_stub(base.id)
    for node in CLASSES[name].body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_has_every_method_of_autobahn_with_its_parameters(name: str) -> None:
    """Names, order and defaults are Autobahn's, so that a program that passes here is right there."""
    stub = in_stub(name)
    theirs = getattr(autobahn, name)
    for method in dir(theirs):
        call = getattr(theirs, method)
        if method.startswith("_") or method in NOT_FOR_USERS or not inspect.isfunction(call):
            continue
        node = stub.get(method)
        assert isinstance(node, ast.FunctionDef), f"{method} is not in the stub"
        expected = inspect.signature(call).parameters
        arguments = node.args
        assert [one.arg for one in [*arguments.posonlyargs, *arguments.args]] == [
            each for each, one in expected.items() if one.kind is one.POSITIONAL_OR_KEYWORD
        ], method
        optional = [one for one in expected.values() if one.default is not one.empty]
        assert len(arguments.defaults) == len(optional), method


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_invents_nothing(name: str) -> None:
    """Each method and constant of the stub is one of the class."""
    real = getattr(ours, name)
    for member, node in in_stub(name).items():
        is_constant = isinstance(node, ast.AnnAssign) and "ClassVar" in ast.unparse(node.annotation)
        if isinstance(node, ast.FunctionDef) or is_constant:
            assert hasattr(real, member), member


def test_stubs_travel_with_the_package() -> None:
    """A wheel takes data files by pattern only: each stub matches one."""
    package = Path(ours.__file__).parents[1]
    settings = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["wsexample"]
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    assert {*package.rglob("*.pyi"), package / "py.typed"} - packed == set()
