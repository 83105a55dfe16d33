"""The echo test of ``wseclient``: a message every second, the answers with their round-trip times, a summary in the end."""

from __future__ import annotations

import asyncio
import sys
import time

import click

from wsexample.cli.client.round_trips import RoundTrips, format_duration
from wsexample.cli.exit_codes import ExitCode
from wsexample.cli.running import Stop, say
from wsexample.cli.terminal import escape_controls
from wsexample.wire.connection import Connection, connect
from wsexample.wire.masking import mask_url
from wsexample.wire.options import ConnectOptions

__all__ = ["check_echo"]

LAST_ECHO_S = 5.0
"""How long the answers to the last messages are waited for, once all have been sent."""


async def check_echo(
    options: ConnectOptions, stop: Stop, *, interval_s: float = 1.0, count: int | None = None, is_quiet: bool = False
) -> int:
    """Test an echo server until the user stops it or ``count`` messages came back.

    Parameters:
        options: where and how to connect.
        stop: watched all the time; the closing handshake follows.
        interval_s: seconds between messages.
        count: messages to send, None for no end.
        is_quiet: whether connecting and the summary go without saying.

    Returns:
        The exit status: `ExitCode.TIMEOUT` when a message did not come back, else that of ``stop``.

    Raises:
        WsExampleError: the connection could not be made, or ended otherwise than with 1000 or 1001.
    """
    trips = RoundTrips()
    try:
        async with connect(options) as ws:
            if not is_quiet:
                say(f"connected to {mask_url(options.url)}; Ctrl-C ends the test", color="green")
            await stop.race(_converse(ws, trips, interval_s, count))
            if ws.closed_by_peer and not is_quiet:
                words = f": {ws.close_reason}" if ws.close_reason else ""
                say(f"the server closed the connection with {ws.close_code}{words}", color="yellow")
    finally:
        if not is_quiet and trips.sent:
            say(trips.summary())
    if count is not None and trips.lost and not stop.is_asked:
        return ExitCode.TIMEOUT
    return stop.exit_code


async def _converse(ws: Connection, trips: RoundTrips, interval_s: float, count: int | None) -> None:
    """Send and receive side by side until the server closes, every answer is here, or no more are to be expected."""
    sender = asyncio.ensure_future(_send(ws, trips, interval_s, count))
    receiver = asyncio.ensure_future(_receive(ws, trips, count))
    try:
        await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
        if sender.done() and not receiver.done() and sender.exception() is None:
            return  # the last answers were given their time
        await receiver  # it alone knows how the connection ended
    finally:
        for task in (sender, receiver):
            task.cancel()
        await asyncio.gather(sender, receiver, return_exceptions=True)


async def _send(ws: Connection, trips: RoundTrips, interval_s: float, count: int | None) -> None:
    started_s = time.monotonic()
    number = 0
    while count is None or number < count:
        number += 1
        message = f"test message {number}"
        trips.note_sent(message, time.perf_counter())
        await ws.send(message)
        await asyncio.sleep(max(0.0, started_s + number * interval_s - time.monotonic()))
    await asyncio.sleep(LAST_ECHO_S)


async def _receive(ws: Connection, trips: RoundTrips, count: int | None) -> None:
    async for message in ws:
        _show(message, trips.note_received(message, time.perf_counter()))
        if count is not None and trips.echoed >= count:
            return


def _show(message: str | bytes, trip_s: float | None) -> None:
    text = message if isinstance(message, str) else message.hex(" ")
    if sys.stdout.isatty():
        text = escape_controls(text)
    if trip_s is None:
        click.echo(text)
    else:
        click.echo(f"{text:<20}{click.style(f'{format_duration(trip_s):>8}', fg='cyan')}")
