"""Secrets, pacing and the HTTP call that every broker stands on."""

from __future__ import annotations

import asyncio
import copy
import errno
import gc
import pickle
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Runner
from wsexample.brokers.base import HttpCaller, Pace, Pacer, Secret, one_line
from wsexample.brokers.base import _connect_error as connect_error
from wsexample.clock import ManualClock
from wsexample.errors import ConnectError, DeadlineError, NetworkError, OptionError, ResolveError, StateError, TlsError

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def http_server(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve one handler on a free port."""
    server = web.Server(handler)
    listener = await asyncio.get_running_loop().create_server(server, host, 0)
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        await server.shutdown(1.0)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- secrets ------------------------------------------------------------------------------------------------------------


def test_a_secret_is_never_printed() -> None:
    """No way of turning it into text shows the value; one method does."""
    secret = Secret(" hunter2 ")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}", "%s" % secret]  # noqa: UP031 - one of the ways
    assert all("hunter2" not in text for text in shown)
    assert secret.reveal() == "hunter2"


def test_a_secret_is_neither_pickled_nor_copied_into_a_dump() -> None:
    """What would write it down refuses, without quoting it."""
    for dump in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a secret is not pickled"):
            dump(Secret("hunter2"))


def test_secrets_compare_by_value_and_know_whether_they_are_empty() -> None:
    """The same text is the same secret; blanks are none."""
    assert Secret("a") == Secret(Secret("a"))
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert (bool(Secret("  ")), repr(Secret(""))) == (False, "Secret('')")


# --- pacing -------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.lists(st.floats(0, 0.5), max_size=60))
def test_no_stretch_of_time_has_more_calls_than_allowed(calls: int, pauses: list[float]) -> None:
    """However the calls come, any second holds at most so many."""
    pace, now_s, done = Pace(calls), 0.0, []
    for pause in pauses:
        now_s += pause
        now_s += pace.wait_s(now_s)
        pace.note(now_s)
        done.append(now_s)
    for first, later in zip(done, done[calls:], strict=False):
        assert later - first >= 1.0 - 1e-9


def test_a_pace_lets_the_first_calls_through_at_once() -> None:
    """Within the limit nobody waits."""
    pace = Pace(3)
    for _ in range(3):
        assert pace.wait_s(5.0) == 0
        pace.note(5.0)
    assert pace.wait_s(5.25) == 0.75
    assert pace.wait_s(6.0) == 0
    assert repr(pace) == "Pace(3, 1)"


@pytest.mark.parametrize(("calls", "period_s"), [(0, 1.0), (1, 0.0), (-1, 1.0)])
def test_a_pace_of_nothing_is_an_option_error(calls: int, period_s: float) -> None:
    """A limit that lets nobody through is a mistake."""
    with pytest.raises(OptionError):
        Pace(calls, period_s)


def test_calls_go_one_at_a_time_and_in_order(run: Runner[None]) -> None:
    """A call that takes long holds the others up; none overlaps."""

    async def main() -> None:
        pacer, running, order = Pacer({"info": Pace(100)}), 0, []

        async def call(number: int) -> None:
            nonlocal running
            async with pacer.turn("info"):
                running += 1
                assert running == 1
                await asyncio.sleep(0)
                order.append(number)
                running -= 1

        await asyncio.gather(*(call(number) for number in range(5)))
        assert order == [0, 1, 2, 3, 4]

    run(main())


def test_groups_have_their_own_pace_and_share_the_quiet(run: Runner[None]) -> None:
    """A full group does not slow another; after a 429 all of them wait."""

    async def main() -> None:
        clock = ManualClock()
        pacer = Pacer({"order": Pace(1), "info": Pace(5)}, clock=clock)

        async def started_s(group: str) -> float:
            async with pacer.turn(group):
                return clock.monotonic_s()

        async def next_start_s(group: str) -> float:
            task = asyncio.ensure_future(started_s(group))
            await asyncio.sleep(0)
            while not task.done():
                clock.advance(0.25)
                await asyncio.sleep(0)
            return await task

        assert await next_start_s("order") == 0
        assert await next_start_s("info") == 0
        assert await next_start_s("order") == 1.0
        pacer.hold_off(2.0)
        assert await next_start_s("info") == 3.0
        assert pacer.waited_s == 3.0

    run(main())


def test_a_call_that_fails_counts_all_the_same(run: Runner[None]) -> None:
    """The peer has counted it, whatever came of it."""

    async def main() -> None:
        clock = ManualClock()
        pace = Pace(1)
        pacer = Pacer({"info": pace}, clock=clock)
        with pytest.raises(ZeroDivisionError):
            async with pacer.turn("info"):
                raise ZeroDivisionError
        assert pace.wait_s(clock.monotonic_s()) == 1.0

    run(main())


# --- HTTP ---------------------------------------------------------------------------------------------------------------


def test_a_call_brings_back_status_headers_and_body(run_grid: Runner[None]) -> None:
    """Whatever the status, the answer is handed over as it came."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        body = f"{request.method} {request.path_qs} {request.headers['X-Key']} {await request.text()}"
        return web.Response(status=418, text=body, headers={"X-Answer": "yes"})

    async def main() -> None:
        async with http_server(handler) as port, HttpCaller(f"http://127.0.0.1:{port}/api") as caller:
            reply = await caller.call("PUT", "/x", query={"a": "1"}, headers={"X-Key": "k"}, body=b"b")
        assert (reply.status, reply.body, reply.headers["x-answer"]) == (418, b"PUT /api/x?a=1 k b", "yes")
        assert not reply.is_json

    run_grid(main())


def test_redirects_are_answers(run: Runner[None]) -> None:
    """Credentials never follow a redirect somewhere else."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("http://127.0.0.1:1/elsewhere")

    async def main() -> None:
        async with http_server(handler) as port, HttpCaller(f"http://127.0.0.1:{port}") as caller:
            assert (await caller.call("GET", "/")).status == 302

    run(main())


def test_a_port_without_a_listener_is_refused(run_grid: Runner[None]) -> None:
    """One address or both: nobody there is a refusal, with the address in the sentence."""

    async def main() -> None:
        port = free_port()
        for addresses in ((), ("127.0.0.1", "::1"), ("::1", "127.0.0.1")):
            async with HttpCaller(f"http://localhost:{port}", addresses=addresses) as caller:
                with pytest.raises(ConnectError, match=f"localhost:{port} refused") as caught:
                    await caller.call("GET", "/")
            assert caught.value.refused

    run_grid(main())


def test_any_of_several_addresses_will_do(run: Runner[None]) -> None:
    """A server on the last address is found whatever the resolver says about the name."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=request.headers["Host"])

    async def main() -> None:
        both = ("::1", "127.0.0.1")
        async with http_server(handler) as port, HttpCaller(f"http://other.invalid:{port}", addresses=both) as caller:
            assert (await caller.call("GET", "/")).body == f"other.invalid:{port}".encode()

    run(main())


def several(*numbers: str) -> OSError:
    """What trying several addresses ends in: one error without a number, whose text names each."""
    return OSError(None, "Multiple exceptions: " + ", ".join(f"[{number}] Connect call failed" for number in numbers))


REFUSED, NO_FAMILY, NO_ROUTE = (
    f"Errno {number}" for number in (errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH)
)


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), True),
        (several(REFUSED, NO_FAMILY), True),
        (several("WinError 1225", "Errno 10061"), True),
        (several(REFUSED, NO_ROUTE), False),
        (OSError(errno.EHOSTUNREACH, "no route to host"), False),
        (OSError(errno.ENETUNREACH, "network is unreachable"), False),
    ],
)
def test_a_refusal_is_told_from_other_failures(error: OSError, is_refused: bool) -> None:
    """Of several addresses, those that this machine cannot use say nothing; on Windows the numbers are others."""
    assert connect_error(error, "localhost:1").refused is is_refused


@pytest.mark.parametrize("trusts", [False, True], ids=["unknown authority", "no TLS there"])
def test_a_failed_tls_handshake_is_told(
    run: Runner[None], tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext], trusts: bool
) -> None:
    """A certificate that nobody trusts, and a port that speaks no TLS at all, are two sentences."""
    server_tls, client_tls = tls_contexts

    async def main() -> None:
        server = web.Server(lambda request: asyncio.sleep(0, web.Response()))
        tls = None if trusts else server_tls
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=tls)
        port = listener.sockets[0].getsockname()[1]
        async with HttpCaller(f"https://localhost:{port}", tls=client_tls if trusts else None) as caller:
            with pytest.raises(TlsError, match="TLS with" if trusts else "certificate") as caught:
                await caller.call("GET", "/")
        assert caught.value.certificate == ("" if trusts else "server")
        listener.close()
        await server.shutdown(1.0)

    run(main())


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_a_call_that_is_cancelled_while_it_connects_leaves_no_socket(
    run_grid: Runner[None],
    tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    is_secure: bool,
) -> None:
    """In whichever turn of the loop it happens; a socket that is left closes a number that another connection has by then."""
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: left.append(str(told.exc_value)))

    async def main() -> None:
        server = web.Server(lambda _: asyncio.sleep(0, web.Response()))  # type: ignore[arg-type]
        server_tls, client_tls = tls_contexts if is_secure else (None, None)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=server_tls)
        port = listener.sockets[0].getsockname()[1]
        for turns in range(30):
            async with HttpCaller(f"http{'s' if is_secure else ''}://127.0.0.1:{port}", tls=client_tls) as caller:
                call = asyncio.ensure_future(caller.call("GET", "/"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                call.cancel()
                await asyncio.wait({call})
        listener.close()
        await server.shutdown(1.0)

    run_grid(main())
    gc.collect()
    assert left == []


def test_a_name_that_does_not_exist_says_so(run: Runner[None]) -> None:
    """The resolver's failure is not a refusal."""

    async def main() -> None:
        async with HttpCaller("http://no-such-host.invalid") as caller:
            with pytest.raises(ResolveError, match=r"no-such-host\.invalid was not found"):
                await caller.call("GET", "/")

    run(main())


def test_a_server_that_says_nothing_meets_the_deadline(run_grid: Runner[None]) -> None:
    """Every call ends in time, with what was waited for."""

    async def main() -> None:
        gate = asyncio.Event()

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            await gate.wait()
            return web.Response()

        async with http_server(handler) as port, HttpCaller(f"http://127.0.0.1:{port}") as caller:
            with pytest.raises(DeadlineError, match=r"did not answer GET /slow within 0\.05 s") as caught:
                await caller.call("GET", "/slow", timeout_s=0.05)
            gate.set()
        assert (caught.value.step, caught.value.timeout_s) == ("reply", 0.05)

    run_grid(main())


def test_a_body_without_end_is_cut(run: Runner[None]) -> None:
    """No answer fills the memory."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"x" * 5000)

    async def main() -> None:
        async with http_server(handler) as port, HttpCaller(f"http://127.0.0.1:{port}", max_body_bytes=4096) as caller:
            with pytest.raises(NetworkError, match="longer than 4096 bytes"):
                await caller.call("GET", "/")

    run(main())


@pytest.mark.parametrize(
    "answer", [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"]
)
def test_an_answer_that_breaks_off_keeps_the_credentials_out(run: Runner[None], answer: bytes) -> None:
    """What is not a whole HTTP answer is a network error that quotes neither header nor body of the request."""

    async def main() -> None:
        async def serve_bytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve_bytes, "127.0.0.1", 0)
        async with server, HttpCaller(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as caller:
            with pytest.raises(NetworkError, match="broke off") as caught:
                await caller.call("POST", "/", headers={"X-API-KEY": "hunter2"}, body=b"swordfish")
        told = f"{caught.value!r} {caught.value.__cause__!r}"
        assert "hunter2" not in told
        assert "swordfish" not in told

    run(main())


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("DELETE", 1), ("PUT", 1), ("POST", 1), ("PATCH", 1)])
def test_only_reads_are_sent_again_when_the_answer_is_lost(run: Runner[None], method: str, times: int) -> None:
    """What a server has heard may have been done: a position must not be closed twice because a connection ended."""

    async def main() -> None:
        heard = []

        async def lose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        async with await asyncio.start_server(lose, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with HttpCaller(f"http://127.0.0.1:{port}") as http:
                with pytest.raises(NetworkError, match="broke off"):
                    await http.call(method, "/v2/positions/AAPL", query={"qty": "5"})
        assert len(heard) == times

    run(main())


def test_closed_is_closed(run: Runner[None]) -> None:
    """A call after closing is the caller's mistake; closing twice is none."""

    async def main() -> None:
        caller = HttpCaller("http://127.0.0.1:1")
        await caller.close()
        await caller.close()
        with pytest.raises(StateError):
            await caller.call("GET", "/")

    run(main())


def test_a_deadline_of_nothing_is_an_option_error() -> None:
    """A caller that could never wait is a mistake."""
    with pytest.raises(OptionError):
        HttpCaller("http://127.0.0.1:1", timeout_s=0)


def test_importing_a_broker_loads_no_http_library() -> None:
    """aiohttp is loaded by the first call, not by the import."""
    code = "import sys, wsexample.brokers.kabu.rest, wsexample.brokers.kabu.client; print('aiohttp' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert result.stdout.strip() == "False"


# --- words --------------------------------------------------------------------------------------------------------------


@given(st.text())
def test_words_of_a_peer_fit_one_line(text: str) -> None:
    """No control character, no line break, bounded."""
    line = one_line(text, 40)
    assert len(line) <= 40
    assert line == "" or line.isprintable()


def test_words_keep_their_sense() -> None:
    """Blanks are joined, and what is too long ends with a sign of it."""
    assert one_line(" レジスト数\r\n\x1b[31mエラー ") == "レジスト数 [31mエラー"
    assert one_line("abcdef", 4) == "abc…"
