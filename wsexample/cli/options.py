"""The shape of our command lines: options in sections, silent aliases, optional values, and the value types.

Options that several commands share are defined here once; what they do is the commands' business.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

import click

from wsexample import __version__
from wsexample.cli.asking import ASK
from wsexample.cli.fitting import write_epilog
from wsexample.cli.usage import Plain

__all__ = [
    "ADDRESS",
    "BYTES",
    "DAY",
    "MOMENT",
    "SECONDS",
    "SECONDS_OR_STAY",
    "URL",
    "Command",
    "Flag",
    "color_options",
    "complete_url",
    "debug_option",
    "option",
    "quiet_option",
    "version_option",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

COMMON = "Common"


class Flag(click.Option):
    """An option with a section in the help and with aliases that are accepted and not shown.

    Parameters:
        section: heading under which the help lists it.
        aliases: other tools' names for the same.
        bare: value of the option when it is written without ``=VALUE``; such an option never takes the next word.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        section: str = COMMON,
        aliases: Sequence[str] = (),
        bare: str | None = None,
        **settings: Any,
    ) -> None:
        if isinstance(settings.get("type"), click.IntRange | click.FloatRange):
            settings.setdefault("metavar", "N")
        super().__init__([*names, *aliases], **settings)
        self.section = section
        self.aliases = tuple(aliases)
        self.bare = bare

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what stands in brackets behind the help; ranges do not, the text says what is meant."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the lines of the help, without the aliases."""
        shown = copy.copy(self)
        shown.opts = [name for name in self.opts if name not in self.aliases]
        record = super(Flag, shown).get_help_record(ctx)
        if record is None or self.bare is None:
            return record
        names, text = record
        head, _, metavar = names.rpartition(" ")
        return f"{head}[={metavar}]", text


class Command(Plain):
    """A command whose help lists options by section, and whose optional values never swallow the next word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give options that were written without their optional value the value that stands for that."""
        bare = {
            name: parameter.bare
            for parameter in self.params
            if isinstance(parameter, Flag) and parameter.bare is not None
            for name in parameter.opts
        }
        end = args.index("--") if "--" in args else len(args)
        written = [f"{word}={bare[word]}" if word.startswith("--") and word in bare else word for word in args[:end]]
        try:
            return super().parse_args(ctx, written + args[end:])
        except click.UsageError as error:
            told = _masked(error.message, args[:end], {name for name, value in bare.items() if value == ASK})
            if told is None:
                raise
            raise click.UsageError(told, ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one block for each section, in the order in which sections first appear."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = parameter.section if isinstance(parameter, Flag) else COMMON
                sections.setdefault(section, []).append(record)
        if COMMON in sections:
            sections[COMMON] = sections.pop(COMMON)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records, col_max=32)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples and exit statuses, no wider than the terminal."""
        write_epilog(self.epilog, formatter)


def _masked(message: str, words: Sequence[str], secrets: Collection[str]) -> str | None:
    """Return an error without what was meant as a secret's value and stood apart from its option; None when it is not there."""
    for name, word in pairwise(words):
        if name in secrets and word in message:
            return f"{message.replace(word, '***')}; a value is written {name}=VALUE"
    return None


def option(*names: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """Declare a `Flag`; takes its settings and click's."""
    return click.option(*names, cls=_FlagFromClick, **settings)


class _FlagFromClick(Flag):
    """`Flag` as click's decorator makes it: the names come as one sequence called ``param_decls``."""

    def __init__(self, param_decls: Sequence[str], **settings: Any) -> None:
        super().__init__(param_decls, **settings)


class _Seconds(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """A length of time: "5", "0.5", "500ms", "15s", "2m", "1h", "1d".

    Parameters:
        takes_negative: whether it may be below zero, which then means something of its own.
    """

    name = "seconds"
    units: ClassVar = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

    def __init__(self, *, takes_negative: bool = False) -> None:
        self._takes_negative = takes_negative

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, int | float):
            return float(value)
        if str(value).strip().startswith("-") and not self._takes_negative:
            self.fail(f"{value!r} is below zero", param, ctx)
        found = re.fullmatch(r"(-?\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a time; write 5, 0.5, 500ms, 15s, 2m or 1h", param, ctx)
        return float(found[1]) * self.units[found[2] or ""]


class _Moment(click.DateTime):
    """A date, or a date and a time.

    Parameters:
        formats: how it may be written, for `datetime.strptime`.
        example: one that people are shown.
    """

    def __init__(self, *formats: str, example: str) -> None:
        super().__init__(formats)
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the moment, without a zone."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no such time; write {self._example}", param, ctx)


class _Bytes(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """A size: "65536", "64k", "1M", "1MiB", "2G"; all powers of 1024."""

    name = "size"
    units: ClassVar = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)\s*([kmg]?)(?:i?b)?", str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is not a size; write 65536, 64k or 1M", param, ctx)
        return int(found[1]) * self.units[found[2]]


class _Address(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """``[HOST:]PORT``; the host may be empty or "*" for all addresses, and an IPv6 address stands in brackets."""

    name = "[host:]port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str | None, int]:
        """Return host (None when none was written) and port."""
        if isinstance(value, tuple):
            return value
        text = re.sub(r"^wss?://", "", str(value).strip()).rstrip("/")
        host, colon, port = text.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not an address; write 9000 or 127.0.0.1:9000", param, ctx)
        if not colon:
            return None, int(port)
        return host.strip("[]") or "*", int(port)


class _Url(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """A WebSocket URL; the scheme may be left out."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the URL with its scheme."""
        return complete_url(str(value))


def complete_url(text: str) -> str:
    """Put ``ws://`` before an address that has no scheme, and make ``http`` what it means on a WebSocket."""
    text = text.strip()
    found = re.match(r"([A-Za-z][A-Za-z0-9.-]*)://|wss?\+unix:", text)
    if found is None:
        return f"ws://{f'127.0.0.1{text}' if text.startswith(':') else text}"
    if found[1] is None:
        return text
    scheme = {"http": "ws", "https": "wss"}.get(found[1].lower(), found[1].lower())
    return scheme + text[found.end(1) :]


SECONDS = _Seconds()
SECONDS_OR_STAY = _Seconds(takes_negative=True)
"""The same, and -1 for as long as it goes."""
DAY = _Moment("%Y-%m-%d", example="2026-01-05")
MOMENT = _Moment(
    "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", example="2026-01-05T09:00"
)
BYTES = _Bytes()
ADDRESS = _Address()
URL = _Url()


def debug_option(command: Decorated) -> Decorated:
    """Add ``--debug``."""
    return option("--debug", is_flag=True, help="Show the traceback of an error, and log lines of the library.")(
        command
    )


def quiet_option(command: Decorated) -> Decorated:
    """Add ``-q``."""
    return option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr.")(command)


def version_option(command: Decorated) -> Decorated:
    """Add ``-V``; ``-h`` comes with the context settings."""
    return click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")(command)


def color_options(command: Decorated) -> Decorated:
    """Add ``--color WHEN`` and ``--no-color``; NO_COLOR in the environment counts as well (no-color.org)."""
    command = option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="When to use colours; NO_COLOR is respected.",
    )(command)
    return option("--no-color", "color", flag_value="never", help="The same as --color never.", hidden=True)(command)


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Settings of every command's context."""
