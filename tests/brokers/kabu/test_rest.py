"""kabu's REST calls against the simulator, and against servers that are no kabu Station."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from tests.conftest import Runner
from wsexample.brokers.base import Reply, Secret
from wsexample.brokers.kabu import KabuRest
from wsexample.brokers.kabu.codes import ERRORS, error_of
from wsexample.brokers.kabu.messages import ErrorReply, SymbolEntry
from wsexample.brokers.kabu.rest import error_from
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.brokers.kabu.simulator.http import encode, windows_page
from wsexample.clock import ManualClock
from wsexample.errors import (
    BrokerError,
    BrokerUnavailableError,
    ConnectError,
    CredentialsError,
    DeadlineError,
    DialectError,
    NotLoggedInError,
    OptionError,
    RateLimitError,
    RequestError,
    SubscriptionLimitError,
    UnknownSymbolError,
)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
QUICK = Switches(first_board_delay_ms=0)
NINE = SymbolEntry("9433", 1)
INDEX = SymbolEntry("101", 1)


@asynccontextmanager
async def station(switches: Switches = QUICK, **credentials: str) -> AsyncIterator[tuple[KabuSimulator, KabuRest]]:
    """A simulated kabu Station and REST calls to it; with the right password unless told otherwise."""
    async with (
        KabuSimulator(switches=switches) as simulator,
        KabuRest(port=simulator.port, **(credentials or {"password": "password"})) as rest,  # type: ignore[arg-type]
    ):
        yield simulator, rest


@asynccontextmanager
async def handled(handler: Handler) -> AsyncIterator[int]:
    """A bare HTTP server on a free port."""
    server = web.Server(handler)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield int(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        await server.shutdown(1.0)


@asynccontextmanager
async def other_program(answer: web.Response) -> AsyncIterator[KabuRest]:
    """Something that is no kabu Station on the port."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async with handled(handler) as port, KabuRest(port=port, token="t") as rest:
        yield rest


# --- the calls ----------------------------------------------------------------------------------------------------------


def test_registering_adds_and_returns_the_whole_list(run_grid: Runner[None]) -> None:
    """A second call adds to the first; an empty one only reads; each entry can be taken off, and all."""

    async def main() -> None:
        async with station() as (_, rest):
            assert await rest.register(["9433"]) == [NINE]
            assert await rest.register("101 7203@1") == [NINE, INDEX, SymbolEntry("7203", 1)]
            assert await rest.fetch_registry() == [NINE, INDEX, SymbolEntry("7203", 1)]
            assert await rest.unregister(["7203", INDEX]) == [NINE]
            assert await rest.unregister_all() == []

    run_grid(main())


def test_a_token_is_fetched_when_the_first_call_needs_one(run: Runner[None]) -> None:
    """With a password nobody has to ask for a token, and one is enough."""

    async def main() -> None:
        async with station() as (simulator, rest):
            await rest.register(["9433"])
            await rest.register(["101"])
            assert simulator.stats.requests["POST /token"] == 1

    run(main())


def test_a_token_from_elsewhere_is_used_as_it_is(run: Runner[None]) -> None:
    """Two programs can share one token; none is fetched then."""

    async def main() -> None:
        async with station() as (simulator, rest):
            token = await rest.fetch_token()
            async with KabuRest(port=simulator.port, token=token) as other:
                assert await other.register(["9433"]) == [NINE]
            assert simulator.stats.requests["POST /token"] == 1

    run(main())


@pytest.mark.parametrize(("symbol", "layout"), [("9433", "stock"), ("101", "index")])
def test_a_board_is_read_as_it_would_be_pushed(run: Runner[None], symbol: str, layout: str) -> None:
    """The answer becomes the same record as a push message, stamped on arrival."""

    async def main() -> None:
        async with station() as (_, rest):
            board = await rest.fetch_board(symbol)
        assert (board.symbol, board.layout, board.venue) == (f"{symbol}@1", layout, "kabu")
        assert board.last_price is not None
        assert board.received_ns > 1_700_000_000 * 10**9

    run(main())


def test_the_verification_environment_gives_a_board_of_nones(run: Runner[None]) -> None:
    """Its answer names not even the symbol; the one asked for stands in."""

    async def main() -> None:
        async with station(QUICK.replace(env="verification")) as (_, rest):
            board = await rest.fetch_board("9433")
        assert (board.symbol, board.last_price, board.bids) == ("9433@1", None, ())

    run(main())


def test_another_host_is_told_localhost(run: Runner[None]) -> None:
    """Whatever address is dialled, Windows hears the only name that it serves."""

    async def main() -> None:
        async with KabuSimulator(switches=QUICK) as simulator:
            for host in ("127.0.0.1", "LOCALHOST"):
                async with KabuRest(host=host, port=simulator.port, password="password") as rest:
                    assert await rest.register(["9433"]) == [NINE]

    run(main())


def test_calls_go_out_one_at_a_time(run: Runner[None]) -> None:
    """kabu Station stalls when calls overlap, so twenty at once are sent one after another."""

    async def main() -> None:
        running = most = 0

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return web.json_response({"RegistList": []})

        async with handled(handler) as port, KabuRest(port=port, token="t") as rest:
            await asyncio.gather(*(rest.fetch_registry() for _ in range(8)))
        assert most == 1

    run(main())


def test_the_vendors_rate_is_never_exceeded(run: Runner[None]) -> None:
    """Fifteen calls in a row are answered without a single 429."""

    async def main() -> None:
        async with station() as (simulator, rest):
            for _ in range(15):
                await rest.fetch_registry()
            assert simulator.stats.refusals == {}

    run(main())


# --- what goes wrong ----------------------------------------------------------------------------------------------------


def test_kabu_station_is_not_running(run: Runner[None]) -> None:
    """The sentence says where nobody listens and what to start."""

    async def main() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        async with KabuRest(port=port, token="t") as rest:
            with pytest.raises(ConnectError, match=f"nobody listens on localhost:{port}: start kabu Station") as caught:
                await rest.register(["9433"])
        assert caught.value.refused

    run(main())


def test_kabu_station_is_not_logged_in(run: Runner[None]) -> None:
    """Only a human can log in; trying again is left to others."""

    async def main() -> None:
        async with station() as (simulator, rest):
            simulator.log_out()
            with pytest.raises(NotLoggedInError, match="log in to kabu Station on the PC") as caught:
                await rest.register(["9433"])
        assert (caught.value.code, caught.value.http_status, caught.value.is_final) == (4001007, 401, True)

    run(main())


def test_a_stale_token_without_a_password_says_what_kills_tokens(run: Runner[None]) -> None:
    """The caller has to fetch a new one, and is told why."""

    async def main() -> None:
        async with station(token="0" * 32) as (_, rest):
            with pytest.raises(CredentialsError, match="the token is not the current one") as caught:
                await rest.register(["9433"])
        assert (caught.value.code, caught.value.words) == (4001009, "APIキー不一致")

    run(main())


def test_a_stale_token_is_renewed_with_the_password(run: Runner[None]) -> None:
    """Another program has fetched a token, and the call succeeds all the same."""

    async def main() -> None:
        async with station() as (simulator, rest):
            await rest.register(["9433"])
            simulator.issue_token()
            assert await rest.register(["101"]) == [NINE, INDEX]
            assert simulator.stats.requests["POST /token"] == 2

    run(main())


def test_a_token_is_renewed_once_a_call(run: Runner[None]) -> None:
    """Two programs that kill each other's tokens do not end in an endless fight."""

    async def main() -> None:
        async with station() as (simulator, rest):
            fetch_token = simulator.station.fetch_token

            def steal(password: str) -> object:
                token = fetch_token(password)
                simulator.issue_token()
                return token

            simulator.station.fetch_token = steal  # type: ignore[method-assign, assignment]
            with pytest.raises(CredentialsError, match=r"refuses even the token .* unless other programs fetch tokens"):
                await rest.register(["9433"])
            assert simulator.stats.requests["POST /token"] == 2

    run(main())


def test_a_wrong_password_names_the_environments(run: Runner[None]) -> None:
    """The password of the other environment is the usual mistake."""

    async def main() -> None:
        async with station(password="wrong") as (_, rest):
            with pytest.raises(CredentialsError, match="production 18080 and verification 18081") as caught:
                await rest.register(["9433"])
        assert caught.value.code == 4001013

    run(main())


def test_the_fifty_first_symbol_says_who_is_left_out(run: Runner[None]) -> None:
    """The list is shared with other programs and with reads, so its fill is told too."""

    async def main() -> None:
        async with station(QUICK.replace(register_limit=2)) as (_, rest):
            await rest.register(["9433", "101"])
            with pytest.raises(
                SubscriptionLimitError, match="2 of 50 places are taken: 2 streamed by this program; left out: 7203@1"
            ) as caught:
                await rest.register(["7203"])
        assert caught.value.code == 4002006

    run(main())


@pytest.mark.parametrize("partial", ["keep", "rollback"])
def test_the_unknown_symbol_of_a_batch_is_named(run: Runner[None], partial: str) -> None:
    """kabu Station does not say which one it was; this client finds out, whether or not the good ones stay."""

    async def main() -> None:
        async with station(QUICK.replace(partial_register_on_4001019=partial)) as (_, rest):
            with pytest.raises(UnknownSymbolError, match="9999@1: kabu Station: some symbols could not") as caught:
                await rest.register(["9433", "9999", "101"])
            assert caught.value.symbols == ("9999@1",)
            assert await rest.fetch_registry() == [NINE, INDEX]

    run(main())


def test_registering_twice_is_no_error(run: Runner[None]) -> None:
    """Nobody knows whether kabu Station minds; what was asked for is there, alone or in a batch."""

    async def main() -> None:
        for partial in ("keep", "rollback"):
            switches = QUICK.replace(duplicate_register="error", partial_register_on_4001019=partial)
            async with station(switches) as (_, rest):
                assert await rest.register(["9433"]) == [NINE]
                assert await rest.register(["9433"]) == [NINE]
                assert await rest.register(["9433", "101"]) == [NINE, INDEX]

    run(main())


def test_one_unknown_symbol_is_named_at_once(run: Runner[None]) -> None:
    """One look at the list tells that it is not there already, which may be an error too; nothing else is asked."""

    async def main() -> None:
        async with station() as (simulator, rest):
            with pytest.raises(UnknownSymbolError) as caught:
                await rest.register(["9999"])
            assert caught.value.symbols == ("9999@1",)
            assert simulator.stats.requests["PUT /register"] == 2
            with pytest.raises(UnknownSymbolError, match="the symbol was not found"):
                await rest.fetch_board("9999")

    run(main())


def test_unregistering_what_is_not_there_is_told(run: Runner[None]) -> None:
    """The vendor's own code for it reaches the caller."""

    async def main() -> None:
        async with station() as (_, rest):
            with pytest.raises(UnknownSymbolError) as caught:
                await rest.unregister(["9433"])
        assert caught.value.code == 4001020

    run(main())


def test_after_a_429_there_is_quiet_and_then_another_try(run: Runner[None]) -> None:
    """A second program has used up the rate: the call waits longer than the vendor's second, then succeeds."""

    async def main() -> None:
        clock = ManualClock()
        answers = [429, 429, 200]
        asked_s: list[float] = []

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            asked_s.append(clock.monotonic_s())
            status = answers.pop(0)
            body = encode(
                {"RegistList": []} if status == 200 else ErrorReply(Code=4001006, Message="API実行回数エラー")
            )
            return web.Response(status=status, body=body)

        async with handled(handler) as port, KabuRest(port=port, token="t", clock=clock) as rest:
            assert await until_done(rest.fetch_registry(), clock) == []
        assert all(later - earlier > 1.0 for earlier, later in pairwise(asked_s))
        assert len(asked_s) == 3

    run(main())


def test_a_429_that_does_not_end_is_told(run: Runner[None]) -> None:
    """The tries are bounded, and the error says how long to wait."""

    async def main() -> None:
        clock = ManualClock()
        async with other_program(web.Response(status=429, body=encode(ErrorReply(Code=4001006)))) as rest:
            rest._pacer._clock = rest._clock = clock
            with pytest.raises(RateLimitError, match="make no call at all for one second") as caught:
                await until_done(rest.fetch_registry(), clock)
        assert (caught.value.wait_s, caught.value.is_final) == (1.0, False)

    run(main())


def test_a_station_that_hangs_meets_the_deadline(run: Runner[None]) -> None:
    """A dialog on the PC can hold every call up; the sentence says so."""

    async def main() -> None:
        gate = asyncio.Event()

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            await gate.wait()
            return web.Response()

        async with handled(handler) as port, KabuRest(port=port, password="password", timeout_s=0.1) as rest:
            with pytest.raises(DeadlineError, match=r"did not answer POST /token within 0\.1 s; it may be starting"):
                await rest.register(["9433"])
            gate.set()

    run(main())


def test_an_internal_error_is_tried_again(run: Runner[None]) -> None:
    """kabu Station stumbles now and then; a second call a moment later is answered."""

    async def main() -> None:
        clock = ManualClock()
        answers = [(500, ErrorReply(Code=4001001, Message="内部エラー")), (200, {"RegistList": []})]

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            status, body = answers.pop(0)
            return web.Response(status=status, body=encode(body))

        async with handled(handler) as port, KabuRest(port=port, token="t", clock=clock) as rest:
            assert await until_done(rest.fetch_registry(), clock) == []
        assert answers == []

    run(main())


async def until_done(call: Coroutine[Any, Any, Any], clock: ManualClock) -> Any:
    """Run a call and move the clock on whenever it waits."""
    task = asyncio.ensure_future(call)
    while not task.done():
        if clock.next_wake_ns is not None:
            clock.advance(0.05)
        await asyncio.sleep(0.001)
    return await task


@pytest.mark.parametrize("answer", [{"ResultCode": 1, "Token": ""}, {"ResultCode": 0, "Token": ""}])
def test_a_token_that_is_none_is_not_used(run: Runner[None], answer: dict[str, object]) -> None:
    """HTTP 200 is not yet a token."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(answer)

    async def main() -> None:
        async with handled(handler) as port, KabuRest(port=port, password="password") as rest:
            with pytest.raises(CredentialsError, match="gave no token"):
                await rest.fetch_token()

    run(main())


@pytest.mark.parametrize(("code", "kind"), [(4002006, SubscriptionLimitError), (4001019, UnknownSymbolError)])
def test_what_cannot_be_found_out_does_not_hide_the_error(
    run: Runner[None], code: int, kind: type[BrokerError]
) -> None:
    """The list cannot be read afterwards: the first error stands."""

    async def main() -> None:
        calls = 0

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            nonlocal calls
            calls += 1
            said = code if calls == 1 else 4001007
            return web.Response(status=400 if calls == 1 else 401, body=encode(ErrorReply(Code=said)))

        async with handled(handler) as port, KabuRest(port=port, token="t") as rest:
            with pytest.raises(kind) as caught:
                await rest.register("9433 101")
        assert caught.value.code == code
        assert calls == 2

    run(main())


def test_a_refused_host_name_is_explained(run: Runner[None]) -> None:
    """Windows answers a wrong Host with a page of its own."""

    async def main() -> None:
        page = web.Response(status=400, text=windows_page(400), content_type="text/html")
        async with other_program(page) as rest:
            with pytest.raises(RequestError, match="set the header 'Host: localhost'"):
                await rest.register(["9433"])

    run(main())


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (web.Response(text="hello"), DialectError, "is it kabu Station that listens there?"),
        (web.Response(text='{"RegistList":5}'), DialectError, "is it kabu Station that listens there?"),
        (web.Response(status=404, text="<html>"), RequestError, "is another program listening on this port"),
        (web.Response(status=302, headers={"Location": "/"}), RequestError, "another program listens on this port"),
        (web.Response(status=503, text="<html>"), BrokerUnavailableError, "HTTP 503"),
        (web.Response(status=401, text="{}"), CredentialsError, "HTTP 401"),
    ],
    ids=["text", "other json", "404", "redirect", "503", "401"],
)
def test_another_program_on_the_port_is_recognised(
    run: Runner[None], answer: web.Response, kind: type[BrokerError], words: str
) -> None:
    """What is no answer of kabu Station becomes an error that says so."""

    async def main() -> None:
        async with other_program(answer) as rest:
            with pytest.raises(kind, match=words):
                await rest.fetch_registry()

    run(main())


@pytest.mark.parametrize("code", [*ERRORS, 21, 100368])
def test_every_code_of_the_table_becomes_its_error(code: int) -> None:
    """Class, code, words, status and one sentence that says what to do."""
    row = error_of(code)
    assert row is not None
    reply = Reply(row.http_status, {}, encode(ErrorReply(Code=code, Message="言葉\x1b[0m\n")))
    error, found = error_from(reply, "localhost:18080")
    assert (type(error), found) == (row.error, row)
    assert (error.code, error.words, error.http_status, error.venue) == (code, "言葉 [0m", row.http_status, "kabu")
    assert row.what_to_do in str(error)
    assert str(error).isprintable()


def test_a_code_that_nobody_has_documented_keeps_its_words() -> None:
    """The status decides about the class, and the vendor's code and words are in the sentence."""
    error, row = error_from(Reply(500, {}, encode(ErrorReply(Code=4999999, Message="新しいエラー"))), "localhost:18080")
    assert (type(error), row, error.code) == (BrokerUnavailableError, None, 4999999)
    assert "HTTP 500 (4999999, 新しいエラー)" in str(error)


# --- secrets ------------------------------------------------------------------------------------------------------------


def test_neither_token_nor_password_is_ever_shown(run: Runner[str], caplog: pytest.LogCaptureFixture) -> None:
    """Not in a repr, a log at debug level, or an error and its causes."""
    caplog.set_level(logging.DEBUG)
    password = "swordfish-77"

    async def main() -> str:
        async with (
            KabuSimulator(switches=QUICK, password=password) as simulator,
            KabuRest(port=simulator.port, password=password) as rest,
        ):
            token = (await rest.fetch_token()).reveal()
            simulator.issue_token()
            await rest.register(["9433"])
            newer = rest._token.reveal() if rest._token else ""
            simulator.log_out()
            with pytest.raises(NotLoggedInError) as caught:
                await rest.register(["101"])
            shown = f"{rest!r} {rest._http!r} {caught.value!r} {caught.value.__cause__!r} {caplog.text}"
        assert newer not in ("", token)
        assert not any(secret in shown for secret in (password, token, newer))
        return shown

    assert "trying again" in run(main())


@pytest.mark.parametrize("option", ["token", "password"])
@pytest.mark.parametrize("value", ["geheim\nniemals", "暗号"])
def test_a_credential_that_cannot_be_one_is_refused_without_quoting_it(option: str, value: str) -> None:
    """A line break in a header would be another header."""
    with pytest.raises(OptionError) as caught:
        KabuRest(**{option: value})  # type: ignore[arg-type]
    assert value not in str(caught.value)
    assert caught.value.option == option


def test_without_credentials_the_first_call_says_what_is_missing(run: Runner[None]) -> None:
    """Nothing is sent that could only be refused."""

    async def main() -> None:
        async with KabuSimulator(switches=QUICK) as simulator, KabuRest(port=simulator.port, token="") as rest:
            with pytest.raises(CredentialsError, match="needs the API password"):
                await rest.register(["9433"])
            assert simulator.stats.requests == {}

    run(main())


@pytest.mark.parametrize(
    "options", [{"port": 0}, {"port": 70000}, {"host": ""}, {"host": "http://x"}, {"timeout_s": 0.0}]
)
def test_options_that_cannot_work_are_refused_at_once(options: dict[str, object]) -> None:
    """The mistake is named before anything is dialled."""
    with pytest.raises(OptionError) as caught:
        KabuRest(token="t", **options)  # type: ignore[arg-type]
    assert caught.value.option == next(iter(options))


def test_addresses_are_spelled_for_urls() -> None:
    """An IPv6 address gets its brackets, and the Host that Windows wants."""
    rest = KabuRest(host="::1", token=Secret("t"))
    assert (rest.push_url, rest.host_header) == ("ws://[::1]:18080/kabusapi/websocket", "localhost")
    assert KabuRest(token="t").host_header is None
    assert repr(rest) == "<KabuRest [::1]:18080, token>"
