"""Trade events over HTTP (server-sent events): history from a moment or an event on, then what happens, until a moment.

Who may use it is a switch: the documentation names broker accounts only, an official SDK uses it for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from wsexample.brokers.alpaca.dialect.times import TextTimes
from wsexample.brokers.alpaca.messages.trading import TradeUpdateMessage
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.checks import Refusal
from wsexample.brokers.alpaca.simulator.desk import Call, parse_time
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.switches import Switches
from wsexample.ports import Clock

__all__ = ["EVENTS_PATH", "EventStreams"]

EVENTS_PATH = "/v2/events/trades"
HEARTBEAT_S = 5.0
POLL_S = 0.02


class EventStreams:
    """Serves event streams.

    Parameters:
        switches: whether it may be used, and what ``since_id`` includes.
        stats: where to count.
        clock: paces it.
        now_ns: returns the time that the simulator believes it is.
    """

    def __init__(self, switches: Switches, stats: Stats, clock: Clock, now_ns: Callable[[], int]) -> None:
        self._switches = switches
        self._stats = stats
        self._clock = clock
        self._now_ns = now_ns
        self.drop_next = 0
        """Events that will be left out and announced by a comment, as happens to slow readers."""
        self.break_after: int | None = None
        """After how many events the next stream breaks off."""

    async def serve(
        self, request: web.BaseRequest, call: Call, account: SimAccount, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Answer a request for the stream."""
        if call.method != "GET":
            return web.json_response({"message": "method not allowed"}, status=405)
        if not self._switches.events_over_http:
            return web.json_response({"message": "forbidden."}, status=403, headers=headers)
        try:
            first, until_ns, until_id = self._range(call, account)
        except Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.http_status, headers=headers)
        self._stats.event_streams += 1
        response = web.StreamResponse(
            headers={**headers, "Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        try:
            await self._send(request, response, account, first, until_ns, until_id)
        except (ConnectionResetError, asyncio.CancelledError):
            return response
        if request.transport is not None and not request.transport.is_closing():
            await response.write_eof()
        return response

    def _range(self, call: Call, account: SimAccount) -> tuple[int, int | None, str | None]:
        """Return the number of the first event to send, and until when or until which."""
        query = call.query
        since, until = parse_time(query.get("since"), "since"), parse_time(query.get("until"), "until")
        since_id, until_id = query.get("since_id"), query.get("until_id")
        has_times, has_ids = bool(since or until), bool(since_id or until_id)
        if has_times and has_ids:
            raise Refusal(400, 40010001, "since/until and since_id/until_id cannot be mixed")
        if (until is not None and since is None) or (until_id and not since_id):
            raise Refusal(400, 40010001, "until requires since")
        updates = account.updates
        if since is None and not since_id:
            return updates.total, None, None
        times = TextTimes()
        for place, update in enumerate(updates, start=updates.first):
            if since is not None:
                if _recorded_ns(times, update) >= since:
                    return _from(place, updates.first), until, until_id
            elif update.event_id == since_id:
                return place + (not self._switches.inclusive_since_id), until, until_id
            elif since_id and str(update.event_id) >= since_id:
                return _from(place, updates.first), until, until_id
        return updates.total, until, until_id

    async def _send(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        account: SimAccount,
        place: int,
        until_ns: int | None,
        until_id: str | None,
    ) -> None:
        times = TextTimes()
        sent, heard_s = 0, self._clock.monotonic_s()
        await response.write(b":heartbeat\n\n")
        while True:
            updates = account.updates
            while place < updates.total:
                if place < updates.first:  # forgotten, before the reader asked or while it took its time
                    await response.write(_too_slow(updates.first - place))
                    place = updates.first
                    continue
                update = updates[place - updates.first]
                place += 1
                if until_ns is not None and _recorded_ns(times, update) > until_ns:
                    return
                if until_id is not None and str(update.event_id) > until_id:
                    return
                if self.drop_next > 0:
                    await response.write(_too_slow(self.drop_next))
                    self.drop_next -= 1
                    continue
                if self.break_after is not None and sent >= self.break_after:
                    self.break_after = None
                    if request.transport is not None:
                        request.transport.abort()
                    raise ConnectionResetError
                await response.write(b"data: " + _written(update, account) + b"\n\n")
                sent += 1
            if until_ns is not None and self._now_ns() > until_ns:
                return
            if until_id is not None and updates and str(updates[-1].event_id) >= until_id:
                return
            await self._clock.sleep(POLL_S)
            if self._clock.monotonic_s() - heard_s > HEARTBEAT_S:
                heard_s = self._clock.monotonic_s()
                await response.write(b":heartbeat\n\n")


def _from(place: int, first: int) -> int:
    """Return where to begin: at the very first event, forgotten or not, when what was asked for begins before those kept."""
    return 0 if place == first else place


def _too_slow(count: int) -> bytes:
    return b": you are reading too slowly, dropped %d messages\n\n" % count


def _recorded_ns(times: TextTimes, update: TradeUpdateMessage) -> int:
    return (times.ns(update.at) if isinstance(update.at, str) else None) or 0


def _written(update: TradeUpdateMessage, account: SimAccount) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(update, account_id=account.account_id))
