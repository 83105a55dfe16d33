"""The conformance suite's quick set over both lanes and both roles, judged beside plain Autobahn."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from conformance.case import CLIENT, SERVER, Case
from conformance.report import compare
from conformance.run import Outcome, play, start
from conformance.sections import SECTIONS

from tests.conftest import missing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

ROLES = (SERVER, CLIENT)
LANES = {"compiled": "require", "python": "skip"}
QUICK = [case for section in SECTIONS for case in section.cases if case.quick]

Outcomes = dict[str, Outcome]


def outcomes(stack: str, lane: str, role: str, cases: list[Case] = QUICK, *, octets: bool = False) -> Outcomes:
    process = start(stack, lane)
    try:
        return {outcome.id: outcome for outcome in play(cases, process, role, octets=octets)}
    finally:
        process.stop()


@pytest.fixture(scope="module", params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def plain(role: str) -> Outcomes:
    return outcomes("autobahn", "", role)


@pytest.fixture(scope="module", params=LANES)
def ours(request: pytest.FixtureRequest, role: str) -> Outcomes:
    lane = request.param
    if lane == "compiled":
        need_compiled_lane()
    return outcomes("ours", LANES[lane], role)


def need_compiled_lane() -> None:
    if importlib.util.find_spec("wsexample.wire.lane._lane_c") is None:
        missing("the compiled lane was not built here")


def title(number: str) -> str:
    return next(f"{number} {case.title}" for section in SECTIONS for case in section.cases if case.id == number)


def test_no_case_is_worse_than_on_plain_autobahn(ours: Outcomes, plain: Outcomes) -> None:
    """Whatever plain Autobahn does as the RFCs ask, our classes do as well, on either lane."""
    worse = [f"{title(n)}: {o.wrong}" for n, o in ours.items() if compare(o, plain[n]) == "worse"]
    assert not worse


def test_what_is_seen_on_the_wire_is_what_autobahn_shows(ours: Outcomes, plain: Outcomes) -> None:
    """Where both do as the RFCs ask, they also do the same."""
    other = [
        f"{title(n)}: {o.seen}, not {plain[n].seen}" for n, o in ours.items() if o.passed and o.seen != plain[n].seen
    ]
    assert not [line for line in other if line.split(" ")[0] in plain and plain[line.split(" ")[0]].passed]


def test_the_core_of_rfc_6455_passes_without_exception(ours: Outcomes) -> None:
    """Framing, control frames, reserved bits, fragments and UTF-8 pass without exception."""
    strict = {f"{number}" for number in (1, 2, 3, 4, 5)}
    failed = [f"{title(n)}: {o.wrong}" for n, o in ours.items() if n.split(".")[0] in strict and not o.passed]
    assert not failed
    assert sum(n.split(".")[0] in strict for n in ours) > 300


@pytest.mark.parametrize("lane", LANES)
def test_cutting_the_stream_into_octets_changes_nothing(lane: str, role: str) -> None:
    """What arrives octet by octet means what it means in one piece."""
    if lane == "compiled":
        need_compiled_lane()
    cases = [case for case in QUICK if case.id.split(".")[0] in {"2", "4", "5"}][::4]
    whole = outcomes("ours", LANES[lane], role, [case for case in cases if case.cuts])
    octets = outcomes("ours", LANES[lane], role, cases, octets=True)
    assert {n: o.seen for n, o in octets.items()} == {n: o.seen for n, o in whole.items()}
    assert octets


def test_the_suite_can_fail() -> None:
    """A stack that breaks the rules is found out: text is no longer checked, and cases of bad UTF-8 fail."""
    cases = [case for case in QUICK if case.id.startswith("5.")]
    loose = [replace(case, options={"autobahn": {"utf8validateIncoming": False}}, longest_s=0.5) for case in cases]
    found = outcomes("ours", "skip", SERVER, loose)
    assert sum(not outcome.passed for outcome in found.values()) > 30
