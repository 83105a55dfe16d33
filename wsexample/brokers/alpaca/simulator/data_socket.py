"""One client of a market data stream: its login, its subscriptions, and the frames that it gets.

Which points there are is the market's matter; who else is connected is known to `wsexample.brokers.alpaca.simulator.streams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from wsexample.brokers.alpaca.codes import STREAM_ERRORS, Feed
from wsexample.brokers.alpaca.dialect.topics import WITH_TRADES
from wsexample.brokers.alpaca.messages.market import (
    ClientRequest,
    ErrorMessage,
    SubscriptionMessage,
    SuccessMessage,
    symbols_by_channel,
)
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.assets import is_well_formed
from wsexample.brokers.alpaca.simulator.encoding import Written, joined, written_alone
from wsexample.brokers.alpaca.simulator.listing import Listing
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.switches import Switches
from wsexample.brokers.base.backlog import Backlog
from wsexample.wire.server import ServerConnection

__all__ = ["DataSocket"]

COUNTED = ("trades", "quotes")
"""Stock channels whose symbols count towards the plan's limit (the page's wording of 2023)."""

MOST_SYMBOLS = 200_000
"""Symbols that a connection may have on all its channels, those without a limit included: more than there are; more is 405."""

FURTHER_BEHIND_BYTES = 8 * 1024 * 1024
"""How much more than data may wait as answers, before a client is dropped without a word."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FIELDS = {"updatedBars": "updated_bars", "dailyBars": "daily_bars", "cancelErrors": "cancel_errors"}


class DataSocket:
    """A client's connection.

    Parameters:
        connection: its WebSocket.
        feed: the stream that it has opened.
        is_packed: whether the handshake asked for MessagePack.
        switches: limits and doubtful behaviour.
        stats: where to count.
        backlog: sends.
        admit: called with an account that wants to log in; returns the code of the error that forbids it, None for none.
        find: returns the account of a key and a secret, None when there is none.
        listing_of: returns a symbol of the market.
        now_ns: returns the market's time.
    """

    def __init__(
        self,
        connection: ServerConnection,
        feed: Feed,
        *,
        is_packed: bool,
        switches: Switches,
        stats: Stats,
        backlog: Backlog,
        admit: Callable[[DataSocket, SimAccount], int | None],
        find: Callable[[str | None, str | None], SimAccount | None],
        listing_of: Callable[[str], Listing | None],
        now_ns: Callable[[], int],
    ) -> None:
        self.connection = connection
        self.feed = feed
        self.account: SimAccount | None = None
        """Whose it is, once logged in."""
        self.is_silent = False
        """Whether it answers nothing, as a fault."""
        self.has_failed_login = False
        """Whether it was refused and is to be closed."""
        self._is_packed = is_packed
        self._switches = switches
        self._stats = stats
        self._backlog = backlog
        self._admit = admit
        self._find = find
        self._listing_of = listing_of
        self._now_ns = now_ns
        self._channels: dict[str, set[str]] = {}

    # -- logging in ----------------------------------------------------------------------------------------------

    def welcome(self) -> None:
        """Say that the connection is open."""
        self.send_control(SuccessMessage("connected"))

    def log_in(self, account: SimAccount | None) -> None:
        """Accept or refuse a login."""
        if account is None:
            self._stats.refused_logins += 1
            self.refuse(402)
            return
        if self.feed.needs_msgpack and not self._is_packed:
            self.refuse(412)
            return
        code = self._admit(self, account)
        if code is not None:
            self._stats.refused_logins += 1
            self.refuse(code)
            return
        self._stats.logins += 1
        self.account = account
        self.send_control(SuccessMessage("authenticated"))

    def refuse(self, code: int) -> None:
        """Send an error; whether the connection is closed after it is a switch."""
        self._stats.errors_sent[code] += 1
        self.send_control(ErrorMessage(code, STREAM_ERRORS[code].words))
        if code in (402, 409, 411, 412):
            self.has_failed_login = self._switches.close_after_auth_failed

    # -- requests ------------------------------------------------------------------------------------------------

    def receive(self, payload: bytes, is_binary: bool) -> None:
        """Answer a client's message."""
        if self.is_silent:
            return
        decode: Any = msgspec.msgpack.decode if is_binary else msgspec.json.decode
        try:
            request = decode(payload, type=ClientRequest)
        except _UNREADABLE:
            self.refuse(400)
            return
        if request.action == "auth":
            if self.account is not None:
                self.refuse(403)
            else:
                self.log_in(self._find(request.key, request.secret))
        elif request.action in ("subscribe", "unsubscribe"):
            if self.account is None:
                self.refuse(401)
            else:
                self._change(request)
        else:
            self.refuse(400)

    def _change(self, request: ClientRequest) -> None:
        asked = symbols_by_channel(request)
        limit = self._switches.symbols_per_request
        if limit:
            asked = {channel: symbols[:limit] for channel, symbols in asked.items()}
        code = self._complaint(request.action, asked)
        if code is not None:
            self.refuse(code)
            return
        before = set(self._channels.get("orderbooks", ()))
        for channel, symbols in asked.items():
            wanted = self._channels.setdefault(channel, set())
            if request.action == "subscribe":
                wanted.update(symbols)
            else:
                wanted.difference_update(symbols)
        self._acknowledge()
        self._send_books(self._channels.get("orderbooks", set()) - before)

    def _complaint(self, action: str, asked: dict[str, list[str]]) -> int | None:
        """Return the code of the error with which a request is refused."""
        if not asked:
            return 400
        if any(channel not in self.feed.channels for channel in asked):
            return 410
        kind = "test" if self.feed.path == "/v2/test" else self.feed.kind
        if any(not is_well_formed(symbol, kind) for symbols in asked.values() for symbol in symbols):
            return 400
        if action == "unsubscribe":
            return None
        if self.feed.kind == "option" and "*" in asked.get("quotes", ()):
            return 413
        return 405 if self._is_too_much(asked) else None

    def _is_too_much(self, asked: dict[str, list[str]]) -> bool:
        def after(channel: str) -> set[str]:
            return self._channels.get(channel, set()) | set(asked.get(channel, ()))

        if sum(map(len, [*self._channels.values(), *asked.values()])) > MOST_SYMBOLS:
            return True
        switches, kind = self._switches, self.feed.kind
        if kind == "stock" and self.feed.path != "/v2/test" and switches.stock_symbols:
            symbols = set().union(*(after(channel) for channel in COUNTED)) - {"*"}
            return len(symbols) > switches.stock_symbols
        if kind == "option" and switches.option_quote_symbols:
            return len(after("quotes")) > switches.option_quote_symbols
        if kind == "crypto" and switches.book_symbols:
            return len(after("orderbooks") - {"*"}) > switches.book_symbols
        return False

    def _acknowledge(self) -> None:
        message = SubscriptionMessage()
        for channel in self.feed.channels:
            setattr(message, _FIELDS.get(channel, channel), sorted(self._channels.get(channel, ())))
        if self.feed.kind == "stock":
            for channel in WITH_TRADES:
                setattr(message, _FIELDS.get(channel, channel), sorted(self._channels.get("trades", ())))
        self.send_control(message)

    def _send_books(self, symbols: Iterable[str]) -> None:
        for symbol in sorted(symbols):
            listing = self._listing_of(symbol)
            if listing is not None:
                self._send(written_alone(listing.whole_book(self._now_ns()), self._is_packed))

    # -- frames --------------------------------------------------------------------------------------------------

    def wants(self, written: Written) -> bool:
        """Return whether this client has subscribed to a point."""
        point = written.point
        kind = "test" if self.feed.path == "/v2/test" else self.feed.kind
        if point.kind != kind or self.account is None:
            return False
        symbols = self._channels.get("trades" if point.channel in WITH_TRADES else point.channel)
        if not symbols:
            return False
        return "*" in symbols or any(symbol in symbols for symbol in point.symbols)

    def send_points(self, points: list[Written]) -> bool:
        """Send points in one frame; returns False when the client is too slow for that."""
        if self.connection.write_buffer_bytes > self._switches.send_buffer_bytes:
            return False
        self._send(joined([point.encoded(self._is_packed) for point in points], self._is_packed))
        self._stats.frames += 1
        for point in points:
            self._stats.points_sent[point.point.channel] += 1
        return True

    def send_control(self, message: Any) -> None:
        """Send a control message, alone in its frame."""
        if not self.is_silent:
            self._send(written_alone(message, self._is_packed))

    def send_text(self, text: str) -> None:
        """Send any text.

        Parameters:
            text: the frame.
        """
        self._send(text)

    def _send(self, frame: str | bytes) -> None:
        self._backlog.send(self.connection, frame, self._switches.send_buffer_bytes + FURTHER_BEHIND_BYTES)
