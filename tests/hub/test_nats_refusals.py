"""What is wrong between a hub and NATS is said: each case with a real server, in one line, without a secret."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.sink_kills import free_port
from tests.hub.nats_parts import Certificates, NatsServer, serving
from tests.hub.parts import quote
from tests.hub.test_backplane import Member, Upstream, numbered, until
from wsexample.cli.exit_codes import exit_code_for
from wsexample.errors import (
    ConnectError,
    CredentialsError,
    OptionError,
    PlanError,
    ResolveError,
    StorageError,
    TlsError,
    WsExampleError,
)
from wsexample.hub import nats_link, nats_stream
from wsexample.hub.backplane import backplane_at
from wsexample.hub.desk import Desk
from wsexample.hub.nats_backplane import NatsBackplane
from wsexample.hub.nats_options import NatsOptions
from wsexample.wire.tls import TlsOptions

Run = Callable[[Coroutine[Any, Any, Any]], Any]
LONG_AGO = {"not_before": datetime(2019, 1, 1, tzinfo=UTC), "not_after": datetime(2020, 1, 1, tzinfo=UTC)}
ONE_USER = "authorization { user: anna, password: hush77 }"
PATIENT_S = 60.0
"""Longer than a test may last: what ends sooner was not waited for."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def program(need: Callable[[str], str]) -> str:
    return need("nats-server")


async def refusal(url: str, tls: TlsOptions | None = None, timeout_s: float = PATIENT_S) -> WsExampleError:
    """Return what a hub says that cannot join; neither it nor the hub shows the password."""
    backplane = NatsBackplane(url, Desk(), NatsOptions(lease="no", timeout_s=timeout_s, tls=tls))
    with pytest.raises(WsExampleError) as caught:
        await backplane.open()
    assert "hush" not in f"{caught.value} {caught.value!r} {vars(caught.value)} {backplane!r}"
    assert "\n" not in str(caught.value)
    return caught.value


async def share(url: str, tls: TlsOptions | None = None) -> None:
    """Have a hub publish something and hear it."""
    member = Member(url, "tls", tls)
    upstream = Upstream()
    await member.backplane.open()
    member.stand_by(upstream)
    upstream.say(quote(1))
    await until(lambda: member.has() == numbered(1, 1))
    await member.end()


# -- TLS ---------------------------------------------------------------------------------------------------------------


def test_a_hub_speaks_tls_with_an_authority_and_a_certificate_of_ones_own(
    program: str, certificates: Certificates, tmp_path: Path, run: Run
) -> None:
    """A server that wants client certificates takes ours, under ``tls://`` and under ``nats://``."""
    cert = certificates.issue("127.0.0.1")
    tls = TlsOptions(ca_file=certificates.ca, client_cert=certificates.issue("hub"))
    with serving(program, tmp_path, certificates.block(cert, f'ca_file: "{certificates.ca}", verify: true')) as server:
        run(share(server.url(scheme="tls"), tls))
        run(share(server.url(), tls))


def test_a_server_that_lets_others_speak_without_tls_hears_us_with_it(
    program: str, certificates: Certificates, tmp_path: Path, run: Run
) -> None:
    """TLS that is offered and not demanded is taken where the address says ``tls://``."""
    block = certificates.block(certificates.issue("127.0.0.1"))
    with serving(program, tmp_path, block, "allow_non_tls: true") as server:

        async def main() -> None:
            member = Member(server.url(scheme="tls"), "offered", TlsOptions(ca_file=certificates.ca))
            await member.backplane.open()
            transport = member.backplane.client._transport._io_writer.transport
            assert transport.get_extra_info("ssl_object") is not None
            await member.end()

        run(main())


@pytest.mark.parametrize(
    ("scheme", "names", "dates", "trusts", "said"),
    [
        ("tls", ["127.0.0.1"], {}, False, "trust the authority that signed it by a CA file"),
        ("nats", ["127.0.0.1"], {}, False, "trust the authority that signed it by a CA file"),
        ("tls", ["other.example"], {}, True, "not valid for '127.0.0.1'"),
        ("tls", ["127.0.0.1"], LONG_AGO, True, "certificate has expired"),
    ],
    ids=["authority", "unasked", "name", "expired"],
)
def test_a_certificate_that_is_not_accepted_ends_it_at_once(
    scheme: str,
    names: list[str],
    dates: dict[str, Any],
    trusts: bool,
    said: str,
    program: str,
    certificates: Certificates,
    tmp_path: Path,
    run: Run,
) -> None:
    """Also where the address did not ask for TLS and the server does."""
    with serving(program, tmp_path, certificates.block(certificates.issue(*names, **dates))) as server:
        error = run(refusal(server.url("anna:hush77", scheme), TlsOptions(ca_file=certificates.ca) if trusts else None))
    assert (type(error), exit_code_for(error)) == (TlsError, 60), error
    assert server.url(scheme=scheme) in str(error)
    assert said in str(error)


def test_a_client_certificate_that_is_missing_or_not_trusted_is_said(
    program: str, certificates: Certificates, tmp_path: Path, run: Run
) -> None:
    """Two sentences for two mistakes."""
    (tmp_path / "others").mkdir()
    stranger = Certificates(tmp_path / "others").issue("hub")
    block = certificates.block(certificates.issue("127.0.0.1"), f'ca_file: "{certificates.ca}", verify: true')
    with serving(program, tmp_path, block) as server:
        missing = run(refusal(server.url(scheme="tls"), TlsOptions(ca_file=certificates.ca)))
        wrong = run(refusal(server.url(scheme="tls"), TlsOptions(ca_file=certificates.ca, client_cert=stranger)))
    assert [exit_code_for(error) for error in (missing, wrong)] == [58, 58]
    assert "wants a client certificate" in str(missing)
    assert "did not accept our client certificate" in str(wrong)


@pytest.mark.parametrize("tls", [None, TlsOptions()], ids=["tls://", "options"])
def test_a_server_without_tls_is_told_nothing_where_tls_is_wanted(tls: TlsOptions | None, run: Run) -> None:
    """Neither user nor password leave this machine."""
    heard = bytearray()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"INFO " + json.dumps({"server_id": "x", "version": "2.11.0", "max_payload": 1024}).encode() + b"\r\n"
        )
        heard.extend(await reader.read())
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            error = await refusal(f"{'nats' if tls else 'tls'}://anna:hush77@127.0.0.1:{port}", tls)
            assert (type(error), exit_code_for(error)) == (TlsError, 35)
            assert f"127.0.0.1:{port} does not speak TLS" in str(error)

    run(main())
    assert bytes(heard) == b""


# -- who we are --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "said"),
    [("", "give a user and password"), ("anna:hush78", "correct the user"), ("hush79", "correct the user")],
    ids=["nobody", "password", "token"],
)
def test_a_login_that_is_refused_ends_it_at_once(who: str, said: str, program: str, tmp_path: Path, run: Run) -> None:
    """The server's words and what to do, without user, password and token."""
    with serving(program, tmp_path, ONE_USER) as server:
        error = run(refusal(server.url(who)))
    assert (type(error), exit_code_for(error)) == (CredentialsError, 67)
    assert f"{server.url()} does not let us in (Authorization Violation)" in str(error)
    assert said in str(error)


def test_signs_that_mean_something_in_addresses_may_stand_in_a_password(program: str, tmp_path: Path, run: Run) -> None:
    """They are written as in every URL."""
    with serving(program, tmp_path, 'authorization { user: anna, password: "h,u@s/h" }') as server:
        run(share(server.url("anna:h%2Cu%40s%2Fh")))


def test_rights_that_are_missing_are_said(
    program: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both to hear the others, and to ask for the stream."""
    monkeypatch.setattr(nats_stream, "TIMEOUT_S", 0.3)
    for subscribe, publish, said in (("_INBOX.>", ">", "wsxhub.no.live"), (">", "wsxhub.>", "js.api")):
        rights = f'permissions: {{ subscribe: "{subscribe}", publish: "{publish}" }}'
        with serving(
            program, tmp_path, f"authorization {{ users: [ {{ user: a, password: hush, {rights} }} ] }}"
        ) as server:
            error = run(refusal(server.url("a:hush")))
        assert (type(error), exit_code_for(error)) == (PlanError, 22)
        assert said in str(error)


@pytest.mark.parametrize("lines", [(), ("accounts { A { users: [ { user: a, password: hush } ] } }",)])
def test_servers_that_keep_nothing_are_said_at_once(
    lines: tuple[str, ...], program: str, tmp_path: Path, run: Run
) -> None:
    """JetStream is off, or not for this account."""
    with serving(program, tmp_path, *lines, has_jetstream=bool(lines)) as server:
        error = run(refusal(server.url("a:hush" if lines else "")))
    assert (type(error), exit_code_for(error)) == (StorageError, 23)
    assert f"{server.url()} keeps nothing: start its NATS server with -js" in str(error)


# -- the way -----------------------------------------------------------------------------------------------------------


def test_nobody_and_a_name_that_is_not_known_are_said_after_the_time_that_servers_get(run: Run) -> None:
    """Either may come up yet; with several servers each is named."""
    nobody, other = f"nats://127.0.0.1:{free_port()}", "nats://nats.invalid:4222"
    refused = run(refusal(nobody, timeout_s=0.1))
    unknown = run(refusal(other, timeout_s=0.1))
    both = run(refusal(f"{nobody},{other}", timeout_s=0.3))
    assert (type(refused), exit_code_for(refused)) == (ConnectError, 7)
    assert f"nobody listens at {nobody}" in str(refused)
    assert (type(unknown), exit_code_for(unknown)) == (ResolveError, 6)
    assert "the name nats.invalid of" in str(unknown)
    assert all(words in str(both) for words in (nobody, other))


def test_what_is_no_nats_server_is_said(run: Run) -> None:
    """One that greets otherwise."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        await reader.read()
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            error = await refusal(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=0.3)
        assert type(error) is ConnectError
        assert "does not greet as a NATS server does" in str(error)

    run(main())


def test_one_server_that_lets_us_in_is_enough(program: str, tmp_path: Path, run: Run) -> None:
    """Others of the list may refuse, or be away."""
    with serving(program, tmp_path, ONE_USER) as closed, serving(program, tmp_path) as server:
        run(share(f"{closed.url()},nats://127.0.0.1:{free_port()},{server.url()}"))


def test_addresses_and_certificates_that_cannot_be_are_said_before_anybody_is_dialled(tmp_path: Path, run: Run) -> None:
    """As mistakes of the caller, and without the password."""
    for url in ("nats://anna:hu,sh@h:4222", "nats://h:port", "nats://", "nats://a:4222,tcp://b"):
        with pytest.raises(OptionError, match="a backplane is nats://host:4222") as caught:
            backplane_at(url, Desk())
        assert "hu" not in str(caught.value).replace("tool", "")
    with pytest.raises(OptionError, match="dial the name"):
        NatsOptions(tls=TlsOptions(send_sni=False))
    assert "hush" not in repr(NatsOptions(tls=TlsOptions(client_cert="c", client_key_password="hush")))
    error = run(refusal("tls://127.0.0.1:1", TlsOptions(ca_file=tmp_path / "none.pem")))
    assert (type(error), exit_code_for(error)) == (OptionError, 2)


# -- later -------------------------------------------------------------------------------------------------------------


def logged(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


async def go_on_after(
    server: NatsServer, member: Member, refuse: Callable[[], None], allow: Callable[[], None], said: Callable[[], int]
) -> None:
    """Have a hub that owns its upstream refused for some attempts, and publish again afterwards."""
    upstream = Upstream()
    await member.backplane.open()
    member.stand_by(upstream)
    upstream.say(quote(1))
    await until(lambda: member.has() == numbered(1, 1))
    refuse()
    await until(said)
    await until(lambda: not member.backplane.is_owner)
    assert said() == 1
    allow()
    await until(lambda: member.backplane.is_owner)
    upstream.say(quote(2))
    await until(lambda: member.has() == numbered(1, 2))
    await member.end()


def test_a_hub_whose_user_is_revoked_says_so_once_and_goes_on_when_it_is_let_in_again(
    program: str, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives its source up meanwhile."""
    monkeypatch.setattr(nats_link, "REOPEN_S", 0.1)
    caplog.set_level(logging.INFO, "wsexample.hub")
    with serving(program, tmp_path, ONE_USER) as server:
        member_url = server.url("anna:hush77")
        run(
            go_on_after(
                server,
                Member(member_url, "revoked"),
                lambda: server.configure(ONE_USER.replace("hush77", "hush80")),
                lambda: server.configure(ONE_USER),
                lambda: logged(caplog, "does not let us in"),
            )
        )
    assert logged(caplog, f"connected to {server.url()} again") == 1
    assert "hush" not in caplog.text


def test_a_server_that_comes_back_with_an_expired_certificate_is_refused_once_aloud(
    program: str, certificates: Certificates, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """And taken when it has a new one."""
    caplog.set_level(logging.INFO, "wsexample.hub")
    good, old = (certificates.block(certificates.issue("127.0.0.1", **dates)) for dates in ({}, LONG_AGO))

    def restart(server: NatsServer, block: str) -> None:
        server.kill()
        server.configure(block)
        server.start()

    with serving(program, tmp_path, good) as server:
        run(
            go_on_after(
                server,
                Member(server.url(scheme="tls"), "expired", TlsOptions(ca_file=certificates.ca)),
                lambda: restart(server, old),
                lambda: restart(server, good),
                lambda: logged(caplog, "certificate has expired"),
            )
        )
