"""What goes wrong at a kabu Station, one by one, over real sockets: `KabuClient` stands, and says what may be missing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.conftest import Runner
from wsexample.brokers.kabu import KabuClient
from wsexample.brokers.kabu.simulator import KabuSimulator, Switches
from wsexample.errors import CredentialsError
from wsexample.ports import ConnectionEvent, Gap, Record
from wsexample.records.market import Board
from wsexample.session.options import Retry

LIVELY = Switches(first_board_delay_ms=0, thinning_ms=0, unsolicited_pong_interval_s=0.05)
SOON = Retry(first_s=0.02, max_s=0.1, interval_s=0.01, window_attempts=0)
LISTED = [("9433", 1), ("7203", 1)]


@asynccontextmanager
async def streaming(switches: Switches = LIVELY, **options: Any) -> AsyncIterator[tuple[KabuSimulator, KabuClient]]:
    """A simulator and a client that has received some boards."""
    options = {"policy": "drop_oldest", "retry": SOON, "password": "password", **options}
    async with (
        KabuSimulator(switches=switches, ticks_per_s=50) as simulator,
        KabuClient("9433 7203", port=simulator.port, **options) as client,
    ):
        await taken(client, lambda boards: len(boards) >= 5)
        yield simulator, client


async def taken(client: KabuClient, is_enough: Callable[[list[Board]], bool]) -> list[Record]:
    """Take records until their boards are enough."""
    records: list[Record] = []
    async with asyncio.timeout(15.0):
        async for record in client.records():
            records.append(record)
            assert_accounted(client)
            if isinstance(record, Board) and is_enough([item for item in records if isinstance(item, Board)]):
                break
    return records


async def after(client: KabuClient, reconnects: int, boards: int = 5) -> list[Record]:
    """Take records until the client is live again and boards have come since; the gap is among them."""
    goal: list[int] = []

    def is_enough(come: list[Board]) -> bool:
        if client.reconnects >= reconnects and client.session.is_live and not goal:
            goal.append(len(come) + boards)
        return bool(goal) and len(come) >= goal[0]

    return await taken(client, is_enough)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(10.0):
        while not is_so():
            await asyncio.sleep(0.01)


def knows_pongs(client: KabuClient) -> bool:
    return client.dialect.silence(0).frame_s is not None


def assert_accounted(client: KabuClient) -> None:
    handed = client.delivered + client.conflated + client.dropped
    assert client.received + client.snapshots == handed + client.unreadable + client.waiting
    assert 0 <= client.waiting <= client.session.stats.waiting


def gaps_in(records: list[Record]) -> list[Gap]:
    return [record for record in records if isinstance(record, Gap)]


# --- each fault ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_client", ["close", "freeze"])
def test_another_program_takes_the_stream(run: Runner[None], second_client: Any) -> None:
    """It is taken back, whether kabu Station closes the first connection or leaves it open and mute."""

    async def main() -> None:
        switches = LIVELY.replace(second_client=second_client)
        async with streaming(switches, pong_interval_s=0.1) as (simulator, client):
            await until(lambda: knows_pongs(client))
            simulator.displace()
            records = await after(client, 1)
            assert len(gaps_in(records)) == client.gaps == 1
            assert simulator.station.pushed == LISTED

    run(main())


def test_a_reset_at_the_open(run_grid: Runner[None]) -> None:
    """The busiest minute begins with a TCP reset; the stream is back, and the gap says from when to when."""

    async def main() -> None:
        async with streaming() as (simulator, client):
            simulator.reset()
            (gap,) = gaps_in(await after(client, 1))
            assert gap.from_ns < gap.to_ns
            assert "1006" in gap.reason
            assert not gap.filled

    run_grid(main())


@pytest.mark.parametrize("exit", ["reset", "close"])
def test_a_restart_with_an_empty_list(run: Runner[None], exit: Any) -> None:
    """A new token is fetched and everything is registered again before the stream is opened."""

    async def main() -> None:
        async with streaming(LIVELY.replace(exit=exit)) as (simulator, client):
            await simulator.restart(down_s=0.2, login_after_s=0.2)
            assert gaps_in(await after(client, 1))
            assert simulator.station.pushed == LISTED
            assert simulator.stats.requests["POST /token"] >= 2

    run(main())


def test_a_mute_station(run: Runner[None]) -> None:
    """Neither boards nor Pongs: the connection counts as dead, in a busy market too."""

    async def main() -> None:
        async with streaming(pong_interval_s=0.1) as (simulator, client):
            await until(lambda: knows_pongs(client))
            simulator.mute()
            await simulator.wait_for("connections", 2)
            simulator.unmute()
            (gap,) = gaps_in(await after(client, 1))
            assert "no sign of life" in gap.reason

    run(main())


def test_the_morning_logout_does_not_touch_the_stream(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """Boards go on; that somebody must log in is said once, however often it is noticed."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with streaming(list_check_s=0.05) as (simulator, client):
            simulator.log_out()
            await simulator.wait_for("refusals", 4)
            await taken(client, lambda boards: len(boards) >= 20)
            assert client.reconnects == 0
            assert caplog.text.count("log in to kabu Station on the PC") == 1
            simulator.log_in()
            seen = simulator.stats.requests["PUT /register"]
            await until(lambda: simulator.stats.requests["PUT /register"] >= seen + 3)
            assert simulator.stats.requests["POST /token"] >= 2
            simulator.log_out()
            await simulator.wait_for("refusals", simulator.stats.refusals.total() + 3)
            assert caplog.text.count("log in to kabu Station on the PC") == 2

    run(main())


def test_a_logout_while_the_stream_is_lost(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be done until a human logs in; that is said once, and the stream goes on by itself after that."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with streaming() as (simulator, client):
            simulator.log_out()
            simulator.reset()
            await simulator.wait_for("refusals", 5)
            simulator.log_in()
            assert gaps_in(await after(client, 1))

    run(main())
    assert caplog.text.count("log in to kabu Station on the PC") == 1
    assert "the stream goes on by itself after that" in caplog.text


def test_a_stolen_token_is_fetched_again_with_the_password(run: Runner[None]) -> None:
    """Another program called /token; the next registration renews it and the stream goes on."""

    async def main() -> None:
        async with streaming() as (simulator, client):
            simulator.issue_token()
            simulator.reset()
            await after(client, 1)
            assert simulator.stats.requests["POST /token"] == 2

    run(main())


def test_a_stolen_token_without_a_password_ends_the_stream_with_what_to_do(run: Runner[None]) -> None:
    """Nothing but a new token helps, which only whoever started this program can bring."""

    async def main() -> None:
        async with KabuSimulator(switches=LIVELY, ticks_per_s=50) as simulator:
            token = simulator.station.issue_token()
            async with KabuClient("9433", port=simulator.port, token=token, retry=SOON) as client:
                await taken(client, lambda boards: len(boards) >= 3)
                simulator.issue_token()
                simulator.reset()
                with pytest.raises(CredentialsError, match="fetch a new token"):
                    await taken(client, lambda boards: False)

    run(main())


def test_a_station_that_refuses_its_own_tokens_is_waited_for(
    run: Runner[None], caplog: pytest.LogCaptureFixture
) -> None:
    """Seen after an outage: only a restart helps; that is said once, and then the stream goes on."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with streaming() as (simulator, client):
            simulator.refuse_tokens()
            simulator.reset()
            await simulator.wait_for("refusals", 6)
            await simulator.restart()
            assert gaps_in(await after(client, 1))

    run(main())
    assert caplog.text.count("refuses even the token that it has just given (4001009); restart kabu Station") == 1


def test_two_programs_that_fight_for_the_stream_are_told(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """kabu Station serves one at a time, so that each takes it from the other again and again."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with streaming() as (simulator, client):
            other = KabuClient("9433", port=simulator.port, password="password", retry=SOON)
            async with other:
                await until(lambda: client.reconnects >= 2 and other.reconnects >= 2)
            assert "another program opens it too, and only one can have it" in caplog.text

    run(main())


def test_a_patient_client_waits_for_the_login(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """Started before anybody has logged in, it is live as soon as somebody has."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with KabuSimulator(switches=LIVELY, ticks_per_s=50) as simulator:
            simulator.log_out()
            client = KabuClient("9433", port=simulator.port, password="password", patient=True, retry=SOON)
            opening = asyncio.ensure_future(client.__aenter__())
            await simulator.wait_for("refusals", 3)
            simulator.log_in()
            await opening
            assert await client.receive()
            await client.close()

    run(main())
    assert caplog.text.count("log in to kabu Station on the PC") == 1


def test_the_verification_environment_is_no_emptied_list(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """It takes registrations and shows none, which is no reason to warn each minute."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        switches = Switches(env="verification", register_per_s=100, info_per_s=100)
        async with (
            KabuSimulator(switches=switches) as simulator,
            KabuClient("9433", port=simulator.port, password="password", list_check_s=0.02),
        ):
            await simulator.wait_for("requests", 8)

    run(main())
    assert caplog.text == ""


def test_a_storm_of_429(run: Runner[None]) -> None:
    """Calls stop for more than the second of penalty each time, so that the storm ends for this client too."""

    async def main() -> None:
        switches = LIVELY.replace(rate_penalty_s=0.2)
        async with streaming(switches) as (simulator, client):
            simulator.storm_429(1.0)
            simulator.reset()
            assert gaps_in(await after(client, 1))
            assert 0 < simulator.stats.refusals[4001006] <= 5

    run(main())


def test_a_slow_start(run: Runner[None]) -> None:
    """While kabu Station starts every answer and every handshake takes long; deadlines pass, and it works in the end."""

    async def main() -> None:
        async with streaming(timeout_s=0.3) as (simulator, client):
            simulator.slow_start(1.0, 0.5)
            simulator.reset()
            assert gaps_in(await after(client, 1))

    run(main())


def test_an_emptied_list_is_noticed_and_filled_again(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """The stream is open and says nothing, for another program has called /unregister/all; each symbol gets its gap."""
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        async with streaming(list_check_s=0.1) as (simulator, client):
            simulator.forget_list()
            records = await taken(client, lambda boards: client.gaps == 2 and len(boards) >= 5)
            assert {gap.symbol for gap in gaps_in(records)} == {"9433@1", "7203@1"}
            assert {gap.reason for gap in gaps_in(records)} == {"taken off the registration list"}
            assert (client.reconnects, simulator.station.pushed) == (0, LISTED)

    run(main())
    assert "9433@1, 7203@1: taken off the registration list by somebody" in caplog.text


def test_a_station_that_minds_being_told_twice(run: Runner[None]) -> None:
    """Where registering again is an error, registering defensively is not."""

    async def main() -> None:
        async with streaming(LIVELY.replace(duplicate_register="error")) as (simulator, client):
            simulator.reset()
            await after(client, 1)
            assert simulator.station.pushed == LISTED

    run(main())


# --- what else must hold ------------------------------------------------------------------------------------------------


def test_connection_events_stand_in_the_stream(run: Runner[None]) -> None:
    """With ``journal`` whoever stores the records can tell later what happened, in order."""

    async def main() -> None:
        async with streaming(journal=True) as (simulator, client):
            simulator.reset()
            records = await after(client, 1)
            story = [record.event for record in records if isinstance(record, ConnectionEvent)]
            wanted = ["failed", "retried", "opened", "logged_in", "subscribed", "live"]
            assert [name for name in story if name in wanted][-6:] == wanted
            assert "closed" in story

    run(main())


def test_no_secret_is_ever_shown(run: Runner[None], caplog: pytest.LogCaptureFixture) -> None:
    """Not in logs down to the last debug line, errors, reprs, events or journal, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    password = "sEcReT0123456789"
    shown: list[str] = []

    async def main() -> None:
        async with KabuSimulator(switches=LIVELY, ticks_per_s=50, password=password) as simulator:
            options: dict[str, Any] = {"port": simulator.port, "retry": SOON, "journal": True, "timeout_s": 0.3}
            async with KabuClient("9433 7203", password=password, list_check_s=0.05, **options) as client:
                tokens = []
                for number, fault in enumerate(
                    (simulator.reset, simulator.issue_token, simulator.log_out, simulator.log_in, simulator.reset),
                    start=1,
                ):
                    fault()
                    tokens.append(str(simulator.station.token))
                    await simulator.wait_for("requests", simulator.stats.requests.total() + number)
                simulator.slow_start(0.6, 0.5)
                await simulator.wait_for("held_back")
                parts = (client, client.rest, client.rest._token, client.rest._password, client.session, client.slots)
                shown.extend(map(repr, parts))
                shown.extend(map(repr, client.take_waiting_records()))
                await client.close()
                shown.extend([f"{event!r}" async for event in client.events()])
            tokens.append(str(simulator.station.token))
            for wrong in ({"password": password[:-1]}, {"token": password}, {"token": f"{password}\n"}):
                with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it must not tell
                    async with KabuClient("9433", retry=SOON, **options | wrong):  # type: ignore[arg-type]
                        pass
                shown.append(f"{caught.value!r} {caught.value} {vars(caught.value)}")
        everything = caplog.text + "".join(shown)
        for secret in (password[:-1], *(token for token in tokens if token != "None")):
            assert secret not in everything

    run(main())
    assert len(shown) > 20


def test_two_inboxes_of_one_client(run: Runner[None]) -> None:
    """One shows the newest, the other keeps everything; neither stops the socket, and no policy that would is taken."""

    async def main() -> None:
        async with KabuSimulator(switches=LIVELY.replace(exit="close"), ticks_per_s=50) as simulator:
            client = KabuClient("9433 7203", port=simulator.port, password="password", reconnect=False)
            everything = client.consumer(kinds={"board"})
            with pytest.raises(Exception, match="policy must be"):
                client.consumer(policy="block")
            async with client:
                await simulator.wait_for("boards", 200)
                simulator.close_push()
                await simulator.wait_for("disconnections")
                await until(lambda: client.session.phase == "closed")
                kept = everything.take_waiting()
                shown = client.take_waiting()
                assert len(kept) == simulator.stats.boards_sent.total() == client.received
                assert {board.symbol for board in shown} == {"9433@1", "7203@1"}
                assert client.conflated == client.received - len(shown)
                assert_accounted(client)

    run(main())
