# Types of the compiled reading of quotes; checked against it by mypy.stubtest in tests/brokers/test_stubs.py.
from wsexample.records.market import Record

__all__ = ["read_packed", "read_text"]

def read_text(payload: bytes, received_ns: int) -> list[Record] | None: ...
def read_packed(payload: bytes, received_ns: int) -> list[Record] | None: ...
