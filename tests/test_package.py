"""The package as its users meet it: what importing costs, what it exports, what a wheel holds, which version it is."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import wsexample
from tests.conftest import missing

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


Matrix = Callable[[str], ModuleType]


@pytest.fixture
def matrix(monkeypatch: pytest.MonkeyPatch) -> Matrix:
    """Import a part of `scripts/matrix`, as that script does."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return lambda name: import_module(f"matrix.{name}")


def loaded_by(statement: str) -> set[str]:
    """The modules that a statement loads in a fresh interpreter."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def tops(modules: set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


def test_importing_the_package_does_no_work() -> None:
    """``import wsexample`` loads nothing but itself and at most a few modules of the standard library."""
    loaded = loaded_by("import wsexample")
    assert {module for module in loaded if module.startswith("wsexample")} == {"wsexample"}
    assert tops(loaded) - {"wsexample"} <= sys.stdlib_module_names
    assert not tops(loaded) & {"asyncio", "ssl", "socket", "logging", "inspect"}


def test_our_classes_cost_little_more_than_the_ones_they_extend() -> None:
    """Importing Autobahn's names from here loads at most 1.5 times the modules that Autobahn itself loads."""
    theirs = loaded_by("import autobahn.asyncio.websocket")
    ours = loaded_by("from wsexample import WebSocketClientProtocol, WebSocketServerProtocol")
    assert len(theirs) > 100
    assert len(ours) <= 1.5 * len(theirs)
    assert not (tops(ours) - tops(theirs)) & {"aiohttp", "rich", "uvloop", "python_socks", "dotenv"}


def test_a_client_does_not_pay_for_the_server() -> None:
    """``connect`` brings neither aiohttp, which serves HTTP, nor what only commands need."""
    assert not tops(loaded_by("from wsexample import connect")) & {"aiohttp", "rich", "dotenv", "sqlite3"}


@pytest.mark.parametrize("name", wsexample.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    """Each name of ``__all__`` can be had from the package."""
    assert getattr(wsexample, name) is not None


def test_the_three_lists_of_exports_agree() -> None:
    """``__all__``, the homes that load on use and the imports for type checkers name the same things and places."""
    tree = ast.parse(Path(wsexample.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == wsexample._HOMES
    assert sorted([*typed, "__version__"]) == sorted(wsexample.__all__) == dir(wsexample)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """A typing error is reported as for any other module."""
    with pytest.raises(AttributeError, match="has no attribute 'conect'"):
        _ = wsexample.conect


def test_tests_run_against_this_clone() -> None:
    """What is imported here are the files beside these tests, not an older installed copy."""
    assert Path(wsexample.__file__).parent == ROOT / "wsexample"


@pytest.mark.parametrize("command", PROJECT["scripts"])
def test_every_command_is_installed_and_has_its_function(command: str) -> None:
    """Each command of pyproject.toml is an entry point of the installed package, and its function exists."""
    module, _, attribute = PROJECT["scripts"][command].partition(":")
    assert callable(getattr(import_module(module), attribute))
    (entry,) = entry_points(group="console_scripts", name=command)
    assert entry.value == PROJECT["scripts"][command]


def test_the_changelog_tells_of_this_version() -> None:
    """CHANGELOG.md opens with changes not yet released, and its newest release is the package's version."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == wsexample.__version__


def test_requirements_have_a_lower_bound() -> None:
    """Every requirement names the oldest version it is known to work with, and none forbids newer ones."""
    optional = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    assert [each for each in [*PROJECT["dependencies"], *optional] if not re.match(r"[\w.-]+>=[\d.]+(;|$)", each)] == []


def imported_by(folder: Path) -> set[str]:
    """Top-level names of everything that the files of a folder import, in functions too."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module or "")
    of_scripts = {path.stem for path in (ROOT / "scripts").iterdir()}
    return tops(found) - sys.stdlib_module_names - of_scripts - {"wsexample", "tests", "scripts"}


def undeclared(imported: set[str], requirements: list[str]) -> set[str]:
    """The imported names that no requirement brings."""
    declared = {re.split(r"[<>=;\[ ]", each)[0].lower().replace("_", "-") for each in requirements}
    homes = packages_distributions()
    return {
        name for name in imported if not declared & {home.lower().replace("_", "-") for home in homes.get(name, [])}
    }


def test_whatever_is_imported_is_required() -> None:
    """Package and tests import nothing that only happens to be installed: each import has its requirement."""
    extras = PROJECT["optional-dependencies"]
    for_users = [
        *PROJECT["dependencies"],
        *(each for name, extra in extras.items() if name != "test" for each in extra),
    ]
    assert undeclared(imported_by(ROOT / "wsexample"), for_users) == set()
    assert undeclared(imported_by(ROOT / "tests"), [*for_users, *extras["test"]]) == set()
    assert undeclared({"pytest"}, PROJECT["dependencies"]) == {"pytest"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this clone is built from, without the compiled parts, at a place where a build may leave its own."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        ROOT / "wsexample", tree / "wsexample", ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    )
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    return tree


def built(tree: Path, kind: str) -> Path:
    """The wheel that the setuptools of this environment make of a tree: ``build_wheel``, ``build_editable``."""
    build = f"import sys; from setuptools import build_meta; print(build_meta.{kind}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tree)],
        cwd=tree,
        env={**os.environ, "WSEXAMPLE_LANE": "skip"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tree / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    """A wheel of this clone without the compiled parts."""
    return built(tree, "build_wheel")


def test_type_checkers_find_an_editable_install(tree: Path) -> None:
    """What ``pip install -e`` leaves behind is a path to the clone, which they follow, and no import hook, which they do not."""
    with zipfile.ZipFile(built(tree, "build_editable")) as archive:
        (left,) = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert (Path(left).suffix, archive.read(left).decode().split()) == (".pth", [str(tree)])


def test_every_room_is_a_package() -> None:
    """A folder with modules says so, or tools that walk through packages, and some type checkers, pass over it."""
    rooms = {path.parent for path in (ROOT / "wsexample").rglob("*.py")}
    assert [room for room in sorted(rooms) if not (room / "__init__.py").exists()] == []


def test_a_wheel_holds_the_whole_package_and_nothing_else(wheel: Path, matrix: Matrix) -> None:
    """Every file of the package is in the wheel; tests, scripts and generated C are not; without compiled parts it fits all."""
    made = (".c", ".so", ".pyd", ".pyc")
    files = [path for path in (ROOT / "wsexample").rglob("*") if path.is_file() and path.suffix not in made]
    names = [path.relative_to(ROOT).as_posix() for path in files]
    assert matrix("packages").wrong_in_wheel(wheel, names, is_compiled=False) == []


def test_a_wheel_says_who_it_is(wheel: Path) -> None:
    """Version, oldest Python, licence and README travel with the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    assert f"\nVersion: {wsexample.__version__}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "# wsexample" in metadata


SMOKE = ROOT / "scripts" / "matrix" / "smoke.py"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nothing but the wheel and what it requires, installed without a compiler."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--no-input", "install"]
    done = subprocess.run(
        [*pip, "--quiet", "--only-binary", ":all:", str(wheel)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    if "No module named pip" in done.stderr or "connection" in done.stderr.lower():
        missing(f"nothing can be installed here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.timeout(200)
def test_commands_work_where_only_the_wheel_is_installed(installed: Path) -> None:
    """Help of every command, an echo, a feed, and one line for each missing extra; `scripts/matrix.py` does it everywhere."""
    parts = ("package", "commands", "echo", "feed", "missing extras")
    only = [word for part in parts for word in ("--only", part)]
    command = [str(installed), str(SMOKE), "--lane", "python", "--without-extras", *only]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=150, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (0, len(parts)), done.stdout + done.stderr


@pytest.mark.timeout(120)
def test_a_feed_works_with_what_windows_has() -> None:
    """Without fcntl, termios, uvloop, unix sockets, signal handlers and readers of the loop ``kclient`` streams and stores."""
    command = [sys.executable, str(SMOKE), "--windows", "--only", "feed"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=100, check=False)
    assert (done.returncode, done.stdout.count("feed: ")) == (0, 1), done.stdout + done.stderr


def test_the_oldest_versions_are_pins_of_the_lower_bounds(matrix: Matrix) -> None:
    """Where the lower bound has no wheel the oldest one that has stands in; the order is that of numbers, releases only."""
    module = matrix("requirements")
    found = {each.name: each.bound for each in module.requirements(ROOT / "pyproject.toml", "archive")}
    assert found.keys() == {"pyarrow", "duckdb"}
    pin = module.Pin("pyarrow", "17", "17")
    assert module._next_pin(pin, "9.0.0, 16.1.0, 18.0.0rc1, 18.1.0, 19.0.0").version == "18.1.0"
    with pytest.raises(RuntimeError, match="no version from 17 on has a wheel"):
        module._next_pin(pin, "9.0.0, none")


def test_interpreters_are_found_once_each(matrix: Matrix) -> None:
    """This interpreter's version is among those that the matrix tries, and each minor version once."""
    names = [each.name for each in matrix("interpreters").find_interpreters()]
    assert len(set(names)) == len(names)
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in names
