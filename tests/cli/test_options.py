"""Command lines are read as their users mean them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
import pytest
from click.testing import CliRunner

from wsexample.cli.options import ADDRESS, BYTES, DAY, MOMENT, SECONDS, SECONDS_OR_STAY, Command, complete_url, option


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), ("0.5", 0.5), (".5", 0.5), ("500ms", 0.5), ("15s", 15.0), ("2m", 120.0)],
)
def test_times_have_units(text: str, seconds: float) -> None:
    """A plain number is seconds; units are understood."""
    assert SECONDS.convert(text, None, None) == seconds


def test_a_time_below_zero_is_only_taken_where_it_means_something() -> None:
    """A duration of -5 s is a mistake; a wait of -1 stays for ever."""
    with pytest.raises(click.BadParameter, match="'-5' is below zero"):
        SECONDS.convert("-5", None, None)
    assert SECONDS_OR_STAY.convert("-1", None, None) == -1.0


def test_a_moment_that_is_none_is_answered_with_one() -> None:
    """People see how it is written, not how programs read it."""
    assert MOMENT.convert("2026-01-05T09:30", None, None) == datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001 - as typed
    for kind, example in ((MOMENT, "2026-01-05T09:00"), (DAY, "2026-01-05")):
        with pytest.raises(click.BadParameter, match=f"'yesterday' is no such time; write {example}$"):
            kind.convert("yesterday", None, None)


@pytest.mark.parametrize(
    ("text", "size"), [("65536", 65536), ("64k", 65536), ("1M", 1048576), ("1MiB", 1048576), ("2 GB", 2147483648)]
)
def test_sizes_have_units(text: str, size: int) -> None:
    """A plain number is bytes; units are powers of 1024."""
    assert BYTES.convert(text, None, None) == size


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9000", (None, 9000)),
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        (":9000", ("*", 9000)),
        ("*:9000", ("*", 9000)),
        ("[::1]:9000", ("::1", 9000)),
        ("ws://127.0.0.1:9000/", ("127.0.0.1", 9000)),
    ],
)
def test_addresses_may_leave_the_host_out(text: str, address: tuple[str | None, int]) -> None:
    """A port alone is an address; an empty host means all of them."""
    assert ADDRESS.convert(text, None, None) == address


@pytest.mark.parametrize(("kind", "text"), [(SECONDS, "soon"), (BYTES, "big"), (ADDRESS, "host"), (ADDRESS, "1:99999")])
def test_nonsense_is_refused_with_an_example(kind: click.ParamType[Any], text: str) -> None:
    """The refusal says what would have been right."""
    with pytest.raises(click.BadParameter, match="write"):
        kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("example.org", "ws://example.org"),
        ("example.org:80/x", "ws://example.org:80/x"),
        (":9000/x", "ws://127.0.0.1:9000/x"),
        ("WSS://example.org", "wss://example.org"),
        ("https://example.org", "wss://example.org"),
        ("http://example.org", "ws://example.org"),
        ("ws+unix:/run/x.sock", "ws+unix:/run/x.sock"),
    ],
)
def test_the_scheme_may_be_left_out(text: str, url: str) -> None:
    """An address without a scheme is ws://, a web address its WebSocket twin."""
    assert complete_url(text) == url


@click.command(cls=Command)
@click.argument("url", required=False)
@option("--again", bare="1", metavar="SECONDS", section="Trying", aliases=["--retry"], help="Try again.")
@option("--plain", is_flag=True, help="No more.")
def command(url: str | None, again: str | None, plain: bool) -> None:
    """Echo the parsed line."""
    click.echo(f"{url} {again} {plain}")


@pytest.mark.parametrize(
    ("args", "parsed"),
    [
        (["--again", "host"], "host 1 False"),
        (["host", "--again"], "host 1 False"),
        (["--again=5", "host"], "host 5 False"),
        (["--retry=5", "host", "--plain"], "host 5 True"),
        (["--retry", "--", "--again"], "--again 1 False"),
        (["host"], "host None False"),
    ],
)
def test_an_optional_value_never_swallows_the_next_word(args: list[str], parsed: str) -> None:
    """``--again URL`` leaves the URL alone; a value needs the equals sign."""
    assert CliRunner().invoke(command, args).output == parsed + "\n"


def test_the_help_has_sections_and_hides_aliases() -> None:
    """Options stand under their section; other tools' names work and are not listed."""
    text = CliRunner().invoke(command, ["--help"]).output
    assert text.index("Trying:") < text.index("--again[=SECONDS]") < text.index("Common:") < text.index("--plain")
    assert "--retry" not in text
