"""A strategy for ``wsexample paper``: the coroutine ``trade(records, gateway)`` of a Python file."""

from __future__ import annotations

import inspect
import runpy
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from wsexample.errors import CallerError, OptionError, WsExampleError
from wsexample.ports import OrderGateway
from wsexample.records.market import Record

__all__ = ["CROSSOVER", "Trade", "load_strategy"]

Trade = Callable[[AsyncIterator[Record], OrderGateway], Coroutine[Any, Any, object]]
CROSSOVER = "crossover"
"""What stands for the strategy that comes with us."""


def load_strategy(path: str) -> Trade:
    """Return the strategy of a file; what it raises later says where in the file that was.

    Raises:
        OptionError: no such file, or no coroutine function ``trade`` in it.
        CallerError: the file cannot be run.
    """
    if not Path(path).is_file():
        raise OptionError(f"there is no strategy {path!r}: name a Python file, or {CROSSOVER}", option="strategy")
    try:
        names = runpy.run_path(path, run_name="strategy")
    except Exception as error:  # whatever the user's file raises is told with its line
        raise _told(path, error) from error
    trade = names.get("trade")
    if not inspect.iscoroutinefunction(trade):
        raise OptionError(f"{path} has no 'async def trade(records, gateway)'", option="strategy")

    async def guarded(records: AsyncIterator[Record], gateway: OrderGateway) -> None:
        try:
            await trade(records, gateway)
        except WsExampleError:
            raise
        except Exception as error:  # the same
            raise _told(path, error) from error

    return guarded


def _told(path: str, error: Exception) -> CallerError:
    """Say in one sentence where in the user's file something went wrong."""
    if isinstance(error, SyntaxError):
        return CallerError(f"{error.filename or path}, line {error.lineno}: {error.msg}")
    own = Path(path).resolve()
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).resolve() == own
    ]
    where = f"{path}, line {lines[-1]}" if lines else path
    return CallerError(f"{where}: {type(error).__name__}: {error}")
