"""One client of the trading stream: its login in either form, what it listens to, and the updates that it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from wsexample.brokers.alpaca.codes import TRADE_UPDATES
from wsexample.brokers.alpaca.messages.trading import StreamRequest
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.stats import Stats
from wsexample.brokers.alpaca.simulator.switches import Switches
from wsexample.brokers.base.backlog import Backlog
from wsexample.wire.server import ServerConnection

__all__ = ["TradingSocket"]

Verdict = Literal["authorized", "unauthorized", "exceeded"]
_decode = msgspec.json.Decoder(StreamRequest).decode


class TradingSocket:
    """A client's connection.

    Parameters:
        connection: its WebSocket.
        switches: doubtful behaviour.
        stats: where to count.
        backlog: sends; what the vendor does with a client that does not read this stream is not known.
        judge: called with the parts of a login message (key, secret, token); returns the account and the verdict.
    """

    def __init__(
        self,
        connection: ServerConnection,
        *,
        switches: Switches,
        stats: Stats,
        backlog: Backlog,
        judge: Callable[[str | None, str | None, str | None], tuple[SimAccount | None, Verdict]],
    ) -> None:
        self.connection = connection
        self.account: SimAccount | None = None
        """Whose it is, once logged in."""
        self.is_listening = False
        """Whether it gets trade updates."""
        self.is_silent = False
        """Whether it answers nothing, as a fault."""
        self.has_failed_login = False
        """Whether it was refused and is to be closed."""
        self._switches = switches
        self._stats = stats
        self._backlog = backlog
        self._judge = judge

    def receive(self, payload: bytes) -> None:
        """Answer a client's message; what cannot be read is passed over."""
        if self.is_silent:
            return
        try:
            request = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        data = request.data or {}
        match request.action:
            case "auth":
                self._log_in(request.key, request.secret, None)
            case "authenticate":
                self._log_in(data.get("key_id"), data.get("secret_key"), data.get("oauth_token"))
            case "listen":
                self._listen(data.get("streams"))

    def _log_in(self, key: Any, secret: Any, token: Any) -> None:
        account, verdict = self._judge(key, secret, token)
        if verdict == "authorized":
            self._stats.logins += 1
            self.account = account
        else:
            self._stats.refused_logins += 1
            self.has_failed_login = self._switches.close_after_unauthorized
        self.send({"stream": "authorization", "data": {"status": verdict, "action": "authenticate"}})

    def _listen(self, streams: Any) -> None:
        if self.account is None:
            self.send({"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}})
            return
        wanted = streams if isinstance(streams, list) else []
        self.is_listening = TRADE_UPDATES in wanted
        self.send({"stream": "listening", "data": {"streams": [TRADE_UPDATES] if self.is_listening else []}})

    def send(self, message: Any) -> None:
        """Send a message as JSON, in a binary or a text frame."""
        self.send_payload(msgspec.json.encode(message))

    def send_payload(self, payload: bytes) -> None:
        """Send bytes as a message."""
        if self.connection.is_open and not self.is_silent:
            is_text = self._switches.trading_frames == "text"
            message = payload.decode(errors="replace") if is_text else payload
            self._backlog.send(self.connection, message)
