"""A simulator's control endpoint, off by default: faults by HTTP, for programs that cannot call its methods.

``POST /simulator/NAME`` with a JSON object of arguments; ``GET /simulator/stats``; ``GET /simulator`` lists the names.
What a fault does is a method of the simulator; this file only says which may be called from outside. Pages may not: a browser
says whose page it is, and a page of a name that was let lead to this machine is told by that name.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

import msgspec
from aiohttp import web

from wsexample.errors import OptionError
from wsexample.wire.admission import host_may_be_anybodys

__all__ = ["CONTROL_PATH", "answer_control", "check_status", "first_line"]

CONTROL_PATH = "/simulator"
LARGEST = 10**9
"""Numbers of an argument may be as large as this, either way: 31 years in seconds, a gigabyte."""
SOON_S = 0.2
"""How long a fault that takes time is watched, for what it says of its arguments."""
log = logging.getLogger("wsexample.simulator")
_WRONG = (ValueError, KeyError, ArithmeticError)


def first_line(method: Callable[..., Any]) -> str:
    """Return the purpose that a method states."""
    return (inspect.getdoc(method) or "").partition("\n")[0]


def check_status(status: int) -> int:
    """Return an HTTP status that a fault may answer with.

    Parameters:
        status: 400 to 599, or 0 for none.

    Raises:
        OptionError: it is no refusal.
    """
    if status and not 400 <= status <= 599:
        raise OptionError(f"status must be 400 to 599, or 0 for none, not {status}", option="status")
    return status


async def answer_control(
    request: web.BaseRequest,
    body: bytes,
    *,
    faults: dict[str, Callable[..., Any]],
    stats: Callable[[], dict[str, Any]],
    start: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
) -> web.Response:
    """Answer a request to the control endpoint; what a fault cannot do is answered 400 with its words.

    Parameters:
        request: what came.
        body: its body, which whoever serves has bounded.
        faults: name -> what to call; keyword arguments are checked against its annotations, "3" and "true" may be texts.
        stats: returns the counters.
        start: runs what takes time, such as a restart, in the background; returns its task.
    """
    if "Origin" in request.headers or host_may_be_anybodys(request.headers.get("Host")):
        return web.json_response(
            {"error": "pages may not make faults; call this by an address or localhost"}, status=403
        )
    method, name = request.method, request.path.removeprefix(CONTROL_PATH).strip("/")
    if method == "GET" and not name:
        return web.json_response({each: first_line(call) for each, call in faults.items()})
    if method == "GET" and name == "stats":
        return web.json_response(stats())
    if name not in faults:
        return web.json_response({"error": f"there is no {name!r}; there are {', '.join(faults)}"}, status=404)
    if method != "POST":
        return web.json_response({"error": "use POST"}, status=405)
    try:
        arguments = _arguments(faults[name], body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError) as error:
        return web.json_response({"error": f"{name}: {error}"}, status=400)
    try:
        result = faults[name](**arguments)
    except _WRONG as error:
        return web.json_response({"error": f"{name}: {error}"}, status=400)
    words = await _words_of(result, start) if inspect.iscoroutine(result) else ""
    if words:
        return web.json_response({"error": f"{name}: {words}"}, status=400)
    return web.json_response({"done": name})


async def _words_of(
    work: Coroutine[Any, Any, Any], start: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
) -> str:
    """Start a fault that takes time; returns what is wrong with its arguments, "" when nothing has been said soon."""
    said: list[str] = []
    is_soon = True

    async def run() -> None:
        try:
            await work
        except _WRONG as error:
            if is_soon:
                said.append(str(error))
            else:
                log.warning("a fault could not be done: %s", error)

    await asyncio.wait({start(run())}, timeout=SOON_S)
    is_soon = False
    return "".join(said)


def _arguments(call: Callable[..., Any], body: bytes) -> dict[str, Any]:
    given = msgspec.json.decode(body, type=dict[str, Any]) if body.strip() else {}
    signature = inspect.signature(call)
    for name in given:
        if name not in signature.parameters:
            raise TypeError(f"there is no {name!r}; there are {', '.join(signature.parameters) or 'no arguments'}")
    signature.bind(**given)
    hints = get_type_hints(call)
    arguments = {name: msgspec.convert(value, hints[name], strict=False) for name, value in given.items()}
    for name, value in arguments.items():
        if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:  # NaN is neither
            raise TypeError(f"{name} must be between -{LARGEST} and {LARGEST}")
    return arguments
