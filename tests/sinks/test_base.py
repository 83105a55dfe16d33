"""Sinks are found by URL."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from wsexample.errors import OptionError
from wsexample.sinks import base
from wsexample.sinks.base import open_sink
from wsexample.sinks.sqlite import SqliteSink


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///ticks.db", "ticks.db"),
        ("sqlite:////data/ticks.db", "/data/ticks.db"),
        ("SQLITE:///C:/data/ticks.db", "C:/data/ticks.db"),
        ("sqlite:///my%20ticks.db?batch_delay_s=1", "my ticks.db"),
        ("ticks.db", "ticks.db"),
        ("./a/50%25.sqlite", "./a/50%25.sqlite"),
        (r"C:\data\ticks.sqlite3", r"C:\data\ticks.sqlite3"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    """A URL or a path with a known ending names the file of an SQLite sink."""
    sink = open_sink(url)
    assert isinstance(sink, SqliteSink)
    assert sink.path == Path(path)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://host/db", "no sink for mysql://; known are .*sqlite://"),
        ("ticks.csv", "sqlite://"),
        ("", "sqlite://"),
        ("sqlite://ticks.db", "sqlite:///relative/path"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "memory"),
        ("sqlite:///x.db?colour=red", "no option 'colour'; they have .*batch_records"),
        ("sqlite:///x.db?batch_records=many", "batch_records must be a whole number"),
        ("sqlite:///x.db?batch_delay_s=soon", "batch_delay_s must be a number"),
        ("sqlite:///x.db?queue_records=0", "queue_records must be more than 0"),
        ("sqlite:///x.db?when_full=explode", "block, drop_oldest, fail"),
        ("sqlite:///x.db?max_bytes=-1", "max_bytes"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_advice(url: str, words: str) -> None:
    """A wrong scheme, path or option is the caller's, and the message says what would work."""
    with pytest.raises(OptionError, match=words):
        open_sink(url)


def test_keywords_win_over_the_query() -> None:
    """Options may stand in the URL or beside it; beside it wins."""
    sink = open_sink("sqlite:///x.db?batch_records=7&retry_s=3", batch_records=8)
    assert (sink.options.batch_records, sink.options.retry_s) == (8, 3.0)


def test_every_scheme_has_its_module() -> None:
    """Each scheme of the table leads to a module with ``sink_at``."""
    assert all(hasattr(import_module(home), "sink_at") for home in base.SCHEMES.values())
