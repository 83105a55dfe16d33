"""What can be done to a running simulator on command: faults of connections, updates and REST, the market, orders.

Methods of `AlpacaSimulator`, and by name of its control endpoint.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from wsexample.brokers.alpaca.dialect.orders import decimal_of
from wsexample.brokers.alpaca.simulator.accounts import SimAccount
from wsexample.brokers.alpaca.simulator.data_socket import DataSocket
from wsexample.brokers.alpaca.simulator.event_stream import EventStreams
from wsexample.brokers.alpaca.simulator.exchange import Exchange
from wsexample.brokers.alpaca.simulator.flow import FillFlow
from wsexample.brokers.alpaca.simulator.http import HttpSide
from wsexample.brokers.alpaca.simulator.interventions import Interventions
from wsexample.brokers.alpaca.simulator.market import Market
from wsexample.brokers.alpaca.simulator.streams import Streams
from wsexample.brokers.base.control import check_status
from wsexample.errors import OptionError
from wsexample.ports import Clock
from wsexample.wire.closing import check_close

__all__ = ["Commands"]

S = 10**9
LONGEST_ARTICLE = 64 * 1024 * 1024


class Commands(ABC):
    """The commands; the simulator provides what they act on."""

    account: SimAccount
    """The account of the key that the simulator shows."""
    exchange: Exchange
    """Where orders meet."""
    market: Market
    """What prices do."""
    streams: Streams
    """Who listens."""
    _clock: Clock
    _events: EventStreams
    _http: HttpSide
    _seed: int
    _skew_ns: int

    def __init__(self) -> None:
        self._interventions = Interventions(self.exchange)
        self._flows: list[FillFlow] = []
        self._ends: dict[str, asyncio.Task[Any]] = {}

    def commands(self) -> dict[str, Callable[..., Any]]:
        """Return everything that can be done on command, by name."""
        found = (name for name, value in vars(Commands).items() if callable(value) and not name.startswith("_"))
        return {name: getattr(self, name) for name in found if name not in ("commands", "account_of")}

    @abstractmethod
    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine beside, and end it with the simulator."""

    def _undo_later(self, name: str, duration_s: float | None, undo: Callable[[], None]) -> None:
        before = self._ends.pop(name, None)
        if before is not None:
            before.cancel()
        if duration_s is not None:
            self._ends[name] = self._in_background(self._later(duration_s, undo))

    async def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        await self._clock.sleep(delay_s)
        action()

    # -- faults: connections -----------------------------------------------------------------------------------

    def reset(self, stream: str = "all") -> None:
        """Cut connections with a TCP reset: "trading", "data" or "all".

        Parameters:
            stream: whose; all by default.
        """
        self.streams.reset(stream)

    def close_streams(self, code: int = 1000, reason: str = "", stream: str = "all") -> None:
        """Close connections with a code; raises `OptionError` for one that may not be sent.

        Parameters:
            code: close code (RFC 6455 section 7.4), 1000 by default.
            reason: its words, at most 123 bytes of UTF-8.
            stream: "trading", "data" or "all" (default).
        """
        check_close(code, reason)
        for socket in self.streams.sockets(stream):
            socket.connection.start_close(code, reason)

    def internal_error(self, stream: str = "all") -> None:
        """Tell of an internal error and close.

        Parameters:
            stream: "trading", "data" or "all" (default).
        """
        self.streams.fail(stream)

    def half_open(self, stream: str = "all") -> None:
        """Let connections go silent for good, pings unanswered, as if a cable had been pulled.

        Parameters:
            stream: "trading", "data" or "all" (default).
        """
        for socket in self.streams.sockets(stream):
            socket.is_silent = True
            socket.connection.play_dead()

    def mute(self, duration_s: float | None = None) -> None:
        """Send no data and no updates while pongs go on; for so many seconds, or until `unmute`.

        Parameters:
            duration_s: how long, seconds of the simulator's clock; None (default) until `unmute`.
        """
        self.streams.is_muted = True
        self._undo_later("mute", duration_s, self.unmute)

    def unmute(self) -> None:
        """Send data and updates again."""
        self.streams.is_muted = False

    def mute_symbol(self, symbol: str, is_muted: bool = True) -> None:
        """Send nothing of one symbol, or send it again.

        Parameters:
            symbol: which one; raises KeyError when it is not listed.
            is_muted: False to send it again.
        """
        self.market.listings[symbol].is_muted = is_muted

    def refuse_handshakes(self, status: int = 429, count: int = 1) -> None:
        """Answer the next handshakes with an HTTP status.

        Parameters:
            status: 400 to 599; 0 for none any more.
            count: how many handshakes, in place of what is left of an earlier call.

        Raises:
            OptionError: another status.
        """
        self.streams.refusal = (check_status(status), count if status else 0)

    def silent_auth(self, duration_s: float | None = None) -> None:
        """Answer nothing on new connections; for so many seconds, or until `answer_again`.

        Parameters:
            duration_s: how long, seconds of the simulator's clock; None (default) until `answer_again`.
        """
        self.streams.is_silent = True
        self._undo_later("silent", duration_s, self.answer_again)

    def answer_again(self) -> None:
        """Answer on new connections again."""
        self.streams.is_silent = False

    def revoke(self, key_id: str = "") -> None:
        """Refuse the credentials of an account from now on, the first one's by default.

        Parameters:
            key_id: the account's key; "" for the first account.

        Raises:
            OptionError: there is no such account.
        """
        self.account_of(key_id).is_revoked = True

    def restore(self, key_id: str = "") -> None:
        """Take revoked credentials again.

        Parameters:
            key_id: the account's key; "" (default) for the first account.

        Raises:
            OptionError: there is no such account.
        """
        self.account_of(key_id).is_revoked = False

    def block_account(self, is_blocked: bool = True, key_id: str = "") -> None:
        """Let an account place no orders, or let it again.

        Parameters:
            is_blocked: False to let it place orders again.
            key_id: the account's key; "" (default) for the first account.

        Raises:
            OptionError: there is no such account.
        """
        self.account_of(key_id).is_blocked = is_blocked

    def slow_client(self) -> None:
        """Treat every market data client as too slow: 407 and the end."""
        for socket in self.streams.sockets("data"):
            if isinstance(socket, DataSocket):
                self.streams.cut_slow(socket)

    def forget_lost_connections(self) -> None:
        """Free the places of lost connections now instead of after 90 s."""
        self.streams.forget_lost_connections()

    def stop_streams(self, duration_s: float, status: int = 502) -> None:
        """Cut every stream and refuse new ones for so many seconds, while the exchange goes on.

        Parameters:
            duration_s: how long, seconds of the simulator's clock.
            status: HTTP status of the refusals, 400 to 599; 0 for no refusals.

        Raises:
            OptionError: another status.
        """
        self.streams.refusal = (check_status(status), 1_000_000 if status else 0)
        self.streams.reset("all")
        self._undo_later("stop_streams", duration_s, lambda: setattr(self.streams, "refusal", (0, 0)))

    def send_raw(self, text: str, stream: str = "all") -> None:
        """Send any text to clients.

        Parameters:
            text: what is sent: as a binary frame on the trading stream, as a text frame on market data streams.
            stream: "trading", "data" or "all" (default).
        """
        self.streams.send_raw(text.encode(), stream)

    # -- faults: updates, REST, time -----------------------------------------------------------------------------

    def drop_updates(self, count: int = 1) -> None:
        """Lose the next trade updates on the way.

        Parameters:
            count: how many (default 1), added to those still to be lost.
        """
        self.streams.faults.drop_next += count

    def double_updates(self, count: int = 1) -> None:
        """Send the next trade updates twice.

        Parameters:
            count: how many (default 1), added to those still to be doubled.
        """
        self.streams.faults.double_next += count

    def reorder_updates(self, count: int = 1) -> None:
        """Send so many of the next trade updates behind the one after them.

        Parameters:
            count: how many (default 1), added to those still to be put behind.
        """
        self.streams.faults.reorder_next += count

    def delay_updates(self, delay_s: float) -> None:
        """Send trade updates late from now on; 0 for in time.

        Parameters:
            delay_s: how late, seconds of the simulator's clock.
        """
        self.streams.faults.delay_s = delay_s

    def odd_update(self, kind: str) -> None:
        """Let the next update look odd: unknown_event, unknown_status, unknown_field, null_order, bad_json, one_byte."""
        self.streams.faults.odd_next(kind)

    def rest_fault(self, status: int = 502, count: int = 1) -> None:
        """Answer the next REST calls with an HTTP status and a page of HTML.

        Parameters:
            status: 400 to 599; 0 for none any more.
            count: how many calls, in place of what is left of an earlier fault.

        Raises:
            OptionError: another status.
        """
        self._http.fault = (check_status(status), count if status else 0)

    def storm_429(self, duration_s: float) -> None:
        """Answer every REST call with 429 for so many seconds.

        Parameters:
            duration_s: how long, seconds of the simulator's clock.
        """
        self._http.storm_until_s = self._clock.monotonic_s() + duration_s

    def slow_rest(self, delay_s: float) -> None:
        """Answer REST calls late from now on; 0 for at once.

        Parameters:
            delay_s: how late, seconds of the simulator's clock.
        """
        self._http.delay_s = delay_s

    def break_event_stream(self, after: int = 0) -> None:
        """Let the next event stream over HTTP break off after so many events."""
        self._events.break_after = after

    def drop_events(self, count: int = 1) -> None:
        """Leave the next events out of the event stream over HTTP, and say so in a comment.

        Parameters:
            count: how many (default 1), added to those still to be left out.
        """
        self._events.drop_next += count

    def skew_clock(self, seconds: float) -> None:
        """Let the simulator believe that it is later by so many seconds, or earlier; nothing happens in between."""
        by_ns = round(seconds * S)
        self._skew_ns += by_ns
        self.market.shift(by_ns)
        self.exchange.shift(by_ns)
        for flow in self._flows:
            flow.shift(by_ns)

    # -- the market ------------------------------------------------------------------------------------------------

    def halt(self, symbol: str, reason: str = "T1") -> None:
        """Halt a symbol, with status, price band and imbalance.

        Parameters:
            symbol: which one; raises KeyError when it is not listed.
            reason: the status's code for it: "T1" (news pending, default), "LUDP" (volatility) or any other.
        """
        self.market.halt(symbol, reason)

    def resume(self, symbol: str) -> None:
        """Let a halted symbol trade again."""
        self.market.resume(symbol)

    def shock(self, symbol: str, fraction: float) -> None:
        """Change what a symbol is worth by a fraction, such as -0.05."""
        self.market.shock(symbol, fraction)

    def correct_trade(self, symbol: str, price: float) -> None:
        """Put the price of the newest trade of a symbol right."""
        self.market.correct_trade(symbol, price)

    def cancel_trade(self, symbol: str) -> None:
        """Take the newest trade of a symbol back."""
        self.market.cancel_trade(symbol)

    def publish_news(self, headline: str, symbols: str = "", content_bytes: int = 0) -> None:
        """Publish an article about some symbols; of any size, also above 1 MiB.

        Parameters:
            headline: its title.
            symbols: whom it concerns, separated by commas or spaces; "" (default) for nobody.
            content_bytes: length of its text, bytes: 0 (default) to 64 MiB.

        Raises:
            OptionError: a longer or a negative length.
        """
        if not 0 <= content_bytes <= LONGEST_ARTICLE:
            raise OptionError(
                f"content_bytes must be 0 to {LONGEST_ARTICLE}, not {content_bytes}", option="content_bytes"
            )
        names = tuple(symbols.replace(",", " ").split())
        self.market.publish_news(headline, names, "x" * content_bytes)

    def close_market(self) -> None:
        """Close the stock market: what waits for the close is filled, orders of the day expire."""
        self.market.close_stocks()
        self.exchange.close_market()

    def open_market(self) -> None:
        """Open the stock market: what waits for the open is put to work."""
        self.market.open_stocks()
        self.exchange.open_market()

    # -- orders ----------------------------------------------------------------------------------------------------

    def force(self, order_id: str, event: str, reason: str = "") -> None:
        """Let any event happen to an order.

        Parameters:
            order_id: the order's identifier, or the client's.
            event: name of the event as the vendor spells it, such as "suspended".
            reason: the words that the update carries; "" (default) for none.

        Raises:
            OptionError: there is no such order or event, or the event needs an execution.
        """
        self._interventions.force(order_id, event, reason)

    def fill_order(self, order_id: str, size: str = "", price: str = "") -> None:
        """Fill an order whatever the market says.

        Parameters:
            order_id: the order's identifier, or the client's.
            size: how much; "" (default) for what is left, which is also the most.
            price: at what price; "" (default) for the best of the other side.

        Raises:
            OptionError: there is no such order, it is closed, or size or price is no number above zero.
        """
        self._interventions.fill_order(
            order_id, _amount("size", size) if size else None, _amount("price", price) if price else None
        )

    def bust(self, execution_id: str, reason: str = "TRADE_BUST") -> None:
        """Take an execution back.

        Parameters:
            execution_id: the execution's identifier, as its update carries it.
            reason: the words that the update ``trade_bust`` carries.

        Raises:
            OptionError: there is no such execution.
        """
        self._interventions.bust(execution_id, reason)

    def correct_execution(self, execution_id: str, price: str) -> None:
        """Put the price of an execution right.

        Parameters:
            execution_id: the execution's identifier, as its update carries it.
            price: the right price.

        Raises:
            OptionError: there is no such execution, or the price is no number above zero.
        """
        self._interventions.correct_execution(execution_id, _amount("price", price))

    def start_fills(self, count: int, per_s: float, symbols: str = "AAPL MSFT NVDA", key_id: str = "") -> FillFlow:
        """Let so many executions happen to an account, so many a second.

        Parameters:
            count: how many executions in all, each of one share.
            per_s: how many a second of market time.
            symbols: what is traded, separated by spaces; raises KeyError when one is not listed.
            key_id: the account's key; "" (default) for the first account.

        Returns:
            The flow, which counts and names the executions.

        Raises:
            OptionError: there is no such account, or no symbol.
        """
        account = self.account_of(key_id)
        flow = FillFlow(self.exchange, account, tuple(symbols.split()), count, per_s, self._seed)
        self._flows.append(flow)
        return flow

    def account_of(self, key_id: str) -> SimAccount:
        """Return an account by its key.

        Parameters:
            key_id: the account's key; "" for the first account.

        Raises:
            OptionError: there is no such account.
        """
        if not key_id:
            return self.account
        if key_id not in self.exchange.accounts:
            raise OptionError(f"there is no account {key_id!r}", option="key_id")
        return self.exchange.accounts[key_id]


def _amount(name: str, text: str) -> Decimal:
    """Read an amount that is more than zero."""
    value = decimal_of(text)
    if value is None or value <= 0:
        raise OptionError(f"{name} must be a number above zero, not {text!r}", option=name)
    return value
