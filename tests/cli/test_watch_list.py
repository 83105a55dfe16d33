"""Watch lists are read as people keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsexample.cli.kabu.wishes import wishes_of
from wsexample.cli.watch_list import WatchList, read_watch_list
from wsexample.errors import OptionError

TEXT = """\ufeff# my list

9433            # a comment
7203@1  トヨタ  自動車
6594.N,"日本電産"
167060019@2\t日経225 mini
*101
9433@1  KDDI
"""


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_every_way_to_write_a_line(tmp_path: Path, encoding: str) -> None:
    """Comments, names, markets, commas, tabs and pins; each symbol once; UTF-8 and what Windows writes in Japan."""
    path = tmp_path / "list.txt"
    path.write_bytes((TEXT if encoding == "utf-8" else TEXT.removeprefix("\ufeff")).encode(encoding))
    assert read_watch_list(path) == WatchList(
        ["9433@1", "7203@1", "6594@3", "167060019@2", "101@1"],
        ["101@1"],
        {"7203@1": "トヨタ  自動車", "6594@3": "日本電産", "167060019@2": "日経225 mini", "9433@1": "KDDI"},
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"9433\n\n94\n", "line 3: '94' is not a symbol"),
        (b"9433@999\n", "line 1: "),
        (b"# nothing\n", "has no symbol; write one a line"),
        (b"9433 \x81\n", "neither UTF-8 nor Shift_JIS"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, content: bytes, words: str) -> None:
    """Whoever keeps a long list finds the line."""
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(OptionError) as caught:
        read_watch_list(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_what_is_only_shown_is_streamed_too(tmp_path: Path) -> None:
    """Symbols of the command line come first, then the list, pins, the ladder and alerts, each once."""
    path = tmp_path / "list.txt"
    path.write_text("7203\n*101\n", encoding="utf-8")
    wishes = wishes_of(
        ["9433"], watch_list=path, pins=["151"], ladder="6758.t", alerts=["8306 > 1", "* moves 1%", "9433 < 1"]
    )
    assert wishes.symbols == ("9433@1", "7203@1", "101@1", "151@1", "6758@1", "8306@1")
    assert wishes.pinned == ("151@1", "101@1")
    assert wishes.ladder == "6758@1"
    assert [condition.symbol for condition in wishes.alerts] == ["8306@1", "*", "9433@1"]


def test_without_wishes_there_are_no_symbols() -> None:
    """Then what is registered already is taken; an alert on every symbol changes nothing about that."""
    assert wishes_of([], alerts=["* > 1"]).symbols == ()
