"""A simulator's control endpoint, off by default: faults by HTTP, for programs that cannot call its methods.

``POST /simulator/NAME`` with a JSON object of arguments; ``GET /simulator/stats``; ``GET /simulator`` lists the names.
What a fault does is a method of the simulator; this file only says which may be called from outside. Pages may not: a browser
says whose page it is, and a page of a name that was let lead to this machine is told by that name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, get_type_hints

import msgspec
from aiohttp import web

from wsexample.wire.admission import host_may_be_anybodys

__all__ = ["CONTROL_PATH", "answer_control", "first_line"]

CONTROL_PATH = "/simulator"


def first_line(method: Callable[..., Any]) -> str:
    """Return the purpose that a method states."""
    return (inspect.getdoc(method) or "").partition("\n")[0]


def answer_control(
    method: str,
    path: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    faults: dict[str, Callable[..., Any]],
    stats: Callable[[], dict[str, Any]],
    start: Callable[[Coroutine[Any, Any, Any]], object],
) -> web.Response:
    """Answer a request to the control endpoint.

    Parameters:
        method: HTTP method.
        path: its path.
        body: its body.
        headers: its headers, whatever their case.
        faults: name -> what to call; keyword arguments are checked against its annotations, "3" and "true" may be texts.
        stats: returns the counters.
        start: runs what takes time, such as a restart, in the background.
    """
    said = {key.lower(): value for key, value in headers.items()}
    if "origin" in said or host_may_be_anybodys(said.get("host")):
        return web.json_response(
            {"error": "pages may not make faults; call this by an address or localhost"}, status=403
        )
    name = path.removeprefix(CONTROL_PATH).strip("/")
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
    except (ValueError, KeyError) as error:
        return web.json_response({"error": f"{name}: {error}"}, status=400)
    if inspect.iscoroutine(result):
        start(result)
    return web.json_response({"done": name})


def _arguments(call: Callable[..., Any], body: bytes) -> dict[str, Any]:
    given = msgspec.json.decode(body, type=dict[str, Any]) if body.strip() else {}
    inspect.signature(call).bind(**given)
    hints = get_type_hints(call)
    return {name: msgspec.convert(value, hints[name], strict=False) for name, value in given.items()}
