"""Asking for a secret at the terminal, so that it need not stand on the command line."""

from __future__ import annotations

import getpass
import sys

from wsexample.errors import OptionError

__all__ = ["ASK", "ask_secret"]

ASK = "?"
"""Value of an option whose secret is asked for."""


def ask_secret(what: str) -> str:
    """Ask for a secret without showing it.

    Parameters:
        what: name of the secret, for people.

    Raises:
        OptionError: there is no terminal to ask at, or nothing was typed.
    """
    if not sys.stdin.isatty():
        raise OptionError(f"the {what} was not given, and there is no terminal to ask at", option=what)
    try:
        secret = getpass.getpass(f"{what}: ")
    except EOFError:
        secret = ""
    if not secret:
        raise OptionError(f"no {what} was given", option=what)
    return secret
