# Types of the compiled sides of a book; checked against them by mypy.stubtest in tests/brokers/test_stubs.py.
from collections.abc import Iterable
from typing import Any, Self

from wsexample.records.market import Level

__all__ = ["Side", "WireSide", "read_change"]

def read_change(payload: bytes, books: dict[str, Any]) -> tuple[str, str, int] | None: ...

class Side:
    def __new__(cls, sign: float) -> Self: ...
    @property
    def levels(self) -> list[Level]: ...
    def change(self, changes: Iterable[Level]) -> None: ...

class WireSide(Side):
    @property
    def pairs(self) -> list[tuple[str, str]]: ...
    def change_both(self, changes: Iterable[tuple[str, str]]) -> None: ...
