"""Every example of the cookbook runs, and prints what it says it prints."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import pytest
import trustme

from tests.conftest import missing
from tests.integration.test_proxies import microsocks, proxy_py
from wsexample.wire.options import ServeOptions
from wsexample.wire.server import serve

TEXT = (Path(__file__).parent.parent / "docs" / "cookbook.md").read_text(encoding="utf-8")
EXPECTATION = re.compile(r"# -> (.*)$", re.MULTILINE)


class Example(NamedTuple):
    """A block of the cookbook under its heading."""

    name: str
    language: str
    code: str


def examples() -> list[Example]:
    """Return every block, named by its heading and its number there."""
    found: list[Example] = []
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        found += [Example(f"{title} {number}", language, code) for number, (language, code) in enumerate(blocks, 1)]
    return found


SERVER, *PYTHON = [example for example in examples() if example.language == "python"]
CONSOLE = [example for example in examples() if example.language == "console"]


def the_server() -> tuple[Any, ServeOptions]:
    """Run the cookbook's server up to where it would start; return its handler and options."""
    names: dict[str, Any] = {"__name__": "cookbook"}
    exec(compile(SERVER.code, "the cookbook's server", "exec"), names)
    assert isinstance(names["handler"], FunctionType)
    return names["handler"], ServeOptions(subprotocols=["chat", "feed"])


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Serve on TCP, with TLS and on a unix socket; yields what stands in place of the cookbook's addresses."""
    handler, options = the_server()
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    cert = folder / "cert.pem"
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(cert))
    from wsexample.wire.tls import server_context

    async with (
        serve(handler, options=options) as plain,
        serve(handler, tls=server_context(cert), options=options) as secure,
        serve(handler, unix_path=str(folder / "feed.sock"), options=options),
    ):
        yield {
            "9000": str(plain.port),
            "9443": str(secure.port),
            '"ca.pem"': repr(str(folder / "ca.pem")),
            'server_context("cert.pem"': f"server_context({str(cert)!r}",
            "/run/feed.sock": str(folder / "feed.sock"),
        }


@contextmanager
def proxies_for(code: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run the proxy that an example goes through."""
    if "127.0.0.1:3128" in code:
        with proxy_py(folder) as address:
            yield {"127.0.0.1:3128": address}
    elif "127.0.0.1:1080" in code:
        with microsocks(folder) as address:
            yield {"127.0.0.1:1080": address}
    else:
        yield {}


def with_addresses(code: str, addresses: dict[str, str]) -> str:
    for written, real in addresses.items():
        code = code.replace(written, real)
    return code


@pytest.mark.parametrize("example", PYTHON, ids=lambda example: example.name)
def test_an_example_prints_what_it_says(
    run: Callable[[Any], Any], example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The block runs against the cookbook's own server, line by line as shown."""

    async def scenario(proxies: dict[str, str]) -> None:
        async with serving(tmp_path) as addresses:
            code = with_addresses(example.code, addresses | proxies)
            # An `async for` or `async with` at the top, as at the prompt of `python -m asyncio`.
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            running = eval(compile(code, example.name, "exec", flags=flags), {"__name__": "example"})
            if running is not None:
                await running

    with proxies_for(example.code, tmp_path) as proxies:
        run(scenario(proxies))
    assert capsys.readouterr().out.splitlines() == EXPECTATION.findall(example.code)


@pytest.mark.parametrize("example", CONSOLE, ids=lambda example: example.name)
def test_a_command_prints_what_it_says(run: Callable[[Any], Any], example: Example, tmp_path: Path) -> None:
    """The command line runs as shown, with its output."""

    async def scenario() -> list[str]:
        async with serving(tmp_path) as addresses:
            command = shlex.split(with_addresses(commands[0], addresses))
            process = await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", f"wsexample.cli.{command[0]}", *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            output, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            return output.decode().splitlines()

    lines = example.code.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert run(scenario()) == [line for line in lines if not line.startswith("$ ")]


def test_every_example_promises_something() -> None:
    """An example without an expectation would pass whatever it does."""
    quiet = [example.name for example in PYTHON if not EXPECTATION.search(example.code)]
    assert quiet == []


def test_the_server_of_the_cookbook_starts_as_shown() -> None:
    """The options of the shown main() are those that the tests serve with."""
    assert 'ServeOptions(subprotocols=["chat", "feed"])' in SERVER.code
    if sys.platform == "win32":
        missing("unix sockets, which some examples show")
