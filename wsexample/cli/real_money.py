"""What stands between a command and real money: somebody who says yes."""

from __future__ import annotations

import re
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.running import say

__all__ = ["AMOUNT", "ask_first"]


_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")
"""Commas where thousands have theirs; anywhere else one may be meant as a point: 1,5 is not 15, and 0,500 not 500."""


class _Amount(click.ParamType):  # type: ignore[type-arg] # generic since click 8.5
    """A positive decimal number, kept exactly as written."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the number."""
        if isinstance(value, Decimal):
            amount = value
        else:
            text = str(value).strip()
            is_plain = text.isascii() and "_" not in text and ("," not in text or _THOUSANDS.fullmatch(text))
            try:
                amount = Decimal(text.replace(",", "")) if is_plain else Decimal(0)
            except InvalidOperation:
                amount = Decimal(0)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"{value!r} is not a number above zero", param, ctx)
        return amount


AMOUNT = _Amount()


def ask_first(what: str, *, is_sure: bool) -> None:
    """Have somebody confirm what is about to be done; without a yes the program ends, and nothing was done.

    Parameters:
        what: what is going to be done, and where: "buy 1 AAPL (market) on the LIVE account".
        is_sure: whether the command line has said yes already.

    Raises:
        click.UsageError: there is no terminal to ask at.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{what}: nobody is there to ask; write --yes")
    try:
        is_sure = click.confirm(f"{what}, with real money?", err=True)
    except click.Abort:
        is_sure = False
    if not is_sure:
        say("nothing was done")
        sys.exit(ExitCode.INTERRUPTED)
