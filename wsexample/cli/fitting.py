"""The part of a help below the options, laid out for the width of the terminal: examples with their remarks, notes, tables.

Where everything fits it stays as it was written. Which text it is, is the command's own business.
"""

from __future__ import annotations

import inspect
import re
import textwrap

import click

__all__ = ["fitted", "write_epilog"]

_ROW = re.compile(r"^( +)(\S.*?)(?:  +(\S.*))?$")
_REMARK_INDENT = 6
_LEAST_TABLE_INDENT = 16
"""Lines that begin so far right go on with a remark of the line above."""


def write_epilog(epilog: str | None, formatter: click.HelpFormatter) -> None:
    """Write the text below the options.

    Parameters:
        epilog: the text as the command has it; None writes nothing.
        formatter: where it is written.
    """
    if epilog:
        formatter.write_paragraph()
        with formatter.indentation():
            width = formatter.width - formatter.current_indent
            formatter.write_text(fitted(inspect.cleandoc(epilog), width))


def fitted(text: str, width: int) -> str:
    r"""Return a text whose ``\b`` paragraphs, which click leaves as they are, have no line that is too long.

    Parameters:
        text: paragraphs with empty lines between them.
        width: columns that a line may have.
    """
    return "\n\n".join(_paragraph(part, width) for part in text.split("\n\n"))


def _paragraph(text: str, width: int) -> str:
    lines = text.split("\n")
    if lines[0] != "\b" or all(len(line) <= width for line in lines):
        return text
    if not any(line.startswith(" ") for line in lines):
        return "\b\n" + textwrap.fill(" ".join(lines[1:]), width)
    is_table = any(re.match(r" +\d+  ", line) for line in lines)
    laid = [row for line in lines[1:] for row in ([line] if is_table and len(line) <= width else _rows(line, width))]
    return "\n".join(["\b", *laid])


def _rows(line: str, width: int) -> list[str]:
    """Put a remark below its command, and break what is too long all the same."""
    found = _ROW.match(line)
    if found is None:
        return textwrap.wrap(line, width) or [""]
    indent, command, remark = found.groups()
    if len(indent) >= _LEAST_TABLE_INDENT:
        indent, command, remark = "", "", f"{command} {remark or ''}".strip()
    rows = _broken(indent + command, width) if command else []
    if remark:
        blanks = " " * _REMARK_INDENT
        rows += textwrap.wrap(remark, width, initial_indent=blanks, subsequent_indent=blanks)
    return rows


def _broken(command: str, width: int) -> list[str]:
    r"""Break a command line as a shell reads it: with a ``\`` at the end of each line but the last."""
    if len(command) <= width:
        return [command]
    indent = " " * (len(command) - len(command.lstrip()))
    rows = textwrap.wrap(
        command.strip(),
        width - 2,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{row} \\" for row in rows[:-1]] + rows[-1:]
