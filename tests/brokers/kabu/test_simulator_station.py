"""Promises of what kabu Station remembers: token, registration list, call counters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsexample.brokers.kabu.messages import SymbolEntry
from wsexample.brokers.kabu.simulator.station import Login, RateGroup, Refusal, Station
from wsexample.brokers.kabu.simulator.switches import Switches
from wsexample.errors import OptionError

MS = 1_000_000
T0 = 1_000_000 * MS


def station(**switches: Any) -> Station:
    return Station(
        Switches(**switches),
        password="right",
        other_password="other",
        seed=1,
        knows=lambda key: key[0].isdigit() and key[1] in (1, 3),
    )


def entries(*codes: str) -> list[SymbolEntry]:
    return [SymbolEntry(*_split(code)) for code in codes]


def _split(code: str) -> tuple[str, int]:
    symbol, _, exchange = code.partition("@")
    return symbol, int(exchange or 1)


def refusal(answer: object) -> int:
    assert isinstance(answer, Refusal)
    return answer.code


# -- token ---------------------------------------------------------------------------------------------------


def test_a_new_token_kills_the_old_one() -> None:
    """Tokens are 32 lower-case hexadecimal digits, and only the last one counts."""
    this = station()
    first, second = this.fetch_token("right"), this.fetch_token("right")
    assert isinstance(first, str)
    assert isinstance(second, str)
    assert len(second) == 32
    assert int(second, 16) >= 0
    assert refusal(this.check_token(first)) == 4001009
    assert this.check_token(second) is None
    assert refusal(this.check_token(None)) == 4001009


def test_passwords() -> None:
    """A wrong password is 401/4001013; the other environment's is so too, or 400 where the switch says so."""
    wrong = station().fetch_token("wrong")
    assert wrong == Refusal(4001013, 401)
    assert station().fetch_token("other") == Refusal(4001013, 401)
    assert station(wrong_env_password=400).fetch_token("other") == Refusal(4001005, 400)


def test_logged_out_everything_is_refused_and_the_list_stays() -> None:
    """After a logout even the right password gets 401/4001007; after the login only a new token helps."""
    this = station()
    token = this.issue_token()
    this.register(entries("9433"))
    this.log_out()
    assert this.fetch_token("right") == Refusal(4001007, 401)
    assert refusal(this.check_token(token)) == 4001007
    this.log_in()
    assert refusal(this.check_token(token)) == 4001009
    assert this.check_token(this.issue_token()) is None
    assert this.pushed == [("9433", 1)]


def test_a_restart_forgets_token_and_list() -> None:
    """A freshly started program knows nothing, and says that nobody has logged in."""
    this = station()
    token = this.issue_token()
    this.register(entries("9433"))
    this.start(Login.STARTING)
    assert refusal(this.check_token(token)) == 4001017
    this.log_in()
    assert refusal(this.check_token(token)) == 4001009
    assert this.entries == {}


# -- list ----------------------------------------------------------------------------------------------------


def test_registering_is_additive_and_answers_the_whole_list() -> None:
    """Each call adds; the answer is everything, in the order of arrival; an empty list changes nothing."""
    this = station()
    this.register(entries("8306"))
    assert this.register(entries("9433", "9433@3")) == entries("8306", "9433", "9433@3")
    assert this.register([]) == entries("8306", "9433", "9433@3")


def test_registering_twice() -> None:
    """The same entry again changes nothing, or is refused where the switch says so."""
    this = station()
    this.register(entries("9433"))
    assert this.register(entries("9433")) == entries("9433")
    strict = station(duplicate_register="error")
    strict.register(entries("9433"))
    assert refusal(strict.register(entries("9433"))) == 4001018
    assert refusal(strict.register(entries("9433", "8306"))) == 4001019


def test_the_list_has_fifty_slots() -> None:
    """The 51st unique entry is refused with 4002006, and nothing is pushed out for it."""
    this = station()
    fifty = entries(*(str(1300 + number) for number in range(50)))
    this.register(fifty)
    assert this.register(entries("9433")) == Refusal(4002006, 400)
    assert this.listed() == fifty
    assert this.register(entries("1300")) == fifty


def test_reads_take_slots_but_are_not_pushed() -> None:
    """A read entry is listed, counts, and becomes a pushed one when it is registered, in the same slot."""
    this = station(register_limit=2)
    assert this.occupy(("9433", 1)) is None
    assert this.occupy(("9433", 1)) is None
    assert this.occupy(("8306", 1)) is None
    assert refusal(this.occupy(("7203", 1))) == 4002006
    assert this.pushed == []
    assert this.register(entries("9433")) == entries("9433", "8306")
    assert this.pushed == [("9433", 1)]
    assert this.occupy(("9433", 1)) is None
    assert this.pushed == [("9433", 1)], "a read does not stop the push"


@pytest.mark.parametrize(("keeping", "left"), [("keep", ["9433"]), ("rollback", [])])
def test_a_batch_with_a_bad_entry(keeping: str, left: list[str]) -> None:
    """One unknown symbol makes the whole call 4001019; whether the good ones stay is a switch."""
    this = station(partial_register_on_4001019=keeping)
    assert this.register(entries("9433", "nope")) == Refusal(4001019, 400)
    assert this.listed() == entries(*left)
    assert refusal(station().register(entries("nope"))) == 4001018


def test_unregistering() -> None:
    """Only the matching market goes; what was not there is 4001021 beside others, 4001020 alone."""
    this = station()
    this.register(entries("9433", "9433@3", "8306"))
    assert this.unregister(entries("9433")) == entries("9433@3", "8306")
    assert this.unregister(entries("9433", "8306")) == Refusal(4001021, 400)
    assert this.listed() == entries("9433@3")
    assert this.unregister(entries("7203")) == Refusal(4001020, 400)
    assert this.unregister_all() == []


def test_the_verification_environment_shows_an_empty_list() -> None:
    """There, registering answers with nothing."""
    assert station(env="verification").register(entries("9433")) == []


@given(
    calls=st.lists(
        st.tuples(st.sampled_from(["register", "unregister", "read"]), st.lists(st.integers(0, 9), max_size=6))
    ),
    limit=st.integers(0, 5),
)
def test_the_list_never_exceeds_its_limit(calls: list[tuple[str, list[int]]], limit: int) -> None:
    """Whatever is called, there are never more entries than slots, and what is pushed is a part of them."""
    this = station(register_limit=limit)
    for name, codes in calls:
        if name == "read":
            for code in codes:
                this.occupy((str(code), 1))
        else:
            getattr(this, name)(entries(*map(str, codes)))
        assert len(this.entries) <= limit
        assert set(this.pushed) <= set(this.entries)


# -- counters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "limit"),
    [
        (RateGroup.ORDERS, 5),
        (RateGroup.WALLET, 10),
        (RateGroup.INFO, 10),
        (RateGroup.REGISTER, 10),
        (RateGroup.TIME_AND_SALES, 2),
    ],
)
def test_calls_a_second(group: RateGroup, limit: int) -> None:
    """So many calls of a group pass within a second; the next one is 429/4001006."""
    this = station()
    assert [this.admit(group, T0 + number) for number in range(limit)] == [None] * limit
    assert this.admit(group, T0 + limit) == Refusal(4001006, 429)


def test_the_window_slides() -> None:
    """A second after a call its place is free again."""
    this = station()
    for number in range(10):
        assert this.admit(RateGroup.INFO, T0 + number * 100 * MS) is None
    assert this.admit(RateGroup.INFO, T0 + 1_000 * MS) is None
    assert this.admit(RateGroup.INFO, T0 + 1_099 * MS) is not None


def test_a_refused_call_renews_the_penalty() -> None:
    """Within a second of a 429 every call of every group is refused, and each refusal starts the second anew."""
    this = station(info_per_s=1)
    this.admit(RateGroup.INFO, T0)
    assert this.admit(RateGroup.INFO, T0) is not None
    for number in range(1, 8):
        assert this.admit(RateGroup.REGISTER, T0 + number * 900 * MS) is not None
        assert this.admit(None, T0 + number * 900 * MS) is not None
    assert this.admit(RateGroup.REGISTER, T0 + 7 * 900 * MS + 1_000 * MS) is None


def test_groups_count_for_themselves_unless_switched() -> None:
    """Reads leave room for registrations; with one shared counter they do not."""
    for is_one, expected in ((False, True), (True, False)):
        this = station(is_one_rate_group=is_one)
        for _ in range(10):
            this.admit(RateGroup.INFO, T0)
        assert (this.admit(RateGroup.REGISTER, T0) is None) == expected


def test_a_storm_refuses_everything_for_its_time() -> None:
    """Up to its end every call is 429, and the penalty of the last one follows."""
    this = station()
    this.storm(T0 + 1_000 * MS)
    assert this.admit(None, T0) is not None
    assert this.admit(RateGroup.INFO, T0 + 999 * MS) is not None
    assert this.admit(RateGroup.INFO, T0 + 1_998 * MS) is not None
    assert this.admit(RateGroup.INFO, T0 + 2_998 * MS) is None


def test_switches_are_checked() -> None:
    """A switch that is misspelt or negative is refused at once, by its name."""
    with pytest.raises(OptionError, match="second_client must be 'close' or 'freeze', not 'both'"):
        Switches(second_client="both")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="thinning_ms must be zero or more"):
        Switches(thinning_ms=-1)
    assert Switches().replace(register_limit=100).register_limit == 100
