"""From the octets of a fuzzer to conversations: what a `Draw` picks, and real messages with something hostile put into them.

msgspec parses in C, where a fuzzer sees no branches: octets alone would hardly ever become a message with one bad field. So most
inputs choose a real message, a place in it and what stands there instead; the rest are octets as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.msgpack import Ext

__all__ = ["HOSTILE_JSON", "HOSTILE_PACKED", "Draw", "hostile_json", "hostile_packed"]

T = TypeVar("T")


class Draw:
    """Choices made by octets; when they are used up every choice is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether all octets are used up."""
        return self._at >= len(self._data)

    def number(self, below: int) -> int:
        """Return a number from 0 on, less than ``below`` (at most 256)."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1] % below

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of some choices."""
        return choices[self.number(len(choices))]

    def octets(self, most: int = 255) -> bytes:
        """Return octets as they come, with their length before them."""
        size = self.number(most + 1)
        begin, self._at = self._at, self._at + size
        return self._data[begin : begin + size]

    def rest(self) -> bytes:
        """Return all that is left."""
        begin, self._at = self._at, len(self._data)
        return self._data[begin:]


_WORDS = r"""
null true false 0 -0 -0.0 1 -1 0.1 1.0 1e5 1E+2 1e-7 1e400 -1e400 NaN Infinity -Infinity nan 1e308 -1e308 5e-324 01 1. .5 +1 0x10
9007199254740993 2147483648 9223372036854775807 9223372036854775808 -9223372036854775809 18446744073709551616 9000000000001
0.1234567890123456789 12345678901234567.5 1795000000620 "1795000000620"
"" "0" "1" "-1" "0.10" "1.5" "nan" "NaN" "sNaN" "inf" "-Infinity" "1e400" "1e999999" "1e-999999" "1e999999999999" "9e99999" "1_0"
"+1" ".5" "5." "x" "*" ">" "_" "%" "\ud800" "\udc00\ud800" "\ud83d\ude00" "\u0000" "\u202e" [] {} [[]] [1] ["1","2"]
[["1","1"]] [["nan","1"]] [["1","nan"]] [["-1","1"]] [["1","-1"]] [["1e400","1"]] [["0","1"]] [["1_0","1"]] [["1"]] {"a":1} ["a"]
[{"p":1,"s":1}] [{"p":-1,"s":1}] [{"p":1,"s":-1}] {"id":null} ["\ud800"]
"0001-01-01T00:00:00Z" "9999-12-31T23:59:59Z" "1969-12-31T23:59:59.5Z" "2262-04-12T00:00:00Z" "2026-03-02T14:30:00.+12345678Z"
"2026-03-02T14:30:00.-1234567Z" "2026-03-02T14+09:00Z" "2026-03-02T14:30:00.1_2345678Z" "20260302T143000.999Z"
"2026-03-02T14:30:60Z" "2026-02-30T14:30:00Z" "2026-03-02T14:30:00.123456789123Z" "2026-03-02T14:30:00+23:59" "2026-03-02"
"2026-W10-1" "Z" "2026-03-02T14:30:00.000000001Z" "2026-03-02T24:00:00Z"
"""
_OCTETS = (
    b'" 1"',
    b'"1 "',
    b'"\n"',
    b'"a',
    b'"\xff"',
    b'"\xc0\xaf"',
    b'"\xed\xa0\x80"',
    b'"\xef\xbc\x91"',
    b'"\xd9\xa1"',
)
_LONG = (b"1" + b"0" * 30, b"1" + b"0" * 400, b"1" + b"0" * 5000, b'"' + b"9" * 60 + b'"', b'"0.' + b"3" * 60 + b'"',
         b'"' + b"a" * 5000 + b'"', b"[" * 1500 + b"]" * 1500, b"[" * 20_000)  # fmt: skip
HOSTILE_JSON: tuple[Any, ...] = tuple(map(msgspec.Raw, (*_WORDS.encode().split(), *_OCTETS, *_LONG)))
"""What may stand in place of a value."""

_PACKED = """
ca7f800000 ca7fc00000 ca3f800000 ca3dcccccd cb7ff8000000000000 cbfff0000000000000 cb8000000000000000 c1 a1ff a3eda080 d90141
d9056162
da000141
dbffffffff ddffffffff dfffffffff dc0000 dc0001a152 91a152 92a152a141 cf0000000000000005 d080 d3ffffffffffffffff
c70cff000000000000000000000000 c708ff0101010101010101 d6ff69a59b00 d7ff00 cc
"""
HOSTILE_PACKED: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 127, 128, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0.1, -0.0,
    1e308, -1e308, float("inf"), float("-inf"), float("nan"), "", "1", "nan", "x", "*", "\u202e", "a" * 300, b"", b"\x00", [], {},
    [[]], ["a"], {"a": 1}, [{"p": 1, "s": 1}], [{"p": float("nan"), "s": 1}], [{"p": 1, "s": float("nan")}],
    [{"p": -1.0, "s": 1}], Ext(-1, b"\x00\x00\x00\x01"), Ext(-1, b"\xff" * 4), Ext(-1, b"\xff" * 8), Ext(-1, b"\x00" * 8),
    Ext(-1, b"\x7f" + b"\xff" * 11), Ext(-1, b"\xff" * 12), Ext(-1, b"\x00\x00\x00\x01\x80" + b"\x00" * 7), Ext(-1, b""),
    Ext(-1, b"\x01"), Ext(5, b"\x00" * 8), Ext(0, b"\x00" * 4), Ext(-1, b"\xee\x6b\x28\x00\x69\xa5\x9b\x00"),
    *map(msgspec.Raw, (*map(bytes.fromhex, _PACKED.split()), b"\x91" * 1500 + b"\xc0", b"\x91" * 20_000, b"")),
)  # fmt: skip
"""The same for MessagePack."""


def _places(value: Any, found: list[tuple[Any, Any]]) -> None:
    """Collect where something stands: (list or dictionary, index or key)."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        found.append((value, key))
        _places(value[key], found)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _changed(draw: Draw, value: Any, hostile: Sequence[Any]) -> Any:
    """Return a message with up to three changes."""
    root = [_copied(value)]
    for _ in range(draw.number(4)):
        places: list[tuple[Any, Any]] = []
        _places(root, places)
        if not places:
            break
        container, key = places[draw.number(min(len(places), 256))]
        match draw.number(8):
            case 0 | 1 | 2 | 3:
                container[key] = _copied(draw.pick(hostile))
            case 4:
                if container is not root:
                    del container[key]
            case 5:
                other, place = draw.pick(places)
                container[key] = _copied(other[place])
            case 6:
                if isinstance(container, list):
                    container.insert(key, _copied(container[key]))
                else:
                    container[draw.pick(("id", "T", "e", "op", "S", "r", "d", "data", "new"))] = _copied(
                        draw.pick(hostile)
                    )
            case 7:
                container[key] = [container[key]] if draw.number(2) else {"x": container[key]}
    return root[0]


def _spliced(draw: Draw, text: bytes) -> bytes:
    """Return octets with some replaced, put in or cut off: what no encoder writes, such as a key that stands twice."""
    for _ in range(draw.number(3)):
        at = draw.number(256) * (len(text) // 256 + 1)
        match draw.number(4):
            case 0:
                text = text[:at] + draw.octets(8) + text[at:]
            case 1:
                text = text[:at] + draw.octets(8) + text[at + 1 :]
            case 2:
                text = text[:at] + text[at + 1 + draw.number(16) :]
            case 3:
                text = text[:at]
    return text


def _twice(draw: Draw, value: Any) -> bytes:
    """Return an object as JSON in which a key stands twice, the second time with something hostile."""
    members = [(key, msgspec.json.encode(one)) for key, one in value.items()]
    key = draw.pick([key for key, _ in members])
    members.insert(draw.number(len(members) + 1), (key, bytes(draw.pick(HOSTILE_JSON))))
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + one for name, one in members) + b"}"


def hostile_json(draw: Draw, templates: Sequence[Any]) -> bytes:
    """Return a message in JSON: a real one, one with changes, or octets as they come."""
    if draw.number(16) == 15:
        return draw.octets()
    value = _changed(draw, draw.pick(templates), HOSTILE_JSON)
    if draw.number(8) == 7:
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and inner and all(isinstance(key, str) for key in inner):
            text = _twice(draw, inner)
            return _spliced(draw, b"[" + text + b"]" if inner is not value else text)
    return _spliced(draw, msgspec.json.encode(value))


def hostile_packed(draw: Draw, templates: Sequence[Any]) -> bytes:
    """Return a message in MessagePack, made like `hostile_json`."""
    if draw.number(16) == 15:
        return draw.octets()
    return _spliced(draw, msgspec.msgpack.encode(_changed(draw, draw.pick(templates), HOSTILE_PACKED)))
