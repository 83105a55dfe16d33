"""The ports: what implements them, and the small values that cross them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytest

from wsexample import ports
from wsexample.clock import ManualClock, SystemClock
from wsexample.ports import NOTHING, Clock, Dialect, Errands, Failure, Gap, RecordSink, Silence, SinkStats, Step
from wsexample.records.market import Record


def _methods(protocol: type) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in vars(protocol).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }


def test_the_module_exports_what_it_defines() -> None:
    """Every public class of the file is in ``__all__``, and every name there exists."""
    defined = {name for name, value in vars(ports).items() if getattr(value, "__module__", "") == ports.__name__}
    assert {name for name in defined if inspect.isclass(getattr(ports, name))} <= set(ports.__all__)
    assert [name for name in ports.__all__ if not hasattr(ports, name)] == []


@pytest.mark.parametrize("kind", [SystemClock, ManualClock])
def test_both_clocks_are_clocks(kind: type) -> None:
    """The two clocks have the port's methods with the port's parameters."""
    for name, parameters in _methods(Clock).items():
        assert list(inspect.signature(getattr(kind, name)).parameters) == parameters
        assert inspect.iscoroutinefunction(getattr(kind, name)) is inspect.iscoroutinefunction(getattr(Clock, name))


def test_an_empty_step_asks_for_nothing() -> None:
    """A step without arguments delivers, sends and changes nothing."""
    assert Step() == NOTHING
    assert not any(getattr(NOTHING, name) for name in Step.__struct_fields__)


def test_steps_and_failures_cannot_be_changed() -> None:
    """A step that was handed over stays what it was."""
    step = Step(failure=Failure(ValueError("x"), is_final=True))
    with pytest.raises(AttributeError):
        step.phase = "live"  # type: ignore[misc]
    assert step.failure is not None
    with pytest.raises(AttributeError):
        step.failure.is_final = False  # type: ignore[misc]


def test_a_sink_is_known_by_its_methods() -> None:
    """Anything that writes, flushes and closes is a sink; what lacks one of them is not."""

    class Whole:
        async def write(self, records: Sequence[Record]) -> None: ...

        async def flush(self) -> None: ...

        async def close(self) -> None: ...

    class Half:
        async def write(self, records: Sequence[Record]) -> None: ...

    assert isinstance(Whole(), RecordSink)
    assert not isinstance(Half(), RecordSink)


def test_each_sink_has_its_own_counters() -> None:
    """Counting in one sink's statistics does not show in another's."""
    first, second = SinkStats(), SinkStats()
    first.by_kind["board"] = 1
    assert second == SinkStats()


@pytest.mark.parametrize("port", [Clock, Dialect, Errands, RecordSink])
def test_every_port_says_what_each_call_does(port: type) -> None:
    """Contracts are read more than they are run: each method has a docstring."""
    assert port.__doc__
    assert [name for name in _methods(port) if not inspect.getdoc(getattr(port, name))] == []


def test_a_dialect_without_a_view_on_silence_allows_it() -> None:
    """A class that names the port as its base inherits that a connection may be silent for ever."""

    class Quiet(Dialect):
        venue = "quiet"

    assert Quiet().silence(now_ns=0) == Silence(message_s=None, frame_s=None)


def test_a_broker_without_errands_has_nothing_to_do(run: Any) -> None:
    """The defaults change no option, ask for no topic, cannot be asked for a gap and judge no error."""

    class NoErrands(Errands):
        pass

    async def main() -> list[Any]:
        errands = NoErrands()
        answers = [await errands.prepare(1), await errands.subscribe(["a"]), await errands.unsubscribe(["a"])]
        gap = Gap(venue="quiet", symbol="*", received_ns=0, from_ns=0, to_ns=0, reason="lost")
        return [*answers, errands.backfill(gap, ["a"]), errands.is_final(OSError())]

    assert run(main()) == [{}, NOTHING, NOTHING, None, None]
