"""Several streams as one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Runner, run_with_deadline
from wsexample.tape.order import as_they_come, in_time_order

Item = tuple[int, int]
STREAMS = st.lists(st.lists(st.lists(st.integers(0, 20), max_size=4), max_size=4), min_size=1, max_size=4)


async def stream(batches: Sequence[Sequence[Item]]) -> AsyncIterator[Sequence[Item]]:
    for batch in batches:
        yield batch


@given(STREAMS)
def test_nothing_is_lost_and_time_never_goes_back(given_times: list[list[list[int]]]) -> None:
    """Whatever the batches are, the joined stream is sorted by time, and equal times keep the order of the streams."""
    streams: list[list[list[Item]]] = []
    for number, batches in enumerate(given_times):
        times = iter(sorted(time for batch in batches for time in batch))
        streams.append([[(next(times), number) for _ in batch] for batch in batches])

    async def main() -> list[Item]:
        joined = in_time_order([stream(batches) for batches in streams], lambda item: item[0])
        return [item async for batch in joined for item in batch]

    everything = [item for batches in streams for batch in batches for item in batch]
    assert run_with_deadline(main()) == sorted(everything)


def test_paced_streams_are_joined_as_they_come(run: Runner[None]) -> None:
    """Nothing is lost, and an error of one stream ends the joined one."""

    async def failing() -> AsyncIterator[Sequence[Item]]:
        yield [(1, 9)]
        raise ValueError("broken")

    async def main() -> None:
        joined = as_they_come([stream([[(1, 0)], [(2, 0)]]), stream([[(1, 1)]])])
        assert sorted([item async for batch in joined for item in batch]) == [(1, 0), (1, 1), (2, 0)]
        with pytest.raises(ValueError, match="broken"):
            async for _ in as_they_come([failing()]):
                pass

    run(main())
