"""The one exception tree of wsexample, grouped by who must act.

Every error carries facts as attributes; ``str()`` tells one sentence and what to try.

* `WsExampleError`
    * `CallerError`: your code or your command line must change
        * `OptionError` (also ``ValueError``): an option has a value that cannot work
        * `StateError`: a call that the object's present state does not allow
        * `SlowConsumerError`: records came faster than your code took them, and it asked not to go on then
        * `MissingExtraError` (also ``ImportError``): an optional dependency is not installed
    * `PeerError`: the other end of the WebSocket
        * `HandshakeError`: it did not open a WebSocket; carries the HTTP status, headers and body
        * `ProtocolError`: it broke the WebSocket protocol
        * `ConnectionClosed`: the connection is over; carries code, reason and who began
    * `NetworkError` (also ``OSError``): the way to the peer
        * `DialError`: a step of connecting failed; carries step and address
            * `ResolveError`: the name was not found
            * `ConnectError`: nobody answered, or the connection was refused
            * `ProxyError`: the proxy refused or failed
            * `TlsError`: the TLS handshake or the certificate failed
        * `DeadlineError` (also ``TimeoutError``): a wait passed its deadline
        * `ListenError`: the server could not take its address
    * `BrokerError`: the broker refused; carries the vendor's code and words, and whether a retry may help
        * `CredentialsError`: key, password or token is wrong or expired
        * `NotLoggedInError`: the broker's own program or account is not logged in
        * `PlanError`: the account's plan or scope does not include this
        * `RateLimitError`: too many calls; carries how long to wait
        * `SubscriptionLimitError`: no room for another symbol
        * `UnknownSymbolError`: the broker does not know this symbol
        * `RequestError`: the request was malformed or not valid now
        * `OrderRejectedError`: an order was refused
        * `OrderUnknownError`: an order was sent, and nobody can say whether it was taken
        * `BrokerUnavailableError`: the broker's service is down or out of hours
        * `DialectError`: the broker sent something that this version cannot read
    * `StorageError`: records could not be stored or read back
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "BrokerError",
    "BrokerUnavailableError",
    "CallerError",
    "ConnectError",
    "ConnectionClosed",
    "CredentialsError",
    "DeadlineError",
    "DialError",
    "DialectError",
    "HandshakeError",
    "ListenError",
    "MissingExtraError",
    "NetworkError",
    "NotLoggedInError",
    "OptionError",
    "OrderRejectedError",
    "OrderUnknownError",
    "PeerError",
    "PlanError",
    "ProtocolError",
    "ProxyError",
    "RateLimitError",
    "RequestError",
    "ResolveError",
    "SlowConsumerError",
    "StateError",
    "StorageError",
    "SubscriptionLimitError",
    "TlsError",
    "UnknownSymbolError",
    "WsExampleError",
]


class WsExampleError(Exception):
    """Root of everything that wsexample raises on purpose; survives pickle and copy with all its facts."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own way calls the class with ``args``, which are not the arguments of most classes here.
        return _restore, (type(self), self.args, vars(self))


def _restore(kind: type[WsExampleError], args: tuple[Any, ...], facts: dict[str, Any]) -> WsExampleError:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(facts)
    return error


class CallerError(WsExampleError):
    """Your code or command line must change."""


class OptionError(CallerError, ValueError):
    """An option has a value that cannot work.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        option: name of the option, as the caller wrote it.
    """

    def __init__(self, message: str, *, option: str = "") -> None:
        super().__init__(message)
        self.option = option


class StateError(CallerError):
    """A call that the object's present state does not allow."""


class SlowConsumerError(CallerError):
    """Records came faster than your code took them, and it asked not to go on then (policy "fail").

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        limit: records that were allowed to wait.
    """

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class MissingExtraError(CallerError, ImportError):
    """An optional dependency is not installed; the message names the install that brings it.

    Parameters:
        feature: what needs the dependency, the beginning of the sentence.
        extra: becomes the attribute.

    Attributes:
        extra: name of the extra, as in ``pip install wsexample[extra]``.
    """

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency: pip install 'wsexample[{extra}]'")
        self.extra = extra


class PeerError(WsExampleError):
    """The other end of the WebSocket did something that ends or refuses the connection."""


class HandshakeError(PeerError):
    """The peer did not open a WebSocket.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        step: "handshake", as for the steps of `DialError` before it.
        status: HTTP status code of the answer, None when it was not HTTP.
        reason: HTTP reason phrase, "" when unknown.
        headers: response headers, lower-case names.
        body: the beginning of the response body as it came, at most 64 KiB.
    """

    step = "handshake"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.headers: Mapping[str, str] = dict(headers or {})
        self.body = body


class ProtocolError(PeerError):
    """The peer broke the WebSocket protocol (RFC 6455)."""


class ConnectionClosed(PeerError):  # noqa: N818 - a state the caller waits for, named like the event
    """The connection is over.

    Attributes:
        code: close code of the connection (RFC 6455 section 7.1.5): 1005 when the close frame had none,
            1006 when the connection was lost without a close frame.
        reason: the closing side's words, "" when there were none.
        was_clean: whether the closing handshake was completed.
        by_peer: whether the peer began the close (or broke the connection).
    """

    def __init__(self, *, code: int, reason: str = "", was_clean: bool = False, by_peer: bool = True) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.was_clean = was_clean
        self.by_peer = by_peer

    def __str__(self) -> str:
        who = "the peer" if self.by_peer else "this side"
        words = f": {_one_line(self.reason)}" if self.reason else ""
        if self.code == 1006:
            return f"the connection was lost without a closing handshake (1006){words}"
        return f"{who} closed the connection with {self.code}{words}"


def _one_line(words: str) -> str:
    """Return a peer's words with control characters escaped: they stand in sentences of logs and terminals."""
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in words)


class NetworkError(WsExampleError, OSError):
    """The way to the peer failed."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else self.__class__.__name__


class DialError(NetworkError):
    """A step of connecting failed.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        step: "resolve", "connect", "proxy", "tls" or "handshake".
        address: what was dialled, ``host:port`` or a path, without credentials.
    """

    step = "connect"

    def __init__(self, message: str, *, address: str = "") -> None:
        super().__init__(message)
        self.address = address


class ResolveError(DialError):
    """The name was not found.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        address: as for `DialError`.

    Attributes:
        of_proxy: whether it is the proxy's name, not the peer's.
    """

    step = "resolve"

    def __init__(self, message: str, *, address: str = "", of_proxy: bool = False) -> None:
        super().__init__(message, address=address)
        self.of_proxy = of_proxy


class ConnectError(DialError):
    """Nobody answered, or the connection was refused.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        address: as for `DialError`.

    Attributes:
        refused: whether the address answered that nobody listens there.
    """

    step = "connect"

    def __init__(self, message: str, *, address: str = "", refused: bool = False) -> None:
        super().__init__(message, address=address)
        self.refused = refused


class ProxyError(DialError):
    """The proxy refused or failed.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        address: as for `DialError`.

    Attributes:
        status: the proxy's HTTP status, None for SOCKS or when it did not answer.
    """

    step = "proxy"

    def __init__(self, message: str, *, address: str = "", status: int | None = None) -> None:
        super().__init__(message, address=address)
        self.status = status


class TlsError(DialError):
    """The TLS handshake or a certificate failed.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        address: as for `DialError`.

    Attributes:
        certificate: "server" or "client" when a certificate is at fault, "" otherwise.
    """

    step = "tls"

    def __init__(self, message: str, *, address: str = "", certificate: str = "") -> None:
        super().__init__(message, address=address)
        self.certificate = certificate


class DeadlineError(NetworkError, TimeoutError):
    """A wait passed its deadline.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        step: what was waited for, such as "connect", "tls", "handshake", "pong" or "close".
        timeout_s: the deadline that passed, in seconds.
    """

    def __init__(self, message: str, *, step: str, timeout_s: float) -> None:
        super().__init__(message)
        self.step = step
        self.timeout_s = timeout_s


class ListenError(NetworkError):
    """The server could not take its address.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        address: ``host:port`` or a path.
        in_use: whether another program holds the address.
    """

    def __init__(self, message: str, *, address: str, in_use: bool = False) -> None:
        super().__init__(message)
        self.address = address
        self.in_use = in_use


class BrokerError(WsExampleError):
    """The broker refused.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        venue: "kabu", "alpaca" or "weex".
        code: the vendor's code as it came, None when there was none.
        words: the vendor's own message, "" when there was none.
        http_status: HTTP status of the reply, None on a WebSocket.
        is_final: whether trying the same again cannot help.
    """

    is_final = True

    def __init__(
        self,
        message: str,
        *,
        venue: str = "",
        code: int | str | None = None,
        words: str = "",
        http_status: int | None = None,
        is_final: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.venue = venue
        self.code = code
        self.words = words
        self.http_status = http_status
        if is_final is not None:
            self.is_final = is_final


class CredentialsError(BrokerError):
    """Key, password or token is wrong or expired."""


class NotLoggedInError(BrokerError):
    """The broker's own program or account is not logged in; only a human can mend that."""


class PlanError(BrokerError):
    """The account's plan or scope does not include this."""


class RateLimitError(BrokerError):
    """Too many calls.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        facts: attributes of `BrokerError`, by name.

    Attributes:
        wait_s: seconds to wait before the next call, as the vendor says or documents.
    """

    is_final = False

    def __init__(self, message: str, *, wait_s: float = 1.0, **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type] # the facts are keywords of the base class
        self.wait_s = wait_s


class SubscriptionLimitError(BrokerError):
    """No room for another symbol."""


class UnknownSymbolError(BrokerError):
    """The broker does not know this symbol.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        facts: attributes of `BrokerError`, by name.

    Attributes:
        symbols: the symbols at fault, as this project spells them; empty where the broker does not say which.
    """

    def __init__(self, message: str, *, symbols: tuple[str, ...] = (), **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type] # the facts are keywords of the base class
        self.symbols = symbols


class RequestError(BrokerError):
    """The request was malformed or is not valid now."""


class OrderRejectedError(BrokerError):
    """An order was refused."""


class OrderUnknownError(BrokerError):
    """An order was sent, and nobody can say whether it was taken; look before sending it again.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.
        facts: attributes of `BrokerError`, by name.

    Attributes:
        candidates: numbers of orders that may be it; empty where the broker could not be asked, or knew none.
    """

    def __init__(self, message: str, *, candidates: tuple[str, ...] = (), **facts: object) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type] # the facts are keywords of the base class
        self.candidates = candidates


class BrokerUnavailableError(BrokerError):
    """The broker's service is down or out of hours."""

    is_final = False


class DialectError(BrokerError):
    """The broker sent something that this version cannot read."""

    is_final = False


class StorageError(WsExampleError):
    """Records could not be stored or read back.

    Parameters:
        message: the sentence that ``str()`` tells; the other parameters become the attributes.

    Attributes:
        url: the store's URL without credentials.
        is_final: whether trying the same again cannot help.
    """

    def __init__(self, message: str, *, url: str = "", is_final: bool = True) -> None:
        super().__init__(message)
        self.url = url
        self.is_final = is_final
