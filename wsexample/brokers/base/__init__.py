"""What every broker's REST side stands on: secrets that cannot be printed, pacing, and one HTTP call with deadlines.

Bytes travel through it; what they mean, and which error a reply is, belongs to the broker's own rooms.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from wsexample.clock import SystemClock
from wsexample.errors import ConnectError, DeadlineError, NetworkError, OptionError, ResolveError, StateError, TlsError
from wsexample.ports import Clock

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from aiohttp.abc import AbstractResolver

__all__ = ["HttpCaller", "Pace", "Pacer", "Reply", "Secret", "one_line"]

MIB = 1024 * 1024


class Secret:
    """A password, key or token; printing, formatting and pickling never show it.

    Parameters:
        value: the text; blanks around it are taken off.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        self._value: str = value._value if isinstance(value, Secret) else value.strip()

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('***')" if self._value else "Secret('')"

    def __str__(self) -> str:
        return "***" if self._value else ""

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


# --- pacing -------------------------------------------------------------------------------------------------------------


class Pace:
    """At most so many calls in any stretch of time; pure, with time as an argument.

    A token bucket of ten a second lets twenty through in the first second (ten saved up and ten that come), which a
    vendor that counts the calls of the last second refuses. So the calls of the last stretch are remembered instead.

    Parameters:
        calls: calls allowed in any stretch.
        period_s: length of the stretch, seconds (default 1).
    """

    def __init__(self, calls: int, period_s: float = 1.0) -> None:
        if calls < 1 or period_s <= 0:
            raise OptionError(
                f"a pace needs at least one call in a time, not {calls} in {period_s:g} s", option="calls"
            )
        self.calls = calls
        self.period_s = period_s
        self._done: deque[float] = deque(maxlen=calls)

    def wait_s(self, now_s: float) -> float:
        """Return the seconds to wait before the next call; 0 for none."""
        if len(self._done) < self.calls:
            return 0.0
        return max(0.0, self._done[0] + self.period_s - now_s)

    def note(self, now_s: float) -> None:
        """Count a call that was answered at this moment; the peer has counted it earlier than that."""
        self._done.append(now_s)

    def __repr__(self) -> str:
        return f"Pace({self.calls}, {self.period_s:g})"


class Pacer:
    """Lets calls through one at a time, each group at its pace, and none at all while the broker wants quiet.

    Parameters:
        groups: name of a group -> its pace.
        clock: what waits (default the machine's).
    """

    def __init__(self, groups: Mapping[str, Pace], *, clock: Clock | None = None) -> None:
        self._groups = dict(groups)
        self._clock: Clock = clock or SystemClock()
        self._lock = asyncio.Lock()
        self._quiet_until_s = float("-inf")
        self.waited_s = 0.0
        """Seconds spent waiting for a turn, in all."""

    def hold_off(self, wait_s: float) -> None:
        """Let no call of any group through for so many seconds."""
        self._quiet_until_s = max(self._quiet_until_s, self._clock.monotonic_s() + wait_s)

    @asynccontextmanager
    async def turn(self, group: str) -> AsyncIterator[None]:
        """Wait for the turn of a call and hold it while the call runs; the others queue up in order."""
        pace = self._groups[group]
        async with self._lock:
            while True:
                now_s = self._clock.monotonic_s()
                wait_s = max(pace.wait_s(now_s), self._quiet_until_s - now_s)
                if wait_s <= 0:
                    break
                await self._clock.sleep(wait_s)
                self.waited_s += wait_s
            try:
                yield
            finally:
                pace.note(self._clock.monotonic_s())


# --- HTTP ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    """HTTP status."""
    headers: Mapping[str, str] = field(repr=False)
    """Headers, lower-case names."""
    body: bytes = field(repr=False)
    """The whole body."""

    @property
    def is_json(self) -> bool:
        """Whether the peer says that the body is JSON."""
        return "json" in self.headers.get("content-type", "").lower()


class HttpCaller:
    """HTTP calls to one address, over kept-alive connections; aiohttp is imported at the first call.

    Parameters:
        base_url: "http://localhost:18080/kabusapi", without a slash at the end.
        timeout_s: seconds for a whole call, connecting included (default 10).
        max_body_bytes: longest body read (default 32 MiB).
        addresses: IP addresses to try for the host in place of asking a resolver, such as both loopback ones.
        tls: context for ``https``; None for the system's.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 10.0,
        max_body_bytes: int = 32 * MIB,
        addresses: Iterable[str] = (),
        tls: Any = None,
    ) -> None:
        if timeout_s <= 0:
            raise OptionError(f"timeout_s must be more than zero, not {timeout_s!r}", option="timeout_s")
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._addresses = tuple(addresses)
        self._tls = tls
        self._session: ClientSession | None = None
        self._is_closed = False

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Make one call and return the answer, whatever its status; redirects are not followed.

        A read whose connection ends before an answer begins is sent once more; nothing else is ever sent twice.

        Parameters:
            method: "GET", "PUT", ...
            path: what follows the base URL, with its slash, already quoted.
            query: parameters to append.
            headers: request headers, credentials included; they stay out of errors and logs.
            body: request body; None sends none.
            timeout_s: seconds for this call in place of the caller's own.

        Raises:
            ConnectError, ResolveError, TlsError: nobody could be reached.
            DeadlineError: no whole answer in time.
            NetworkError: the answer broke off, was too long or was not HTTP.
            StateError: closed.
        """
        import aiohttp
        from yarl import URL

        session = self._opened()
        limit_s = timeout_s or self._timeout_s
        url = URL(self._base_url + path, encoded=True)
        address = f"{url.host}:{url.port}"
        is_read = method in ("GET", "HEAD")

        async def once() -> Reply:
            async with session.request(
                method, url, params=query, headers=headers, data=body, allow_redirects=False, ssl=self._tls or True
            ) as response:
                content = await self._read(response.content, address)
                return Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, content)

        try:
            async with asyncio.timeout(limit_s):
                try:
                    return await once()
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if not is_read or isinstance(error, aiohttp.ClientConnectorError):
                        raise
                    return await once()  # most likely a kept connection that the peer has just closed
        except TimeoutError:
            raise DeadlineError(
                f"{address} did not answer {method} {url.path} within {limit_s:g} s", step="reply", timeout_s=limit_s
            ) from None
        except NetworkError:
            raise
        except aiohttp.ClientConnectorCertificateError:
            raise TlsError(
                f"the certificate of {address} was not accepted", address=address, certificate="server"
            ) from None
        except aiohttp.ClientSSLError:
            raise TlsError(f"TLS with {address} failed; does it speak TLS on this port?", address=address) from None
        except aiohttp.ClientConnectorDNSError:
            raise ResolveError(
                f"the name {url.host} was not found; check its spelling and the network", address=address
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise _connect_error(error.os_error, address) from None
        except (aiohttp.ClientError, OSError) as error:
            # The class says what happened; the text of an aiohttp error may quote a request with its headers.
            raise NetworkError(
                f"the answer of {address} to {method} {url.path} broke off ({type(error).__name__})"
            ) from None

    async def _read(self, content: Any, address: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in content.iter_any():
            size += len(part)
            if size > self._max_body_bytes:
                raise NetworkError(f"the answer of {address} is longer than {self._max_body_bytes} bytes")
            parts.append(part)
        return b"".join(parts)

    def _opened(self) -> ClientSession:
        if self._is_closed:
            raise StateError("this REST client is closed")
        if self._session is None:
            import aiohttp

            from wsexample.brokers.base.opening import hands_over

            resolver = _fixed_resolver(self._addresses) if self._addresses else None
            connector = aiohttp.TCPConnector(resolver=resolver)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # every call has its own deadline
                headers={"User-Agent": _user_agent()},
            )
            # aiohttp sends a DELETE or a PUT once more when the connection ends without an answer. What was heard twice may
            # have been done twice, such as closing a part of a position: here only reads are sent again.
            self._session._retry_connection = False
            hands_over(connector)
        return self._session

    async def close(self) -> None:
        """Close the kept-alive connections; calling it twice is harmless."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"


def _user_agent() -> str:
    from wsexample import __version__

    return f"wsexample/{__version__}"


def _fixed_resolver(addresses: tuple[str, ...]) -> AbstractResolver:
    import socket

    from aiohttp.abc import AbstractResolver, ResolveResult

    class FixedResolver(AbstractResolver):
        """Answers every name with the same addresses."""

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            families = {address: socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses}
            return [
                ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
                for address, kind in families.items()
                if family in (kind, socket.AF_UNSPEC)
            ]

        async def close(self) -> None:
            """Nothing to release."""

    return FixedResolver()


_REFUSED = {errno.ECONNREFUSED, 10061, 1225}  # the last two are Windows' own numbers
_NO_SUCH_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH, 10047, 10049, 10051}


def _connect_error(error: OSError, address: str) -> ConnectError:
    """Say what kept a connection from coming about; of several addresses tried, those that this machine can use count."""
    # Several failures reach us as one error without a number, whose text names each: "[Errno 111] ..., [Errno 99] ..."
    numbers = {int(number) for number in re.findall(r"Err(?:no|or) (\d+)\]", str(error))} | {error.errno}
    if numbers & _REFUSED and numbers <= _REFUSED | _NO_SUCH_FAMILY | {None}:
        return ConnectError(
            f"{address} refused the connection; is the server running there?", address=address, refused=True
        )
    return ConnectError(f"{address} could not be reached ({error.strerror or error})", address=address)


def one_line(text: str, limit: int = 200) -> str:
    """Return a peer's words fit for one line of a terminal: no control characters, blanks joined, bounded."""
    plain = "".join(character if character.isprintable() else " " for character in text[: limit * 4])
    plain = " ".join(plain.split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
