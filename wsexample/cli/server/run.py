"""One run of ``wseserver``: it listens, lets clients in, keeps the log, tells scripts where it is, and stops gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.exposure import exposure
from wsexample.cli.running import Stop
from wsexample.cli.server import plan as planning
from wsexample.cli.server.access import Gate
from wsexample.cli.server.modes import Client
from wsexample.cli.server.status import StatusPages, Traffic
from wsexample.errors import StorageError
from wsexample.wire.server import Server, ServerConnection, serve

__all__ = ["House"]


class House:
    """One run of the server.

    Parameters:
        address: the address on the command line, None when there is none.
        given: values of the flags, by their Python names.
        stop: watched all the time.
        is_quiet: whether nothing but errors is said.

    Raises:
        OptionError: a flag has a value that cannot work.
    """

    def __init__(
        self, address: tuple[str | None, int] | None, given: Mapping[str, Any], stop: Stop, *, is_quiet: bool
    ) -> None:
        self._given = given
        self._stop = stop
        self._note = _log(is_quiet=is_quiet, as_json=given["as_json"])
        self._addresses = planning.addresses(address, given)
        self._traffic = Traffic()
        self._mode = planning.mode(given, self._traffic, lambda sentence: self._note("command", sentence))
        self._traffic.mode = self._mode.name
        self._faults = planning.faults(given)
        access = planning.access(given)
        self._gate = Gate(access, self._traffic, self._say_refusal, is_oneshot=given["oneshot"])
        files = planning.static_files(given)
        self._asks_who = not access.is_open or given["client_ca"] is not None
        self._pages = StatusPages(self._traffic, files, access.knows)
        self._options = planning.serve_options(given)
        self._tls = planning.tls(given)

    async def run(self) -> int:
        """Listen until the user stops it."""
        async with contextlib.AsyncExitStack() as stack:
            servers = [await stack.enter_async_context(self._serve(**where)) for where in self._addresses]
            urls = [_url(server, where) for server, where in zip(servers, self._addresses, strict=True)]
            with _announced(urls, self._given):
                for url in urls:
                    self._note("listening", f"{self._mode.name} on {url}; Ctrl-C stops", url=url, mode=self._mode.name)
                self._warn()
                await self._stop.race(self._mode.run())
            self._traffic.is_stopping = True
            count = self._traffic.connections
            noun = "connection" if count == 1 else "connections"
            self._note("stopping", f"stopping; closing {count} {noun} with 1001", connections=count)
            await asyncio.gather(*(server.close() for server in servers))
        return ExitCode.OK

    def _warn(self) -> None:
        """Say that others are let in without being asked who they are."""
        if self._asks_who:
            return
        for where in self._addresses:
            warning = None if "unix_path" in where else exposure(where["host"], f"use {self._mode.name}", "--token")
            if warning is not None:
                self._note("warning", warning, host=where["host"])

    def _serve(self, **where: Any) -> Any:
        return serve(
            self._handle,
            **where,
            accept=self._gate.accept,
            http=self._pages.answer,
            tls=self._tls,
            options=self._options,
        )

    async def _handle(self, ws: ServerConnection) -> None:
        traffic, request = self._traffic, ws.request
        if self._given["oneshot"] and traffic.accepted:  # it was let in before the first one was served
            await ws.close(1013, "this server was there for one client")
            return
        traffic.accepted += 1
        traffic.connections += 1
        agreed = f", {ws.subprotocol}" if ws.subprotocol else ""
        self._note("connected", f"{ws.peer} connected, {request.path}{agreed}", peer=ws.peer, path=request.path)
        started_s = time.monotonic()
        client = Client(ws, traffic, self._faults)
        try:
            await self._mode.serve(client)
            await ws.close()
        finally:
            traffic.connections -= 1
            await self._say_farewell(ws, client, time.monotonic() - started_s)
            if self._given["oneshot"]:
                self._stop.ask()

    def _say_refusal(self, remote: str, why: str, status: int) -> None:
        self._note("refused", f"{remote} refused with {status}: {why}", peer=remote, reason=why, status=status)

    async def _say_farewell(self, ws: ServerConnection, client: Client, lasted_s: float) -> None:
        if ws.is_open:  # the handler failed; the wire closes with 1011 and says why
            self._note("failed", f"{ws.peer} could not be served further", peer=ws.peer)
            return
        await ws.wait_closed()
        reason = f" {ws.close_reason}" if ws.close_reason else ""
        self._note(
            "disconnected",
            f"{ws.peer} closed with {ws.close_code}{reason} after {lasted_s:.1f} s, "
            f"{client.received:,} received, {client.sent:,} sent",
            peer=ws.peer,
            code=ws.close_code,
            reason=ws.close_reason,
            seconds=round(lasted_s, 3),
            received=client.received,
            sent=client.sent,
        )


Note = Callable[..., None]


_EVENT_COLORS = {
    "warning": "yellow",
    "listening": "cyan",
    "connected": "green",
    "refused": "yellow",
    "failed": "red",
    "command": "red",
}


def _log(*, is_quiet: bool, as_json: bool) -> Note:
    """Return what writes a line of the log: for people, or as JSON."""

    def note(event: str, sentence: str, **facts: Any) -> None:
        if is_quiet:
            return
        if as_json:
            line = json.dumps({"time": round(time.time(), 6), "event": event, **facts}, ensure_ascii=False)
        else:
            color = _EVENT_COLORS.get(event)
            line = f"{click.style(time.strftime('%H:%M:%S'), dim=True)}  {click.style(sentence, fg=color)}"
        with contextlib.suppress(OSError):  # nobody reads the log any more; the server goes on
            click.echo(line, err=True)

    return note


def _url(server: Server, where: Mapping[str, Any]) -> str:
    return f"ws+unix:{where['unix_path']}" if "unix_path" in where else server.url


@contextlib.contextmanager
def _announced(urls: list[str], given: Mapping[str, Any]) -> Iterator[None]:
    """Tell scripts where the server listens, and take the file away in the end."""
    if given["announce"]:
        for url in urls:
            click.echo(url)
    file: Path | None = given["ready_file"]
    if file is None:
        yield
        return
    try:
        unfinished = file.with_name(f"{file.name}.part")  # whoever waits for the file shall find all of it
        unfinished.write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}", url=str(file)) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
