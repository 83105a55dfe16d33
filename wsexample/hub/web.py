"""The HTTP side of a hub: the page, health, metrics.

``GET /`` is the page, ``/page/...`` what belongs to it, ``/health`` one JSON object, ``/metrics`` counters for Prometheus.
Nothing here tells what is in a record; the page gets those over the WebSocket, with the rights of whoever looks.
"""

from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from wsexample.hub.server import Hub
    from wsexample.ports import Backplane

__all__ = ["HubPages"]

STALE_S = 60.0
"""After how long without a record health says that nothing comes."""
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class HubPages:
    """Answers requests that are no WebSockets.

    Parameters:
        has_page: whether there is a page at ``/``.
    """

    def __init__(self, *, has_page: bool = True) -> None:
        self.hub: Hub | None = None
        """Whose counters are shown; set by whoever makes the hub."""
        self.backplane: Backplane | None = None
        """What joins it to other hubs, so that health can say which one reads the upstream; None for a hub alone."""
        self._has_page = has_page
        self._started_s = time.time()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _text("only GET is answered here", 405)
        if request.path == "/health":
            return self._health()
        if request.path == "/metrics":
            return self._metrics()
        if self._has_page and request.path == "/":
            return _file("index.html")
        if self._has_page and request.path.startswith("/page/"):
            return _file(request.path.removeprefix("/page/"))
        return _text("there is nothing here: / is the page, /v1/stream the stream", 404)

    def _health(self) -> web.Response:
        assert self.hub is not None
        desk = self.hub.desk
        silence_s = None if desk.newest_ns is None else (time.time_ns() - desk.newest_ns) / 1e9
        status = "starting" if silence_s is None else "stale" if silence_s > STALE_S else "ok"
        body = {
            "status": status,
            "hub": self.hub.options.name,
            "epoch": self.hub.epoch,
            "topics": len(desk.topics),
            **asdict(desk.stats),
            "refused": self.hub.refused,
            "is_owner": None if self.backplane is None else self.backplane.is_owner,
            "silence_s": silence_s,
            "uptime_s": time.time() - self._started_s,
        }
        return web.Response(
            text=json.dumps(body) + "\n",
            status=200 if status == "ok" else 503,
            content_type="application/json",
            headers=SECURITY,
        )

    def _metrics(self) -> web.Response:
        try:
            from prometheus_client import CollectorRegistry
            from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
        except ImportError:
            return _text("metrics need an optional dependency: pip install 'wsexample[metrics]'", 501)
        registry = CollectorRegistry()
        registry.register(_Collector(self))
        return web.Response(body=generate_latest(registry), headers={**SECURITY, "Content-Type": CONTENT_TYPE_LATEST})

    def counters(self) -> Iterator[tuple[str, str, float, bool]]:
        """Yield name, meaning, value, and whether it only grows."""
        assert self.hub is not None
        desk = self.hub.desk
        stats = desk.stats
        yield "published", "Records published", stats.published, True
        yield "topics", "Topics known", len(desk.topics), False
        yield "readers", "Readers connected", stats.readers, False
        yield "slow_readers", "Times that a reader fell behind", stats.slow, True
        yield "conflated", "Records passed over for slow readers", stats.conflated, True
        yield "closed_slow", "Readers closed because they were too slow", stats.closed_slow, True
        yield "resumed", "Subscriptions that resumed", stats.resumed, True
        yield "missed", "Records that readers missed for good", stats.missed, True
        if desk.newest_ns is not None:
            yield (
                "newest_record_age_seconds",
                "Age of the newest record",
                (time.time_ns() - desk.newest_ns) / 1e9,
                False,
            )


class _Collector:
    """Reads plain counters when somebody scrapes, so that publishing pays nothing for metrics."""

    def __init__(self, pages: HubPages) -> None:
        self._pages = pages

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        hub = self._pages.hub
        assert hub is not None
        for name, meaning, value, grows in self._pages.counters():
            family = CounterMetricFamily if grows else GaugeMetricFamily
            yield family(f"wsexample_hub_{name}", meaning, value=value)
        refused = CounterMetricFamily("wsexample_hub_refused", "Connections and ops refused", labels=["reason"])
        for reason, count in hub.refused.items():
            refused.add_metric([reason], count)
        yield refused


def _file(name: str) -> web.Response:
    """Answer with a file of the page."""
    found = files("wsexample.hub") / "page" / name
    if "/" in name or "\\" in name or name.startswith(".") or not found.is_file():
        return _text("there is no such file", 404)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return web.Response(
        body=found.read_bytes(),
        content_type=kind,
        charset="utf-8" if "text" in kind or "script" in kind else None,
        headers=SECURITY,
    )


def _text(words: str, status: int) -> web.Response:
    return web.Response(text=words + "\n", status=status, headers=SECURITY)
