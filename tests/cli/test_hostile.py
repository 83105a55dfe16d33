"""What a peer or a file may hold that no command should stumble over."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from wsexample.brokers.credentials import find_settings
from wsexample.cli.client.incoming import Presenter
from wsexample.cli.client.outgoing import JsonCollector, json_rpc_call
from wsexample.cli.dump import MAX_SHOWN_BYTES, shown
from wsexample.errors import OptionError, StorageError
from wsexample.records.fields import decode_json

DEEP = "[" * 50_000
LONG = "1" * 5000


def test_half_a_surrogate_pair_is_shown_as_it_came() -> None:
    """JSON may hold one and no text may: it stays an escape, the rest is resolved."""
    presenter = Presenter(is_pretty=True)
    said = presenter.present(rb'{"a":"\ud800","b":"\u00e9"}', False, 0).decode()
    assert r'"\ud800"' in said
    assert '"é"' in said


@pytest.mark.parametrize(
    "line", [b'"\xff"', DEEP.encode(), b'{"kind":"quote","symbol":"\xff"}', b'{"kind":' + DEEP.encode(), "\ud800"]
)
def test_a_line_that_is_no_record_is_refused(line: bytes | str) -> None:
    """Octets that are no text and nesting without end are no records, and an error of storage like all others."""
    with pytest.raises(StorageError, match="record"):
        decode_json(line)


@pytest.mark.parametrize("text", [DEEP, LONG, f"[{LONG}]"])
def test_json_that_python_cannot_read_is_refused_where_it_is_typed(text: str) -> None:
    """As a message it is refused, as an argument of a call it is a text."""
    collector = JsonCollector()
    if text != DEEP:
        with pytest.raises(OptionError, match="JSON"):
            collector.feed(text)
    else:
        with pytest.raises(OptionError, match="JSON"):
            collector.feed(text + "]" * 50_000)
    assert not collector.is_waiting
    assert json.loads(json_rpc_call(f"call {text}", 1))["params"]


def test_a_packed_frame_is_unpacked_within_bounds() -> None:
    """A few octets that hold more than anybody reads are shown as octets."""
    for bomb in (gzip.compress(bytes(MAX_SHOWN_BYTES + 1)), zlib.compress(bytes(MAX_SHOWN_BYTES + 1))[2:-4]):
        assert shown(2, bomb) == repr(bomb)
    assert shown(2, gzip.compress(b"ticker")) == "[gzip] ticker"
    assert shown(2, zlib.compress(b"ticker")[2:-4]) == "[zlib] ticker"


@pytest.mark.parametrize("value", [DEEP, LONG])
def test_a_config_file_that_python_cannot_read_is_named(tmp_path: Path, value: str) -> None:
    """It is an option's error like every other file that is not TOML."""
    path = tmp_path / "config.toml"
    path.write_text(f"x = {value}")
    with pytest.raises(OptionError, match="TOML"):
        find_settings(environment={}, config_file=path)


@pytest.mark.parametrize("option", ["env_file", "config_file"])
def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path: Path, option: str) -> None:
    """Editors of Windows write one; the first name of the file is found all the same."""
    path = tmp_path / "file"
    text = "ALPACA_API_KEY=PKTEST\n" if option == "env_file" else '[alpaca]\nkey = "PKTEST"\n'
    path.write_text(text, encoding="utf-8-sig")
    found = find_settings(environment={}, **{option: path})  # type: ignore[arg-type]
    assert found.credential("alpaca", "key") is not None


def test_a_value_in_the_place_of_a_name_is_not_quoted(tmp_path: Path) -> None:
    """A slip of the pen in a config file may put a secret where a name belongs; a misspelt name is quoted."""
    path = tmp_path / "config.toml"
    for key, is_quoted in (("PKTEST00000000000001", False), ("s3cr3t-0001", False), ("secrt", True)):
        path.write_text(f'[alpaca]\n{key} = "x"\n')
        with pytest.raises(OptionError) as caught:
            find_settings(environment={}, config_file=path)
        assert (key in str(caught.value)) == is_quoted
