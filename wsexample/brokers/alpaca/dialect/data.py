"""`AlpacaDataDialect`: the market data streams' language: log in, subscribe, verify what is delivered, read everything.

What a data message means is in `wsexample.brokers.alpaca.dialect.market`; here are logins, subscriptions and errors.

Source: Alpaca's pages on real-time stock, crypto, option and news data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from wsexample.brokers.alpaca.codes import CONNECTION_LIMIT_WAIT_S, FEEDS, STREAM_ERRORS, VENUE, StreamError
from wsexample.brokers.alpaca.dialect.books import Books
from wsexample.brokers.alpaca.dialect.hours import is_regular_session
from wsexample.brokers.alpaca.dialect.kept import Kept, Remainder
from wsexample.brokers.alpaca.dialect.market import Control, MarketDecoder
from wsexample.brokers.alpaca.dialect.quotes import read_packed, read_text
from wsexample.brokers.alpaca.dialect.topics import spell, split_topic
from wsexample.brokers.alpaca.messages.market import (
    ErrorMessage,
    SubscriptionMessage,
    SuccessMessage,
    symbols_by_channel,
)
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    OptionError,
    RateLimitError,
    UnknownSymbolError,
)
from wsexample.ports import NOTHING, Dialect, Failure, Silence, Step

if TYPE_CHECKING:
    from wsexample.brokers.alpaca.credentials import AlpacaCredentials

__all__ = ["AlpacaDataDialect", "Codec", "stream_error"]

Codec = Literal["json", "msgpack"]

BOOKS_PAUSE_NS = 5 * 10**9
"""Least time between two requests for books that are broken."""
SYMBOLS_PER_REQUEST = 100
"""Symbols asked for in one message, as the C# SDK does: larger requests were cut off or lost symbols (C# 422, 763)."""


@dataclass(slots=True)
class _Request:
    """A subscription on its way: the server answers each with the whole set or with an error, in order."""

    action: str
    topics: tuple[str, ...]


def stream_error(code: int, words: str) -> tuple[BrokerError, StreamError | None]:
    """Return the error of a stream's error message, and its row of the table; an unknown code is worth a retry.

    Parameters:
        code: the vendor's number.
        words: the vendor's words.
    """
    row = STREAM_ERRORS.get(code)
    if row is None:
        return BrokerUnavailableError(f"Alpaca: {words} ({code})", venue=VENUE, code=code, words=words), None
    facts: dict[str, Any] = {"venue": VENUE, "code": code, "words": words, "is_final": row.is_final}
    sentence = f"Alpaca: {words or row.words} ({code}); {row.what_to_do}"
    if row.error is RateLimitError:
        return RateLimitError(sentence, wait_s=CONNECTION_LIMIT_WAIT_S, **facts), row
    return row.error(sentence, **facts), row


class AlpacaDataDialect(Dialect):
    """A market data stream.

    Parameters:
        credentials: key and secret, or a token; None where the handshake carries them already.
        feed: a name of `wsexample.brokers.alpaca.codes.FEEDS` (default "iex").
        codec: "msgpack" or "json", as the handshake says (default "msgpack", which is smaller and faster to read).
        stale_after_s: seconds without a message after which the connection counts as dead although pongs flow; for
            stocks it counts in the regular session only. None for never (default): a quiet symbol is no fault.
        keep: unreadable and unknown messages kept, the newest (default 32).

    Raises:
        OptionError: there is no such feed, or it does not speak this codec.
    """

    venue = VENUE

    def __init__(
        self,
        credentials: AlpacaCredentials | None = None,
        *,
        feed: str = "iex",
        codec: Codec = "msgpack",
        stale_after_s: float | None = None,
        keep: int = 32,
    ) -> None:
        if feed not in FEEDS:
            raise OptionError(f"there is no feed {feed!r}; there are {', '.join(FEEDS)}", option="feed")
        if codec not in ("json", "msgpack"):
            raise OptionError(f"codec must be 'msgpack' or 'json', not {codec!r}", option="codec")
        if codec == "json" and FEEDS[feed].needs_msgpack:
            raise OptionError(f"the feed {feed} speaks msgpack only", option="codec")
        if stale_after_s is not None and not stale_after_s > 0:
            raise OptionError(f"stale_after_s must be more than zero, not {stale_after_s!r}", option="stale_after_s")
        self.feed = FEEDS[feed]
        """What is known of the feed."""
        self.remainder = Remainder(keep)
        """What could not be read, and names that are not known."""
        self.books = Books()
        """Crypto order books."""
        self.subscribed: dict[str, frozenset[str]] = {}
        """Channel -> symbols that the server says it delivers now."""
        self.errors = 0
        """Error messages of the server that concerned nothing that was asked for."""
        self._credentials = credentials
        self._speaks_packed = codec == "msgpack"
        self._decoders = {
            True: MarketDecoder("msgpack", self.remainder, self.books),
            False: MarketDecoder("json", self.remainder, self.books),
        }
        self._silence = Silence(message_s=stale_after_s)
        self._is_logged_in = False
        self._asked_ns = -BOOKS_PAUSE_NS
        self._requests: deque[_Request] = deque()

    # -- what was not read ---------------------------------------------------------------------------------------

    @property
    def unreadable(self) -> int:
        """Messages that could not be read."""
        return self.remainder.unreadable

    @property
    def kept(self) -> deque[Kept]:
        """The newest messages that could not be read or are not known."""
        return self.remainder.kept

    # -- a connection --------------------------------------------------------------------------------------------

    def start(self) -> Step:
        """Begin on a fresh connection; the server speaks first."""
        self._is_logged_in = False
        self._requests.clear()
        self.subscribed = {}
        self.books.clear()
        return NOTHING

    def receive(self, payload: bytes, is_binary: bool, received_ns: int) -> Step:
        """Read one frame.

        Parameters:
            payload: the bytes of the message.
            is_binary: whether it came as a binary message.
            received_ns: when it arrived, UTC epoch nanoseconds.
        """
        quotes = read_packed(payload, received_ns) if is_binary else read_text(payload, received_ns)
        if quotes is not None:  # most frames by far
            return Step(quotes)
        records, controls = self._decoders[is_binary].decode(payload, received_ns)
        replies = self._ask_for_books(received_ns) if self.books.unasked else ()
        if not controls:
            return Step(records, replies)
        steps = [self._control(control, is_binary) for control in controls]
        return _joined([Step(records, replies), *steps])

    def _ask_for_books(self, now_ns: int) -> Sequence[str | bytes]:
        """Ask anew for books that were let go of: whole ones come after subscribing; now and then, whatever the server sends."""
        delivered = self.subscribed.get("orderbooks", frozenset())
        wanted = sorted(delivered & self.books.unasked) or sorted(delivered & {"*"})
        if not wanted or 0 <= now_ns - self._asked_ns < BOOKS_PAUSE_NS:
            return ()
        self._asked_ns = now_ns
        self.books.unasked.clear()
        topics = tuple(spell("orderbooks", symbol) for symbol in wanted)
        return [self._request("unsubscribe", topics), self._request("subscribe", topics)]

    def _control(self, control: Control, is_binary: bool) -> Step:
        match control:
            case SuccessMessage(msg="connected"):
                self._speaks_packed = is_binary  # what the server speaks, whatever the handshake asked for
                return self._log_in()
            case SuccessMessage(msg="authenticated"):
                return self._logged_in()
            case SubscriptionMessage():
                return self._acknowledged(control)
            case ErrorMessage(code=code, msg=words):
                return self._refused(code, words)
        return NOTHING

    # -- logging in ----------------------------------------------------------------------------------------------

    def _log_in(self) -> Step:
        if self._credentials is None:
            return NOTHING
        return Step(replies=[self._encoded({"action": "auth", **self._credentials.message_pair()})])

    def _logged_in(self) -> Step:
        if self._is_logged_in:
            return NOTHING
        self._is_logged_in = True
        return Step(phase="subscribing")

    def _refused(self, code: int, words: str) -> Step:
        error, row = stream_error(code, words)
        if code == 403 and not self._is_logged_in:  # "already authenticated": by headers, most likely
            return self._logged_in()
        if row is not None and row.ends:
            return Step(failure=Failure(error, error.is_final))
        if not self._is_logged_in:
            return Step(failure=Failure(error, error.is_final))
        if self._requests and code != 403:
            return self._request_refused(code, error)
        self.errors += 1
        return NOTHING

    # -- subscriptions -------------------------------------------------------------------------------------------

    def subscribe(self, topics: Iterable[str]) -> Step:
        """Ask for topics, at most 100 symbols in a message; each is confirmed once the server names it.

        Raises:
            OptionError: a text is no topic of this feed.
        """
        topics = tuple(dict.fromkeys(topics))
        for topic in topics:
            split_topic(topic, self.feed)
        chunks = [topics[at : at + SYMBOLS_PER_REQUEST] for at in range(0, len(topics), SYMBOLS_PER_REQUEST)]
        return Step(replies=[self._request("subscribe", chunk) for chunk in chunks])

    def unsubscribe(self, topics: Iterable[str]) -> Step:
        """Give topics up; points that the server has queued may still come."""
        topics = tuple(dict.fromkeys(topics))
        for topic in topics:
            channel, symbol = split_topic(topic, self.feed)
            if channel == "orderbooks":
                self.books.forget(symbol)
        return Step(replies=[self._request("unsubscribe", topics)]) if topics else NOTHING

    def _request(self, action: str, topics: tuple[str, ...]) -> str | bytes:
        self._requests.append(_Request(action, topics))
        message: dict[str, Any] = {"action": action}
        for topic in topics:
            channel, symbol = split_topic(topic, self.feed)
            message.setdefault(channel, []).append(symbol)
        return self._encoded(message)

    def _acknowledged(self, message: SubscriptionMessage) -> Step:
        delivered = {channel: frozenset(symbols) for channel, symbols in symbols_by_channel(message).items()}
        self.subscribed = delivered
        request = self._requests.popleft() if self._requests else None
        confirmed = tuple(spell(channel, symbol) for channel, symbols in delivered.items() for symbol in symbols)
        if request is None or request.action != "subscribe":
            return Step(confirmed=confirmed)
        missing = [topic for topic in request.topics if topic not in set(confirmed)]
        return Step(confirmed=confirmed, refused=[(topic, _left_out(topic)) for topic in missing])

    def _request_refused(self, code: int, error: BrokerError) -> Step:
        request = self._requests.popleft()
        if request.action != "subscribe":
            self.errors += 1
            return NOTHING
        if code == 400 and len(request.topics) > 1:
            # One bad symbol refuses the whole message and is not named: ask for the halves.
            middle = len(request.topics) // 2
            halves = (request.topics[:middle], request.topics[middle:])
            return Step(replies=[self._request("subscribe", half) for half in halves])
        if code == 400:
            error = UnknownSymbolError(
                f"{request.topics[0]}: {error}",
                symbols=(request.topics[0].partition(":")[2],),
                venue=VENUE,
                code=code,
                words=error.words,
            )
        return Step(refused=[(topic, error) for topic in request.topics])

    def _encoded(self, message: dict[str, Any]) -> str | bytes:
        return msgspec.msgpack.encode(message) if self._speaks_packed else msgspec.json.encode(message).decode()

    # -- time ----------------------------------------------------------------------------------------------------

    def heartbeat(self, now_ns: int) -> Step:
        """Nothing is sent by itself; pings are the wire's matter.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        return NOTHING

    def silence(self, now_ns: int) -> Silence:
        """Messages may stay away for ever unless ``stale_after_s`` says otherwise; whether the peer lives, pings tell.

        Parameters:
            now_ns: the time of the call, UTC epoch nanoseconds.
        """
        if self._silence.message_s is None or self.feed.is_round_the_clock or is_regular_session(now_ns):
            return self._silence
        return Silence()


def _left_out(topic: str) -> UnknownSymbolError:
    return UnknownSymbolError(
        f"Alpaca left {topic} out of the subscription; is the symbol right?",
        symbols=(topic.partition(":")[2],),
        venue=VENUE,
    )


def _joined(steps: Sequence[Step]) -> Step:
    """Return one step that says what several say; the first failure counts."""
    failures = [step.failure for step in steps if step.failure is not None]
    phases = [step.phase for step in steps if step.phase is not None]
    return Step(
        records=[record for step in steps for record in step.records],
        replies=[reply for step in steps for reply in step.replies],
        phase=phases[-1] if phases else None,
        failure=failures[0] if failures else None,
        confirmed=[topic for step in steps for topic in step.confirmed],
        refused=[refusal for step in steps for refusal in step.refused],
    )
