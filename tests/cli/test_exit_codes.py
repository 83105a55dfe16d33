"""Exit statuses follow from errors by one table."""

from __future__ import annotations

import inspect

import pytest

from wsexample import errors
from wsexample.cli.exit_codes import ExitCode, exit_code_for, exit_status_help


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.OptionError("x"), 2),
        (errors.ConnectionClosed(code=4001), 3),
        (errors.MissingExtraError("x", extra="y"), 4),
        (errors.ResolveError("x", of_proxy=True), 5),
        (errors.ResolveError("x"), 6),
        (errors.ConnectError("x", refused=True), 7),
        (errors.ProxyError("x", status=407), 7),
        (errors.ProtocolError("x"), 8),
        (errors.HandshakeError("x", status=403), 22),
        (errors.SubscriptionLimitError("x"), 22),
        (errors.StorageError("x"), 23),
        (errors.DeadlineError("x", step="pong", timeout_s=1), 28),
        (errors.TlsError("x"), 35),
        (errors.ListenError("x", address="y", in_use=True), 45),
        (errors.ConnectionClosed(code=1006), 56),
        (errors.TlsError("x", certificate="client"), 58),
        (errors.TlsError("x", certificate="server"), 60),
        (errors.CredentialsError("x"), 67),
        (errors.NotLoggedInError("x"), 67),
        (RuntimeError("x"), 70),
        (errors.UnknownSymbolError("x"), 78),
        (errors.ConnectionClosed(code=1000), 0),
        (errors.ConnectionClosed(code=1001), 0),
        (errors.ConnectionClosed(code=1005), 0),
        (errors.ConnectionClosed(code=4001, by_peer=False), 0),
        (errors.ConnectionClosed(code=1009, by_peer=False), 8),
    ],
)
def test_each_error_has_its_status(error: Exception, code: int) -> None:
    """Scripts can tell by the status what went wrong."""
    assert exit_code_for(error) == code


def test_no_error_of_the_tree_counts_as_a_defect() -> None:
    """Every class of the tree but its root has a row of its own or of a base."""
    with_facts = {
        errors.ConnectionClosed,
        errors.ResolveError,
        errors.TlsError,
    }  # these look at their facts; see the table above
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.WsExampleError) and kind not in {errors.WsExampleError, *with_facts}:
            assert exit_code_for(kind.__new__(kind)) is not ExitCode.INTERNAL, name


def test_the_help_shows_number_and_meaning() -> None:
    """A row of the table is a line of the help."""
    assert exit_status_help(ExitCode.OK, ExitCode.LOST).splitlines()[2:] == [
        "    0  normal end: closed with 1000, 1001 or no code, or by us",
        "   56  the connection was lost (1006)",
    ]
