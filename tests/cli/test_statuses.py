"""Every exit status in the table is one that a command has ended with before the eyes of a test."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import pytest
import trustme

from tests.commands import Launch, launch  # noqa: F401 - the fixture
from tests.sync.peer import Conn, peer
from wsexample.cli.exit_codes import ExitCode

HERE = Path(__file__).parent


def test_a_library_that_is_not_installed_ends_with_4(launch: Launch, tmp_path: Path) -> None:  # noqa: F811
    """Without DuckDB an archive cannot be asked; what to install is said."""
    (tmp_path / "duckdb.py").write_text("raise ImportError('not here')")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "x.parquet").write_bytes(b"")
    ours = str(HERE.parents[1])
    command = launch(
        "main",
        "query",
        str(tmp_path / "archive"),
        "select 1",
        env={"PYTHONPATH": f"{tmp_path}:{ours}", "PYTHONSAFEPATH": "1"},
    )
    assert command.finish() == 4
    assert "pip install 'wsexample[archive]'" in command.story


def test_a_proxy_without_an_address_ends_with_5(launch: Launch) -> None:  # noqa: F811
    """The proxy's name is not known; that of the host is not even asked for."""
    command = launch("wseclient", "ws://127.0.0.1:1", "--proxy", "http://no-proxy.invalid:3128", "-1", "-x", "hi")
    assert command.finish() == 5


def test_a_server_that_breaks_the_protocol_ends_with_8(launch: Launch) -> None:  # noqa: F811
    """A frame with an opcode that does not exist (RFC 6455 section 5.2) is the server's mistake."""

    def broken(conn: Conn) -> None:
        conn.read_head()
        conn.answer()
        conn.sock.sendall(b"\x83\x00")
        conn.until_end()

    with peer(broken) as server:
        command = launch("wseclient", server.url, "-1")
        assert command.finish() == 8


def test_a_server_that_wants_a_client_certificate_ends_with_58(launch: Launch, tmp_path: Path) -> None:  # noqa: F811
    """Whoever shows none is told by the server, and says so."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with peer(tls=context) as server:
        command = launch("wseclient", server.url, "--ca", str(tmp_path / "ca.pem"), "-1", "-x", "hi")
        assert command.finish() == 58


ENDED = re.compile(
    r"(?:finish\(\)|status_of\(.*\)|returncode|exit_code|status) == (?:ExitCode\.([A-Z_]+)|(\d+))\b|exit_code, .*== \((\d+),"
)


def reached() -> set[int]:
    """The statuses that the tests of commands have asserted."""
    found: set[int] = set()
    for path in HERE.rglob("test_*.py"):
        for name, number, other in ENDED.findall(path.read_text(encoding="utf-8")):
            found.add(ExitCode[name] if name else int(number or other))
    return found


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: str(int(code)))
def test_every_status_is_reached(code: ExitCode) -> None:
    """A row of the table that no command can come to would be a promise without a test."""
    assert int(code) in reached()


def test_the_page_has_the_table_of_the_code() -> None:
    """docs/commands.md lists the same statuses, and no other."""
    page = (HERE.parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    table = page.partition("## Exit statuses")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", table, flags=re.MULTILINE)
    assert {int(number) for row in rows for number in row.split(",")} == {int(code) for code in ExitCode}
