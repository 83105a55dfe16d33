"""What the ``wsexample sim`` commands share: their common options, switches by name, the announcement, life until Ctrl-C.

What is simulated, and how it is presented, belongs to each command.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import json
import textwrap
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.options import MOMENT, debug_option, option, quiet_option
from wsexample.cli.running import Stop, say
from wsexample.errors import OptionError

__all__ = [
    "PORTS",
    "SPEED_HELP",
    "Introduction",
    "address_options",
    "behaviour_options",
    "list_switches",
    "rate_option",
    "read_switches",
    "session_options",
    "sim_flag",
    "simulate",
    "switch_options",
]

PORTS = {"kabu": 18080, "alpaca": 18082, "weex": 18083}
"""Where each simulator listens when nobody says otherwise; kabu Station's own port for its own."""

SPEED_HELP = "Seconds of market time in a second."

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_Switches = TypeVar("_Switches")


def address_options(broker: str) -> Callable[[Decorated], Decorated]:
    """Add ``--port`` and ``--seed``.

    Parameters:
        broker: whose simulator it is, as in `PORTS`.
    """

    def decorate(command: Decorated) -> Decorated:
        seed = option(
            "--seed", type=int, default=1, show_default=True, section="Market", help="The same seed, the same market."
        )
        return option(
            "--port",
            type=click.IntRange(0, 65535),
            default=PORTS[broker],
            show_default=True,
            section="Address",
            help="Port for everything; 0 takes a free one.",
        )(seed(command))

    return decorate


def rate_option(name: str, default: float, help_text: str) -> Callable[[Decorated], Decorated]:
    """Add an option about how much happens in a second, which is more than nothing.

    Parameters:
        name: with its dashes.
        default: what it is when nobody says.
        help_text: its line of help.
    """
    return option(
        name,
        type=click.FloatRange(min=0, min_open=True),
        default=default,
        show_default=True,
        section="Market",
        help=help_text,
    )


def session_options(hours: str, zone: str) -> Callable[[Decorated], Decorated]:
    """Add ``--session`` and ``--start``.

    Parameters:
        hours: whose hours the clock keeps.
        zone: where the time to begin with is read off a clock.
    """

    def decorate(command: Decorated) -> Decorated:
        start = option(
            "--start",
            type=MOMENT,
            metavar="TIME",
            section="Market",
            help=f"Market time to begin with, in {zone}; default now.",
        )
        return option(
            "--session",
            type=click.Choice(["always", "clock"]),
            default="always",
            show_default=True,
            section="Market",
            help=f"Trade round the clock, or keep {hours}.",
        )(start(command))

    return decorate


def sim_flag(broker: str, port: int) -> str:
    """Return how a broker's commands are pointed at a simulator.

    Parameters:
        broker: as in `PORTS`.
        port: where it listens.
    """
    return "--sim" if port == PORTS[broker] else f"--sim={port}"


def behaviour_options(command: Decorated) -> Decorated:
    """Add ``--control``, ``--announce``, ``-q`` and ``--debug``."""
    command = debug_option(quiet_option(command))
    command = option(
        "--announce",
        is_flag=True,
        section="Scripts and tests",
        help="Print port, URLs and credentials on stdout as JSON as soon as it listens.",
    )(command)
    return option(
        "--control",
        is_flag=True,
        section="Behaviour",
        help="Take faults by HTTP: POST /simulator/NAME (GET lists them); see wsexample sim fault.",
    )(command)


def switch_options(command: Decorated) -> Decorated:
    """Add ``--switch`` and ``--list-switches``."""
    command = option(
        "--list-switches",
        "lists_switches",
        is_flag=True,
        section="Behaviour",
        help="List every switch with its default and what it does, and end.",
    )(command)
    return option(
        "--switch", "switches", multiple=True, metavar="NAME=VALUE", section="Behaviour", help="Set a switch; repeat."
    )(command)


def read_switches(settings: tuple[str, ...], kind: type[_Switches]) -> _Switches:
    """Read ``NAME=VALUE`` settings into a simulator's switches.

    Raises:
        OptionError: names the switch and what it takes.
    """
    import msgspec

    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if name not in hints:
            meant = ", ".join(difflib.get_close_matches(name, hints, n=3))
            hint = f"did you mean {meant}?" if meant else "--list-switches shows them all"
            raise OptionError(f"--switch {setting}: there is no switch {name!r}; {hint}", option="switch")
        wanted = _wanted(hints[name])
        if not equals:
            raise OptionError(f"--switch {setting}: write {name}=VALUE with {wanted}", option="switch")
        try:
            values[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError:
            raise OptionError(f"--switch {setting}: {name} is {wanted}, not {value!r}", option="switch") from None
    return kind(**values)


def _wanted(hint: Any) -> str:
    """Return what a switch takes, in words."""
    if get_origin(hint) is Literal:
        return " or ".join(map(str, get_args(hint)))
    kinds = {bool: "true or false", int: "a whole number", float: "a number"}
    return " or ".join(words for kind, words in kinds.items() if hint is kind or kind in get_args(hint))


def list_switches(kind: type[Any]) -> None:
    """Print every switch with its default, its choices and what it is about."""
    defaults, hints, texts = kind(), get_type_hints(kind), _texts_of(kind)
    for name in kind.__dataclass_fields__:
        click.echo(f"{name}={getattr(defaults, name)}")
        choices = f"{_wanted(hints[name])}. " if get_origin(hints[name]) is Literal else ""
        text = f"{choices}{texts.get(name, '')}"
        if text:
            click.echo(click.wrap_text(text, 100, "    ", "    "))


def _texts_of(kind: type[Any]) -> dict[str, str]:
    """Return the string under each field; empty where the source is not at hand."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return {}
    lines = [node for definition in tree.body if isinstance(definition, ast.ClassDef) for node in definition.body]
    return {
        field.target.id: " ".join(str(ast.literal_eval(text.value)).split())
        for field, text in pairwise(lines)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


class Introduction:
    """How a simulator presents itself once it listens.

    Parameters:
        facts: port, URLs and credentials, for programs.
        greeting: what listens where, for people.
        hints: commands to try in another window.
    """

    def __init__(self, facts: dict[str, Any], greeting: str, *hints: str) -> None:
        self.facts = facts
        self.greeting = greeting
        self.hints = hints


async def simulate(
    simulator: AbstractAsyncContextManager[object],
    stop: Stop,
    *,
    introduce: Callable[[], Introduction],
    farewell: Callable[[], str],
    is_announced: bool,
    is_quiet: bool,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> int:
    """Run a simulator until the user ends it; returns the exit status.

    Parameters:
        simulator: listens while it is entered.
        stop: whether to end.
        introduce: called when it listens.
        farewell: called when it has ended; what it did, in one sentence.
        is_announced: whether the facts are printed on stdout.
        is_quiet: whether people are told nothing.
        beside: what goes on while it runs, and ends with it.
    """
    async with simulator:
        introduction = introduce()
        if is_announced:
            click.echo(json.dumps(introduction.facts))
        if not is_quiet:
            say(f"{introduction.greeting}; Ctrl-C stops")
            for hint in introduction.hints:
                say(f"try in another window: {hint}", color="cyan")
        if beside is not None:
            await stop.race(beside())
        await stop.wait()
    if not is_quiet:
        say(farewell())
    return ExitCode.OK
