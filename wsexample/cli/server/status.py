"""What a running server knows about itself, and the plain HTTP on its port: health, metrics, files.

Counters are plain integers; the text of the metrics is made when somebody asks for it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsexample import __version__
from wsexample.errors import OptionError

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["StaticFile", "StatusPages", "Traffic", "metrics_text"]


@dataclass(slots=True)
class Traffic:
    """Counters since the server began."""

    mode: str = "echo"
    """What clients get."""
    connections: int = 0
    """Clients connected now."""
    accepted: int = 0
    """Clients ever let in."""
    refused: Counter[str] = field(default_factory=Counter)
    """Clients turned away, by reason."""
    received: int = 0
    """Messages received."""
    received_bytes: int = 0
    """Their payload, bytes."""
    sent: int = 0
    """Messages sent."""
    sent_bytes: int = 0
    """Their payload, bytes."""
    dropped: int = 0
    """Messages not sent because a reader was too slow."""
    begun_s: float = field(default_factory=time.time)
    """When the server began, UTC epoch seconds."""
    is_stopping: bool = False
    """Whether the server is on its way out."""


_METRICS: tuple[tuple[str, str, str], ...] = (
    ("connections", "gauge", "Clients connected now."),
    ("accepted", "counter", "Clients ever let in."),
    ("received", "counter", "Messages received."),
    ("received_bytes", "counter", "Payload received."),
    ("sent", "counter", "Messages sent."),
    ("sent_bytes", "counter", "Payload sent."),
    ("dropped", "counter", "Messages not sent because a reader was too slow."),
)


def metrics_text(traffic: Traffic) -> str:
    """Return the counters in Prometheus' text format."""
    lines = []
    for name, kind, text in _METRICS:
        metric = f"wseserver_{name}{'_total' if kind == 'counter' else ''}"
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} {kind}", f"{metric} {getattr(traffic, name)}"]
    lines += ["# HELP wseserver_refused_total Clients turned away.", "# TYPE wseserver_refused_total counter"]
    lines += [f'wseserver_refused_total{{reason="{why}"}} {count}' for why, count in sorted(traffic.refused.items())]
    lines += [
        "# HELP wseserver_start_time_seconds When the server began.",
        "# TYPE wseserver_start_time_seconds gauge",
        f"wseserver_start_time_seconds {traffic.begun_s:.3f}",
        "# HELP wseserver_info What runs here.",
        "# TYPE wseserver_info gauge",
        f'wseserver_info{{version="{__version__}",mode="{traffic.mode}"}} 1',
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that is served under a path."""

    path: str
    """Path of the request."""
    media_type: str
    """Content-Type of the answer."""
    file: Path
    """The file; it is read anew for each request."""

    @classmethod
    def parse(cls, text: str) -> StaticFile:
        """Read ``URI:TYPE:PATH``; raises `OptionError` that says what is missing."""
        path, _, rest = text.partition(":")
        media_type, _, file = rest.partition(":")
        if not path.startswith("/") or "/" not in media_type or not file:
            raise OptionError(
                f"--static-file {text}: write URI:TYPE:PATH, such as /:text/html:index.html", option="static-file"
            )
        if not Path(file).is_file():
            raise OptionError(f"--static-file {text}: {file} is not a file", option="static-file")
        return cls(path, media_type, Path(file))


class StatusPages:
    """Answers requests that are not WebSockets.

    Parameters:
        traffic: the server's counters.
        files: files to serve.
        may_see_metrics: tells whether a request with these headers (lower-case names) and query may see the metrics.
    """

    def __init__(
        self,
        traffic: Traffic,
        files: tuple[StaticFile, ...],
        may_see_metrics: Callable[[Mapping[str, str], Mapping[str, list[str]]], bool],
    ) -> None:
        self._traffic = traffic
        self._files = {each.path: each for each in files}
        self._may_see_metrics = may_see_metrics

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        from aiohttp import web

        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="405 use GET\n", headers={"Allow": "GET, HEAD"})
        if request.path in self._files:
            return await self._file(self._files[request.path])
        if request.path == "/health":
            return self._health()
        if request.path == "/metrics":
            headers = {name.lower(): value for name, value in request.headers.items()}
            query: dict[str, list[str]] = {}
            for name, value in request.query.items():
                query.setdefault(name, []).append(value)
            if not self._may_see_metrics(headers, query):
                return web.Response(status=401, text="401\n", headers={"WWW-Authenticate": "Basic"})
            return web.Response(text=metrics_text(self._traffic), headers={"Cache-Control": "no-store"})
        return web.Response(
            status=426,
            text="This is a WebSocket server; try wseclient. There are also /health and /metrics.\n",
            headers={"Upgrade": "websocket"},
        )

    async def _file(self, wanted: StaticFile) -> web.StreamResponse:
        import asyncio

        from aiohttp import web

        try:
            body = await asyncio.to_thread(wanted.file.read_bytes)
        except OSError:
            return web.Response(status=404, text="404 the file is gone\n")
        return web.Response(body=body, headers={"Content-Type": wanted.media_type})

    def _health(self) -> web.Response:
        from aiohttp import web

        traffic = self._traffic
        state: dict[str, Any] = {
            "status": "stopping" if traffic.is_stopping else "ok",
            "connections": traffic.connections,
            "uptime_s": round(time.time() - traffic.begun_s, 3),
        }
        return web.json_response(state, status=503 if traffic.is_stopping else 200)
