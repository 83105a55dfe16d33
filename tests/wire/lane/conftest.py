"""Every test of the lane runs over both of its twins."""

from __future__ import annotations

import importlib
import importlib.util
import types

import pytest

from tests.wire.lane.twins import over

LANES = ["py"] + (["c"] if importlib.util.find_spec("wsexample.wire.lane._lane_c") else [])


@pytest.fixture(params=LANES, ids=["python-lane", "compiled-lane"][: len(LANES)])
def lane_name(request: pytest.FixtureRequest) -> str:
    """Short name of the lane under test."""
    return str(request.param)


@pytest.fixture
def lane(lane_name: str) -> types.ModuleType:
    """The lane's module."""
    return importlib.import_module(f"wsexample.wire.lane._lane_{lane_name}")


@pytest.fixture
def module(lane_name: str) -> types.ModuleType:
    """``wire/autobahn.py`` over that lane."""
    return over(lane_name)
