"""Watch lists: files with one symbol a line, as people keep them or a spreadsheet writes them.

::

    # my list                      a comment; empty lines are fine
    9433                           a symbol
    7203@1  トヨタ                 with its market and a name of your own
    6594.N                         the market as price pages write it: .T .N .F .S
    167060019@2, 日経225 mini      commas and tabs divide as blanks do
    *101                           pinned: never rotates out

UTF-8, with or without a mark at its beginning, or what Japanese Windows calls Shift_JIS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from wsexample.brokers.kabu.dialect import parse_symbol, spell
from wsexample.errors import OptionError

__all__ = ["WatchList", "read_symbol", "read_watch_list"]

SUFFIXES = {".T": 1, ".N": 3, ".F": 5, ".S": 6}
"""Markets as price pages write them: Tokyo, Nagoya, Fukuoka, Sapporo."""


@dataclass(slots=True)
class WatchList:
    """Symbols in the order of the file, each once."""

    symbols: list[str] = field(default_factory=list)
    """Symbols with their markets."""
    pinned: list[str] = field(default_factory=list)
    """Those that never rotate out."""
    names: dict[str, str] = field(default_factory=dict)
    """Symbol to the name that the file gives it."""


def read_watch_list(path: Path) -> WatchList:
    """Read a watch list.

    Raises:
        OptionError: the file cannot be read, has a line that is none, or no symbol at all; names the line.
    """
    found = WatchList()
    for number, line in enumerate(_text(path).splitlines(), 1):
        words = re.split(r"[\s,;]+", line.partition("#")[0].strip(), maxsplit=1)
        if not words[0]:
            continue
        code = words[0].strip('"')
        try:
            symbol = read_symbol(code.removeprefix("*"))
        except OptionError as error:
            raise OptionError(f"{path}, line {number}: {error}", option="watch_list") from None
        if symbol not in found.symbols:
            found.symbols.append(symbol)
        if code.startswith("*") and symbol not in found.pinned:
            found.pinned.append(symbol)
        name = words[1].strip().strip('",').strip() if len(words) > 1 else ""
        if name:
            found.names[symbol] = name
    if not found.symbols:
        raise OptionError(f"{path} has no symbol; write one a line, such as 9433 or 9433@3", option="watch_list")
    return found


def read_symbol(code: str) -> str:
    """Return a symbol with its market, "9433@1"; understands 9433.T as well. Raises `OptionError`."""
    market = SUFFIXES.get(code[-2:].upper())
    return spell(parse_symbol(code if market is None else f"{code[:-2]}@{market}"))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}", option="watch_list") from None
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise OptionError(f"{path} is neither UTF-8 nor Shift_JIS text", option="watch_list")
